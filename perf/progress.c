// SPDX-License-Identifier: MIT
/*
 * The progress bar of progress.h. One write a picture, so that what other
 * threads print does not land in the middle of it.
 */
#include "perf/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CELLS 24

bool perf_progress_wanted(void)
{
    return isatty(STDERR_FILENO) == 1;
}

void perf_progress_init(struct perf_progress *progress, weft_time start,
                        weft_ns length)
{
    progress->on = perf_progress_wanted();
    progress->start = start;
    progress->length = length > 0 ? length : 1;
}

static double share(const struct perf_progress *progress, weft_time now)
{
    double part = (double)(now - progress->start) / (double)progress->length;

    if (part < 0) {
        return 0;
    }
    return part > 1 ? 1 : part;
}

void perf_progress_show(const struct perf_progress *progress, weft_time now,
                        const char *format, ...)
{
    char bar[CELLS + 1], text[160];
    int filled = (int)(share(progress, now) * CELLS);
    va_list rest;

    if (!progress->on) {
        return;
    }
    va_start(rest, format);
    vsnprintf(text, sizeof(text), format, rest);
    va_end(rest);
    memset(bar, '.', CELLS);
    memset(bar, '#', (size_t)filled);
    bar[CELLS] = '\0';
    fprintf(stderr, "\r[%s] %4.1f / %.1f s  %s\033[K", bar,
            share(progress, now) * (double)progress->length / 1e9,
            (double)progress->length / 1e9, text);
    fflush(stderr);
}

void perf_progress_end(const struct perf_progress *progress)
{
    if (progress->on) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
}
