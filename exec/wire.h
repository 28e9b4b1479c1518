// SPDX-License-Identifier: MIT
/*
 * What a pool and its children say to each other: frames, each one packet of a
 * local pair. A packet comes whole or not at all; what is in it is believed by
 * nobody: the parent takes a child for hostile.
 *
 *   magic    4  "wft1": the version is part of it
 *   kind     2  enum weft__frame_kind
 *   apart    2  1: the payload came as a descriptor
 *   code     4  of DONE: 0 or a negative code
 *   text     4  bytes of text at the end of the body: a job's name, or words
 *   id       8  of the job; 0 if it is not about one
 *   size     8  bytes of payload: the rest of the body, or, with a descriptor,
 *               of the sealed memory that came along
 *   zero     8  so that the payload, which follows the head, is well aligned
 *   sum      8  of the bytes before it: FNV-1a, which sees each flipped bit
 *
 * All in the machine's own order: both ends are the same program.
 */
#ifndef WEFT_EXEC_WIRE_H
#define WEFT_EXEC_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEFT__WIRE_HEAD 48
#define WEFT__WIRE_BODY 65536
#define WEFT__WIRE_TEXT 512
/* More payload than this goes into memory of its own. */
#define WEFT__WIRE_INLINE (WEFT__WIRE_BODY - WEFT__WIRE_TEXT)
#define WEFT__WIRE_MOST (UINT64_C(1) << 40) /* of a payload */

enum weft__frame_kind {
    WEFT__FRAME_HELLO = 1, /* child: ready, when init has run: its code */
    WEFT__FRAME_JOB,       /* parent */
    WEFT__FRAME_DONE,      /* child */
    WEFT__FRAME_KINDS,
};

struct weft__frame {
    enum weft__frame_kind kind;
    int code;
    uint64_t id;
    const char *text; /* not terminated */
    size_t text_size;
    const void *payload; /* NULL: it came as a descriptor */
    uint64_t size;
};

/** The head of a frame whose payload, unless it is `apart`, and text follow. */
void weft__wire_encode(const struct weft__frame *, bool apart,
                       unsigned char head[WEFT__WIRE_HEAD]);

/** Look at a packet of `n` bytes, with or without a descriptor; *frame points
 * into it. 0, or -EPROTO. */
int weft__wire_decode(const void *packet, size_t n, bool has_descriptor,
                      struct weft__frame *frame);

/** Send one as a packet, with the memory `fd` that holds its payload; -1: it is
 * small. 0, -EAGAIN, or why it is no good. */
int weft__wire_send(int socket, const struct weft__frame *, int fd);

#endif
