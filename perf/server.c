// SPDX-License-Identifier: MIT
/*
 * The list of connections: admission, patience, drain.
 *
 * Patience costs a request nothing: no timer is armed for it. A connection
 * leaves word of what it is about and since when (in ticks); once a second,
 * while there are connections, one callback looks at all of them and shuts down
 * those that have taken too long. Waiting reads and writes then return. So a
 * limit of 10 s ends a connection after 10 to 11.
 */
#include "perf/server.h"

#include <stdlib.h>
#include <string.h>

#include <weft/runtime.h>
#include <weft/task.h>

#include "perf/connection.h"

#define LOOK_EVERY WEFT_S(1)
#define DRAIN_EVERY WEFT_MS(20)

/* Ticks a phase may last; 0: as long as it takes. */
static const unsigned patience[] = {
    [PERF_PHASE_IDLE] = 60, [PERF_PHASE_HEAD] = 10,  [PERF_PHASE_BODY] = 30,
    [PERF_PHASE_BUSY] = 0,  [PERF_PHASE_WRITE] = 30, [PERF_PHASE_LINGER] = 2,
};

int perf_server_init(struct perf_server *server)
{
    *server = (struct perf_server){.root = -1};
    return -pthread_mutex_init(&server->lock, NULL);
}

void perf_server_fini(struct perf_server *server)
{
    while (server->spare != NULL) {
        struct perf_connection *next = server->spare->next;

        free(server->spare);
        server->spare = next;
    }
    pthread_mutex_destroy(&server->lock);
}

static void count(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* Under the lock. */
static void enlist(struct perf_server *server,
                   struct perf_connection *connection)
{
    connection->next = server->first;
    connection->previous = NULL;
    if (server->first != NULL) {
        server->first->previous = connection;
    }
    server->first = connection;
    server->connections++;
}

static uint64_t requests_of(const struct perf_connection *connection)
{
    return atomic_load_explicit(&connection->requests, memory_order_relaxed);
}

/* Under the lock. */
static void strike(struct perf_server *server,
                   struct perf_connection *connection)
{
    if (connection->next != NULL) {
        connection->next->previous = connection->previous;
    }
    if (connection->previous != NULL) {
        connection->previous->next = connection->next;
    } else {
        server->first = connection->next;
    }
    server->connections--;
    server->requests += requests_of(connection);
}

static enum perf_phase phase_of(uint64_t stand)
{
    return (enum perf_phase)(stand & 0xff);
}

/* End what is not going to end by itself. A slow reader is cut off both ways;
 * for the others the end of the stream is enough, and leaves the way open for
 * a 408. */
static void expire(struct perf_connection *connection, enum perf_phase phase)
{
    bool slow_reader = phase == PERF_PHASE_WRITE;

    if (atomic_exchange(&connection->expired, true)) {
        return;
    }
    count(&connection->server->expired);
    weft_tcp_shutdown(connection->tcp,
                      slow_reader ? WEFT_SHUT_BOTH : WEFT_SHUT_READ);
}

/* Under the lock. */
static void look_at(struct perf_server *server,
                    struct perf_connection *connection, uint32_t tick)
{
    uint64_t stand =
        atomic_load_explicit(&connection->stand, memory_order_relaxed);
    enum perf_phase phase = phase_of(stand);
    uint32_t since = tick - (uint32_t)(stand >> 8);

    if (patience[phase] != 0 && since > patience[phase]) {
        expire(connection, phase);
    } else if (phase == PERF_PHASE_IDLE && atomic_load(&server->draining)) {
        weft_tcp_shutdown(connection->tcp, WEFT_SHUT_READ);
    }
}

/* Under the lock. */
static struct perf_connection *take_spare(struct perf_server *server)
{
    struct perf_connection *spare = server->spare;

    if (spare == NULL) {
        return aligned_alloc(PERF_CONNECTION_BLOCK / 2, PERF_CONNECTION_BLOCK);
    }
    server->spare = spare->next;
    return spare;
}

/* Under the lock. */
static void give_spare(struct perf_server *server,
                       struct perf_connection *connection)
{
    connection->next = server->spare;
    server->spare = connection;
}

/* Under the lock: a task that was accepted but could not be started, for lack
 * of memory, ends its connection here. */
static bool is_stillborn(struct perf_connection *connection)
{
    return weft_future_state(connection->task) == WEFT_FUTURE_FAILED;
}

/* Under the lock. */
static void bury(struct perf_server *server, struct perf_connection *connection)
{
    strike(server, connection);
    count(&server->refused);
    weft_tcp_close(connection->tcp);
    weft_future_unref(connection->task);
    give_spare(server, connection);
}

/* Look at all connections; how many there are. */
static uint64_t look(struct perf_server *server)
{
    struct perf_connection *connection, *next;
    uint32_t tick = atomic_load(&server->tick);
    uint64_t left;

    pthread_mutex_lock(&server->lock);
    for (connection = server->first; connection != NULL; connection = next) {
        next = connection->next;
        if (is_stillborn(connection)) {
            bury(server, connection);
        } else {
            look_at(server, connection, tick);
        }
    }
    left = server->connections;
    pthread_mutex_unlock(&server->lock);
    return left;
}

static void *look_again(void *arg);

/* Under the lock: see that a look is due while there are connections. Without
 * memory the next admission tries again. */
static void watch(struct perf_server *server)
{
    weft_future *timer;

    if (server->watched || server->connections == 0 ||
        atomic_load(&server->draining)) {
        return;
    }
    timer = weft_call_later(LOOK_EVERY, look_again, server);
    server->watched = weft_future_state(timer) != WEFT_FUTURE_FAILED;
    weft_detach(timer);
}

static void *look_again(void *arg)
{
    struct perf_server *server = arg;

    atomic_fetch_add(&server->tick, 1);
    look(server);
    pthread_mutex_lock(&server->lock);
    server->watched = false;
    watch(server);
    pthread_mutex_unlock(&server->lock);
    return NULL;
}

/* Under the lock. */
static struct perf_connection *make(struct perf_server *server, weft_tcp *tcp)
{
    struct perf_connection *connection = NULL;

    if (server->connections < server->max_connections) {
        connection = take_spare(server);
    }
    if (connection != NULL) {
        memset(connection, 0, sizeof(*connection));
        connection->server = server;
        connection->tcp = tcp;
        perf_connection_mark(connection, PERF_PHASE_IDLE);
    }
    return connection;
}

/* Under the lock. */
static void start(struct perf_server *server,
                  struct perf_connection *connection)
{
    static const weft_spawn_options options = {
        .size = sizeof(options), .name = "connection", .keep = true};

    enlist(server, connection);
    connection->task =
        weft_spawn_with(&options, perf_connection_run, connection);
    if (is_stillborn(connection)) {
        bury(server, connection);
        return;
    }
    count(&server->accepted);
    watch(server);
}

void perf_server_admit(struct perf_server *server, weft_tcp *tcp)
{
    struct perf_connection *connection;

    pthread_mutex_lock(&server->lock);
    connection = make(server, tcp);
    if (connection != NULL) {
        start(server, connection);
    }
    pthread_mutex_unlock(&server->lock);
    if (connection == NULL) {
        count(&server->refused);
        weft_tcp_close(tcp);
    }
}

void perf_server_leave(struct perf_server *server,
                       struct perf_connection *connection)
{
    weft_future *task;

    pthread_mutex_lock(&server->lock);
    strike(server, connection);
    /* Written under the lock before the task could come this far. */
    task = connection->task;
    give_spare(server, connection);
    pthread_mutex_unlock(&server->lock);
    weft_detach(task);
}

/* Keeps looking, because a connection may have become idle just after it was
 * looked at, without having seen the flag. */
static void *drain(void *arg)
{
    struct perf_server *server = arg;
    int rounds = 0;

    while (look(server) > 0 && weft_sleep(DRAIN_EVERY) == 0) {
        if (++rounds % (int)(LOOK_EVERY / DRAIN_EVERY) == 0) {
            atomic_fetch_add(&server->tick, 1);
        }
    }
    return NULL;
}

void perf_server_drain(struct perf_server *server)
{
    static const weft_spawn_options options = {
        .size = sizeof(options), .name = "drain", .keep = true};

    atomic_store(&server->draining, true);
    look(server);
    weft_detach(weft_spawn_with(&options, drain, server));
}

void perf_server_count(struct perf_server *server, uint64_t *requests,
                       uint64_t *connections)
{
    pthread_mutex_lock(&server->lock);
    *requests = server->requests;
    *connections = server->connections;
    for (struct perf_connection *c = server->first; c != NULL; c = c->next) {
        *requests += requests_of(c);
    }
    pthread_mutex_unlock(&server->lock);
}

static void raise_to(_Atomic uint64_t *max, uint64_t value)
{
    uint64_t old = atomic_load_explicit(max, memory_order_relaxed);

    while (old < value &&
           !atomic_compare_exchange_weak_explicit(
               max, &old, value, memory_order_relaxed, memory_order_relaxed)) {
    }
}

void perf_server_note_step(struct perf_server *server, uint64_t ns,
                           uint64_t cpu_ns)
{
    count(&server->hog_steps);
    raise_to(&server->longest_step, ns);
    raise_to(&server->longest_cpu, cpu_ns);
}
