// SPDX-License-Identifier: MIT
/* An assertion of the core that fails ends the run with its history. */
#include <tests/model/atomic.hpp>

#undef assert
#define assert(cond) RL_ASSERT(cond)
