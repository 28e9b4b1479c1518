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
#include "sched/class.h"
#include "sched/find.h"
#include "sched/handoff.h"
#include "sched/overflow.h"
#include "sched/sanitize.h"
#include "sched/sched.h"

#include <errno.h>

#define STACK_CACHE 64u /* and a quarter of that of each larger kind */
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
    worker->budget = worker->allowance;
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

/* Whom to run next without asking the dispatcher; NULL: ask it. It must be
 * asked now and then, as it alone polls, and each time in simulation. */
static struct weft__coro *take_next(struct weft__worker *worker)
{
    if (weft__find_is_called(worker))
        worker->after |= WEFT__AFTER_CALLED;
    else if (!weft__find_is_time(worker) &&
             weft__likely(worker->rt->driver->turn == NULL))
        return weft__queue_take(worker);
    return NULL;
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
    bool poll = weft__find_is_time(worker);
    struct weft__coro *next = take_next(worker);
    poll |= worker->after != WEFT__AFTER_NOTHING; /* called just now */
    if (next == NULL && !poll && worker->rt->driver->turn == NULL) {
        /* Nobody to give way to: count anew. */
        worker->budget = worker->allowance;
        return;
    }
    worker->after |= WEFT__AFTER_YIELD;
    leave(worker, worker->current, next);
}

/* Lending */

/* Not when the queues are due to be looked at; nor a callback: the next one
 * must not wait for what it awaits. */
static bool may_lend(struct weft__worker *worker)
{
    if ((worker->tick + 1) % WEFT__POLL_EVERY == 0 ||
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
    coro->told = phase & 3;
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

/* A callback that goes on as a task; or one that has overrun, perhaps, now or
 * not long ago. */
static WEFT__NOINLINE void after_odd_step(struct weft__worker *worker,
                                          struct weft__coro *coro,
                                          unsigned after)
{
    /* Those before it in the same step were others. */
    if (coro->flags & WEFT__CORO_STEP) {
        weft__strand_suspended(coro);
        return;
    }
    bool part = after & WEFT__AFTER_PARK &&
                worker->after_mask & WEFT__WAKE_NEVER &&
                weft__load_relaxed(&worker->counters.steps) % WEFT__PARTS != 0;
    if (after & WEFT__AFTER_CALLED || coro->score > WEFT__SCORE_NEW)
        weft__class_judge(worker, coro, part);
    else if (!part)
        weft__class_learn(coro);
}

static void after_switch(struct weft__worker *worker)
{
    unsigned after = worker->after;
    struct weft__coro *coro = worker->after_coro;
    worker->after = WEFT__AFTER_NOTHING;
    if (after == WEFT__AFTER_RETIRE) {
        stack_give(worker, worker->after_stack);
        return;
    }
    if (after == WEFT__AFTER_NOTHING)
        return;
    if (weft__unlikely(coro->flags & (WEFT__CORO_STEP | WEFT__CORO_SCORED)) ||
        weft__unlikely(after & WEFT__AFTER_CALLED))
        after_odd_step(worker, coro, after);
    if (after & WEFT__AFTER_YIELD)
        weft__queue_polled(worker, coro);
    else
        park(worker, coro, worker->after_mask);
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
    if (coro->runner)
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
    if (!weft__find_is_called(worker) || weft__worker_is_active(worker))
        return lend->lender;
    if (worker->lent != NULL) /* they wait for this one */
        weft__sched_settle(worker);
    weft__queue_woken(lend->lender);
    return weft__find(worker);
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
            coro = worker->lent ? take_back(worker) : weft__find(worker);
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
    int tid = (int)weft__os->thread_id();
    if (weft__load_relaxed(&worker->lowered))
        weft__os->thread_lower(tid, WEFT__LOWER);
    else
        weft__os->thread_brisk();
    weft__store_release(&worker->tid, tid);
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
                      unsigned index, struct weft__loop *loop)
{
    worker->rt = rt;
    worker->index = index;
    worker->loop = loop;
    worker->chance = weft__os->random() | 1;
    worker->calls = WEFT__CALLS;
    worker->allowance = WEFT__BUDGET;
    worker->blocking_usual = 1000000; /* the first one may take long */
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

void weft__worker_rest(struct weft__worker *worker)
{
    for (unsigned kind = 0; kind < WEFT__STACK_CLASSES; kind++)
        while (worker->stacks[kind] != NULL) {
            struct weft__stack *stack = stack_take(worker, kind);
            weft__count_n(worker, stacks, (uint64_t)-1);
            weft__depot_give(&worker->rt->stacks, stack, stack);
        }
    weft__pool_drain(worker->rt->pool, worker->loop->index, &worker->tasks);
}

void weft__worker_close(struct weft__worker *worker)
{
    weft__deque_fini(&worker->deque);
    weft__ring_fini(&worker->ring);
    if (worker->rt->pool != NULL)
        weft__pool_drain(worker->rt->pool, worker->loop->index, &worker->tasks);
    weft__mem_free(worker->seen);
    weft__mem_free(worker->alternate);
}
