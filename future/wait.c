// SPDX-License-Identifier: MIT
/*
 * Waiting for several: gather, race, wait, wait_for, as_completed.
 *
 * Gather and race drop the reference of each entry, whatever happens; wait and
 * as_completed borrow.
 */
#include "future/debug.h"
#include "future/set.h"

#include <limits.h>
#include <weft/scope.h>
#include <weft/wait.h>

/* What is common to gather and race */

enum aim { ALL_SUCCEED, ALL_END, ONE_SUCCEEDS };

struct joint {
    struct weft__set set;
    weft_future *self;
    weft_future **futures; /* entries that are not ours to drop become NULL */
    void **results;        /* may be NULL */
    size_t n;
    enum aim aim;
    const char *who;
    size_t winner; /* of a race */
    int failed;    /* the first failure, in time */
    int failures;
    bool decided; /* the others are cancelled */
    bool left;    /* a shared one was left alone */
};

/* Nobody but us holds a reference. */
static bool is_alone(weft_future *future)
{
    uint64_t state = weft__load_relaxed(&future->state);
    /* Pairs with the drop: what was done before it is seen, too. */
    return weft__load_acquire(&future->refs) <= (state & WEFT__OWNED ? 2u : 1u);
}

/* An only reference, marked as awaited by an earlier entry of ours: the same
 * entry again, which shares its result. Marked by somebody else: busy. */
static int again(struct joint *joint, size_t index)
{
    weft_future *future = joint->futures[index];
    size_t i = 0;
    while (i < index && joint->futures[i] != future)
        i++;
    if (i == index && weft__future_is_done(future))
        return 0; /* who awaited it has gone */
    joint->futures[index] = NULL;
    if (joint->results != NULL)
        joint->results[index] = (void *)(uintptr_t)i;
    return i < index ? 0 : weft__misuse(-WEFT_EBUSY, joint->who, WEFT__BUSY);
}

static int mark(struct joint *joint, size_t index)
{
    weft_future *future = joint->futures[index];
    if (weft__load_relaxed(&future->kind) == WEFT__STATIC)
        return 0;
    if (weft__task_is_above(future, joint->self)) {
        joint->futures[index] = NULL;
        return weft__misuse(-WEFT_EDEADLK, joint->who, WEFT__CIRCLE);
    }
    if (is_alone(future) &&
        weft__fetch_or(&future->state, WEFT__AWAITED) & WEFT__AWAITED)
        return again(joint, index);
    return 0;
}

/* Cancel what is ours alone; of the rest merely let go. */
static void cancel_others(struct joint *joint, enum weft_reason reason)
{
    joint->decided = true;
    for (size_t i = 0; i < joint->n; i++) {
        weft_future *future = joint->futures[i];
        if (joint->set.watches[i].set == NULL)
            continue;
        if (!weft__task_is_shared(future))
            weft__task_cancel(future, reason);
        else if (weft__set_remove(&joint->set, i))
            joint->left = true;
    }
}

static void take_note(struct joint *joint, size_t index)
{
    int code = weft_code(joint->futures[index]->result);
    bool won = code == 0 && joint->aim == ONE_SUCCEEDS;
    if (won && joint->winner == joint->n)
        joint->winner = index;
    if (code < 0 && joint->failed == 0)
        joint->failed = code;
    joint->failures += code < 0;
    if (!joint->decided && (won || (code < 0 && joint->aim == ALL_SUCCEED)))
        cancel_others(joint, WEFT_REASON_SIBLING);
}

/* Until all have ended, or were let go. -WEFT_ECANCELED: the caller was
 * cancelled, and a shared one was let go for that. */
static int wait_joint(struct joint *joint)
{
    uint32_t mask = WEFT__WAKE_NOTIFY | WEFT__WAKE_INTERRUPT;
    bool cut = false;
    for (;;) {
        int64_t index = weft__set_next(&joint->set, mask);
        if (index == -1)
            return cut && joint->left ? -WEFT_ECANCELED : 0;
        if (index >= 0) {
            take_note(joint, (size_t)index);
            continue;
        }
        mask = WEFT__WAKE_NOTIFY;
        cut = !joint->decided;
        cancel_others(joint, weft__scope_look(joint->self));
    }
}

static int wait_watched(struct joint *joint, int rc)
{
    for (size_t i = 0; i < joint->n; i++)
        if (joint->futures[i] != NULL)
            weft__set_add(&joint->set, i, 0);
    if (rc < 0)
        cancel_others(joint, WEFT_REASON_SIBLING);
    int waited = wait_joint(joint);
    weft__set_close(&joint->set);
    return rc < 0 ? rc : waited;
}

/* No memory for the watches: all are cancelled, then waited for in turn. */
static int wait_in_turn(struct joint *joint)
{
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < joint->n; i++) {
            weft_future *future = joint->futures[i];
            if (future == NULL || weft__task_is_shared(future))
                continue;
            if (pass == 0)
                weft__task_cancel(future, WEFT_REASON_SIBLING);
            else
                weft__task_wait(future);
        }
    }
    return -ENOMEM;
}

static void note_results(struct joint *joint)
{
    for (size_t i = 0; joint->results != NULL && i < joint->n; i++) {
        weft_future *future = joint->futures[i];
        size_t first = (uintptr_t)joint->results[i];
        if (future == NULL)
            joint->results[i] =
                first < i ? joint->results[first] : weft_fail(-WEFT_ECANCELED);
        else
            joint->results[i] = weft__future_is_done(future)
                                    ? future->result
                                    : weft_fail(-WEFT_ECANCELED);
    }
}

/* The failure that decided comes last: its error is to be the last one. The
 * caller's array has his handles again. */
static void drop_all(struct joint *joint)
{
    weft_future *last = NULL;
    for (size_t i = 0; i < joint->n; i++) {
        weft_future *future = joint->futures[i];
        if (future == NULL)
            continue;
        if (weft__debug_on())
            joint->futures[i] = weft__debug_give(future);
        if (!weft__future_is_done(future))
            weft__future_drop(future);
        else if (last == NULL && joint->failed < 0 &&
                 weft_code(future->result) == joint->failed)
            last = future;
        else
            weft__task_take(joint->self, future, NULL);
    }
    if (last != NULL)
        weft__task_take(joint->self, last, NULL);
}

/* 0: all have ended as they were to. */
static int join_all(struct joint *joint)
{
    int rc = 0;
    joint->winner = joint->n;
    joint->self = weft__task_current();
    for (size_t i = 0; weft__debug_on() && i < joint->n; i++)
        joint->futures[i] = weft__handle_own(joint->futures[i], joint->who);
    if (joint->self == NULL)
        return weft__misuse(-WEFT_ENORUNTIME, joint->who, WEFT__OUTSIDE);
    for (size_t i = 0; i < joint->n; i++) {
        int marked = mark(joint, i);
        rc = rc < 0 ? rc : marked;
    }
    if (weft__set_open(&joint->set, joint->futures, joint->n) == 0)
        rc = wait_watched(joint, rc);
    else
        rc = wait_in_turn(joint);
    note_results(joint);
    return rc;
}

int weft_gather(weft_future **futures, size_t n, void **results)
{
    struct joint joint = {.n = n, .aim = ALL_SUCCEED, .who = __func__};
    joint.futures = futures;
    joint.results = results;
    int rc = join_all(&joint);
    drop_all(&joint);
    return rc < 0 ? rc : joint.failed;
}

int weft_gather_collect(weft_future **futures, size_t n, void **results)
{
    struct joint joint = {.n = n, .aim = ALL_END, .who = __func__};
    joint.futures = futures;
    joint.results = results;
    int rc = join_all(&joint);
    drop_all(&joint);
    return rc < 0 ? rc : joint.failures;
}

int weft_race(weft_future **futures, size_t n, size_t *winner, void **result)
{
    struct joint joint = {.n = n, .aim = ONE_SUCCEEDS, .who = __func__};
    joint.futures = futures;
    int rc = n > 0 ? join_all(&joint) : -EINVAL;
    if (rc == 0 && joint.winner < n) {
        joint.failed = 0;
        if (winner != NULL)
            *winner = joint.winner;
        if (result != NULL)
            *result = futures[joint.winner]->result;
    }
    drop_all(&joint);
    return rc < 0 ? rc : joint.failed;
}

/* Wait, which borrows */

static bool is_enough(int mode, size_t done, size_t failed, size_t n)
{
    return done == n || (mode == WEFT_WAIT_FIRST && done > 0) ||
           (mode == WEFT_WAIT_FIRST_ERROR && failed > 0);
}

static size_t count_done(weft_future *const *futures, size_t n, size_t *failed)
{
    size_t done = 0;
    *failed = 0;
    for (size_t i = 0; i < n; i++) {
        if (!weft__future_is_done(futures[i]))
            continue;
        done++;
        *failed += weft_code(futures[i]->result) < 0;
    }
    return done;
}

/* Watch those that are pending until there is enough. */
static int wait_enough(weft_future *const *futures, size_t n, int mode)
{
    struct weft__set set;
    size_t failed;
    size_t done = count_done(futures, n, &failed);
    if (is_enough(mode, done, failed, n))
        return 0;
    int rc = weft__set_open(&set, futures, n);
    if (rc < 0)
        return rc;
    done = failed = 0;
    for (size_t i = 0; i < n; i++)
        weft__set_add(&set, i, 0);
    while (rc == 0 && !is_enough(mode, done, failed, n)) {
        int64_t index =
            weft__set_next(&set, WEFT__WAKE_NOTIFY | WEFT__WAKE_INTERRUPT);
        if (index < 0) {
            rc = (int)index;
            break;
        }
        done++;
        failed += weft_code(futures[index]->result) < 0;
    }
    weft__set_close(&set);
    return rc;
}

static bool is_among(weft_future *self, weft_future *const *futures, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (weft__task_is_above(futures[i], self))
            return true;
    return false;
}

static int wait_for_some(weft_future *const *futures, size_t n, int mode,
                         size_t *done)
{
    int rc = weft__task_check_for("weft_wait");
    if (rc < 0)
        return rc;
    if (mode < WEFT_WAIT_ALL || mode > WEFT_WAIT_FIRST_ERROR || n > INT_MAX)
        return -EINVAL;
    if (is_among(weft__task_current(), futures, n))
        return weft__misuse(-WEFT_EDEADLK, "weft_wait", WEFT__CIRCLE);
    rc = wait_enough(futures, n, mode);
    if (rc < 0)
        return rc;
    int count = 0;
    for (size_t i = 0; i < n; i++) {
        if (!weft__future_is_done(futures[i]))
            continue;
        if (done != NULL)
            done[count] = i;
        count++;
    }
    return count;
}

int weft_wait(weft_future *const *futures, size_t n, int mode, size_t *done)
{
    weft_future *const *opened;
    if (!weft__debug_open(futures, n, __func__, &opened))
        return -ENOMEM;
    int rc = wait_for_some(opened, n, mode, done);
    weft__debug_close(opened, futures);
    return rc;
}

int weft_wait_for(weft_future *future, weft_ns timeout, void **result)
{
    weft_scope scope;
    future = weft__handle_own(future, __func__);
    if (weft__future_is_done(future)) /* how, is its own affair */
        return weft_await(future, result);
    weft_timeout_enter(&scope, timeout);
    return weft_timeout_exit(&scope, weft_await(future, result));
}

/* As they complete */

struct completed {
    struct weft__set *set;
    weft_future *const *handles, *const *opened;
};

_Static_assert(sizeof(struct completed) <= sizeof(weft_as_completed), "fits");

static struct completed *inside(weft_as_completed *it)
{
    return (struct completed *)(void *)it;
}

int weft_as_completed_enter(weft_as_completed *it, weft_future *const *futures,
                            size_t n)
{
    weft_future *self = weft__task_current();
    if (self == NULL)
        return weft__misuse(-WEFT_ENORUNTIME, __func__, WEFT__OUTSIDE);
    weft_future *const *handles = futures;
    if (!weft__debug_open(handles, n, __func__, &futures))
        return -ENOMEM;
    if (is_among(self, futures, n)) {
        weft__debug_close(futures, handles);
        return weft__misuse(-WEFT_EDEADLK, __func__, WEFT__CIRCLE);
    }
    struct weft__set *set = weft__mem_alloc(1, sizeof(*set));
    if (set == NULL || weft__set_open(set, futures, n) < 0) {
        weft__debug_close(futures, handles);
        weft__mem_free(set);
        return -ENOMEM;
    }
    for (size_t i = 0; i < n; i++)
        weft__set_add(set, i, 0);
    *inside(it) = (struct completed){set, handles, futures};
    return 0;
}

static void require(weft_as_completed *it, const char *who)
{
    struct weft__set *set = inside(it)->set;
    if (weft__debug_on() && (set == NULL || set->self != weft__task_current()))
        weft__debug_misuse(who,
                           "the iteration has ended, or is another task's");
}

int weft_as_completed_next(weft_as_completed *it, size_t *index)
{
    int rc = weft__task_check();
    if (rc < 0)
        return rc;
    require(it, __func__);
    int64_t next = weft__set_next(inside(it)->set,
                                  WEFT__WAKE_NOTIFY | WEFT__WAKE_INTERRUPT);
    if (next < 0)
        return next == -1 ? 0 : (int)next;
    *index = (size_t)next;
    return 1;
}

void weft_as_completed_exit(weft_as_completed *it)
{
    struct completed *completed = inside(it);
    require(it, __func__);
    weft__set_close(completed->set);
    weft__mem_free(completed->set);
    completed->set = NULL;
    weft__debug_close(completed->opened, completed->handles);
}
