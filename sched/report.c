// SPDX-License-Identifier: MIT
/* Reports: see report.h. Which runtimes are open, and how much was printed, is
 * known to the process. */
#include "sched/report.h"

#include "sched/runtime.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINES 10 /* at most, in each... */
#define PERIOD_NS INT64_C(1000000000)
#define TEXT 2048 /* bytes of a report in words */

static const char prefix[] = "weft: ";

/* A line as it is printed. */
struct line {
    char text[sizeof(prefix) - 1 + TEXT]; /* ends with zero */
    size_t size;                          /* without it */
};

static char *text_of(struct line *line)
{
    return line->text + sizeof(prefix) - 1;
}

static void compose(struct line *line, const char *format, va_list args)
{
    char *text = text_of(line);
    memcpy(line->text, prefix, sizeof(prefix) - 1);
    if (vsnprintf(text, TEXT - 1, format, args) < 0) /* room for the newline */
        text[0] = '\0';
    line->size = strlen(line->text);
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < ' ')
            *text = ' '; /* it is to stay one line */
}

/* One write, so that lines of several threads do not mix. */
static void print(struct line *line)
{
    line->text[line->size] = '\n';
    if (write(STDERR_FILENO, line->text, line->size + 1) < 0)
        return;
}

/* How much is printed */

static struct weft__lock lock;
static struct weft_runtime *first; /* of those open; under the lock */
static int64_t period;             /* its beginning; under the lock */
static unsigned printed;           /* in it; under the lock */
static uint64_t withheld;          /* and not told; under the lock */

static void print_withheld(uint64_t count)
{
    if (count > 0)
        weft__report("and %llu more", (unsigned long long)count);
}

/* May one more line be printed? Says what was withheld in the last period. */
static bool admit(void)
{
    int64_t now = weft__os->now();
    uint64_t more = 0;
    weft__lock(&lock);
    if (now - period >= PERIOD_NS || now < period || printed == 0) {
        more = withheld;
        withheld = 0;
        printed = 0;
        period = now;
    }
    bool may = printed < LINES;
    if (may)
        printed++;
    else
        withheld++;
    weft__unlock(&lock);
    print_withheld(more);
    return may;
}

/* Whose hook */

struct weft_runtime *weft__report_hold(struct weft_runtime *rt,
                                       const struct weft__pool *pool)
{
    if (rt == NULL)
        return NULL;
    weft__lock(&lock);
    struct weft_runtime *at = first;
    while (at != NULL && at != rt)
        at = at->reporter.next;
    if (at != NULL && pool != NULL && at->pool != pool)
        at = NULL;
    if (at != NULL)
        weft__fetch_add_relaxed(&at->reporter.holders, 1);
    weft__unlock(&lock);
    return at;
}

void weft__report_release(struct weft_runtime *rt)
{
    if (rt == NULL)
        return;
    _Atomic(uint32_t) *holders = &rt->reporter.holders;
    /* The last touch of the runtime: it may be gone before the wake, which then
     * finds nobody. Pairs with weft__report_close(). */
    if (weft__fetch_sub(holders, 1) == 1)
        weft__os->futex_wake(holders, 1);
}

void weft__report_open(struct weft_runtime *rt)
{
    weft__lock(&lock);
    rt->reporter.next = first;
    first = rt;
    weft__unlock(&lock);
}

void weft__report_close(struct weft_runtime *rt, bool wait)
{
    weft__lock(&lock);
    struct weft_runtime **link = &first;
    while (*link != rt)
        link = &(*link)->reporter.next;
    *link = rt->reporter.next;
    uint64_t more = withheld;
    withheld = 0;
    weft__unlock(&lock);
    print_withheld(more);
    _Atomic(uint32_t) *holders = &rt->reporter.holders;
    uint32_t seen = weft__load_acquire(holders); /* pairs with the release */
    while (wait && seen > 0) {
        weft__os->futex_wait(holders, seen, INT64_MAX);
        seen = weft__load_acquire(holders); /* the same */
    }
}

/* Reporting */

static bool is_limited(enum weft_report_kind kind)
{
    return kind != WEFT_REPORT_STUCK && kind != WEFT_REPORT_DEADLOCK &&
           kind != WEFT_REPORT_MAIN;
}

void weft__report_to(struct weft_runtime *rt, enum weft_report_kind kind,
                     int code, const char *task, uint64_t task_id,
                     const weft_error *error, const char *format, ...)
{
    struct line line;
    va_list args;
    va_start(args, format);
    compose(&line, format, args);
    va_end(args);
    weft_report report = {
        .size = sizeof(report),
        .kind = kind,
        .code = code,
        .text = text_of(&line),
        .task = task,
        .task_id = task_id,
        .error = error,
    };
    rt = weft__report_hold(rt, NULL);
    if (rt != NULL && rt->options.on_report != NULL)
        rt->options.on_report(&report, rt->options.report_arg);
    else if (!is_limited(kind) || admit())
        print(&line);
    weft__report_release(rt);
}

void weft__report(const char *format, ...)
{
    struct line line;
    va_list args;
    va_start(args, format);
    compose(&line, format, args);
    va_end(args);
    print(&line);
}

void weft__panic(const char *what, const char *file, int line)
{
    weft__report("broken: %s (%s:%d)", what, file, line);
    __builtin_trap();
}
