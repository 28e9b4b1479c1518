// SPDX-License-Identifier: MIT
/*
 * Whatever a task does to its thread, the others go on: as many tasks as there
 * are workers, and one more, are stuck until a light one has made its rounds.
 * Tests of the mechanism are in tests/sched/.
 */
#define _GNU_SOURCE
#include <weft/future.h>
#include <weft/task.h>

#include <netdb.h>
#include <pthread.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/run.h"
#include "tests/support/scale.h"
#include "tests/support/test.h"
#include "tests/support/thread.h"

enum { STUCK = 3 }; /* one more than there are workers, at most */

static atomic_int done;

static void loops(void)
{
    while (!atomic_load(&done))
        ;
}

static void sleeps(void)
{
    struct timespec time = {.tv_nsec = 50000000};
    while (!atomic_load(&done))
        nanosleep(&time, NULL);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static atomic_int is_held;

static void waits_for_mutex(void)
{
    pthread_mutex_lock(&mutex);
    pthread_mutex_unlock(&mutex);
}

static void resolves(void)
{
    while (!atomic_load(&done)) {
        struct addrinfo *found = NULL;
        if (getaddrinfo("localhost", "http", NULL, &found) == 0)
            freeaddrinfo(found);
    }
}

static void faults_in_pages(void)
{
    size_t size = (size_t)16 << 20;
    while (!atomic_load(&done)) {
        char *all = mmap(NULL, size, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        cr_assert_neq(all, MAP_FAILED);
        for (size_t i = 0; i < size && !atomic_load(&done); i += 4096)
            all[i] = 1;
        munmap(all, size);
    }
}

typedef void stuck_fn(void);

static void *is_stuck(void *how)
{
    stuck_fn **does = how;
    (*does)();
    return NULL;
}

/* Timers, spawns, callbacks and yields, in turn. */
static void *makes_rounds(void *unused)
{
    for (int i = 0; i < 20; i++) {
        cr_expect_eq(weft_sleep(WEFT_MS(1)), 0);
        cr_expect_eq(weft_await(weft_spawn(weft_test_echo, NULL), NULL), 0);
        cr_expect_eq(weft_await(weft_call_soon(weft_test_echo, NULL), NULL), 0);
        weft_yield();
    }
    return unused;
}

static void *beside_stuck_ones(void *how)
{
    weft_future *task[STUCK];
    for (int i = 0; i < STUCK; i++)
        task[i] = weft_spawn(is_stuck, how);
    cr_expect_eq(weft_await(weft_spawn(makes_rounds, NULL), NULL), 0);
    atomic_store(&done, 1);
    for (int i = 0; i < STUCK; i++)
        cr_expect_eq(weft_await(task[i], NULL), 0);
    return NULL;
}

static void nothing_blocks(stuck_fn *how)
{
    for (unsigned workers = 1; workers < STUCK; workers++) {
        atomic_store(&done, 0);
        cr_assert_eq(weft_test_run(workers, beside_stuck_ones, &how), 0);
    }
}

Test(nothing_blocks, endless_loops, .timeout = 60)
{
    nothing_blocks(loops);
}

Test(nothing_blocks, sleeps, .timeout = 60)
{
    nothing_blocks(sleeps);
}

Test(nothing_blocks, name_lookups, .timeout = 60)
{
    nothing_blocks(resolves);
}

Test(nothing_blocks, page_faults, .timeout = 60)
{
    nothing_blocks(faults_in_pages);
}

static void *holds(void *unused)
{
    pthread_mutex_lock(&mutex);
    atomic_store(&is_held, 1);
    weft_test_spin_until(&done, 1);
    pthread_mutex_unlock(&mutex);
    return unused;
}

/* A thread of the program's own holds it, round after round. */
Test(nothing_blocks, mutexes_of_others, .timeout = 60)
{
    stuck_fn *how = waits_for_mutex;
    for (unsigned workers = 1; workers < STUCK; workers++) {
        pthread_t holder;
        atomic_store(&done, 0);
        atomic_store(&is_held, 0);
        pthread_create(&holder, NULL, holds, NULL);
        weft_test_spin_until(&is_held, 1);
        cr_assert_eq(weft_test_run(workers, beside_stuck_ones, &how), 0);
        pthread_join(holder, NULL);
    }
}

/* Light tasks need what those hold who compute, also in the background: it is
 * not starved there. */

static void *computes_with_it(void *unused)
{
    while (!atomic_load(&done)) {
        pthread_mutex_lock(&mutex);
        weft_test_compute_for(WEFT_MS(3));
        pthread_mutex_unlock(&mutex);
        weft_yield();
    }
    return unused;
}

static void *needs_it(void *unused)
{
    for (size_t i = weft_test_scaled(30); i > 0; i--) {
        pthread_mutex_lock(&mutex);
        pthread_mutex_unlock(&mutex);
        cr_expect_eq(weft_sleep(WEFT_MS(1)), 0);
    }
    return unused;
}

static void *share_a_mutex(void *unused)
{
    weft_future *task[STUCK];
    atomic_store(&done, 0);
    for (int i = 0; i < STUCK; i++)
        task[i] = weft_spawn(computes_with_it, NULL);
    cr_expect_eq(weft_await(weft_spawn(needs_it, NULL), NULL), 0);
    cr_expect_eq(weft_await(weft_spawn(makes_rounds, NULL), NULL), 0);
    atomic_store(&done, 1);
    for (int i = 0; i < STUCK; i++)
        cr_expect_eq(weft_await(task[i], NULL), 0);
    return unused;
}

Test(nothing_blocks, mutexes_of_the_background, .timeout = 60)
{
    for (unsigned workers = 1; workers < STUCK; workers++)
        cr_assert_eq(weft_test_run(workers, share_a_mutex, NULL), 0);
}
