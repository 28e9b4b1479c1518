// SPDX-License-Identifier: MIT
/* Stacks: see stack.h. Runs on any thread, mostly under the depot's lock. */
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

#define BATCH 32 /* given back between two looks at the queues */
#define QUIET_NS 1000000000

struct kind {
    size_t usable;
    unsigned slots; /* a slab, at most 64; and so many are kept at hand */
};

static const struct kind classes[WEFT__STACK_CLASSES] = {
    [WEFT__STACK_DEFAULT] = {PAGE + ((size_t)192 << 10), 64},
    [WEFT__STACK_LARGE] = {PAGE + ((size_t)1 << 20), 8},
    [WEFT__STACK_HUGE] = {PAGE + ((size_t)8 << 20), 2},
};

/* One mapping, cut into slots. In one list of its shelf. */
struct weft__slab {
    struct weft__slab *next;
    struct weft__slab **link; /* what points to it */
    char *at;
    size_t size;
    uint64_t vacant;  /* slots without a stack; under the lock */
    uint64_t guarded; /* slots with a guard, or about to have one; the same */
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

static void on_quiet(struct weft__alarm *alarm, struct weft__worker *unused);

void weft__depot_init(struct weft__depot *depot)
{
    *depot = (struct weft__depot){.guard_install = probe_guard()};
    depot->limit = depot->guard_install ? SIZE_MAX : SPLIT_LIMIT;
    depot->quiet.fire = on_quiet;
}

/* Slabs */

static uint64_t all_slots(unsigned kind)
{
    return UINT64_MAX >> (64 - classes[kind].slots);
}

static void slab_enter(struct weft__slab *slab, struct weft__slab **list)
{
    slab->next = *list;
    slab->link = list;
    if (slab->next != NULL)
        slab->next->link = &slab->next;
    *list = slab;
}

static void slab_leave(struct weft__slab *slab)
{
    *slab->link = slab->next;
    if (slab->next != NULL)
        slab->next->link = slab->link;
}

static struct weft__slab *slab_new(unsigned kind)
{
    struct weft__slab *slab = weft__mem_alloc(1, sizeof(*slab));
    if (slab == NULL)
        return NULL;
    void *at = NULL;
    slab->kind = kind;
    slab->vacant = all_slots(kind);
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

static struct weft__stack *stack_in(struct weft__slab *slab, unsigned slot)
{
    char *end = slab->at + (slot + 1) * slot_size(slab->kind);
    return (struct weft__stack *)(void *)end - 1;
}

static void slab_free(struct weft__slab *slab)
{
    uint64_t open = all_slots(slab->kind) & ~slab->vacant;
    for (; open != 0; open &= open - 1)
        weft__sanitize_stack_close(
            stack_in(slab, (unsigned)__builtin_ctzll(open)));
    weft__os->unmap(slab->at, slab->size);
    weft__mem_free(slab);
}

static void slabs_free(struct weft__slab *slab)
{
    for (struct weft__slab *next; slab != NULL; slab = next) {
        next = slab->next;
        slab_free(slab);
    }
}

void weft__depot_fini(struct weft__depot *depot)
{
    for (unsigned kind = 0; kind < WEFT__STACK_CLASSES; kind++) {
        slabs_free(depot->shelf[kind].roomy);
        slabs_free(depot->shelf[kind].full);
        depot->shelf[kind] = (struct weft__shelf){0};
    }
}

/* Taking */

struct vacancy {
    struct weft__slab *slab;
    unsigned slot;
};

/* The lowest slot there is. A vacant one has its guard already if it once was
 * in use: what is given back is only what lies above. Returns whether there is
 * one; *bare: without a guard. Under the lock. */
static bool reserve(struct weft__depot *depot, unsigned kind,
                    struct vacancy *at, bool *bare)
{
    struct weft__shelf *shelf = &depot->shelf[kind];
    bool full = depot->guards >= depot->limit;
    if (shelf->roomy == NULL) {
        struct weft__slab *fresh = full ? NULL : slab_new(kind);
        if (fresh == NULL)
            return false;
        slab_enter(fresh, &shelf->roomy);
    }
    struct weft__slab *slab = shelf->roomy;
    *at = (struct vacancy){slab, (unsigned)__builtin_ctzll(slab->vacant)};
    uint64_t bit = UINT64_C(1) << at->slot;
    *bare = !(slab->guarded & bit);
    if (*bare && full)
        return false;
    slab->guarded |= bit;
    depot->guards += *bare;
    slab->vacant &= ~bit;
    if (slab->vacant == 0) {
        slab_leave(slab);
        slab_enter(slab, &shelf->full);
    }
    return true;
}

/* Returns the slab if it is empty now, and in no list. Under the lock. */
static struct weft__slab *vacate(struct weft__depot *depot, struct vacancy at)
{
    struct weft__slab *slab = at.slab;
    bool was_full = slab->vacant == 0;
    slab->vacant |= UINT64_C(1) << at.slot;
    bool empty = slab->vacant == all_slots(slab->kind);
    if (was_full || empty)
        slab_leave(slab);
    if (empty)
        depot->guards -= (size_t)__builtin_popcountll(slab->guarded);
    else if (was_full)
        slab_enter(slab, &depot->shelf[slab->kind].roomy);
    return empty ? slab : NULL;
}

static bool guard(struct weft__depot *depot, struct vacancy at)
{
    char *low = at.slab->at + at.slot * slot_size(at.slab->kind);
    return (depot->guard_install
                ? weft__os->advise(low, WEFT__STACK_GUARD, MADV_GUARD_INSTALL)
                : weft__os->protect(low, WEFT__STACK_GUARD, PROT_NONE)) == 0;
}

static WEFT__NOINLINE void not_guarded(struct weft__depot *depot,
                                       struct vacancy at)
{
    weft__lock(&depot->lock);
    at.slab->guarded &= ~(UINT64_C(1) << at.slot);
    depot->guards--;
    struct weft__slab *empty = vacate(depot, at);
    weft__unlock(&depot->lock);
    if (empty != NULL)
        slab_free(empty);
}

static struct weft__stack *slot_open(struct vacancy at)
{
    struct weft__slab *slab = at.slab;
    struct weft__stack *stack = stack_in(slab, at.slot);
    *stack = (struct weft__stack){
        .low = slab->at + at.slot * slot_size(slab->kind) + WEFT__STACK_GUARD,
        .slab = slab,
        .slot = (uint8_t)at.slot,
        .kind = (uint8_t)slab->kind,
    };
    uintptr_t top = (uintptr_t)stack - (at.slot % COLOURS) * 128;
    stack->top = (void *)(top & ~(uintptr_t)63);
    weft__sanitize_stack_open(stack);
    return stack;
}

static struct weft__stack *shelf_pop(struct weft__shelf *shelf)
{
    struct weft__stack *stack = shelf->free;
    shelf->free = stack->next;
    shelf->count--;
    return stack;
}

/* The guard and the first touch of a page take microseconds: both come after
 * the lock, or workers that start many tasks at once would queue for it. */
struct weft__stack *weft__depot_take(struct weft__depot *depot, unsigned kind)
{
    struct weft__shelf *shelf = &depot->shelf[kind];
    struct vacancy at;
    bool bare = false;
    weft__lock(&depot->lock);
    struct weft__stack *stack = shelf->free ? shelf_pop(shelf) : NULL;
    bool reserved = stack == NULL && reserve(depot, kind, &at, &bare);
    if (shelf->count < shelf->least)
        shelf->least = shelf->count;
    weft__unlock(&depot->lock);
    if (!reserved)
        return stack;
    if (!bare || guard(depot, at))
        return slot_open(at);
    not_guarded(depot, at);
    return NULL;
}

void weft__depot_give(struct weft__depot *depot, struct weft__stack *first,
                      struct weft__stack *last)
{
    unsigned kind = first->kind;
    struct weft__shelf *shelf = &depot->shelf[kind];
    size_t count = 1;
    for (struct weft__stack *one = first; one != last; one = one->next)
        count++;
    weft__lock(&depot->lock);
    last->next = shelf->free;
    shelf->free = first;
    shelf->count += count;
    if (shelf->count > classes[kind].slots &&
        weft__load_relaxed(&depot->tidiness) == WEFT__DEPOT_TIDY)
        weft__store_relaxed(&depot->tidiness, WEFT__DEPOT_MUCH);
    weft__unlock(&depot->lock);
}

/* Giving back */

/* A round of it begins: what nobody took for QUIET_NS, less what is kept. */
static void on_quiet(struct weft__alarm *alarm, struct weft__worker *unused)
{
    struct weft__depot *depot =
        weft__container_of(alarm, struct weft__depot, quiet);
    (void)unused;
    weft__lock(&depot->lock);
    for (unsigned kind = 0; kind < WEFT__STACK_CLASSES; kind++) {
        struct weft__shelf *shelf = &depot->shelf[kind];
        size_t idle = shelf->least < shelf->count ? shelf->least : shelf->count;
        size_t keep = classes[kind].slots;
        shelf->surplus = idle > keep ? idle - keep : 0;
    }
    weft__store_relaxed(&depot->tidiness, WEFT__DEPOT_DUE);
    weft__unlock(&depot->lock);
}

/* Under the lock. */
static size_t take_surplus(struct weft__depot *depot, struct weft__stack **out)
{
    size_t n = 0;
    for (unsigned kind = 0; kind < WEFT__STACK_CLASSES; kind++) {
        struct weft__shelf *shelf = &depot->shelf[kind];
        if (shelf->count <= classes[kind].slots)
            shelf->surplus = 0;
        for (; n < BATCH && shelf->surplus > 0; shelf->surplus--)
            out[n++] = shelf_pop(shelf);
    }
    return n;
}

/* The round is over. Under the lock. */
static void end_round(struct weft__depot *depot)
{
    enum weft__tidiness tidiness = WEFT__DEPOT_TIDY;
    for (unsigned kind = 0; kind < WEFT__STACK_CLASSES; kind++)
        if (depot->shelf[kind].count > classes[kind].slots)
            tidiness = WEFT__DEPOT_MUCH;
    weft__store_relaxed(&depot->tidiness, tidiness);
}

/* Nobody else knows this stack. Its header goes with the rest, so where it lay
 * is told apart. If the system refuses nothing is lost but the memory. */
static struct vacancy discard(struct weft__stack *stack)
{
    struct vacancy at = {stack->slab, stack->slot};
    weft__sanitize_stack_close(stack);
    weft__os->advise(stack->low, classes[stack->kind].usable, MADV_DONTNEED);
    return at;
}

static void give_back(struct weft__depot *depot, struct weft__stack **stacks,
                      size_t n)
{
    struct vacancy at[BATCH];
    struct weft__slab *empty = NULL;
    for (size_t i = 0; i < n; i++)
        at[i] = discard(stacks[i]);
    weft__lock(&depot->lock);
    for (size_t i = 0; i < n; i++) {
        struct weft__slab *slab = vacate(depot, at[i]);
        if (slab != NULL)
            slab_enter(slab, &empty);
    }
    weft__unlock(&depot->lock);
    slabs_free(empty); /* their page tables and guards, too */
}

static bool give_back_some(struct weft__depot *depot)
{
    struct weft__stack *stacks[BATCH];
    weft__lock(&depot->lock);
    size_t n = take_surplus(depot, stacks);
    if (n == 0 && weft__load_relaxed(&depot->tidiness) == WEFT__DEPOT_DUE)
        end_round(depot);
    weft__unlock(&depot->lock);
    give_back(depot, stacks, n);
    return n > 0;
}

static void watch(struct weft__depot *depot, struct weft__loop *loop)
{
    weft__lock(&depot->lock);
    bool first = weft__load_relaxed(&depot->tidiness) == WEFT__DEPOT_MUCH;
    for (unsigned kind = 0; first && kind < WEFT__STACK_CLASSES; kind++)
        depot->shelf[kind].least = SIZE_MAX;
    if (first)
        weft__store_relaxed(&depot->tidiness, WEFT__DEPOT_WATCHED);
    weft__unlock(&depot->lock);
    if (first)
        weft__alarm_arm(&depot->quiet, loop, weft__os->now() + QUIET_NS);
}

bool weft__depot_tidy_now(struct weft__depot *depot, struct weft__loop *loop)
{
    if (weft__load_relaxed(&depot->tidiness) == WEFT__DEPOT_DUE &&
        give_back_some(depot))
        return true;
    if (weft__load_relaxed(&depot->tidiness) == WEFT__DEPOT_MUCH)
        watch(depot, loop);
    return false;
}
