// SPDX-License-Identifier: MIT
/* A program of its own threads with a runtime beside them: any thread submits
 * coroutines and callbacks, waits for them, and gets an answer in any case. */
#include <pthread.h>
#include <stdio.h>
#include <weft.h>

enum { THREADS = 3, EACH = 100 };

static void *add_one(void *arg)
{
    int rc = weft_sleep(0);
    return rc < 0 ? weft_fail(rc) : (void *)((intptr_t)arg + 1);
}

/* An OS thread that weft knows nothing of, with a reference to the runtime. */
static void *thread_main(void *arg)
{
    weft_runtime *rt = arg;
    intptr_t sum = 0;
    for (intptr_t i = 0; i < EACH; i++) {
        void *result;
        weft_future *f = weft_run_coroutine_threadsafe(rt, add_one, (void *)i);
        int rc = weft_wait_blocking(f, WEFT_FOREVER, &result);
        sum += rc < 0 ? 0 : (intptr_t)result;
    }
    weft_runtime_unref(rt);
    return (void *)sum;
}

int main(void)
{
    pthread_t threads[THREADS];
    weft_runtime *rt;
    int started = 0;
    if (weft_runtime_new(NULL, &rt) < 0)
        return 1;
    for (; started < THREADS; started++) {
        weft_runtime_ref(rt);
        if (pthread_create(&threads[started], NULL, thread_main, rt) != 0) {
            weft_runtime_unref(rt);
            break;
        }
    }
    for (int i = 0; i < started; i++) {
        void *sum;
        pthread_join(threads[i], &sum);
        printf("thread %d: %ld\n", i, (long)(intptr_t)sum);
    }
    int rc = weft_runtime_shutdown(rt);
    weft_future *late = weft_run_coroutine_threadsafe(rt, add_one, NULL);
    int answer = weft_wait_blocking(late, WEFT_FOREVER, NULL);
    printf("shut down: %d, afterwards: %s\n", rc, weft_strerror(answer));
    weft_runtime_unref(rt);
    return started == THREADS ? 0 : 1;
}
