// SPDX-License-Identifier: MIT
/* See footprint.h. */
#define _GNU_SOURCE
#include "perf/micro/footprint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

#define STACK ((size_t)260 << 10)
#define GUARD ((size_t)64 << 10)
#define SLAB 64 /* stacks in a mapping */

/* The second number in statm is the resident set, in pages. */
double perf_footprint_resident(void)
{
    FILE *statm = fopen("/proc/self/statm", "re");
    long pages = 0;

    if (statm != NULL) {
        if (fscanf(statm, "%*d %ld", &pages) != 1) {
            pages = 0;
        }
        fclose(statm);
    }
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

uint64_t perf_footprint_mappings(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    uint64_t lines = 0;
    int c;

    if (maps == NULL) {
        return 0;
    }
    while ((c = getc(maps)) != EOF) {
        lines += c == '\n';
    }
    fclose(maps);
    return lines;
}

uint64_t perf_footprint_available(void)
{
    FILE *meminfo = fopen("/proc/meminfo", "re");
    unsigned long long kib = 0;
    char line[128];

    if (meminfo == NULL) {
        return 0;
    }
    while (fgets(line, sizeof(line), meminfo) != NULL &&
           sscanf(line, "MemAvailable: %llu kB", &kib) != 1) {
    }
    fclose(meminfo);
    return (uint64_t)kib * 1024;
}

double perf_footprint_cpu(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static bool slab_of(char *slab)
{
    madvise(slab, SLAB * STACK, MADV_NOHUGEPAGE);
    for (size_t i = 0; i < SLAB; i++) {
        char *stack = slab + i * STACK;

        if (madvise(stack, GUARD, MADV_GUARD_INSTALL) != 0 &&
            mprotect(stack, GUARD, PROT_NONE) != 0) {
            return false;
        }
        ((volatile char *)stack)[STACK - 1] = 1;
    }
    return true;
}

/* One reservation for all, so that mapping costs next to nothing. */
double perf_footprint_bare_stack(uint64_t n)
{
    size_t slabs = (size_t)n / SLAB + 1, size = slabs * SLAB * STACK;
    char *all = mmap(NULL, size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    double start = perf_footprint_cpu(), took;
    bool good = all != MAP_FAILED;

    for (size_t i = 0; good && i < slabs; i++) {
        good = slab_of(all + i * SLAB * STACK);
    }
    took = (perf_footprint_cpu() - start) / (double)(slabs * SLAB);
    if (all != MAP_FAILED) {
        munmap(all, size);
    }
    return good ? took : -1;
}
