// SPDX-License-Identifier: MIT
/* SIGINT and SIGTERM for weft_run(): see sched/driver.h. */
#ifndef WEFT_LOOP_SIGNALS_H
#define WEFT_LOOP_SIGNALS_H

#include "sched/driver.h"

void weft__signals_open(struct weft__signals *);
void weft__signals_close(struct weft__signals *);

#endif
