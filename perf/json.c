// SPDX-License-Identifier: MIT
/*
 * The JSON writer of json.h.
 */
#include "perf/json.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static void put(struct perf_json *json, const char *bytes, size_t n)
{
    if (json->full || json->size - json->used <= n) {
        json->full = true;
        return;
    }
    memcpy(json->text + json->used, bytes, n);
    json->used += n;
    json->text[json->used] = '\0';
}

static void put_text(struct perf_json *json, const char *text)
{
    put(json, text, strlen(text));
}

static bool follows(unsigned char byte)
{
    return (byte & 0xc0) == 0x80;
}

/* The length of the UTF-8 sequence that begins here; 0 if it is none. The
 * short forms that UTF-8 forbids are not looked for: readers do that. */
static size_t sequence(const unsigned char *at)
{
    if (at[0] < 0x80) {
        return 1;
    }
    if (at[0] >= 0xc2 && at[0] < 0xe0) {
        return follows(at[1]) ? 2 : 0;
    }
    if (at[0] >= 0xe0 && at[0] < 0xf0) {
        return follows(at[1]) && follows(at[2]) ? 3 : 0;
    }
    if (at[0] >= 0xf0 && at[0] < 0xf5) {
        return follows(at[1]) && follows(at[2]) && follows(at[3]) ? 4 : 0;
    }
    return 0;
}

static void put_escape(struct perf_json *json, unsigned char byte)
{
    char escape[8];

    switch (byte) {
    case '"':
        put_text(json, "\\\"");
        return;
    case '\\':
        put_text(json, "\\\\");
        return;
    case '\n':
        put_text(json, "\\n");
        return;
    default:
        snprintf(escape, sizeof(escape), "\\u%04x", byte);
        put_text(json, escape);
    }
}

static void put_string(struct perf_json *json, const char *value)
{
    const unsigned char *at = (const unsigned char *)value;

    put_text(json, "\"");
    while (*at != '\0') {
        size_t n = sequence(at);

        if (n == 0) {
            put_text(json, "\\ufffd");
            n = 1;
        } else if (*at < 0x20 || *at == '"' || *at == '\\' || *at == 0x7f) {
            put_escape(json, *at);
        } else {
            put(json, (const char *)at, n);
        }
        at += n;
    }
    put_text(json, "\"");
}

static void put_key(struct perf_json *json, const char *key)
{
    if (json->comma) {
        put_text(json, ",");
    }
    json->comma = true;
    if (key != NULL) {
        put_string(json, key);
        put_text(json, ":");
    }
}

void perf_json_init(struct perf_json *json, char *buffer, size_t size)
{
    *json = (struct perf_json){.text = buffer, .size = size};
    buffer[0] = '\0';
}

void perf_json_open(struct perf_json *json, const char *key)
{
    put_key(json, key);
    put_text(json, "{");
    json->comma = false;
}

void perf_json_close(struct perf_json *json)
{
    put_text(json, "}");
    json->comma = true;
}

void perf_json_text(struct perf_json *json, const char *key, const char *value)
{
    put_key(json, key);
    if (value == NULL) {
        put_text(json, "null");
    } else {
        put_string(json, value);
    }
}

void perf_json_count(struct perf_json *json, const char *key, uint64_t value)
{
    char digits[24];

    put_key(json, key);
    snprintf(digits, sizeof(digits), "%llu", (unsigned long long)value);
    put_text(json, digits);
}

void perf_json_flag(struct perf_json *json, const char *key, bool value)
{
    put_key(json, key);
    put_text(json, value ? "true" : "false");
}

static void put_real(struct perf_json *json, double value)
{
    char digits[400]; /* the longest double has 309 digits before the point */

    snprintf(digits, sizeof(digits), "%.3f", value);
    put_text(json, isfinite(value) ? digits : "null");
}

void perf_json_real(struct perf_json *json, const char *key, double value)
{
    put_key(json, key);
    put_real(json, value);
}

void perf_json_reals(struct perf_json *json, const char *key,
                     const double *values, size_t n)
{
    put_key(json, key);
    put_text(json, "[");
    for (size_t i = 0; i < n; i++) {
        put_text(json, i == 0 ? "" : ",");
        put_real(json, values[i]);
    }
    put_text(json, "]");
}

void perf_json_value(struct perf_json *json, const char *key, const char *value)
{
    put_key(json, key);
    put_text(json, value);
}

int perf_json_print(const struct perf_json *json, FILE *to)
{
    if (json->full) {
        return -ENOSPC;
    }
    if (fprintf(to, "%s\n", json->text) < 0 || fflush(to) != 0) {
        return -EIO;
    }
    return 0;
}
