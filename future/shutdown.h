// SPDX-License-Identifier: MIT
/* The end of a runtime: what run.c needs of it beside the public calls. */
#ifndef WEFT_FUTURE_SHUTDOWN_H
#define WEFT_FUTURE_SHUTDOWN_H

/** Name what still runs, on stderr. `arg` is a weft_runtime. Any thread. */
void weft__shutdown_name(void *arg);

#endif
