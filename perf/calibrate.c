// SPDX-License-Identifier: MIT
/*
 * The measurements of calibrate.h. Noise only ever adds time: hence the fastest
 * of several.
 */
#define _GNU_SOURCE
#include "perf/calibrate.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <weft/time.h>

#include "perf/bare_fork.h"
#include "perf/bare_switch.h"
#include "perf/burn.h"
#include "perf/fib.h"

#define TRIALS 9
#define OPERATIONS 200000
#define PAGES 512
#define SHORT_FIB 27 /* some ms: a trial that others interrupt says nothing */

typedef double measure(uint64_t n);

static double malloc_pair(uint64_t n)
{
    weft_time start = weft_now();

    for (uint64_t i = 0; i < n; i++) {
        void *memory = malloc(64);

        /* Else a compiler leaves both out. */
        __asm__ volatile("" : "+r"(memory) : : "memory");
        free(memory);
    }
    return (double)(weft_now() - start) / (double)n;
}

static double atomic_adds(uint64_t n)
{
    static _Alignas(128) _Atomic uint64_t counter;
    weft_time start = weft_now();

    for (uint64_t i = 0; i < n; i++) {
        atomic_fetch_add(&counter, 1);
    }
    return (double)(weft_now() - start) / (double)n;
}

/* The time of a page fault alone: mapping and unmapping are not counted, and
 * huge pages are declined. */
static double first_touch(uint64_t n)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t pages = n < PAGES ? (size_t)n : PAGES;
    volatile char *memory = mmap(NULL, pages * page, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    weft_time start;
    double took;

    if (memory == MAP_FAILED) {
        return -1;
    }
    madvise((void *)memory, pages * page, MADV_NOHUGEPAGE);
    start = weft_now();
    for (size_t i = 0; i < pages; i++) {
        memory[i * page] = 1;
    }
    took = (double)(weft_now() - start) / (double)pages;
    munmap((void *)memory, pages * page);
    return took;
}

static double work_unit(uint64_t n)
{
    uint64_t thousands = n / 1000 + 1;
    weft_time start = weft_now();

    perf_burn(thousands * 1000);
    return (double)(weft_now() - start) / (double)thousands;
}

static double fastest(measure *one, uint64_t n)
{
    double best = one(n);

    for (int i = 1; i < TRIALS; i++) {
        double took = one(n);

        best = took < best ? took : best;
    }
    return best;
}

void perf_calibrate(struct perf_calibration *out, unsigned long scale)
{
    uint64_t divisor = scale > 0 ? scale : 1;
    uint64_t n = OPERATIONS / divisor + 1;
    uint64_t calls = perf_fib_calls(SHORT_FIB) / divisor;

    out->malloc_pair = fastest(malloc_pair, n);
    out->atomic_add = fastest(atomic_adds, n);
    out->first_touch = fastest(first_touch, n);
    out->bare_switch = fastest(perf_bare_switch, n);
    out->bare_fork = fastest(perf_bare_fork, calls);
    out->bare_fork_x2 = fastest(perf_bare_fork_x2, calls);
    out->work_unit = fastest(work_unit, n);
}
