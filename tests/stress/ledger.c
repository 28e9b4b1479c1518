// SPDX-License-Identifier: MIT
/*
 * The ledger: whatever is spawned runs once and completes once, with its own
 * outcome, however it was stolen, cancelled or let go. Each task has an entry;
 * at the end every entry is looked at.
 */
#include <weft/task.h>

#include <errno.h>
#include <stdlib.h>

#include "tests/support/run.h"
#include "tests/support/scale.h"
#include "tests/support/test.h"

enum { VALUE, FAILURE, YIELDS, SLEEPS, FOREVER, SPAWNS, KINDS };

struct entry {
    atomic_uchar ran;
    atomic_uchar ended;
    uint8_t kind;
    uint8_t awaited;   /* outcomes taken; by who spawned it */
    uint8_t cancelled; /* weft_cancel() said 0 */
};

static struct entry *ledger;
static atomic_long next_entry;
static long entries;
static atomic_long wrong; /* outcomes that cannot be */

static void *body(void *arg);

static struct entry *take_entry(uint64_t chance)
{
    long at = atomic_fetch_add(&next_entry, 1);
    if (at >= entries)
        return NULL;
    ledger[at].kind = (uint8_t)(chance % KINDS);
    return &ledger[at];
}

/* Is this an outcome such an entry may have? The one who waits for it hands
 * its own cancellation down. */
static bool may_end_so(const struct entry *entry, int rc, void *result)
{
    if (rc == -WEFT_ECANCELED && (entry->cancelled || weft_cancelled()))
        return entry->kind != VALUE && entry->kind != FAILURE;
    if (entry->kind == FAILURE)
        return rc == -ENOENT;
    return entry->kind != FOREVER && rc == 0 && result == entry;
}

/* Spawn one; then cancel it or not, and await or detach it. */
static void account_for(struct weft_test_random *random)
{
    uint64_t chance = weft_test_next(random);
    struct entry *entry = take_entry(chance >> 8);
    if (entry == NULL)
        return;
    void *result = NULL;
    weft_future *task = weft_spawn(body, entry);
    for (uint64_t turns = chance >> 16 & 3; turns > 0; turns--)
        weft_yield();
    if (entry->kind == FOREVER || (chance >> 20 & 3) == 0)
        entry->cancelled = weft_cancel(task) == 0;
    if ((chance >> 24 & 7) == 0) {
        weft_detach(task);
        return;
    }
    int rc = weft_await(task, &result);
    entry->awaited++;
    if (!may_end_so(entry, rc, result))
        atomic_fetch_add(&wrong, 1);
}

static int spawn_some(struct entry *entry)
{
    struct weft_test_random random = {(uint64_t)(entry - ledger)};
    for (int i = 0; i < 4; i++)
        account_for(&random);
    return weft_cancelled() ? -WEFT_ECANCELED : 0;
}

static int behave(struct entry *entry)
{
    switch (entry->kind) {
    case FAILURE:
        return -ENOENT;
    case YIELDS:
        return weft_yield();
    case SLEEPS:
        return weft_sleep(1 + (entry - ledger) % 50000);
    case FOREVER:
        return weft_sleep(WEFT_FOREVER);
    case SPAWNS:
        return spawn_some(entry);
    default:
        return 0;
    }
}

static void *body(void *arg)
{
    struct entry *entry = arg;
    atomic_fetch_add(&entry->ran, 1);
    int rc = behave(entry);
    atomic_fetch_add(&entry->ended, 1);
    return rc == 0 ? entry : weft_fail(rc);
}

/* Each keeps going until the ledger is full. */
static void *bookkeeper(void *seed)
{
    struct weft_test_random random = {(uintptr_t)seed};
    while (atomic_load(&next_entry) < entries)
        account_for(&random);
    return NULL;
}

static void *books(void *keepers)
{
    enum { MOST = 64 };
    weft_future *keeper[MOST];
    int n = *(int *)keepers;
    for (int i = 0; i < n; i++)
        keeper[i] = weft_spawn(bookkeeper,
                               weft_test_value(weft_test_seed() + (uint64_t)i));
    for (int i = 0; i < n; i++)
        weft_await(keeper[i], NULL);
    return NULL;
}

static long not_once(void)
{
    long bad = 0;
    for (long i = 0; i < entries; i++)
        bad += atomic_load(&ledger[i].ran) != 1 ||
               atomic_load(&ledger[i].ended) != 1 || ledger[i].awaited > 1;
    return bad;
}

static void balance(unsigned workers, long n, int keepers)
{
    weft_counters counters;
    weft_runtime *rt;
    ledger = calloc((size_t)n, sizeof(*ledger));
    entries = n;
    atomic_store(&next_entry, 0);
    atomic_store(&wrong, 0);
    cr_assert_eq(weft_test_runtime(workers, &rt), 0);
    weft_future *task = weft_run_coroutine_threadsafe(rt, books, &keepers);
    cr_assert_eq(weft_wait_blocking(task, WEFT_FOREVER, NULL), 0);
    cr_assert_eq(weft_runtime_shutdown(rt), 0);
    weft_stats(rt, &counters);
    cr_assert_eq(not_once(), 0);
    cr_assert_eq(atomic_load(&wrong), 0);
    cr_assert_eq(counters.tasks_spawned, counters.tasks_ended);
    cr_assert_eq(counters.tasks_spawned, (uint64_t)(n + keepers + 1));
    cr_assert_eq(counters.steps, counters.steps_local + counters.steps_stolen +
                                     counters.steps_injected);
    if (workers > 1 && weft_test_scaled(1000) == 1000)
        cr_assert_gt(counters.steps_stolen, 0);
    weft_runtime_unref(rt);
    free(ledger);
}

Test(ledger, one_worker, .timeout = 240)
{
    balance(1, (long)weft_test_scaled(200000), 8);
}

Test(ledger, two_workers, .timeout = 240)
{
    balance(2, (long)weft_test_scaled(1000000), 16);
}

Test(ledger, many_workers, .timeout = 240)
{
    balance(16, (long)weft_test_scaled(200000), 64);
}

/* On two CPUs, mostly. */
Test(ledger, far_more_workers_than_cpus, .timeout = 240)
{
    balance(64, (long)weft_test_scaled(100000), 64);
}
