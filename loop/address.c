// SPDX-License-Identifier: MIT
/* Numeric addresses: see address.h. */
#include "loop/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

int weft__address_parse(struct weft__address *to, const char *text,
                        uint16_t port)
{
    memset(to, 0, sizeof(*to));
    if (text == NULL)
        return -EINVAL;
    if (inet_pton(AF_INET, text, &to->v4.sin_addr) == 1) {
        to->v4.sin_family = AF_INET;
        to->size = sizeof(to->v4);
    } else if (inet_pton(AF_INET6, text, &to->v6.sin6_addr) == 1) {
        to->v6.sin6_family = AF_INET6;
        to->size = sizeof(to->v6);
    } else {
        return -EINVAL;
    }
    weft__address_set_port(to, port);
    return 0;
}

/* The port stands at the same place in both families. */
uint16_t weft__address_port(const struct weft__address *address)
{
    return ntohs(address->v4.sin_port);
}

void weft__address_set_port(struct weft__address *address, uint16_t port)
{
    address->v4.sin_port = htons(port);
}

_Static_assert(offsetof(struct sockaddr_in, sin_port) ==
                   offsetof(struct sockaddr_in6, sin6_port),
               "the port of both families");
