// SPDX-License-Identifier: MIT
/*
 * The URL that load is given: http://HOST[:PORT][/PATH]. The host is a numeric
 * address or "localhost": names are not resolved.
 */
#ifndef WEFT_PERF_URL_H
#define WEFT_PERF_URL_H

#include <stdbool.h>
#include <stdint.h>

struct perf_url {
    char address[64];   /* numeric, without brackets */
    char authority[80]; /* for the Host field */
    uint16_t port;
    char path[1024]; /* with the query */
};

/** 0, or -EINVAL if it is no URL of that form. */
int perf_url_parse(const char *text, struct perf_url *);

/** Whether the address is one of this machine's own (127.0.0.0/8, ::1). */
bool perf_url_is_loopback(const struct perf_url *);

#endif
