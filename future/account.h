// SPDX-License-Identifier: MIT
/*
 * Accounts: who owns whom. The innermost group of the spawner, else the
 * spawning task, owns a task and is not done before it. Only the owner touches
 * its account; a child that ends writes its own state word and nothing else,
 * and the owner finds out when it looks.
 *
 * An account holds one reference to each child (OWNED says so to others, until
 * the child is done or let go). With each new entry some old ones are looked at,
 * so a task that spawns for a year holds not many more than those that run.
 *
 * `owner` of a child is never cleared, and may later be the descriptor of
 * another task; so "mine" means: owner is me, and ->prev says that it is
 * linked. The owner unlinks all before it ends.
 */
#ifndef WEFT_FUTURE_ACCOUNT_H
#define WEFT_FUTURE_ACCOUNT_H

#include "future/future.h"

#include <weft/scope.h>

/** The owner takes a child that is done out of its account: what becomes of
 * its failure, and of the reference. account.c. */
void weft__account_settle(weft_future *owner, weft_future *child);

static inline bool weft__account_has(weft_future *owner, weft_future *child)
{
    return child->owner == owner && child->prev != NULL;
}

static inline void weft__account_unlink(struct weft__account *account,
                                        weft_future *child)
{
    weft_future *next = child->next;
    next->prev = child->prev;
    child->prev->next = next;
    if (account->first == child)
        account->first = next == child ? NULL : next;
    child->prev = NULL;
}

static inline void weft__account_link(struct weft__account *account,
                                      weft_future *child)
{
    weft_future *first = account->first;
    if (first == NULL) {
        child->next = child->prev = child;
        account->first = child;
        return;
    }
    child->next = first;
    child->prev = first->prev;
    first->prev->next = child;
    first->prev = child;
}

/** Settle the first entry, which is done, and the next ones, as long as they
 * are: a few. */
void weft__account_settle_some(weft_future *owner, struct weft__account *);

/** Look at the next entry: of those that have ended there are never many more
 * than of those that run. */
static inline void weft__account_sweep(weft_future *owner,
                                       struct weft__account *account)
{
    weft_future *child = account->first;
    if (child == NULL)
        return;
    if (weft__unlikely(weft__future_is_done(child)))
        weft__account_settle_some(owner, account);
    else
        account->first = child->next;
}

/** The account a child is linked in. */
struct weft__account *weft__account_of(weft_future *child);

/** The owner lets go of a child: the runtime owns it from now on. False: it is
 * just telling its group that it ends, so it stays. */
bool weft__account_let_go(weft_future *owner, weft_future *child);

/** Let go of those with .keep: the main task ends. */
void weft__account_leave_kept(weft_future *owner, struct weft__account *);

/** Cancel all that have not ended. */
void weft__account_cancel(struct weft__account *, enum weft_reason);

/** Wait until all have ended, and settle them. A join. */
void weft__account_join(weft_future *owner, struct weft__account *);

#endif
