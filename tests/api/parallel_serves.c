// SPDX-License-Identifier: MIT
/*
 * A computation in parallel, nested, on all workers, that would go on for ever,
 * beside an echo server: who asks is answered, every time. When nobody asks any
 * more it is cancelled, and ends: what it has said to be done is whole, and the
 * rest is left out.
 */
#include <weft.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <unistd.h>

#include "tests/support/run.h"
#include "tests/support/scale.h"
#include "tests/support/test.h"

#define OUTER 64
#define INNER 64
#define GRAIN 4

static weft_future *computation;
static atomic_long inside, whole, wrong;
static atomic_bool ended;
static atomic_int asked, computing; /* what has begun */

/* A piece of the inner range; `sum` is of one piece of the outer. */
static int compute(size_t from, size_t to, void *sum)
{
    volatile unsigned digest = 1;
    atomic_fetch_add(&inside, 1);
    for (size_t i = from; i < to; i++)
        for (unsigned k = 0; k < 200; k++)
            digest = digest * 5 + (unsigned)i;
    atomic_fetch_add((atomic_size_t *)sum, to - from);
    atomic_fetch_add(&wrong, to <= from || to - from > GRAIN);
    atomic_fetch_sub(&inside, 1);
    return 0;
}

static int compute_row(size_t from, size_t to, void *unused)
{
    atomic_size_t sum = 0;
    (void)unused;
    atomic_fetch_add(&wrong, atomic_load(&ended) || to != from + 1);
    int rc = weft_parallel_for(0, INNER, GRAIN, compute, &sum);
    if (rc == 0) {
        atomic_fetch_add(&whole, 1);
        atomic_fetch_add(&wrong, atomic_load(&sum) != INNER);
    } else {
        atomic_fetch_add(&wrong, rc != -WEFT_ECANCELED);
        atomic_fetch_add(&wrong, atomic_load(&sum) >= INNER);
    }
    return rc;
}

static void *compute_all(void *unused)
{
    int rc = 0;
    for (long rows = OUTER; rc == 0; rows += OUTER) {
        rc = weft_parallel_for(0, OUTER, 1, compute_row, unused);
        if (rc == 0)
            cr_expect_eq(atomic_load(&whole), rows);
    }
    atomic_store(&ended, true);
    cr_expect_eq(atomic_load(&inside), 0, "nobody is at it any more");
    return weft_fail(rc);
}

/* The server */

static void *echo(void *tcp)
{
    char buffer[64];
    ssize_t got;
    while ((got = weft_tcp_read(tcp, buffer, sizeof(buffer))) > 0)
        if (weft_tcp_write(tcp, buffer, (size_t)got) != got)
            break;
    weft_tcp_close(tcp);
    return NULL;
}

static void *serve(void *listener)
{
    weft_tcp *tcp;
    int rc;
    while ((rc = weft_tcp_accept(listener, &tcp)) == 0)
        weft_detach(weft_spawn(echo, tcp));
    return weft_fail(rc);
}

/* The client: a plain thread */

struct client {
    uint16_t port;
    int trips, answered; /* the first one before the computation begins */
    pthread_t thread;
};

static int dial(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_expect_geq(fd, 0);
    cr_expect_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static bool ask_once(int fd, int question)
{
    int answer = ~question;
    return send(fd, &question, sizeof(question), MSG_NOSIGNAL) ==
               sizeof(question) &&
           recv(fd, &answer, sizeof(answer), MSG_WAITALL) == sizeof(answer) &&
           answer == question;
}

static void *ask(void *arg)
{
    struct client *client = arg;
    int fd = dial(client->port);
    client->answered = ask_once(fd, 0);
    atomic_store(&asked, 1);
    weft_test_spin_until(&computing, 1);
    while (client->answered < client->trips && ask_once(fd, client->answered))
        client->answered++;
    close(fd);
    /* Had it ended before, this would say so. */
    cr_expect_eq(weft_cancel(computation), 0);
    return NULL;
}

static void *both(void *unused)
{
    struct client client = {.trips = 1 + (int)weft_test_scaled(500)};
    weft_tcp_listener *listener;
    (void)unused;
    atomic_store(&whole, 0);
    atomic_store(&wrong, 0);
    atomic_store(&ended, false);
    atomic_store(&asked, 0);
    atomic_store(&computing, 0);
    cr_expect_eq(weft_tcp_listen(&listener, "127.0.0.1", 0), 0);
    client.port = weft_tcp_listener_port(listener);
    weft_future *server = weft_spawn(serve, listener);
    cr_expect_eq(pthread_create(&client.thread, NULL, ask, &client), 0);
    weft_test_yield_until(&asked, 1);
    computation = weft_spawn(compute_all, NULL);
    while (atomic_load(&whole) == 0 && weft_yield() == 0)
        ;
    atomic_store(&computing, 1);
    cr_expect_eq(weft_await(weft_future_ref(computation), NULL),
                 -WEFT_ECANCELED);
    pthread_join(client.thread, NULL);
    weft_future_unref(computation);
    weft_tcp_listener_close(listener);
    cr_expect_eq(weft_await(server, NULL), -WEFT_ECLOSED);
    cr_expect_eq(client.answered, client.trips);
    cr_expect_eq(atomic_load(&wrong), 0);
    return NULL;
}

Test(parallel_for, beside_an_echo_server, .timeout = 120)
{
    static const unsigned workers[] = {1, 2, 4};
    for (int i = 0; i < 3; i++)
        cr_assert_eq(weft_test_run(workers[i], both, NULL), 0);
}
