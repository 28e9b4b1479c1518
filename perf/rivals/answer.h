// SPDX-License-Identifier: MIT
/*
 * What the servers in C understand that weft is measured beside, and answer: as
 * little as a load generator needs. A request ends with an empty line and has
 * no body. Needs nothing but the C library. Not for the world: what is wrong is
 * not refused, and the peer is ours.
 */
#ifndef WEFT_PERF_RIVALS_ANSWER_H
#define WEFT_PERF_RIVALS_ANSWER_H

#include <stddef.h>
#include <stdint.h>

#define PERF_ANSWER_REQUEST_MAX 8192

enum perf_answer_kind {
    PERF_ANSWER_LIGHT,   /* / */
    PERF_ANSWER_BURN,    /* /burn?n=ROUNDS */
    PERF_ANSWER_BLOCK,   /* /block?us=N */
    PERF_ANSWER_UNKNOWN, /* 404 */
};

struct perf_answer {
    size_t request; /* its length */
    enum perf_answer_kind kind;
    uint64_t amount; /* rounds, or microseconds */
    const char *text;
    size_t length;
};

/** The first request in these bytes and the answer to it; .request is 0 if it
 * is not complete. */
struct perf_answer perf_answer_read(const char *bytes, size_t n);

/** What is to be done before it is sent, on this thread, without a break. */
void perf_answer_work(const struct perf_answer *);

#endif
