// SPDX-License-Identifier: MIT
/* The calls that -fsanitize=thread compiles in: see writes.h. */
#include "tests/budget/writes.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define LINE_SHIFT 6
#define LINES ((size_t)1 << 20) /* different ones that may be written */
#define SITES 1024              /* in the code */
#define COMMON 8

/* Who wrote it last. Found by its number, in an open hash. */
struct line {
    _Atomic(uintptr_t) number;
    _Atomic(unsigned) writer;
};

/* A place in the code, and how often it was a shared write. */
struct site {
    uintptr_t pc; /* of the thread's own table: read by others at rest */
    _Atomic(uint64_t) count;
    enum weft_write kind;
};

struct thread {
    _Alignas(128) _Atomic(uint64_t) all;
    _Atomic(uint64_t) shared[WEFT_WRITE_KINDS];
    struct site sites[SITES];
};

struct range {
    uintptr_t from, to;
};

/* The linker's. */
extern const char __executable_start[];
extern const char __data_start[];
extern const char _end[];

static struct range common[COMMON];
static struct line lines[LINES];
static struct thread threads[WEFT_WRITES_THREADS];
static atomic_uint last_thread;
static _Thread_local unsigned self;

static void count(_Atomic(uint64_t) *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static void give_up(const char *what)
{
    fprintf(stderr, "writes.c: too many %s\n", what);
    abort();
}

unsigned weft_writes_self(void)
{
    if (self == 0)
        self = atomic_fetch_add(&last_thread, 1) + 1;
    if (self >= WEFT_WRITES_THREADS)
        give_up("threads");
    return self;
}

static size_t hash(uintptr_t key, size_t size)
{
    return (size_t)((uint64_t)key * UINT64_C(0x9e3779b97f4a7c15) >> 40) % size;
}

static struct line *line_of(uintptr_t number)
{
    size_t at = hash(number, LINES);
    for (size_t i = 0; i < LINES; i++, at = (at + 1) % LINES) {
        uintptr_t seen = atomic_load(&lines[at].number);
        if (seen == 0 &&
            atomic_compare_exchange_strong(&lines[at].number, &seen, number))
            return &lines[at];
        if (seen == number)
            return &lines[at];
    }
    give_up("lines");
    return NULL;
}

static void note_site(struct thread *thread, uintptr_t pc, enum weft_write kind)
{
    size_t at = hash(pc, SITES);
    for (size_t i = 0; i < SITES; i++, at = (at + 1) % SITES) {
        struct site *site = &thread->sites[at];
        if (site->pc == 0) {
            site->pc = pc;
            site->kind = kind;
        }
        if (site->pc == pc) {
            count(&site->count);
            return;
        }
    }
    give_up("places");
}

void weft_writes_common(const void *at, size_t size)
{
    unsigned i = 0;
    while (i < COMMON && common[i].to != 0)
        i++;
    if (i == COMMON)
        give_up("ranges");
    common[i] = (struct range){(uintptr_t)at, (uintptr_t)at + size};
}

static bool is_common(uintptr_t at)
{
    if (at >= (uintptr_t)__data_start && at < (uintptr_t)_end)
        return true;
    for (unsigned i = 0; i < COMMON; i++)
        if (at >= common[i].from && at < common[i].to)
            return true;
    return false;
}

/* Take the line for this thread; returns whether another one had it. */
static bool fetch(uintptr_t number, unsigned me)
{
    unsigned last = atomic_exchange(&line_of(number)->writer, me);
    return last != me && last != 0;
}

static void on_write(const volatile void *at, size_t size, enum weft_write kind,
                     void *pc)
{
    unsigned me = weft_writes_self();
    uintptr_t end = (uintptr_t)at + size;
    count(&threads[me].all);
    for (uintptr_t byte = (uintptr_t)at; byte < end;) {
        uintptr_t number = byte >> LINE_SHIFT;
        if (fetch(number, me) || is_common(byte)) {
            count(&threads[me].shared[kind]);
            note_site(&threads[me], (uintptr_t)pc, kind);
        }
        byte = (number + 1) << LINE_SHIFT;
    }
}

/* Reading it */

void weft_writes_clear(void)
{
    for (unsigned i = 0; i < WEFT_WRITES_THREADS; i++) {
        struct thread *thread = &threads[i];
        atomic_store(&thread->all, 0);
        for (unsigned kind = 0; kind < WEFT_WRITE_KINDS; kind++)
            atomic_store(&thread->shared[kind], 0);
        for (unsigned at = 0; at < SITES; at++)
            atomic_store(&thread->sites[at].count, 0);
    }
}

struct weft_writes weft_writes_of(unsigned number)
{
    struct thread *thread = &threads[number];
    struct weft_writes writes = {.all = atomic_load(&thread->all)};
    for (unsigned kind = 0; kind < WEFT_WRITE_KINDS; kind++)
        writes.shared[kind] = atomic_load(&thread->shared[kind]);
    return writes;
}

void weft_writes_add(struct weft_writes *sum, const struct weft_writes *then)
{
    struct weft_writes now = weft_writes_of(weft_writes_self());
    sum->all += now.all - then->all;
    for (unsigned kind = 0; kind < WEFT_WRITE_KINDS; kind++)
        sum->shared[kind] += now.shared[kind] - then->shared[kind];
}

uint64_t weft_writes_shared(const struct weft_writes *writes)
{
    uint64_t sum = 0;
    for (unsigned kind = 0; kind < WEFT_WRITE_KINDS; kind++)
        sum += writes->shared[kind];
    return sum;
}

static int most_first(const void *a, const void *b)
{
    uint64_t x = ((const struct site *)a)->count;
    uint64_t y = ((const struct site *)b)->count;
    return (x < y) - (x > y);
}

void weft_writes_sites(unsigned number, uint64_t least, FILE *to)
{
    static const char *const kinds[] = {"rmw", "store", "plain"};
    static struct site sites[SITES];
    memcpy(sites, threads[number].sites, sizeof(sites));
    qsort(sites, SITES, sizeof(*sites), most_first);
    for (unsigned i = 0; i < SITES && sites[i].count > 0; i++)
        if (sites[i].count >= least)
            fprintf(to, "%12llu %-5s 0x%llx\n",
                    (unsigned long long)sites[i].count, kinds[sites[i].kind],
                    (unsigned long long)(sites[i].pc -
                                         (uintptr_t)__executable_start - 1));
}

/* What the compiler calls. The names and types are its own. */

#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#define HERE __builtin_return_address(0)

void __tsan_init(void)
{
}

void __tsan_func_entry(void *pc)
{
    (void)pc;
}

void __tsan_func_exit(void)
{
}

void __tsan_write_range(void *at, size_t size)
{
    on_write(at, size, WEFT_WRITE_PLAIN, HERE);
}

void __tsan_read_range(void *at, size_t size)
{
    (void)at;
    (void)size;
}

#define PLAIN(bytes)                                                           \
    void __tsan_write##bytes(void *at)                                         \
    {                                                                          \
        on_write(at, bytes, WEFT_WRITE_PLAIN, HERE);                           \
    }                                                                          \
    void __tsan_unaligned_write##bytes(void *at)                               \
    {                                                                          \
        on_write(at, bytes, WEFT_WRITE_PLAIN, HERE);                           \
    }                                                                          \
    void __tsan_read##bytes(void *at)                                          \
    {                                                                          \
        (void)at;                                                              \
    }                                                                          \
    void __tsan_unaligned_read##bytes(void *at)                                \
    {                                                                          \
        (void)at;                                                              \
    }

PLAIN(1)
PLAIN(2)
PLAIN(4)
PLAIN(8)
PLAIN(16)

/* All of them sequentially consistent: stronger than what was asked for. */
#define RMW(bits, name)                                                        \
    uint##bits##_t __tsan_atomic##bits##_##name(                               \
        volatile uint##bits##_t *at, uint##bits##_t value, int order)          \
    {                                                                          \
        (void)order;                                                           \
        on_write(at, bits / 8, WEFT_WRITE_RMW, HERE);                          \
        return __atomic_##name(at, value, __ATOMIC_SEQ_CST);                   \
    }

#define CAS(bits, strength)                                                    \
    int __tsan_atomic##bits##_compare_exchange_##strength(                     \
        volatile uint##bits##_t *at, uint##bits##_t *expected,                 \
        uint##bits##_t value, int order, int failed)                           \
    {                                                                          \
        (void)order;                                                           \
        (void)failed;                                                          \
        on_write(at, bits / 8, WEFT_WRITE_RMW, HERE);                          \
        return __atomic_compare_exchange_n(                                    \
            at, expected, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);   \
    }

#define ATOMIC(bits)                                                           \
    uint##bits##_t __tsan_atomic##bits##_load(                                 \
        const volatile uint##bits##_t *at, int order)                          \
    {                                                                          \
        (void)order;                                                           \
        return __atomic_load_n(at, __ATOMIC_SEQ_CST);                          \
    }                                                                          \
    void __tsan_atomic##bits##_store(volatile uint##bits##_t *at,              \
                                     uint##bits##_t value, int order)          \
    {                                                                          \
        (void)order;                                                           \
        on_write(at, bits / 8, WEFT_WRITE_ATOMIC, HERE);                       \
        __atomic_store_n(at, value, __ATOMIC_SEQ_CST);                         \
    }                                                                          \
    uint##bits##_t __tsan_atomic##bits##_exchange(                             \
        volatile uint##bits##_t *at, uint##bits##_t value, int order)          \
    {                                                                          \
        (void)order;                                                           \
        on_write(at, bits / 8, WEFT_WRITE_RMW, HERE);                          \
        return __atomic_exchange_n(at, value, __ATOMIC_SEQ_CST);               \
    }                                                                          \
    RMW(bits, fetch_add)                                                       \
    RMW(bits, fetch_sub)                                                       \
    RMW(bits, fetch_and)                                                       \
    RMW(bits, fetch_or)                                                        \
    CAS(bits, strong)                                                          \
    CAS(bits, weak)

ATOMIC(8)
ATOMIC(16)
ATOMIC(32)
ATOMIC(64)

void __tsan_atomic_thread_fence(int order)
{
    (void)order;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}
