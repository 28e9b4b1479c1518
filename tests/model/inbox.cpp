// SPDX-License-Identifier: MIT
/*
 * The inbox, producers against takers, and the locks. What was written into a
 * link before it was pushed is there for who takes it; each link is taken once;
 * who holds a lock sees what its holder before did, and nobody sleeps on.
 */
#include "tests/model/run.hpp"

#include "sched/inbox.h"
#include "sched/lock.c"

/* A futex orders nothing here; the kernel's orders more. */
static model::bed *beds[2];

static long futex_wait(const void *word, uint32_t seen, int64_t)
{
    if (model::newest(*(void **)word) == seen)
        beds[model::self() % 2]->sleep();
    return 0;
}

static long futex_wake(const void *, int)
{
    for (model::bed *bed : beds)
        if (bed->post_if_asleep())
            break;
    return 0;
}

static const struct weft__os os = [] {
    struct weft__os table = {};
    table.futex_wait = futex_wait;
    table.futex_wake = futex_wake;
    return table;
}();
const struct weft__os *weft__os = &os;

struct item {
    weft__link link;
    model::plain<int> load;
    int taken;
};

struct world {
    weft__inbox inbox;
    item items[4];
    struct weft__lock lock;
    struct weft__spin spin;
    model::plain<int> count;
    int tries;
};
static world *w;

template <class T, int N> struct on_inbox : model::scenario<T, N> {
    void set_up()
    {
        w = (world *)model::allocate(sizeof(*w));
        for (model::bed *&bed : beds)
            bed = model::new_bed();
    }
    static void push(int i)
    {
        w->items[i].load = i + 1;
        weft__inbox_push(&w->inbox, &w->items[i].link);
    }
    /* Each producer's come in the order in which it pushed them. */
    static void take()
    {
        int newest[2] = {-1, -1};
        weft__link *link = weft__inbox_take(&w->inbox);
        while (link != NULL) {
            item *it = weft__container_of(link, item, link);
            link = link->next;
            int i = (int)(it - w->items);
            CHECK(it->load == i + 1);
            CHECK(it->taken == 0);
            CHECK(i > newest[i / 2]);
            newest[i / 2] = i;
            it->taken = 1;
        }
    }
};

struct inbox_pushes : on_inbox<inbox_pushes, 4> {
    void thread(unsigned i)
    {
        if (i < 2) {
            push((int)i * 2);
            push((int)i * 2 + 1);
        } else {
            take();
            take();
        }
    }
    void check()
    {
        take();
        for (item &it : w->items)
            CHECK(it.taken == 1);
    }
};

/* One waits for the lock at most, so there is a bed for each who does. */
struct lock_held : on_inbox<lock_held, 3> {
    void thread(unsigned i)
    {
        if (i == 2) {
            if (!weft__lock_try(&w->lock))
                return;
            w->tries++;
        } else {
            weft__lock(&w->lock);
        }
        w->count = w->count + 1;
        if (rl::rand(2) == 0)
            weft__unlock(&w->lock);
        else
            weft__unlock_last(&w->lock);
    }
    void check() { CHECK(w->count == 2 + w->tries); }
};

struct spin_held : on_inbox<spin_held, 3> {
    void thread(unsigned)
    {
        while (!weft__spin_try(&w->spin))
            weft__pause();
        w->count = w->count + 1;
        weft__spin_unlock(&w->spin);
    }
    void check() { CHECK(w->count == 3); }
};

SCENARIO(inbox_pushes, 1);
SCENARIO(lock_held, 1);
SCENARIO(spin_held, 1);
