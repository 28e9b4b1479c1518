// SPDX-License-Identifier: MIT
/* Failures that nobody has looked at: see error.h. */
#include "sched/report.h"

#include "future/error.h"
#include "future/task.h"

#define WORDS 1600 /* bytes: the report has its own beginning beside them */

/* The runtime it was made in, else that of who frees it; to be released. NULL:
 * none, or it has ended. */
static struct weft_runtime *hold_runtime(weft_future *future)
{
    uint8_t kind = weft__load_relaxed(&future->kind);
    struct weft__worker *self = weft__worker_self();
    if (kind == WEFT__TASK || kind == WEFT__CALLBACK)
        return weft__report_hold(future->coro.rt, weft__pool_of(&future->coro));
    if (future->coro.rt == NULL)
        return weft__report_hold(self ? self->rt : NULL, NULL);
    return weft__report_hold(future->coro.rt, NULL);
}

static void report(weft_future *future, int code, const weft_error *error)
{
    char words[WORDS];
    const char *name = weft__future_name(future);
    uint64_t id = weft__task_number(future);
    struct weft_runtime *rt = hold_runtime(future);
    if (error != NULL)
        weft_error_format(error, words, sizeof(words));
    weft__report_to(rt, WEFT_REPORT_UNRETRIEVED, code, name, id, error,
                    "nobody retrieved the failure of %s #%llu: %s", name,
                    (unsigned long long)id,
                    error != NULL ? words : weft_strerror(code));
    weft__report_release(rt);
}

void weft__error_unretrieved(weft_future *future)
{
    int code = weft_code(future->result);
    struct weft__error *error = future->error;
    if (weft__likely(code == 0) || code == -WEFT_ECANCELED ||
        (weft__load_relaxed(&future->state) & WEFT__OBSERVED))
        return;
    if (error != NULL && error->public.code != code)
        error = NULL; /* left there by something else */
    report(future, code, error != NULL ? &error->public : NULL);
}
