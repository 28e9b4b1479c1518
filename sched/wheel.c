// SPDX-License-Identifier: MIT
/*
 * The timer wheel of wheel.h: where a timer lies, moving on, and putting what
 * expired in order.
 */
#include "sched/wheel.h"

#include <string.h>

#define TICK_BITS 14
#define DIGIT_BITS 6

/* More natural runs than 2^48 timers could make do not fit in memory. */
#define SORT_BINS 48

struct chain {
    struct weft__timer *first, *last;
};

/* The sign bit is flipped so that negative times come before positive ones. */
static uint64_t tick_of(int64_t time)
{
    return ((uint64_t)time ^ UINT64_C(1) << 63) >> TICK_BITS;
}

static unsigned digit(uint64_t tick, unsigned level)
{
    return (unsigned)(tick >> level * DIGIT_BITS) & (WEFT__WHEEL_SLOTS - 1);
}

/* The highest level on which two ticks differ; 0 if they are the same. */
static unsigned level_between(uint64_t a, uint64_t b)
{
    return (63 - (unsigned)__builtin_clzll((a ^ b) | 1)) / DIGIT_BITS;
}

static bool is_occupied(const struct weft__wheel *wheel, unsigned level,
                        unsigned slot)
{
    return wheel->occupied[level] >> slot & 1;
}

static void mark_occupied(struct weft__wheel *wheel, unsigned level,
                          unsigned slot)
{
    wheel->occupied[level] |= UINT64_C(1) << slot;
    wheel->levels |= UINT64_C(1) << level;
}

static void mark_empty(struct weft__wheel *wheel, unsigned level, unsigned slot)
{
    wheel->occupied[level] &= ~(UINT64_C(1) << slot);
    if (wheel->occupied[level] == 0)
        wheel->levels &= ~(UINT64_C(1) << level);
}

static void link_last(struct weft__wheel_slot *slot, struct weft__timer *timer)
{
    struct weft__timer *head = slot->head;
    timer->next = head;
    timer->prev = head->prev;
    head->prev->next = timer;
    head->prev = timer;
    if (timer->deadline < slot->least)
        slot->least = timer->deadline;
}

static void link_alone(struct weft__wheel_slot *slot, struct weft__timer *timer)
{
    timer->next = timer;
    timer->prev = timer;
    slot->head = timer;
    slot->least = timer->deadline;
}

/* Put a timer where its deadline belongs, seen from the wheel's now. */
static void place(struct weft__wheel *wheel, struct weft__timer *timer)
{
    bool due = timer->deadline < wheel->now;
    uint64_t now = tick_of(wheel->now);
    uint64_t tick = due ? now : tick_of(timer->deadline);
    unsigned level = level_between(now, tick);
    unsigned slot = digit(tick, level);
    timer->level = (uint8_t)level;
    timer->slot = (uint8_t)slot;
    if (is_occupied(wheel, level, slot)) {
        link_last(&wheel->slots[level][slot], timer);
    } else {
        link_alone(&wheel->slots[level][slot], timer);
        mark_occupied(wheel, level, slot);
    }
}

/* Empty an occupied slot; its timers as a chain ended by NULL. */
static struct chain detach(struct weft__wheel *wheel, unsigned level,
                           unsigned slot)
{
    struct weft__timer *head = wheel->slots[level][slot].head;
    struct chain all = {head, head->prev};
    all.last->next = NULL;
    mark_empty(wheel, level, slot);
    return all;
}

static void append(struct chain *chain, struct chain more)
{
    if (chain->first == NULL)
        chain->first = more.first;
    else
        chain->last->next = more.first;
    chain->last = more.last;
}

/* All of the level's slots in `which`, earliest first, onto `due`. */
static void expire_slots(struct weft__wheel *wheel, unsigned level,
                         uint64_t which, struct chain *due)
{
    uint64_t left = wheel->occupied[level] & which;
    for (; left != 0; left &= left - 1)
        append(due, detach(wheel, level, (unsigned)__builtin_ctzll(left)));
}

/* The slot that now has come to lie in: what is due goes onto `due`, the rest
 * finds its new place, one level down or (on level 0) in the same slot. */
static void sift_slot(struct weft__wheel *wheel, unsigned level, unsigned slot,
                      struct chain *due)
{
    struct weft__timer *timer = detach(wheel, level, slot).first;
    while (timer != NULL) {
        struct weft__timer *next = timer->next;
        if (timer->deadline <= wheel->now) {
            timer->next = NULL;
            append(due, (struct chain){timer, timer});
        } else {
            place(wheel, timer);
        }
        timer = next;
    }
}

/* Disarm the first run of a chain whose deadlines do not fall, and cut the
 * chain behind it; what follows it. */
static struct weft__timer *cut_run(struct weft__timer *timer)
{
    struct weft__timer *next;
    for (;;) {
        timer->armed = 0;
        next = timer->next;
        if (next == NULL || next->deadline < timer->deadline)
            break;
        timer = next;
    }
    timer->next = NULL;
    return next;
}

/* Among equals those of `older` come first. */
static struct weft__timer *merge(struct weft__timer *older,
                                 struct weft__timer *newer)
{
    struct weft__timer *first = NULL, **link = &first;
    while (older != NULL && newer != NULL) {
        struct weft__timer **from =
            newer->deadline < older->deadline ? &newer : &older;
        *link = *from;
        link = &(*from)->next;
        *from = (*from)->next;
    }
    *link = older != NULL ? older : newer;
    return first;
}

/* A stable merge sort of natural runs, in place: bin i holds 2^i of them, all
 * older than those in the bins below. In order already costs one pass. */
static struct weft__timer *sort(struct weft__timer *chain)
{
    struct weft__timer *bins[SORT_BINS], *sorted = NULL;
    unsigned used = 0;
    while (chain != NULL) {
        struct weft__timer *run = chain;
        unsigned i = 0;
        chain = cut_run(run);
        for (; i < used && bins[i] != NULL; i++) {
            run = merge(bins[i], run);
            bins[i] = NULL;
        }
        bins[i] = run;
        used = i == used ? used + 1 : used;
    }
    for (unsigned i = 0; i < used; i++)
        sorted = merge(bins[i], sorted);
    return sorted;
}

void weft__wheel_init(struct weft__wheel *wheel, int64_t now)
{
    memset(wheel, 0, sizeof(*wheel));
    wheel->now = now;
}

void weft__wheel_add(struct weft__wheel *wheel, struct weft__timer *timer,
                     int64_t deadline)
{
    WEFT__ASSERT(!timer->armed);
    timer->deadline = deadline;
    timer->armed = 1;
    place(wheel, timer);
}

bool weft__wheel_remove(struct weft__wheel *wheel, struct weft__timer *timer)
{
    if (!timer->armed)
        return false;
    timer->armed = 0;
    struct weft__wheel_slot *slot = &wheel->slots[timer->level][timer->slot];
    if (timer->next == timer) {
        mark_empty(wheel, timer->level, timer->slot);
        return true;
    }
    timer->next->prev = timer->prev;
    timer->prev->next = timer->next;
    if (slot->head == timer)
        slot->head = timer->next;
    return true;
}

struct weft__timer *weft__wheel_advance(struct weft__wheel *wheel, int64_t now)
{
    int64_t to = now > wheel->now ? now : wheel->now;
    unsigned top = level_between(tick_of(wheel->now), tick_of(to));
    unsigned here = digit(tick_of(to), top);
    uint64_t below = wheel->levels & ((UINT64_C(1) << top) - 1);
    struct chain due = {NULL, NULL};

    /* On the levels below `top` everything lies before `to`; on `top` the
     * slots before `here` do. What is above is not touched. */
    for (; below != 0; below &= below - 1)
        expire_slots(wheel, (unsigned)__builtin_ctzll(below), UINT64_MAX, &due);
    expire_slots(wheel, top, (UINT64_C(1) << here) - 1, &due);
    wheel->now = to;
    if (is_occupied(wheel, top, here) &&
        (top > 0 || wheel->slots[0][here].least <= to))
        sift_slot(wheel, top, here, &due);
    return sort(due.first);
}

int64_t weft__wheel_next(const struct weft__wheel *wheel)
{
    if (wheel->levels == 0)
        return INT64_MAX;
    unsigned level = (unsigned)__builtin_ctzll(wheel->levels);
    unsigned slot = (unsigned)__builtin_ctzll(wheel->occupied[level]);
    return wheel->slots[level][slot].least;
}

static bool check_timer(const struct weft__wheel *wheel,
                        const struct weft__timer *timer, unsigned level,
                        unsigned slot)
{
    uint64_t now = tick_of(wheel->now);
    uint64_t tick =
        timer->deadline < wheel->now ? now : tick_of(timer->deadline);
    return timer->armed == 1 && timer->level == level && timer->slot == slot &&
           level_between(now, tick) == level && digit(tick, level) == slot &&
           timer->next->prev == timer && timer->prev->next == timer &&
           wheel->slots[level][slot].least <= timer->deadline;
}

static bool check_slot(const struct weft__wheel *wheel, unsigned level,
                       unsigned slot)
{
    const struct weft__timer *head = wheel->slots[level][slot].head;
    const struct weft__timer *timer = head;
    do {
        if (!check_timer(wheel, timer, level, slot))
            return false;
        timer = timer->next;
    } while (timer != head);
    return true;
}

bool weft__wheel_check(const struct weft__wheel *wheel)
{
    for (unsigned level = 0; level < WEFT__WHEEL_LEVELS; level++) {
        uint64_t left = wheel->occupied[level];
        if ((left != 0) != (wheel->levels >> level & 1))
            return false;
        for (; left != 0; left &= left - 1)
            if (!check_slot(wheel, level, (unsigned)__builtin_ctzll(left)))
                return false;
    }
    return wheel->levels >> WEFT__WHEEL_LEVELS == 0;
}
