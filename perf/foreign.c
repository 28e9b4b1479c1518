// SPDX-License-Identifier: MIT
/*
 * The walkers of foreign.h.
 *
 * A visit is one directory. Its coroutine has the names read by a job on a
 * thread of the pool (readdir blocks), then asks for the size of each file. A
 * walker submits some visits, waits for all, and goes on with what they found.
 * A visit belongs to its walker, but for the time between submission and the
 * end of the wait.
 */
#define _GNU_SOURCE
#include "perf/foreign.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <weft/exec.h>
#include <weft/file.h>
#include <weft/future.h>

#define WINDOW 16 /* visits submitted at once */

struct names {
    char **of;
    size_t count, room;
};

struct visit {
    char *path;
    struct names files, directories;
    uint64_t bytes, sized, unreadable, failed;
    bool cut; /* the runtime ends */
};

struct walker {
    struct perf_foreign *foreign;
    struct names waiting;  /* directories */
    uint64_t files, bytes; /* of this walk */
    bool cut;              /* this walk is not whole */
};

/* Takes the name over, also when it fails. */
static int push(struct names *names, char *name)
{
    if (name != NULL && names->count == names->room) {
        size_t room = names->room > 0 ? names->room * 2 : 16;
        char **of = realloc(names->of, room * sizeof(*of));

        if (of == NULL) {
            free(name);
            return -ENOMEM;
        }
        names->of = of;
        names->room = room;
    }
    if (name == NULL) {
        return -ENOMEM;
    }
    names->of[names->count++] = name;
    return 0;
}

static void clear(struct names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        free(names->of[i]);
    }
    free(names->of);
    *names = (struct names){0};
}

static char *join(const char *directory, const char *name)
{
    char *path;

    return asprintf(&path, "%s/%s", directory, name) < 0 ? NULL : path;
}

/* Count a directory or file that could not be looked at. */
static void miss(struct visit *visit, int rc)
{
    if (rc == -WEFT_ECANCELED || rc == -WEFT_ESHUTDOWN) {
        visit->cut = true;
    } else if (rc == -EACCES || rc == -ENOENT) {
        visit->unreadable++;
    } else {
        visit->failed++;
    }
}

/* DT_REG, DT_DIR or something that is of no interest here. */
static unsigned char type_of(DIR *directory, const struct dirent *entry)
{
    struct stat info;

    if (entry->d_type != DT_UNKNOWN) {
        return entry->d_type;
    }
    if (fstatat(dirfd(directory), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) !=
        0) {
        return DT_UNKNOWN;
    }
    return (unsigned char)IFTODT(info.st_mode);
}

static int take_entry(struct visit *visit, DIR *directory,
                      const struct dirent *entry)
{
    unsigned char type = type_of(directory, entry);

    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
        return 0;
    }
    if (type == DT_DIR) {
        return push(&visit->directories, join(visit->path, entry->d_name));
    }
    if (type == DT_REG) {
        return push(&visit->files, join(visit->path, entry->d_name));
    }
    return 0;
}

/* A job. */
static void *read_names(void *arg)
{
    struct visit *visit = arg;
    DIR *directory = opendir(visit->path);
    struct dirent *entry;
    int rc = 0;

    if (directory == NULL) {
        return weft_fail(-errno);
    }
    while (rc == 0 && (entry = readdir(directory)) != NULL) {
        rc = take_entry(visit, directory, entry);
    }
    closedir(directory);
    return weft_fail(rc);
}

/* A coroutine. */
static void *run_visit(void *arg)
{
    struct visit *visit = arg;
    int rc = weft_to_thread(read_names, visit, NULL);

    if (rc != 0) {
        miss(visit, rc);
        return NULL;
    }
    for (size_t i = 0; i < visit->files.count && !visit->cut; i++) {
        weft_file_info info;

        rc = weft_path_stat(visit->files.of[i], &info);
        if (rc != 0) {
            miss(visit, rc);
        } else {
            visit->bytes += info.size;
            visit->sized++;
        }
    }
    return NULL;
}

static void add(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

/* What a visit has found, after it has ended. */
static void collect(struct walker *walker, struct visit *visit)
{
    struct perf_foreign *foreign = walker->foreign;

    walker->files += visit->sized;
    walker->bytes += visit->bytes;
    walker->cut |= visit->cut || visit->failed > 0;
    add(&foreign->files, visit->sized);
    add(&foreign->bytes, visit->bytes);
    add(&foreign->unreadable, visit->unreadable);
    add(&foreign->failed, visit->failed);
    for (size_t i = 0; i < visit->directories.count; i++) {
        if (push(&walker->waiting, visit->directories.of[i]) != 0) {
            add(&foreign->failed, 1);
        }
    }
    visit->directories.count = 0;
}

/* A visit that did not happen: the runtime ends, or has too much to do; in the
 * latter case the directory is tried again. */
static void give_back(struct walker *walker, struct visit *visit, int rc)
{
    struct timespec pause = {0, 1000000};

    if (rc == -WEFT_ESHUTDOWN || rc == -WEFT_ECANCELED) {
        walker->cut = true;
        return;
    }
    if (rc != -WEFT_EBUSY || push(&walker->waiting, visit->path) != 0) {
        add(&walker->foreign->failed, 1);
        walker->cut = true;
        return;
    }
    visit->path = NULL;
    nanosleep(&pause, NULL);
}

static void finish(struct walker *walker, struct visit *visit,
                   weft_future *future)
{
    int rc = weft_wait_blocking(future, WEFT_FOREVER, NULL);

    if (rc == 0) {
        collect(walker, visit);
    } else {
        give_back(walker, visit, rc);
    }
    clear(&visit->files);
    clear(&visit->directories);
    free(visit->path);
}

/* Submit some visits, then wait for each. */
static void walk_window(struct walker *walker)
{
    struct perf_foreign *foreign = walker->foreign;
    struct visit visits[WINDOW] = {0};
    weft_future *futures[WINDOW];
    size_t n = 0;

    while (n < WINDOW && walker->waiting.count > 0) {
        visits[n].path = walker->waiting.of[--walker->waiting.count];
        futures[n] = weft_run_coroutine_threadsafe(foreign->runtime, run_visit,
                                                   &visits[n]);
        add(&foreign->submitted, 1);
        n++;
    }
    for (size_t i = 0; i < n; i++) {
        finish(walker, &visits[i], futures[i]);
    }
}

/* A walk over the whole tree has come to its end. */
static void note_walk(struct walker *walker)
{
    struct perf_foreign *foreign = walker->foreign;
    uint64_t before = atomic_exchange(&foreign->walk_bytes, walker->bytes);

    atomic_store(&foreign->walk_files, walker->files);
    if (atomic_fetch_add(&foreign->walks, 1) > 0 && before != walker->bytes) {
        add(&foreign->disagreed, 1);
    }
}

static void walk(struct walker *walker)
{
    struct perf_foreign *foreign = walker->foreign;

    walker->files = 0;
    walker->bytes = 0;
    if (push(&walker->waiting, strdup(foreign->root)) != 0) {
        add(&foreign->failed, 1);
        walker->cut = true;
    }
    while (walker->waiting.count > 0 && !walker->cut &&
           !atomic_load(&foreign->stop)) {
        walk_window(walker);
    }
    if (!walker->cut && walker->waiting.count == 0) {
        note_walk(walker);
    }
    clear(&walker->waiting);
}

static void *run_walker(void *arg)
{
    struct walker walker = {.foreign = arg};

    while (!atomic_load(&walker.foreign->stop) && !walker.cut) {
        walk(&walker);
    }
    return NULL;
}

/* Signals are for the thread that runs the runtime. */
static int start_threads(struct perf_foreign *foreign)
{
    sigset_t all, before;
    int rc = 0;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (rc == 0 && foreign->started < foreign->count) {
        rc = pthread_create(&foreign->threads[foreign->started], NULL,
                            run_walker, foreign);
        foreign->started += rc == 0;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -rc;
}

int perf_foreign_start(struct perf_foreign *foreign)
{
    foreign->runtime = weft_runtime_ref(weft_running_loop());
    return start_threads(foreign);
}

void perf_foreign_stop(struct perf_foreign *foreign)
{
    atomic_store(&foreign->stop, true);
}

void perf_foreign_join(struct perf_foreign *foreign)
{
    atomic_store(&foreign->stop, true);
    for (uint64_t i = 0; i < foreign->started; i++) {
        pthread_join(foreign->threads[i], NULL);
    }
    if (foreign->runtime != NULL) {
        weft_runtime_unref(foreign->runtime);
    }
}
