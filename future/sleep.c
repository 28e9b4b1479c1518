// SPDX-License-Identifier: MIT
/* Time for coroutines: the clock, and sleeping by one's own alarm. */
#include "future/task.h"

#include <weft/time.h>

weft_time weft_now(void)
{
    return weft__os->now();
}

weft_time weft_after(weft_ns after)
{
    weft_time now = weft_now();
    if (after <= 0)
        return now;
    return after > WEFT_FOREVER - now ? WEFT_FOREVER : now + after;
}

static void wake_sleeper(struct weft__alarm *alarm, struct weft__worker *worker)
{
    struct weft__coro *coro =
        weft__container_of(alarm, struct weft__coro, alarm);
    (void)worker;
    weft__sched_wake(coro, WEFT__WAKE_NOTIFY);
}

/* Until the alarm fires, or a cancellation disarms it. */
static int sleep_armed(weft_future *self)
{
    uint32_t mask = WEFT__WAKE_NOTIFY | WEFT__WAKE_INTERRUPT;
    while (!(weft__sched_suspend(mask) & WEFT__WAKE_NOTIFY)) {
        if (!weft__task_cancelled(self))
            continue;
        if (weft__alarm_disarm(&self->coro.alarm))
            return -WEFT_ECANCELED;
        mask = WEFT__WAKE_NOTIFY; /* it has fired: the wake is on its way */
    }
    return 0;
}

int weft_sleep_until(weft_time moment)
{
    int rc = weft__task_check();
    if (rc < 0)
        return rc;
    if (moment <= weft_now()) {
        weft__sched_yield();
        return 0;
    }
    weft_future *self = weft__task_current();
    self->coro.alarm.fire = wake_sleeper;
    weft__alarm_arm(&self->coro.alarm, weft__worker_self()->loop, moment);
    return sleep_armed(self);
}

int weft_sleep(weft_ns duration)
{
    return weft_sleep_until(weft_after(duration));
}
