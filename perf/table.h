// SPDX-License-Identifier: MIT
/*
 * A table of texts with aligned columns. Cells are copied; numbers are made
 * into texts by format.h. ASCII only: a byte is a column.
 */
#ifndef WEFT_PERF_TABLE_H
#define WEFT_PERF_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define PERF_TABLE_COLUMNS 12

struct perf_table {
    const char *align; /* a letter for each column: l left, r right */
    size_t columns, rows;
    char **cells;
    bool failed; /* no memory: nothing is printed */
};

/** An empty one; `align` has 1 to PERF_TABLE_COLUMNS letters and outlives it.
 */
void perf_table_init(struct perf_table *, const char *align);
void perf_table_fini(struct perf_table *);

/** One row: as many texts as there are columns; NULL is an empty cell. */
void perf_table_row(struct perf_table *, const char *first, ...);

/** All rows; 0 or -ENOMEM. */
int perf_table_print(const struct perf_table *, FILE *to);

#endif
