// SPDX-License-Identifier: MIT
/* What os_process.c puts into the table of os.h. */
#ifndef WEFT_SCHED_OS_PROCESS_H
#define WEFT_SCHED_OS_PROCESS_H

#include "sched/os.h"

#define X(name, params, args) long weft__os_##name params;
WEFT__OS_PROCESS_CALLS(X)
#undef X

#define WEFT__OR_ERRNO(call)                                                   \
    ({                                                                         \
        long result_ = (long)(call);                                           \
        result_ < 0 ? -errno : result_;                                        \
    })

#endif
