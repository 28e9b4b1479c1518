// SPDX-License-Identifier: MIT
/*
 * The wake word: a coroutine that sleeps for several wakes, and their wakers.
 * Each wake is found once, with what its waker wrote before; the coroutine is
 * run by one thread at a time, which sees its stack as it was left.
 */
#include "tests/model/run.hpp"

#include "sched/coro.h"

enum { WAKES = 3 };

struct world {
    weft__coro coro;
    model::plain<int> stack;       /* written on every step */
    model::plain<int> said[WAKES]; /* by the waker, before it wakes */
    model::plain<uint8_t> found;   /* wakes; the coroutine's own */
    int ended;
};
static world *w;

static void find(uint8_t wakes)
{
    CHECK((w->found & wakes) == 0);
    for (int i = 0; i < WAKES; i++)
        if (wakes & 1 << i)
            CHECK(w->said[i] == i + 1);
    w->found |= wakes;
}

/* The coroutine, from its start or after a sleep, on this thread. */
static void run(uint8_t all)
{
    weft__coro *coro = &w->coro;
    while (w->found != all) {
        uint8_t left = all & ~w->found;
        w->stack = w->stack + 1;
        uint8_t one = left & -left;
        if (rl::rand(2) == 0 && weft__coro_take(coro, one)) {
            find(coro->reason);
            continue;
        }
        void *sp = (char *)coro + w->stack;
        coro->sp = sp;
        if (weft__coro_park(coro, left))
            return;
        find(coro->reason);
    }
    w->ended++;
}

static void wake(int i, uint8_t all)
{
    weft__coro *coro = &w->coro;
    w->said[i] = i + 1;
    if (!weft__coro_wake(coro, 1u << i))
        return;
    CHECK(coro->reason == 1 << i);
    CHECK((char *)(void *)coro->sp == (char *)coro + w->stack);
    find(coro->reason);
    run(all);
}

template <class T, int WAKERS>
struct on_coro : model::scenario<T, WAKERS + 1> {
    enum { ALL = (1 << WAKERS) - 1 };
    void set_up() { w = (world *)model::allocate(sizeof(*w)); }
    void thread(unsigned i)
    {
        if (i == 0)
            run(ALL);
        else
            wake((int)i - 1, ALL);
    }
    void check() { CHECK(w->ended == 1 && w->found == ALL); }
};

struct coro_one : on_coro<coro_one, 1> {};
struct coro_two : on_coro<coro_two, 2> {};
struct coro_three : on_coro<coro_three, 3> {};

SCENARIO(coro_one, 0.5);
SCENARIO(coro_two, 1);
SCENARIO(coro_three, 1);
