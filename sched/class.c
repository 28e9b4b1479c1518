// SPDX-License-Identifier: MIT
/* Who belongs in the background: see class.h. */
#include "sched/class.h"

#include "sched/runtime.h"

#include <weft/task.h>

#define LONG_NS 500000   /* a step in the background that is not a good one */
#define SHARE_NS 1000000 /* until its next call gives way */

static void set_score(struct weft__coro *coro, unsigned score)
{
    coro->score = score & 7;
    if (score > 0)
        coro->flags |= WEFT__CORO_SCORED;
    else
        coro->flags &= (uint8_t)~WEFT__CORO_SCORED;
}

void weft__class_set(struct weft__coro *coro, unsigned wanted)
{
    coro->light = wanted == WEFT_CLASS_LIGHT;
    if (coro->light)
        set_score(coro, 0);
    if (wanted != WEFT_CLASS_BACKGROUND || !coro->rt->background.open)
        return;
    coro->score = WEFT__SCORE_FORCED;
    coro->home = WEFT__IN_BACKGROUND;
}

void weft__class_inherit(struct weft__coro *coro)
{
    coro->score = WEFT__SCORE_MARKED;
    coro->home = WEFT__IN_BACKGROUND;
}

bool weft__class_suspects(const struct weft__coro *coro)
{
    return weft__load_relaxed(&coro->rt->monitor.crowd) && coro->score > 0;
}

void weft__class_begin(struct weft__worker *worker)
{
    if (weft__os->thread_usage(&worker->usage) < 0)
        worker->usage = (struct weft__usage){0};
    worker->usage.at = weft__os->now();
}

bool weft__class_spent(struct weft__worker *worker)
{
    return weft__os->now() - worker->usage.at >= SHARE_NS;
}

/* Of a step in the background. */
static enum weft__verdict weigh(struct weft__worker *worker)
{
    struct weft__usage begun = worker->usage;
    struct weft__usage ended;
    if (weft__os->now() - begun.at < LONG_NS ||
        weft__os->thread_usage(&ended) < 0)
        return WEFT__NO_VERDICT;
    if (ended.cpu - begun.cpu >= LONG_NS)
        return WEFT__COMPUTES;
    return ended.switches > begun.switches ? WEFT__BLOCKS : WEFT__NO_VERDICT;
}

/* Of the step that ends just now. */
static enum weft__verdict verdict(struct weft__worker *worker)
{
    if (weft__load_relaxed(&worker->role) == WEFT__BACKGROUND)
        return weigh(worker);
    uint64_t step = weft__load_relaxed(&worker->counters.steps) + 1;
    struct weft__usage ended;
    if (weft__load_relaxed(&worker->overran) != step)
        return WEFT__NO_VERDICT;
    enum weft__verdict it = weft__load_relaxed(&worker->verdict);
    int64_t took = LONG_NS;
    if (it == WEFT__BLOCKS)
        took = weft__os->now() - weft__load_relaxed(&worker->first_at);
    else if (it == WEFT__COMPUTES && weft__os->thread_usage(&ended) == 0)
        took = ended.cpu - weft__load_relaxed(&worker->first_cpu);
    return took < LONG_NS ? WEFT__NO_VERDICT : it; /* it was nearly done */
}

static unsigned rise(unsigned score)
{
    return score == 0                   ? WEFT__SCORE_OVERRAN
           : score < WEFT__SCORE_MARKED ? WEFT__SCORE_MARKED
                                        : WEFT__SCORE_MOST;
}

/* Faster from high up. */
static unsigned fall(unsigned score)
{
    return score > WEFT__SCORE_NEW ? score - 2 : score > 0 ? score - 1 : 0;
}

static void mark(struct weft__worker *worker, struct weft__coro *coro)
{
    bool marked = coro->home == WEFT__IN_BACKGROUND;
    if (!marked && coro->score >= WEFT__SCORE_MARKED) {
        coro->home = WEFT__IN_BACKGROUND;
        weft__count(worker, demotions);
    } else if (marked && coro->score <= WEFT__SCORE_CLEARED) {
        coro->home = NULL;
        weft__count(worker, promotions);
    }
}

void weft__class_judge(struct weft__worker *worker, struct weft__coro *coro,
                       bool part)
{
    enum weft__verdict it = verdict(worker);
    bool overran = it == WEFT__COMPUTES || it == WEFT__BLOCKS;
    if (coro->light || coro->runner || (coro->pins > 0 && overran))
        return;
    if (overran)
        coro->blocks = it == WEFT__BLOCKS;
    if (coro->score == WEFT__SCORE_FORCED || (part && !overran))
        return;
    set_score(coro, overran ? rise(coro->score) : fall(coro->score));
    if (coro->pins == 0)
        mark(worker, coro);
}
