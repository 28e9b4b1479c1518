// SPDX-License-Identifier: MIT
/* Listeners: every connection goes to exactly one accept, whoever is cancelled,
 * closed or out of descriptors meanwhile. */
#include <arpa/inet.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/loop/net.h"
#include "tests/support/fault.h"

#define WITH_ACCOUNT                                                           \
    .init = weft_test_faults_open, .fini = weft_test_faults_close

/* Clients that know nothing of weft */

static int raw_socket(void)
{
    return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static void raw_connect(int fd, uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int rc = connect(fd, (struct sockaddr *)&to, sizeof(to));
    cr_expect(rc == 0 || errno == EINPROGRESS);
}

static void raw_close(int fd)
{
    struct linger linger = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    close(fd);
}

/* Each connection once */

#define SERVERS 64

struct counts {
    weft_tcp_listener *listener;
    atomic_size_t taken;
    atomic_size_t names; /* sum of what the clients called themselves */
};

static void *serve(void *arg)
{
    struct counts *counts = arg;
    for (;;) {
        weft_tcp *tcp;
        uint32_t name = 0;
        int rc = weft_tcp_accept(counts->listener, &tcp);
        if (rc < 0)
            return weft_fail(rc);
        atomic_fetch_add(&counts->taken, 1);
        cr_expect_eq(net_read_all(tcp, &name, sizeof(name)), sizeof(name));
        atomic_fetch_add(&counts->names, name);
        cr_expect_eq(weft_tcp_write(tcp, &name, sizeof(name)), sizeof(name));
        weft_tcp_close(tcp);
    }
}

struct client {
    uint16_t port;
    uint32_t first, count;
};

static void *call_in_turn(void *arg)
{
    struct client *client = arg;
    for (uint32_t i = 0; i < client->count; i++) {
        uint32_t name = client->first + i, back = 0;
        weft_tcp *tcp;
        int rc = weft_tcp_connect(&tcp, "127.0.0.1", client->port);
        if (rc < 0)
            return weft_fail(rc);
        net_end_by_reset(tcp);
        cr_expect_eq(weft_tcp_write(tcp, &name, sizeof(name)), sizeof(name));
        cr_expect_eq(net_read_all(tcp, &back, sizeof(back)), sizeof(back));
        cr_expect_eq(back, name);
        weft_tcp_close(tcp);
    }
    return NULL;
}

static void *once_body(void *unused)
{
    static struct counts counts;
    struct client client[16];
    weft_future *server[SERVERS], *caller[16];
    uint32_t each = (uint32_t)(20 + weft_test_scaled(600));
    counts = (struct counts){0};
    cr_expect_eq(weft_tcp_listen(&counts.listener, "127.0.0.1", 0), 0);
    for (int i = 0; i < SERVERS; i++)
        server[i] = weft_spawn(serve, &counts);
    for (uint32_t i = 0; i < 16; i++) {
        client[i] = (struct client){weft_tcp_listener_port(counts.listener),
                                    i * each, each};
        caller[i] = weft_spawn(call_in_turn, &client[i]);
    }
    for (int i = 0; i < 16; i++)
        cr_expect_eq(weft_await(caller[i], NULL), 0);
    weft_tcp_listener_close(counts.listener);
    for (int i = 0; i < SERVERS; i++)
        cr_expect_eq(weft_await(server[i], NULL), -WEFT_ECLOSED);
    size_t n = (size_t)16 * each;
    cr_expect_eq(atomic_load(&counts.taken), n);
    cr_expect_eq(atomic_load(&counts.names), n * (n - 1) / 2);
    return unused;
}

Test(listener, each_connection_once, .timeout = 120)
{
    net_run(4, once_body, NULL);
}

/* A queue for each worker: the kernel spreads the connections over them. */

/* Sockets that listen on that port. */
static unsigned sockets_of(uint16_t port)
{
    char line[256];
    unsigned count = 0, local, state;
    FILE *file = fopen("/proc/net/tcp", "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL)
        if (sscanf(line, " %*u: %*x:%x %*x:%*x %x", &local, &state) == 2)
            count += local == port && state == 10; /* TCP_LISTEN */
    if (file != NULL)
        fclose(file);
    return count;
}

static void *queues_body(void *out)
{
    weft_tcp_listener *listener;
    cr_expect_eq(weft_tcp_listen(&listener, "127.0.0.1", 0), 0);
    *(unsigned *)out = sockets_of(weft_tcp_listener_port(listener));
    weft_tcp_listener_close(listener);
    return NULL;
}

Test(listener, has_a_queue_for_each_worker, .timeout = 30)
{
    for (unsigned workers = 1; workers <= 4; workers++) {
        unsigned queues = 0;
        net_run(workers, queues_body, &queues);
        cr_assert_eq(queues, workers);
    }
}

/* However many look for a port at the same moment, each has one of its own:
 * two that share one would take each other's connections. */

static atomic_int owners[UINT16_MAX + 1];

static int own_for_a_moment(uint16_t port)
{
    weft_tcp_listener *listener;
    int rc = weft_tcp_listen(&listener, "127.0.0.1", port);
    if (rc < 0)
        return rc;
    atomic_int *owner = &owners[weft_tcp_listener_port(listener)];
    cr_expect_eq(atomic_fetch_add(owner, 1), 0);
    weft_yield();
    atomic_fetch_sub(owner, 1);
    weft_tcp_listener_close(listener);
    return 0;
}

static void *own_ports(void *port)
{
    for (size_t i = 0; i < weft_test_scaled(2000); i++) {
        cr_expect_eq(own_for_a_moment(0), 0);
        int rc = own_for_a_moment((uint16_t)(uintptr_t)port);
        cr_expect(rc == 0 || rc == -EADDRINUSE);
    }
    return NULL;
}

static void *ports_body(void *port)
{
    weft_future *task[8];
    for (int i = 0; i < 8; i++)
        task[i] = weft_spawn(own_ports, port);
    for (int i = 0; i < 8; i++)
        cr_expect_eq(weft_await(task[i], NULL), 0);
    return NULL;
}

static void *find_port(void *out)
{
    weft_tcp_listener *listener;
    cr_expect_eq(weft_tcp_listen(&listener, "127.0.0.1", 0), 0);
    *(uintptr_t *)out = weft_tcp_listener_port(listener);
    weft_tcp_listener_close(listener);
    return NULL;
}

Test(listener, a_port_has_one_owner, .timeout = 120)
{
    uintptr_t port = 0;
    net_run(1, find_port, &port);
    net_run(4, ports_body, (void *)port);
}

/* Cancelling */

static void *accept_one(void *arg)
{
    weft_tcp *tcp;
    int rc = weft_tcp_accept(arg, &tcp);
    if (rc == 0)
        weft_tcp_close(tcp);
    return weft_fail(rc);
}

/* A connection comes and one of two that wait is cancelled, in any order. If
 * the wake went to that one, it is for the other to take. */
static void *cancel_body(void *unused)
{
    weft_tcp_listener *listener;
    cr_expect_eq(weft_tcp_listen(&listener, "127.0.0.1", 0), 0);
    uint16_t port = weft_tcp_listener_port(listener);
    for (size_t i = 0; i < weft_test_scaled(5000); i++) {
        weft_future *first = weft_spawn(accept_one, listener);
        weft_future *second = weft_spawn(accept_one, listener);
        for (size_t j = 0; j < i % 4; j++)
            cr_expect_eq(weft_yield(), 0);
        int fd = raw_socket();
        if (i % 2)
            weft_cancel(first);
        raw_connect(fd, port);
        for (size_t j = 0; j < i % 3; j++)
            cr_expect_eq(weft_yield(), 0);
        weft_cancel(first);
        int rc = weft_await(first, NULL);
        cr_expect(rc == 0 || rc == -WEFT_ECANCELED);
        if (rc == 0)
            weft_cancel(second); /* it may wait for good */
        cr_expect_eq(weft_await(second, NULL), rc == 0 ? -WEFT_ECANCELED : 0);
        raw_close(fd);
    }
    weft_tcp_listener_close(listener);
    return unused;
}

Test(listener, a_cancelled_accept_passes_its_wake_on, .timeout = 120)
{
    unsigned before = net_descriptors();
    net_run(4, cancel_body, NULL);
    cr_assert_eq(net_descriptors(), before);
}

Test(listener, the_same_on_one_worker, .timeout = 120)
{
    net_run(1, cancel_body, NULL);
}

/* Out of descriptors */

#define CLIENTS 40
#define FREE 6 /* so many connections can be accepted at first */

struct shortage {
    weft_tcp_listener *listener;
    weft_tcp *held[CLIENTS];
    atomic_uint accepted;
};

static void *accept_and_hold(void *arg)
{
    struct shortage *shortage = arg;
    for (;;) {
        weft_tcp *tcp;
        int rc = weft_tcp_accept(shortage->listener, &tcp);
        if (rc < 0)
            return weft_fail(rc);
        shortage->held[atomic_fetch_add(&shortage->accepted, 1)] = tcp;
    }
}

/* Descriptors are given out lowest first: how many are in use below. */
static rlim_t limit_to(rlim_t more)
{
    struct rlimit limit;
    int lowest = dup(0);
    close(lowest);
    cr_expect_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    rlim_t was = limit.rlim_cur;
    limit.rlim_cur = (rlim_t)lowest + more;
    cr_expect_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    return was;
}

static void set_limit(rlim_t to)
{
    struct rlimit limit;
    cr_expect_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = to;
    cr_expect_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void await_accepted(struct shortage *shortage, unsigned count)
{
    while (atomic_load(&shortage->accepted) < count)
        if (weft_sleep(WEFT_US(200)) < 0)
            return;
}

/* Accepts that fail are retried after 50 ms each, not at once: never more of
 * them than that allows, however slow all this is. */
static void expect_patience(uint64_t calls, weft_ns elapsed)
{
    uint64_t allowed = 2 * ((uint64_t)(elapsed / WEFT_MS(50)) + 1);
    allowed += 4 * CLIENTS; /* those that are not about the shortage */
    cr_expect_leq(calls, allowed, "%zu accept calls", (size_t)calls);
}

static void *shortage_body(void *unused)
{
    static struct shortage shortage;
    int fd[CLIENTS];
    shortage = (struct shortage){0};
    cr_expect_eq(weft_tcp_listen(&shortage.listener, "127.0.0.1", 0), 0);
    uint16_t port = weft_tcp_listener_port(shortage.listener);
    for (int i = 0; i < CLIENTS; i++)
        fd[i] = raw_socket();
    rlim_t was = limit_to(FREE);
    weft_time start = weft_now();
    uint64_t calls = weft_test_calls(WEFT_TEST_CALL_accept);
    weft_future *task[2] = {weft_spawn(accept_and_hold, &shortage),
                            weft_spawn(accept_and_hold, &shortage)};
    for (int i = 0; i < CLIENTS; i++)
        raw_connect(fd[i], port);
    await_accepted(&shortage, FREE);
    cr_expect_eq(weft_sleep(WEFT_MS(300)), 0);
    cr_expect_eq(atomic_load(&shortage.accepted), FREE);
    weft_tcp_close(shortage.held[0]); /* one is free again */
    shortage.held[0] = NULL;
    await_accepted(&shortage, FREE + 1);
    calls = weft_test_calls(WEFT_TEST_CALL_accept) - calls;
    expect_patience(calls, weft_now() - start);
    set_limit(was);
    await_accepted(&shortage, CLIENTS);
    weft_tcp_listener_close(shortage.listener);
    for (int i = 0; i < 2; i++)
        cr_expect_eq(weft_await(task[i], NULL), -WEFT_ECLOSED);
    for (int i = 0; i < CLIENTS; i++) {
        weft_tcp_close(shortage.held[i]);
        close(fd[i]);
    }
    return unused;
}

Test(listener, waits_while_there_are_no_descriptors, WITH_ACCOUNT,
     .timeout = 60)
{
    net_run(2, shortage_body, NULL);
}

/* Closing */

/* Connections come while the listener goes, at any moment: events of its
 * sockets may be under way on other workers. */
static void *connect_and_leave(void *arg)
{
    uint16_t port = *(uint16_t *)arg;
    for (int i = 0; i < 4; i++) {
        int fd = raw_socket();
        raw_connect(fd, port);
        raw_close(fd);
    }
    return NULL;
}

static void *storm_body(void *unused)
{
    for (size_t i = 0; i < weft_test_scaled(3000); i++) {
        weft_tcp_listener *listener;
        weft_future *caller[3];
        cr_expect_eq(weft_tcp_listen(&listener, "127.0.0.1", 0), 0);
        uint16_t port = weft_tcp_listener_port(listener);
        weft_future *acceptor = weft_spawn(accept_one, listener);
        for (int j = 0; j < 3; j++)
            caller[j] = weft_spawn(connect_and_leave, &port);
        for (size_t j = 0; j < i % 5; j++)
            cr_expect_eq(weft_yield(), 0);
        weft_cancel(acceptor);
        weft_await(acceptor, NULL);
        weft_tcp_listener_close(listener);
        for (int j = 0; j < 3; j++)
            weft_await(caller[j], NULL);
    }
    return unused;
}

Test(listener, closes_in_a_storm_of_connections, WITH_ACCOUNT, .timeout = 120)
{
    struct weft_test_balance before = weft_test_balance();
    net_run(4, storm_body, NULL);
    cr_assert(weft_test_balanced(&before));
}

/* What is left open is closed with the runtime, and freed. */
static void *leave_open_body(void *unused)
{
    struct net_pair pair;
    weft_tcp_listener *idle;
    cr_expect_eq(weft_tcp_listen(&idle, "127.0.0.1", 0), 0);
    cr_expect(net_pair_open(&pair, "127.0.0.1"));
    return unused;
}

Test(listener, left_open_it_ends_with_the_runtime, WITH_ACCOUNT, .timeout = 60)
{
    struct weft_test_balance before = weft_test_balance();
    net_run(4, leave_open_body, NULL);
    struct weft_test_balance after = weft_test_balance();
    cr_assert_eq(after.descriptors, before.descriptors);
    cr_assert(weft_test_balanced(&before));
}
