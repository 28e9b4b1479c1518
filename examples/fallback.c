// SPDX-License-Identifier: MIT
/* A timeout with a fallback: what takes too long is cancelled, has ended when
 * the scope ends, and the last known value is used instead. */
#include <stdio.h>
#include <weft.h>

/* An ordinary function. It knows of no deadline; the calls in it do. */
static int ask_exchange(weft_ns takes, int *price)
{
    int rc = weft_sleep(takes); /* the exchange is thinking */
    if (rc == 0)
        *price = 103;
    return rc;
}

static int price_within(weft_ns limit, weft_ns takes, int *price)
{
    weft_scope scope;
    weft_timeout_enter(&scope, limit);
    int rc = ask_exchange(takes, price);
    return weft_timeout_exit(&scope, rc);
}

static int price_or_last(weft_ns limit, weft_ns takes, int last, int *price)
{
    int rc = price_within(limit, takes, price);
    if (rc != -WEFT_ETIMEOUT)
        return rc; /* an answer, or cancelled from outside: not ours to hide */
    *price = last;
    return 0;
}

static void *fallback(void *arg)
{
    int fast = 0;
    int slow = 0;
    (void)arg;
    int rc = price_or_last(WEFT_S(10), WEFT_MS(1), 99, &fast);
    if (rc == 0)
        rc = price_or_last(WEFT_MS(20), WEFT_S(3600), 99, &slow);
    printf("in time: %d, too late: %d (the last known)\n", fast, slow);
    return weft_fail(rc);
}

int main(void)
{
    return weft_main(fallback, NULL);
}
