// SPDX-License-Identifier: MIT
/* Retry with back-off: each pause twice as long as the one before, with some
 * chance in it, up to a limit; all of it before one deadline. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <weft.h>

struct server {
    int refuses; /* so many times, then it answers */
    int calls;
};

static int call(struct server *server)
{
    server->calls++;
    return server->calls <= server->refuses ? -ECONNREFUSED : 0;
}

static bool worth_another(int rc)
{
    return rc == -ECONNREFUSED || rc == -ETIMEDOUT || rc == -EAGAIN;
}

static int call_patiently(struct server *server, weft_ns within)
{
    unsigned seed = 1; /* of the clients each its own, or all come at once */
    weft_ns pause = WEFT_MS(1);
    weft_scope scope;
    int rc;
    weft_timeout_enter(&scope, within);
    while (worth_another(rc = call(server))) {
        int slept = weft_sleep(pause / 2 + rand_r(&seed) % (pause / 2));
        if (slept < 0) {
            rc = slept; /* the deadline, or somebody cancelled us */
            break;
        }
        pause = pause < WEFT_MS(20) ? 2 * pause : pause;
    }
    return weft_timeout_exit(&scope, rc);
}

static void *retry(void *arg)
{
    struct server flaky = {.refuses = 3};
    struct server dead = {.refuses = 1000000};
    (void)arg;
    int rc = call_patiently(&flaky, WEFT_S(5));
    printf("flaky: %d calls, %s\n", flaky.calls, rc ? weft_strerror(rc) : "ok");
    rc = call_patiently(&dead, WEFT_MS(50));
    printf("dead: %s\n", weft_strerror(rc));
    return rc == -WEFT_ETIMEOUT ? NULL : weft_fail(rc);
}

int main(void)
{
    return weft_main(retry, NULL);
}
