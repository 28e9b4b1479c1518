// SPDX-License-Identifier: MIT
/*
 * The future word: completing against waiting, taking a waiter back, dropping
 * the last reference. The result is visible to who finds it done; each waiter
 * fires once or was taken back; the future is freed once, by one who comes
 * after all that the others did with it.
 */
#include "tests/model/run.hpp"

#include "future/future.c"

static weft_future *shared;
static int freed;

/* As a spawn that gets the memory would: it writes what others read. */
static void reuse(weft_future *future)
{
    CHECK(future == shared);
    future->result = NULL;
    freed++;
    model::release(future);
}

void weft__pool_give(struct weft__coro *coro)
{
    reuse(weft__future_of(coro));
}

void weft__mem_free(void *future)
{
    reuse((weft_future *)future);
}

void weft__pool_spill(struct weft__pool *, unsigned, struct weft__pool_cache *)
{
}

struct weft__worker *weft__worker_self(void)
{
    return NULL;
}

_Atomic(bool) weft__debug;

bool weft__debug_unmade(weft_future *)
{
    return false;
}

void weft__error_unref(struct weft__error *)
{
}

/* None fails here, is in debug mode or has a context. */
void weft__error_unretrieved(weft_future *)
{
    abort();
}

void weft__error_attach(weft_future *, int)
{
    abort();
}

void weft__error_hand_up(weft_future *)
{
    abort();
}

void weft_context_unref(weft_context *)
{
    abort();
}

weft_future *weft__debug_check(const weft_future *, const char *)
{
    abort();
}

weft_future *weft__debug_check_own(const weft_future *, const char *)
{
    abort();
}

void weft__debug_dropped(weft_future *)
{
    abort();
}

int weft__misuse(int, const char *, const char *)
{
    abort();
}

int weft__callback_submit(weft_future *)
{
    abort();
}

void weft__runtime_drop(weft_runtime *)
{
    abort();
}

/* One that waits: its registration lies in its frame, so in memory that goes
 * when it has fired or was taken back. */
struct wait {
    struct weft__waiter waiter;
    _Atomic(int) fired;
};

static void fire_wait(struct weft__waiter *waiter)
{
    wait *one = weft__container_of(waiter, wait, waiter);
    CHECK(weft__fetch_add(&one->fired, 1) == 0);
}

static wait *new_wait()
{
    wait *one = (wait *)model::allocate(sizeof(*one));
    one->waiter.fire = fire_wait;
    return one;
}

static void sleep_until_fired(wait *one)
{
    while (!weft__load_acquire(&one->fired))
        weft__pause();
    model::release(one);
}

/* What the producer computed: written before it is done. */
struct value {
    model::plain<int> number;
};
static value *values;

static void *made(int number)
{
    values[number].number = number;
    return &values[number];
}

static int number_of(weft_future *future)
{
    value *got = (value *)(void *)future->result;
    CHECK(got != NULL);
    CHECK(got->number == got - values);
    return got->number;
}

template <class T, int N, weft__kind KIND, int REFS>
struct on_future : model::scenario<T, N> {
    void set_up()
    {
        shared = (weft_future *)model::allocate(sizeof(*shared));
        values = (value *)model::allocate(4 * sizeof(*values));
        freed = 0;
        weft__debug = {}; /* off */
        weft__future_init(shared, KIND, NULL, NULL);
        weft__store_relaxed(&shared->refs, REFS);
    }
    /* Wait, then use the result; the reference stays. */
    static void await(uint32_t mark)
    {
        wait *one = new_wait();
        int rc = weft__future_add_waiter(shared, &one->waiter, mark);
        CHECK(rc >= 0);
        if (rc > 0)
            sleep_until_fired(one);
        else
            model::release(one);
        number_of(shared);
    }
    /* Wait, but not to the end. False: taken back, and the result unknown. */
    static bool await_in_vain(uint32_t mark)
    {
        wait *one = new_wait();
        int rc = weft__future_add_waiter(shared, &one->waiter, mark);
        CHECK(rc >= 0);
        if (rc > 0 && weft__future_remove_waiter(shared, &one->waiter)) {
            CHECK(weft__load_relaxed(&one->fired) == 0);
            model::release(one);
            return false;
        }
        if (rc > 0)
            sleep_until_fired(one);
        else
            model::release(one);
        number_of(shared);
        return true;
    }
    void check()
    {
        CHECK(freed == 1);
        CHECK(model::live() == 1); /* the values */
    }
};

/* A task ends; two wait for it, one of them not for long. */
struct future_waiters : on_future<future_waiters, 3, WEFT__TASK, 2> {
    void thread(unsigned i)
    {
        if (i == 0) {
            weft__future_finish(shared, made(1));
            return;
        }
        if (i == 1)
            await(0);
        else
            await_in_vain(0);
        weft__future_drop(shared);
    }
};

/* Two come and go: the list is changed by one while the other adds. */
struct future_removal : on_future<future_removal, 4, WEFT__TASK, 3> {
    void thread(unsigned i)
    {
        if (i == 0) {
            weft__future_finish(shared, made(1));
            return;
        }
        await_in_vain(0);
        if (i != 1)
            await(0);
        weft__future_drop(shared);
    }
};

/* A task that nobody waits for: its end and the last drop. */
struct future_dropped : on_future<future_dropped, 3, WEFT__TASK, 2> {
    void thread(unsigned i)
    {
        if (i == 0) {
            weft__future_finish(shared, made(1));
            return;
        }
        if (weft__future_is_done(shared))
            number_of(shared);
        weft__future_drop(shared);
    }
};

/* Made by hand: two complete it, both wait; a third drops it meanwhile. */
struct future_made : on_future<future_made, 3, WEFT__MADE, 3> {
    void thread(unsigned i)
    {
        if (i != 2) {
            int rc = weft_future_set_result(shared, made((int)i + 1));
            CHECK(rc == 0 || rc == -WEFT_EALREADY);
            CHECK(weft__future_is_done(shared));
            int got = number_of(shared);
            CHECK(rc != 0 || got == (int)i + 1);
        } else {
            await_in_vain(0);
        }
        weft__future_drop(shared);
    }
};

/* What is written into it before a drop is there for who frees it. */
struct future_unset : on_future<future_unset, 3, WEFT__MADE, 3> {
    void thread(unsigned)
    {
        (void)(void *)shared->result; /* as weft_inspect() would */
        weft__future_drop(shared);
    }
};

/* Awaits, which drop: one that has a reference of its own is never refused. */
struct future_awaits : on_future<future_awaits, 3, WEFT__TASK, 2> {
    void thread(unsigned i)
    {
        if (i == 0)
            weft__future_finish(shared, made(1));
        else if (rl::rand(2) == 0)
            await(WEFT__AWAITED);
        else
            await_in_vain(WEFT__AWAITED);
        if (i != 0)
            weft__future_drop(shared);
    }
};

/* Its owner takes it out of its account, with its own reference; another one
 * drops a third. */
struct future_owned : on_future<future_owned, 3, WEFT__TASK, 3> {
    void thread(unsigned i)
    {
        if (i == 0) {
            weft__future_finish(shared, made(1));
        } else if (i == 1) {
            await(0);
            weft__future_drop_two(shared);
        } else {
            if (weft__future_is_done(shared))
                number_of(shared);
            weft__future_drop(shared);
        }
    }
};

/* A running task takes a reference of itself while the last one goes, and
 * gives it away. */
struct future_itself : on_future<future_itself, 3, WEFT__TASK, 1> {
    static _Atomic(int) *given;
    void set_up()
    {
        on_future::set_up();
        given = (_Atomic(int) *)model::allocate(sizeof(*given));
    }
    void thread(unsigned i)
    {
        if (i == 0) {
            weft_future_ref(shared);
            weft__store_release(given, 1);
            weft__future_finish(shared, made(1));
        } else if (i == 1) {
            weft__future_drop(shared);
        } else {
            while (!weft__load_acquire(given))
                weft__pause();
            if (rl::rand(2) == 0)
                await(0);
            weft__future_drop(shared);
        }
    }
    void check()
    {
        CHECK(freed == 1);
        CHECK(model::live() == 2);
    }
};
_Atomic(int) *future_itself::given;

/* A callback starts or was cancelled before. The canceller is task.c's. */
struct future_start : on_future<future_start, 2, WEFT__CALLBACK, 1> {
    bool started, cancelled;
    void thread(unsigned i)
    {
        if (i == 0) {
            started = weft__future_start(shared);
            return;
        }
        uint64_t was = weft__load_relaxed(&shared->state);
        while (!weft__cas(&shared->state, &was, was | WEFT__CANCEL))
            ;
        cancelled = !(was & WEFT__STARTED);
    }
    void check()
    {
        CHECK(started != cancelled);
        model::release(shared);
    }
};

SCENARIO(future_waiters, 1);
SCENARIO(future_removal, 1);
SCENARIO(future_dropped, 1);
SCENARIO(future_made, 1);
SCENARIO(future_unset, 1);
SCENARIO(future_awaits, 1);
SCENARIO(future_owned, 1);
SCENARIO(future_itself, 1);
SCENARIO(future_start, 0.2);
