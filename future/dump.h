// SPDX-License-Identifier: MIT
/* Tasks in words: for the dump, the report of a deadlock, and what has not
 * ended. Nothing here needs memory. */
#ifndef WEFT_FUTURE_DUMP_H
#define WEFT_FUTURE_DUMP_H

#include "future/inspect.h"

/* What is written into a buffer: cut off where that ends. */
struct weft__text {
    char *at;
    size_t size, used; /* without the zero at the end */
};

__attribute__((format(printf, 2, 3))) void
weft__text_add(struct weft__text *, const char *format, ...);

/** weft__inspect(), and if it sleeps, as it lies. */
bool weft__dump_look(weft_runtime *, weft_future *, struct weft__sight *);

/** "#2 name -> #3 -> #2: a circle", or "-> readable 7" …: what it waits for,
 * and what that waits for. */
void weft__dump_chain(weft_runtime *, const struct weft__sight *,
                      struct weft__text *);

/** Report a task that should have ended; false if it has. */
bool weft__dump_stuck(weft_runtime *, weft_future *);

/** Report what this worker has been running for so long. Another thread. */
void weft__dump_slow(struct weft__worker *, int64_t ns);

#endif
