// SPDX-License-Identifier: MIT
/* Descriptors that come and go fast, so that every new one has the number, and
 * the memory, of one that somebody waited on a moment ago. */
#include <stdatomic.h>
#include <sys/resource.h>

#include "tests/loop/net.h"

/* Close under a reader, open again */

static void *read_one(void *arg)
{
    char byte;
    ssize_t rc = weft_tcp_read(arg, &byte, 1);
    return weft_fail(rc > 0 ? -EIO : (int)rc);
}

struct storm {
    uint64_t name; /* who this is: what it sends nobody else may read */
    size_t rounds;
    size_t same; /* how often the number was the one before */
};

/* What is written to one arrives there, and nothing else does. */
static bool speaks(struct net_pair *pair, uint64_t name)
{
    uint64_t there = 0, back = 0;
    return weft_tcp_write(pair->near, &name, sizeof(name)) == sizeof(name) &&
           net_read_all(pair->far, &there, sizeof(there)) == sizeof(there) &&
           there == name &&
           weft_tcp_write(pair->far, &there, sizeof(there)) == sizeof(there) &&
           net_read_all(pair->near, &back, sizeof(back)) == sizeof(back) &&
           back == name;
}

static void *storm(void *arg)
{
    struct storm *mine = arg;
    struct net_pair pair;
    size_t wrong = 0;
    int before = -1;
    if (!net_pair_open(&pair, "127.0.0.1"))
        return weft_fail(-EIO);
    for (size_t i = 0; i < mine->rounds; i++) {
        weft_tcp *closed = i % 2 ? pair.far : pair.near;
        bool heard = speaks(&pair, mine->name << 32 | i);
        cr_expect(heard, "round %zu", i);
        wrong += !heard;
        mine->same += weft_tcp_fd(closed) == before;
        before = weft_tcp_fd(closed);
        weft_future *reader = weft_spawn(read_one, closed);
        net_await_parked(&closed->readable);
        net_end_by_reset(closed);
        weft_tcp_close(closed);
        /* The other end may hear of it before it is closed, or not. */
        weft_tcp_close(i % 2 ? pair.near : pair.far);
        if (!net_pair_add(&pair, "127.0.0.1"))
            return weft_fail(-EIO);
        int ended = weft_await(reader, NULL);
        bool told = ended == -WEFT_ECLOSED;
        cr_expect(told, "round %zu: %d", i, ended);
        wrong += !told;
    }
    cr_expect_eq(wrong, 0);
    net_end_by_reset(pair.near);
    net_pair_close(&pair);
    return NULL;
}

static void *storms_body(void *arg)
{
    size_t count = *(size_t *)arg;
    struct storm storms[4];
    weft_future *task[4];
    size_t same = 0;
    for (size_t i = 0; i < count; i++) {
        size_t rounds = weft_test_scaled(100000 / count);
        storms[i] = (struct storm){.name = i + 1, .rounds = rounds};
        task[i] = weft_spawn(storm, &storms[i]);
    }
    for (size_t i = 0; i < count; i++) {
        cr_expect_eq(weft_await(task[i], NULL), 0);
        same += storms[i].same;
    }
    cr_expect_gt(same, 0, "the numbers never came again");
    return NULL;
}

Test(storm, reopened_while_somebody_waits, .timeout = 200)
{
    size_t count = 1;
    unsigned before = net_descriptors();
    net_run(2, storms_body, &count);
    cr_assert_eq(net_descriptors(), before);
}

Test(storm, four_at_once, .timeout = 200)
{
    size_t count = 4;
    unsigned before = net_descriptors();
    net_run(4, storms_body, &count);
    cr_assert_eq(net_descriptors(), before);
}

/* Very many at once */

struct crowd {
    weft_tcp_listener *listener;
    atomic_size_t served;
    size_t count;
};

static void *echo(void *arg)
{
    weft_tcp *tcp = arg;
    uint8_t buffer[512];
    ssize_t got;
    while ((got = weft_tcp_read(tcp, buffer, sizeof(buffer))) > 0)
        if (weft_tcp_write(tcp, buffer, (size_t)got) != got)
            break;
    weft_tcp_close(tcp);
    return NULL;
}

static void *serve(void *arg)
{
    struct crowd *crowd = arg;
    for (;;) {
        weft_tcp *tcp;
        int rc = weft_tcp_accept(crowd->listener, &tcp);
        if (rc < 0)
            return weft_fail(rc);
        atomic_fetch_add(&crowd->served, 1);
        weft_detach(weft_spawn(echo, tcp));
    }
}

/* Both ends are in this process, and somebody else's descriptors are, too. */
static size_t most_connections(size_t wanted)
{
    struct rlimit limit;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    size_t room = limit.rlim_cur > 300 ? (limit.rlim_cur - 200) / 2 : 50;
    return room < wanted ? room : wanted;
}

static bool connect_all(struct crowd *crowd, weft_tcp **tcp)
{
    uint16_t port = weft_tcp_listener_port(crowd->listener);
    for (size_t i = 0; i < crowd->count; i++) {
        int rc = weft_tcp_connect(&tcp[i], "127.0.0.1", port);
        cr_expect_eq(rc, 0, "%zu: %s", i, weft_strerror(rc));
        if (rc < 0)
            return false;
        net_end_by_reset(tcp[i]);
    }
    return true;
}

/* All of them are open, and written to, before the first one is read. */
static size_t talk_to_all(struct crowd *crowd, weft_tcp **tcp)
{
    uint8_t out[200], in[200];
    size_t wrong = 0;
    for (size_t i = 0; i < crowd->count; i++) {
        net_fill(out, i, 0, sizeof(out));
        wrong += weft_tcp_write(tcp[i], out, sizeof(out)) != sizeof(out);
    }
    for (size_t i = 0; i < crowd->count; i++) {
        net_fill(out, i, 0, sizeof(out));
        wrong += net_read_all(tcp[i], in, sizeof(in)) != sizeof(in) ||
                 memcmp(in, out, sizeof(in)) != 0;
    }
    return wrong;
}

static void *crowd_body(void *arg)
{
    struct crowd *crowd = arg;
    weft_tcp **tcp = calloc(crowd->count, sizeof(*tcp));
    cr_expect_eq(weft_tcp_listen(&crowd->listener, "127.0.0.1", 0), 0);
    weft_future *server = weft_spawn(serve, crowd);
    if (connect_all(crowd, tcp))
        for (int i = 0; i < 3; i++)
            cr_expect_eq(talk_to_all(crowd, tcp), 0);
    cr_expect_eq(atomic_load(&crowd->served), crowd->count);
    for (size_t i = 0; i < crowd->count; i++)
        weft_tcp_close(tcp[i]);
    weft_tcp_listener_close(crowd->listener);
    cr_expect_eq(weft_await(server, NULL), -WEFT_ECLOSED);
    free(tcp);
    return NULL;
}

Test(storm, ten_thousand_connections, .timeout = 200)
{
    size_t count = most_connections(weft_test_scaled(10000));
    struct crowd crowd = {.count = count};
    unsigned before = net_descriptors();
    net_run(2, crowd_body, &crowd);
    cr_assert_eq(net_descriptors(), before);
}
