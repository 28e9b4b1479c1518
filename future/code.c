// SPDX-License-Identifier: MIT
/* The texts of the codes. */
#define _GNU_SOURCE
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <weft/base.h>

const char *weft_strerror(int code)
{
    static _Thread_local char unknown[32];
    int number = code < 0 && code != INT_MIN ? -code : code;
    switch (number) {
#define TEXT(name, value, text)                                                \
    case value:                                                                \
        return text;
        WEFT_CODES(TEXT)
#undef TEXT
    default:
        break;
    }
    const char *text = strerrordesc_np(number);
    if (text != NULL)
        return text;
    snprintf(unknown, sizeof(unknown), "unknown code %d", number);
    return unknown;
}
