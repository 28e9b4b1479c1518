// SPDX-License-Identifier: MIT
/**
 * Groups: children that end before a block does.
 *
 * A group lies in the frame of its owner, the task that entered it. The exit
 * waits for every child. The first child that fails cancels its siblings and
 * the code between enter and exit (ordinary calls there fail with
 * -WEFT_ECANCELED); what weft_spawn() starts there belongs to the group as
 * well. A child that ends cancelled has not failed.
 *
 * After trio's nurseries and asyncio's TaskGroup.
 */
#ifndef WEFT_GROUP_H
#define WEFT_GROUP_H

#include <weft/base.h>

WEFT_BEGIN

/** A group; no field is yours. */
typedef struct weft_group {
    void *weft_private[36];
} weft_group;

/** Options of a group; zero means the default everywhere. */
typedef struct weft_group_options {
    size_t size;          /* sizeof(weft_group_options) */
    unsigned max_running; /* children at once; weft_group_spawn() waits for a
                             place; default: no limit */
    bool keep_going;      /* a failure cancels nobody */
} weft_group_options;

/**
 * Begin a group. Options that make no sense (a size of 0, or one larger than
 * this library knows) show as -EINVAL from every spawn and from the exit.
 *
 * Context:       coroutine; elsewhere spawns and exit say -WEFT_ENORUNTIME.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     the group is yours and must not move until its exit; `options`
 *                (NULL: defaults) are read, not kept.
 * Returns:       nothing.
 */
WEFT_API void weft_group_enter(weft_group *, const weft_group_options *options);

/**
 * Start `fn(arg)` as a child of the group.
 *
 * Also for other tasks of the same runtime to which the owner has given the
 * group, as long as they end before its exit does: children may spawn siblings.
 *
 * Context:       coroutine.
 * Suspends:      while max_running children run; in the order of the calls.
 * Cancellation:  ordinary; fails with -WEFT_ECANCELED too when the group is
 *                cancelled.
 * Ownership:     `arg` is the child's if 0 is returned, else still yours.
 * Returns:       0; -WEFT_ECANCELED; -ENOMEM; -EINVAL; -WEFT_ENORUNTIME outside
 *                a coroutine; -WEFT_EALREADY after the exit. `fn` has not run
 *                and will not if it is not 0.
 */
WEFT_API WEFT_MUST_CHECK int weft_group_spawn(weft_group *, weft_fn *fn,
                                              void *arg);

/**
 * weft_group_spawn() under a name, by default "function@file:line".
 *
 * Context:       coroutine.
 * Suspends:      as weft_group_spawn().
 * Cancellation:  as weft_group_spawn().
 * Ownership:     as weft_group_spawn(); `name` must outlive the task.
 * Returns:       as weft_group_spawn().
 */
WEFT_API WEFT_MUST_CHECK int
weft_group_spawn_named(weft_group *, const char *name, weft_fn *fn, void *arg);

#define weft_group_spawn(group, fn, arg)                                       \
    weft_group_spawn_named((group), WEFT_SITE(fn), (fn), (arg))

/**
 * Cancel the children and the body of a group, now.
 *
 * Context:       any thread that knows that the group's frame is still there.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     borrows.
 * Returns:       0 requested now; 1 it was cancelled before; -WEFT_EALREADY: it
 *                has ended.
 */
WEFT_API int weft_group_cancel(weft_group *);

/**
 * Run `fn(arg)` at the exit of the group, when all children have ended: last
 * come first. As weft_defer().
 *
 * Context:       the owner, before the exit.
 * Suspends:      never.
 * Cancellation:  none; also works in a cancelled group.
 * Ownership:     `arg` stays yours.
 * Returns:       0; -ENOMEM; -EINVAL from another task; -WEFT_ENORUNTIME: then
 *                `fn` will not run.
 */
WEFT_API WEFT_MUST_CHECK int weft_group_defer(weft_group *, weft_fn *fn,
                                              void *arg);

/**
 * Wait for all children and end the group. `body` is what the code inside came
 * to; less than 0 cancels the children.
 *
 * Context:       the owner.
 * Suspends:      until every child has ended, also those that children spawn.
 * Cancellation:  a join: handed down to the children.
 * Ownership:     the group is free to go. weft_last_error() has the first
 *                error, and by ->other the others in order (64 at most).
 * Returns:       the first failure, of a child or of the body, in time; else
 *                -WEFT_ECANCELED if the body or a child was cancelled with the
 *                group; else `body`.
 */
WEFT_API int weft_group_exit(weft_group *, int body);

WEFT_END

#endif
