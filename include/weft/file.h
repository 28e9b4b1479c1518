// SPDX-License-Identifier: MIT
/**
 * Files: by io_uring where it is there, by OS threads where not; a worker never
 * waits for a disk.
 */
#ifndef WEFT_FILE_H
#define WEFT_FILE_H

#include <weft/base.h>

WEFT_BEGIN

typedef struct weft_file weft_file;

/** What there is to know of a file; see statx(2). */
typedef struct weft_file_info {
    uint64_t size; /* bytes */
    uint64_t inode;
    int64_t modified; /* ns since 1970 */
    uint32_t mode;    /* type and permissions: S_ISREG(mode) … */
    uint32_t links;
} weft_file_info;

/**
 * Open a file (openat(2)); O_CLOEXEC is added.
 *
 * Context:       coroutine.
 * Suspends:      until it is open.
 * Cancellation:  ordinary; no descriptor is left open.
 * Ownership:     *out is yours: weft_file_close() it. The path is borrowed.
 * Returns:       0; -ENOENT, -EACCES, -EMFILE, -ENOMEM …; -WEFT_ECANCELED;
 *                -WEFT_ENORUNTIME.
 */
WEFT_API WEFT_MUST_CHECK int weft_file_open(weft_file **out, const char *path,
                                            int flags, mode_t mode);

/**
 * Read up to `size` bytes at `offset` (pread(2)).
 *
 * Context:       coroutine.
 * Suspends:      until the bytes are there.
 * Cancellation:  ordinary; the buffer is not touched after the return.
 * Ownership:     borrows both.
 * Returns:       bytes read, fewer than `size` at the end of the file or when
 *                the system gave fewer; 0 at its end; -EIO, -EISDIR …;
 *                -WEFT_ECANCELED; -WEFT_ENORUNTIME.
 */
WEFT_API WEFT_MUST_CHECK ssize_t weft_file_read(weft_file *, void *buffer,
                                                size_t size, uint64_t offset);

/**
 * Describe an open file.
 *
 * Context:       coroutine.
 * Suspends:      until it is known.
 * Cancellation:  ordinary.
 * Ownership:     borrows both.
 * Returns:       0; -EIO …; -WEFT_ECANCELED; -WEFT_ENORUNTIME.
 */
WEFT_API WEFT_MUST_CHECK int weft_file_stat(weft_file *, weft_file_info *out);

/**
 * Describe what a path names, following symbolic links.
 *
 * Context:       coroutine.
 * Suspends:      until it is known.
 * Cancellation:  ordinary.
 * Ownership:     borrows both.
 * Returns:       0; -ENOENT, -EACCES …; -WEFT_ECANCELED; -WEFT_ENORUNTIME.
 */
WEFT_API WEFT_MUST_CHECK int weft_path_stat(const char *path,
                                            weft_file_info *out);

/**
 * Close.
 *
 * Context:       any thread, while no call on it is under way.
 * Suspends:      never.
 * Cancellation:  a release.
 * Ownership:     consumes the file; NULL is ignored.
 * Returns:       nothing.
 */
WEFT_API void weft_file_close(weft_file *);

/**
 * The file descriptor, for what weft has no call for. Not to be closed.
 *
 * Context:       any thread.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     borrows.
 * Returns:       a descriptor.
 */
WEFT_API int weft_file_fd(const weft_file *);

WEFT_END

#endif
