// SPDX-License-Identifier: MIT
/*
 * Maps over an executor: a queue of chunks, oldest first. Each is a job that
 * works through some items; the caller takes results from the oldest one, and
 * fills up behind.
 */
#include <weft/map.h>

#include "exec/executor.h"
#include "future/block.h"

#include <string.h>
#include <weft/future.h>
#include <weft/task.h>
#include <weft/wait.h>

#define BUFFER 1024
#define MOST_CHUNK (SIZE_MAX / sizeof(struct piece) / 2)

struct piece {
    void *item;   /* until it has been worked on */
    void *result; /* from then on, and before that -WEFT_ECANCELED */
};

struct chunk {
    struct chunk *next;
    weft_map *map;
    weft_future *job; /* NULL: it has ended, and is known to */
    int refused;      /* why its job was not run at all, or 0 */
    size_t count, taken;
    struct piece piece[];
};

struct weft_map {
    weft_executor *executor;
    weft_map_options options;
    weft_fn *fn;
    weft_map_source *source;
    void *source_arg;
    weft_time until;
    struct chunk *first, *last;
    size_t ahead; /* items taken whose results were not */
    size_t done;
    int rc;    /* 1: the source may have more; else what its end, or its
                  failure, said */
    bool over; /* nothing more is given out */
};

/* Working */

static void *work_through(void *arg)
{
    struct chunk *chunk = arg;
    for (size_t i = 0; i < chunk->count && !weft_job_cancelled(); i++)
        chunk->piece[i].result = chunk->map->fn(chunk->piece[i].item);
    /* With its error, if it is the only one. */
    return chunk->count == 1 ? chunk->piece[0].result : NULL;
}

/* Filling up */

static struct chunk *read_chunk(weft_map *map)
{
    size_t most = map->options.chunk;
    struct chunk *chunk =
        weft__mem_alloc(1, sizeof(*chunk) + most * sizeof(struct piece));
    if (chunk == NULL) {
        map->rc = -ENOMEM;
        return NULL;
    }
    chunk->map = map;
    while (chunk->count < most) {
        struct piece *piece = &chunk->piece[chunk->count];
        map->rc = map->source(map->source_arg, &piece->item);
        if (map->rc <= 0)
            break;
        piece->result = weft_fail(-WEFT_ECANCELED);
        chunk->count++;
    }
    if (chunk->count > 0)
        return chunk;
    weft__mem_free(chunk);
    return NULL;
}

static void append(weft_map *map, struct chunk *chunk)
{
    if (map->first == NULL)
        map->first = chunk;
    else
        map->last->next = chunk;
    map->last = chunk;
    map->ahead += chunk->count;
}

static void fill(weft_map *map)
{
    size_t chunk = map->options.chunk;
    while (map->rc == 1 && map->ahead + chunk <= map->options.buffer) {
        struct chunk *next = read_chunk(map);
        if (next == NULL)
            return;
        append(map, next);
        next->job = weft_run_in_executor_named(map->executor, "weft_map",
                                               work_through, next);
    }
}

/* Waiting */

/* A join: it is not left before it has ended. */
static int join(weft_future *job)
{
    return weft__task_current() != NULL
               ? weft_await(job, NULL)
               : weft_wait_blocking(job, WEFT_FOREVER, NULL);
}

/* Only for so long, and then left alone: it may not stop. A cancellation is
 * handed down, and it is waited for. False: it has not ended. */
static bool await_until(weft_future *job, weft_time until, int *rc)
{
    weft_ns left = until - weft_now();
    *rc = weft__task_current() != NULL
              ? weft_wait_for(weft_future_ref(job), left, NULL)
              : weft__block_await(job, left);
    bool ended = weft_future_state(job) != WEFT_FUTURE_PENDING;
    if (!ended && *rc != -WEFT_ECANCELED)
        return false;
    if (!ended)
        weft_cancel(job);
    *rc = join(job);
    return true;
}

/* 0: the chunk has been worked through, or not at all; else why not yet. */
static int await_chunk(weft_map *map, struct chunk *chunk)
{
    weft_future *job = chunk->job;
    int rc = 0;
    if (job == NULL)
        return 0;
    if (map->until == WEFT_FOREVER ||
        weft_future_state(job) != WEFT_FUTURE_PENDING)
        rc = join(job);
    else if (!await_until(job, map->until, &rc))
        return rc;
    chunk->job = NULL;
    if (rc < 0 && weft_code(chunk->piece[0].result) == -WEFT_ECANCELED)
        chunk->refused = rc;
    return 0;
}

static void cancel_rest(weft_map *map)
{
    for (struct chunk *chunk = map->first; chunk; chunk = chunk->next)
        if (chunk->job != NULL)
            weft_cancel(chunk->job);
}

/* Taking */

static void free_first(weft_map *map)
{
    struct chunk *chunk = map->first;
    map->first = chunk->next;
    weft__mem_free(chunk);
}

static int take(weft_map *map, struct chunk *chunk, void **result)
{
    void *value = chunk->piece[chunk->taken].result;
    int rc = chunk->refused < 0 ? chunk->refused : weft_code(value);
    if (result != NULL)
        *result = rc < 0 ? NULL : value;
    map->ahead--;
    map->done++;
    if (++chunk->taken == chunk->count)
        free_first(map);
    if (map->options.progress != NULL)
        map->options.progress(map->done, map->options.progress_arg);
    return rc < 0 ? rc : 1;
}

/* What was not taken is waited for by the close. */
static int give_up(weft_map *map, int rc)
{
    cancel_rest(map);
    map->over = true;
    return rc;
}

int weft_map_next(weft_map *map, void **result)
{
    if (result != NULL)
        *result = NULL;
    if (map->over)
        return 0;
    fill(map);
    struct chunk *chunk = map->first;
    if (chunk == NULL)
        return give_up(map, map->rc);
    int rc = await_chunk(map, chunk);
    if (rc == -WEFT_ETIMEOUT)
        return give_up(map, rc);
    return rc < 0 ? rc : take(map, chunk, result);
}

/* Life */

int weft_map_open(weft_map **out, weft_executor *executor,
                  const weft_map_options *options, weft_fn *fn,
                  weft_map_source *source, void *source_arg)
{
    if (options != NULL &&
        (options->size > sizeof(*options) || options->chunk > MOST_CHUNK))
        return -EINVAL;
    weft_map *map = weft__mem_alloc(1, sizeof(*map));
    if (map == NULL)
        return -ENOMEM;
    if (options != NULL)
        memcpy(&map->options, options, options->size);
    weft_map_options *to = &map->options;
    to->chunk = to->chunk ? to->chunk : 1;
    to->buffer = to->buffer ? to->buffer : BUFFER;
    to->buffer = to->buffer > to->chunk ? to->buffer : to->chunk;
    map->executor = executor;
    if (executor != NULL)
        weft__executor_keep(executor); /* it may be shut down before the map */
    map->fn = fn;
    map->source = source;
    map->source_arg = source_arg;
    map->until = to->timeout > 0 ? weft_after(to->timeout) : WEFT_FOREVER;
    map->rc = 1;
    fill(map);
    *out = map;
    return 0;
}

void weft_map_close(weft_map *map)
{
    if (map == NULL)
        return;
    cancel_rest(map);
    map->until = WEFT_FOREVER;
    while (map->first != NULL) {
        (void)await_chunk(map, map->first);
        free_first(map);
    }
    if (map->executor != NULL)
        weft__executor_drop(map->executor);
    weft__mem_free(map);
}

/* Of an array */

struct array {
    void *const *item;
    size_t left;
};

static int next_of_array(void *arg, void **item)
{
    struct array *array = arg;
    if (array->left == 0)
        return 0;
    array->left--;
    *item = *array->item++;
    return 1;
}

int weft_executor_map(weft_executor *executor, const weft_map_options *options,
                      weft_fn *fn, void *const *items, size_t n, void **results)
{
    struct array array = {items, n};
    weft_map *map;
    for (size_t i = 0; results != NULL && i < n; i++)
        results[i] = weft_fail(-WEFT_ECANCELED);
    int rc = weft_map_open(&map, executor, options, fn, next_of_array, &array);
    if (rc < 0)
        return rc;
    int first = 0;
    void *value;
    for (size_t i = 0; (rc = weft_map_next(map, &value)) != 0; i++) {
        if (results != NULL && i < n)
            results[i] = rc < 0 ? weft_fail(rc) : value;
        if (rc < 0 && first == 0) {
            first = rc;
            cancel_rest(map);
            array.left = 0;
        }
    }
    weft_map_close(map);
    return first;
}
