// SPDX-License-Identifier: MIT
/* Stacks: see stack.h. Runs on any thread, under the depot's lock. */
#include "sched/stack.h"

#include "sched/sanitize.h"

#include <sys/mman.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

/* Without guard markers each stack splits a mapping in three: stay well below
 * the default of vm.max_map_count, 65 530. */
#define SPLIT_LIMIT 30000

#define COLOURS 16 /* 128 bytes each: a small task still touches one page */

/* Slots are a page more than a power of two: the tops of 1 000 stacks would
 * else share a few dozen sets of the second-level cache as well (a yield among
 * 1 000 tasks of one worker took 45 ns instead of 39). */
#define PAGE ((size_t)4096)

struct kind {
    size_t usable;
    size_t slots; /* a slab */
};

static const struct kind classes[WEFT__STACK_CLASSES] = {
    [WEFT__STACK_DEFAULT] = {PAGE + ((size_t)192 << 10), 64},
    [WEFT__STACK_LARGE] = {PAGE + ((size_t)1 << 20), 8},
    [WEFT__STACK_HUGE] = {PAGE + ((size_t)8 << 20), 2},
};

struct weft__slab {
    struct weft__slab *next;
    char *at;
    size_t size;
    size_t used; /* slots handed out so far, from the lowest; under the lock */
    unsigned kind;
};

static size_t slot_size(unsigned kind)
{
    return classes[kind].usable + WEFT__STACK_GUARD;
}

size_t weft__stack_size(unsigned kind)
{
    return classes[kind].usable - sizeof(struct weft__stack) - COLOURS * 128;
}

int weft__stack_class(size_t size)
{
    for (unsigned kind = 0; kind < WEFT__STACK_CLASSES; kind++)
        if (size <= classes[kind].usable - PAGE)
            return (int)kind;
    return -1;
}

/* Does this kernel know guard markers? One page tells. */
static bool probe_guard(void)
{
    void *page = NULL;
    if (weft__os->map(4096, 4096, &page) < 0)
        return false;
    bool known = weft__os->advise(page, 4096, MADV_GUARD_INSTALL) == 0;
    weft__os->unmap(page, 4096);
    return known;
}

void weft__depot_init(struct weft__depot *depot)
{
    *depot = (struct weft__depot){.guard_install = probe_guard()};
    depot->limit = depot->guard_install ? SIZE_MAX : SPLIT_LIMIT;
}

static struct weft__slab *slab_new(unsigned kind)
{
    struct weft__slab *slab = weft__mem_alloc(1, sizeof(*slab));
    if (slab == NULL)
        return NULL;
    void *at = NULL;
    slab->kind = kind;
    slab->size = slot_size(kind) * classes[kind].slots;
    if (weft__os->map(slab->size, 4096, &at) < 0) {
        weft__mem_free(slab);
        return NULL;
    }
    slab->at = at;
    /* A huge page would make every stack in it resident. Best effort. */
    weft__os->advise(at, slab->size, MADV_NOHUGEPAGE);
    return slab;
}

static bool guard(struct weft__depot *depot, char *at)
{
    long rc = depot->guard_install
                  ? weft__os->advise(at, WEFT__STACK_GUARD, MADV_GUARD_INSTALL)
                  : weft__os->protect(at, WEFT__STACK_GUARD, PROT_NONE);
    return rc == 0;
}

/* The next slot of a slab that has one; NULL if it cannot be guarded. */
static struct weft__stack *slot_open(struct weft__depot *depot,
                                     struct weft__slab *slab)
{
    size_t slot = slot_size(slab->kind);
    char *at = slab->at + slab->used * slot;
    if (!guard(depot, at))
        return NULL;
    struct weft__stack *stack = (void *)(at + slot);
    stack -= 1;
    *stack = (struct weft__stack){
        .low = at + WEFT__STACK_GUARD,
        .kind = (uint8_t)slab->kind,
    };
    uintptr_t top = (uintptr_t)stack - (slab->used % COLOURS) * 128;
    stack->top = (void *)(top & ~(uintptr_t)63);
    weft__sanitize_stack_open(stack);
    slab->used++;
    depot->count++;
    return stack;
}

static struct weft__stack *take_fresh(struct weft__depot *depot, unsigned kind)
{
    if (depot->count >= depot->limit)
        return NULL;
    struct weft__slab *slab = depot->fresh[kind];
    if (slab == NULL || slab->used == classes[kind].slots) {
        slab = slab_new(kind);
        if (slab == NULL)
            return NULL;
        slab->next = depot->slabs;
        depot->slabs = slab;
        depot->fresh[kind] = slab;
    }
    return slot_open(depot, slab);
}

struct weft__stack *weft__depot_take(struct weft__depot *depot, unsigned kind)
{
    weft__lock(&depot->lock);
    struct weft__stack *stack = depot->free[kind];
    if (stack != NULL)
        depot->free[kind] = stack->next;
    else
        stack = take_fresh(depot, kind);
    weft__unlock(&depot->lock);
    return stack;
}

void weft__depot_give(struct weft__depot *depot, struct weft__stack *first,
                      struct weft__stack *last)
{
    weft__lock(&depot->lock);
    last->next = depot->free[first->kind];
    depot->free[first->kind] = first;
    weft__unlock(&depot->lock);
}

static void slab_free(struct weft__slab *slab)
{
    size_t slot = slot_size(slab->kind);
    for (size_t i = 0; i < slab->used; i++) {
        struct weft__stack *stack = (void *)(slab->at + (i + 1) * slot);
        weft__sanitize_stack_close(stack - 1);
    }
    weft__os->unmap(slab->at, slab->size);
    weft__mem_free(slab);
}

void weft__depot_fini(struct weft__depot *depot)
{
    for (struct weft__slab *slab = depot->slabs, *next; slab; slab = next) {
        next = slab->next;
        slab_free(slab);
    }
    depot->slabs = NULL;
}
