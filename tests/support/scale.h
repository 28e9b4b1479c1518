// SPDX-License-Identifier: MIT
/*
 * How much a test does, and with which random numbers: WEFT_TEST_SCALE divides
 * the counts (sanitizers, emulators), WEFT_TEST_SEED repeats a run. The numbers
 * are splitmix64 (Steele, Lea, Flood, OOPSLA 2014): not for secrets.
 */
#ifndef WEFT_TESTS_SUPPORT_SCALE_H
#define WEFT_TESTS_SUPPORT_SCALE_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

static inline uint64_t weft_test_number(const char *variable, uint64_t fallback)
{
    const char *text = getenv(variable);
    return text != NULL && *text != '\0' ? strtoull(text, NULL, 0) : fallback;
}

/** n divided by WEFT_TEST_SCALE, but at least 1. */
static inline size_t weft_test_scaled(size_t n)
{
    uint64_t scale = weft_test_number("WEFT_TEST_SCALE", 1);
    return scale <= 1 ? n : n / scale > 0 ? (size_t)(n / scale) : 1;
}

static inline uint64_t weft_test_seed(void)
{
    return weft_test_number("WEFT_TEST_SEED", UINT64_C(0x77656674));
}

struct weft_test_random {
    uint64_t state;
};

static inline uint64_t weft_test_next(struct weft_test_random *random)
{
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/** Uniform enough in [0, n). */
static inline uint64_t weft_test_below(struct weft_test_random *random,
                                       uint64_t n)
{
    return weft_test_next(random) % n;
}

#endif
