// SPDX-License-Identifier: MIT
/*
 * The operating system with faults: a table as in sched/os.h around the real
 * one, made from the same list. It counts the calls by name, lets one of them
 * fail, cuts transfers short, and keeps account of what was taken and not given
 * back. Safe from any thread; put in place while there is no runtime.
 */
#ifndef WEFT_TESTS_SUPPORT_FAULT_H
#define WEFT_TESTS_SUPPORT_FAULT_H

#include "sched/os.h"

enum weft_test_call {
#define X(name, params, args) WEFT_TEST_CALL_##name,
    WEFT__OS_CALLS(X)
#undef X
        WEFT_TEST_CALLS,
    WEFT_TEST_CALL_ANY = WEFT_TEST_CALLS,
};

/** Its name, for messages. */
const char *weft_test_call_name(enum weft_test_call call);

/** Put the table in place; take it away again. */
void weft_test_faults_open(void);
void weft_test_faults_close(void);

/** From now on the `nth` call (1: the next) of this name fails with `code`, a
 * -errno; with `sticky` all after it, too. It is not made at all; but for those
 * that Linux carries out even if they fail, and those that a program could not
 * survive losing (close, joining, waking): they are made, then said to have
 * failed. */
void weft_test_fault_arm(enum weft_test_call call, uint64_t nth, int code,
                         bool sticky);

/** No more faults. Returns how many there were. */
uint64_t weft_test_fault_disarm(void);

/** recv, send and pread move at most so many bytes a call; 0: all. */
void weft_test_fault_shorten(size_t most);

/** Calls of this name (or of any) since the table was put in place. */
uint64_t weft_test_calls(enum weft_test_call call);

/* What the process has. */
struct weft_test_balance {
    int64_t allocations; /* of the library */
    int64_t mappings;
    int64_t threads;
    int64_t descriptors; /* of the process */
};

struct weft_test_balance weft_test_balance(void);

/** True if it is again as it was `before`; gives threads that are about to end
 * and descriptors that the kernel is about to close ten seconds. */
bool weft_test_balanced(const struct weft_test_balance *before);

#endif
