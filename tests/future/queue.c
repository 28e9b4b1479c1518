// SPDX-License-Identifier: MIT
/*
 * Queues: each item that was put is got once, in its producer's order; what
 * failed has not happened; a close ends every wait. Coroutines and threads.
 */
#include <weft/queue.h>

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <weft/scope.h>
#include <weft/wait.h>

#include "tests/support/run.h"
#include "tests/support/seeds.h"

#define value(n) weft_test_value(n)

static weft_queue *queue;

static void open_queue(size_t capacity)
{
    cr_assert_eq(weft_queue_new(capacity, &queue), 0);
}

/* Virtual; a cancelled task does not rest. */
static void rest(unsigned us)
{
    int rc = weft_sleep(WEFT_US(us));
    check(rc == 0 || rc == -WEFT_ECANCELED);
}

/* Answers */

Test(queue, of_a_thread, .timeout = 30)
{
    void *item = value(7);
    cr_assert_eq(weft_queue_new((size_t)INT_MAX + 1, &queue), -EINVAL);
    open_queue(2);
    cr_expect_eq(weft_queue_capacity(queue), 2);
    cr_expect_eq(weft_queue_get_nowait(queue, &item), -WEFT_EBUSY);
    cr_expect_eq(weft_queue_get_blocking(queue, &item, 0), -WEFT_ETIMEOUT);
    cr_expect_eq(weft_queue_get_blocking(queue, &item, 1), -WEFT_ETIMEOUT);
    cr_expect_eq(item, value(7), "not touched");
    cr_expect_eq(weft_queue_put_nowait(queue, NULL), 0);
    cr_expect_eq(weft_queue_put_blocking(queue, value(2), 0), 0);
    cr_expect_eq(weft_queue_size(queue), 2);
    cr_expect_eq(weft_queue_put_nowait(queue, value(3)), -WEFT_EBUSY);
    cr_expect_eq(weft_queue_put_blocking(queue, value(3), 0), -WEFT_ETIMEOUT);
    cr_expect_eq(weft_queue_put_blocking(queue, value(3), 1), -WEFT_ETIMEOUT);
    cr_expect_eq(weft_queue_put(queue, value(3)), -WEFT_ENORUNTIME);
    cr_expect_eq(weft_queue_get(queue, &item), -WEFT_ENORUNTIME);
    weft_queue_close(queue, NULL);
    cr_expect_eq(weft_queue_put_nowait(queue, value(3)), -WEFT_ECLOSED);
    cr_expect_eq(weft_queue_put_blocking(queue, value(3), 1), -WEFT_ECLOSED);
    cr_expect_eq(weft_queue_get_nowait(queue, &item), 0);
    cr_expect_null(item);
    cr_expect_eq(weft_queue_get_blocking(queue, &item, 0), 0);
    cr_expect_eq(item, value(2));
    cr_expect_eq(weft_queue_get_nowait(queue, &item), -WEFT_ECLOSED);
    cr_expect_eq(weft_queue_get_blocking(queue, &item, 1), -WEFT_ECLOSED);
    weft_queue_free(queue);
    weft_queue_free(NULL);
}

static void *ask_all(void *unused)
{
    void *item;
    (void)unused;
    check_eq(weft_queue_new(3, &queue), 0);
    for (uintptr_t round = 0; round < 5; round++) { /* once around the ring */
        check_eq(weft_queue_put(queue, value(2 * round)), 0);
        check_eq(weft_queue_put(queue, value(2 * round + 1)), 0);
        for (uintptr_t i = 0; i < 2; i++) {
            check_eq(weft_queue_get(queue, &item), 0);
            check_eq(item, 2 * round + i);
        }
    }
    check_eq(weft_queue_put_blocking(queue, NULL, 1), -WEFT_EDEADLK);
    check_eq(weft_queue_get_blocking(queue, &item, 1), -WEFT_EDEADLK);
    weft_queue_close(queue, NULL);
    check_eq(weft_queue_put(queue, NULL), -WEFT_ECLOSED);
    check_eq(weft_queue_get(queue, &item), -WEFT_ECLOSED);
    weft_cancel(weft_current());
    check_eq(weft_queue_put(queue, NULL), -WEFT_ECANCELED);
    check_eq(weft_queue_get(queue, &item), -WEFT_ECANCELED);
    weft_queue_free(queue);
    return NULL;
}

Test(queue, has_an_answer_to_everything, .timeout = 30)
{
    weft_test_everywhere(3, ask_all);
}

/* A rendezvous */

static void *put_it(void *item)
{
    return weft_fail(weft_queue_put(queue, item));
}

static void *get_it(void *unused)
{
    void *item = unused;
    int rc = weft_queue_get(queue, &item);
    return rc < 0 ? weft_fail(rc) : item;
}

static void *meet(void *unused)
{
    void *item;
    (void)unused;
    check_eq(weft_queue_new(0, &queue), 0);
    check_eq(weft_queue_put_nowait(queue, value(1)), -WEFT_EBUSY);
    weft_future *puts = weft_spawn(put_it, value(2));
    rest(100);
    check_eq(weft_future_state(puts), WEFT_FUTURE_PENDING);
    check_eq(weft_queue_size(queue), 0);
    check_eq(weft_queue_get_nowait(queue, &item), 0);
    check_eq(item, 2);
    check_eq(weft_await(puts, NULL), 0);
    weft_future *gets = weft_spawn(get_it, NULL);
    rest(100);
    check_eq(weft_queue_put_nowait(queue, value(3)), 0);
    check_eq(weft_queue_put_nowait(queue, value(4)), -WEFT_EBUSY);
    check_eq(weft_await(gets, &item), 0);
    check_eq(item, 3);
    weft_queue_free(queue);
    return NULL;
}

Test(queue, rendezvous, .timeout = 60)
{
    weft_test_seeds(300, meet);
}

/* Who left has left no trace. */

static void *leave(void *unused)
{
    void *item;
    (void)unused;
    check_eq(weft_queue_new(weft_test_draw(2), &queue), 0);
    bool slot = weft_queue_capacity(queue) == 1;
    weft_future *getter = weft_spawn(get_it, NULL);
    rest(weft_test_draw(10));
    weft_cancel(getter);
    check_eq(weft_await(getter, NULL), -WEFT_ECANCELED);
    check_eq(weft_queue_put_nowait(queue, value(1)), slot ? 0 : -WEFT_EBUSY);
    weft_future *putter = weft_spawn(put_it, value(2));
    rest(weft_test_draw(10));
    weft_cancel(putter);
    check_eq(weft_await(putter, NULL), -WEFT_ECANCELED);
    check_eq(weft_queue_get_nowait(queue, &item), slot ? 0 : -WEFT_EBUSY);
    check_eq(weft_queue_get_nowait(queue, &item), -WEFT_EBUSY);
    weft_queue_free(queue);
    return NULL;
}

Test(queue, who_left_has_left_no_trace, .timeout = 60)
{
    weft_test_seeds(300, leave);
}

/* First come, first served, on both sides. */

#define SEVERAL 6

static void *in_line(void *unused)
{
    weft_future *task[SEVERAL];
    void *item;
    (void)unused;
    check_eq(weft_queue_new(weft_test_draw(3), &queue), 0);
    uintptr_t filled = weft_queue_capacity(queue);
    for (uintptr_t i = 0; i < filled; i++)
        check_eq(weft_queue_put(queue, value(i)), 0);
    for (uintptr_t i = 0; i < SEVERAL; i++) {
        task[i] = weft_spawn(put_it, value(filled + i));
        rest(100);
    }
    for (uintptr_t i = 0; i < filled + SEVERAL; i++) {
        check_eq(weft_queue_get(queue, &item), 0);
        check_eq(item, i);
    }
    check_eq(weft_gather(task, SEVERAL, NULL), 0);
    for (uintptr_t i = 0; i < SEVERAL; i++) {
        task[i] = weft_spawn(get_it, NULL);
        rest(100);
    }
    for (uintptr_t i = 0; i < SEVERAL; i++)
        check_eq(weft_queue_put_nowait(queue, value(i)), 0);
    for (uintptr_t i = 0; i < SEVERAL; i++) {
        check_eq(weft_await(task[i], &item), 0);
        check_eq(item, i);
    }
    weft_queue_free(queue);
    return NULL;
}

Test(queue, first_come_first_served, .timeout = 60)
{
    weft_test_seeds(300, in_line);
}

/* The ledger: items of producers that are cancelled, late or impatient, while
 * the queue may be closed at any moment. */

#define SIDES 4
#define EACH 25

enum { NEVER_PUT, PUT, GOT };

static _Atomic(int) ledger[SIDES][EACH];
static atomic_long taken, dropped;

static void *item_of(uintptr_t side, uintptr_t number)
{
    return value(side << 16 | number | 1 << 24);
}

static void note_got(void *item, intptr_t *last)
{
    uintptr_t number = (uintptr_t)item & 0xffff;
    uintptr_t side = (uintptr_t)item >> 16 & 0xff;
    check(number < EACH && side < SIDES);
    if (last != NULL) {
        check((intptr_t)number > last[side]); /* in its producer's order */
        last[side] = (intptr_t)number;
    }
    /* The put may not have returned yet. */
    check(atomic_exchange(&ledger[side][number], GOT) != GOT);
    atomic_fetch_add(&taken, 1);
}

static void drop(void *item)
{
    note_got(item, NULL);
    atomic_fetch_add(&dropped, 1);
}

static int put_somehow(void *item)
{
    weft_scope scope;
    unsigned how = weft_test_draw(6);
    if (how == 0)
        return weft_queue_put_nowait(queue, item);
    if (how > 1)
        return weft_queue_put(queue, item);
    weft_timeout_enter(&scope, WEFT_US(weft_test_draw(60)));
    return weft_timeout_exit(&scope, weft_queue_put(queue, item));
}

static void *produce(void *side)
{
    long put = 0;
    for (uintptr_t i = 0; i < EACH; i++) {
        _Atomic(int) *entry = &ledger[(uintptr_t)side][i];
        int never = NEVER_PUT;
        if (put_somehow(item_of((uintptr_t)side, i)) == 0) {
            atomic_compare_exchange_strong(entry, &never, PUT);
            put++;
        } else {
            check_eq(atomic_load(entry), NEVER_PUT);
        }
        if (weft_test_draw(4) == 0)
            rest(weft_test_draw(30));
    }
    return value(put);
}

static void *consume(void *unused)
{
    intptr_t last[SIDES] = {-1, -1, -1, -1};
    (void)unused;
    for (;;) {
        weft_scope scope;
        void *item;
        weft_timeout_enter(&scope, WEFT_US(1 + weft_test_draw(200)));
        int rc = weft_timeout_exit(&scope, weft_queue_get(queue, &item));
        if (rc == 0)
            note_got(item, last);
        else if (rc != -WEFT_ETIMEOUT)
            return weft_fail(rc == -WEFT_ECLOSED ? 0 : rc);
        if (weft_test_draw(4) == 0)
            rest(weft_test_draw(30));
    }
}

static void disturb(weft_future **producers, weft_future **consumers)
{
    for (int i = 0; i < 3; i++) {
        rest(weft_test_draw(200));
        if (weft_test_draw(2))
            weft_cancel(producers[weft_test_draw(SIDES)]);
        if (weft_test_draw(3) == 0)
            weft_cancel(consumers[weft_test_draw(SIDES - 1)]);
    }
    if (weft_test_draw(3) == 0)
        weft_queue_close(queue, weft_test_draw(2) ? drop : NULL);
}

static void *conserve(void *unused)
{
    static const size_t capacities[] = {0, 1, 3, 16};
    weft_future *producers[SIDES], *consumers[SIDES];
    void *result, *item;
    long put = 0;
    (void)unused;
    atomic_store(&taken, 0);
    for (int i = 0; i < SIDES * EACH; i++)
        atomic_store(&ledger[i / EACH][i % EACH], NEVER_PUT);
    check_eq(weft_queue_new(capacities[weft_test_draw(4)], &queue), 0);
    for (uintptr_t i = 0; i < SIDES; i++) {
        producers[i] = weft_spawn(produce, value(i));
        consumers[i] = weft_spawn(consume, NULL);
    }
    disturb(producers, consumers);
    for (int i = 0; i < SIDES; i++) {
        check_eq(weft_await(producers[i], &result), 0);
        put += (long)(uintptr_t)result;
    }
    weft_queue_close(queue, NULL);
    for (int i = 0; i < SIDES; i++) {
        int rc = weft_await(consumers[i], NULL);
        check(rc == 0 || rc == -WEFT_ECANCELED);
    }
    while (weft_queue_get_nowait(queue, &item) == 0)
        note_got(item, NULL);
    check_eq(atomic_load(&taken), put);
    weft_queue_free(queue);
    return NULL;
}

Test(queue, nothing_is_lost, .timeout = 200)
{
    weft_test_seeds(1000, conserve);
}

/* A close ends every wait. */

static void *close_all(void *unused)
{
    weft_future *task[SEVERAL];
    void *item;
    (void)unused;
    bool putters = weft_test_draw(2);
    check_eq(weft_queue_new(1, &queue), 0);
    if (putters)
        check_eq(weft_queue_put(queue, value(9)), 0);
    for (int i = 0; i < SEVERAL; i++)
        task[i] = weft_spawn(putters ? put_it : get_it, value(1));
    rest(weft_test_draw(100));
    atomic_store(&dropped, 0);
    weft_queue_close(queue, NULL);
    check_eq(weft_gather_collect(task, SEVERAL, NULL), SEVERAL);
    check_eq(weft_queue_get_nowait(queue, &item), putters ? 0 : -WEFT_ECLOSED);
    check_eq(weft_queue_get_nowait(queue, &item), -WEFT_ECLOSED);
    weft_queue_free(queue);
    return NULL;
}

Test(queue, a_close_ends_every_wait, .timeout = 60)
{
    weft_test_seeds(300, close_all);
}

static int drops[3];

static void count_drop(void *item)
{
    drops[(uintptr_t)item]++;
}

Test(queue, a_close_drops_what_is_in_it, .timeout = 30)
{
    void *item;
    open_queue(3);
    for (uintptr_t i = 0; i < 3; i++)
        cr_assert_eq(weft_queue_put_nowait(queue, value(i)), 0);
    weft_queue_close(queue, count_drop);
    weft_queue_close(queue, count_drop);
    for (int i = 0; i < 3; i++)
        cr_expect_eq(drops[i], 1);
    cr_expect_eq(weft_queue_get_nowait(queue, &item), -WEFT_ECLOSED);
    weft_queue_free(queue);
}

/* One end a plain thread */

static void *put_all(void *count)
{
    int rc = 0;
    for (uintptr_t i = 1; i <= (uintptr_t)count && rc == 0; i++)
        rc = weft_queue_put(queue, value(i));
    return weft_fail(rc);
}

static void *get_all(void *count)
{
    void *item = NULL;
    int rc = 0;
    for (uintptr_t i = 1; i <= (uintptr_t)count && rc == 0; i++) {
        rc = weft_queue_get(queue, &item);
        if (rc == 0 && item != value(i))
            rc = -EPROTO;
    }
    return weft_fail(rc);
}

static void with_a_thread(size_t capacity, uintptr_t count)
{
    weft_runtime *rt;
    long wrong = 0;
    open_queue(capacity);
    cr_assert_eq(weft_test_runtime(2, &rt), 0);
    weft_future *task =
        weft_run_coroutine_threadsafe(rt, put_all, value(count));
    for (uintptr_t i = 1; i <= count; i++) {
        void *item = NULL;
        wrong += weft_queue_get_blocking(queue, &item, WEFT_FOREVER) != 0;
        wrong += item != value(i);
    }
    cr_expect_eq(weft_wait_blocking(task, WEFT_FOREVER, NULL), 0);
    task = weft_run_coroutine_threadsafe(rt, get_all, value(count));
    for (uintptr_t i = 1; i <= count; i++)
        wrong += weft_queue_put_blocking(queue, value(i), WEFT_FOREVER) != 0;
    cr_expect_eq(weft_wait_blocking(task, WEFT_FOREVER, NULL), 0);
    cr_expect_eq(wrong, 0);
    weft_runtime_unref(rt);
    weft_queue_free(queue);
}

Test(queue, one_end_a_thread, .timeout = 120)
{
    with_a_thread(0, weft_test_scaled(2000));
    with_a_thread(1, weft_test_scaled(2000));
    with_a_thread(64, weft_test_scaled(20000));
}

/* At a rendezvous a put has not returned before its get has begun. */

static atomic_uintptr_t asked;

static void *ask_for_all(void *count)
{
    void *item;
    int rc = 0;
    for (uintptr_t i = 1; i <= (uintptr_t)count && rc == 0; i++) {
        atomic_store(&asked, i);
        rc = weft_queue_get(queue, &item);
        if (rc == 0 && i % 8 == 0)
            rc = weft_yield(); /* so that the put has to wait */
    }
    return weft_fail(rc);
}

static void *put_for_all(void *count)
{
    long early = 0;
    for (uintptr_t i = 1; i <= (uintptr_t)count; i++) {
        int rc = weft_queue_put(queue, value(i));
        early += rc != 0 || atomic_load(&asked) < i;
    }
    return value(early);
}

static void *meet_in_tasks(void *count)
{
    void *early;
    atomic_store(&asked, 0);
    weft_future *puts = weft_spawn(put_for_all, count);
    int rc = weft_await(weft_spawn(ask_for_all, count), NULL);
    check_eq(weft_await(puts, &early), 0);
    check_eq(early, 0);
    return weft_fail(rc);
}

Test(queue, a_put_waits_for_its_get, .timeout = 120)
{
    uintptr_t count = weft_test_scaled(5000);
    uintptr_t early = 0;
    weft_runtime *rt;
    open_queue(0);
    cr_assert_eq(weft_test_runtime(2, &rt), 0);
    weft_future *task =
        weft_run_coroutine_threadsafe(rt, meet_in_tasks, value(count));
    cr_expect_eq(weft_wait_blocking(task, WEFT_FOREVER, NULL), 0);
    atomic_store(&asked, 0);
    task = weft_run_coroutine_threadsafe(rt, ask_for_all, value(count));
    for (uintptr_t i = 1; i <= count; i++) {
        early += weft_queue_put_blocking(queue, value(i), WEFT_FOREVER) != 0;
        early += atomic_load(&asked) < i;
    }
    cr_expect_eq(weft_wait_blocking(task, WEFT_FOREVER, NULL), 0);
    cr_expect_eq(early, 0);
    weft_runtime_unref(rt);
    weft_queue_free(queue);
}

/* A close from elsewhere ends the wait of a thread. */

static void *close_it(void *unused)
{
    weft_queue_close(queue, NULL);
    return unused;
}

Test(queue, a_close_ends_the_wait_of_a_thread, .timeout = 60)
{
    pthread_t thread;
    void *item;
    for (size_t i = 0; i < weft_test_scaled(200); i++) {
        open_queue(1);
        cr_assert_eq(pthread_create(&thread, NULL, close_it, NULL), 0);
        cr_expect_eq(weft_queue_get_blocking(queue, &item, WEFT_FOREVER),
                     -WEFT_ECLOSED);
        pthread_join(thread, NULL);
        weft_queue_free(queue);
    }
}
