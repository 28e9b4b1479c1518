// SPDX-License-Identifier: MIT
/*
 * Is the checker's memory C11's? Each litmus test either never shows what C11
 * forbids (checked in every execution), or does show what C11 allows (counted,
 * and asked for at the end: "seen").
 */
#include "tests/model/run.hpp"

#include <sched/atomic.h>

struct world {
    _Atomic(int) x, y;
    int got[4];
};
world *w;

template <class T, int N> struct litmus : model::scenario<T, N> {
    void set_up() { w = (world *)model::allocate(sizeof(*w)); }
};

/* Store, order, load on either side: both loads miss the other's store. */
bool missed()
{
    return w->got[0] == 0 && w->got[1] == 0;
}

template <class T> struct dekker : litmus<T, 2> {
    void thread(unsigned i)
    {
        w->got[i] = i == 0 ? T::side(&w->x, &w->y, 0) : T::side(&w->y, &w->x, 1);
    }
};

struct fences : dekker<fences> {
    static int side(_Atomic(int) *mine, _Atomic(int) *other, unsigned)
    {
        weft__store_relaxed(mine, 1);
        weft__fence();
        return weft__load_relaxed(other);
    }
    void check() { CHECK(!missed()); }
};

struct sc_accesses : dekker<sc_accesses> {
    static int side(_Atomic(int) *mine, _Atomic(int) *other, unsigned)
    {
        weft__xchg_sc(mine, 1);
        return weft__load_sc(other);
    }
    void check() { CHECK(!missed()); }
};

/* What weft__idle_announce_swapped() and retire() do. */
struct fence_and_sc : dekker<fence_and_sc> {
    static int side(_Atomic(int) *mine, _Atomic(int) *other, unsigned i)
    {
        if (i == 0) {
            weft__xchg_sc(mine, 1);
            return weft__load_sc(other);
        }
        weft__store_relaxed(mine, 1);
        weft__fence();
        return weft__load_relaxed(other);
    }
    void check() { CHECK(!missed()); }
};

/* An sc swap is no fence for what is relaxed beside it. */
struct swap_is_no_fence : dekker<swap_is_no_fence> {
    static unsigned long seen;
    static int side(_Atomic(int) *mine, _Atomic(int) *other, unsigned)
    {
        weft__xchg_sc(mine, 1);
        return weft__load_relaxed(other);
    }
    void check() { seen += missed(); }
};
unsigned long swap_is_no_fence::seen;

struct one_fence : dekker<one_fence> {
    static unsigned long seen;
    static int side(_Atomic(int) *mine, _Atomic(int) *other, unsigned i)
    {
        weft__store_relaxed(mine, 1);
        if (i == 0)
            weft__fence();
        return weft__load_relaxed(other);
    }
    void check() { seen += missed(); }
};
unsigned long one_fence::seen;

/* Message passing: the second store is seen, the first is not. */
template <class T> struct passing : litmus<T, 2> {
    void thread(unsigned i)
    {
        if (i == 0) {
            weft__store_relaxed(&w->x, 1);
            T::put(&w->y);
        } else {
            w->got[0] = T::get(&w->y);
            w->got[1] = weft__load_relaxed(&w->x);
        }
    }
    static bool broken() { return w->got[0] == 1 && w->got[1] == 0; }
};

struct release_acquire : passing<release_acquire> {
    static void put(_Atomic(int) *y) { weft__store_release(y, 1); }
    static int get(_Atomic(int) *y) { return weft__load_acquire(y); }
    void check() { CHECK(!broken()); }
};

struct no_acquire : passing<no_acquire> {
    static unsigned long seen;
    static void put(_Atomic(int) *y) { weft__store_release(y, 1); }
    static int get(_Atomic(int) *y) { return weft__load_relaxed(y); }
    void check() { seen += broken(); }
};
unsigned long no_acquire::seen;

struct no_release : passing<no_release> {
    static unsigned long seen;
    static void put(_Atomic(int) *y) { weft__store_relaxed(y, 1); }
    static int get(_Atomic(int) *y) { return weft__load_acquire(y); }
    void check() { seen += broken(); }
};
unsigned long no_release::seen;

/* Two writers, two readers that disagree on who was first. */
template <class T> struct iriw : litmus<T, 4> {
    void thread(unsigned i)
    {
        if (i < 2) {
            weft__store_relaxed(i == 0 ? &w->x : &w->y, 1);
            return;
        }
        unsigned at = (i - 2) * 2;
        w->got[at] = weft__load_relaxed(i == 2 ? &w->x : &w->y);
        T::between();
        w->got[at + 1] = weft__load_relaxed(i == 2 ? &w->y : &w->x);
    }
    static bool disagree()
    {
        return w->got[0] == 1 && w->got[1] == 0 && w->got[2] == 1 &&
               w->got[3] == 0;
    }
};

struct iriw_fences : iriw<iriw_fences> {
    static void between() { weft__fence(); }
    void check() { CHECK(!disagree()); }
};

struct iriw_relaxed : iriw<iriw_relaxed> {
    static unsigned long seen;
    static void between() {}
    void check() { seen += disagree(); }
};
unsigned long iriw_relaxed::seen;

/* One location never goes back, and a swap reads the newest. */
struct coherence : litmus<coherence, 3> {
    void thread(unsigned i)
    {
        if (i < 2) {
            weft__fetch_add_relaxed(&w->x, 1);
            return;
        }
        w->got[0] = weft__load_relaxed(&w->x);
        w->got[1] = weft__load_relaxed(&w->x);
    }
    void check()
    {
        CHECK(w->got[0] <= w->got[1]);
        CHECK(weft__load_relaxed(&w->x) == 2);
    }
};

template <class T> bool shows(rl::test_params &params)
{
    T::seen = 0;
    bool ok = rl::simulate<T>(params);
    return ok && T::seen > 0;
}

SCENARIO(fences, 1);
SCENARIO(sc_accesses, 1);
SCENARIO(fence_and_sc, 1);
SCENARIO(release_acquire, 1);
SCENARIO(iriw_fences, 1);
SCENARIO(coherence, 1);

#define SHOWS(type) static model::entry entry_##type(#type, &shows<type>, 1)
SHOWS(swap_is_no_fence);
SHOWS(one_fence);
SHOWS(no_acquire);
SHOWS(no_release);
SHOWS(iriw_relaxed);

