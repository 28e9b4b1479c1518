// SPDX-License-Identifier: MIT
/*
 * Handles in debug mode: a weft_future * that a user holds of a task or
 * callback has the generation of its descriptor in the upper 16 bits, so that a
 * handle whose references are gone is told from the task that has the
 * descriptor now. The memory of other futures is kept for a while after their
 * end. Every public function takes its handles through weft__handle(), or
 * weft__handle_own() if it drops a reference, and gives them through
 * weft__debug_give(). Inside, and with debugging off, a handle is a pointer.
 */
#ifndef WEFT_FUTURE_DEBUG_H
#define WEFT_FUTURE_DEBUG_H

#include "future/future.h"
#include "sched/debug.h"

weft_future *weft__debug_check(const weft_future *handle, const char *who);
weft_future *weft__debug_check_own(const weft_future *handle, const char *who);
weft_future *weft__debug_tag(weft_future *);

/** The future behind a handle that is borrowed. */
#define weft__handle(handle)                                                   \
    (weft__debug_on() ? weft__debug_check((handle), __func__)                  \
                      : (weft_future *)(uintptr_t)(handle))

/** The future behind a handle, of which a reference is to be dropped. */
static inline weft_future *weft__handle_own(weft_future *handle,
                                            const char *who)
{
    return weft__debug_on() ? weft__debug_check_own(handle, who) : handle;
}

/** A future as a handle. */
static inline weft_future *weft__debug_give(weft_future *future)
{
    return weft__debug_on() ? weft__debug_tag(future) : future;
}

/** The futures behind n handles, in memory to be freed with the next; the array
 * itself with debugging off. False: no memory. */
bool weft__debug_open(weft_future *const *handles, size_t n, const char *who,
                      weft_future *const **opened);
void weft__debug_close(weft_future *const *opened, weft_future *const *handles);

/* The misuse of many waits. */
#define WEFT__BUSY                                                             \
    "another wait has the only reference: take one for each who waits"
#define WEFT__CIRCLE                                                           \
    "a task would wait for itself, or for an owner that waits for it"

/** A future that is no task begins, and ends. If the second says false, its
 * memory is to be freed. */
void weft__debug_made(weft_future *, struct weft_runtime *);
bool weft__debug_unmade(weft_future *);

/** A user drops a reference and may have been the only one. */
void weft__debug_dropped(weft_future *);

/** The runtime has ended: report what users still hold of it. */
void weft__debug_leaks(struct weft_runtime *);

#endif
