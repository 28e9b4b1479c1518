// SPDX-License-Identifier: MIT
/*
 * As cancel_everywhere.c, for the calls of loop/ and exec/, on a real worker:
 * no byte, connection, job or descriptor is lost or comes twice.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/loop/net.h"
#include "tests/stress/strike.h"

/* Sockets. Main has both ends; the peer is one that nobody cancels. */

enum { BYTES = 12000, CONNECTIONS = 2 };

static struct net_pair pair;
static uint64_t moved; /* bytes in order */

static void *feeds(void *unused)
{
    uint8_t buffer[BYTES / 3];
    for (size_t at = 0; at < BYTES; at += sizeof(buffer)) {
        net_fill(buffer, 3, at, sizeof(buffer));
        check_eq(weft_tcp_write(pair.near, buffer, sizeof(buffer)),
                 sizeof(buffer));
        check_eq(weft_yield(), 0);
    }
    check_eq(weft_tcp_shutdown(pair.near, WEFT_SHUT_WRITE), 0);
    return unused;
}

/* Until the end of the stream or an error. */
static ssize_t read_on(void)
{
    uint8_t buffer[1700];
    ssize_t rc;
    while ((rc = weft_tcp_read(pair.far, buffer, sizeof(buffer))) > 0)
        for (ssize_t i = 0; i < rc; i++)
            check_eq(buffer[i], net_byte(3, moved++));
    return rc;
}

static void connect_pair(struct stage *stage)
{
    (void)stage;
    moved = 0;
    check(net_pair_open(&pair, "127.0.0.1"));
    net_end_by_reset(pair.near);
    net_end_by_reset(pair.far);
}

static void feed(struct stage *stage)
{
    connect_pair(stage);
    stage->future[0] = weft_spawn(feeds, NULL);
}

static int reads(struct stage *stage)
{
    ssize_t rc = read_on();
    check(rc < 0 || moved == BYTES);
    (void)stage;
    return (int)rc;
}

static void read_rest(struct stage *stage)
{
    check_eq(read_on(), 0);
    check_eq(moved, BYTES);
    check_eq(weft_await(stage->future[0], NULL), 0);
    net_pair_close(&pair);
}

static void *drains(void *arg)
{
    check_eq(weft_yield(), 0);
    check_eq(read_on(), 0);
    return arg;
}

static void drain(struct stage *stage)
{
    int small = 4096;
    connect_pair(stage);
    setsockopt(weft_tcp_fd(pair.near), SOL_SOCKET, SO_SNDBUF, &small,
               sizeof(small));
    stage->future[0] = weft_spawn(drains, stage);
}

/* `given` is what the calls have said. */
static int writes(struct stage *stage)
{
    enum { MUCH = 200000 };
    static uint8_t buffer[MUCH];
    net_fill(buffer, 3, 0, sizeof(buffer));
    while (stage->given < MUCH) {
        ssize_t rc = weft_tcp_write(pair.near, buffer + stage->given,
                                    sizeof(buffer) - (size_t)stage->given);
        check(rc != 0);
        if (rc < 0)
            return (int)rc;
        stage->given += (int)rc;
    }
    return 0;
}

static void count_written(struct stage *stage)
{
    check_eq(weft_tcp_shutdown(pair.near, WEFT_SHUT_WRITE), 0);
    check_eq(weft_await(stage->future[0], NULL), 0);
    check_eq(moved, stage->given);
    net_pair_close(&pair);
}

static void listen_only(struct stage *stage)
{
    (void)stage;
    check_eq(weft_tcp_listen(&pair.listener, "127.0.0.1", 0), 0);
}

static int connects(struct stage *stage)
{
    weft_tcp *tcp = NULL;
    uint16_t port = weft_tcp_listener_port(pair.listener);
    int rc = weft_tcp_connect(&tcp, "127.0.0.1", port);
    check(rc < 0 || tcp != NULL);
    if (rc == 0) {
        net_end_by_reset(tcp);
        weft_tcp_close(tcp);
        stage->taken++;
    }
    return rc;
}

static void stop_listening(struct stage *stage)
{
    (void)stage;
    weft_tcp_listener_close(pair.listener);
}

static void *connects_some(void *arg)
{
    struct stage *stage = arg;
    uint16_t port = weft_tcp_listener_port(pair.listener);
    for (int i = 0; i < CONNECTIONS; i++) {
        weft_tcp *tcp;
        int rc = weft_tcp_connect(&tcp, "127.0.0.1", port);
        check_eq(rc, 0);
        check_eq(weft_yield(), 0);
        if (rc == 0)
            weft_tcp_close(tcp);
        stage->given += rc == 0;
    }
    return NULL;
}

static void be_connected(struct stage *stage)
{
    listen_only(stage);
    stage->future[0] = weft_spawn(connects_some, stage);
}

static int accepts(struct stage *stage)
{
    while (stage->taken < CONNECTIONS) {
        weft_tcp *tcp = NULL;
        int rc = weft_tcp_accept(pair.listener, &tcp);
        if (rc < 0)
            return rc;
        stage->taken++;
        weft_tcp_close(tcp);
    }
    return 0;
}

/* What the victim did not take is still there: else this waits for ever. */
static void accept_rest(struct stage *stage)
{
    check_eq(accepts(stage), 0);
    check_eq(weft_await(stage->future[0], NULL), 0);
    check_eq(stage->given, CONNECTIONS);
    weft_tcp_listener_close(pair.listener);
}

/* Files */

static char path[32];

static void make_file(void)
{
    uint8_t content[BYTES];
    weft_test_faults_open();
    strcpy(path, "/tmp/weft-cancel-XXXXXX");
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    net_fill(content, 3, 0, BYTES);
    cr_assert_eq(write(fd, content, BYTES), BYTES);
    close(fd);
}

static void remove_file(void)
{
    unlink(path);
    weft_test_faults_close();
}

static int opens_file(struct stage *stage)
{
    weft_file *file = NULL;
    int rc = weft_file_open(&file, path, O_RDONLY, 0);
    check_eq(rc == 0, file != NULL);
    (void)stage;
    if (rc == 0)
        weft_file_close(file);
    return rc;
}

static void open_file(struct stage *stage)
{
    weft_file *file = NULL;
    check_eq(weft_file_open(&file, path, O_RDONLY, 0), 0);
    stage->extra = file;
}

static void close_file(struct stage *stage)
{
    weft_file_close(stage->extra);
}

static int reads_file(struct stage *stage)
{
    uint8_t buffer[5000];
    uint64_t at = 0;
    ssize_t rc;
    while ((rc = weft_file_read(stage->extra, buffer, sizeof(buffer), at)) > 0)
        for (ssize_t i = 0; i < rc; i++)
            check_eq(buffer[i], net_byte(3, at++));
    check(rc < 0 || at == BYTES);
    return (int)rc;
}

static int looks_at_file(struct stage *stage)
{
    weft_file_info info = {.size = 0};
    int rc = weft_file_stat(stage->extra, &info);
    check(rc < 0 || info.size == BYTES);
    return rc;
}

static int looks_at_path(struct stage *stage)
{
    weft_file_info info = {.size = 0};
    int rc = weft_path_stat(path, &info);
    check(rc < 0 || info.size == BYTES);
    (void)stage;
    return rc;
}

/* Jobs */

static void *job(void *arg)
{
    struct kid *kid = arg;
    atomic_fetch_add(&kid->begun, 1);
    for (int i = 0; i < 200 && !weft_job_cancelled(); i++)
        sched_yield();
    atomic_fetch_add(&kid->ended, 1);
    return kid;
}

/* Done, with its own result, or dropped. */
static void check_job(struct kid *kid, int rc)
{
    check(rc == 0 || rc == -WEFT_ECANCELED);
    check_eq(kid->begun, rc == 0);
    check_eq(kid->ended, rc == 0);
}

static int to_thread(struct stage *stage)
{
    void *result = NULL;
    int rc = weft_to_thread(job, &stage->kid[0], &result);
    check_job(&stage->kid[0], rc);
    check(result == (rc < 0 ? NULL : &stage->kid[0]));
    return rc;
}

static void open_pool(struct stage *stage)
{
    weft_executor *pool;
    check_eq(weft_thread_pool_new(1, &pool), 0);
    stage->extra = pool;
    for (int i = 1; i < KIDS; i++)
        stage->future[i] = weft_run_in_executor(pool, job, &stage->kid[i]);
}

static int awaits_job(struct stage *stage)
{
    weft_future *mine = weft_run_in_executor(stage->extra, job, &stage->kid[0]);
    int rc = weft_await(mine, NULL);
    check_job(&stage->kid[0], rc);
    return rc;
}

static void await_jobs(struct stage *stage)
{
    for (int i = 1; i < KIDS; i++)
        check_job(&stage->kid[i], weft_await(stage->future[i], NULL));
}

static void close_pool(struct stage *stage)
{
    await_jobs(stage);
    check_eq(weft_executor_shutdown(stage->extra), 0);
}

static int shuts_down(struct stage *stage)
{
    check_eq(weft_executor_shutdown(stage->extra), 0);
    for (int i = 1; i < KIDS; i++) {
        check(weft_future_state(stage->future[i]) != WEFT_FUTURE_PENDING);
        check_eq(stage->kid[i].begun, stage->kid[i].ended);
    }
    return weft_yield();
}

static const struct scene scenes[] = {
    {"tcp_read", feed, reads, read_rest, true},
    {"tcp_write", drain, writes, count_written, true},
    {"tcp_connect", listen_only, connects, stop_listening, true},
    {"tcp_accept", be_connected, accepts, accept_rest, true},
    {"file_open", NULL, opens_file, NULL, true},
    {"file_read", open_file, reads_file, close_file, true},
    {"file_stat", open_file, looks_at_file, close_file, true},
    {"path_stat", NULL, looks_at_path, NULL, true},
    {"to_thread", NULL, to_thread, NULL, false},
    {"await of a job", open_pool, awaits_job, close_pool, false},
    {"executor_shutdown", open_pool, shuts_down, await_jobs, true},
};

/* At every step, or every moment. How many there are differs from run to run:
 * it is enough to have come past the last one a few times. */
static void everywhere(const struct scene *scene, enum strike_mode mode)
{
    size_t again = weft_test_scaled(8);
    for (unsigned long k = 0; again > 0 && k < MOST_STRIKES; k++)
        again -= !stage_threaded(scene, mode, k);
    cr_assert_eq(again, 0, "%s: it never ends", scene->name);
}

static void all_scenes(enum strike_mode mode)
{
    for (size_t i = 0; i < sizeof(scenes) / sizeof(*scenes); i++)
        everywhere(&scenes[i], mode);
}

#define WITH_FILE .timeout = 250, .init = make_file, .fini = remove_file

Test(cancel_everywhere_io, nobody_cancels, WITH_FILE)
{
    all_scenes(STRIKE_NEVER);
}

Test(cancel_everywhere_io, the_task, WITH_FILE)
{
    all_scenes(STRIKE_TASK);
}

Test(cancel_everywhere_io, a_scope, WITH_FILE)
{
    all_scenes(STRIKE_SCOPE);
}

Test(cancel_everywhere_io, a_group, WITH_FILE)
{
    all_scenes(STRIKE_GROUP);
}

Test(cancel_everywhere_io, by_time, WITH_FILE)
{
    all_scenes(STRIKE_TIME);
}

Test(cancel_everywhere_io, behind_a_shield, WITH_FILE)
{
    all_scenes(STRIKE_SHIELD);
}
