// SPDX-License-Identifier: MIT
/*
 * Foreign threads that walk a tree: OS threads which weft did not make submit
 * one coroutine for each directory, wait for them, and add up the bytes of the
 * files. Each walks the whole tree, over and over: what they find must agree.
 */
#ifndef WEFT_PERF_FOREIGN_H
#define WEFT_PERF_FOREIGN_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include <weft/runtime.h>

#define PERF_FOREIGN_MAX 64

struct perf_foreign {
    const char *root;
    uint64_t count; /* threads */

    weft_runtime *runtime; /* a reference, until they have ended */
    pthread_t threads[PERF_FOREIGN_MAX];
    uint64_t started;
    atomic_bool stop;
    _Atomic uint64_t submitted; /* coroutines */
    _Atomic uint64_t files, bytes, walks;
    _Atomic uint64_t unreadable; /* no permission, or gone meanwhile */
    _Atomic uint64_t failed;
    /* Of the last whole walk of any thread, and whether another one disagreed.
     */
    _Atomic uint64_t walk_files, walk_bytes, disagreed;
};

/** Start the threads; the first two members are filled in, the others zero. In
 * a coroutine, whose runtime they use. 0 or a negative code. */
int perf_foreign_start(struct perf_foreign *);

/** Tell them to end; at once. */
void perf_foreign_stop(struct perf_foreign *);

/** Wait for their end; not in a coroutine. */
void perf_foreign_join(struct perf_foreign *);

#endif
