// SPDX-License-Identifier: MIT
/*
 * The table of table.h.
 */
#include "perf/table.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void perf_table_init(struct perf_table *table, const char *align)
{
    *table = (struct perf_table){.align = align, .columns = strlen(align)};
}

void perf_table_fini(struct perf_table *table)
{
    for (size_t i = 0; i < table->rows * table->columns; i++) {
        free(table->cells[i]);
    }
    free(table->cells);
    table->cells = NULL;
    table->rows = 0;
}

/* Room for one more row, its cells NULL; false without memory. */
static bool grow(struct perf_table *table)
{
    size_t n = (table->rows + 1) * table->columns;
    char **cells = realloc(table->cells, n * sizeof(*cells));

    if (cells == NULL) {
        table->failed = true;
        return false;
    }
    memset(cells + table->rows * table->columns, 0,
           table->columns * sizeof(*cells));
    table->cells = cells;
    table->rows++;
    return true;
}

void perf_table_row(struct perf_table *table, const char *first, ...)
{
    const char *text = first;
    va_list rest;

    if (!grow(table)) {
        return;
    }
    va_start(rest, first);
    for (size_t i = 0; i < table->columns; i++) {
        char *copy = strdup(text != NULL ? text : "");

        if (copy == NULL) {
            table->failed = true;
        }
        table->cells[(table->rows - 1) * table->columns + i] = copy;
        if (i + 1 < table->columns) {
            text = va_arg(rest, const char *);
        }
    }
    va_end(rest);
}

static void measure(const struct perf_table *table, size_t *widths)
{
    for (size_t i = 0; i < table->rows * table->columns; i++) {
        size_t width = strlen(table->cells[i]);

        if (width > widths[i % table->columns]) {
            widths[i % table->columns] = width;
        }
    }
}

static void print_row(const struct perf_table *table, char *const *cells,
                      const size_t *widths, FILE *to)
{
    for (size_t i = 0; i < table->columns; i++) {
        bool last = i + 1 == table->columns;
        int width = (int)widths[i];

        if (table->align[i] == 'r') {
            fprintf(to, "%*s", width, cells[i]);
        } else if (last) {
            fputs(cells[i], to);
        } else {
            fprintf(to, "%-*s", width, cells[i]);
        }
        fputs(last ? "\n" : "  ", to);
    }
}

int perf_table_print(const struct perf_table *table, FILE *to)
{
    size_t widths[PERF_TABLE_COLUMNS] = {0};

    if (table->failed) {
        return -ENOMEM;
    }
    measure(table, widths);
    for (size_t i = 0; i < table->rows; i++) {
        print_row(table, table->cells + i * table->columns, widths, to);
    }
    fflush(to);
    return 0;
}
