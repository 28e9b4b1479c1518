// SPDX-License-Identifier: MIT
/* Numeric IPv4 and IPv6 addresses. Names are resolved elsewhere. */
#ifndef WEFT_LOOP_ADDRESS_H
#define WEFT_LOOP_ADDRESS_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

struct weft__address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    };
    socklen_t size;
};

/** 0, or -EINVAL if `text` is no numeric address. */
int weft__address_parse(struct weft__address *, const char *text,
                        uint16_t port);

uint16_t weft__address_port(const struct weft__address *);
void weft__address_set_port(struct weft__address *, uint16_t port);

#endif
