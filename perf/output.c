// SPDX-License-Identifier: MIT
/*
 * The file of output.h.
 */
#include "perf/output.h"

#include <errno.h>

#include <weft/error.h>

int perf_output(const char *path, perf_output_writer *write, const void *what)
{
    FILE *to;
    int rc;

    if (path == NULL) {
        return 0;
    }
    to = fopen(path, "we");
    rc = to != NULL ? write(what, to) : -errno;
    if (to != NULL && fclose(to) != 0 && rc == 0) {
        rc = -errno;
    }
    if (rc != 0) {
        fprintf(stderr, "weft-perf: %s: %s\n", path, weft_strerror(rc));
    }
    return rc;
}
