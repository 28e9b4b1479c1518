// SPDX-License-Identifier: MIT
/*
 * Groups inside: a scope with an account. Others than the owner touch only
 * `pushed` (their spawns), `failed` (a child that ends), `scope.fired` and the
 * places, and only while a child of the group runs, so the owner's frame is
 * there.
 */
#ifndef WEFT_FUTURE_GROUP_H
#define WEFT_FUTURE_GROUP_H

#include "future/account.h"
#include "future/scope.h"
#include "sched/lock.h"

#include <weft/group.h>

/* Who waits to spawn; in that task's frame. */
struct weft__place {
    struct weft__place *next;
    struct weft__coro *coro;
};

struct weft__group {
    struct weft__scope scope; /* first: look() finds the group by it */
    struct weft__account children;
    struct weft__error *first, *last; /* failures settled; the owner's */
    struct weft__defer *defers;       /* the owner's */
    int broken;                       /* by its options; fixed */
    bool led;        /* ->first is what failed first; the owner's */
    bool cut;        /* a child ended cancelled; the owner's */
    bool keep_going; /* fixed */
    unsigned max;    /* places; 0: no limit; fixed */
    _Atomic(weft_future *) pushed; /* spawned by others, chained by ->next;
                                      anybody adds, the owner takes all */
    _Atomic(uint64_t) failed; /* who failed first, and the code; set once, by
                                  that child or, for the body, the owner */
    _Atomic(bool) closed;     /* cancelled or over, for spawns of others; the
                                  owner's */
    struct weft__lock lock;   /* of what follows */
    unsigned running;
    struct weft__place *waiting, *waiting_last;
};

static inline struct weft__account *
weft__group_children(struct weft__group *group)
{
    return &group->children;
}

/** Cancel the children: the owner has found it cancelled. */
void weft__group_tell(struct weft__group *, enum weft_reason);

/** A child is done and leaves the account. The owner. */
void weft__group_settle(struct weft__group *, weft_future *child);

/** A child that failed, or has a place, ends: on its own worker, before it is
 * done. */
void weft__group_child_ends(weft_future *child, int code);

/** The failure that cancelled this task, or 0. The task itself. */
int weft__group_failure(weft_future *self);

#endif
