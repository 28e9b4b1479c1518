// SPDX-License-Identifier: MIT
/*
 * A worker: an OS thread that runs coroutines, and its loop. Everything it
 * queues can be taken from it by others at any time, but for what is pinned.
 *
 * Who writes a field, and when, stands beside it. "Owner" is the worker's own
 * thread.
 */
#ifndef WEFT_SCHED_WORKER_H
#define WEFT_SCHED_WORKER_H

#include "sched/coro.h"
#include "sched/deque.h"
#include "sched/driver.h"
#include "sched/idle.h"
#include "sched/patience.h"
#include "sched/pool.h"
#include "sched/ring.h"
#include "sched/stack.h"
#include "sched/strand.h"

#include <weft/stats.h>

#define WEFT__BUDGET 64 /* calls in one step that need not suspend */

/*
 * A coroutine that lends its worker to a fresh one whose end it waits for, and
 * lies in its frame. It is neither asleep nor queued: when the fresh one ends
 * without a suspension it goes on as from a call. Else it is settled first:
 * registered, and put to sleep, as if it had suspended.
 */
struct weft__lend {
    struct weft__lend *outer;  /* lent to the lender */
    struct weft__coro *lender; /* fixed */
    uint32_t mask;             /* of the sleep; fixed */
    bool settled;
    void (*settle)(struct weft__lend *); /* registers it; fixed */
};

/* What a dispatcher has to do for the coroutine whose stack was just left. */
enum weft__after {
    WEFT__AFTER_NOTHING,
    WEFT__AFTER_PARK,       /* go to sleep for ->after_mask */
    WEFT__AFTER_YIELD,      /* queue it again */
    WEFT__AFTER_RETIRE = 4, /* ->after_stack is free */
    WEFT__AFTER_CALLED = 8, /* and the monitor has something to say */
};

/* What a worker is, beside active: that is who owns its loop, and nobody else
 * (reserve.h). */
enum weft__role {
    WEFT__UP,         /* active; or surplus, and it may not know it yet */
    WEFT__SPARE,      /* without a loop */
    WEFT__BUSY,       /* the same, but runs a pinned task just now */
    WEFT__CALLED,     /* a spare that is to get its loop in a moment */
    WEFT__BACKGROUND, /* lowered: it is never active again */
    WEFT__VACANT,     /* has no thread, or one that is just ending */
};

/* Where a worker queues what it wakes. */
enum weft__wakes_to {
    WEFT__TO_NEXT,  /* to its next slot */
    WEFT__TO_RING,  /* it polls: in order, and announced only once */
    WEFT__TO_INBOX, /* it has no loop: to the owner of that */
};

/* What is forked there belongs there. */
#define WEFT__FORKS_LOW 2

/* Why a loop was taken from its worker. */
enum weft__verdict {
    WEFT__NO_VERDICT, /* it was not */
    WEFT__SAID_SO,    /* the task had said that it would block */
    WEFT__COMPUTES,
    WEFT__BLOCKS, /* sleeps in the kernel */
};

/* A loop: timers, inbox, callbacks and, in loop/, the engine. */
struct weft__loop {
    struct weft_runtime *rt; /* fixed */
    unsigned index;          /* fixed */
    /* Its active worker; the lowest bit is set while that sleeps in it, and the
     * loop cannot change hands. By the owner, and by who hands it over. */
    _Atomic(uintptr_t) owner;
    void *engine;                         /* the driver's; fixed after open() */
    WEFT__APART struct weft__inbox inbox; /* anybody adds, anybody takes */
    /* Written by those who submit from outside: what began, what was ended by
     * them, and whose submitter does not touch the loop any more. */
    WEFT__APART _Atomic(uint64_t) submitted;
    _Atomic(uint64_t) dropped;
    _Atomic(uint64_t) left;
    _Atomic(uint64_t) known; /* ->started, as one of them saw it last */
    /* What counts in ->submitted and does not wait in the inbox any more, or
     * never did. Written by who starts it; by the submitter of the others. */
    WEFT__APART _Atomic(uint64_t) started;
    WEFT__APART struct weft__timers timers;
    struct weft__strand strand;
};

struct weft__counters {
#define WEFT__COUNTER(name, text) _Atomic(uint64_t) name;
    WEFT_COUNTERS(WEFT__COUNTER)
#undef WEFT__COUNTER
};

/* What a sentinel remembers of a worker. */
struct weft__look {
    uint64_t steps;
    uint64_t parks;
};

struct weft__worker {
    /* Owner only, unless said otherwise. */
    struct weft__coro *current; /* NULL in the dispatcher */
    struct weft_runtime *rt;
    struct weft__loop *loop; /* its own while it is active; fixed */
    unsigned index;          /* in the runtime's array; fixed */
    unsigned tick;           /* steps, and fruitless looks for one */
    uint32_t heeded;         /* ->slow, as of its last look at the clock */
    struct weft__stack *dispatcher; /* the stack that dispatches now */
    struct weft__stack *spare; /* for the next one; NULL: start nothing new */
    struct weft__coro *start;  /* handed to the dispatcher, or to a stack */
    struct weft__lend *lent;   /* who waits for the one that runs; NULL */
    unsigned after;            /* of enum weft__after */
    uint32_t after_mask;
    struct weft__coro *after_coro;
    struct weft__stack *after_stack;
    struct weft__stack *stacks[WEFT__STACK_CLASSES]; /* cache, by ->next */
    unsigned stack_count[WEFT__STACK_CLASSES];
    struct weft__pool_cache tasks;
    struct weft__coro *pinned_head; /* ready and pinned, by ->link */
    struct weft__coro *pinned_tail;
    bool ring_first;         /* the last time, before the deque */
    unsigned streak;         /* steps in a row from the next slot */
    uint64_t oldest;         /* in the deque, at the last look at it */
    int64_t oldest_since;    /* when it had become that */
    unsigned budget;         /* calls that may still end without a suspension */
    unsigned calls;          /* of branches, before the next look around */
    bool searching;          /* counted in idle.searching */
    uint8_t wakes_to;        /* enum weft__wakes_to */
    uint8_t forks;           /* WEFT__FORKS_LOW in the background, else 0 */
    bool sentinel;           /* its index stands in idle.sentinel */
    unsigned looks;          /* as the sentinel: looks that found nothing */
    unsigned allowance;      /* what ->budget begins with in each step */
    _Atomic(uint32_t) homed; /* tasks pinned to it */
    bool expected;           /* counted in reserve.coming; by who started it */
    struct weft__usage usage; /* in the background: at the step's start */
    bool served;              /* a foreign submission, since it last waited */
    struct weft__patience patience; /* with who submits */
    unsigned haul;                  /* pieces stolen since it was out of work */
    unsigned poor;                  /* such hauls in a row that did not pay */
    int64_t hauled;                 /* when the last piece of it was stolen */
    bool forked;                    /* the last piece was a branch */
    int64_t credit;  /* ns that branches were worth, beyond what they cost */
    int64_t polled;  /* when it polled last */
    uint64_t chance; /* state of its random numbers */
    struct weft__look *seen; /* as the sentinel: each worker, last time */
    struct weft__stack thread_stack; /* where the thread itself began */
    uintptr_t thread;                /* written by who started it */
    _Atomic(int32_t) tid; /* the kernel's; 0: has not begun, or ended */
    void *alternate;      /* signal stack */

    /* Written by the owner; `steps` tells the sentinel whether it is stuck. */
    WEFT__APART struct weft__counters counters;

    /* Its ->steps + 1 when the monitor saw that it is stuck; 0: it is not.
     * Written by the monitor; cleared by who has looked there in vain. */
    _Atomic(uint64_t) stuck;
    uint64_t watched; /* ->steps at its last look; the monitor only */
    /* Looks of the monitor that found its steps to be long: each time it looks
     * at the clock before the next one. Written by the monitor. */
    _Atomic(uint32_t) slow;

    /* enum weft__role. By the owner; SPARE -> CALLED, and back if that fails, by
     * who hands a loop over;
     * GONE -> UP or BACKGROUND by who starts a thread for it. */
    _Atomic(uint32_t) role;
    /* Runs at a lower priority, for good. By who lowers it. */
    _Atomic(bool) lowered;
    /* Its ->steps + 1 when its loop was taken from it, and why. By who did. */
    _Atomic(uint64_t) overran;
    _Atomic(uint32_t) verdict;
    /* Its ->steps + 1 while the task in it has said that it blocks. Owner. */
    _Atomic(uint64_t) blocking;
    unsigned
        blocking_depth; /* of such sections; the owner's, as the next two */
    int64_t blocking_since;
    int64_t blocking_usual; /* how long they take */
    /* Where it sleeps without a loop: futex, counted up by who wakes it. */
    _Atomic(uint32_t) bed;
    _Atomic(bool) asleep; /* there; by the owner */
    /* It counts as one of those who use a CPU. Set by the owner, cleared by it
     * and by the monitor. */
    _Atomic(bool) slot;
    /* The monitor's notes: the step it was in, and the CPU time of its thread
     * then. */
    int64_t since;     /* the look that found it in that */
    uint64_t reported; /* ->steps + 1 of the last one that was slow */
    uint64_t sampled;
    int64_t sampled_cpu;
    int64_t sampled_at;
    _Atomic(int64_t) first_cpu; /* at its first look in that step */
    _Atomic(int64_t) first_at;  /* the same, by the clock */

    /* It has more in its ring than it will come to soon: thieves may help.
     * Set by the owner and by a sentinel, cleared by the owner when it parks. */
    _Atomic(bool) giving;

    /* Exchanged by the owner and by thieves. */
    WEFT__APART _Atomic(struct weft__coro *) next; /* to run next */
    WEFT__APART struct weft__deque deque;          /* fresh spawns */
    WEFT__APART struct weft__ring ring;            /* woken, yielded */
    WEFT__APART struct weft__inbox pinned_inbox;   /* from other threads */
};

/** The worker of this OS thread, or NULL. Never kept over a suspension: it is
 * read anew, by an instruction that no compiler caches. */
extern _Thread_local struct weft__worker *weft__worker_of_thread
    __attribute__((tls_model("initial-exec")));

#if defined(__x86_64__) || defined(__aarch64__)
static inline struct weft__worker *weft__worker_self(void)
{
    struct weft__worker *self;
#if defined(__x86_64__)
    __asm__ volatile("movq weft__worker_of_thread@gottpoff(%%rip), %0\n\t"
                     "movq %%fs:(%0), %0"
                     : "=r"(self)
                     :
                     : "memory");
#elif defined(__aarch64__)
    uintptr_t offset;
    __asm__ volatile("adrp %1, :gottprel:weft__worker_of_thread\n\t"
                     "ldr %1, [%1, :gottprel_lo12:weft__worker_of_thread]\n\t"
                     "mrs %0, tpidr_el0\n\t"
                     "ldr %0, [%0, %1]"
                     : "=&r"(self), "=&r"(offset)
                     :
                     : "memory");
#endif
    return self;
}
#else
WEFT__NOINLINE struct weft__worker *weft__worker_self(void);
#endif

void weft__worker_set(struct weft__worker *);

#define WEFT__OWNER_PARKED ((uintptr_t)1)

/** A loop's active worker, just now. */
static inline struct weft__worker *weft__loop_owner(struct weft__loop *loop)
{
    /* Acquire: the worker may be a new one; pairs with the hand-off. */
    uintptr_t owner = weft__load_acquire(&loop->owner);
    return (struct weft__worker *)(owner & ~WEFT__OWNER_PARKED);
}

/** Does it own its loop? Of another worker: just now. */
static inline bool weft__worker_is_active(struct weft__worker *worker)
{
    return weft__likely(weft__loop_owner(worker->loop) == worker);
}

/** And it knows that it has. Owner. */
static inline bool weft__worker_has_loop(struct weft__worker *worker)
{
    return weft__worker_is_active(worker) &&
           weft__load_relaxed(&worker->role) == WEFT__UP;
}

/** One more task is pinned to it, or one less. Owner. */
static inline void weft__worker_home(struct weft__worker *worker, int change)
{
    weft__store_relaxed(&worker->homed,
                        weft__load_relaxed(&worker->homed) + (uint32_t)change);
}

/** One writer, so no read-modify-write. */
#define weft__count_n(worker, name, n)                                         \
    weft__store_relaxed(&(worker)->counters.name,                              \
                        weft__load_relaxed(&(worker)->counters.name) + (n))
#define weft__count(worker, name) weft__count_n(worker, name, 1)

/* Life: worker.c. */
int weft__worker_open(struct weft__worker *, struct weft_runtime *,
                      unsigned index, struct weft__loop *);
void weft__worker_close(struct weft__worker *);

/** Give back what it keeps for the next time: its thread ends. */
void weft__worker_rest(struct weft__worker *);

/** The thread's main function: dispatch until the runtime stops. */
void weft__worker_main(void *arg);

/** Does anybody wait for this worker while a step goes on and on? Queues what
 * has become due. Owner. */
bool weft__worker_is_wanted(struct weft__worker *);

/* Queues: queue.c. All of them make a coroutine run some day. */

/** A fresh coroutine, spawned by the one that runs. Owner. */
void weft__queue_spawned(struct weft__worker *, struct weft__coro *);

/** A coroutine that was woken. Any thread: goes to the current worker if that
 * is of the same runtime. */
void weft__queue_woken(struct weft__coro *);

/** A wake by a thread that is no worker of the runtime, and need not hold a
 * reference to it: the runtime could end as soon as the coroutine runs. */
void weft__queue_wake_from_outside(struct weft__coro *, uint32_t wake);

/** One of a batch that the worker polled: no hurry, in order. Owner. */
void weft__queue_polled(struct weft__worker *, struct weft__coro *);

/** Into a loop's inbox. Any thread. */
void weft__queue_inject(struct weft__loop *, struct weft__coro *);

/** Does a fresh task in its deque wait for too long? Owner. */
bool weft__queue_starves(struct weft__worker *);

/** The next one to be taken is one that usually comes last. Owner. */
void weft__queue_be_fair(struct weft__worker *);

/** The last one that this thread injected woke its worker; who has waited for
 * the answer clears it. For foreign threads. */
extern _Thread_local bool weft__queue_woke
    __attribute__((tls_model("initial-exec")));

/** The next coroutine from the worker's own queues, or NULL. Owner. */
struct weft__coro *weft__queue_take(struct weft__worker *);

/** A loop's inbox in one exchange: the oldest is the result, the rest goes to
 * the worker's ring. Each gets the flag `mark`. */
struct weft__coro *weft__queue_take_inbox(struct weft__worker *,
                                          struct weft__loop *, uint8_t mark);

/** The next of its pinned ones. Owner. */
struct weft__coro *weft__queue_take_pinned(struct weft__worker *);

/** From any worker's next slot. */
struct weft__coro *weft__queue_take_next(struct weft__worker *);

/* Stealing: steal.c. All of them by the thief. */

/** One taken from another worker, or NULL: there is none, or it did not pay
 * the last time and this worker should doze first. */
struct weft__coro *weft__steal(struct weft__worker *thief);

/** The same, whether it pays or not. */
struct weft__coro *weft__steal_now(struct weft__worker *thief);

/** All that waits with one worker, also in its next slot: for the sentinel. */
struct weft__coro *weft__steal_rescue(struct weft__worker *thief,
                                      struct weft__worker *victim);

/** Does anything wait with this worker that it does not come to by itself while
 * it goes on as it does? Any thread. */
bool weft__steal_waits(struct weft__worker *);

enum weft__reach {
    WEFT__REACH_OWN,       /* only what is its own */
    WEFT__REACH_ANNOUNCED, /* and what weft__steal_now() would take */
    WEFT__REACH_ALL,       /* and what a sentinel looks after */
};

/** Is there anything to take or steal? Pinned ones count for their owner. */
bool weft__steal_any(struct weft__worker *, enum weft__reach);

/** It starts: it is not fresh any more, and a submission does not wait. */
static inline void weft__worker_started(struct weft__coro *coro)
{
    coro->flags &= (uint8_t)~WEFT__CORO_FRESH;
    if (weft__unlikely(coro->flags & WEFT__CORO_SUBMITTED)) {
        coro->flags &= (uint8_t)~WEFT__CORO_SUBMITTED;
        weft__fetch_add_relaxed(&coro->alarm.loop->started, 1);
    }
}

/* Random numbers for who to rob: xorshift. Owner. */
static inline uint64_t weft__worker_chance(struct weft__worker *worker)
{
    uint64_t x = worker->chance;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return worker->chance = x;
}

#endif
