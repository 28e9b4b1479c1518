// SPDX-License-Identifier: MIT
/* Both ways over the border: a coroutine sends what blocks to a thread, and a
 * thread of the host program submits a coroutine. */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
#include <weft.h>

static void *blocks(void *arg)
{
    usleep(20000); /* any library call that takes its time */
    return arg;
}

static void *answer(void *arg)
{
    int rc = weft_sleep(WEFT_MS(1));
    return rc < 0 ? weft_fail(rc) : arg;
}

/* An OS thread of the host program, with a reference to the runtime. */
static void *host_thread(void *arg)
{
    weft_runtime *rt = arg;
    void *result;
    weft_future *future =
        weft_run_coroutine_threadsafe(rt, answer, (void *)(intptr_t)42);
    int rc = weft_wait_blocking(future, WEFT_S(5), &result);
    printf("from the thread: %d, %ld\n", rc, (long)(intptr_t)result);
    weft_runtime_unref(rt);
    return NULL;
}

static void *join(void *thread)
{
    pthread_join(*(pthread_t *)thread, NULL); /* blocks: so on a thread */
    return NULL;
}

static void *threads(void *arg)
{
    pthread_t thread;
    void *result;
    (void)arg;
    int rc = weft_to_thread(blocks, (void *)(intptr_t)7, &result);
    printf("from the pool: %d, %ld\n", rc, (long)(intptr_t)result);
    weft_runtime *rt = weft_runtime_ref(weft_running_loop());
    rc = pthread_create(&thread, NULL, host_thread, rt);
    if (rc != 0) {
        weft_runtime_unref(rt);
        return weft_fail(-rc);
    }
    return weft_fail(weft_to_thread(join, &thread, NULL));
}

int main(void)
{
    return weft_main(threads, NULL);
}
