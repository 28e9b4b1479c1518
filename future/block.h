// SPDX-License-Identifier: MIT
/*
 * A foreign thread that waits for a future: a waiter with a futex.
 * The word: bit 0 it has fired, bit 1 the thread sleeps, above that a count
 * that a signal handler may bump to end the sleep.
 */
#ifndef WEFT_FUTURE_BLOCK_H
#define WEFT_FUTURE_BLOCK_H

#include "future/future.h"

enum { WEFT__BLOCK_FIRED = 1, WEFT__BLOCK_ASLEEP = 2, WEFT__BLOCK_SIGNAL = 4 };

struct weft__block {
    struct weft__waiter waiter;
    _Atomic(uint32_t) word;
};

/** Register; the word was 0 or has counted signals. As
 * weft__future_add_waiter(). */
int weft__block_open(struct weft__block *, weft_future *);

/** Without a future: begin, and again after each wait that was ended by
 * weft__block_fire(). */
static inline void weft__block_reset(struct weft__block *block)
{
    weft__store_relaxed(&block->word, 0);
}

/** End the wait, from any thread: the last touch of the block. */
void weft__block_fire(struct weft__block *);

/** Wait no more. True: it has fired, and is not touched any more. */
bool weft__block_close(struct weft__block *, weft_future *);

/** Wait for a future on this thread, which may be in a job of a pool: 0, it is
 * done; -WEFT_ETIMEOUT; -WEFT_EBUSY
 * as weft__future_add_waiter(). */
int weft__block_await(weft_future *, int64_t timeout);

/** Sleep until it fires (true), `until`, or one signal more than `seen`. */
bool weft__block_wait(struct weft__block *, uint32_t seen, int64_t until);

#endif
