// SPDX-License-Identifier: MIT
/* What a thread carries: see local.h. */
#include "future/local.h"

#include "future/context.h"
#include "future/error.h"

#include <pthread.h>

_Thread_local struct weft__local weft__local_of_thread
    __attribute__((tls_model("initial-exec")));

/* A key has one use here: its destructor is called when a thread ends. */
static struct {
    pthread_once_t once;
    pthread_key_t key;
    _Atomic(bool) made; /* threads may outlive the program's main one */
} at_exit = {.once = PTHREAD_ONCE_INIT};

/* Values that are destroyed may set new ones: then glibc calls again. */
static void thread_ends(void *arg)
{
    struct weft__local *local = arg;
    struct weft__local was = *local;
    local->context = NULL;
    local->error = NULL;
    weft_context_unref(was.context);
    weft__error_unref(was.error);
}

static void make_key(void)
{
    int rc = pthread_key_create(&at_exit.key, thread_ends);
    weft__store_relaxed(&at_exit.made, rc == 0);
}

/* So that a library that is unloaded is not called. */
__attribute__((destructor)) static void unloaded(void)
{
    if (weft__load_relaxed(&at_exit.made))
        pthread_key_delete(at_exit.key);
    weft__store_relaxed(&at_exit.made, false);
}

struct weft__local *weft__local(void)
{
    struct weft__local *local = weft__local_peek();
    pthread_once(&at_exit.once, make_key);
    if (!weft__load_relaxed(&at_exit.made))
        return NULL;
    if (pthread_getspecific(at_exit.key) == NULL &&
        pthread_setspecific(at_exit.key, local) != 0)
        return NULL;
    return local;
}

void weft__local_enter_job(struct weft__local *outer, weft_future *job)
{
    struct weft__local *local = weft__local_peek();
    *outer = *local;
    local->context = job->inherited ? weft_context_ref(job->inherited) : NULL;
    local->error = NULL;
    local->job = job;
}

void weft__local_leave_job(const struct weft__local *outer, weft_future *job)
{
    struct weft__local *local = weft__local_peek();
    weft_context *context = local->context;
    job->error = local->error;
    job->touched = true;
    *local = *outer;
    weft_context_unref(context);
}
