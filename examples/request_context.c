// SPDX-License-Identifier: MIT
/* Which request is this? A context variable follows it into tasks, timers and
 * pool threads, and nobody passes it on. */
#include <stdio.h>
#include <string.h>
#include <weft.h>

struct request {
    int id;
    char log[128];
};

static weft_var *current_request;

/* Anywhere below a handler. */
static void note(const char *what)
{
    struct request *request = weft_var_get(current_request);
    strcat(request->log, what);
}

static void *step(void *arg)
{
    note(arg);
    return NULL;
}

static void *handle(void *arg)
{
    int rc = weft_var_set(current_request, arg); /* for this task and below */
    if (rc < 0)
        return weft_fail(rc);
    note("handler");
    rc = weft_await(weft_spawn(step, ", task"), NULL);
    if (rc == 0)
        rc = weft_await(weft_call_later(WEFT_MS(1), step, ", timer"), NULL);
    if (rc == 0)
        rc = weft_to_thread(step, ", pool thread", NULL);
    return weft_fail(rc);
}

static void *serve(void *arg)
{
    struct request requests[3] = {{.id = 1}, {.id = 2}, {.id = 3}};
    weft_group group;
    int rc = weft_var_new(arg, NULL, NULL, &current_request);
    weft_group_enter(&group, NULL);
    for (int i = 0; i < 3 && rc == 0; i++)
        rc = weft_group_spawn(&group, handle, &requests[i]);
    rc = weft_group_exit(&group, rc);
    for (int i = 0; i < 3; i++)
        printf("request %d: %s\n", requests[i].id, requests[i].log);
    weft_var_free(current_request);
    return weft_fail(rc);
}

int main(void)
{
    return weft_main(serve, "request");
}
