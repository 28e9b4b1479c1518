// SPDX-License-Identifier: MIT
/* Lines of sleepers: see line.h. */
#include "future/line.h"

#include <weft/time.h>

/* The line */

void weft__line_push_first(struct weft__line *line,
                           struct weft__sleeper *sleeper)
{
    sleeper->prev = NULL;
    sleeper->next = line->first;
    if (line->first == NULL)
        line->last = sleeper;
    else
        line->first->prev = sleeper;
    line->first = sleeper;
    sleeper->listed = true;
}

static bool take_back(struct weft__sleeper *sleeper, struct weft__spin *spin,
                      struct weft__line *line)
{
    weft__spin_lock(spin);
    bool listed = sleeper->listed;
    if (listed)
        weft__line_remove(line, sleeper);
    weft__spin_unlock(spin);
    return listed;
}

/* Waiting and waking */

void weft__sleeper_wake(struct weft__sleeper *sleeper)
{
    if (weft__likely(sleeper->task != NULL))
        weft__sched_wake(&sleeper->task->coro, WEFT__WAKE_NOTIFY);
    else
        weft__block_fire(&sleeper->block);
}

int weft__sleeper_over(const struct weft__sleeper *sleeper)
{
    if (sleeper->task != NULL)
        return weft__task_cancelled(sleeper->task) ? -WEFT_ECANCELED : 0;
    return weft__os->now() >= sleeper->until ? -WEFT_ETIMEOUT : 0;
}

static int wait_coroutine(struct weft__sleeper *sleeper,
                          struct weft__spin *spin, struct weft__line *line,
                          uint64_t waits)
{
    uint32_t mask = WEFT__WAKE_NOTIFY | WEFT__WAKE_INTERRUPT;
    weft_future *self = sleeper->task;
    while (!(weft__task_suspend(self, mask, waits) & WEFT__WAKE_NOTIFY)) {
        if (!weft__task_cancelled(self))
            continue;
        if (take_back(sleeper, spin, line))
            return -WEFT_ECANCELED;
        mask = WEFT__WAKE_NOTIFY; /* it is on its way */
    }
    return 0;
}

static int wait_thread(struct weft__sleeper *sleeper, struct weft__spin *spin,
                       struct weft__line *line)
{
    int64_t until = sleeper->until;
    while (!weft__block_wait(&sleeper->block, 0, until)) {
        if (take_back(sleeper, spin, line))
            return -WEFT_ETIMEOUT;
        until = INT64_MAX; /* it is on its way */
    }
    weft__block_reset(&sleeper->block);
    return 0;
}

int weft__sleeper_wait(struct weft__sleeper *sleeper, struct weft__spin *spin,
                       struct weft__line *line, uint64_t waits)
{
    return sleeper->task != NULL ? wait_coroutine(sleeper, spin, line, waits)
                                 : wait_thread(sleeper, spin, line);
}
