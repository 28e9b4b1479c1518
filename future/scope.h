// SPDX-License-Identifier: MIT
/*
 * Scopes inside: what a deadline, a shield and a group have in common, and the
 * one place that says whether a task is cancelled.
 *
 * The scopes of a task are a list from the innermost outwards, in its frames;
 * below them lies the root scope, which is the CANCEL bit of its state word
 * together with the phase of the runtime. A scope takes effect in two steps:
 * anybody sets `fired`, then the LOOK bit of the task, and interrupts it; the
 * task itself looks, at its next call or at once if it sleeps, and hands the
 * cancellation to the children of its groups.
 *
 * A deadline is armed when the task first suspends inside the scope: most
 * scopes end before. Until then it is a duration and the kernel's coarse clock
 * at the entry.
 */
#ifndef WEFT_FUTURE_SCOPE_H
#define WEFT_FUTURE_SCOPE_H

#include "future/future.h"

#include <weft/scope.h>

enum weft__scope_kind {
    WEFT__SCOPE_INERT, /* entered outside a task */
    WEFT__SCOPE_TIMEOUT,
    WEFT__SCOPE_SHIELD,
    WEFT__SCOPE_GROUP,
};

struct weft__scope {
    struct weft__scope *outer; /* fixed from entry to exit */
    weft_future *task;         /* fixed; NULL: inert, or it has ended */
    /* The task only. */
    int64_t deadline; /* a moment if ->resolved, else a duration */
    int64_t entered;  /* coarse */
    uint8_t kind;
    bool resolved;
    bool armed;
    bool told; /* a group: its children know that they are cancelled */
    /* Why it fired, enum weft_reason; set once, by anybody. A fired shield does
     * not shield any more. */
    _Atomic(uint32_t) fired;
    _Atomic(bool) rung; /* the alarm's last touch of this memory */
    struct weft__alarm alarm;
};

/** Begin one of the current task; false (inert) outside. */
bool weft__scope_enter(struct weft__scope *, enum weft__scope_kind);

/** End it: it must be the innermost of the current task. */
void weft__scope_exit(struct weft__scope *, const char *who);

/** Fire. The scope's frame must be there. 0; 1: it had fired before. */
int weft__scope_fire(struct weft__scope *, enum weft_reason);

/** Look at all scopes of the current task: why it is cancelled, or NONE. Tells
 * the children of its groups, and arms shields that matter now. */
enum weft_reason weft__scope_look(weft_future *self);

/** About to suspend: arm what is not armed yet. False: a deadline has passed
 * already. */
bool weft__scope_arm(weft_future *self);

/** When the innermost of its deadlines passes, and whether a shield is around.
 * Of the current task. */
int64_t weft__scope_deadline(weft_future *self);
bool weft__scope_shields(weft_future *self);

/** What the current task starts inherits weft_deadline(), and is kept as with
 * .keep if a shield is around. */
void weft__scope_inherit(weft_future *, weft_future *self);

/** It must be the innermost of the task: there is no way on if it is not. */
void weft__scope_require(struct weft__scope *, weft_future *self,
                         const char *who);

/* The misuse of groups and scopes. */
#define WEFT__ENDED "this scope or group has ended before"
#define WEFT__NOT_OWNER                                                        \
    "a scope or group is for the task that entered it, until its exit"

#endif
