// SPDX-License-Identifier: MIT
/*
 * The paths of path.h. Escapes are undone once: what looks like an escape
 * afterwards is a name. Components are looked at only after that.
 */
#include "perf/path.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static int hex(char byte)
{
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    byte = (char)(byte | 0x20);
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* The byte at `from`, of which n bytes are there; how many it took, or 0. */
static size_t take(const char *from, size_t n, char *byte)
{
    int high, low;

    if (from[0] != '%') {
        *byte = from[0];
        return 1;
    }
    if (n < 3 || (high = hex(from[1])) < 0 || (low = hex(from[2])) < 0) {
        return 0;
    }
    *byte = (char)(high * 16 + low);
    return 3;
}

static bool goes_up(const char *path)
{
    while (path != NULL) {
        size_t n = strcspn(path, "/");

        if (n == 2 && path[0] == '.' && path[1] == '.') {
            return true;
        }
        path = path[n] == '/' ? path + n + 1 : NULL;
    }
    return false;
}

ssize_t perf_path_decode(const char *from, size_t n, char *to, size_t size)
{
    size_t used = 0, at = 0;

    while (at < n) {
        char byte = '\0';
        size_t taken = take(from + at, n - at, &byte);

        if (taken == 0 || byte == '\0') {
            return -400;
        }
        if (used + 1 >= size) {
            return -414;
        }
        to[used++] = byte;
        at += taken;
    }
    to[used] = '\0';
    if (used == 0) {
        return -404;
    }
    return to[0] == '/' || goes_up(to) ? -400 : (ssize_t)used;
}

static bool is_plain(char byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= 'a' && byte <= 'z') ||
           (byte != '\0' && strchr("-._~/", byte) != NULL);
}

ssize_t perf_path_encode(const char *from, char *to, size_t size)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t used = 0;

    for (; *from != '\0'; from++) {
        unsigned char byte = (unsigned char)*from;

        if (used + 4 > size) {
            return -ENOSPC;
        }
        if (is_plain(*from)) {
            to[used++] = *from;
        } else {
            to[used++] = '%';
            to[used++] = digits[byte >> 4];
            to[used++] = digits[byte & 15];
        }
    }
    if (used >= size) {
        return -ENOSPC;
    }
    to[used] = '\0';
    return (ssize_t)used;
}
