// SPDX-License-Identifier: MIT
/*
 * WEFT_DEBUG=1: misuse that release builds leave undefined, or answer with a
 * code that nobody looks at, ends the program with one sentence; what is left
 * over at the end of a runtime is reported. One load and branch where it is
 * off.
 *
 * What must be closed (connections, files …) and futures that are not tasks are
 * entries of one table while they live; see weft__debug_opened().
 */
#ifndef WEFT_SCHED_DEBUG_H
#define WEFT_SCHED_DEBUG_H

#include "sched/atomic.h"
#include "sched/base.h"

struct weft_runtime;

/* Once on, it stays: handles and entries were made under it. */
extern _Atomic(bool) weft__debug;

static inline bool weft__debug_on(void)
{
    return weft__unlikely(weft__load_relaxed(&weft__debug));
}

/** Read the environment: a runtime begins. */
void weft__debug_read(void);

/** Say "weft: <who>: <what>", and in which task, and abort. Also for misuse
 * that has no other answer, whether debugging is on or not. */
_Noreturn void weft__debug_misuse(const char *who, const char *what);

/** Misuse that has a code: gives it back, unless debugging is on; or is asked
 * for, and no runtime has begun yet. */
int weft__misuse(int code, const char *who, const char *what);

/* The misuse of many calls. */
#define WEFT__OUTSIDE "called where no coroutine runs"
#define WEFT__FOREIGN "this belongs to another runtime"

/** What is open, and where that was done: in words, or as an address. */
struct weft__debug_thing {
    const void *object;
    struct weft_runtime *rt; /* NULL: none, or it has ended */
    const char *what;        /* "connection" */
    int number;              /* a descriptor or port; < 0: none */
    const char *name;        /* its place of birth, or NULL: */
    const void *site;        /* the caller's address, or NULL */
    uint64_t born;           /* their order; by weft__debug_enter() */
};

/** The caller of a public function, while debugging. */
#define weft__debug_site()                                                     \
    (weft__debug_on() ? __builtin_return_address(0) : NULL)

void weft__debug_enter(const struct weft__debug_thing *);
bool weft__debug_leave(const void *object);
void weft__debug_expect(const void *object, const char *who);

/** It is open from now on. */
static inline void weft__debug_opened(const void *object,
                                      struct weft_runtime *rt, const char *what,
                                      int number, const void *site)
{
    struct weft__debug_thing thing = {.object = object,
                                      .rt = rt,
                                      .what = what,
                                      .number = number,
                                      .site = site};
    if (weft__debug_on())
        weft__debug_enter(&thing);
}

/** It is closed; misuse if it was before. */
static inline void weft__debug_closed(const void *object, const char *who)
{
    if (weft__debug_on() && !weft__debug_leave(object))
        weft__debug_misuse(who, "this was closed before");
}

/** It is used; misuse if it is closed. */
static inline void weft__debug_used(const void *object, const char *who)
{
    if (weft__debug_on())
        weft__debug_expect(object, who);
}

/** The runtime has ended: what is still open in it, `room` of it, oldest first;
 * it is let go of, unless there is no room. Returns how many there were. */
size_t weft__debug_left(struct weft_runtime *, struct weft__debug_thing *,
                        size_t room);

/** Keep what is not needed any more for a while, so that its address is not
 * used again; gives back what is to be freed now, or NULL. */
struct weft__debug_kept {
    void **at; /* a ring of them */
    size_t room, next;
};
void *weft__debug_keep(struct weft__debug_kept *, void *memory);

#endif
