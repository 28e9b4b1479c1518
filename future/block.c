// SPDX-License-Identifier: MIT
/* Foreign threads that wait: see block.h. */
#include "future/block.h"

#include "future/debug.h"
#include "future/local.h"

#include <errno.h>
#include <weft/time.h>

void weft__block_fire(struct weft__block *block)
{
    _Atomic(uint32_t) *word = &block->word;
    /* The last touch of the block: the thread may be gone before the wake,
     * which then finds nobody. Pairs with the loads in wait. */
    if (weft__fetch_or(word, WEFT__BLOCK_FIRED) & WEFT__BLOCK_ASLEEP)
        weft__os->futex_wake(word, 1);
}

static void fire(struct weft__waiter *waiter)
{
    weft__block_fire(weft__container_of(waiter, struct weft__block, waiter));
}

int weft__block_open(struct weft__block *block, weft_future *future)
{
    block->waiter.fire = fire;
    return weft__future_add_waiter(future, &block->waiter, WEFT__AWAITED);
}

static bool fired(struct weft__block *block)
{
    /* Pairs with weft__block_fire(). */
    return weft__load_acquire(&block->word) & WEFT__BLOCK_FIRED;
}

static bool has_fired(void *block)
{
    return fired(block);
}

/* Not for a worker that first has to wake up. */
static bool wait_awake(struct weft__block *block)
{
    static _Thread_local struct weft__patience patience
        __attribute__((tls_model("initial-exec")));
    bool asleep = weft__queue_woke;
    weft__queue_woke = false;
    return !asleep && weft__patience_has(&patience) &&
           weft__patience_wait(&patience, has_fired, block);
}

bool weft__block_wait(struct weft__block *block, uint32_t signals,
                      int64_t until)
{
    if (fired(block) || wait_awake(block))
        return true;
    for (;;) {
        uint32_t seen = weft__fetch_or(&block->word, WEFT__BLOCK_ASLEEP);
        if (seen & WEFT__BLOCK_FIRED)
            return true; /* pairs with weft__block_fire() */
        if (seen / WEFT__BLOCK_SIGNAL != signals)
            return false;
        long rc = weft__os->futex_wait(&block->word, seen | WEFT__BLOCK_ASLEEP,
                                       until);
        if (rc == -ETIMEDOUT)
            return fired(block);
    }
}

/* Off the list, unless it is about to fire. */
bool weft__block_close(struct weft__block *block, weft_future *future)
{
    if (!fired(block) && weft__future_remove_waiter(future, &block->waiter))
        return false;
    while (!fired(block))
        weft__block_wait(block,
                         weft__load_relaxed(&block->word) / WEFT__BLOCK_SIGNAL,
                         INT64_MAX);
    return true;
}

static int await_plainly(weft_future *future, weft_ns timeout)
{
    struct weft__block block = {0};
    if (weft__future_is_done(future))
        return 0;
    if (timeout <= 0)
        return -WEFT_ETIMEOUT;
    int64_t until = weft_after(timeout);
    int rc = weft__block_open(&block, future);
    if (rc <= 0)
        return rc;
    if (weft__block_wait(&block, 0, until) || weft__block_close(&block, future))
        return 0;
    return -WEFT_ETIMEOUT;
}

/* Jobs may wait for jobs, on fewer threads than there are jobs: who waits for
 * one that is queued runs it; for what is done elsewhere, its pool gets one more
 * thread meanwhile; for one that runs there, if all others wait, too. */
static int await_in_job(weft_future *job, weft_future *future, weft_ns timeout)
{
    const struct weft__producer *pool = job->producer;
    enum weft__help help = WEFT__STRANGE;
    if (timeout == WEFT_FOREVER &&
        weft__load_relaxed(&future->kind) == WEFT__JOB)
        help = pool->help(job, future);
    if (help == WEFT__HELPED)
        return 0;
    pool->block(job, help, true);
    int rc = await_plainly(future, timeout);
    pool->block(job, help, false);
    return rc;
}

int weft__block_await(weft_future *future, weft_ns timeout)
{
    weft_future *job = weft__local_peek()->job;
    return job != NULL && timeout > 0 && !weft__future_is_done(future)
               ? await_in_job(job, future, timeout)
               : await_plainly(future, timeout);
}

int weft_wait_blocking(weft_future *future, weft_ns timeout, void **result)
{
    future = weft__handle_own(future, __func__);
    if (result != NULL)
        *result = NULL;
    if (weft__worker_self() != NULL)
        return weft__misuse(-WEFT_EDEADLK, __func__,
                            "this would block a worker: weft_await() it");
    int rc = weft__block_await(future, timeout);
    if (rc == -WEFT_EBUSY)
        return weft__misuse(rc, __func__, WEFT__BUSY);
    return rc < 0 ? rc : weft__future_take(future, result);
}
