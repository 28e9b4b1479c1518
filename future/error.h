// SPDX-License-Identifier: MIT
/*
 * Errors inside: nodes of a tree by ->cause and ->other, counted, immutable
 * once more than one holder can see them. Whoever holds the only reference to a
 * node, and to all above it, is alone with it and may still change it.
 *
 * The slot of a task is its future's ->error, until it is done and for ever
 * after; of other threads that of future/local.h. Only who runs there writes
 * it. A failure without a node (no memory, a plain code set by hand) empties
 * the slot of who retrieves it, so that no older error is taken for it; a
 * cancellation without one leaves the slot alone: cancelling and awaiting the
 * rest is how one cleans up after a failure, which must not be forgotten.
 */
#ifndef WEFT_FUTURE_ERROR_H
#define WEFT_FUTURE_ERROR_H

#include "future/future.h"

#include <weft/error.h>

enum {
    WEFT__ERROR_MESSAGE = 500, /* bytes kept */
    WEFT__ERROR_NAME = 200,    /* of a task's name: the task may go first */
    WEFT__ERROR_CHAIN = 32,    /* nodes by ->cause */
    WEFT__ERROR_OTHERS = 64,   /* nodes of a group, beside its first failure */
};

struct weft__error {
    struct weft_error public; /* first: ->cause and ->other lead back here */
    _Atomic(uint32_t) refs;
    uint16_t depth;  /* of the causes, itself included */
    uint16_t others; /* of the first of a group: how many follow */
    bool leads;      /* the failure that cancelled its group */
    union {
        const weft_future *maker; /* who failed: compared, never followed */
        struct weft__error *dead; /* the next to be freed */
    };
    char text[]; /* the message, then the name */
};

/** One more holder; NULL is fine. */
struct weft__error *weft__error_ref(struct weft__error *);

/** One holder less; NULL is fine. */
void weft__error_unref(struct weft__error *);

/** What `task` (or job) runs has failed: its slot gets a node of its own with
 * this code, if it has none. Of a plain cancellation the slot is emptied. By
 * who runs it, before it is done. */
void weft__error_ended(weft_future *task, int code);

/** What made it fail, before weft__error_ended() says how: of a job that was not
 * run. By who completes it. */
void weft__error_cause(weft_future *job, int code, const char *message);

/** The code is about to be published: let a future made by hand have what the
 * setter knows of it. Under the future's LOCK. */
void weft__error_attach(weft_future *, int code);

/** The caller has retrieved the failure of a future that is done, and holds it:
 * into the slot with its error. */
void weft__error_hand_up(weft_future *from);

/** The same of what may have succeeded; nothing is known of a mere cancellation.
 */
static inline void weft__error_retrieved(weft_future *from, int code)
{
    if (weft__unlikely(code < 0) && (code != -WEFT_ECANCELED || from->touched))
        weft__error_hand_up(from);
}

/** The failure of this future, done, is known to somebody, and need not be
 * reported. */
static inline void weft__error_observed(weft_future *future)
{
    if (weft__load_relaxed(&future->kind) != WEFT__STATIC)
        weft__fetch_or(&future->state, WEFT__OBSERVED); /* it stays DONE */
}

/** A child of a group has failed and is done: append a copy of its error to the
 * group's list, or put it in front, if it is what cancelled the group. */
void weft__error_collect(struct weft__error **first, struct weft__error **last,
                         weft_future *child);
void weft__error_lead(struct weft__error **first, struct weft__error **last,
                      weft_future *child);

/** The group of the current task ends with `code`, its body with `body`: its
 * list, which may be empty, goes into the slot, with the body's own error in
 * front if that came first, or at the end. */
void weft__error_take_group(weft_future *self, struct weft__error *first,
                            int code, int body);

/** A future that is done is about to be freed, by its last holder, anywhere:
 * report its failure if nobody has seen it. Calls the program's hook: no lock
 * may be held. report.c. */
void weft__error_unretrieved(weft_future *);

#endif
