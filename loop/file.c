// SPDX-License-Identifier: MIT
/* Files: open, read, stat, close. How a call is carried out: operation.c. */
#define _GNU_SOURCE
#include "future/task.h"
#include "loop/operation.h"
#include "sched/debug.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <weft/file.h>

#define READ_MAX ((size_t)1 << 30) /* what one read(2) surely does */

struct weft_file {
    int fd;
};

int weft_file_open(weft_file **out, const char *path, int flags, mode_t mode)
{
    struct weft__operation op = {.kind = WEFT__OP_OPEN,
                                 .fd = AT_FDCWD,
                                 .path = path,
                                 .flags = flags,
                                 .mode = mode};
    int rc = weft__task_check();
    if (rc < 0)
        return rc;
    weft_file *file = weft__mem_alloc(1, sizeof(*file));
    if (file == NULL)
        return -ENOMEM;
    long fd = weft__operation_run(&op);
    if (fd < 0) {
        weft__mem_free(file);
        return (int)fd;
    }
    file->fd = (int)fd;
    weft__debug_opened(file, op.loop->rt, "file", file->fd, weft__debug_site());
    *out = file;
    return 0;
}

ssize_t weft_file_read(weft_file *file, void *buffer, size_t size,
                       uint64_t offset)
{
    struct weft__operation op = {.kind = WEFT__OP_READ,
                                 .fd = file->fd,
                                 .buffer = buffer,
                                 .size = size < READ_MAX ? size : READ_MAX,
                                 .offset = offset};
    int rc = weft__task_check();
    if (rc < 0)
        return rc;
    if (offset > INT64_MAX)
        return -EINVAL;
    return weft__operation_run(&op);
}

static int stat_at(int dir, const char *path, int flags, weft_file_info *out,
                   const char *who)
{
    struct statx found;
    struct weft__operation op = {.kind = WEFT__OP_STAT,
                                 .fd = dir,
                                 .path = path,
                                 .flags = flags,
                                 .mode = STATX_BASIC_STATS,
                                 .buffer = &found};
    int rc = weft__task_check_for(who);
    if (rc == 0)
        rc = (int)weft__operation_run(&op);
    if (rc < 0)
        return rc;
    *out = (weft_file_info){
        .size = found.stx_size,
        .inode = found.stx_ino,
        .modified = found.stx_mtime.tv_sec * INT64_C(1000000000) +
                    found.stx_mtime.tv_nsec,
        .mode = found.stx_mode,
        .links = found.stx_nlink,
    };
    return 0;
}

int weft_file_stat(weft_file *file, weft_file_info *out)
{
    return stat_at(file->fd, "", AT_EMPTY_PATH, out, __func__);
}

int weft_path_stat(const char *path, weft_file_info *out)
{
    return stat_at(AT_FDCWD, path, 0, out, __func__);
}

void weft_file_close(weft_file *file)
{
    if (file == NULL)
        return;
    weft__debug_closed(file, __func__);
    weft__os->close(file->fd);
    weft__mem_free(file);
}

int weft_file_fd(const weft_file *file)
{
    return file->fd;
}
