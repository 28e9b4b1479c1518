// SPDX-License-Identifier: MIT
/* Connections opened, used and closed in batches: the second batch costs
 * neither descriptors nor memory that the first one did not. */
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/loop/net.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

#define AT_ONCE 1000

static size_t resident(void)
{
    size_t size = 0, pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL)
        return 0;
    cr_expect_eq(fscanf(file, "%zu %zu", &size, &pages), 2);
    fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static atomic_size_t open_ends;

static void *echo(void *arg)
{
    char buffer[256];
    ssize_t got;
    while ((got = weft_tcp_read(arg, buffer, sizeof(buffer))) > 0)
        if (weft_tcp_write(arg, buffer, (size_t)got) != got)
            break;
    weft_tcp_close(arg);
    atomic_fetch_sub(&open_ends, 1);
    return NULL;
}

static void *serve(void *arg)
{
    for (;;) {
        weft_tcp *tcp;
        int rc = weft_tcp_accept(arg, &tcp);
        if (rc < 0)
            return weft_fail(rc);
        weft_detach(weft_spawn(echo, tcp));
    }
}

static size_t use(weft_tcp *tcp, uint64_t name)
{
    char out[100], in[100];
    net_fill(out, name, 0, sizeof(out));
    net_end_by_reset(tcp);
    return weft_tcp_write(tcp, out, sizeof(out)) != sizeof(out) ||
           net_read_all(tcp, in, sizeof(in)) != sizeof(in) ||
           memcmp(in, out, sizeof(in)) != 0;
}

/* As many as the descriptors allow: two each, and some to spare. */
static size_t affordable(size_t count)
{
    struct rlimit limit;
    cr_expect_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    cr_expect_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    size_t most = limit.rlim_cur > 400 ? (limit.rlim_cur - 200) / 2 : 100;
    return count < most ? count : most;
}

/* So many at once, then all gone, on both sides. */
static size_t some(weft_tcp_listener *listener, weft_tcp **tcp, size_t count)
{
    uint16_t port = weft_tcp_listener_port(listener);
    size_t wrong = 0;
    atomic_store(&open_ends, count);
    for (size_t i = 0; i < count; i++) {
        int rc = weft_tcp_connect(&tcp[i], "127.0.0.1", port);
        cr_expect_eq(rc, 0, "%s", weft_strerror(rc));
        if (rc < 0)
            return 1;
    }
    for (size_t i = 0; i < count; i++)
        wrong += use(tcp[i], i);
    for (size_t i = 0; i < count; i++)
        weft_tcp_close(tcp[i]);
    while (atomic_load(&open_ends) > 0 && weft_yield() == 0)
        ;
    return wrong;
}

static void batch(weft_tcp_listener *listener)
{
    weft_tcp *tcp[AT_ONCE];
    size_t count = affordable(100 + weft_test_scaled(AT_ONCE - 100));
    size_t rounds = weft_test_scaled(10);
    for (size_t i = 0; i < rounds; i++)
        cr_expect_eq(some(listener, tcp, count), 0);
}

static void *body(void *unused)
{
    weft_tcp_listener *listener;
    cr_expect_eq(weft_tcp_listen(&listener, "127.0.0.1", 0), 0);
    weft_future *server = weft_spawn(serve, listener);
    unsigned descriptors = net_descriptors();
    batch(listener);
    size_t first = resident();
    cr_expect_eq(net_descriptors(), descriptors);
    batch(listener);
    size_t second = resident();
    cr_expect_eq(net_descriptors(), descriptors);
#ifndef SANITIZED /* they keep freed memory for a while */
    cr_expect_leq(second, first + (1 << 20), "%zu KiB, then %zu KiB",
                  first >> 10, second >> 10);
#else
    (void)first, (void)second;
#endif
    weft_tcp_listener_close(listener);
    cr_expect_eq(weft_await(server, NULL), -WEFT_ECLOSED);
    return unused;
}

Test(many, connections_twice, .timeout = 200)
{
    unsigned before = net_descriptors();
    net_run(2, body, NULL);
    cr_assert_eq(net_descriptors(), before);
}
