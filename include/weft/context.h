// SPDX-License-Identifier: MIT
/**
 * Context variables: values that follow a request through spawns, callbacks,
 * timers, pool jobs and submissions from foreign threads, without an argument.
 *
 * A context is an immutable snapshot of all variables. Each task starts with
 * the one its spawner had at that moment, each callback and job with that of
 * its registration. A set makes a new snapshot for this task alone; a plain
 * call shares its caller's; nothing flows up.
 *
 * After PEP 567; the values lie in a persistent radix tree.
 */
#ifndef WEFT_CONTEXT_H
#define WEFT_CONTEXT_H

#include <weft/base.h>

WEFT_BEGIN

/** A variable. */
typedef struct weft_var weft_var;

/**
 * Make a variable, usually once, at start-up.
 *
 * Context:       any thread.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     *out is yours. `name` must outlive it. `destroy` (may be NULL)
 *                is called once for each set, when the last context that has
 *                its value is gone; on any thread, it must not suspend or
 *                spawn. `initial` is not destroyed.
 * Returns:       0; -ENOMEM.
 */
WEFT_API WEFT_MUST_CHECK int weft_var_new(const char *name, void *initial,
                                          void (*destroy)(void *value),
                                          weft_var **out);

/**
 * Free a variable that nobody will get or set any more. Values in contexts that
 * are still alive are destroyed with those.
 *
 * Context:       any thread.
 * Suspends:      never.
 * Cancellation:  a release.
 * Ownership:     consumes it; NULL is ignored.
 * Returns:       nothing.
 */
WEFT_API void weft_var_free(weft_var *);

/**
 * The value of a variable here.
 *
 * Context:       any thread.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     borrowed: valid until this task (or thread) sets the variable,
 *                goes to another context or ends.
 * Returns:       the value that was set, else the initial one.
 */
WEFT_API void *weft_var_get(const weft_var *);

/**
 * Set a variable here, for this task and what it starts from now on. A foreign
 * thread has a context of its own.
 *
 * Context:       any thread.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     the context owns the value from here on, if it is to be
 *                destroyed; on failure it is still yours.
 * Returns:       0; -ENOMEM.
 */
WEFT_API WEFT_MUST_CHECK int weft_var_set(weft_var *, void *value);

/**
 * The present context, to go back to, or to hand to somebody else. To undo a
 * set: copy before, weft_context_restore() after.
 *
 * Context:       any thread.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     a reference of yours; weft_context_unref() it.
 * Returns:       never NULL.
 */
WEFT_API WEFT_MUST_CHECK weft_context *weft_context_copy(void);

/**
 * The context in which no variable is set: to keep what is private away from a
 * task (weft_spawn_options) or a call (weft_context_run).
 *
 * Context:       any thread.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     static; ref and unref do nothing to it.
 * Returns:       never NULL.
 */
WEFT_API weft_context *weft_context_empty(void);

/**
 * Take one more reference.
 *
 * Context:       any thread.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     the result is a reference of yours.
 * Returns:       its argument.
 */
WEFT_API weft_context *weft_context_ref(weft_context *);

/**
 * Drop a reference.
 *
 * Context:       any thread.
 * Suspends:      never.
 * Cancellation:  a release.
 * Ownership:     consumes it; NULL is ignored. With the last one go values that
 *                only this context has.
 * Returns:       nothing.
 */
WEFT_API void weft_context_unref(weft_context *);

/**
 * Make a context the present one, for the rest of this task or until the next
 * set or restore. To undo sets takes no memory, as long as nothing that was
 * started meanwhile still has what they made.
 *
 * Context:       any thread.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     borrows.
 * Returns:       0; -ENOMEM: nothing has changed.
 */
WEFT_API WEFT_MUST_CHECK int weft_context_restore(weft_context *);

/**
 * Call `fn(arg)` plainly within a context; the present one is back afterwards,
 * however the call ends. What it sets is gone with it.
 *
 * Context:       any thread; suspends where `fn` does.
 * Suspends:      if `fn` does.
 * Cancellation:  as `fn`.
 * Ownership:     borrows. *result (may be NULL) is what `fn` returned, NULL if
 *                it failed.
 * Returns:       the code of the result of `fn`; -ENOMEM: it was not called.
 */
WEFT_API int weft_context_run(weft_context *, weft_fn *fn, void *arg,
                              void **result);

WEFT_END

#endif
