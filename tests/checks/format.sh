#!/bin/sh
# SPDX-License-Identifier: MIT
# The tree is as clang-format would have it; `make format` makes it so.
cd "$(dirname "$0")/../.." || exit 1
command -v clang-format >/dev/null || { echo "no clang-format"; exit 77; }
# Other versions format differently, which would be nobody's fault.
clang-format --version | grep -q 'version 14\.' ||
    { clang-format --version; exit 77; }
scripts/sources.sh | xargs clang-format --dry-run -Werror
