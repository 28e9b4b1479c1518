// SPDX-License-Identifier: MIT
/*
 * The mutex: see mutex.h.
 *
 * Barging: an unlock frees the word and wakes the first in line, who has to try
 * again; until it does, others may have it many times over, and wake nobody.
 * Who tries in vain goes back to the head of the line. If the first in line has
 * waited for PATIENCE_NS, the unlock writes it into the word instead.
 *
 * (The two modes are those of Go's sync.Mutex, but decided at each unlock.)
 */
#include "future/mutex.h"

#include <pthread.h>
#include <weft/time.h>

#define WAITERS (uintptr_t) WEFT__MUTEX_WAITERS
#define WOKEN (uintptr_t) WEFT__MUTEX_WOKEN
#define HANDED (uintptr_t) WEFT__MUTEX_HANDED
#define FLAGS (uintptr_t) WEFT__MUTEX_FLAGS

#define PATIENCE_NS INT64_C(1000000)
#define SPINS 4 /* rounds of looks that may pay */
#define SIXTEENTHS 16
#define PAUSES 128 /* before each round */
#define LOOKS 4    /* of a round */

_Static_assert(sizeof(struct weft__mutex) <= sizeof(weft_mutex), "it fits");

static struct weft__mutex *inside(weft_mutex *mutex)
{
    return (struct weft__mutex *)(void *)mutex;
}

/* In the frame of who waits. */
struct waiter {
    struct weft__sleeper sleeper;
    uintptr_t who;
    int64_t since;
    bool owns; /* written by who hands it over */
};

static struct waiter *waiter_of(struct weft__sleeper *sleeper)
{
    return weft__container_of(sleeper, struct waiter, sleeper);
}

/* Threads go by the address that glibc and musl have for pthread_t. */
static WEFT__NOINLINE uintptr_t thread_number(void)
{
    return (uintptr_t)pthread_self();
}

static inline uintptr_t number_of(const weft_future *self)
{
    return weft__likely(self != NULL) ? (uintptr_t)self : thread_number();
}

static bool is_free(uintptr_t word)
{
    return (word & ~FLAGS) == 0;
}

static bool is_held_by(struct weft__mutex *mutex, uintptr_t who)
{
    return (weft__load_relaxed(&mutex->word) & ~FLAGS) == who;
}

/* Locking */

static inline bool take_fast(struct weft__mutex *mutex, uintptr_t who)
{
    uintptr_t seen = 0; /* pairs with the swaps of the unlock */
    return weft__likely(weft__cas(&mutex->word, &seen, who)) ||
           (is_free(seen) && weft__cas(&mutex->word, &seen, seen | who));
}

/* If it is free, clearing `mark` as well. */
static bool take(struct weft__mutex *mutex, uintptr_t who, uintptr_t mark)
{
    uintptr_t seen = weft__load_relaxed(&mutex->word);
    while (is_free(seen))
        /* Pairs with the swaps of the unlock. */
        if (weft__cas_weak(&mutex->word, &seen, (seen & ~mark) | who))
            return true;
    return false;
}

/* May the holder be running at this moment? */
static bool pays(struct weft__mutex *mutex)
{
    struct weft__worker *self = weft__worker_self();
    return (self == NULL || self->rt->workers > 1) &&
           !(weft__load_relaxed(&mutex->word) & HANDED);
}

/* Long pauses: the other one has it many times in a row meanwhile, and the line
 * of memory travels less. Then some swaps in a row, as it is held half of the
 * time; a load before them would be old news. */
static bool look(struct weft__mutex *mutex, uintptr_t who)
{
    uintptr_t seen = 0;
    for (unsigned i = 0; i < PAUSES; i++)
        weft__pause();
    for (unsigned i = 0; i < LOOKS; i++) {
        seen &= FLAGS;
        /* Pairs with the swaps of the unlock. */
        if (weft__cas(&mutex->word, &seen, seen | who))
            return true;
        weft__pause();
    }
    return false;
}

/* About twice as long as has paid lately. */
static bool spin(struct weft__mutex *mutex, uintptr_t who)
{
    uint32_t paid = weft__load_relaxed(&mutex->spins);
    uint32_t most = paid / (SIXTEENTHS / 2) + 1;
    uint32_t rounds = 0;
    bool taken = false;
    while (!taken && rounds < most && pays(mutex)) {
        taken = look(mutex, who);
        rounds++;
    }
    rounds = !taken ? 0 : rounds < SPINS ? rounds : SPINS;
    weft__store_relaxed(&mutex->spins, (paid * 7 + rounds * SIXTEENTHS) / 8);
    return taken;
}

/* Get in line, or back to its head; true: it was free, and is ours instead. */
static bool enlist(struct weft__mutex *mutex, struct waiter *waiter, bool again)
{
    uintptr_t mark = again ? WOKEN : 0;
    uintptr_t seen = weft__load_relaxed(&mutex->word);
    uintptr_t next;
    weft__spin_lock(&mutex->lock);
    do
        next = (seen & ~mark) | (is_free(seen) ? waiter->who : WAITERS);
    /* Pairs with the swaps of the unlock: it is ours, or the holder sees us. */
    while (!weft__cas_weak(&mutex->word, &seen, next));
    if (!is_free(seen) && again)
        weft__line_push_first(&mutex->line, &waiter->sleeper);
    else if (!is_free(seen))
        weft__line_push(&mutex->line, &waiter->sleeper);
    weft__spin_unlock(&mutex->lock);
    return is_free(seen);
}

/* We were woken and wait no more: the holder may wake another one. True: it was
 * free, and is ours after all. */
static bool stand_down(struct weft__mutex *mutex, uintptr_t who)
{
    uintptr_t seen = weft__load_relaxed(&mutex->word);
    uintptr_t next;
    do
        next = (is_free(seen) ? seen | who : seen) & ~WOKEN;
    while (!weft__cas_weak(&mutex->word, &seen, next)); /* as above */
    return is_free(seen);
}

/* 0: it is ours. */
static int wait_for(struct weft__mutex *mutex, struct waiter *waiter)
{
    uint64_t waits = weft__waits(WEFT_WAITS_MUTEX, (uint64_t)(uintptr_t)mutex);
    for (bool again = false; !enlist(mutex, waiter, again); again = true) {
        int rc = weft__sleeper_wait(&waiter->sleeper, &mutex->lock,
                                    &mutex->line, waits);
        if (rc < 0 || waiter->owns)
            return rc;
        if (take(mutex, waiter->who, WOKEN))
            return 0;
        rc = weft__sleeper_over(&waiter->sleeper);
        if (rc < 0)
            return stand_down(mutex, waiter->who) ? 0 : rc;
    }
    return 0;
}

/* `until` is of a thread; 0: it does not wait. */
static int lock_held(struct weft__mutex *mutex, weft_future *self,
                     int64_t until, const char *who)
{
    struct waiter waiter;
    waiter.who = number_of(self);
    waiter.owns = false;
    if (is_held_by(mutex, waiter.who))
        return weft__misuse(-WEFT_EDEADLK, who,
                            "this task or thread holds the mutex");
    if (take(mutex, waiter.who, 0))
        return 0;
    if (self == NULL && until == 0)
        return -WEFT_ETIMEOUT;
    if (self != NULL && (weft__load_relaxed(&mutex->word) & HANDED))
        weft__task_yield(); /* its holder may be next here; no line grows */
    if (spin(mutex, waiter.who) || take(mutex, waiter.who, 0))
        return 0;
    waiter.since = weft__os->now();
    weft__sleeper_init(&waiter.sleeper, self, until);
    return wait_for(mutex, &waiter);
}

static WEFT__NOINLINE int lock_slow(struct weft__mutex *mutex,
                                    weft_future *self)
{
    int rc = weft__task_check_of(self, "weft_mutex_lock");
    return rc < 0 ? rc : lock_held(mutex, self, 0, "weft_mutex_lock");
}

int weft_mutex_lock(weft_mutex *public)
{
    struct weft__mutex *mutex = inside(public);
    weft_future *self = weft__task_current();
    if (weft__likely(self != NULL) && weft__task_is_calm(self) &&
        take_fast(mutex, (uintptr_t)self))
        return 0;
    return lock_slow(mutex, self);
}

int weft_mutex_trylock(weft_mutex *public)
{
    struct weft__mutex *mutex = inside(public);
    uintptr_t who = number_of(weft__task_current());
    return take(mutex, who, 0) ? 0 : -WEFT_EBUSY;
}

int weft_mutex_lock_blocking(weft_mutex *public, weft_ns timeout)
{
    struct weft__mutex *mutex = inside(public);
    if (weft__worker_self() != NULL)
        return weft__misuse(-WEFT_EDEADLK, __func__, WEFT__BLOCKS);
    if (take_fast(mutex, thread_number()))
        return 0;
    return lock_held(mutex, NULL, timeout > 0 ? weft_after(timeout) : 0,
                     __func__);
}

/* Unlocking. As soon as it is free and nobody waits, its memory may be gone. */

/* With this holder, or with WOKEN; WAITERS may come meanwhile. */
static void release(struct weft__mutex *mutex, uintptr_t next)
{
    uintptr_t seen = weft__load_relaxed(&mutex->word);
    /* Pairs with take(). */
    while (
        !weft__cas_weak(&mutex->word, &seen, (seen & (WAITERS | WOKEN)) | next))
        ;
}

/* To the first in line: the mutex, or a wake. False: there is nobody. */
static bool pass_on(struct weft__mutex *mutex)
{
    int64_t now = weft__os->now();
    weft__spin_lock(&mutex->lock);
    struct weft__sleeper *first = weft__line_pop(&mutex->line);
    if (mutex->line.first == NULL)
        weft__fetch_and(&mutex->word, ~WAITERS); /* pairs with enlist() */
    if (first != NULL) {
        struct waiter *waiter = waiter_of(first);
        waiter->owns = now - waiter->since > PATIENCE_NS;
        release(mutex, waiter->owns ? waiter->who | HANDED : WOKEN);
    }
    weft__spin_unlock(&mutex->lock);
    if (first != NULL)
        weft__sleeper_wake(first);
    return first != NULL;
}

static WEFT__NOINLINE int unlock_slow(struct weft__mutex *mutex, uintptr_t who)
{
    if (!is_held_by(mutex, who))
        return weft__misuse(-EPERM, "weft_mutex_unlock",
                            "this task or thread does not hold the mutex");
    for (;;) {
        uintptr_t seen = weft__load_relaxed(&mutex->word);
        bool wake = (seen & (WAITERS | WOKEN)) == WAITERS;
        if (wake && pass_on(mutex))
            return 0;
        /* Pairs with take(). */
        if (!wake && weft__cas(&mutex->word, &seen, seen & (WAITERS | WOKEN)))
            return 0;
    }
}

int weft_mutex_unlock(weft_mutex *public)
{
    struct weft__mutex *mutex = inside(public);
    uintptr_t who = number_of(weft__task_current());
    uintptr_t seen = who; /* pairs with take() */
    if (weft__likely(weft__cas(&mutex->word, &seen, 0)) ||
        ((seen & ~WAITERS) == (who | WOKEN) && /* nobody is to be woken */
         weft__cas(&mutex->word, &seen, seen & ~who)))
        return 0;
    return unlock_slow(mutex, who);
}
