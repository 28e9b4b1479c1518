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
    uint64_t waits = weft__waits(WEFT_WAITS_TIME, 0);
    while (!(weft__task_suspend(self, mask, waits) & WEFT__WAKE_NOTIFY)) {
        if (!weft__task_cancelled(self))
            continue;
        if (weft__alarm_disarm(&self->coro.alarm))
            return -WEFT_ECANCELED;
        mask = WEFT__WAKE_NOTIFY; /* it has fired: the wake is on its way */
    }
    return 0;
}

static int sleep_until(weft_time moment, const char *who)
{
    int rc = weft__task_check_for(who);
    if (rc < 0)
        return rc;
    if (moment <= weft_now())
        return weft_yield();
    weft_future *self = weft__task_current();
    self->coro.alarm.fire = wake_sleeper;
    weft__alarm_arm(&self->coro.alarm, weft__worker_self()->loop, moment);
    return sleep_armed(self);
}

int weft_sleep_until(weft_time moment)
{
    return sleep_until(moment, __func__);
}

int weft_sleep(weft_ns duration)
{
    return sleep_until(weft_after(duration), __func__);
}
