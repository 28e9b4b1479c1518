// SPDX-License-Identifier: MIT
/*
 * `weft-floor [PORT]`: the yardstick of epoll.h as a program of its own, to be
 * loaded in turn with `weft-perf serve`. Runs until it is killed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "perf/floor/epoll.h"

int main(int argc, char **argv)
{
    uint16_t port = argc > 1 ? (uint16_t)atoi(argv[1]) : 0;
    int listener = perf_floor_listen(&port);
    int rc;

    if (listener < 0) {
        fprintf(stderr, "weft-floor: %s\n", strerror(-listener));
        return 1;
    }
    printf("listening on 127.0.0.1:%u\n", (unsigned)port);
    fflush(stdout);
    rc = perf_floor_serve(listener, -1);
    close(listener);
    if (rc != 0) {
        fprintf(stderr, "weft-floor: %s\n", strerror(-rc));
    }
    return rc != 0;
}
