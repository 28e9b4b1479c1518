// SPDX-License-Identifier: MIT
/*
 * The dispatcher: finds a coroutine, runs a step of it, and again.
 *
 * It runs on a pooled stack, not on the thread's own. A fresh coroutine of the
 * default kind is called on that very stack (a carrier): if it never suspends
 * that is all. If it does, the stack becomes the coroutine's, and the
 * dispatcher goes on upon the spare one that was in hand before the start; so
 * suspending never allocates. When the coroutine returns one day, perhaps on
 * another worker, it returns into the dispatcher frame it was called from,
 * which finds that it does not dispatch any more and retires with its stack.
 * A retired stack is parked in that very loop; taken again, it goes on there.
 *
 * Nothing but a dispatcher ever touches a coroutine whose stack was just left,
 * and only then may others see it (`after`).
 */
#include "sched/branch.h"
#include "sched/overflow.h"
#include "sched/sanitize.h"
#include "sched/sched.h"

#include <errno.h>

#define STACK_CACHE 64u /* and a quarter of that of each larger kind */
#define POLL_EVERY 64   /* steps between two looks at the clock */
#define POLL_NS 50000   /* between two looks at the kernel, if busy */
#define BUDGET 64       /* calls in one step that need not suspend */
#define LEND_UP_TO 256  /* fresh ones in the queue: more want their turn */

_Thread_local struct weft__worker *weft__worker_of_thread
    __attribute__((tls_model("initial-exec")));

#if !defined(__x86_64__) && !defined(__aarch64__)
struct weft__worker *weft__worker_self(void)
{
    return weft__worker_of_thread;
}
#endif

void weft__worker_set(struct weft__worker *worker)
{
    weft__worker_of_thread = worker;
}

/* Stacks */

static struct weft__stack *stack_take(struct weft__worker *worker,
                                      unsigned kind)
{
    struct weft__stack *stack = worker->stacks[kind];
    if (weft__likely(stack != NULL)) {
        worker->stacks[kind] = stack->next;
        worker->stack_count[kind]--;
        return stack;
    }
    stack = weft__depot_take(&worker->rt->stacks, kind);
    if (stack != NULL)
        weft__count(worker, stacks);
    return stack;
}

static void stack_give(struct weft__worker *worker, struct weft__stack *stack)
{
    unsigned kind = stack->kind;
    if (worker->stack_count[kind] >= STACK_CACHE >> 2 * kind) {
        weft__count_n(worker, stacks, (uint64_t)-1);
        weft__depot_give(&worker->rt->stacks, stack, stack);
        return;
    }
    stack->next = worker->stacks[kind];
    worker->stacks[kind] = stack;
    worker->stack_count[kind]++;
}

/* Switching */

static void dispatcher_entry(void *pass);
static void own_stack_entry(void *pass);
static void after_switch(struct weft__worker *worker);

/* Whoever submitted it may wait for it, and submit the next one then. */
static void count_injected(struct weft__worker *worker)
{
    weft__count(worker, steps_injected);
    worker->served = true;
}

WEFT__INLINE void count_step(struct weft__worker *worker,
                             struct weft__coro *coro)
{
    worker->budget = BUDGET;
    weft__count(worker, steps);
    if (weft__likely(
            !(coro->flags & (WEFT__CORO_STOLEN | WEFT__CORO_INJECTED))))
        return;
    if (coro->flags & WEFT__CORO_STOLEN)
        weft__count(worker, steps_stolen);
    else
        count_injected(worker);
    coro->flags &= (uint8_t) ~(WEFT__CORO_STOLEN | WEFT__CORO_INJECTED);
}

WEFT__INLINE void go_to(struct weft__worker *worker, void **save,
                        struct weft__stack *to, void (*entry)(void *))
{
    void *sp = to->sp;
    if (weft__unlikely(sp == NULL))
        sp = weft__context_make(to->top, entry);
    weft__count(worker, switches);
    weft__stack_switch(save, to, sp, NULL);
}

/* Should the dispatcher look at the clock? */
WEFT__INLINE bool is_time(struct weft__worker *worker)
{
    return weft__unlikely(worker->tick % POLL_EVERY == 0) ||
           weft__unlikely(weft__load_relaxed(&worker->slow) != worker->heeded);
}

/* Whom to run next without asking the dispatcher; NULL: ask it. It must be
 * asked now and then, as it alone polls, and each time in simulation. */
static struct weft__coro *take_next(struct weft__worker *worker)
{
    if (is_time(worker) || weft__unlikely(worker->rt->driver->turn != NULL))
        return NULL;
    return weft__queue_take(worker);
}

static void leave_stack(struct weft__worker *worker, struct weft__coro *coro)
{
    if (coro->stack == worker->dispatcher) {
        worker->dispatcher = worker->spare;
        worker->spare = NULL;
    }
}

WEFT__INLINE void leave_for(struct weft__worker *worker,
                            struct weft__coro *coro, struct weft__coro *next)
{
    worker->after_coro = coro;
    leave_stack(worker, coro);
    if (next != NULL && !(next->flags & WEFT__CORO_FRESH)) {
        count_step(worker, next);
        worker->current = next;
        weft__count(worker, switches);
        weft__stack_switch(&coro->sp, next->stack, next->sp, NULL);
    } else {
        worker->current = NULL;
        worker->start = next;
        go_to(worker, &coro->sp, worker->dispatcher, dispatcher_entry);
    }
    after_switch(weft__worker_self());
}

static WEFT__NOINLINE void settle_and_leave(struct weft__worker *worker,
                                            struct weft__coro *coro,
                                            struct weft__coro *next)
{
    weft__sched_settle(worker);
    leave_for(worker, coro, next);
}

/* Leave the current coroutine: straight for `next` if that has a stack, else
 * for the dispatcher. */
static void leave(struct weft__worker *worker, struct weft__coro *coro,
                  struct weft__coro *next)
{
    if (weft__unlikely(worker->lent != NULL))
        settle_and_leave(worker, coro, next);
    else
        leave_for(worker, coro, next);
}

uint32_t weft__sched_suspend(uint32_t mask)
{
    struct weft__worker *worker = weft__worker_self();
    struct weft__coro *coro = worker->current;
    if (weft__coro_take(coro, mask))
        return coro->reason;
    worker->after_mask = mask;
    worker->after = WEFT__AFTER_PARK;
    leave(worker, coro, take_next(worker));
    return coro->reason;
}

void weft__sched_yield(void)
{
    struct weft__worker *worker = weft__worker_self();
    bool poll = is_time(worker);
    struct weft__coro *next = take_next(worker);
    if (next == NULL && !poll && worker->rt->driver->turn == NULL) {
        worker->budget = BUDGET; /* nobody to give way to: count anew */
        return;
    }
    worker->after = WEFT__AFTER_YIELD;
    leave(worker, worker->current, next);
}

/* Lending */

/* Not when the queues are due to be looked at; nor a callback: the next one
 * must not wait for what it awaits. */
static bool may_lend(struct weft__worker *worker)
{
    if ((worker->tick + 1) % POLL_EVERY == 0 ||
        worker->current->flags & WEFT__CORO_STEP)
        return false;
    if (worker->rt->driver->turn != NULL)
        return weft__worker_chance(worker) & 1;
    return weft__deque_size(&worker->deque) < LEND_UP_TO;
}

bool weft__sched_lend(struct weft__lend *lend, struct weft__coro *fresh)
{
    struct weft__worker *worker = weft__worker_self();
    struct weft__coro *self = worker->current;
    lend->settled = false;
    if (weft__deque_newest(&worker->deque) != fresh || !may_lend(worker) ||
        weft__deque_pop(&worker->deque) == NULL)
        return false;
    worker->tick++;
    lend->outer = worker->lent;
    lend->lender = self;
    worker->lent = lend;
    leave_stack(worker, self);
    worker->current = NULL;
    worker->start = fresh;
    go_to(worker, &self->sp, worker->dispatcher, dispatcher_entry);
    after_switch(weft__worker_self());
    return !lend->settled;
}

/* After a switch */

/* A phase that cancels it is news once: who has heard of it, and waits on for
 * what is to end first, is left asleep. */
static void tell(struct weft__coro *coro)
{
    uint32_t phase = weft__load_relaxed(&coro->rt->phase);
    if (coro->told >= phase)
        return;
    coro->told = phase & 15;
    if (weft__phase_cancels(phase, coro->flags & WEFT__CORO_KEEP))
        weft__fetch_or(&coro->wake, WEFT__WAKE_INTERRUPT); /* our own */
}

/* Its stack was left: put it to sleep. */
static void park(struct weft__worker *worker, struct weft__coro *coro,
                 uint32_t mask)
{
    struct weft_runtime *rt = worker->rt;
    if (weft__unlikely(weft__load_relaxed(&rt->phase) != WEFT__OPEN))
        tell(coro);
    bool keep = coro->flags & WEFT__CORO_KEEP;
    uint32_t told = coro->told;
    if (!weft__coro_park(coro, mask)) {
        weft__queue_polled(worker, coro);
        return;
    }
    /* The close sets its phase, then interrupts whom it finds asleep; one of
     * the two sees the other. The coroutine may be gone: only its wake word,
     * which outlives it, is touched. Pairs with weft__runtime_enter(). */
    uint32_t phase = weft__load_sc(&rt->phase);
    if (weft__unlikely(phase > told) && weft__phase_cancels(phase, keep))
        weft__sched_wake(coro, WEFT__WAKE_INTERRUPT);
}

/* Innermost first: each waits for what the next outer one has spawned. */
void weft__sched_settle(struct weft__worker *worker)
{
    struct weft__lend *lend = worker->lent;
    worker->lent = NULL;
    while (lend != NULL) {
        struct weft__lend *outer = lend->outer;
        lend->settled = true;
        lend->settle(lend);
        park(worker, lend->lender, lend->mask); /* it may be gone */
        lend = outer;
    }
}

static void after_switch(struct weft__worker *worker)
{
    enum weft__after after = worker->after;
    struct weft__coro *coro = worker->after_coro;
    worker->after = WEFT__AFTER_NOTHING;
    if (after == WEFT__AFTER_RETIRE) {
        stack_give(worker, worker->after_stack);
        return;
    }
    if (after == WEFT__AFTER_NOTHING)
        return;
    if (weft__unlikely(coro->flags & WEFT__CORO_STEP))
        weft__strand_suspended(coro);
    if (after == WEFT__AFTER_YIELD)
        weft__queue_polled(worker, coro);
    else
        park(worker, coro, worker->after_mask);
}

/* Finding */

static void poll(struct weft__worker *worker)
{
    struct weft_runtime *rt = worker->rt;
    worker->polling = true;
    if (rt->driver->watching(worker->loop))
        rt->driver->poll(worker->loop, worker);
    weft__timers_expire(worker->loop, worker, worker->polled);
    worker->polling = false;
    if (weft__ring_size(&worker->ring) > 1)
        weft__idle_announce_one(rt);
}

/* A worker that is never out of work must still hear of events and timers. */
static void poll_if_due(struct weft__worker *worker)
{
    int64_t now = weft__os->now();
    if (now - worker->polled < POLL_NS)
        return;
    uint32_t told = weft__load_relaxed(&worker->slow);
    bool slow = told != worker->heeded;
    worker->heeded = told;
    worker->polled = now;
    poll(worker);
    /* Who is slow, with a line of its own, is no help: two of that kind would
     * move each other's oldest to the end of theirs. */
    if (weft__unlikely(weft__load_relaxed(&worker->rt->monitor.stuck)) &&
        !(slow && weft__steal_waits(worker)))
        weft__idle_rescue(worker);
}

bool weft__worker_is_wanted(struct weft__worker *worker)
{
    worker->calls = WEFT__CALLS;
    poll_if_due(worker);
    if (weft__queue_starves(worker)) {
        weft__queue_be_fair(worker);
        return true;
    }
    return weft__ring_size(&worker->ring) > 0 ||
           weft__load_relaxed(&worker->next) != NULL ||
           worker->pinned_head != NULL ||
           !weft__inbox_is_empty(&worker->pinned_inbox) ||
           !weft__inbox_is_empty(&worker->loop->inbox);
}

/* Nothing to do: a good time to give memory back. Not at the end, which waits
 * for workers that park. */
static bool tidy(struct weft__worker *worker)
{
    struct weft_runtime *rt = worker->rt;
    if (!weft__depot_tidy(&rt->stacks, worker->loop))
        return false;
    poll_if_due(worker);
    return true;
}

static struct weft__coro *search(struct weft__worker *worker)
{
    struct weft_runtime *rt = worker->rt;
    for (;;) {
        struct weft__coro *coro = weft__steal(worker);
        if (coro == NULL && weft__idle_linger(worker))
            coro = weft__queue_take(worker);
        if (coro == NULL && weft__load_relaxed(&rt->monitor.stuck) &&
            weft__idle_rescue(worker))
            coro = weft__queue_take(worker);
        if (coro == NULL) {
            uint32_t phase = weft__load_acquire(&rt->phase);
            if (phase == WEFT__STOPPED)
                return NULL; /* pairs with weft__runtime_stop() */
            if (phase != WEFT__OPEN || !tidy(worker))
                weft__idle_park(worker);
            coro = weft__queue_take(worker);
        }
        if (coro != NULL) {
            if (weft__ring_size(&worker->ring) > 0)
                weft__idle_announce_one(rt);
            return coro;
        }
    }
}

static struct weft__coro *find(struct weft__worker *worker)
{
    if (is_time(worker))
        poll_if_due(worker);
    struct weft__coro *coro = weft__queue_take(worker);
    if (coro == NULL)
        coro = search(worker);
    if (weft__unlikely(worker->searching || worker->sentinel))
        weft__idle_found(worker);
    return coro;
}

/* Running */

/* Go on with the dispatcher that has taken over meanwhile. */
static void retire(struct weft__worker *worker, struct weft__stack *self)
{
    worker->after = WEFT__AFTER_RETIRE;
    worker->after_stack = self;
    go_to(worker, &self->sp, worker->dispatcher, dispatcher_entry);
}

/* There is no stack to start it on. */
static void not_started(struct weft__worker *worker, struct weft__coro *coro)
{
    if (coro->flags & WEFT__CORO_RUNNER)
        weft__strand_not_started(coro);
    else
        worker->rt->hooks->not_started(coro);
}

static void run_here(struct weft__worker *worker, struct weft__coro *coro,
                     struct weft__stack *self)
{
    if (weft__unlikely(worker->spare == NULL)) {
        worker->spare = stack_take(worker, WEFT__STACK_DEFAULT);
        if (worker->spare == NULL) {
            not_started(worker, coro);
            return;
        }
    }
    coro->stack = self;
    worker->current = coro;
    coro->entry(coro); /* the descriptor may be another's when it returns */
    worker = weft__worker_self();
    worker->current = NULL;
    if (worker->dispatcher != self) {
        retire(worker, self);
        after_switch(weft__worker_self()); /* taken again, to dispatch */
    }
}

static void own_stack_entry(void *pass)
{
    (void)pass;
    weft__sanitize_entered();
    for (;;) {
        struct weft__worker *worker = weft__worker_self();
        struct weft__coro *coro = worker->start;
        struct weft__stack *self = coro->stack;
        worker->start = NULL;
        worker->current = coro;
        coro->entry(coro);
        worker = weft__worker_self();
        worker->current = NULL;
        retire(worker, self);
    }
}

static void run_on_own_stack(struct weft__worker *worker,
                             struct weft__coro *coro, struct weft__stack *self)
{
    struct weft__stack *stack = stack_take(worker, coro->stack_class);
    if (stack == NULL) {
        worker->rt->hooks->not_started(coro);
        return;
    }
    coro->stack = stack;
    worker->start = coro;
    go_to(worker, &self->sp, stack, own_stack_entry);
    after_switch(weft__worker_self());
}

static void resume(struct weft__worker *worker, struct weft__coro *coro,
                   struct weft__stack *self)
{
    worker->current = coro;
    weft__count(worker, switches);
    weft__stack_switch(&self->sp, coro->stack, coro->sp, NULL);
    after_switch(weft__worker_self());
}

static void start(struct weft__worker *worker, struct weft__coro *coro,
                  struct weft__stack *self)
{
    weft__worker_started(coro);
    if (weft__likely(coro->stack_class == WEFT__STACK_DEFAULT))
        run_here(worker, coro, self);
    else
        run_on_own_stack(worker, coro, self);
}

/* What was started for a lender has ended. */
static struct weft__coro *take_back(struct weft__worker *worker)
{
    struct weft__lend *lend = worker->lent;
    worker->lent = lend->outer;
    return lend->lender;
}

static void dispatch(struct weft__stack *self)
{
    for (;;) {
        struct weft__worker *worker = weft__worker_self();
        if (weft__unlikely(worker->rt->driver->turn != NULL)) {
            worker->rt->driver->turn(worker);
            worker = weft__worker_self();
        }
        struct weft__coro *coro = worker->start;
        if (coro != NULL)
            worker->start = NULL;
        else
            coro = worker->lent ? take_back(worker) : find(worker);
        if (weft__unlikely(coro == NULL)) {
            struct weft__stack *thread = &worker->thread_stack;
            weft__stack_switch(&self->sp, thread, thread->sp, NULL);
            continue;
        }
        count_step(worker, coro);
        if (coro->flags & WEFT__CORO_FRESH)
            start(worker, coro, self);
        else
            resume(worker, coro, self);
    }
}

static void dispatcher_entry(void *pass)
{
    (void)pass;
    weft__sanitize_entered();
    struct weft__worker *worker = weft__worker_self();
    struct weft__stack *self = worker->dispatcher;
    after_switch(worker);
    dispatch(self);
}

/* Life */

void weft__worker_main(void *arg)
{
    struct weft__worker *worker = arg;
    weft_runtime *rt = worker->rt;
    weft__worker_set(worker);
    weft__store_release(&worker->tid, (int32_t)weft__os->thread_id());
    weft__sanitize_thread_stack(&worker->thread_stack);
    weft__overflow_thread_open(worker);
    go_to(worker, &worker->thread_stack.sp, worker->dispatcher,
          dispatcher_entry);
    weft__store_release(&worker->tid, 0); /* pairs with who signals it */
    weft__overflow_thread_close(worker);
    weft__worker_set(NULL);
    weft__thread_closed(&rt->census);
    weft__runtime_drop(rt);
}

int weft__worker_open(struct weft__worker *worker, struct weft_runtime *rt,
                      unsigned index)
{
    worker->rt = rt;
    worker->index = index;
    worker->loop = &rt->loop[index];
    worker->chance = weft__os->random() | 1;
    worker->calls = WEFT__CALLS;
    worker->seen = weft__mem_alloc(rt->workers, sizeof(*worker->seen));
    if (worker->seen == NULL)
        return -ENOMEM;
    int rc = weft__deque_init(&worker->deque, 256, 0);
    if (rc == 0)
        rc = weft__ring_init(&worker->ring, 256, 0);
    if (rc < 0)
        return rc;
    worker->dispatcher = stack_take(worker, WEFT__STACK_DEFAULT);
    return worker->dispatcher ? 0 : -ENOMEM;
}

void weft__worker_close(struct weft__worker *worker)
{
    weft__deque_fini(&worker->deque);
    weft__ring_fini(&worker->ring);
    if (worker->rt->pool != NULL)
        weft__pool_drain(worker->rt->pool, worker->index, &worker->tasks);
    weft__mem_free(worker->seen);
    weft__mem_free(worker->alternate);
}
