// SPDX-License-Identifier: MIT
/* The sockets of a stuck worker are served by the others. */
#include "tests/loop/net.h"
#include "tests/support/run.h"

#include <sched.h>

static atomic_int echoed;
static atomic_int stuck;

static void *echo(void *tcp)
{
    char byte;
    while (weft_tcp_read(tcp, &byte, 1) == 1) {
        atomic_fetch_add(&echoed, 1);
        cr_expect_eq(weft_tcp_write(tcp, &byte, 1), 1);
    }
    return NULL;
}

/* On the worker whose loop watches them, as that is the one that polls. */
static void *holds_its_worker(void *rounds)
{
    atomic_store(&stuck, 1);
    weft_test_spin_until(&echoed, *(int *)rounds);
    return NULL;
}

static void let_pass(weft_ns time)
{
    weft_time until = weft_after(time);
    while (weft_now() < until)
        sched_yield();
}

static void *serves_while_stuck(void *rounds)
{
    struct net_pair pair;
    char byte = 'x';
    int fd;
    if (!net_pair_open(&pair, "127.0.0.1"))
        return NULL;
    atomic_store(&echoed, 0);
    atomic_store(&stuck, 0);
    fd = weft_tcp_fd(pair.near);
    weft_future *server = weft_spawn(echo, pair.far);
    weft_future *holder = weft_spawn(holds_its_worker, rounds);
    weft_test_yield_until(&stuck, 1);
    /* We hold ours as well, but for the time in which somebody has echoed. */
    for (int i = 0; i < *(int *)rounds; i++) {
        if (i % 10 == 0) /* now and then nobody looks round any more */
            let_pass(WEFT_MS(25));
        cr_expect_eq(send(fd, &byte, 1, 0), 1);
        weft_test_spin_until(&echoed, i + 1);
    }
    weft_await(holder, NULL);
    shutdown(fd, SHUT_WR);
    weft_await(server, NULL);
    net_pair_close(&pair);
    return NULL;
}

/* Two of three workers are held at any time, whichever those are. */
Test(stuck, sockets_are_served, .timeout = 60)
{
    int rounds = 50;
    net_run(3, serves_while_stuck, &rounds);
}
