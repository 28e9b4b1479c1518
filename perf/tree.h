// SPDX-License-Identifier: MIT
/*
 * What there is to ask for below a directory: small files and big ones, as
 * targets of requests. A sample if there are many; always the same one of the
 * same tree.
 */
#ifndef WEFT_PERF_TREE_H
#define WEFT_PERF_TREE_H

#include <stddef.h>
#include <stdint.h>

#define PERF_TREE_SMALL_MAX 16384           /* bytes */
#define PERF_TREE_BIG_MIN (256 * 1024)      /* bytes */
#define PERF_TREE_BIG_MAX (8 * 1024 * 1024) /* bytes */
#define PERF_TREE_SAMPLE 4096

struct perf_targets {
    char *of[PERF_TREE_SAMPLE];
    uint64_t seen; /* how many there were */
    size_t count;  /* how many of them are here */
};

struct perf_tree {
    struct perf_targets small; /* "/file/…" */
    struct perf_targets big;   /* "/sha256/…" */
    uint64_t files;            /* all that can be read */
    uint64_t bytes;
};

/** Walk the tree; on one thread at a time, before there is a runtime. 0 or a
 * negative code. */
int perf_tree_scan(struct perf_tree *, const char *root);
void perf_tree_fini(struct perf_tree *);

#endif
