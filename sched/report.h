// SPDX-License-Identifier: MIT
/*
 * What the library says to a person: one line on stderr, and only where the
 * public headers promise one. The only place that prints.
 */
#ifndef WEFT_SCHED_REPORT_H
#define WEFT_SCHED_REPORT_H

/** Print "weft: " and a line. Signal-safe but for what `format` needs. */
__attribute__((format(printf, 1, 2))) void weft__report(const char *format,
                                                        ...);

#endif
