// SPDX-License-Identifier: MIT
/* WEFT_DEBUG=1 for all rooms: see debug.h. */
#include "sched/debug.h"

#include "sched/report.h"
#include "sched/sched.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS 16384

_Atomic(bool) weft__debug;

struct entry {
    struct entry *next; /* of its bucket */
    struct weft__debug_thing thing;
};

/* All under the lock. */
static struct weft__lock lock;
static struct entry *bucket[BUCKETS];
static uint64_t born;
static size_t entries;
static bool blind; /* something is open that has no entry */

static bool is_asked_for(void)
{
    const char *text = getenv("WEFT_DEBUG");
    return text != NULL && *text != '\0' && strcmp(text, "0") != 0;
}

/* Whoever began before it was on may close what has no entry. */
void weft__debug_read(void)
{
    bool on = is_asked_for();
    weft__lock(&lock);
    if (on)
        weft__store_relaxed(&weft__debug, true);
    else if (!weft__load_relaxed(&weft__debug))
        blind = true;
    weft__unlock(&lock);
}

void weft__debug_misuse(const char *who, const char *what)
{
    struct weft__coro *coro = weft__sched_current();
    if (coro != NULL)
        weft__report("%s: %s (in %s)", who, what, coro->rt->hooks->name(coro));
    else
        weft__report("%s: %s", who, what);
    abort();
}

int weft__misuse(int code, const char *who, const char *what)
{
    if (weft__debug_on() || is_asked_for())
        weft__debug_misuse(who, what);
    return code;
}

/* What is open */

static struct entry **link_of(const void *object)
{
    uint64_t hash = (uint64_t)(uintptr_t)object * UINT64_C(0x9e3779b97f4a7c15);
    struct entry **link = &bucket[(hash >> 32) % BUCKETS];
    while (*link != NULL && (*link)->thing.object != object)
        link = &(*link)->next;
    return link;
}

/* One that is there went with its runtime, and another came to its address. */
void weft__debug_enter(const struct weft__debug_thing *thing)
{
    struct entry *entry = weft__mem_alloc(1, sizeof(*entry));
    struct entry *old = NULL;
    weft__lock(&lock);
    if (entry != NULL) {
        struct entry **link = link_of(thing->object);
        old = *link;
        entries += old == NULL;
        *entry = (struct entry){old ? old->next : NULL, *thing};
        entry->thing.born = born++;
        *link = entry;
    } else {
        blind = true;
    }
    weft__unlock(&lock);
    weft__mem_free(old);
}

bool weft__debug_leave(const void *object)
{
    weft__lock(&lock);
    struct entry **link = link_of(object);
    struct entry *entry = *link;
    bool known = entry != NULL || blind;
    if (entry != NULL) {
        *link = entry->next;
        entries--;
    }
    weft__unlock(&lock);
    weft__mem_free(entry);
    return known;
}

void weft__debug_expect(const void *object, const char *who)
{
    weft__lock(&lock);
    bool known = *link_of(object) != NULL || blind;
    weft__unlock(&lock);
    if (!known)
        weft__debug_misuse(who, "this was closed before");
}

static int compare(const void *a, const void *b)
{
    const struct weft__debug_thing *one = a;
    const struct weft__debug_thing *other = b;
    return one->born < other->born ? -1 : 1;
}

/* Its entry stays, for who closes it after the end. */
static void let_go(struct entry *entry, struct weft__debug_thing *into,
                   size_t room, size_t n)
{
    if (n < room)
        into[n] = entry->thing;
    if (room > 0)
        entry->thing.rt = NULL;
}

size_t weft__debug_left(struct weft_runtime *rt, struct weft__debug_thing *into,
                        size_t room)
{
    size_t n = 0;
    weft__lock(&lock);
    for (size_t i = 0; i < BUCKETS && entries > 0; i++)
        for (struct entry *entry = bucket[i]; entry; entry = entry->next)
            if (entry->thing.rt == rt)
                let_go(entry, into, room, n++);
    weft__unlock(&lock);
    if (room > 0)
        qsort(into, n < room ? n : room, sizeof(*into), compare);
    return n;
}

/* What is kept */

void *weft__debug_keep(struct weft__debug_kept *kept, void *memory)
{
    weft__lock(&lock);
    void *oldest = kept->at[kept->next];
    kept->at[kept->next] = memory;
    kept->next = (kept->next + 1) % kept->room;
    weft__unlock(&lock);
    return oldest;
}
