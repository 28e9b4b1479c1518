// SPDX-License-Identifier: MIT
/*
 * fib() over a bare deque of Chase and Lev, as bare_fork.h says. A call pushes
 * one half of its work, does the other, and pops what it pushed: the push is
 * two stores, the pop a store, a fence and a load. There are no errors, no
 * cancellation, no growth and no sleep, and what runs is known: whoever offers
 * any of these has to pay for them.
 *
 * A second thread steals, oldest first. Whose branch was stolen helps the thief
 * until it is done.
 */
#define _GNU_SOURCE
#include "perf/bare_fork.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <weft/time.h>

#include "perf/fib.h"

#define APART _Alignas(128)
#define SLOTS 64 /* a power of two, more than PERF_FIB_N */
#define PATIENCE 1000

struct branch {
    unsigned n;
    atomic_bool done;
    uint64_t result; /* by a thief, before it says done */
};

/* One thread's. `end` is written by its owner alone, `first` by swaps. */
struct deque {
    APART _Atomic uint64_t end;
    _Atomic(struct branch *) slots[SLOTS];
    APART _Atomic uint64_t first;
    struct deque *other; /* where to steal; NULL: nobody is there */
};

struct pair {
    struct deque ours, theirs;
    atomic_bool ready, stop;
};

/* Nothing after it is read before all that stands before it is written. */
static inline void fence(void)
{
#if defined(__x86_64__)
    /* The cheapest there is; compilers differ in what they make of it. */
    __asm__ volatile("lock; orl $0, -4(%%rsp)" ::: "memory", "cc");
#else
    atomic_thread_fence(memory_order_seq_cst);
#endif
}

static inline void push(struct deque *deque, struct branch *branch)
{
    uint64_t end = atomic_load_explicit(&deque->end, memory_order_relaxed);

    atomic_store_explicit(&deque->slots[end % SLOTS], branch,
                          memory_order_relaxed);
    /* Pairs with the thief's load of `end`. */
    atomic_store_explicit(&deque->end, end + 1, memory_order_release);
}

/* The newest, which is what was pushed last: false if it was stolen. */
static inline bool pop(struct deque *deque)
{
    uint64_t end = atomic_load_explicit(&deque->end, memory_order_relaxed) - 1;
    uint64_t first;
    bool got;

    atomic_store_explicit(&deque->end, end, memory_order_relaxed);
    fence(); /* pairs with the one in steal */
    first = atomic_load_explicit(&deque->first, memory_order_relaxed);
    if ((int64_t)(end - first) > 0) {
        return true;
    }
    /* Races with the swap in steal. */
    got = end == first &&
          atomic_compare_exchange_strong(&deque->first, &first, first + 1);
    atomic_store_explicit(&deque->end, end + 1, memory_order_relaxed);
    return got;
}

static struct branch *steal(struct deque *deque)
{
    uint64_t first = atomic_load_explicit(&deque->first, memory_order_acquire);
    struct branch *branch;
    uint64_t end;

    fence(); /* pairs with the one in pop */
    /* Pairs with the release in push. */
    end = atomic_load_explicit(&deque->end, memory_order_acquire);
    if ((int64_t)(end - first) <= 0) {
        return NULL;
    }
    branch = atomic_load_explicit(&deque->slots[first % SLOTS],
                                  memory_order_relaxed);
    /* Races with the swap in pop. */
    return atomic_compare_exchange_strong(&deque->first, &first, first + 1)
               ? branch
               : NULL;
}

static uint64_t fib(struct deque *deque, unsigned n);

/* Steal and run one branch; else wait a little. */
static void help(struct deque *deque, unsigned *failures)
{
    struct branch *branch = steal(deque->other);

    if (branch != NULL) {
        branch->result = fib(deque, branch->n);
        /* Pairs with who waits for it. */
        atomic_store_explicit(&branch->done, true, memory_order_release);
        *failures = 0;
    } else if (++*failures > PATIENCE) {
        sched_yield(); /* there may be fewer CPUs free than threads */
    }
}

static __attribute__((noinline)) uint64_t wait_for(struct deque *deque,
                                                   struct branch *branch)
{
    unsigned failures = 0;

    /* Pairs with the thief. */
    while (!atomic_load_explicit(&branch->done, memory_order_acquire)) {
        help(deque, &failures);
    }
    return branch->result;
}

static uint64_t fib(struct deque *deque, unsigned n)
{
    struct branch branch;
    uint64_t rest;

    if (n < 2) {
        return n;
    }
    branch.n = n - 1;
    atomic_store_explicit(&branch.done, false, memory_order_relaxed);
    push(deque, &branch);
    rest = fib(deque, n - 2);
    if (pop(deque)) {
        return rest + fib(deque, branch.n);
    }
    return rest + wait_for(deque, &branch);
}

static double measure(struct deque *deque, uint64_t calls)
{
    unsigned n = perf_fib_within(calls);
    weft_time start = weft_now();
    uint64_t result = fib(deque, n);
    weft_ns took = weft_now() - start;

    if (result != perf_fib(n)) {
        fprintf(stderr, "weft-perf calibrate: fib(%u) is not %llu\n", n,
                (unsigned long long)result);
        abort();
    }
    return (double)took / (double)perf_fib_calls(n);
}

double perf_bare_fork(uint64_t calls)
{
    struct deque deque = {0};

    return measure(&deque, calls);
}

static void *thief(void *arg)
{
    struct pair *pair = arg;
    unsigned failures = 0;

    atomic_store(&pair->ready, true);
    while (!atomic_load_explicit(&pair->stop, memory_order_relaxed)) {
        help(&pair->theirs, &failures);
    }
    return NULL;
}

static bool is_single(void)
{
    cpu_set_t cpus;

    return sched_getaffinity(0, sizeof(cpus), &cpus) == 0 &&
           CPU_COUNT(&cpus) < 2;
}

double perf_bare_fork_x2(uint64_t calls)
{
    struct pair pair = {.ours.other = &pair.theirs, .theirs.other = &pair.ours};
    pthread_t thread;
    double took;

    if (is_single() || pthread_create(&thread, NULL, thief, &pair) != 0) {
        return -1;
    }
    while (!atomic_load(&pair.ready)) {
        sched_yield();
    }
    took = measure(&pair.ours, calls);
    atomic_store(&pair.stop, true);
    pthread_join(thread, NULL);
    return took;
}
