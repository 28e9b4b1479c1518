// SPDX-License-Identifier: MIT
/**
 * The same function for many items, on the threads of an executor: results in
 * order, some items a job, only so many ahead of who takes the results.
 */
#ifndef WEFT_MAP_H
#define WEFT_MAP_H

#include <weft/exec.h>

WEFT_BEGIN

typedef struct weft_map weft_map;

/** Where items come from: 1 and *item; 0, no more; a negative code. Called by
 * weft_map_open() and weft_map_next(), on their thread. */
typedef int weft_map_source(void *arg, void **item);

typedef struct weft_map_options {
    size_t size;     /* sizeof(weft_map_options) */
    size_t chunk;    /* items a job; default 1 */
    size_t buffer;   /* items taken from the source whose results were not taken
                        yet; default 1 024, at least a chunk */
    weft_ns timeout; /* from the opening to the last result; default: none */
    /* After each result that was taken; by weft_map_next(). */
    void (*progress)(size_t done, void *arg);
    void *progress_arg;
} weft_map_options;

/**
 * Begin: takes as many items as .buffer says and submits them.
 *
 * Context:       as weft_run_in_executor().
 * Suspends:      as weft_run_in_executor().
 * Cancellation:  as weft_run_in_executor().
 * Ownership:     *out is yours: weft_map_close() it. Items, and what `source`
 *                needs, stay yours until then.
 * Returns:       0; -ENOMEM; -EINVAL: the options are not of this library, or no
 *                memory holds such a chunk.
 */
WEFT_API WEFT_MUST_CHECK int weft_map_open(weft_map **out,
                                           weft_executor *executor,
                                           const weft_map_options *options,
                                           weft_fn *fn, weft_map_source *source,
                                           void *source_arg);

/**
 * The result of the next item, in the order of the source.
 *
 * Context:       the coroutine or thread that opened the map, or whoever it
 *                gives it to: one at a time.
 * Suspends:      until it is there, and as weft_run_in_executor(); blocks a
 *                thread that is not a worker.
 * Cancellation:  as weft_await(): handed to the item that is waited for.
 * Ownership:     *result (may be NULL) is the item's, as of any job.
 * Returns:       1; 0, there are no more; or a negative code, after which one
 *                may go on: what `fn` failed with for this item, or what
 *                weft_run_in_executor() says. The source's own code comes
 *                last. After -WEFT_ETIMEOUT (.timeout) what has not started is
 *                cancelled, and there are no more.
 */
WEFT_API WEFT_MUST_CHECK int weft_map_next(weft_map *map, void **result);

/**
 * End: what has not started is cancelled, what runs is asked to stop.
 *
 * Context:       as weft_map_next().
 * Suspends:      until no item is being worked on; blocks a thread that is not
 *                a worker.
 * Cancellation:  a join.
 * Ownership:     consumes the map; NULL is ignored.
 * Returns:       nothing.
 */
WEFT_API void weft_map_close(weft_map *map);

/**
 * `fn` for each of `n` items, on an executor; NULL as for
 * weft_run_in_executor().
 *
 * Context:       as weft_run_in_executor().
 * Suspends:      until all have ended; blocks a thread that is not a worker.
 * Cancellation:  a join, handed down to the items.
 * Ownership:     `results` (may be NULL) has room for `n`; where an item failed
 *                or was not begun there is an error value (weft_code()).
 *                `options` may be NULL.
 * Returns:       0; the code of the first item that failed: those after it that
 *                had not started were cancelled; as weft_map_next().
 */
WEFT_API int weft_executor_map(weft_executor *executor,
                               const weft_map_options *options, weft_fn *fn,
                               void *const *items, size_t n, void **results);

WEFT_END

#endif
