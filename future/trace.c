// SPDX-License-Identifier: MIT
/*
 * Backtraces of tasks. One that sleeps is claimed by its wake word, as by a
 * waker, read as it lies, and put to sleep again: it cannot run meanwhile, and
 * whatever wakes it in between is found by the second going to sleep.
 *
 * One that runs is asked by SIGURG to its thread, one at a time in the process.
 * Who asks and who answers share a word:
 *
 *   QUIET -> ASKED     by who asks, who alone holds the lock
 *   ASKED -> ANSWERS   by the handler; whatever else it needs is its own then
 *   ANSWERS -> QUIET   by the handler, with the frames there
 *   ASKED -> QUIET     by who asks, out of patience
 *
 * A handler that comes late finds QUIET, or another one's question, and leaves
 * it alone unless it can answer that.
 */
#define _GNU_SOURCE
#include "future/trace.h"

#include "future/debug.h"

#include "future/task.h"
#include "sched/unwind.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <weft/inspect.h>

#define PATIENCE_NS INT64_C(100000000)
#define MOST 64 /* frames of a running task */

/* Asleep */

uint32_t weft__trace_claim(weft_future *task)
{
    uint32_t seen = weft__load_relaxed(&task->coro.wake);
    do
        if (seen >> 8 == 0)
            return 0;
    /* Pairs with weft__coro_park(): the stack was left. */
    while (!weft__cas_weak(&task->coro.wake, &seen, seen & 0xff));
    return seen >> 8;
}

void weft__trace_release(weft_future *task, uint32_t claim)
{
    if (!weft__coro_park(&task->coro, claim))
        weft__queue_woken(&task->coro);
}

size_t weft__trace_claimed(weft_future *task, void **frames, size_t n)
{
    struct weft__registers registers;
    if (!weft__registers_left(task->coro.sp, &registers))
        return 0;
    return weft__unwind(&registers, task->coro.stack, frames, n);
}

/* Running */

enum { QUIET, ASKED, ANSWERS };

static struct {
    struct weft__lock lock;
    _Atomic(uint32_t) word;        /* futex */
    const struct weft__coro *whom; /* written while QUIET, as all below */
    size_t count;
    void *frames[MOST];
} question;

/* A hint: the worker writes it as it likes. */
__attribute__((no_sanitize_thread)) struct weft__coro *
weft__trace_runs(const struct weft__worker *worker)
{
    return *(struct weft__coro *const volatile *)&worker->current;
}

static bool lies_on(const struct weft__stack *stack, uintptr_t sp)
{
    return stack != NULL && sp >= (uintptr_t)stack->low &&
           sp < (uintptr_t)stack->top;
}

/* Between two coroutines the stack is not yet, or no longer, that of the
 * current one: then there is no answer. */
static void answer(const struct weft__coro *coro, const void *context)
{
    struct weft__registers registers;
    question.count = 0;
    if (weft__registers_interrupted(context, &registers) &&
        lies_on(coro->stack, registers.sp))
        question.count =
            weft__unwind(&registers, coro->stack, question.frames, MOST);
}

static void on_question(int number, siginfo_t *info, void *context)
{
    struct weft__worker *self = weft__worker_self();
    uint32_t asked = ASKED; /* pairs with ask() */
    (void)number;
    (void)info;
    if (self == NULL || !weft__cas(&question.word, &asked, ANSWERS))
        return;
    if (self->current != question.whom) {
        weft__store_release(&question.word, ASKED); /* the swaps above, below */
        return;
    }
    int saved = errno;
    answer(self->current, context);
    weft__store_release(&question.word, QUIET); /* pairs with wait_for_it() */
    weft__os->futex_wake(&question.word, 1);
    errno = saved;
}

/* True: it has answered. */
static bool wait_for_it(void)
{
    int64_t until = weft__os->now() + PATIENCE_NS;
    for (;;) {
        uint32_t seen = weft__load_acquire(&question.word); /* on_question() */
        if (seen == QUIET)
            return true;
        if (weft__os->futex_wait(&question.word, seen, until) != -ETIMEDOUT)
            continue;
        uint32_t asked = ASKED;
        if (weft__cas(&question.word, &asked, QUIET)) /* on_question() */
            return false;
        until = weft__os->now() + PATIENCE_NS; /* it is just answering */
    }
}

static bool ask(struct weft__worker *worker, const struct weft__coro *whom)
{
    int32_t tid = weft__load_acquire(&worker->tid); /* worker_main()'s */
    question.whom = whom;
    question.count = 0;
    weft__store_release(&question.word, ASKED); /* pairs with on_question() */
    if (tid > 0 && weft__os->thread_signal(tid, SIGURG) == 0)
        return wait_for_it();
    weft__store_release(&question.word, QUIET); /* on_question() */
    return false;
}

static bool is_nobodys(const struct sigaction *action)
{
    return !(action->sa_flags & SA_SIGINFO) &&
           (action->sa_handler == SIG_DFL || action->sa_handler == SIG_IGN);
}

size_t weft__trace_running(struct weft__worker *worker,
                           const struct weft__coro *coro, void **frames,
                           size_t n)
{
    struct sigaction action = {.sa_sigaction = on_question,
                               .sa_flags =
                                   SA_SIGINFO | SA_ONSTACK | SA_RESTART};
    struct sigaction before;
    size_t count = 0;
    sigfillset(&action.sa_mask);
    weft__lock(&question.lock);
    if (weft__os->sigaction(SIGURG, NULL, &before) == 0 &&
        is_nobodys(&before) && weft__unwind_open() &&
        weft__os->sigaction(SIGURG, &action, NULL) == 0) {
        if (ask(worker, coro)) {
            count = question.count < n ? question.count : n;
            memcpy(frames, question.frames, count * sizeof(*frames));
        }
        weft__os->sigaction(SIGURG, &before, NULL);
    }
    weft__unlock(&question.lock);
    return count;
}

/* Any */

size_t weft__trace_anywhere(weft_future *task, void **frames, size_t n)
{
    struct weft_runtime *rt = task->coro.rt;
    for (unsigned i = 0; i < weft__runtime_known(rt); i++)
        if (weft__trace_runs(&rt->worker[i]) == &task->coro)
            return weft__trace_running(&rt->worker[i], &task->coro, frames, n);
    return 0;
}

size_t weft_task_backtrace(weft_future *task, void **frames, size_t n)
{
    task = weft__handle(task);
    uint8_t kind = weft__load_relaxed(&task->kind);
    if ((kind != WEFT__TASK && kind != WEFT__CALLBACK) || n == 0 ||
        weft__future_is_done(task) || !weft__unwind_open())
        return 0;
    uint32_t claim = weft__trace_claim(task);
    if (claim == 0)
        return weft__trace_anywhere(task, frames, n);
    size_t count = weft__trace_claimed(task, frames, n);
    weft__trace_release(task, claim);
    return count;
}

/* In words */

static const char *without_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

void weft__trace_describe(const void *frame, char *text, size_t size)
{
    Dl_info info;
    uintptr_t at = (uintptr_t)frame;
    /* The call lies before the address at which its frame goes on. */
    if (dladdr((const void *)(at - 1), &info) == 0 || info.dli_fname == NULL) {
        snprintf(text, size, "%p", frame);
        return;
    }
    const char *module = without_folder(info.dli_fname);
    uintptr_t offset = at - (uintptr_t)info.dli_fbase;
    if (info.dli_sname == NULL)
        snprintf(text, size, "%s+0x%lx", module, (unsigned long)offset);
    else
        snprintf(text, size, "%s+0x%lx (%s+0x%lx)", module,
                 (unsigned long)offset, info.dli_sname,
                 (unsigned long)(at - (uintptr_t)info.dli_saddr));
}
