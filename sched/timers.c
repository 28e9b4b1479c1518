// SPDX-License-Identifier: MIT
/* Alarms: see timers.h. */
#include "sched/runtime.h"

static void set_next(struct weft__timers *timers)
{
    weft__store_relaxed(&timers->next, weft__wheel_next(&timers->wheel));
}

void weft__alarm_arm(struct weft__alarm *alarm, struct weft__loop *loop,
                     int64_t moment)
{
    struct weft__timers *timers = &loop->timers;
    struct weft__worker *self = weft__worker_self();
    alarm->loop = loop;
    weft__spin_lock(&timers->lock);
    weft__wheel_add(&timers->wheel, &alarm->timer, moment);
    bool first = moment < weft__load_relaxed(&timers->next);
    if (first)
        weft__store_relaxed(&timers->next, moment);
    weft__spin_unlock(&timers->lock);
    if (weft__likely(self == weft__loop_owner(loop)))
        weft__count(self, timers_armed);
    else if (first)
        loop->rt->driver->wake(loop);
}

bool weft__alarm_disarm(struct weft__alarm *alarm)
{
    struct weft__timers *timers = &alarm->loop->timers;
    weft__spin_lock(&timers->lock);
    bool was = weft__wheel_remove(&timers->wheel, &alarm->timer);
    if (was && alarm->timer.deadline == weft__load_relaxed(&timers->next))
        set_next(timers);
    weft__spin_unlock(&timers->lock);
    return was;
}

/* A fired alarm may be armed again at once: read its successor first. */
static unsigned fire_all(struct weft__timer *due, struct weft__worker *worker)
{
    unsigned fired = 0;
    for (; due != NULL; fired++) {
        struct weft__alarm *alarm =
            weft__container_of(due, struct weft__alarm, timer);
        due = due->next;
        alarm->fire(alarm, worker);
    }
    return fired;
}

unsigned weft__timers_expire(struct weft__loop *loop,
                             struct weft__worker *worker, int64_t now)
{
    struct weft__timers *timers = &loop->timers;
    if (now < weft__load_relaxed(&timers->next))
        return 0;
    weft__lock(&timers->firing);
    weft__spin_lock(&timers->lock);
    struct weft__timer *due = weft__wheel_advance(&timers->wheel, now);
    set_next(timers);
    weft__spin_unlock(&timers->lock);
    unsigned fired = fire_all(due, worker);
    weft__unlock(&timers->firing);
    weft__count_n(worker, timers_fired, fired);
    return fired;
}

/* The first alarm in a slot with this fire function. */
static struct weft__alarm *find_in(struct weft__wheel_slot *slot,
                                   void (*fire)(struct weft__alarm *,
                                                struct weft__worker *))
{
    struct weft__timer *timer = slot->head;
    do {
        struct weft__alarm *alarm =
            weft__container_of(timer, struct weft__alarm, timer);
        if (alarm->fire == fire)
            return alarm;
        timer = timer->next;
    } while (timer != slot->head);
    return NULL;
}

/* Chains what it takes by ->next. Under the lock. */
static struct weft__timer *take_slot(struct weft__wheel *wheel, unsigned level,
                                     unsigned slot, struct weft__timer *chain,
                                     void (*fire)(struct weft__alarm *,
                                                  struct weft__worker *))
{
    struct weft__alarm *alarm;
    while (wheel->occupied[level] >> slot & 1 &&
           (alarm = find_in(&wheel->slots[level][slot], fire)) != NULL) {
        weft__wheel_remove(wheel, &alarm->timer);
        alarm->timer.next = chain;
        chain = &alarm->timer;
    }
    return chain;
}

void weft__timers_flush(struct weft__loop *loop,
                        void (*fire)(struct weft__alarm *,
                                     struct weft__worker *))
{
    struct weft__timers *timers = &loop->timers;
    struct weft__timer *taken = NULL;
    weft__spin_lock(&timers->lock);
    for (unsigned level = 0; level < WEFT__WHEEL_LEVELS; level++)
        for (unsigned slot = 0; slot < WEFT__WHEEL_SLOTS; slot++)
            taken = take_slot(&timers->wheel, level, slot, taken, fire);
    set_next(timers);
    weft__spin_unlock(&timers->lock);
    fire_all(taken, NULL);
}
