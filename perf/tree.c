// SPDX-License-Identifier: MIT
/*
 * The tree of tree.h. Symbolic links are not followed, unreadable files are
 * passed over.
 */
#define _GNU_SOURCE
#include "perf/tree.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "perf/path.h"
#include "perf/random.h"

#define DESCRIPTORS 32

/* nftw(3) hands nothing on to its callback. */
static struct perf_tree *scanned;
static size_t root_length;

/* "PREFIX" and the escaped name, in memory of its own. */
static char *target_of(const char *prefix, const char *name)
{
    char target[PATH_MAX + 16];
    size_t n = strlen(prefix);

    memcpy(target, prefix, n);
    if (perf_path_encode(name, target + n, sizeof(target) - n) < 0) {
        return NULL;
    }
    return strdup(target);
}

/* Keep each of those seen with the same probability (Vitter's algorithm R). */
static int sample(struct perf_targets *targets, const char *prefix,
                  const char *name)
{
    uint64_t seen = targets->seen++;
    uint64_t at =
        seen < PERF_TREE_SAMPLE ? seen : perf_random_at(seen, 1) % (seen + 1);

    if (at >= PERF_TREE_SAMPLE) {
        return 0;
    }
    free(targets->of[at]);
    targets->of[at] = target_of(prefix, name);
    if (targets->of[at] == NULL) {
        return -ENOMEM;
    }
    targets->count = at >= targets->count ? (size_t)at + 1 : targets->count;
    return 0;
}

static int visit(const char *path, const struct stat *info, int type,
                 struct FTW *where)
{
    const char *name = path + root_length;
    uint64_t size = (uint64_t)info->st_size;

    (void)where;
    if (type != FTW_F || !S_ISREG(info->st_mode) || access(path, R_OK) != 0) {
        return 0;
    }
    name += strspn(name, "/");
    scanned->files++;
    scanned->bytes += size;
    if (size <= PERF_TREE_SMALL_MAX) {
        return sample(&scanned->small, "/file/", name);
    }
    if (size >= PERF_TREE_BIG_MIN && size <= PERF_TREE_BIG_MAX) {
        return sample(&scanned->big, "/sha256/", name);
    }
    return 0;
}

int perf_tree_scan(struct perf_tree *tree, const char *root)
{
    int rc;

    memset(tree, 0, sizeof(*tree));
    scanned = tree;
    root_length = strlen(root);
    errno = 0;
    rc = nftw(root, visit, DESCRIPTORS, FTW_PHYS);
    if (rc == -1) {
        rc = errno != 0 ? -errno : -EIO;
    }
    if (rc != 0) {
        perf_tree_fini(tree);
    }
    return rc;
}

static void clear(struct perf_targets *targets)
{
    for (size_t i = 0; i < targets->count; i++) {
        free(targets->of[i]);
    }
    targets->count = 0;
}

void perf_tree_fini(struct perf_tree *tree)
{
    clear(&tree->small);
    clear(&tree->big);
}
