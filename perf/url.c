// SPDX-License-Identifier: MIT
/*
 * The URLs of url.h.
 */
#include "perf/url.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Copy n bytes of text; false if they do not fit. */
static bool copy(char *to, size_t size, const char *from, size_t n)
{
    if (n >= size) {
        return false;
    }
    memcpy(to, from, n);
    to[n] = '\0';
    return true;
}

static bool read_port(const char *text, uint16_t *port)
{
    size_t n = strspn(text, "0123456789");
    unsigned long number;

    if (n == 0 || n > 5 || text[n] != '\0') {
        return false;
    }
    number = strtoul(text, NULL, 10);
    *port = (uint16_t)number;
    return number >= 1 && number <= 65535;
}

/* "127.0.0.1:80", "[::1]:80", "localhost". */
static bool read_authority(struct perf_url *url)
{
    const char *text = url->authority;
    bool bracketed = text[0] == '[';
    size_t n = strcspn(text + bracketed, bracketed ? "]" : ":");
    const char *rest = text + bracketed + n;

    if (!copy(url->address, sizeof(url->address), text + bracketed, n)) {
        return false;
    }
    if (bracketed && *rest++ != ']') {
        return false;
    }
    if (strcmp(url->address, "localhost") == 0) {
        strcpy(url->address, "127.0.0.1");
    }
    url->port = 80;
    return rest[0] == '\0' ||
           (rest[0] == ':' && read_port(rest + 1, &url->port));
}

static bool is_numeric(const char *address)
{
    struct in6_addr any;

    return inet_pton(AF_INET, address, &any) == 1 ||
           inet_pton(AF_INET6, address, &any) == 1;
}

static bool is_printable(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text <= ' ' || *text == 0x7f || *text == '#') {
            return false;
        }
    }
    return true;
}

int perf_url_parse(const char *text, struct perf_url *url)
{
    static const char scheme[] = "http://";
    size_t n;

    if (strncmp(text, scheme, strlen(scheme)) != 0 || !is_printable(text)) {
        return -EINVAL;
    }
    text += strlen(scheme);
    n = strcspn(text, "/?");
    if (!copy(url->authority, sizeof(url->authority), text, n) ||
        !read_authority(url) || !is_numeric(url->address)) {
        return -EINVAL;
    }
    text += n;
    n = (size_t)snprintf(url->path, sizeof(url->path), "%s%s",
                         text[0] == '/' ? "" : "/", text);
    return n < sizeof(url->path) ? 0 : -EINVAL;
}

bool perf_url_is_loopback(const struct perf_url *url)
{
    struct in_addr four;
    struct in6_addr six;

    if (inet_pton(AF_INET, url->address, &four) == 1) {
        return ntohl(four.s_addr) >> 24 == 127;
    }
    return inet_pton(AF_INET6, url->address, &six) == 1 &&
           IN6_IS_ADDR_LOOPBACK(&six);
}
