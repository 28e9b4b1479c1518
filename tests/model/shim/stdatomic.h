// SPDX-License-Identifier: MIT
/* Found before the compiler's own: sched/atomic.h then works on the checker's
 * atomics, and is itself part of what is checked. */
#include <tests/model/atomic.hpp>
