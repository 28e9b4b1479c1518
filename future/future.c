// SPDX-License-Identifier: MIT
/* Futures: the state word, waiters, references, and those made by hand. */
#include "future/future.h"

#include "future/context.h"
#include "future/debug.h"
#include "future/error.h"
#include "sched/crew.h"

#include <errno.h>

/* The word */

static struct weft__waiter *waiters_of(uint64_t state)
{
    return (struct weft__waiter *)(uintptr_t)(state >> WEFT__WAITERS);
}

static uint64_t with_waiters(uint64_t state, struct weft__waiter *first)
{
    uint64_t address = (uint64_t)(uintptr_t)first;
    WEFT__ASSERT(address >> 48 == 0);
    return (state & WEFT__FLAGS) | address << WEFT__WAITERS;
}

/* Take LOCK; false if it is DONE. Pairs with unlock() and finish. */
static bool lock(weft_future *future)
{
    uint64_t seen = weft__load_relaxed(&future->state);
    for (unsigned spins = 0;; spins++) {
        if (seen & WEFT__DONE)
            return false;
        if (seen & WEFT__LOCK) {
            weft__pause();
            seen = weft__load_relaxed(&future->state);
        } else if (weft__cas_weak(&future->state, &seen, seen | WEFT__LOCK)) {
            return true;
        }
    }
}

/* Release LOCK with this list of waiters, clearing `mark`; other flags may have
 * come meanwhile. */
static void unlock(weft_future *future, struct weft__waiter *first,
                   uint64_t mark)
{
    uint64_t seen = weft__load_relaxed(&future->state);
    /* Pairs with lock() and with the swaps that add a waiter. */
    while (!weft__cas_weak(&future->state, &seen,
                           with_waiters(seen, first) & ~(WEFT__LOCK | mark)))
        ;
}

/* Freeing */

static void free_callback(struct weft__waiter *waiter);
static void fire_callback(struct weft__waiter *waiter);

WEFT__INLINE void free_descriptor(weft_future *future)
{
    struct weft__worker *self = weft__worker_self();
    weft__store_relaxed(&future->kind, WEFT__FREE);
    if (weft__debug_on())
        future->generation++;
    if (self != NULL && self->rt->pool == weft__pool_of(&future->coro))
        weft__pool_free(self->rt->pool, self->loop->index, &self->tasks,
                        &future->coro);
    else
        weft__pool_give(&future->coro);
}

/* Only callbacks can still be registered with a future nobody holds. */
static void free_made(weft_future *future)
{
    struct weft__waiter *waiter =
        waiters_of(weft__load_relaxed(&future->state));
    while (waiter != NULL) {
        struct weft__waiter *next = waiter->next;
        free_callback(waiter);
        waiter = next;
    }
    if (!weft__debug_unmade(future))
        weft__mem_free(future);
}

static void put_to_rest(weft_future *future)
{
    weft__error_unref(future->error);
    future->waiter = (struct weft__waiter){NULL, NULL};
    future->deadline = 0;
    future->scope = NULL;
    future->own = NULL;
    future->error = NULL;
    future->defers = NULL;
}

/* With it go its context, and its failure if nobody has looked at that. */
static void free_future(weft_future *future)
{
    uint8_t kind = weft__load_relaxed(&future->kind);
    int code = weft_code(future->result);
    if (weft__unlikely(code < 0) && code != -WEFT_ECANCELED &&
        weft__future_is_done(future))
        weft__error_unretrieved(future);
    weft__context_freed(future);
    if (weft__unlikely(future->touched))
        put_to_rest(future);
    if (weft__likely(kind == WEFT__TASK || kind == WEFT__CALLBACK))
        free_descriptor(future);
    else if (kind == WEFT__JOB)
        future->producer->free(future);
    else
        free_made(future);
}

/* Completing */

/* In the order in which they came. */
static void fire(struct weft__waiter *newest)
{
    struct weft__waiter *oldest = NULL;
    while (newest != NULL) {
        struct weft__waiter *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest != NULL) {
        struct weft__waiter *next = oldest->next;
        oldest->fire(oldest);
        oldest = next;
    }
}

/* Set DONE and take the waiters. `mine`: we hold LOCK. Returns the state that
 * was. */
static uint64_t publish(weft_future *future, bool mine)
{
    uint64_t seen = weft__load_relaxed(&future->state);
    for (;;) {
        if (weft__unlikely((seen & WEFT__LOCK) && !mine)) {
            weft__pause();
            seen = weft__load_relaxed(&future->state);
            continue;
        }
        uint64_t next =
            (seen & WEFT__FLAGS & ~(uint64_t)WEFT__LOCK) | WEFT__DONE;
        /* Publishes the result: pairs with weft__future_is_done(). */
        if (weft__cas_weak(&future->state, &seen, next))
            return seen;
    }
}

void weft__future_finish(weft_future *future, void *result)
{
    future->result = result;
    uint64_t was = publish(future, false);
    if (weft__unlikely(waiters_of(was) != NULL))
        fire(waiters_of(was));
    if (was & WEFT__GONE)
        free_future(future);
}

int weft__future_set(weft_future *future, void *result)
{
    if (!lock(future))
        return -WEFT_EALREADY;
    future->result = result;
    if (weft__unlikely(weft_code(result) < 0))
        weft__error_attach(future, weft_code(result));
    fire(waiters_of(publish(future, true)));
    return 0;
}

bool weft__future_start(weft_future *future)
{
    uint64_t seen = weft__load_relaxed(&future->state);
    do
        if (seen & WEFT__CANCEL)
            return false;
    /* One of us and weft_cancel() came first, as both are in one word; neither
     * reads what the other has written elsewhere. */
    while (!weft__cas_relaxed(&future->state, &seen, seen | WEFT__STARTED));
    return true;
}

/* Waiting */

int weft__future_add_waiter(weft_future *future, struct weft__waiter *waiter,
                            uint32_t mark)
{
    uint64_t seen = weft__load_relaxed(&future->state);
    for (;;) {
        if (seen & WEFT__DONE) {
            (void)weft__future_is_done(future); /* acquire the result */
            return 0;
        }
        if (weft__unlikely(seen & mark) &&
            weft__load_acquire(&future->refs) <= /* pairs with the drop */
                (seen & WEFT__OWNED ? 2u : 1u)) {
            uint64_t now = weft__load_relaxed(&future->state);
            if (now == seen)
                return -WEFT_EBUSY;
            seen = now; /* it has completed, or was left, before the drop */
            continue;
        }
        if (seen & WEFT__LOCK) {
            weft__pause();
            seen = weft__load_relaxed(&future->state);
            continue;
        }
        waiter->next = waiters_of(seen);
        /* Publishes the waiter: pairs with publish(). */
        if (weft__cas(&future->state, &seen, with_waiters(seen, waiter) | mark))
            return 1;
    }
}

bool weft__future_remove_waiter(weft_future *future,
                                struct weft__waiter *waiter)
{
    if (!lock(future))
        return false;
    struct weft__waiter *first = waiters_of(weft__load_relaxed(&future->state));
    struct weft__waiter **link = &first;
    while (*link != NULL && *link != waiter)
        link = &(*link)->next;
    bool found = *link != NULL;
    if (found)
        *link = waiter->next;
    /* One of several awaits may be left: AWAITED would be a guess. */
    unlock(future, first, WEFT__AWAITED);
    return found;
}

/* References */

void weft__future_drop(weft_future *future)
{
    uint8_t kind = weft__load_relaxed(&future->kind);
    if (weft__unlikely(kind == WEFT__STATIC))
        return;
    /* A task that runs may take a reference of itself from nothing; else a
     * sole holder is alone with the count. Pairs with the decrement of the
     * others: what they did is visible to who frees. */
    bool still = kind == WEFT__MADE || weft__future_is_done(future);
    if (weft__likely(still) && weft__load_acquire(&future->refs) == 1)
        weft__store_relaxed(&future->refs, 0);
    else if (weft__fetch_sub(&future->refs, 1) != 1)
        return;
    if (still) {
        free_future(future);
        return;
    }
    /* Pairs with publish(): the later of the two frees. */
    if (weft__fetch_or(&future->state, WEFT__GONE) & WEFT__DONE)
        free_future(future);
}

void weft__future_drop_two(weft_future *future)
{
    /* Pairs as above. */
    if (weft__unlikely(weft__load_acquire(&future->refs) != 2) &&
        weft__fetch_sub(&future->refs, 2) != 2)
        return;
    free_future(future);
}

weft_future *weft_future_ref(weft_future *future)
{
    weft_future *handle = future;
    future = weft__handle(future);
    if (weft__load_relaxed(&future->kind) == WEFT__STATIC)
        return handle;
    /* Goes up only: it has no part in freeing. What who dropped the last one
     * did goes on to the next drop, in whose release sequence this stands. */
    if (weft__fetch_add_relaxed(&future->refs, 1) != 0)
        return handle;
    /* From nothing: a running task that nobody held takes one of itself. Who
     * dropped the last one is about to say so, or has. */
    while (!(weft__load_relaxed(&future->state) & WEFT__GONE))
        weft__pause();
    weft__fetch_and(&future->state, ~(uint64_t)WEFT__GONE); /* as the drop */
    return handle;
}

void weft_future_unref(weft_future *future)
{
    if (future == NULL)
        return;
    future = weft__handle_own(future, __func__);
    if (weft__debug_on())
        weft__debug_dropped(future);
    weft__future_drop(future);
}

int weft__future_take(weft_future *future, void **result)
{
    void *value = future->result;
    int code = weft_code(value);
    if (result != NULL)
        *result = code < 0 ? NULL : value;
    weft__error_retrieved(future, code);
    weft__future_drop(future);
    return code;
}

#define FAILED(number)                                                         \
    {                                                                          \
        .state = WEFT__DONE, .refs = 1, .kind = WEFT__STATIC,                  \
        .result = (void *)(intptr_t) - (number)                                \
    }

weft_future *weft__future_failed(int code)
{
    static weft_future failed[] = {
        FAILED(ENOMEM),         FAILED(EINVAL),     FAILED(EAGAIN),
        FAILED(WEFT_ESHUTDOWN), FAILED(WEFT_EBUSY), FAILED(WEFT_ENORUNTIME),
        FAILED(WEFT_ECANCELED),
    };
    for (size_t i = 0; i < weft__count_of(failed); i++)
        if (weft_code(failed[i].result) == code)
            return &failed[i];
    return &failed[0];
}

/* By hand */

weft_future *weft_future_new_named(const char *name)
{
    struct weft__worker *self = weft__worker_self();
    weft_future *future = weft__mem_alloc(1, sizeof(*future));
    if (future == NULL)
        return weft__future_failed(-ENOMEM);
    weft__future_init(future, WEFT__MADE, NULL, NULL);
    future->coro.rt = self ? self->rt : NULL;
    weft__store_relaxed(&future->name, name);
    weft__debug_made(future, future->coro.rt);
    return weft__debug_give(future);
}

weft_future *(weft_future_new)(void)
{
    return weft_future_new_named("weft_future_new");
}

static int set_made(weft_future *future, void *result, const char *who)
{
    uint8_t kind = weft__load_relaxed(&future->kind);
    if (kind == WEFT__STATIC)
        return -WEFT_EALREADY;
    return kind == WEFT__MADE
               ? weft__future_set(future, result)
               : weft__misuse(-EINVAL, who,
                              "a task, callback or job completes itself");
}

int weft_future_set_result(weft_future *future, void *value)
{
    future = weft__handle(future);
    return set_made(future, value, __func__);
}

int weft_future_set_error(weft_future *future, int code)
{
    future = weft__handle(future);
    if (code >= 0 || code < -4095)
        return -EINVAL;
    return set_made(future, weft_fail(code), __func__);
}

enum weft_future_state weft_future_state(const weft_future *future)
{
    future = weft__handle(future);
    if (!weft__future_is_done(future))
        return WEFT_FUTURE_PENDING;
    int code = weft_code(future->result);
    if (code == 0)
        return WEFT_FUTURE_DONE;
    return code == -WEFT_ECANCELED ? WEFT_FUTURE_CANCELLED : WEFT_FUTURE_FAILED;
}

int weft_future_result(const weft_future *future, void **result)
{
    future = weft__handle(future);
    if (!weft__future_is_done(future))
        return -WEFT_EBUSY;
    int code = weft_code(future->result);
    if (result != NULL)
        *result = code < 0 ? NULL : future->result;
    weft__error_retrieved((weft_future *)(uintptr_t)future, code);
    return code;
}

/* Done-callbacks. The descriptor is taken when it is registered, so completing
 * needs no memory; it holds the memory of its runtime, not the runtime open. */

#include "future/callback.h"

static void free_unfired(weft_future *callback)
{
    weft__context_freed(callback);
    put_to_rest(callback);
    free_descriptor(callback);
}

static void free_callback(struct weft__waiter *waiter)
{
    weft_future *callback = weft__container_of(waiter, weft_future, waiter);
    struct weft_runtime *rt = callback->coro.rt;
    free_unfired(callback);
    weft__runtime_drop(rt);
}

static void fire_callback(struct weft__waiter *waiter)
{
    weft_future *callback = weft__container_of(waiter, weft_future, waiter);
    struct weft_runtime *rt = callback->coro.rt;
    callback->waiter = (struct weft__waiter){NULL, NULL};
    if (weft__callback_submit(callback) < 0)
        free_unfired(callback);
    weft__runtime_drop(rt);
}

int weft_future_add_done_callback(weft_future *future, weft_fn *fn, void *arg)
{
    future = weft__handle(future);
    struct weft__worker *self = weft__worker_self();
    if (self == NULL)
        return weft__misuse(-WEFT_ENORUNTIME, __func__, WEFT__OUTSIDE);
    weft_future *callback = weft__callback_new(self, fn, arg);
    if (callback == NULL)
        return -ENOMEM;
    weft__store_relaxed(&callback->refs, 0);
    weft__store_relaxed(&callback->state, WEFT__GONE);
    weft__store_relaxed(&callback->name, "done callback");
    callback->touched = true;
    callback->waiter.fire = fire_callback;
    weft__fetch_add_relaxed(&self->rt->refs, 1); /* ours keeps it above 0 */
    if (weft__future_add_waiter(future, &callback->waiter, 0) == 0)
        fire_callback(&callback->waiter);
    return 0;
}

static bool is_callback(struct weft__waiter *waiter, weft_fn *fn, void *arg)
{
    if (waiter->fire != fire_callback)
        return false;
    weft_future *callback = weft__container_of(waiter, weft_future, waiter);
    return callback->fn == fn && callback->arg == arg;
}

int weft_future_remove_done_callback(weft_future *future, weft_fn *fn,
                                     void *arg)
{
    future = weft__handle(future);
    if (!lock(future))
        return 0;
    struct weft__waiter *first = waiters_of(weft__load_relaxed(&future->state));
    struct weft__waiter **link = &first;
    while (*link != NULL && !is_callback(*link, fn, arg))
        link = &(*link)->next;
    struct weft__waiter *found = *link;
    if (found != NULL)
        *link = found->next;
    unlock(future, first, 0);
    if (found == NULL)
        return 0;
    free_callback(found);
    return 1;
}
