// SPDX-License-Identifier: MIT
/*
 * The deque and the ring: owner against thieves, over the last item, over a
 * growth, over a slot that is used again. Each item is taken once, by one who
 * sees what was written into it before the push; none is lost.
 */
#include "tests/model/run.hpp"

#include "sched/array.c"
#include "sched/deque.c"
#include "sched/ring.c"

void *weft__mem_alloc(size_t count, size_t size)
{
    return model::allocate(count * size);
}

void weft__mem_free(void *memory)
{
    model::release(memory);
}

enum { ITEMS = 8 };

struct item {
    model::plain<int> load; /* what the pusher wrote into it */
    int taken;
};

struct world {
    weft__deque deque;
    weft__ring ring;
    item items[ITEMS];
    _Atomic(int) pushed;
};
world *w;

void *made(int i)
{
    w->items[i].load = i + 1;
    return &w->items[i];
}

void took(void *got)
{
    item *it = (item *)got;
    model::settle();
    CHECK(it >= w->items && it < w->items + ITEMS);
    CHECK(it->load == it - w->items + 1);
    CHECK(it->taken == 0);
    it->taken = 1;
}

/* Indices begin near the place where they wrap. */
const uint64_t START = UINT64_MAX - 1;

template <class T, int N> struct on_deque : model::scenario<T, N> {
    void set_up()
    {
        w = (world *)model::allocate(sizeof(*w));
        CHECK(weft__deque_init(&w->deque, 2, START) == 0);
    }
    static void push(int i) { CHECK(weft__deque_push(&w->deque, made(i)) == 0); }
    static bool pop()
    {
        void *got = weft__deque_pop(&w->deque);
        if (got != NULL)
            took(got);
        return got != NULL;
    }
    static bool steal()
    {
        void *got = NULL;
        if (weft__deque_steal(&w->deque, &got) != WEFT__STEAL_GOT)
            return false;
        took(got);
        return true;
    }
    static void all_taken(int count)
    {
        while (pop())
            ;
        for (int i = 0; i < count; i++)
            CHECK(w->items[i].taken == 1);
        weft__deque_fini(&w->deque);
    }
};

/* Two items, popped while two thieves are at them. */
struct deque_last : on_deque<deque_last, 3> {
    void set_up()
    {
        on_deque::set_up();
        push(0);
        push(1);
    }
    void thread(unsigned i)
    {
        if (i != 0)
            steal();
        else if (pop() && rl::rand(2) == 0)
            pop();
    }
    void check() { all_taken(2); }
};

/* The last item comes back: popped, pushed, popped. */
struct deque_again : on_deque<deque_again, 3> {
    void thread(unsigned i)
    {
        if (i != 0) {
            steal();
            steal();
            return;
        }
        push(0);
        pop();
        push(1);
        push(2);
        pop();
        pop();
    }
    void check() { all_taken(3); }
};

/* The third push replaces the array under a thief. */
struct deque_growth : on_deque<deque_growth, 3> {
    void thread(unsigned i)
    {
        if (i != 0) {
            steal();
            steal();
            return;
        }
        for (int n = 0; n < 5; n++)
            push(n);
        pop();
    }
    void check() { all_taken(5); }
};

/* A guess at the oldest item, while the array is replaced. */
struct deque_peek : on_deque<deque_peek, 2> {
    void set_up()
    {
        on_deque::set_up();
        push(0);
    }
    void thread(unsigned i)
    {
        if (i != 0) {
            while (weft__load_relaxed(&w->pushed) < (int)rl::rand(2))
                weft__pause();
            CHECK(weft__deque_peek(&w->deque) == &w->items[0]);
            return;
        }
        push(1);
        push(2);
        weft__store_relaxed(&w->pushed, 1);
    }
    void check() { all_taken(3); }
};

/* Pushes that reuse a slot as soon as a thief has moved on. */
struct deque_reuse : on_deque<deque_reuse, 2> {
    void thread(unsigned i)
    {
        if (i != 0) {
            steal();
            steal();
            steal();
            return;
        }
        push(0);
        push(1);
        if (steal())
            push(2);
        push(3);
    }
    void check()
    {
        if (w->items[2].load == 0)
            w->items[2].taken = 1;
        all_taken(4);
    }
};

template <class T, int N> struct on_ring : model::scenario<T, N> {
    void set_up()
    {
        w = (world *)model::allocate(sizeof(*w));
        CHECK(weft__ring_init(&w->ring, 2, START) == 0);
    }
    static void push(int i) { CHECK(weft__ring_push(&w->ring, made(i)) == 0); }
    static item *take()
    {
        void *got = NULL;
        if (weft__ring_take(&w->ring, &got) != WEFT__STEAL_GOT)
            return NULL;
        took(got);
        return (item *)got;
    }
    static void all_taken(int count)
    {
        while (take() != NULL)
            ;
        for (int i = 0; i < count; i++)
            CHECK(w->items[i].taken == 1);
        weft__ring_fini(&w->ring);
    }
};

/* Two takers beside the owner; it grows once. First in, first out. */
struct ring_takers : on_ring<ring_takers, 3> {
    void thread(unsigned i)
    {
        if (i != 0) {
            item *first = take();
            item *second = take();
            CHECK(first == NULL || second == NULL || first < second);
            return;
        }
        for (int n = 0; n < 4; n++)
            push(n);
        take();
    }
    void check() { all_taken(4); }
};

/* Two items, the second pushed before a taker takes the first: who knows of the
 * first push finds one of the two. So 0 was true at some moment of the call. */
struct ring_never_empty : on_ring<ring_never_empty, 3> {
    void thread(unsigned i)
    {
        if (i == 0) {
            push(0);
            weft__store_release(&w->pushed, 1);
            push(1);
            weft__store_release(&w->pushed, 2);
            return;
        }
        while (weft__load_acquire(&w->pushed) < (i == 1 ? 2 : 1))
            weft__pause();
        void *got = NULL;
        if (i == 1)
            take();
        else if (rl::rand(2) == 0)
            CHECK(weft__ring_size(&w->ring) > 0);
        else
            CHECK(weft__ring_take(&w->ring, &got) != WEFT__STEAL_EMPTY);
        if (got != NULL)
            took(got);
    }
    void check() { all_taken(2); }
};

SCENARIO(deque_last, 1);
SCENARIO(deque_again, 1);
SCENARIO(deque_growth, 1);
SCENARIO(deque_peek, 0.2);
SCENARIO(deque_reuse, 1);
SCENARIO(ring_takers, 1);
SCENARIO(ring_never_empty, 1);

