// SPDX-License-Identifier: MIT
/*
 * A TCP connection inside. Its descriptor is closed when the last call that
 * uses it has returned, so no call ever meets a number that the system has
 * given to somebody else meanwhile.
 */
#ifndef WEFT_LOOP_TCP_H
#define WEFT_LOOP_TCP_H

#include "loop/engine.h"
#include "loop/readiness.h"

#include <weft/tcp.h>

struct weft_tcp {
    struct weft__source source;
    _Atomic(uint32_t) use; /* closed, being read, being written; above: calls
                              under way, and the handle */
    _Atomic(bool) hangup;  /* the peer has ended; set by events, for good */
    uint8_t away;          /* reads in a row on other loops' workers; the
                               reading task's, as the next one */
    bool drained;          /* a short read: nothing there until an edge comes.
                                The reading task's */
    weft__readiness readable;
    weft__readiness writable;
};

_Static_assert(sizeof(struct weft_tcp) <= WEFT__SOURCE_SIZE, "fits a source");

/** A connection around a connected or connecting socket, watched on this loop.
 * The descriptor is closed on failure. 0, -ENOMEM, -ENOSPC. */
int weft__tcp_open(struct weft__loop *, int fd, weft_tcp **out);

/** A user has it from now on: for debug.h. */
void weft__tcp_opened(weft_tcp *, const void *site);

#endif
