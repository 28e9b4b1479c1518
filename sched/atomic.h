// SPDX-License-Identifier: MIT
/*
 * The only place that names memory orders. Each operation says in its name what
 * it orders; each use that is not relaxed says at the call what it pairs with.
 *
 * ThreadSanitizer does not model fences. In its build weft__fence() is nothing
 * and the accesses on either side of a fence (the *_fenced ones) are
 * sequentially consistent themselves, which is at least as strong.
 */
#ifndef WEFT_SCHED_ATOMIC_H
#define WEFT_SCHED_ATOMIC_H

#include <stdatomic.h>

#if defined(__SANITIZE_THREAD__)
#define WEFT__TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WEFT__TSAN 1
#endif
#endif

#define weft__load_relaxed(p) atomic_load_explicit((p), memory_order_relaxed)
#define weft__load_acquire(p) atomic_load_explicit((p), memory_order_acquire)
#define weft__store_relaxed(p, v)                                              \
    atomic_store_explicit((p), (v), memory_order_relaxed)
#define weft__store_release(p, v)                                              \
    atomic_store_explicit((p), (v), memory_order_release)

#define weft__load_sc(p) atomic_load_explicit((p), memory_order_seq_cst)

/* Read-modify-writes. Plain names order both ways; sc ones join the total
 * order that the parking protocol needs. */
#define weft__xchg(p, v)                                                       \
    atomic_exchange_explicit((p), (v), memory_order_acq_rel)
#define weft__xchg_sc(p, v)                                                    \
    atomic_exchange_explicit((p), (v), memory_order_seq_cst)
#define weft__fetch_or(p, v)                                                   \
    atomic_fetch_or_explicit((p), (v), memory_order_acq_rel)
#define weft__fetch_and(p, v)                                                  \
    atomic_fetch_and_explicit((p), (v), memory_order_acq_rel)
#define weft__fetch_and_sc(p, v)                                               \
    atomic_fetch_and_explicit((p), (v), memory_order_seq_cst)
#define weft__fetch_add(p, v)                                                  \
    atomic_fetch_add_explicit((p), (v), memory_order_acq_rel)
#define weft__fetch_add_sc(p, v)                                               \
    atomic_fetch_add_explicit((p), (v), memory_order_seq_cst)
#define weft__fetch_add_relaxed(p, v)                                          \
    atomic_fetch_add_explicit((p), (v), memory_order_relaxed)
#define weft__fetch_sub(p, v)                                                  \
    atomic_fetch_sub_explicit((p), (v), memory_order_acq_rel)

/* Compare-and-swap: true if it swapped; otherwise *expected is what was there
 * (read with acquire). The weak one may fail for no reason: loops only. */
#define weft__cas(p, expected, v)                                              \
    atomic_compare_exchange_strong_explicit(                                   \
        (p), (expected), (v), memory_order_acq_rel, memory_order_acquire)
#define weft__cas_weak(p, expected, v)                                         \
    atomic_compare_exchange_weak_explicit(                                     \
        (p), (expected), (v), memory_order_acq_rel, memory_order_acquire)
#define weft__cas_sc(p, expected, v)                                           \
    atomic_compare_exchange_strong_explicit(                                   \
        (p), (expected), (v), memory_order_seq_cst, memory_order_seq_cst)
#define weft__cas_relaxed(p, expected, v)                                      \
    atomic_compare_exchange_strong_explicit(                                   \
        (p), (expected), (v), memory_order_relaxed, memory_order_relaxed)

/* The two sides of a store-load (Dekker) pair around weft__fence(). */
#ifdef WEFT__TSAN
#define weft__fence() ((void)0)
#define weft__fence_after_rmw() ((void)0)
#define weft__load_fenced(p) atomic_load_explicit((p), memory_order_seq_cst)
#define weft__store_fenced(p, v)                                               \
    atomic_store_explicit((p), (v), memory_order_seq_cst)
#define weft__fetch_or_fenced(p, v)                                            \
    atomic_fetch_or_explicit((p), (v), memory_order_seq_cst)
#define weft__fetch_sub_fenced(p, v)                                           \
    atomic_fetch_sub_explicit((p), (v), memory_order_seq_cst)
#else
#if defined(__x86_64__)
/* What gcc makes of it; clang 14 makes an mfence, eight times as slow. */
#define weft__fence()                                                          \
    __asm__ volatile("lock; orl $0, -4(%%rsp)" ::: "memory", "cc")
/* Where a read-modify-write comes before it and no store in between: there is
 * no cheaper fence than that here, and none is needed behind it. */
#define weft__fence_after_rmw() __asm__ volatile("" ::: "memory")
#else
#define weft__fence() atomic_thread_fence(memory_order_seq_cst)
#define weft__fence_after_rmw() weft__fence()
#endif
#define weft__load_fenced(p) atomic_load_explicit((p), memory_order_relaxed)
#define weft__store_fenced(p, v)                                               \
    atomic_store_explicit((p), (v), memory_order_relaxed)
#define weft__fetch_or_fenced(p, v)                                            \
    atomic_fetch_or_explicit((p), (v), memory_order_relaxed)
#define weft__fetch_sub_fenced(p, v)                                           \
    atomic_fetch_sub_explicit((p), (v), memory_order_relaxed)
#endif

/** Tell the core that this is a spin loop. */
static inline void weft__pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory");
#endif
}

#endif
