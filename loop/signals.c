// SPDX-License-Identifier: MIT
/*
 * SIGINT and SIGTERM. The handler runs on the host program's threads (workers
 * block all signals), counts, and ends the sleep of the thread in weft_run().
 * A second SIGINT must work even if that thread is stuck in the shutdown, so
 * the handler itself names what runs and exits.
 */
#include "loop/signals.h"

#include "sched/atomic.h"
#include "sched/base.h"
#include "sched/os.h"

#include <unistd.h>

#define SIGNAL_STEP 4 /* WEFT__BLOCK_SIGNAL: what waits is above us */

static const int numbers[] = {SIGINT, SIGTERM};

/* Who has the signals: the first weft_run() that asks. */
static _Atomic(struct weft__signals *) taker;

static void on_signal(int number)
{
    struct weft__signals *signals = weft__load_acquire(&taker);
    if (signals == NULL)
        return;
    if (number == SIGTERM) {
        weft__fetch_add(&signals->terminations, 1);
    } else if (weft__fetch_add(&signals->interrupts, 1) > 0) {
        signals->dump(signals->dump_arg);
        _exit(130);
    }
    weft__fetch_add(signals->word, SIGNAL_STEP); /* pairs with block_wait() */
    weft__os->futex_wake(signals->word, 1);
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

void weft__signals_open(struct weft__signals *signals)
{
    struct weft__signals *none = NULL; /* pairs with the handler's load */
    if (!weft__cas_sc(&taker, &none, signals))
        return;
    for (size_t i = 0; i < weft__count_of(numbers); i++)
        signals->taken[i] = take(numbers[i], &signals->before[i]);
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
