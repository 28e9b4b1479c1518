// SPDX-License-Identifier: MIT
/* The simulated driver: see sim.h. */
#include "tests/support/sim.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "future/task.h"
#include "sched/sanitize.h"
#include "sched/sched.h"
#include "tests/support/reuse.h"
#include "tests/support/scale.h"

#define MOST_STEPS 4000000
#define STEP_NS 3000  /* at most, of virtual time */
#define LOOK_EVERY 16 /* turns, about, between two looks of the monitor */

/* A virtual worker, as long as it is not the one that runs. */
struct virtual
{
    struct weft__stack *stack; /* where to resume it */
    void *sp;
    bool waits;
    bool woken; /* since it last came back from a wait */
    int64_t until;
};

static struct {
    weft_runtime *rt;
    struct weft__worker *booting;
    struct weft__stack stack; /* the simulator's own: the thread's */
    void *sp;
    struct virtual worker[WEFT__MAX_WORKERS];
    struct weft_test_random random;
    int64_t now;
    uint64_t hash;
    uint64_t steps;
} sim;

void (*weft_sim_hook)(void);

void weft_sim_note(uint64_t value)
{
    sim.hash = (sim.hash ^ value) * UINT64_C(0x100000001b3);
    sim.hash ^= sim.hash >> 29;
}

/* Back to the simulator, until it is this worker's turn again. */
static void give_way(struct weft__worker *worker)
{
    struct virtual *self = &sim.worker[worker->index];
    self->stack = worker->dispatcher;
    weft__worker_set(NULL);
    weft__stack_switch(&self->sp, &sim.stack, sim.sp, NULL);
}

/* The first thing on the stack that stands for a worker's thread. */
static void boot(void *pass)
{
    (void)pass;
    weft__sanitize_entered();
    weft__worker_main(sim.booting);
}

static void resume(unsigned index)
{
    struct virtual *next = &sim.worker[index];
    struct weft__worker *worker = &sim.rt->worker[index];
    if (next->stack != NULL) {
        weft__worker_set(worker);
        weft__stack_switch(&sim.sp, next->stack, next->sp, NULL);
        return;
    }
    next->stack = weft__depot_take(&sim.rt->stacks, WEFT__STACK_DEFAULT);
    WEFT__REQUIRE(next->stack != NULL);
    sim.booting = worker;
    weft__stack_switch(&sim.sp, next->stack,
                       weft__context_make(next->stack->top, boot), NULL);
}

/* Choosing */

static bool can_run(const struct virtual *worker)
{
    return !worker->waits || worker->woken || worker->until <= sim.now;
}

/* One of those that can run, or -1. */
static int choose(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < sim.rt->workers; i++)
        count += can_run(&sim.worker[i]);
    if (count == 0)
        return -1;
    uint64_t nth = weft_test_below(&sim.random, count);
    for (unsigned i = 0;; i++)
        if (can_run(&sim.worker[i]) && nth-- == 0)
            return (int)i;
}

/* Everybody sleeps: on to the next moment, but not past `limit`. */
static bool jump(int64_t limit)
{
    int64_t next = limit;
    for (unsigned i = 0; i < sim.rt->workers; i++)
        if (sim.worker[i].until < next)
            next = sim.worker[i].until;
    if (next == INT64_MAX)
        return false;
    sim.now = next > sim.now ? next : sim.now;
    return true;
}

/* Descriptors lie in slabs that are aligned to their size. */
static uint64_t number_of(const struct weft__coro *coro)
{
    return (uintptr_t)coro % 65536 / WEFT__TASK_SIZE;
}

static void trace(unsigned index)
{
    struct weft__worker *worker = &sim.rt->worker[index];
    sim.steps++;
    weft_sim_note((uint64_t)index << 32 | number_of(worker->after_coro));
    weft_sim_note((uint64_t)sim.now);
    weft_sim_note(weft__load_relaxed(&worker->counters.steps));
    weft_sim_note(weft__load_relaxed(&worker->counters.tasks_ended));
}

/* One turn of one worker. False: nothing can run until `limit`. */
static bool step(int64_t limit)
{
    int index = choose();
    if (index < 0)
        return jump(limit) && sim.now < limit;
    sim.now += (int64_t)weft_test_below(&sim.random, STEP_NS);
    if (weft_sim_hook != NULL)
        weft_sim_hook();
    /* Often: who has not had a turn in between looks stuck. */
    if (weft_test_below(&sim.random, LOOK_EVERY) == 0)
        weft__monitor_look(sim.rt, sim.now);
    resume((unsigned)index);
    trace((unsigned)index);
    return sim.steps < MOST_STEPS;
}

/* The driver */

static int driver_open(struct weft__loop *loop, const weft_options *options)
{
    (void)options;
    loop->engine = &sim;
    return 0;
}

static void driver_close(struct weft__loop *loop)
{
    loop->engine = NULL;
}

static unsigned driver_poll(struct weft__loop *loop,
                            struct weft__worker *worker)
{
    (void)loop;
    (void)worker;
    return 0;
}

static void driver_wait(struct weft__loop *loop, struct weft__worker *worker,
                        int64_t until)
{
    struct virtual *self = &sim.worker[loop->index];
    self->waits = true;
    self->until = until;
    give_way(worker);
    self->waits = false;
    self->woken = false;
    self->until = INT64_MAX;
}

static void driver_wake(struct weft__loop *loop)
{
    sim.worker[loop->index].woken = true;
}

static bool driver_watching(struct weft__loop *loop)
{
    (void)loop;
    return false;
}

static enum weft_engine driver_engine(struct weft__loop *loop)
{
    (void)loop;
    return WEFT_ENGINE_EPOLL;
}

static const struct weft__driver driver = {
    .open = driver_open,
    .close = driver_close,
    .poll = driver_poll,
    .wait = driver_wait,
    .wake = driver_wake,
    .watching = driver_watching,
    .ready = driver_watching,
    .engine = driver_engine,
    .turn = give_way,
};

/* The operating system */

static int64_t os_now(void)
{
    return sim.now;
}

static uint64_t os_random(void)
{
    return weft_test_next(&sim.random);
}

/* Only the simulator itself waits: for the runtime that it runs meanwhile. */
static long os_futex_wait(const void *word, uint32_t seen, int64_t until)
{
    const _Atomic(uint32_t) *at = word;
    WEFT__REQUIRE(weft__worker_self() == NULL);
    while (weft__load_acquire(at) == seen)
        if (!step(until))
            return -ETIMEDOUT;
    return 0;
}

static long os_futex_wake(const void *word, int count)
{
    (void)word;
    (void)count;
    return 0;
}

/* The one thread keeps the signal stack it has. */
static long os_sigaltstack(const stack_t *stack, stack_t *old)
{
    (void)stack;
    (void)old;
    return 0;
}

/* Running */

/* Not through the door for foreign threads: which loop that takes depends on
 * an address. */
static weft_future *submit(weft_fn *fn, void *arg)
{
    uint64_t at = weft_test_below(&sim.random, sim.rt->workers);
    struct weft__loop *loop = &sim.rt->loop[at];
    weft_future *task =
        weft__task_new_foreign(sim.rt, loop->index, WEFT__TASK, fn, arg);
    WEFT__REQUIRE(task != NULL);
    task->name = "main";
    weft__fetch_add(&loop->submitted, 1);
    weft__queue_inject(loop, &task->coro);
    weft__runtime_left(loop);
    return task;
}

static int run_main(weft_fn *fn, void *arg)
{
    weft_future *task = submit(fn, arg);
    while (weft_future_state(task) == WEFT_FUTURE_PENDING)
        if (!step(INT64_MAX)) {
            weft_future_unref(task);
            return sim.steps < MOST_STEPS ? -WEFT_EDEADLK : -ETIMEDOUT;
        }
    int code = weft_future_result(task, NULL);
    weft_future_unref(task);
    return code;
}

int weft_sim_run(uint64_t seed, unsigned workers, weft_fn *fn, void *arg,
                 struct weft_sim_report *report)
{
    weft_options options = {.size = sizeof(options),
                            .workers = workers,
                            .no_overflow_report = true};
    const struct weft__os *before = weft__os;
    struct weft__os os = *before; /* the real one, or with faults */
    os.now = os_now;
    os.coarse = os_now;
    os.random = os_random;
    os.futex_wait = os_futex_wait;
    os.futex_wake = os_futex_wake;
    os.sigaltstack = os_sigaltstack;
    if (before == &weft__os_real)
        weft_test_reuse(&os);
    memset(&sim, 0, sizeof(sim));
    sim.random.state = seed;
    sim.now = 1000000;
    for (unsigned i = 0; i < WEFT__MAX_WORKERS; i++)
        sim.worker[i].until = INT64_MAX;
    weft__sanitize_thread_stack(&sim.stack);
    weft__os = &os;
    int rc = weft__runtime_open(&options, &weft__task_hooks, &driver, false,
                                &sim.rt);
    if (rc == 0) {
        report->code = run_main(fn, arg);
        report->end = weft_runtime_shutdown(sim.rt);
        weft_stats(sim.rt, &report->counters);
        weft__runtime_drop(sim.rt);
    }
    report->hash = sim.hash;
    report->steps = sim.steps;
    report->virtual_ns = sim.now - 1000000;
    weft__os = before;
    return rc;
}
