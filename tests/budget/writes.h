// SPDX-License-Identifier: MIT
/*
 * Which writes cost another core's cache a line. The library is compiled with
 * gcc's -fsanitize=thread, which calls a function before every store and for
 * every atomic operation; those functions are in writes.c instead of in
 * ThreadSanitizer (as the Linux kernel's KCSAN does it). So nothing is left out
 * but what memcpy and memset write, and no word of the library is changed.
 *
 * A write is *shared* if the line was last written by another thread: the core
 * has to fetch it from there. The next one of the same thread is not: the line
 * is its own by then. Beside that, each write to what is common to all workers
 * is shared, whoever wrote there last: the program's static variables, and what
 * a test names. That others have read a line since is not counted: whether they
 * have is a matter of time.
 */
#ifndef WEFT_TESTS_BUDGET_WRITES_H
#define WEFT_TESTS_BUDGET_WRITES_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define WEFT_WRITES_THREADS 64

enum weft_write {
    WEFT_WRITE_RMW,    /* a read-modify-write, failed ones too */
    WEFT_WRITE_ATOMIC, /* an atomic store, relaxed ones too */
    WEFT_WRITE_PLAIN,  /* any other store */
    WEFT_WRITE_KINDS,
};

/** What a thread has written since the last clear. */
struct weft_writes {
    uint64_t all;
    uint64_t shared[WEFT_WRITE_KINDS];
};

/** What lies there is common to all. A few of them, before anybody writes. */
void weft_writes_common(const void *at, size_t size);

/** The number of the calling thread, from 1 up. */
unsigned weft_writes_self(void);

/** Forget all counts, not who wrote which line. When nothing is under way. */
void weft_writes_clear(void);

/** Any thread's; exact when that thread does nothing. */
struct weft_writes weft_writes_of(unsigned thread);

/** Add to a sum what the calling thread has written since `then`. */
void weft_writes_add(struct weft_writes *sum, const struct weft_writes *then);

uint64_t weft_writes_shared(const struct weft_writes *);

/** Where the shared writes of a thread came from, most first: addresses for
 * `addr2line -fipe PROGRAM`. Those with fewer than `least` are left out. */
void weft_writes_sites(unsigned thread, uint64_t least, FILE *);

#endif
