// SPDX-License-Identifier: MIT
/* Who sleeps, who searches, whom to wake: the protocol is in idle.h. */
#include "sched/idle.h"

#include "sched/runtime.h"

#define LOOK_NS 1000000 /* how often the sentinel looks round */
#define DOZE_NS 100000  /* and how often at first */
#define DOZES 3         /* such looks */
#define LOOKS 10        /* fruitless ones before it goes to sleep for good */

static _Atomic(uint64_t) *word_of(struct weft__loop *loop)
{
    return &loop->rt->idle.parked[loop->index / 64];
}

static uint64_t bit_of(struct weft__loop *loop)
{
    return UINT64_C(1) << loop->index % 64;
}

/* Waking */

/* One of those who see the bit set gets to clear it, and wakes. */
static bool claim(struct weft__loop *loop)
{
    uint64_t bit = bit_of(loop);
    /* Pairs with the setting and clearing in park. */
    if (!(weft__fetch_and_sc(word_of(loop), ~bit) & bit))
        return false;
    struct weft_runtime *rt = loop->rt;
    /* Publishes nothing: who reads it late wakes one more than needed, and who
     * counts on this one is heard by its stop_searching(), behind a fence. */
    weft__fetch_add_relaxed(&rt->idle.searching, 1);
    struct weft__worker *self = weft__worker_self();
    if (self != NULL)
        weft__count(self, wakes);
    rt->driver->wake(loop);
    return true;
}

static void wake_somebody(struct weft_runtime *rt)
{
    for (unsigned word = 0; word * 64 < rt->workers; word++) {
        /* Pairs with the setting in park, also for who comes without a fence
         * (announce_swapped): a relaxed load could be older than his swap. */
        uint64_t bits = weft__load_sc(&rt->idle.parked[word]);
        for (; bits != 0; bits &= bits - 1) {
            unsigned index = word * 64 + (unsigned)__builtin_ctzll(bits);
            if (claim(&rt->loop[index]))
                return;
        }
    }
}

void weft__idle_announce(struct weft_runtime *rt)
{
    if (rt->workers == 1 && weft__worker_self() != NULL &&
        weft__worker_self()->rt == rt)
        return;
    weft__fence(); /* the work before the looks; pairs with park's */
    if (weft__load_fenced(&rt->idle.searching) <= 0 &&
        !(weft__load_fenced(&rt->idle.sentinel) & WEFT__IDLE_DOZING))
        wake_somebody(rt);
}

/* What was queued by an sc swap needs no fence of its own before the looks: if
 * one of them is older than what park or found has stored before its fence, it
 * precedes that fence in the total order, and so does the swap, which is seen
 * behind the fence. */
void weft__idle_announce_swapped(struct weft_runtime *rt)
{
    if (rt->workers > 1 && weft__load_sc(&rt->idle.sentinel) == 0 &&
        weft__load_sc(&rt->idle.searching) <= 0)
        wake_somebody(rt); /* the looks pair with those of park and found */
}

void weft__idle_announce_one(struct weft_runtime *rt)
{
    if (rt->workers == 1)
        return;
    weft__fence(); /* the work before the look; pairs with park's */
    weft__idle_announce_swapped(rt);
}

bool weft__idle_wake(struct weft__loop *loop)
{
    weft__fence_after_rmw(); /* the push before the look; pairs with park's */
    if (!(weft__load_fenced(word_of(loop)) & bit_of(loop)))
        return false;
    return claim(loop);
}

/* Needs no fence: nobody is left out for what a look shows, and who does not
 * see the phase yet sees it when the wake has ended its sleep. */
void weft__idle_wake_all(struct weft_runtime *rt)
{
    for (unsigned i = 0; i < rt->workers; i++)
        if (!claim(&rt->loop[i]))
            rt->driver->wake(&rt->loop[i]);
}

/* Searching */

static void stop_searching(struct weft__worker *worker)
{
    if (!worker->searching)
        return;
    worker->searching = false;
    /* Both callers have a fence behind it: pairs with the look in announce. */
    weft__fetch_sub_fenced(&worker->rt->idle.searching, 1);
}

/* Whoever queued something meanwhile saw a searcher, or a sentinel, and woke
 * nobody; and who parked left single pieces to the sentinel. So the one that
 * leaves for work of its own passes the word on. */
void weft__idle_found(struct weft__worker *worker)
{
    struct weft_runtime *rt = worker->rt;
    worker->looks = worker->poor < DOZES ? worker->poor : DOZES;
    if (worker->sentinel) {
        worker->sentinel = false;
        weft__store_fenced(&rt->idle.sentinel, 0); /* announce_one() reads */
    }
    stop_searching(worker);
    weft__fence(); /* the leaving before the look; pairs with announce's */
    if (weft__steal_any(worker, WEFT__REACH_ANNOUNCED))
        weft__idle_announce(rt);
    else if (weft__steal_any(worker, WEFT__REACH_ALL))
        weft__idle_announce_one(rt);
}

/* The sentinel */

bool weft__idle_is_parked(struct weft__loop *loop)
{
    /* Where that decides, behind a fence: pairs with withdraw(). */
    return weft__load_fenced(word_of(loop)) & bit_of(loop);
}

static bool all_others_parked(struct weft__worker *self)
{
    struct weft_runtime *rt = self->rt;
    for (unsigned i = 0; i < rt->workers; i++)
        if (&rt->loop[i] != self->loop && !weft__idle_is_parked(&rt->loop[i]))
            return false;
    return true;
}

static uint64_t steps_of(struct weft__worker *worker)
{
    return weft__load_relaxed(&worker->counters.steps);
}

/* Returns what has changed since the last time. */
static struct weft__look look(struct weft__worker *self,
                              struct weft__worker *other)
{
    struct weft__look *seen = &self->seen[other->loop->index];
    struct weft__look before = *seen;
    seen->steps = steps_of(other);
    seen->parks = weft__load_relaxed(&other->counters.parks);
    return (struct weft__look){seen->steps - before.steps,
                               seen->parks - before.parks};
}

static void look_from_now(struct weft__worker *self)
{
    for (unsigned i = 0; i < self->rt->workers; i++)
        look(self, weft__loop_owner(&self->rt->loop[i]));
}

/* Then nobody wakes anybody. */
static bool dozes(struct weft__worker *self)
{
    return self->looks < DOZES || self->poor > 0;
}

/* On the way to park's fence, not before: who finds work after the last look,
 * or in the recheck, leaves as the sentinel, by weft__idle_found(). */
static void retire(struct weft__worker *self)
{
    self->sentinel = false;
    weft__store_fenced(&self->rt->idle.sentinel, 0); /* announce_one() reads */
}

/* Returns whether somebody may look after single pieces of work from here on. */
static bool appoint(struct weft__worker *self)
{
    if (self->sentinel && self->looks >= LOOKS)
        retire(self);
    if (self->sentinel)
        return true;
    if (self->rt->workers == 1 || self->looks >= LOOKS ||
        all_others_parked(self))
        return false;
    uint32_t none = 0;
    uint32_t doze = dozes(self) ? WEFT__IDLE_DOZING : 0;
    uint32_t mine = (self->loop->index + 1) | doze;
    /* Needs no order: who reads the 0 wakes somebody, who reads this counts on
     * our looks, the last of which is the recheck after retire(); and who fails
     * here looks again behind park's fence. */
    if (weft__cas_relaxed(&self->rt->idle.sentinel, &none, mine)) {
        self->sentinel = true;
        look_from_now(self);
    }
    return true;
}

/* Then it is for the others again to wake somebody. Before the next sleep come
 * the fence and the recheck in park; the fence pairs with announce's. */
static void stop_dozing(struct weft__worker *self)
{
    weft__store_fenced(&self->rt->idle.sentinel, self->loop->index + 1);
}

/* It has not begun a step since the last look: take what lies with it. */
static bool rescue(struct weft__worker *self, struct weft__worker *other)
{
    struct weft__coro *coro = weft__steal_rescue(self, other);
    if (coro != NULL)
        weft__queue_polled(self, coro);
    self->wakes_to = WEFT__TO_RING;
    unsigned events = self->rt->driver->poll(other->loop, self);
    events += weft__timers_expire(other->loop, self, weft__os->now());
    self->wakes_to = WEFT__TO_NEXT;
    if (coro == NULL && events == 0)
        return false;
    weft__count(self, rescues);
    return true;
}

bool weft__idle_rescue(struct weft__worker *self)
{
    struct weft_runtime *rt = self->rt;
    bool found = false;
    for (unsigned i = 0; i < weft__runtime_known(rt); i++) {
        struct weft__worker *other = &rt->worker[i];
        uint64_t stuck = weft__load_relaxed(&other->stuck);
        if (stuck != steps_of(other) + 1 || other == self)
            continue;
        if (rescue(self, other))
            found = true;
        else /* until the monitor sees something there again */
            weft__store_relaxed(&other->stuck, 0);
    }
    return found;
}

static bool rob(struct weft__worker *self)
{
    struct weft__coro *coro = weft__steal_now(self);
    if (coro != NULL)
        weft__queue_polled(self, coro);
    return coro != NULL;
}

/* Stealing did not pay the last time: try a single piece. */
static bool probe(struct weft__worker *self)
{
    bool found = rob(self);
    if (!found)
        self->poor /= 2; /* times have changed, perhaps */
    return found;
}

/* It has been busy all the time, and tasks wait in line: give it a hand. */
static bool assist(struct weft__worker *self, struct weft__worker *other)
{
    if (weft__ring_size(&other->ring) < 2)
        return false;
    weft__store_relaxed(&other->giving, true);
    return rob(self);
}

static void look_round(struct weft__worker *self)
{
    struct weft_runtime *rt = self->rt;
    bool found = false;
    bool quiet = true;
    for (unsigned i = 0; i < rt->workers; i++) {
        struct weft__worker *other = weft__loop_owner(&rt->loop[i]);
        if (other == self)
            continue;
        struct weft__look since = look(self, other);
        bool idle = weft__idle_is_parked(&rt->loop[i]);
        quiet = quiet && idle && since.steps == 0;
        if (since.steps == 0 && !idle)
            found |= rescue(self, other);
        else if (since.parks == 0 && !idle && self->looks >= DOZES)
            found |= assist(self, other); /* for a whole LOOK_NS */
    }
    if (!found && self->poor > 0)
        found = probe(self);
    self->looks = found ? 0 : quiet ? LOOKS : self->looks + 1;
    if (!dozes(self))
        stop_dozing(self);
}

/* Stalls */

static bool is_armed(struct weft_runtime *rt)
{
    for (unsigned i = 0; i < rt->workers; i++) {
        struct weft__loop *loop = &rt->loop[i];
        if (weft__load_relaxed(&loop->timers.next) != INT64_MAX ||
            rt->driver->watching(loop))
            return true;
    }
    return false;
}

bool weft__idle_stalled(struct weft_runtime *rt)
{
    for (unsigned i = 0; i < rt->workers; i++)
        if (!weft__idle_is_parked(&rt->loop[i]))
            return false;
    return weft__load_fenced(&rt->reserve.awake) <= 0 && !is_armed(rt) &&
           weft__runtime_alive(rt) > 0;
}

/* The last one that parks tells; of two that park at once, one sees the other.
 * Costs one load where nobody wants to know, or knows. */
void weft__idle_tell_if_stalled(struct weft_runtime *rt)
{
    struct weft__stall *stall = &rt->idle.stall;
    uint32_t watched = WEFT__STALL_WATCHED;
    /* The bit before the look; pairs with who watches: it looks again. */
    if (weft__load_fenced(&stall->state) != WEFT__STALL_WATCHED ||
        !weft__idle_stalled(rt) ||
        !weft__cas_sc(&stall->state, &watched, WEFT__STALL_RINGING))
        return;
    weft__fetch_add(stall->word, stall->step); /* pairs with its wait */
    weft__os->futex_wake(stall->word, 1);
    /* From here on the word may be gone; pairs with weft__deadlock_close(). */
    weft__store_release(&stall->state, WEFT__STALL_TOLD);
}

/* Lingering */

static bool has_submission(void *worker)
{
    struct weft__worker *self = worker;
    return !weft__inbox_is_empty(&self->loop->inbox);
}

/* Counted as searching: who announces meanwhile relies on the recheck in park,
 * and whoever finds something leaves by idle_found(). */
bool weft__idle_linger(struct weft__worker *self)
{
    if (!self->served)
        return false;
    self->served = false;
    if (self->rt->driver->turn != NULL || !weft__patience_has(&self->patience))
        return false;
    if (!self->searching) {
        self->searching = true;
        /* As in claim(): who reads it late wakes one more than needed. */
        weft__fetch_add_relaxed(&self->rt->idle.searching, 1);
    }
    return weft__patience_wait(&self->patience, has_submission, self);
}

/* Parking */

/* From here on the loop stays ours. False: it is not. */
static bool hold_loop(struct weft__worker *self)
{
    uintptr_t owner = (uintptr_t)self;
    /* Acquire if it fails: the verdict; pairs with the hand-off. */
    return weft__cas_sc(&self->loop->owner, &owner,
                        (uintptr_t)self | WEFT__OWNER_PARKED);
}

static void withdraw(struct weft__worker *self)
{
    uint64_t bit = bit_of(self->loop);
    /* Pairs with claim(): if it came first, we are counted as searching. */
    bool unclaimed = weft__fetch_and_sc(word_of(self->loop), ~bit) & bit;
    /* Not before: it may be another one's from here on. Pairs with the
     * hand-off. */
    weft__store_release(&self->loop->owner, (uintptr_t)self);
    weft__monitor_wake(&self->rt->monitor);
    if (unclaimed)
        return;
    self->searching = true;
    self->looks = 0;
}

static void sleep_until(struct weft__worker *self, int64_t until)
{
    weft__count(self, parks);
    weft__store_relaxed(&self->giving, false);
    self->wakes_to = WEFT__TO_RING;
    self->rt->driver->wait(self->loop, self, until);
    self->polled = weft__os->now();
    weft__timers_expire(self->loop, self, self->polled);
    self->wakes_to = WEFT__TO_NEXT;
    withdraw(self);
}

bool weft__idle_park(struct weft__worker *self)
{
    struct weft_runtime *rt = self->rt;
    if (!hold_loop(self))
        return false;
    bool covered = appoint(self);
    weft__fetch_or_fenced(word_of(self->loop),
                          bit_of(self->loop)); /* claim() clears it */
    stop_searching(self);
    weft__fence(); /* the bit before the recheck; pairs with announce's */
    uint32_t phase = weft__load_fenced(&rt->phase);
    /* It may have left before it could see our bit; pairs with found's. */
    covered = covered && weft__load_fenced(&rt->idle.sentinel) != 0;
    enum weft__reach reach = !covered     ? WEFT__REACH_ALL
                             : self->poor ? WEFT__REACH_OWN
                                          : WEFT__REACH_ANNOUNCED;
    if (weft__unlikely(phase != WEFT__OPEN))
        weft__runtime_check_drained(rt);
    if (phase == WEFT__STOPPED || weft__steal_any(self, reach)) {
        if (!covered) { /* nobody looks after it yet: stay on, without haste */
            self->looks = DOZES;
            appoint(self);
        }
        withdraw(self);
        return true;
    }
    int64_t until = weft__load_relaxed(&self->loop->timers.next);
    int64_t look = INT64_MAX;
    if (self->sentinel)
        look = weft__os->now() + (self->looks < DOZES ? DOZE_NS : LOOK_NS);
    if (until == INT64_MAX && look == INT64_MAX)
        weft__idle_tell_if_stalled(rt);
    sleep_until(self, until < look ? until : look);
    if (self->sentinel && !self->searching && self->polled >= look)
        look_round(self);
    return true;
}
