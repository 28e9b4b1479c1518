// SPDX-License-Identifier: MIT
/**
 * Counters of a runtime. Each is written by one thread and summed on demand, so
 * two of them may be a moment apart while the runtime works; when it is quiet
 *     tasks_spawned = tasks_ended + live
 *     steps = steps_local + steps_stolen + steps_injected.
 */
#ifndef WEFT_STATS_H
#define WEFT_STATS_H

#include <weft/base.h>

WEFT_BEGIN

/* Every counter of a worker: name, meaning. All count from the start. */
#define WEFT_COUNTERS(X)                                                       \
    X(tasks_spawned, "tasks and callbacks accepted")                           \
    X(tasks_ended, "tasks and callbacks that have ended")                      \
    X(steps, "times a task was given a worker")                                \
    X(steps_local, "of these, taken from the worker's own queues")             \
    X(steps_stolen, "of these, stolen from another worker")                    \
    X(steps_injected, "of these, from an inbox")                               \
    X(switches, "switches from one stack to another")                          \
    X(parks, "times the worker went to sleep")                                 \
    X(wakes, "times it woke another worker")                                   \
    X(rescues, "times it took over what lay with a stuck worker")              \
    X(handoffs, "times it took over the loop of a stuck worker")               \
    X(demotions, "tasks it sent to the background, for their steps are long")  \
    X(promotions, "tasks it took back, for they behave")                       \
    X(polls, "times it asked the kernel for events")                           \
    X(io_events, "events the kernel gave it")                                  \
    X(io_calls, "socket and file calls begun")                                 \
    X(timers_armed, "timers armed")                                            \
    X(timers_fired, "timers that fell due")                                    \
    X(stacks, "stacks taken from the system, minus those given back")

typedef struct weft_counters {
#define WEFT_COUNTER_FIELD(name, text) uint64_t name;
    WEFT_COUNTERS(WEFT_COUNTER_FIELD)
#undef WEFT_COUNTER_FIELD
} weft_counters;

/**
 * The sum over all workers, and what foreign threads submitted.
 *
 * Context:       any thread that holds a reference.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     none.
 * Returns:       nothing; fills *out.
 */
WEFT_API void weft_stats(weft_runtime *, weft_counters *out);

/**
 * The counters of one worker, by its weft_worker_index().
 *
 * Context:       any thread that holds a reference.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     none.
 * Returns:       0; -EINVAL if there is no such worker.
 */
WEFT_API WEFT_MUST_CHECK int weft_stats_worker(weft_runtime *, unsigned worker,
                                               weft_counters *out);

/**
 * The worker that runs this code.
 *
 * Context:       any thread.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     none.
 * Returns:       0 to 1 023: below weft_runtime_info.workers those that it began
 *                with, beyond that threads that came for one that was stuck;
 *                -WEFT_ENORUNTIME outside a runtime.
 */
WEFT_API int weft_worker_index(void);

WEFT_END

#endif
