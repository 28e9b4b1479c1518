// SPDX-License-Identifier: MIT
/*
 * SIGINT, SIGTERM and SIGQUIT. The handler runs on the host program's threads
 * (workers block all signals), counts, and ends the sleep of the thread in
 * weft_run().
 *
 * A second SIGINT must work even if that thread is stuck in the shutdown, so
 * the handler itself dumps what runs and exits. It may have interrupted
 * somebody who holds a lock that it needs: then an alarm ends it after a
 * second.
 */
#include "loop/signals.h"

#include "sched/atomic.h"
#include "sched/base.h"
#include "sched/os.h"

#include <errno.h>
#include <unistd.h>

#define INTERRUPTED 130
#define LAST_SECONDS 1

static const int numbers[] = {SIGINT, SIGTERM, SIGQUIT};

/* Who has the signals: the first weft_run() that asks. */
static _Atomic(struct weft__signals *) taker;

static void on_alarm(int number)
{
    (void)number;
    _exit(INTERRUPTED);
}

/* On whatever thread this is, it is the last thing that happens. */
static void dump_and_exit(struct weft__signals *signals)
{
    struct sigaction action = {.sa_handler = on_alarm};
    sigset_t alone;
    sigemptyset(&action.sa_mask);
    sigemptyset(&alone);
    sigaddset(&alone, SIGALRM);
    weft__os->sigaction(SIGALRM, &action, NULL);
    weft__os->signal_mask(SIG_UNBLOCK, &alone, NULL);
    weft__os->alarm(LAST_SECONDS);
    signals->dump(signals->dump_arg);
    _exit(INTERRUPTED);
}

static void on_interrupt(struct weft__signals *signals)
{
    uint32_t before = weft__fetch_add(&signals->interrupts, 1);
    if (before == 1)
        dump_and_exit(signals);
    if (before > 1)
        _exit(INTERRUPTED);
}

static void on_signal(int number)
{
    struct weft__signals *signals = weft__load_acquire(&taker);
    int saved = errno;
    if (signals == NULL)
        return;
    if (number == SIGINT)
        on_interrupt(signals);
    else if (number == SIGTERM)
        weft__fetch_add(&signals->terminations, 1);
    else
        weft__fetch_add(&signals->quits, 1);
    /* Pairs with weft__block_wait(). */
    weft__fetch_add(signals->word, signals->step);
    weft__os->futex_wake(signals->word, 1);
    errno = saved;
}

static bool take(int number, struct sigaction *before)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    if (weft__os->sigaction(number, NULL, before) < 0 ||
        (before->sa_flags & SA_SIGINFO) || before->sa_handler != SIG_DFL)
        return false;
    return weft__os->sigaction(number, &action, NULL) == 0;
}

static bool is_wanted(const struct weft__signals *signals, int number)
{
    return number == SIGQUIT ? signals->quit : signals->stop;
}

void weft__signals_open(struct weft__signals *signals)
{
    struct weft__signals *none = NULL; /* pairs with the handler's load */
    if (!weft__cas_sc(&taker, &none, signals))
        return;
    for (size_t i = 0; i < weft__count_of(numbers); i++)
        signals->taken[i] = is_wanted(signals, numbers[i]) &&
                            take(numbers[i], &signals->before[i]);
}

void weft__signals_close(struct weft__signals *signals)
{
    if (weft__load_relaxed(&taker) != signals)
        return;
    for (size_t i = 0; i < weft__count_of(numbers); i++)
        if (signals->taken[i])
            weft__os->sigaction(numbers[i], &signals->before[i], NULL);
    weft__store_release(&taker, NULL); /* the handler's load */
}
