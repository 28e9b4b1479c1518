// SPDX-License-Identifier: MIT
/*
 * What the pages of this folder share: their style, texts that are safe in
 * them, and log scales. A page loads nothing, and is well-formed XML as well.
 */
#ifndef WEFT_PERF_RIVALS_PLOT_H
#define WEFT_PERF_RIVALS_PLOT_H

#include <stdio.h>

/** The head of a page, up to its heading; more style may be added. */
void perf_page_begin(const char *title, const char *more_style, FILE *to);

/** Its end; 0 or -EIO. */
int perf_page_end(FILE *to);

/** A text as it is, with what means something in XML escaped. */
void perf_page_text(const char *text, FILE *to);

/** A drawing of so many pixels; ends with </svg>. */
void perf_plot_begin(const char *title, int width, int height, FILE *to);

/** A log scale from `low` to `high`, both powers of ten. */
struct perf_scale {
    double low, high;
};

/** Make room for a value, if it is above 0. */
void perf_scale_widen(struct perf_scale *, double value);

/** Where a value is between the ends: 0 to 1. */
double perf_scale_at(const struct perf_scale *, double value);

/** How many powers of ten it has room for. */
int perf_scale_decades(const struct perf_scale *);

#endif
