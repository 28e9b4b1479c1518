// SPDX-License-Identifier: MIT
/*
 * `libuv serve`: a server for weft-perf mixed, on one loop.
 */
#ifndef WEFT_PERF_RIVALS_LIBUV_SERVE_H
#define WEFT_PERF_RIVALS_LIBUV_SERVE_H

/** With main's arguments; returns an exit status if it cannot serve. */
int serve(int argc, char **argv);

#endif
