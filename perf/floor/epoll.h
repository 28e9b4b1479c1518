// SPDX-License-Identifier: MIT
/*
 * The yardstick: an HTTP server for one fixed answer, as bare as epoll allows.
 * One thread, no weft, no timers, no limits, no parser to speak of: a request
 * ends with an empty line. For measuring only, on loopback only.
 */
#ifndef WEFT_PERF_FLOOR_EPOLL_H
#define WEFT_PERF_FLOOR_EPOLL_H

#include <stdint.h>

/** A listening socket on 127.0.0.1; *port is 0 for any, and the one it got
 * afterwards. A descriptor, or -errno. */
int perf_floor_listen(uint16_t *port);

/** Serve until `stop` (an eventfd; -1: never) becomes readable; on the calling
 * thread. Closes all connections, not the listener. 0 or -errno. */
int perf_floor_serve(int listener, int stop);

#endif
