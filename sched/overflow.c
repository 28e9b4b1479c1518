// SPDX-License-Identifier: MIT
/* Stack overflow: see overflow.h. A process has one handler for SIGSEGV, so
 * its state is the process's, not a runtime's. */
#include "sched/overflow.h"

#include "sched/report.h"
#include "sched/runtime.h"

#include <errno.h>
#include <string.h>

#define ALTERNATE_SIZE ((size_t)64 << 10)

static struct weft__lock lock;
static unsigned users;          /* under the lock */
static struct sigaction before; /* written while there is no user */

static struct weft__stack *stack_hit(struct weft__worker *worker,
                                     const void *at)
{
    struct weft__coro *coro = worker->current;
    if (coro != NULL && coro->stack != NULL &&
        weft__stack_guards(coro->stack, at))
        return coro->stack;
    if (weft__stack_guards(worker->dispatcher, at))
        return worker->dispatcher;
    return NULL;
}

static void tell(struct weft__worker *worker, struct weft__stack *stack,
                 const void *at)
{
    struct weft__coro *coro = worker->current;
    const char *name = coro ? worker->rt->hooks->name(coro) : "the dispatcher";
    weft__report("stack overflow in task %s: %p is in the guard below its "
                 "stack %p-%p (%zu KiB); spawn it with a larger .stack_size, "
                 "such as %zu KiB",
                 name, at, (void *)stack->low, stack->top,
                 weft__stack_size(stack->kind) >> 10,
                 weft__stack_size(stack->kind) >> 8);
}

/* As if this handler were not there. */
static void pass_on(int signo, siginfo_t *info, void *context)
{
    if (before.sa_flags & SA_SIGINFO)
        before.sa_sigaction(signo, info, context);
    else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN)
        before.sa_handler(signo);
    else
        weft__os->sigaction(signo, &before, NULL); /* it faults again */
}

static void on_fault(int signo, siginfo_t *info, void *context)
{
    struct weft__worker *worker = weft__worker_self();
    if (worker != NULL && info->si_code > 0) {
        struct weft__stack *stack = stack_hit(worker, info->si_addr);
        if (stack != NULL)
            tell(worker, stack, info->si_addr);
    }
    pass_on(signo, info, context);
}

void weft__overflow_open(void)
{
    struct sigaction action = {.sa_sigaction = on_fault,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    weft__lock(&lock);
    if (users++ == 0)
        weft__os->sigaction(SIGSEGV, &action, &before);
    weft__unlock(&lock);
}

void weft__overflow_close(void)
{
    weft__lock(&lock);
    struct sigaction now;
    if (--users == 0 && weft__os->sigaction(SIGSEGV, NULL, &now) == 0 &&
        now.sa_sigaction == on_fault)
        weft__os->sigaction(SIGSEGV, &before, NULL);
    weft__unlock(&lock);
}

void weft__overflow_thread_open(struct weft__worker *worker)
{
    stack_t stack = {.ss_size = ALTERNATE_SIZE};
    /* Zeroed, so resident: a fault on it could not be handled. */
    if (worker->alternate == NULL)
        worker->alternate = weft__mem_alloc(1, ALTERNATE_SIZE);
    if (worker->alternate == NULL)
        return;
    stack.ss_sp = worker->alternate;
    weft__os->sigaltstack(&stack, NULL);
}

void weft__overflow_thread_close(struct weft__worker *worker)
{
    stack_t none = {.ss_flags = SS_DISABLE};
    if (worker->alternate != NULL)
        weft__os->sigaltstack(&none, NULL);
}
