// SPDX-License-Identifier: MIT
/*
 * Finds the end of a message's body while its bytes go by: by its length, by
 * its chunks, or by the end of the connection. Nothing is kept of it.
 */
#ifndef WEFT_PERF_BODY_H
#define WEFT_PERF_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct perf_body {
    unsigned state;  /* body.c knows which */
    uint64_t left;   /* of the body, or of the chunk */
    uint64_t total;  /* bytes of content that went by */
    unsigned digits; /* of a chunk's size */
    size_t idle;     /* bytes of trailers and chunk extensions */
    bool endless;    /* only the connection's end is its end */
    bool done;
};

/** A body of so many bytes; 0: it is done at once. */
void perf_body_init_length(struct perf_body *, uint64_t length);
void perf_body_init_chunked(struct perf_body *);
/** A response's that ends with the connection: never `done` by itself. */
void perf_body_init_endless(struct perf_body *);

/**
 * Look at the next `n` bytes.
 *
 * Returns how many of them belong to the body; fewer than `n` only when it is
 * done. -EPROTO if the chunks are not well-formed, or bring more than 8 KiB of
 * what is not content.
 */
ssize_t perf_body_take(struct perf_body *, const char *bytes, size_t n);

#endif
