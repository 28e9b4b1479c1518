// SPDX-License-Identifier: MIT
/*
 * The other way to stay quick beside heavy requests, without weft: a thread for
 * each connection, and the kernel shares the cores among them. A thread that
 * has met a heavy request lowers itself to nice 19, once and for good: it needs
 * no privilege for that, and would need it to come back. Or as a pool with a
 * queue: no more than so many requests at a time, whatever they are, and nobody
 * is lowered. For measuring only, on loopback only.
 */
#ifndef WEFT_PERF_THREADS_H
#define WEFT_PERF_THREADS_H

#include <stdint.h>

/** Serve on a port of 127.0.0.1 (0: any, which is told on standard output)
 * until the process is ended, `at_once` requests at a time (0: all);
 * -errno if it cannot begin. */
int perf_threads_serve(uint16_t port, unsigned at_once);

#endif
