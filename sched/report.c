// SPDX-License-Identifier: MIT
/* Reports: see report.h. */
#include "sched/report.h"

#include "sched/base.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void weft__report(const char *format, ...)
{
    char line[512] = "weft: ";
    size_t used = strlen(line);
    va_list args;
    va_start(args, format);
    int more = vsnprintf(line + used, sizeof(line) - used - 1, format, args);
    va_end(args);
    used += more < 0 ? 0 : (size_t)more;
    if (used > sizeof(line) - 2)
        used = sizeof(line) - 2;
    line[used++] = '\n';
    /* One write, so that lines of several threads do not mix. */
    if (write(STDERR_FILENO, line, used) < 0)
        return;
}

void weft__panic(const char *what, const char *file, int line)
{
    weft__report("broken: %s (%s:%d)", what, file, line);
    __builtin_trap();
}
