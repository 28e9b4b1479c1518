// SPDX-License-Identifier: MIT
/*
 * A hierarchical timer wheel with exact deadlines: 64 slots a level, a bitmap
 * of the occupied ones, as many levels as 64 bits of nanoseconds need. It is
 * pure: no clock, no thread, no lock, no allocation; the time is an argument
 * and the caller serialises.
 *
 * A time is cut into a tick of 2^14 ns and, above it, digits of six bits. A
 * timer lies on the level of the highest digit in which its deadline differs
 * from now, in the slot which that digit names.
 *
 * Invariants (weft__wheel_check looks at all of them):
 *  1. A timer's place follows from its deadline and `now` alone (one that is
 *     due lies where now is). So everything on a level is earlier than
 *     everything above, no slot behind now's digit is occupied, and timers of
 *     one deadline are always in one list, in the order of registration.
 *  2. `now` enters at most one slot of a higher level in one advance; its
 *     timers move down then, into slots that were empty.
 *  3. A slot's `least` is not later than any deadline in it. Removing a timer
 *     leaves it alone, so it may be too early until the slot is next visited.
 *
 * After G. Varghese and T. Lauck, "Hashed and Hierarchical Timing Wheels"
 * (SOSP 1987).
 */
#ifndef WEFT_SCHED_WHEEL_H
#define WEFT_SCHED_WHEEL_H

#include "sched/base.h"

#define WEFT__WHEEL_SLOTS 64
#define WEFT__WHEEL_LEVELS 9 /* 14 bits of tick and 9 * 6 above: over 64 */

/* Lies in whatever it times; all zero before its first use. */
struct weft__timer {
    struct weft__timer *next, *prev; /* a circle, while armed */
    int64_t deadline;                /* ns */
    uint8_t level, slot;             /* valid while armed */
    uint8_t armed;
    uint32_t tag; /* the embedder's: left alone here */
};

struct weft__wheel_slot {
    struct weft__timer *head; /* the earliest registered; valid if occupied */
    int64_t least;
};

struct weft__wheel {
    int64_t now;
    uint64_t levels; /* a bit for each level that has an occupied slot */
    uint64_t occupied[WEFT__WHEEL_LEVELS];
    struct weft__wheel_slot slots[WEFT__WHEEL_LEVELS][WEFT__WHEEL_SLOTS];
};

void weft__wheel_init(struct weft__wheel *wheel, int64_t now);

/** Arm a timer that is not armed. Any deadline will do: one that has passed
 * (it may be negative) is due at the next advance. */
void weft__wheel_add(struct weft__wheel *wheel, struct weft__timer *timer,
                     int64_t deadline);

/** Disarm it; false if it is not armed, that is, has expired already. */
bool weft__wheel_remove(struct weft__wheel *wheel, struct weft__timer *timer);

/**
 * Move on to `now` (an earlier one than before counts as the same) and give
 * back every timer that is due, none too early: a chain by `next`, ended by
 * NULL, by deadline and among equals by registration. They are not armed; take
 * `next` before you arm one again.
 *
 * Costs what expires and at most one slot besides: the one in which now lies.
 */
struct weft__timer *weft__wheel_advance(struct weft__wheel *wheel, int64_t now);

/** The earliest deadline, or INT64_MAX if there is none: how long to sleep.
 * After a remove it may be too early. Right after an advance it is later than
 * its `now`, so nobody spins. */
int64_t weft__wheel_next(const struct weft__wheel *wheel);

/** Whether the invariants hold. For tests: visits every timer. */
bool weft__wheel_check(const struct weft__wheel *wheel);

#endif
