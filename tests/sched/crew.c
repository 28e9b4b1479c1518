// SPDX-License-Identifier: MIT
/*
 * OS threads for what blocks: each job runs once or is taken back, in order,
 * on no more threads than allowed, and a close leaves nothing behind.
 */
#define _GNU_SOURCE
#include "sched/crew.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>
#include <weft/base.h>

#include "tests/support/scale.h"
#include "tests/support/test.h"

#define MANY 2000

struct work {
    struct weft__job job;
    atomic_int ran;
    int order;
};

static struct weft__census census;
static struct weft__crew crew;
static struct work work[MANY];
static atomic_int done;
static atomic_int inside;
static atomic_int most_inside;
static atomic_int wrong_name;
static atomic_int release;
static atomic_int dropped;
static atomic_int last_code; /* that one was dropped with */

static void open_crew(unsigned limit)
{
    memset(work, 0, sizeof(work));
    atomic_store(&done, 0);
    atomic_store(&inside, 0);
    atomic_store(&most_inside, 0);
    atomic_store(&wrong_name, 0);
    atomic_store(&release, 0);
    atomic_store(&dropped, 0);
    census = (struct weft__census){.limit = 100};
    weft__crew_init(&crew, &census, "weft-x", limit);
}

static void note(struct weft__job *job)
{
    struct work *self = weft__container_of(job, struct work, job);
    char name[16] = "";
    int now = atomic_fetch_add(&inside, 1) + 1;
    int most = atomic_load(&most_inside);
    while (now > most &&
           !atomic_compare_exchange_weak(&most_inside, &most, now))
        ;
    pthread_getname_np(pthread_self(), name, sizeof(name));
    if (strncmp(name, "weft-x", 6) != 0)
        atomic_fetch_add(&wrong_name, 1);
    atomic_fetch_sub(&inside, 1);
    self->order = atomic_fetch_add(&done, 1);
    atomic_fetch_add(&self->ran, 1);
}

static void hold(struct weft__job *job)
{
    while (atomic_load(&release) == 0)
        sched_yield();
    note(job);
}

static void drop(struct weft__job *job, int code)
{
    (void)job;
    atomic_store(&last_code, code);
    atomic_fetch_add(&dropped, 1);
}

static int push(int i, void (*run)(struct weft__job *))
{
    work[i].job = (struct weft__job){.run = run, .drop = drop};
    return weft__crew_push(&crew, &work[i].job);
}

static void push_all(int n)
{
    for (int i = 0; i < n; i++)
        cr_assert_eq(push(i, note), 0);
}

Test(crew, runs_each_once, .timeout = 60)
{
    open_crew(4);
    push_all(MANY);
    weft__crew_join(&crew);
    for (int i = 0; i < MANY; i++)
        cr_assert_eq(atomic_load(&work[i].ran), 1);
    cr_assert_leq(atomic_load(&most_inside), 4);
    cr_assert_eq(atomic_load(&wrong_name), 0);
    cr_assert_eq(weft__load_relaxed(&census.count), 0);
}

Test(crew, of_one_keeps_the_order, .timeout = 60)
{
    open_crew(1);
    push_all(MANY);
    weft__crew_join(&crew);
    for (int i = 0; i < MANY; i++)
        cr_assert_eq(work[i].order, i);
}

Test(crew, is_refused_after_the_close, .timeout = 60)
{
    open_crew(2);
    weft__crew_join(&crew);
    cr_assert_eq(push(0, note), -WEFT_ESHUTDOWN);
    weft__crew_join(&crew);
    cr_assert_eq(atomic_load(&work[0].ran), 0);
}

/* Taking back */

Test(crew, what_has_not_started_can_be_taken_back, .timeout = 60)
{
    open_crew(1);
    cr_assert_eq(push(0, hold), 0);
    for (int i = 1; i < 5; i++) {
        cr_assert_eq(push(i, note), 0);
    }
    cr_assert(weft__crew_remove(&crew, &work[2].job));
    cr_assert(!weft__crew_remove(&crew, &work[2].job));
    cr_assert(weft__crew_remove(&crew, &work[4].job), "the last one");
    cr_assert_eq(push(5, note), 0);
    atomic_store(&release, 1);
    weft__crew_join(&crew);
    for (int i = 0; i < 6; i++)
        cr_assert_eq(atomic_load(&work[i].ran), i != 2 && i != 4, "%d", i);
}

Test(crew, can_be_emptied, .timeout = 60)
{
    open_crew(1);
    atomic_store(&dropped, 0);
    cr_assert_eq(push(0, hold), 0);
    while (weft__load_relaxed(&census.count) == 0)
        sched_yield();
    for (int i = 1; i < 100; i++) {
        cr_assert_eq(push(i, note), 0);
    }
    weft__crew_empty(&crew, -WEFT_ECANCELED);
    atomic_store(&release, 1);
    weft__crew_join(&crew);
    cr_assert_eq(atomic_load(&dropped) + atomic_load(&done), 100);
    cr_assert_geq(atomic_load(&dropped), 99);
}

Test(crew, ran_plus_taken_back_is_all, .timeout = 60)
{
    int n = (int)weft_test_scaled(MANY);
    int removed = 0;
    for (int round = 0; round < 20; round++) {
        open_crew(3);
        push_all(n);
        removed = 0;
        for (int i = n; i-- > 0;)
            removed += weft__crew_remove(&crew, &work[i].job);
        weft__crew_join(&crew);
        cr_assert_eq(removed + atomic_load(&done), n);
    }
}

/* Limits */

Test(crew, without_any_thread_says_so, .timeout = 60)
{
    open_crew(4);
    census.limit = 0;
    cr_expect_eq(push(0, note), 0);
    cr_expect_eq(atomic_load(&dropped), 1, "with the reason, at once");
    cr_expect_eq(atomic_load(&last_code), -EAGAIN);
    cr_assert_eq(weft__load_relaxed(&census.count), 0);
    census.limit = 1;
    cr_assert_eq(push(0, note), 0, "it can go on");
    weft__crew_join(&crew);
    cr_assert_eq(atomic_load(&work[0].ran), 1);
}

Test(crew, makes_do_with_the_threads_there_are, .timeout = 60)
{
    open_crew(10);
    census.limit = 2;
    push_all(100);
    cr_assert_leq(weft__load_relaxed(&census.count), 2);
    weft__crew_join(&crew);
    cr_assert_eq(atomic_load(&done), 100);
}

/* The second thread is on its way for long, and does not come; meanwhile the
 * first one has fallen asleep, and more was queued. */

static atomic_int starts;
static struct weft__os slow;

static long start_slowly(uintptr_t *thread, const char *name, size_t stack,
                         weft__thread_fn *fn, void *arg)
{
    if (atomic_fetch_add(&starts, 1) == 0)
        return slow.thread_start(thread, name, stack, fn, arg);
    while (atomic_load(&release) < 2)
        sched_yield();
    return -EAGAIN;
}

static void *push_second(void *unused)
{
    cr_expect_eq(push(1, note), 0);
    return unused;
}

Test(crew, who_sleeps_is_called_instead_of_who_does_not_come, .timeout = 20)
{
    struct weft__os copy = *weft__os;
    const struct weft__os *real = weft__os;
    pthread_t thread;
    slow = copy;
    copy.thread_start = start_slowly;
    weft__os = &copy;
    open_crew(2);
    crew.idle_ns = INT64_MAX / 4; /* nobody looks by chance */
    atomic_store(&starts, 0);
    cr_assert_eq(push(0, hold), 0);
    while (weft__load_relaxed(&crew.queued) > 0)
        sched_yield();
    cr_assert_eq(pthread_create(&thread, NULL, push_second, NULL), 0);
    while (atomic_load(&starts) < 2)
        sched_yield();
    atomic_store(&release, 1);
    while (atomic_load(&done) < 2)
        sched_yield();
    usleep(20000); /* it sleeps */
    cr_assert_eq(push(2, note), 0);
    atomic_store(&release, 2);
    pthread_join(thread, NULL);
    while (atomic_load(&done) < 3)
        sched_yield();
    weft__crew_join(&crew);
    weft__os = real;
}

/* Its sleep is over at the moment when it is rung for, and the job is gone. */

static long wake_late(const void *word, uint32_t seen, int64_t until)
{
    if (word != &crew.bell || atomic_fetch_add(&starts, 1) > 0)
        return slow.futex_wait(word, seen, until);
    cr_expect_eq(push(1, note), 0);
    cr_expect(weft__crew_remove(&crew, &work[1].job));
    return -ETIMEDOUT;
}

Test(crew, who_was_called_too_late_does_not_stay_on_the_way, .timeout = 20)
{
    struct weft__os copy = *weft__os;
    const struct weft__os *real = weft__os;
    slow = copy;
    copy.futex_wait = wake_late;
    weft__os = &copy;
    open_crew(1);
    atomic_store(&starts, 0);
    cr_assert_eq(push(0, note), 0);
    while (atomic_load(&starts) == 0)
        sched_yield();
    usleep(20000);
    cr_assert_eq(push(2, note), 0);
    while (atomic_load(&done) < 2)
        sched_yield();
    weft__crew_join(&crew);
    weft__os = real;
}

/* Whoever closed it may change what its threads have used, and free it. */
Test(crew, is_not_touched_after_the_close, .timeout = 60)
{
    const struct weft__os *real = weft__os;
    struct weft__os copy[2] = {*real, *real};
    for (size_t round = weft_test_scaled(1000); round > 0; round--) {
        weft__os = &copy[round % 2];
        open_crew(4);
        push_all(4);
        weft__crew_join(&crew);
    }
    weft__os = real;
}
