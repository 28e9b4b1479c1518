// SPDX-License-Identifier: MIT
/** All of weft in one include. Each header under weft/ stands alone, too. */
#ifndef WEFT_H
#define WEFT_H

#include <weft/base.h>
#include <weft/context.h>
#include <weft/error.h>
#include <weft/exec.h>
#include <weft/file.h>
#include <weft/fork.h>
#include <weft/future.h>
#include <weft/group.h>
#include <weft/inspect.h>
#include <weft/map.h>
#include <weft/mutex.h>
#include <weft/process.h>
#include <weft/queue.h>
#include <weft/runtime.h>
#include <weft/scope.h>
#include <weft/stats.h>
#include <weft/task.h>
#include <weft/tcp.h>
#include <weft/time.h>
#include <weft/typed.h>
#include <weft/wait.h>

#endif
