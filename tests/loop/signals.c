// SPDX-License-Identifier: MIT
/* SIGINT and SIGTERM of programs that run weft, each in a child. */
#include "tests/loop/child.h"

#include <errno.h>
#include <stdatomic.h>
#include <weft.h>

/* ThreadSanitizer holds a signal back while its thread is in a system call that
 * it does not know: the futex that weft_run() waits on. */
#if defined(__SANITIZE_THREAD__)
#define HOLDS_BACK true
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HOLDS_BACK true
#endif
#endif

static void can_be_signalled(void)
{
#ifdef HOLDS_BACK
    cr_skip("signals are held back here");
#endif
}

static void raise_here(int number)
{
    kill(getpid(), number);
}

/* Until cancelled; tells how it ended. */
static void *sleep_on(void *arg)
{
    int number = (int)(intptr_t)arg;
    if (number != 0)
        raise_here(number);
    return weft_fail(weft_sleep(WEFT_FOREVER));
}

static int main_that_gets(void *number)
{
    return weft_main(sleep_on, number);
}

Test(signals, sigint_cancels_main_and_exits_130, .init = can_be_signalled,
     .timeout = 60)
{
    struct child child = {0};
    child_start(&child, main_that_gets, (void *)(intptr_t)SIGINT);
    cr_assert_eq(child_end(&child), 130, "%s", child.said);
    cr_assert_null(strstr(child.said, "weft"), "%s", child.said);
}

Test(signals, sigterm_cancels_main_and_exits_0, .init = can_be_signalled,
     .timeout = 60)
{
    struct child child = {0};
    child_start(&child, main_that_gets, (void *)(intptr_t)SIGTERM);
    cr_assert_eq(child_end(&child), 0, "%s", child.said);
    cr_assert_null(strstr(child.said, "weft"), "%s", child.said);
}

/* From the first instruction of main on: it cannot come too early. */
Test(signals, the_same_a_hundred_times, .init = can_be_signalled, .timeout = 60)
{
    for (int i = 0; i < 100; i++) {
        int number = i % 2 ? SIGINT : SIGTERM;
        int end = child_run(main_that_gets, (void *)(intptr_t)number);
        cr_assert_eq(end, i % 2 ? 130 : 0);
    }
}

/* From outside, as a terminal or an init does it */

static void *say_ready(void *arg)
{
    static const char ready[] = "ready\n";
    if (write(STDERR_FILENO, ready, sizeof(ready) - 1) < 0)
        return weft_fail(-EIO);
    return sleep_on(arg);
}

static int ready_main(void *unused)
{
    return weft_main(say_ready, unused);
}

Test(signals, from_another_process, .init = can_be_signalled, .timeout = 60)
{
    static const int numbers[] = {SIGINT, SIGTERM};
    for (int i = 0; i < 2; i++) {
        struct child child = {0};
        child_start(&child, ready_main, NULL);
        cr_assert(child_says(&child, "ready"));
        kill(child.pid, numbers[i]);
        cr_assert_eq(child_end(&child), numbers[i] == SIGINT ? 130 : 0);
    }
}

/* weft_run() says what happened, and main decides what it makes of it. */

static void *cleans_up(void *arg)
{
    raise_here(SIGINT);
    int rc = weft_sleep(WEFT_FOREVER);
    *(int *)arg = rc;
    return weft_fail(rc == -WEFT_ECANCELED ? 0 : rc);
}

static int handled(void *unused)
{
    int seen = 0;
    (void)unused;
    int rc = weft_run(cleans_up, &seen, NULL);
    return rc == 0 && seen == -WEFT_ECANCELED ? 0 : 1;
}

Test(signals, main_may_end_well_after_it, .init = can_be_signalled,
     .timeout = 60)
{
    cr_assert_eq(child_run(handled, NULL), 0);
}

/* A main that does not listen: the second SIGINT ends it, and says who it
 * was. */

static atomic_bool stuck;

static void *never_ends(void *arg)
{
    atomic_store(&stuck, true);
    (void)!write(STDERR_FILENO, "stuck\n", 6);
    while (atomic_load(&stuck))
        ;
    return arg;
}

static int stuck_main(void *unused)
{
    return weft_main(never_ends, unused);
}

Test(signals, a_second_sigint_ends_a_stuck_main, .init = can_be_signalled,
     .timeout = 60)
{
    struct child child = {0};
    child_start(&child, stuck_main, NULL);
    cr_assert(child_says(&child, "stuck"));
    /* Two that come at once count as one, so as often as it takes. */
    while (kill(child.pid, SIGINT) == 0 &&
           waitpid(child.pid, &child.status, WNOHANG) == 0)
        ;
    child_says(&child, NULL);
    close(child.output);
    cr_assert(WIFEXITED(child.status));
    cr_assert_eq(WEXITSTATUS(child.status), 130);
    cr_assert_not_null(strstr(child.said, " main: runs"), "%s", child.said);
}

/* Other people's handlers */

static void *nothing(void *arg)
{
    return arg;
}

static volatile sig_atomic_t caught;

static void on_signal(int number)
{
    caught = number;
}

static bool is_handler(int number, void (*want)(int))
{
    struct sigaction now;
    return sigaction(number, NULL, &now) == 0 && now.sa_handler == want;
}

static void *changed_inside(void *arg)
{
    *(bool *)arg =
        !is_handler(SIGINT, SIG_DFL) && !is_handler(SIGTERM, SIG_DFL);
    return NULL;
}

static int restored(void *unused)
{
    bool inside = false;
    (void)unused;
    for (int i = 0; i < 3; i++)
        if (weft_run(changed_inside, &inside, NULL) != 0 || !inside ||
            !is_handler(SIGINT, SIG_DFL) || !is_handler(SIGTERM, SIG_DFL))
            return 1;
    raise_here(SIGTERM);
    return 2;
}

Test(signals, dispositions_are_restored, .timeout = 60)
{
    struct child child = {0};
    child_start(&child, restored, NULL);
    cr_assert_eq(child_end(&child), -SIGTERM);
}

static void *raise_both(void *arg)
{
    raise_here(SIGINT);
    raise_here(SIGTERM);
    int rc = weft_sleep(WEFT_MS(1)); /* to be cancelled in, if at all */
    return rc < 0 ? weft_fail(rc) : arg;
}

static int ignored(void *unused)
{
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    if (weft_main(raise_both, unused) != 0)
        return 1;
    return is_handler(SIGINT, SIG_IGN) && is_handler(SIGTERM, SIG_IGN) ? 0 : 2;
}

Test(signals, what_was_ignored_stays_ignored, .timeout = 60)
{
    cr_assert_eq(child_run(ignored, NULL), 0);
}

static int handlers_of_others(void *unused)
{
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    if (weft_main(raise_both, unused) != 0)
        return 1;
    if (caught == 0)
        return 2;
    return is_handler(SIGINT, on_signal) && is_handler(SIGTERM, on_signal) ? 0
                                                                           : 3;
}

Test(signals, handlers_of_others_stay, .timeout = 60)
{
    cr_assert_eq(child_run(handlers_of_others, NULL), 0);
}

static int not_asked(void *unused)
{
    weft_options options = {.size = sizeof(options), .no_signals = true};
    bool inside = true;
    (void)unused;
    if (weft_run_with(&options, changed_inside, &inside, NULL) != 0 || inside)
        return 1;
    weft_runtime *rt;
    if (weft_runtime_new(NULL, &rt) != 0)
        return 2;
    bool same = is_handler(SIGINT, SIG_DFL) && is_handler(SIGTERM, SIG_DFL);
    weft_runtime_unref(rt);
    return same && weft_run(nothing, NULL, NULL) == 0 ? 0 : 3;
}

Test(signals, only_weft_run_takes_them, .timeout = 60)
{
    cr_assert_eq(child_run(not_asked, NULL), 0);
}
