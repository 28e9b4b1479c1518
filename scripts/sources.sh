#!/bin/sh
# SPDX-License-Identifier: MIT
# Names every C file of ours, one a line, from the top of the tree.
cd "$(dirname "$0")/.." || exit 1
find include sched future loop exec tests perf examples docs \
    -name '*.[ch]' -type f | LC_ALL=C sort
