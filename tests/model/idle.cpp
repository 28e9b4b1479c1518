// SPDX-License-Identifier: MIT
/*
 * Parking: who queues work and looks for sleepers against who goes to sleep and
 * looks for work, with the queues, the thieves and the sentinel as they are.
 * In each scenario some workers never come back to their queues (they run user
 * code without end), and yet all that was queued is run, by the others; if a
 * wake is lost everybody sleeps, which the checker calls a deadlock.
 *
 * A sleeper that is woken learns nothing by that but that it was woken.
 */
#include "tests/model/run.hpp"

#include "sched/array.c"
#include "sched/deque.c"
#include "sched/ring.c"

#include "sched/queue.c"
#include "sched/steal.c"

#include "sched/idle.c"

#include "sched/monitor.c"

enum { WORKERS = 3, COROS = 4 };

struct world {
    weft_runtime rt;
    weft__worker workers[WORKERS];
    weft__loop loops[WORKERS];
    weft__coro coros[COROS];
    model::plain<int> load[COROS];
    model::bed *beds[WORKERS];
    model::bed *monitor;    /* where it sleeps */
    _Atomic(uint32_t) bell; /* of who watches for a stall */
    bool ran[COROS];
    int left;     /* of the coros queued in this scenario */
    int timeouts; /* sleeps that may still end by themselves */
    int64_t clock;
};
static world *w;

/* The system */

void *weft__mem_alloc(size_t count, size_t size)
{
    return model::allocate(count * size);
}

void weft__mem_free(void *)
{
}

struct weft__worker *weft__worker_self(void)
{
    unsigned i = model::self();
    return i < w->rt.workers ? &w->workers[i] : NULL;
}

unsigned weft__timers_expire(struct weft__loop *, struct weft__worker *,
                             int64_t)
{
    return 0;
}

void weft__runtime_check_drained(weft_runtime *)
{
}

uint64_t weft__runtime_alive(weft_runtime *)
{
    return 1;
}

struct weft__loop *weft__runtime_loop(weft_runtime *rt)
{
    return &rt->loop[0];
}

bool weft__reserve_is_asleep(struct weft__worker *)
{
    return true;
}

void weft__reserve_wake(struct weft__worker *)
{
}

void weft__reserve_reinforce(weft_runtime *)
{
}

void weft__runtime_reinforce_crews(weft_runtime *)
{
}

void weft__background_push(weft_runtime *, struct weft__coro *)
{
}

bool weft__class_suspects(const struct weft__coro *)
{
    return false;
}

void weft__background_release(struct weft__worker *)
{
}

bool weft__background_acquit(weft_runtime *)
{
    return true;
}

bool weft__background_lines_up(weft_runtime *)
{
    return false;
}

bool weft__background_waits(weft_runtime *)
{
    return false;
}

bool weft__handoff(struct weft__worker *, uint64_t, enum weft__verdict)
{
    return false;
}

static void sleep_in(struct weft__loop *loop, struct weft__worker *,
                     int64_t until)
{
    bool timed = until != INT64_MAX && w->timeouts > 0;
    if (!w->beds[loop->index]->wait(timed)) {
        w->timeouts--;
        w->clock = until > w->clock ? until : w->clock;
    }
}

static void wake_in(struct weft__loop *loop)
{
    w->beds[loop->index]->post();
}

static unsigned poll_in(struct weft__loop *, struct weft__worker *)
{
    return 0;
}

static bool watching_in(struct weft__loop *)
{
    return false;
}

static const struct weft__driver driver = [] {
    struct weft__driver table = {};
    table.poll = poll_in;
    table.wait = sleep_in;
    table.wake = wake_in;
    table.watching = watching_in;
    table.ready = watching_in;
    return table;
}();

/* Each look at the clock takes long enough that stealing pays. */
static int64_t os_now(void)
{
    return w->clock += 100000;
}

static void end_all()
{
    for (model::bed *bed : w->beds)
        bed->post();
    weft__store_relaxed(&w->rt.monitor.state, WEFT__MONITOR_ENDS);
    w->monitor->post_if_asleep();
}

/* The monitor's, who does not sleep between two looks. */
static long os_futex_wait(const void *word, uint32_t seen, int64_t until)
{
    if (until == INT64_MAX && model::newest(*(void **)word) == seen)
        w->monitor->sleep();
    return 0;
}

static long os_futex_wake(const void *word, int)
{
    if (word == (const void *)&w->rt.monitor.state) {
        w->monitor->post_if_asleep();
        return 0;
    }
    (void)model::newest(*(void **)word); /* it must still be there */
    w->left = 0;
    end_all();
    return 0;
}

static const struct weft__os os = [] {
    struct weft__os table = {};
    table.now = os_now;
    table.futex_wait = os_futex_wait;
    table.futex_wake = os_futex_wake;
    return table;
}();
const struct weft__os *weft__os = &os;

/* Workers */

static weft__coro *made(int i)
{
    w->load[i] = i + 1;
    w->coros[i].flags = 0;
    return &w->coros[i];
}

static void run(weft__coro *coro)
{
    int i = (int)(coro - w->coros);
    CHECK(w->load[i] == i + 1);
    CHECK(!w->ran[i]);
    w->ran[i] = true;
    w->timeouts = INT_MAX; /* what is left may be for the sentinel */
    if (--w->left == 0)
        end_all();
}

/* As in worker.c. `told`: whoever wakes this worker has queued something that
 * nobody else takes, so it is in sight. */
static weft__coro *find(weft__worker *self, bool told)
{
    weft__coro *coro = weft__queue_take(self);
    while (coro == NULL) {
        coro = weft__steal(self);
        if (coro == NULL && weft__idle_linger(self))
            coro = weft__queue_take(self);
        if (coro == NULL && weft__load_relaxed(&w->rt.monitor.stuck) &&
            weft__idle_rescue(self))
            coro = weft__queue_take(self);
        if (coro != NULL)
            break;
        if (w->left == 0 || weft__load_acquire(&w->rt.phase) == WEFT__STOPPED)
            return NULL;
        weft__idle_park(self);
        if (told && self->searching && w->left > 0)
            CHECK(weft__steal_any(self, WEFT__REACH_ALL));
        coro = weft__queue_take(self);
    }
    if (weft__ring_size(&self->ring) > 0)
        weft__idle_announce_one(&w->rt);
    if (self->searching || self->sentinel)
        weft__idle_found(self);
    return coro;
}

static void work(unsigned i, bool told = false)
{
    for (;;) {
        weft__coro *coro = find(&w->workers[i], told);
        if (coro == NULL)
            return;
        run(coro);
    }
}

/* The first piece keeps it busy from here on. */
static void run_one(unsigned i)
{
    weft__coro *coro = find(&w->workers[i], false);
    if (coro != NULL)
        run(coro);
}

template <class T, int N, int AS_WORKERS, int QUEUED>
struct on_idle : model::scenario<T, N> {
    void set_up()
    {
        w = (world *)model::allocate(sizeof(*w));
        w->left = QUEUED;
        w->timeouts = INT_MAX;
        w->rt.workers = AS_WORKERS;
        atomic_init(&w->rt.known, AS_WORKERS);
        w->rt.worker = w->workers;
        w->rt.loop = w->loops;
        w->rt.driver = &driver;
        for (unsigned i = 0; i < WORKERS; i++)
            open(i);
        w->monitor = model::new_bed();
        for (weft__coro &coro : w->coros)
            coro.rt = &w->rt;
    }
    static void open(unsigned i)
    {
        weft__worker &self = w->workers[i];
        self.rt = w->loops[i].rt = &w->rt;
        self.loop = &w->loops[i];
        atomic_init(&w->loops[i].owner, (uintptr_t)&self);
        self.index = w->loops[i].index = i;
        self.chance = i + 1;
        self.looks = LOOKS; /* it has looked round enough: untimed */
        self.seen = (weft__look *)model::allocate(WORKERS * sizeof(weft__look));
        CHECK(weft__deque_init(&self.deque, 4, 0) == 0);
        CHECK(weft__ring_init(&self.ring, 4, 0) == 0);
        atomic_init(&w->loops[i].timers.next, INT64_MAX);
        w->beds[i] = model::new_bed();
    }
    void check()
    {
        for (int i = 0; i < QUEUED; i++)
            CHECK(w->ran[i]);
    }
};

/* Who looks for work and goes to sleep takes many steps for that: give him time
 * to come to any of them. */
static void dawdle()
{
    for (unsigned n = rl::rand(100); n > 0; n--)
        rl::ctx().sched();
}

static void spawn(unsigned worker, int coro)
{
    weft__queue_spawned(&w->workers[worker], made(coro));
}

/* Two spawns, of which the second is announced. */
struct idle_announce : on_idle<idle_announce, 2, 2, 2> {
    void thread(unsigned i)
    {
        if (i == 1) {
            work(1, true);
            return;
        }
        dawdle();
        CHECK(weft__deque_push(&w->workers[0].deque, made(0)) == 0);
        spawn(0, 1);
    }
};

/* A single one, for whom a sentinel is to be found. */
struct idle_single : on_idle<idle_single, 2, 2, 1> {
    void thread(unsigned i)
    {
        if (i == 1) {
            work(1, true);
            return;
        }
        dawdle();
        spawn(0, 0);
    }
};

/* One in the next slot. */
struct idle_next : on_idle<idle_next, 2, 2, 1> {
    void thread(unsigned i)
    {
        if (i == 1) {
            work(1, true);
            return;
        }
        dawdle();
        weft__queue_woken(made(0));
    }
};

/* Two in a row there: the first is displaced into the ring. */
struct idle_displaced : on_idle<idle_displaced, 2, 2, 2> {
    void thread(unsigned i)
    {
        if (i == 1) {
            work(1);
            return;
        }
        dawdle();
        weft__queue_woken(made(0));
        weft__queue_woken(made(1));
    }
};

/* By a thread that is no worker, to a worker that is stuck or goes to sleep. */
struct idle_inject : on_idle<idle_inject, 3, 2, 1> {
    void thread(unsigned i)
    {
        if (i != 2) {
            if (i == 1 || rl::rand(2) == 0)
                work(i);
            return;
        }
        dawdle();
        weft__queue_inject(&w->loops[0], made(0));
    }
};

/* To the one worker that may run it. */
struct idle_pinned : on_idle<idle_pinned, 2, 2, 1> {
    void thread(unsigned i)
    {
        if (i == 1) {
            work(1, true);
            return;
        }
        dawdle();
        weft__coro *coro = made(0);
        coro->home = &w->workers[1];
        weft__queue_woken(coro);
    }
};

/* Nobody was woken, because somebody searched; he found nothing. */
struct idle_searcher : on_idle<idle_searcher, 2, 2, 2> {
    void set_up()
    {
        on_idle::set_up();
        w->workers[1].searching = true;
        weft__store_relaxed(&w->rt.idle.searching, 1);
    }
    void thread(unsigned i)
    {
        if (i == 1) {
            work(1);
            return;
        }
        dawdle();
        CHECK(weft__deque_push(&w->workers[0].deque, made(0)) == 0);
        spawn(0, 1);
    }
};

/* The same for one in the next slot, which comes without a fence. */
struct idle_searcher_next : on_idle<idle_searcher_next, 2, 2, 1> {
    void set_up()
    {
        on_idle::set_up();
        w->workers[1].searching = true;
        weft__store_relaxed(&w->rt.idle.searching, 1);
    }
    void thread(unsigned i)
    {
        if (i == 1) {
            work(1);
            return;
        }
        dawdle();
        weft__queue_woken(made(0));
    }
};

/* The same of one that waits awake for submissions, and then goes to sleep. */
struct idle_lingers : on_idle<idle_lingers, 3, 2, 2> {
    void set_up()
    {
        on_idle::set_up();
        w->workers[1].served = true;
    }
    void thread(unsigned i)
    {
        if (i == 1) {
            work(1);
            return;
        }
        dawdle();
        if (i == 0)
            spawn(0, 0);
        else
            weft__queue_inject(&w->loops[1], made(1));
    }
};

/* The searcher found work of its own, and is busy from here on. */
template <class T> struct on_found : on_idle<T, 3, 3, 3> {
    void set_up()
    {
        on_idle<T, 3, 3, 3>::set_up();
        CHECK(weft__deque_push(&w->workers[1].deque, made(2)) == 0);
    }
    static void go(unsigned i)
    {
        if (i == 0) {
            dawdle();
            CHECK(weft__deque_push(&w->workers[0].deque, made(0)) == 0);
            spawn(0, 1);
        } else if (i == 1) {
            run(find(&w->workers[1], false));
        } else {
            work(2);
        }
    }
};

struct idle_found : on_found<idle_found> {
    void set_up()
    {
        on_found::set_up();
        w->workers[1].searching = true;
        weft__store_relaxed(&w->rt.idle.searching, 1);
    }
    void thread(unsigned i)
    {
        go(i);
    }
};

/* The same of a sentinel that dozed. */
struct idle_found_dozing : on_found<idle_found_dozing> {
    void set_up()
    {
        on_found::set_up();
        w->workers[1].sentinel = true;
        w->workers[1].looks = 0;
        weft__store_relaxed(&w->rt.idle.sentinel, 2 | WEFT__IDLE_DOZING);
    }
    void thread(unsigned i)
    {
        go(i);
    }
};

/* A sentinel that leaves after its last look. */
struct idle_retire : on_idle<idle_retire, 2, 2, 1> {
    void set_up()
    {
        on_idle::set_up();
        w->workers[1].sentinel = true;
        w->workers[1].looks = LOOKS - 1;
        weft__store_relaxed(&w->rt.idle.sentinel, 2);
    }
    void thread(unsigned i)
    {
        if (i == 1) {
            work(1);
            return;
        }
        dawdle();
        if (rl::rand(2) == 0)
            spawn(0, 0);
        else
            weft__queue_woken(made(0));
    }
};

/* Who is woken may find its work without the wake, and leave the search before
 * it is counted as a searcher; and be the sentinel for a moment, on whom another
 * one counts that is just going to sleep. */
struct idle_uncounted : on_idle<idle_uncounted, 4, 3, 3> {
    void thread(unsigned i)
    {
        if (i == 0) {
            dawdle();
            CHECK(weft__deque_push(&w->workers[0].deque, made(0)) == 0);
            spawn(0, 1);
        } else if (i == 1) {
            run_one(1);
        } else if (i == 2) {
            work(2);
        } else {
            dawdle();
            weft__queue_inject(&w->loops[1], made(2));
        }
    }
};

/* A sentinel that leaves, and comes to work of its own before it parks. */
struct idle_retire_found : on_idle<idle_retire_found, 4, 3, 2> {
    void set_up()
    {
        on_idle::set_up();
        w->workers[1].sentinel = true;
        w->workers[1].looks = LOOKS - 1;
        weft__store_relaxed(&w->rt.idle.sentinel, 2);
    }
    void thread(unsigned i)
    {
        if (i == 0) {
            dawdle();
            spawn(0, 0);
        } else if (i == 1) {
            run_one(1);
        } else if (i == 2) {
            work(2);
        } else {
            dawdle();
            weft__queue_inject(&w->loops[1], made(1));
        }
    }
};

/* A sentinel that stops dozing: from then on it is woken for what is announced,
 * and need not look itself. */
struct idle_awake : on_idle<idle_awake, 2, 2, 2> {
    void set_up()
    {
        on_idle::set_up();
        w->workers[1].sentinel = true;
        w->workers[1].looks = DOZES - 1;
        weft__store_relaxed(&w->rt.idle.sentinel, 2 | WEFT__IDLE_DOZING);
        w->timeouts = 1;
    }
    void thread(unsigned i)
    {
        if (i == 1) {
            work(1);
            return;
        }
        dawdle();
        CHECK(weft__deque_push(&w->workers[0].deque, made(0)) == 0);
        spawn(0, 1);
    }
};

/* Two that become sentinel, or sleep for good, while one is given work. */
struct idle_appoint : on_idle<idle_appoint, 3, 3, 1> {
    void set_up()
    {
        on_idle::set_up();
        w->workers[1].looks = w->workers[2].looks = DOZES;
    }
    void thread(unsigned i)
    {
        if (i != 0) {
            work(i);
            return;
        }
        dawdle();
        spawn(0, 0);
    }
};

/* A worker is woken for what only it may run, and gets stuck with what nobody
 * was told of, while the monitor falls asleep. */
struct idle_monitor : on_idle<idle_monitor, 4, 2, 2> {
    void thread(unsigned i)
    {
        if (i == 0) {
            run_one(0);
            CHECK(weft__deque_push(&w->workers[0].deque, made(1)) == 0);
        } else if (i == 1) {
            work(1);
        } else if (i == 2) {
            dawdle();
            weft__coro *coro = made(0);
            coro->home = &w->workers[0];
            weft__queue_woken(coro);
        } else {
            while (w->left > 0)
                if (!weft__monitor_look(&w->rt, 0))
                    rest(&w->rt);
        }
    }
};

/* The end: all are woken, and see it. */
struct idle_end : on_idle<idle_end, 3, 2, 0> {
    void thread(unsigned i)
    {
        w->left = 1;
        if (i != 2) {
            work(i);
            return;
        }
        dawdle();
        weft__store_relaxed(&w->rt.phase, WEFT__STOPPED);
        weft__idle_wake_all(&w->rt);
    }
};

/* The last of two that fall asleep tells who watches for a stall; then the
 * watcher's word goes. The watcher begins as in rest() of deadlock.c, and ends as
 * in weft__deadlock_close(). */
struct idle_stall : on_idle<idle_stall, 3, 2, 0> {
    static _Atomic(uint32_t) *word;
    void set_up()
    {
        on_idle::set_up();
        w->left = 1;
        word = (_Atomic(uint32_t) *)model::allocate(sizeof(*word));
        w->rt.idle.stall.word = word;
    }
    void thread(unsigned i)
    {
        if (i != 2) {
            work(i);
            return;
        }
        _Atomic(uint32_t) *state = &w->rt.idle.stall.state;
        uint32_t watched = WEFT__STALL_WATCHED;
        w->rt.idle.stall.step = 2;
        weft__xchg_sc(state, WEFT__STALL_WATCHED);
        weft__fence();
        if (weft__idle_stalled(&w->rt) &&
            weft__cas_sc(state, &watched, WEFT__STALL_TOLD)) {
            w->left = 0;
            end_all();
            return;
        }
        w->beds[2]->wait(false); /* the futex */
        while (weft__load_acquire(word) == 0)
            weft__pause();
        uint32_t seen = weft__load_acquire(state);
        CHECK(seen > WEFT__STALL_WATCHED); /* weft__deadlock_look() */
        while (seen == WEFT__STALL_RINGING ||
               !weft__cas_sc(state, &seen, WEFT__STALL_OFF)) {
            weft__pause();
            seen = weft__load_acquire(state);
        }
        CHECK(weft__load_relaxed(word) == 2);
        model::release(word);
    }
};
_Atomic(uint32_t) *idle_stall::word;

SCENARIO(idle_announce, 1);
SCENARIO(idle_single, 1);
SCENARIO(idle_next, 1);
SCENARIO(idle_displaced, 1);
SCENARIO(idle_inject, 1);
SCENARIO(idle_pinned, 1);
SCENARIO(idle_searcher, 1);
SCENARIO(idle_searcher_next, 1);
SCENARIO(idle_lingers, 1);
SCENARIO(idle_found, 1);
SCENARIO(idle_found_dozing, 1);
SCENARIO(idle_retire, 1);
SCENARIO(idle_uncounted, 1);
SCENARIO(idle_retire_found, 1);
SCENARIO(idle_awake, 1);
SCENARIO(idle_appoint, 1);
SCENARIO(idle_monitor, 1);
SCENARIO(idle_end, 1);
SCENARIO(idle_stall, 1);
