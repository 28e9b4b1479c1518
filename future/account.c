// SPDX-License-Identifier: MIT
/* Accounts: see account.h. */
#include "future/account.h"

#include "future/context.h"
#include "future/group.h"
#include "future/task.h"

#include <weft/inspect.h>

struct weft__account *weft__account_of(weft_future *child)
{
    return child->group ? weft__group_children(child->group)
                        : &child->owner->children;
}

void weft__account_settle(weft_future *owner, weft_future *child)
{
    weft__account_unlink(weft__account_of(child), child);
    if (weft__unlikely(child->group != NULL))
        weft__group_settle(child->group, child);
    weft__context_released(owner, child);
    weft__future_drop(child);
}

void weft__account_settle_some(weft_future *owner,
                               struct weft__account *account)
{
    for (unsigned i = 0; i < 4 && account->first != NULL; i++) {
        weft_future *child = account->first;
        account->first = child->next;
        if (!weft__future_is_done(child))
            return;
        weft__account_settle(owner, child);
    }
}

bool weft__account_let_go(weft_future *owner, weft_future *child)
{
    uint64_t seen = weft__load_relaxed(&child->state);
    do {
        if (seen & WEFT__DONE) {
            (void)weft__future_is_done(child); /* acquire */
            weft__account_settle(owner, child);
            return true;
        }
        if (seen & (WEFT__ENDING | WEFT__LIMITED))
            return false;
        /* Pairs with weft__group_child_ends(). */
    } while (!weft__cas(&child->state, &seen, seen & ~(uint64_t)WEFT__OWNED));
    weft__account_unlink(weft__account_of(child), child);
    weft__context_detached(owner, child);
    weft__future_drop(child);
    return true;
}

void weft__account_leave_kept(weft_future *owner, struct weft__account *account)
{
    weft_future *child = account->first;
    if (child == NULL)
        return;
    for (bool last = false; !last;) {
        weft_future *next = child->next;
        last = next == account->first;
        if (weft__load_relaxed(&child->state) & WEFT__KEPT)
            weft__account_let_go(owner, child);
        child = next;
    }
}

void weft__account_cancel(struct weft__account *account,
                          enum weft_reason reason)
{
    weft_future *child = account->first;
    if (child == NULL)
        return;
    do {
        weft__task_cancel(child, reason);
        child = child->next;
    } while (child != account->first);
}

/* Waiting for one child; ends early when somebody has detached it. */

struct await {
    struct weft__waiter waiter;
    struct weft__coro *coro;
};

static void wake(struct weft__waiter *waiter)
{
    struct await *await = weft__container_of(waiter, struct await, waiter);
    weft__sched_wake(await->coro, WEFT__WAKE_NOTIFY);
}

static bool is_detached(weft_future *child)
{
    return weft__load_relaxed(&child->state) & WEFT__DETACHED;
}

/* Once: all of them, not only the one that is waited for. */
static void hand_down(weft_future *self, struct weft__account *account,
                      bool *told)
{
    if (*told || !weft__task_cancelled(self))
        return;
    weft__account_cancel(account, weft__scope_look(self));
    *told = true;
}

static void wait_for(weft_future *self, weft_future *child,
                     struct weft__account *account, bool *told)
{
    uint64_t waits = weft__waits_future(WEFT_WAITS_CHILDREN, child);
    uint32_t mask = WEFT__WAKE_NOTIFY | WEFT__WAKE_INTERRUPT;
    struct await await = {{NULL, wake}, &self->coro};
    if (weft__future_add_waiter(child, &await.waiter, 0) <= 0)
        return;
    for (;;) {
        hand_down(self, account, told);
        if (weft__task_suspend(self, mask, waits) & WEFT__WAKE_NOTIFY)
            return;
        if (!is_detached(child))
            continue;
        if (weft__future_remove_waiter(child, &await.waiter))
            return;
        mask = WEFT__WAKE_NOTIFY; /* it is done: the wake is coming */
    }
}

void weft__account_join(weft_future *self, struct weft__account *account)
{
    bool told = false;
    while (account->first != NULL) {
        weft_future *child = account->first;
        hand_down(self, account, &told);
        if (weft__future_is_done(child))
            weft__account_settle(self, child);
        else if (!is_detached(child) || !weft__account_let_go(self, child))
            wait_for(self, child, account, &told);
    }
}
