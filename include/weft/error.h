// SPDX-License-Identifier: MIT
/**
 * Errors with words: where a code came from, and what lay behind it.
 *
 * Each task (and each other thread) has a slot for its last error.
 * weft_failf() fills it, awaiting something that failed hands its error up, a
 * new failure keeps the old one as its cause. Success allocates nothing and
 * leaves the slot alone, as errno is left alone; so does a cancellation without
 * words, for to cancel and await the rest is how one cleans up after a failure.
 * Awaiting a failure of which only the code is known empties the slot: no older
 * error is to be taken for it.
 *
 * A task that fails adds itself to the chain of causes as the failure passes
 * through it. 32 are kept; then those who only passed it on go, the deepest
 * first, and what happened at the bottom stays.
 */
#ifndef WEFT_ERROR_H
#define WEFT_ERROR_H

#include <weft/base.h>

WEFT_BEGIN

/** One failure. Immutable. */
typedef struct weft_error {
    int code;
    const char *message;            /* never NULL; "" if there is none */
    const char *place;              /* "file:line" of weft_failf(), or NULL */
    const char *task;               /* its name, or a job's; else NULL */
    uint64_t task_id;               /* weft_task_id(); 0 outside a task */
    const struct weft_error *cause; /* what had failed before, or NULL */
    const struct weft_error *other; /* the next failed one of a group, or NULL
                                     */
} weft_error;

/**
 * Fail with a message: fill the slot and make the result.
 *
 * Context:       any thread.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     the text is copied; 500 bytes of it are kept.
 * Returns:       weft_fail(code), also without memory for the message.
 */
WEFT_API void *weft_failf(int code, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/**
 * weft_failf() with a place, "file:line".
 *
 * Context:       any thread.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     as weft_failf(); `place` must be static.
 * Returns:       as weft_failf().
 */
WEFT_API void *weft_failf_at(const char *place, int code, const char *format,
                             ...) __attribute__((format(printf, 3, 4)));

#define weft_failf(code, ...)                                                  \
    weft_failf_at(__FILE__ ":" WEFT_STRING(__LINE__), (code), __VA_ARGS__)

/**
 * The last error of this task, or of this thread outside one.
 *
 * Context:       any thread.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     borrowed; valid until something else fails here or the task
 *                ends. Copy it with weft_error_format().
 * Returns:       NULL: none yet, or of the last failure only the code is known
 *                (that is all there is without memory).
 */
WEFT_API const weft_error *weft_last_error(void);

/**
 * An error in words, with its causes and the other failures of its group:
 * "message (text of the code) in task name #id at place; because: …".
 *
 * Context:       any thread.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     borrows; `error` may be NULL.
 * Returns:       the length of the whole text, as snprintf(); `buffer` has as
 *                much of it as fits in `size` bytes, ended by a zero.
 */
WEFT_API size_t weft_error_format(const weft_error *error, char *buffer,
                                  size_t size);

/** What a report is about. */
enum weft_report_kind {
    WEFT_REPORT_UNRETRIEVED,   /* a failure that nobody looked at */
    WEFT_REPORT_CLEANUP,       /* a deferred call failed */
    WEFT_REPORT_STUCK,         /* has not ended in the grace period */
    WEFT_REPORT_DEADLOCK,      /* nothing can run any more */
    WEFT_REPORT_LEAK,          /* WEFT_DEBUG: held or open at the end */
    WEFT_REPORT_NEVER_AWAITED, /* WEFT_DEBUG: a handle dropped unused */
    WEFT_REPORT_MAIN,          /* weft_main(): main failed */
    WEFT_REPORT_OTHER,
    WEFT_REPORT_SLOW, /* one step took longer than weft_options.slow_report */
};

/** What weft has to say that no caller could be told. */
typedef struct weft_report {
    size_t size; /* sizeof(weft_report) of the library */
    enum weft_report_kind kind;
    int code;                /* 0 if there is none */
    const char *text;        /* one line; with what follows in words */
    const char *task;        /* its name or place of birth, or NULL */
    uint64_t task_id;        /* or 0 */
    const weft_error *error; /* or NULL */
} weft_report;

WEFT_END

#endif
