// SPDX-License-Identifier: MIT
/*
 * WEFT_DEBUG=1, queues and mutexes: each mistake ends the program with one
 * sentence; without WEFT_DEBUG it has its documented code.
 */
#include <weft.h>

#include <errno.h>

#include "tests/api/mistake.h"

#define BLOCKS "this would block a worker: use the form for coroutines"
#define HOLDS "this task or thread holds the mutex"
#define HOLDS_NOT "this task or thread does not hold the mutex"

IN_MAIN(lock_twice)
{
    weft_mutex mutex = WEFT_MUTEX_INIT;
    int rc = weft_mutex_lock(&mutex);
    return weft_fail(rc < 0 ? rc : weft_mutex_lock(&mutex));
}

/* On a thread of the pool. */
static void *lock_twice_there(void *unused)
{
    weft_mutex mutex = WEFT_MUTEX_INIT;
    (void)unused;
    int rc = weft_mutex_lock_blocking(&mutex, 0);
    return weft_fail(rc < 0 ? rc : weft_mutex_lock_blocking(&mutex, 0));
}

IN_MAIN(lock_twice_in_thread)
{
    return weft_fail(weft_to_thread(lock_twice_there, NULL, NULL));
}

IN_MAIN(lock_blocking_on_worker)
{
    weft_mutex mutex = WEFT_MUTEX_INIT;
    return weft_fail(weft_mutex_lock_blocking(&mutex, 0));
}

IN_MAIN(unlock_unlocked)
{
    weft_mutex mutex = WEFT_MUTEX_INIT;
    return weft_fail(weft_mutex_unlock(&mutex));
}

static weft_queue *queue;

IN_MAIN(put_blocking_on_worker)
{
    int rc = weft_queue_new(1, &queue);
    return weft_fail(rc < 0 ? rc : weft_queue_put_blocking(queue, NULL, 1));
}

IN_MAIN(get_blocking_on_worker)
{
    void *item;
    int rc = weft_queue_new(1, &queue);
    return weft_fail(rc < 0 ? rc : weft_queue_get_blocking(queue, &item, 1));
}

static int put_outside(void)
{
    int rc = weft_queue_new(1, &queue);
    return rc < 0 ? rc : weft_queue_put(queue, NULL);
}

static void *get(void *unused)
{
    void *item = unused;
    return weft_fail(weft_queue_get(queue, &item));
}

IN_MAIN(free_awaited_queue)
{
    int rc = weft_queue_new(1, &queue);
    weft_future *task = weft_spawn(get, NULL);
    if (rc == 0)
        rc = weft_sleep(WEFT_MS(1));
    weft_queue_free(queue);
    weft_cancel(task);
    return weft_fail(rc < 0 ? rc : weft_await(task, NULL));
}

// clang-format off
static const struct weft_test_mistake mistakes[] = {
    ROW(lock_twice, "weft_mutex_lock", HOLDS, -WEFT_EDEADLK),
    ROW(lock_twice_in_thread, "weft_mutex_lock_blocking", HOLDS, -WEFT_EDEADLK),
    ROW(lock_blocking_on_worker, "weft_mutex_lock_blocking", BLOCKS, -WEFT_EDEADLK),
    ROW(unlock_unlocked, "weft_mutex_unlock", HOLDS_NOT, -EPERM),
    ROW(put_blocking_on_worker, "weft_queue_put_blocking", BLOCKS, -WEFT_EDEADLK),
    ROW(get_blocking_on_worker, "weft_queue_get_blocking", BLOCKS, -WEFT_EDEADLK),
    ROW(put_outside, "weft_queue_put", "called where no coroutine runs", -WEFT_ENORUNTIME),
    ROW(free_awaited_queue, "weft_queue_free", "somebody waits for this queue", UNDEFINED),
};
// clang-format on

#define COUNT (sizeof(mistakes) / sizeof(mistakes[0]))

Test(debug_sync, each_aborts_with_a_sentence, .init = weft_test_needs_children,
     .timeout = 120)
{
    for (size_t i = 0; i < COUNT; i++) {
        weft_test_try(&mistakes[i], weft_test_make_in_debug);
        weft_test_expect_abort(&mistakes[i]);
    }
}

Test(debug_sync, without_it_has_its_code, .init = weft_test_needs_children,
     .timeout = 120)
{
    for (size_t i = 0; i < COUNT; i++) {
        if (mistakes[i].without == UNDEFINED)
            continue;
        weft_test_try(&mistakes[i], weft_test_make_without);
        cr_expect_eq(weft_test_child_exit(&weft_test_mistaken), 0, "%s: %d\n%s",
                     mistakes[i].name,
                     weft_test_child_exit(&weft_test_mistaken),
                     weft_test_mistaken.err);
    }
}
