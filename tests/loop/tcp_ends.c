// SPDX-License-Identifier: MIT
/* How connections end: by the peer's close, half-close or reset, before, in
 * the middle of and after the data, with the reader waiting or not; and what
 * one gets who goes on. */
#include <signal.h>

#include "tests/loop/net.h"

#define SIZE 30000

enum end { CLOSE, HALF_CLOSE, RESET, ENDS };

static const char *const names[] = {"close", "half-close", "reset"};

struct reader {
    weft_tcp *tcp;
    size_t got;
    bool right; /* every byte that came was the one that was sent */
    ssize_t last;
};

static void *read_to_the_end(void *arg)
{
    struct reader *reader = arg;
    uint8_t buffer[1000];
    reader->right = true;
    for (;;) {
        ssize_t rc = weft_tcp_read(reader->tcp, buffer, sizeof(buffer));
        reader->last = rc;
        if (rc <= 0)
            return NULL;
        for (ssize_t i = 0; i < rc; i++)
            reader->right &= buffer[i] == net_byte(1, reader->got + (size_t)i);
        reader->got += (size_t)rc;
    }
}

/* Returns whether `near` is still ours. */
static bool end_it(weft_tcp *near, enum end how)
{
    if (how == HALF_CLOSE) {
        cr_expect_eq(weft_tcp_shutdown(near, WEFT_SHUT_WRITE), 0);
        return true;
    }
    if (how == RESET)
        net_end_by_reset(near);
    weft_tcp_close(near);
    return false;
}

/* The end is told again to who asks again; only a reset is told as one, once.
 * Of what was sent before a reset, some may be lost, but nothing is wrong. */
static void expect_end(struct reader *reader, enum end how, size_t sent)
{
    char byte;
    const char *name = names[how];
    cr_expect(reader->right, "%s after %zu", name, sent);
    if (how == RESET) {
        cr_expect_leq(reader->got, sent);
        cr_expect_eq(reader->last, -ECONNRESET, "%zu: %zd", sent, reader->last);
    } else {
        cr_expect_eq(reader->got, sent, "%s after %zu: %zu", name, sent,
                     reader->got);
        cr_expect_eq(reader->last, 0, "%s: %zd", name, reader->last);
    }
    cr_expect_eq(weft_tcp_read(reader->tcp, &byte, 1), 0);
}

static void one_end(struct net_pair *pair, enum end how, size_t sent,
                    bool waiting)
{
    static uint8_t content[SIZE];
    weft_future *task = NULL;
    struct reader reader = {0};
    if (!net_pair_add(pair, "127.0.0.1"))
        return;
    reader.tcp = pair->far;
    if (waiting) {
        task = weft_spawn(read_to_the_end, &reader);
        net_await_parked(&pair->far->readable);
    }
    net_fill(content, 1, 0, sent);
    cr_expect_eq(weft_tcp_write(pair->near, content, sent), (ssize_t)sent);
    bool open = end_it(pair->near, how);
    if (task != NULL)
        cr_expect_eq(weft_await(task, NULL), 0);
    else
        read_to_the_end(&reader);
    expect_end(&reader, how, sent);
    if (open) { /* the other direction is as before */
        char byte = 0;
        cr_expect_eq(weft_tcp_write(pair->far, "x", 1), 1);
        cr_expect_eq(weft_tcp_read(pair->near, &byte, 1), 1);
        cr_expect_eq(byte, 'x');
        net_end_by_reset(pair->near);
        weft_tcp_close(pair->near);
    }
    weft_tcp_close(pair->far);
}

static void *matrix_body(void *unused)
{
    static const size_t sizes[] = {0, 1, 999, 1000, 1001, SIZE};
    struct net_pair pair;
    size_t rounds = weft_test_scaled(20);
    if (!net_pair_open(&pair, "127.0.0.1"))
        return weft_fail(-EIO);
    weft_tcp_close(pair.near);
    weft_tcp_close(pair.far);
    for (size_t round = 0; round < rounds; round++)
        for (int how = 0; how < ENDS; how++)
            for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
                for (int waiting = 0; waiting < 2; waiting++)
                    one_end(&pair, (enum end)how, sizes[i], waiting);
    weft_tcp_listener_close(pair.listener);
    return unused;
}

Test(tcp_ends, matrix, .timeout = 120)
{
    net_run(2, matrix_body, NULL);
}

Test(tcp_ends, matrix_on_one_worker, .timeout = 120)
{
    net_run(1, matrix_body, NULL);
}

/* The end comes while the reader takes the last bytes, at any moment. */

static void *write_and_close(void *arg)
{
    uint8_t content[100];
    net_fill(content, 1, 0, sizeof(content));
    ssize_t rc = weft_tcp_write(arg, content, sizeof(content));
    weft_tcp_shutdown(arg, WEFT_SHUT_WRITE);
    return weft_fail(rc == sizeof(content) ? 0 : -EIO);
}

static void *race_body(void *unused)
{
    struct net_pair pair;
    size_t rounds = weft_test_scaled(5000);
    if (!net_pair_open(&pair, "127.0.0.1"))
        return weft_fail(-EIO);
    for (size_t i = 0; i < rounds; i++) {
        struct reader reader = {.tcp = pair.far};
        weft_future *writer = weft_spawn(write_and_close, pair.near);
        weft_future *task = weft_spawn(read_to_the_end, &reader);
        cr_expect_eq(weft_await(task, NULL), 0);
        cr_expect_eq(weft_await(writer, NULL), 0);
        expect_end(&reader, HALF_CLOSE, 100);
        net_end_by_reset(pair.near);
        weft_tcp_close(pair.near);
        weft_tcp_close(pair.far);
        if (!net_pair_add(&pair, "127.0.0.1"))
            return weft_fail(-EIO);
    }
    net_pair_close(&pair);
    return unused;
}

Test(tcp_ends, end_against_read, .timeout = 120)
{
    net_run(4, race_body, NULL);
}

/* Shutting down one's own side */

static void *own_side_body(void *unused)
{
    struct net_pair pair;
    struct reader reader = {0};
    if (!net_pair_open(&pair, "127.0.0.1"))
        return weft_fail(-EIO);
    reader.tcp = pair.near;
    weft_future *task = weft_spawn(read_to_the_end, &reader);
    net_await_parked(&pair.near->readable);
    cr_expect_eq(weft_tcp_shutdown(pair.near, WEFT_SHUT_READ), 0);
    cr_expect_eq(weft_await(task, NULL), 0);
    cr_expect_eq(reader.last, 0);
    cr_expect_eq(weft_tcp_write(pair.near, "x", 1), 1);
    cr_expect_eq(weft_tcp_shutdown(pair.near, WEFT_SHUT_BOTH), 0);
    cr_expect_eq(weft_tcp_write(pair.near, "x", 1), -EPIPE);
    net_pair_close(&pair);
    return unused;
}

Test(tcp_ends, shutting_down_ones_own_side, .timeout = 30)
{
    net_run(2, own_side_body, NULL);
}

/* Writing to who has gone. The first bytes may still be taken; then it is an
 * error, and the process lives. */

static void write_on(weft_tcp *tcp)
{
    static uint8_t content[SIZE];
    ssize_t rc;
    do
        rc = weft_tcp_write(tcp, content, sizeof(content));
    while (rc >= 0);
    cr_expect(rc == -EPIPE || rc == -ECONNRESET, "%zd", rc);
    cr_expect_eq(weft_tcp_write(tcp, content, 1), -EPIPE);
}

static void *gone_body(void *unused)
{
    struct net_pair pair;
    if (!net_pair_open(&pair, "127.0.0.1"))
        return weft_fail(-EIO);
    weft_tcp_close(pair.far);
    write_on(pair.near);
    weft_tcp_close(pair.near);
    if (!net_pair_add(&pair, "127.0.0.1"))
        return weft_fail(-EIO);
    net_end_by_reset(pair.near);
    weft_tcp_close(pair.near);
    write_on(pair.far);
    weft_tcp_close(pair.far);
    weft_tcp_listener_close(pair.listener);
    return unused;
}

Test(tcp_ends, writing_to_who_has_gone_is_an_error, .timeout = 30)
{
    signal(SIGPIPE, SIG_DFL);
    net_run(2, gone_body, NULL);
}

/* A writer that waits for room learns of the end, too. */
static void *write_forever(void *arg)
{
    static uint8_t content[1 << 20];
    ssize_t rc;
    do
        rc = weft_tcp_write(arg, content, sizeof(content));
    while (rc >= 0);
    return weft_fail((int)rc);
}

static void *waiting_writer_body(void *unused)
{
    struct net_pair pair;
    if (!net_pair_open(&pair, "127.0.0.1"))
        return weft_fail(-EIO);
    weft_future *task = weft_spawn(write_forever, pair.near);
    net_await_parked(&pair.near->writable);
    weft_tcp_close(pair.far); /* with bytes unread: a reset */
    int rc = weft_await(task, NULL);
    cr_expect(rc == -EPIPE || rc == -ECONNRESET, "%s", weft_strerror(rc));
    weft_tcp_close(pair.near);
    weft_tcp_listener_close(pair.listener);
    return unused;
}

Test(tcp_ends, a_waiting_writer_learns_of_the_end, .timeout = 30)
{
    signal(SIGPIPE, SIG_DFL);
    net_run(2, waiting_writer_body, NULL);
}
