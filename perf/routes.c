// SPDX-License-Identifier: MIT
/*
 * The answers that need no file; those that do are in files.c.
 */
#include "perf/routes.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include <weft/stats.h>
#include <weft/task.h>

#include "perf/burn.h"
#include "perf/files.h"
#include "perf/json.h"
#include "perf/stats.h"
#include "perf/tasks.h"

#define US_MAX 60000000          /* a minute */
#define ROUNDS_MAX 1000000000000 /* several, on any core there is */
#define DIGITS 13

/* The whole answer, made when the program was: what is measured here is the
 * runtime. (So it has no Date, as the yardstick in floor/ has none.) */
#define HELLO "Hello, world\n"
static const char hello[] = "HTTP/1.1 200 OK\r\n"
                            "Content-Type: text/plain\r\n"
                            "Content-Length: 13\r\n"
                            "\r\n" HELLO;

static int64_t cpu_now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

struct perf_step perf_step_begin(void)
{
    return (struct perf_step){weft_now(), cpu_now()};
}

/* The task has not suspended: it is on the same thread, with the same clock. */
void perf_step_end(struct perf_server *server, struct perf_step step)
{
    int64_t cpu = cpu_now() - step.cpu_start;

    perf_server_note_step(server, (uint64_t)(weft_now() - step.start),
                          (uint64_t)cpu);
}

static int reply(struct perf_connection *connection, int status,
                 const char *text)
{
    return perf_connection_reply(connection, status, "text/plain", text,
                                 strlen(text));
}

static int answer_hello(struct perf_connection *connection)
{
    if (connection->last || connection->headless) {
        return reply(connection, 200, HELLO);
    }
    return perf_connection_send(connection, hello, sizeof(hello) - 1);
}

/* "KEY=N" and nothing else, N up to `max`; -1 if it is not that. */
static int64_t number(const char *query, size_t n, const char *key, int64_t max)
{
    size_t length = strlen(key);
    int64_t value = 0;

    if (n < length + 2 || n > length + 1 + DIGITS ||
        memcmp(query, key, length) != 0 || query[length] != '=') {
        return -1;
    }
    for (size_t i = length + 1; i < n; i++) {
        if (query[i] < '0' || query[i] > '9') {
            return -1;
        }
        value = value * 10 + (query[i] - '0');
    }
    return value <= max ? value : -1;
}

static void burn_rounds(struct perf_server *server, int64_t rounds)
{
    struct perf_step step = perf_step_begin();

    perf_burn((uint64_t)rounds);
    perf_step_end(server, step);
}

static void burn(struct perf_server *server, int64_t us)
{
    burn_rounds(server,
                (int64_t)perf_burn_rounds(server->burn_per_us, (uint64_t)us));
}

static void block(struct perf_server *server, int64_t us)
{
    struct timespec left = {us / 1000000, us % 1000000 * 1000};
    struct perf_step step = perf_step_begin();

    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
    perf_step_end(server, step);
}

/* A sleep that is cut short by the end of the runtime is answered as well. */
static void nap(struct perf_server *server, int64_t us)
{
    int rc = weft_sleep(WEFT_US(us));

    (void)server;
    (void)rc;
}

/* The work is done also when a join says that the runtime ends. */
static void divide(struct perf_server *server, int64_t us)
{
    int rc = perf_tasks_fork(server->burn_per_us, (uint64_t)us);

    (void)rc;
}

typedef void spend(struct perf_server *server, int64_t us);

static int answer_spend(struct perf_connection *connection, spend *how,
                        const char *query, size_t n)
{
    int64_t us = number(query, n, "us", US_MAX);

    if (us < 0) {
        return reply(connection, 400, "wanted: ?us=N, N up to 60000000\n");
    }
    how(connection->server, us);
    return reply(connection, 200, "done\n");
}

static int answer_children(struct perf_connection *connection)
{
    return perf_tasks_children() == 3 ? reply(connection, 200, "3 children\n")
                                      : reply(connection, 500, "");
}

/* Rounds as they are, or what stands for some time. */
static int answer_burn(struct perf_connection *connection, const char *query,
                       size_t n)
{
    int64_t rounds = number(query, n, "n", ROUNDS_MAX);

    if (rounds < 0) {
        return answer_spend(connection, burn, query, n);
    }
    burn_rounds(connection->server, rounds);
    return reply(connection, 200, "done\n");
}

static uint64_t look(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static void describe(struct perf_server *server, struct perf_json *json)
{
    uint64_t requests, connections;
    weft_counters counters;

    perf_server_count(server, &requests, &connections);
    perf_json_open(json, NULL);
    perf_json_count(json, "requests", requests);
    perf_json_count(json, "connections", connections);
    perf_json_count(json, "accepted", look(&server->accepted));
    perf_json_count(json, "refused", look(&server->refused));
    perf_json_count(json, "expired", look(&server->expired));
    perf_json_count(json, "hog_steps", look(&server->hog_steps));
    perf_json_real(json, "longest_step_us",
                   (double)look(&server->longest_step) / 1e3);
    perf_json_real(json, "longest_step_cpu_us",
                   (double)look(&server->longest_cpu) / 1e3);
    perf_json_real(json, "burn_rounds_per_us", server->burn_per_us);
    weft_stats(weft_running_loop(), &counters);
    perf_stats_json(&counters, json, "runtime");
    perf_json_close(json);
}

static int answer_stats(struct perf_connection *connection)
{
    char text[2048];
    struct perf_json json;

    perf_json_init(&json, text, sizeof(text));
    describe(connection->server, &json);
    if (json.full) {
        return reply(connection, 500, "");
    }
    return perf_connection_reply(connection, 200, "application/json", text,
                                 json.used);
}

/* Whether the path is `name`, or with a name that ends in '/', below it. */
static bool matches(const char *path, size_t n, const char *name)
{
    size_t length = strlen(name);

    if (name[length - 1] == '/') {
        return n >= length && memcmp(path, name, length) == 0;
    }
    return n == length && memcmp(path, name, n) == 0;
}

static int answer_path(struct perf_connection *connection, const char *path,
                       size_t n, const char *query, size_t query_length)
{
    if (matches(path, n, "/file/")) {
        return perf_files_send(connection, path + 6, n - 6);
    }
    if (matches(path, n, "/sha256/")) {
        return perf_files_digest(connection, path + 8, n - 8);
    }
    if (matches(path, n, "/burn")) {
        return answer_burn(connection, query, query_length);
    }
    if (matches(path, n, "/block")) {
        return answer_spend(connection, block, query, query_length);
    }
    if (matches(path, n, "/sleep")) {
        return answer_spend(connection, nap, query, query_length);
    }
    if (matches(path, n, "/fork")) {
        return answer_spend(connection, divide, query, query_length);
    }
    if (matches(path, n, "/children")) {
        return answer_children(connection);
    }
    if (matches(path, n, "/stats")) {
        return answer_stats(connection);
    }
    return reply(connection, 404, "not found\n");
}

int perf_routes_answer(struct perf_connection *connection,
                       const struct perf_http_request *request,
                       const char *target)
{
    size_t n = request->target_length;
    const char *mark;

    if (request->method == PERF_HTTP_OTHER) {
        return reply(connection, 405, "only GET and HEAD\n");
    }
    perf_connection_mark(connection, PERF_PHASE_BUSY);
    if (n == 1) {
        return answer_hello(connection);
    }
    mark = memchr(target, '?', n);
    if (mark == NULL) {
        return answer_path(connection, target, n, "", 0);
    }
    n = (size_t)(mark - target);
    if (n == 1) {
        return answer_hello(connection);
    }
    return answer_path(connection, target, n, mark + 1,
                       request->target_length - n - 1);
}
