#!/bin/sh
# SPDX-License-Identifier: MIT
# The machine-dependent ground floor on aarch64: the switch and the queues,
# cross-built and run under qemu-user on one CPU. Functional only: an emulator
# on x86-64 shows none of the reorderings of the real machine.
# Usage: cross.sh FOLDER
cd "$(dirname "$0")/../.." || exit 1
folder=${1:?a folder to build in}
cc=aarch64-linux-gnu-gcc
for tool in $cc qemu-aarch64; do
    command -v $tool >/dev/null || { echo "no $tool"; exit 77; }
done

# Of liburing only the headers are needed, and they are the same everywhere.
mkdir -p "$folder/include" || exit 1
ln -sfn /usr/include/liburing.h "$folder/include/liburing.h"
ln -sfn /usr/include/liburing "$folder/include/liburing"

ulimit -c 0 # one test expects a trap
status=0
for test in context deque ring wheel; do
    program=$folder/$test
    $cc -std=gnu17 -O1 -g -static -Wall -Wextra -Werror -DWEFT_PLAIN_RUNNER \
        -I. -Iinclude -I"$folder/include" -pthread -o "$program" \
        tests/sched/$test.c tests/support/runner.c \
        tests/checks/cross_uring.c sched/context_aarch64.S sched/array.c \
        sched/deque.c sched/lock.c sched/os.c sched/os_process.c \
        sched/report.c sched/ring.c \
        sched/wheel.c ||
        { status=1; continue; }
    echo "$test"
    WEFT_TEST_SCALE=${WEFT_TEST_SCALE:-100} \
        WEFT_TEST_TIMEOUT_MULTIPLIER=${WEFT_TEST_TIMEOUT_MULTIPLIER:-10} \
        taskset -c "$(taskset -pc $$ | sed 's/.*: *\([0-9]*\).*/\1/')" \
        qemu-aarch64 "$program" || { echo "$test: exit $?"; status=1; }
done
exit $status
