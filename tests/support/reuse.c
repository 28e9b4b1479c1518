// SPDX-License-Identifier: MIT
/* Mappings that are used again: see reuse.h. */
#include "tests/support/reuse.h"

#include <malloc.h>
#include <stdbool.h>
#include <string.h>

#include "sched/sanitize.h"

#if !defined(WEFT__ASAN) && !defined(WEFT__TSAN)

#define KEPT 32
#define CLEARED (1 << 20) /* what is bigger are stacks: never taken as zero */

static struct mapping {
    char *at;
    size_t size, align;
    size_t guarded; /* so far from its start */
    bool used;
} kept[KEPT];

static struct mapping *find(const void *at)
{
    for (unsigned i = 0; i < KEPT; i++)
        if (kept[i].at != NULL && (const char *)at >= kept[i].at &&
            (const char *)at < kept[i].at + kept[i].size)
            return &kept[i];
    return NULL;
}

static struct mapping *unused(size_t size, size_t align)
{
    for (unsigned i = 0; i < KEPT; i++)
        if (!kept[i].used && kept[i].at != NULL && kept[i].size == size &&
            kept[i].align == align)
            return &kept[i];
    return NULL;
}

static long reuse_map(size_t size, size_t align, void **out)
{
    struct mapping *mapping = unused(size, align);
    if (mapping != NULL) {
        mapping->used = true;
        *out = mapping->at;
        if (size <= CLEARED)
            memset(mapping->at, 0, size);
        return 0;
    }
    long rc = weft__os_real.map(size, align, out);
    for (unsigned i = 0; rc >= 0 && i < KEPT; i++)
        if (kept[i].at == NULL) {
            kept[i] = (struct mapping){*out, size, align, 0, true};
            break;
        }
    return rc;
}

static void reuse_unmap(void *at, size_t size)
{
    struct mapping *mapping = find(at);
    if (mapping == NULL || size <= 4096) { /* a probe leaves a guard behind */
        if (mapping != NULL)
            mapping->at = NULL;
        weft__os_real.unmap(at, size);
        return;
    }
    mapping->used = false;
}

/* Guards that are there already, from the start on; all else as it comes. */
static long reuse_advise(void *at, size_t size, int advice)
{
    struct mapping *mapping = find(at);
    if (mapping == NULL || size == mapping->size)
        return weft__os_real.advise(at, size, advice);
    size_t end = (size_t)((char *)at - mapping->at) + size;
    if (end <= mapping->guarded)
        return 0;
    mapping->guarded = end;
    return weft__os_real.advise(at, size, advice);
}

void weft_test_reuse(struct weft__os *os)
{
    mallopt(M_TRIM_THRESHOLD, 64 << 20); /* the heap, too */
    mallopt(M_MMAP_THRESHOLD, 64 << 20);
    os->map = reuse_map;
    os->unmap = reuse_unmap;
    os->advise = reuse_advise;
}

#else

void weft_test_reuse(struct weft__os *os)
{
    (void)os;
}

#endif
