// SPDX-License-Identifier: MIT
/*
 * What machine.h tells, from where Linux tells it.
 */
#define _DEFAULT_SOURCE
#include "perf/rivals/machine.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static void read_model(char *model, size_t size)
{
    FILE *from = fopen("/proc/cpuinfo", "re");
    char line[256];

    model[0] = '\0';
    while (from != NULL && model[0] == '\0' &&
           fgets(line, sizeof(line), from) != NULL) {
        const char *value = strchr(line, ':');

        if (strncmp(line, "model name", 10) == 0 && value != NULL) {
            snprintf(model, size, "%.*s, ", (int)strcspn(value + 2, "\n"),
                     value + 2);
        }
    }
    if (from != NULL) {
        fclose(from);
    }
}

void perf_machine_name(char *out, size_t size)
{
    struct utsname system;
    char model[80];

    read_model(model, sizeof(model));
    uname(&system);
    snprintf(out, size, "%s%ld CPUs, %.20s %.30s", model,
             sysconf(_SC_NPROCESSORS_ONLN), system.machine, system.release);
}

void perf_machine_when(char *out, size_t size)
{
    time_t now = time(NULL);
    struct tm utc;

    gmtime_r(&now, &utc);
    strftime(out, size, "%Y-%m-%d %H:%M UTC", &utc);
}

double perf_machine_load(void)
{
    double load;

    return getloadavg(&load, 1) == 1
               ? load / (double)sysconf(_SC_NPROCESSORS_ONLN)
               : 0;
}

const char *perf_rivals_programs(void)
{
    static char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

    path[n > 0 ? n : 0] = '\0';
    for (int up = 0; up < 3; up++) {
        char *slash = strrchr(path, '/');

        if (slash == NULL) {
            return "build/rivals";
        }
        *slash = '\0';
    }
    strncat(path, "/rivals", sizeof(path) - strlen(path) - 1);
    return path;
}
