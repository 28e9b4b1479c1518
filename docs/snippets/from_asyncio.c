// SPDX-License-Identifier: MIT
/* What stands in docs/from-asyncio.md. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <weft.h>

static void *square(void *arg)
{
    intptr_t n = (intptr_t)arg;
    int rc = weft_sleep(WEFT_MS(1));
    return rc < 0 ? weft_fail(rc) : (void *)(n * n);
}

/* a, b = await asyncio.gather(square(3), square(4)) */
static int gather(intptr_t *sum)
{
    weft_future *futures[] = {weft_spawn(square, (void *)3),
                              weft_spawn(square, (void *)4)};
    void *results[2];
    int rc = weft_gather(futures, 2, results);
    if (rc == 0)
        *sum = (intptr_t)results[0] + (intptr_t)results[1];
    return rc;
}

/* results = await asyncio.gather(..., return_exceptions=True) */
static void *fails(void *arg)
{
    (void)arg;
    return weft_fail(-EIO);
}

static int gather_exceptions(void)
{
    weft_future *futures[] = {weft_spawn(square, (void *)3),
                              weft_spawn(fails, NULL)};
    void *results[2];
    int failed = weft_gather_collect(futures, 2, results);
    if (failed == 1)
        printf("%ld, %s\n", (long)(intptr_t)results[0],
               weft_strerror(weft_code(results[1])));
    return failed < 0 ? failed : 0;
}

/* async with asyncio.timeout(10): await square(5) */
static int timeout(void **result)
{
    weft_scope scope;
    weft_timeout_enter(&scope, WEFT_S(10));
    *result = square((void *)5);
    return weft_timeout_exit(&scope, weft_code(*result));
}

/* async with asyncio.TaskGroup() as group: ... */
static int task_group(void)
{
    weft_group group;
    weft_group_enter(&group, NULL);
    int rc = weft_group_spawn(&group, square, (void *)6);
    if (rc == 0)
        rc = weft_group_spawn(&group, square, (void *)7);
    return weft_group_exit(&group, rc);
}

/* try: await asyncio.sleep(3600)
 * except CancelledError: ...; raise
 * finally: await close() */
static int close_slowly(void)
{
    return weft_sleep(WEFT_MS(1));
}

static void *tidy(void *arg)
{
    int *closed = arg;
    weft_scope shield;
    int rc = weft_sleep(WEFT_S(3600));
    weft_shield_enter(&shield, WEFT_S(10));
    *closed = close_slowly();
    weft_shield_exit(&shield, 0);
    return weft_fail(rc);
}

static int cancel(void)
{
    int closed = -1;
    weft_future *task = weft_spawn(tidy, &closed);
    weft_cancel(task);
    int rc = weft_await(task, NULL);
    printf("%s, closed: %d\n", weft_strerror(rc), closed);
    return rc == -WEFT_ECANCELED ? 0 : rc;
}

/* future = loop.create_future(); loop.call_later(0.001, future.set_result, 8) */
static void *complete(void *arg)
{
    weft_future *future = arg;
    weft_future_set_result(future, (void *)8);
    weft_future_unref(future);
    return NULL;
}

static int by_hand(void **result)
{
    weft_future *future = weft_future_new();
    weft_detach(weft_call_later(WEFT_MS(1), complete, weft_future_ref(future)));
    return weft_await(future, result);
}

/* asyncio.run_coroutine_threadsafe(square(9), loop).result(5) */
static void *from_a_thread(void *arg)
{
    weft_runtime *rt = arg;
    void *result;
    weft_future *future = weft_run_coroutine_threadsafe(rt, square, (void *)9);
    int rc = weft_wait_blocking(future, WEFT_S(5), &result);
    if (rc == -WEFT_ETIMEOUT)
        weft_future_unref(future); /* after its own timeout it is still ours */
    weft_runtime_unref(rt);
    return rc < 0 ? weft_fail(rc) : result;
}

/* await asyncio.to_thread(join, thread) */
static void *join(void *arg)
{
    void *result;
    pthread_join(*(pthread_t *)arg, &result);
    return result;
}

static int threads(void **result)
{
    pthread_t thread;
    weft_runtime *rt = weft_runtime_ref(weft_running_loop());
    int error = pthread_create(&thread, NULL, from_a_thread, rt);
    if (error != 0) {
        weft_runtime_unref(rt);
        return -error;
    }
    return weft_to_thread(join, &thread, result);
}

static void *program(void *arg)
{
    intptr_t sum = 0;
    void *five = NULL;
    void *eight = NULL;
    void *nine = NULL;
    (void)arg;
    int rc = gather(&sum);
    if (rc == 0)
        rc = gather_exceptions();
    if (rc == 0)
        rc = timeout(&five);
    if (rc == 0)
        rc = task_group();
    if (rc == 0)
        rc = cancel();
    if (rc == 0)
        rc = by_hand(&eight);
    if (rc == 0)
        rc = threads(&nine);
    printf("%ld %ld %ld %ld\n", (long)sum, (long)(intptr_t)five,
           (long)(intptr_t)eight, (long)(intptr_t)nine);
    return weft_fail(rc);
}

/* asyncio.run(program()) */
int main(void)
{
    return weft_main(program, NULL);
}
