// SPDX-License-Identifier: MIT
/* One child of a pool, as its parent sees it: started, spoken to, killed, and
 * buried. Touched under the pool's lock. */
#ifndef WEFT_EXEC_PROCESS_H
#define WEFT_EXEC_PROCESS_H

#include "exec/wire.h"
#include "sched/os.h"

#include <weft/process.h>

struct weft__remote;

enum weft__child_state {
    WEFT__CHILD_STARTS, /* has not said that it is ready */
    WEFT__CHILD_IDLE,
    WEFT__CHILD_BUSY,
    WEFT__CHILD_ENDS, /* gets no more jobs: it has been told, or is dead */
};

struct weft__child {
    struct weft__child *next;
    enum weft__child_state state;
    int pid, pidfd, socket;
    struct weft__remote *job; /* that it has; NULL: none */
    unsigned jobs;            /* that it has done */
    int64_t until;            /* when it gets `signo`; INT64_MAX: never */
    int signo;
    int why;   /* what its job fails with when it dies; 0: of itself */
    bool dead; /* reaped */
    struct weft__exit exit; /* then: how */
};

/** Start one. 0, or what the system says. */
int weft__child_start(struct weft__child *, const weft_process_pool_options *);

void weft__child_signal(struct weft__child *, int signo);

/** Has it died? Then it is buried. */
bool weft__child_reap(struct weft__child *);

/** End one that was just started, and wait for that. */
void weft__child_abort(struct weft__child *);

/** Its descriptors. */
void weft__child_close(struct weft__child *);

#endif
