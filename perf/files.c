// SPDX-License-Identifier: MIT
/*
 * The files of files.h: found by a job on a thread of the pool, because a
 * resolution may wait for a disk; read by the loop; sent in pieces.
 */
#define _GNU_SOURCE
#include "perf/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <weft/exec.h>
#include <weft/file.h>

#include "perf/path.h"
#include "perf/routes.h"

#define PIECE 65536
#define HEAD_ROOM 256
#define DIGEST_MAX (UINT64_C(64) << 20)
#define DIGEST_MEMORY_MAX (UINT64_C(512) << 20)
#define DIGEST_TEXT 65 /* 64 digits and a newline */

struct search {
    int root;
    int fd;        /* found, O_PATH … */
    uint64_t size; /* … and how large it is */
    int tries;
    char path[PATH_MAX];
};

/* A file that is open, and what it had in it then. */
struct found {
    weft_file *file;
    uint64_t size;
};

static long resolve(const struct search *search)
{
    struct open_how how = {
        .flags = O_PATH | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };

    return syscall(SYS_openat2, search->root, search->path, &how, sizeof(how));
}

/* A job. EAGAIN means that a directory was moved while it was looked at. */
static void *find(void *arg)
{
    struct search *search = arg;
    struct stat info;
    int rc;

    do {
        search->fd = (int)resolve(search);
    } while (search->fd < 0 && errno == EAGAIN && ++search->tries < 16);
    if (search->fd < 0) {
        return weft_fail(-errno);
    }
    rc = fstat(search->fd, &info) != 0 ? -errno : 0;
    if (rc == 0 && S_ISREG(info.st_mode)) {
        search->size = (uint64_t)info.st_size;
        return NULL;
    }
    rc = rc != 0 ? rc : -ENOENT;
    close(search->fd);
    search->fd = -1;
    return weft_fail(rc);
}

/* The status for a file that could not be had. A name that leads out of the
 * root (-EXDEV) is none. */
static int status_of(int code)
{
    switch (code) {
    case -ENOENT:
    case -ENOTDIR:
    case -EISDIR:
    case -ELOOP:
    case -EXDEV:
    case -ENAMETOOLONG:
        return 404;
    case -EACCES:
    case -EPERM:
        return 403;
    case -EMFILE:
    case -ENFILE:
    case -ENOMEM:
    case -EAGAIN:
        return 503;
    default:
        return 500;
    }
}

/* Open what the search found; its descriptor is used up. */
static int open_found(struct search *search, struct found *found)
{
    char link[32];
    int rc;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", search->fd);
    rc = weft_file_open(&found->file, link, O_RDONLY, 0);
    close(search->fd);
    found->size = search->size;
    return rc;
}

static int search_and_open(struct search *search, struct found *found)
{
    int rc = weft_to_thread(find, search, NULL);

    if (rc == 0) {
        rc = open_found(search, found);
    } else if (search->fd >= 0) {
        close(search->fd);
    }
    return rc == 0 ? 0 : -status_of(rc);
}

/* The file behind an escaped name; 0 or -status. */
static int open_named(struct perf_connection *connection, const char *path,
                      size_t n, struct found *found)
{
    struct search *search;
    ssize_t length;
    int rc;

    if (connection->server->root < 0) {
        return -404;
    }
    search = malloc(sizeof(*search));
    if (search == NULL) {
        return -503;
    }
    search->root = connection->server->root;
    search->fd = -1;
    search->tries = 0;
    length = perf_path_decode(path, n, search->path, sizeof(search->path));
    rc = length < 0 ? (int)length : search_and_open(search, found);
    free(search);
    return rc;
}

/* Tell a status, and keep the connection. */
static int deny(struct perf_connection *connection, int rc)
{
    return perf_connection_reply(connection, -rc, "text/plain", "", 0);
}

/* Send `left` bytes from `offset` on; the first piece goes behind the `used`
 * bytes of the head. A file that has shrunk meanwhile cannot be sent in full:
 * then the connection must end, or the peer would wait for the rest. */
static int send_pieces(struct perf_connection *connection, weft_file *file,
                       char *piece, size_t used, uint64_t left)
{
    uint64_t offset = 0;
    int rc;

    do {
        size_t room = HEAD_ROOM + PIECE - used;
        size_t want = left < room ? (size_t)left : room;
        ssize_t n =
            want > 0 ? weft_file_read(file, piece + used, want, offset) : 0;

        if (n < 0 || (n == 0 && want > 0)) {
            return n < 0 ? (int)n : -EIO;
        }
        rc = perf_connection_send(connection, piece, used + (size_t)n);
        offset += (uint64_t)n;
        left -= (uint64_t)n;
        used = 0;
    } while (rc == 0 && left > 0);
    return rc;
}

static int send_file(struct perf_connection *connection,
                     const struct found *found)
{
    uint64_t left = connection->headless ? 0 : found->size;
    char *piece = malloc(HEAD_ROOM + (left < PIECE ? (size_t)left : PIECE));
    size_t used;
    int rc;

    if (piece == NULL) {
        return deny(connection, -503);
    }
    used = perf_connection_head(connection, piece, HEAD_ROOM, 200,
                                "application/octet-stream", found->size);
    rc = send_pieces(connection, found->file, piece, used, left);
    free(piece);
    return rc;
}

int perf_files_send(struct perf_connection *connection, const char *path,
                    size_t n)
{
    struct found found;
    int rc = open_named(connection, path, n, &found);

    if (rc != 0) {
        return deny(connection, rc);
    }
    rc = send_file(connection, &found);
    weft_file_close(found.file);
    return rc;
}

/* The whole file into memory; the bytes there were, or a negative code. */
static ssize_t load(const struct found *found, char *memory)
{
    uint64_t have = 0;

    while (have < found->size) {
        ssize_t n = weft_file_read(found->file, memory + have,
                                   (size_t)(found->size - have), have);

        if (n < 0) {
            return n;
        }
        if (n == 0) {
            break;
        }
        have += (uint64_t)n;
    }
    return (ssize_t)have;
}

/* The one step that does not suspend. `text` has room for DIGEST_TEXT + 1. */
static bool digest(struct perf_server *server, const char *memory, size_t n,
                   char *text)
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    struct perf_step step = perf_step_begin();
    bool fine = EVP_Digest(memory, n, sum, NULL, EVP_sha256(), NULL) == 1;

    perf_step_end(server, step);
    for (int i = 0; i < 32; i++) {
        snprintf(text + (size_t)i * 2, 3, "%02x", sum[i]);
    }
    strcpy(text + 64, "\n");
    return fine;
}

static int send_digest(struct perf_connection *connection,
                       const struct found *found)
{
    char text[DIGEST_TEXT + 1] = {0};
    char *memory = malloc((size_t)found->size + 1);
    ssize_t n = memory != NULL ? load(found, memory) : -ENOMEM;
    bool fine = n >= 0 && digest(connection->server, memory, (size_t)n, text);

    free(memory);
    if (!fine) {
        return deny(connection, n < 0 ? -status_of((int)n) : -500);
    }
    return perf_connection_reply(connection, 200, "text/plain", text,
                                 DIGEST_TEXT);
}

/* Digests hold their file in memory: all of them together have a limit. */
static int send_digest_within_limits(struct perf_connection *connection,
                                     const struct found *found)
{
    _Atomic uint64_t *held = &connection->server->digest_bytes;
    int rc;

    if (found->size > DIGEST_MAX) {
        return deny(connection, -413);
    }
    if (atomic_fetch_add(held, found->size) > DIGEST_MEMORY_MAX) {
        rc = deny(connection, -503);
    } else {
        rc = send_digest(connection, found);
    }
    atomic_fetch_sub(held, found->size);
    return rc;
}

int perf_files_digest(struct perf_connection *connection, const char *path,
                      size_t n)
{
    struct found found;
    int rc = open_named(connection, path, n, &found);

    if (rc != 0) {
        return deny(connection, rc);
    }
    rc = send_digest_within_limits(connection, &found);
    weft_file_close(found.file);
    return rc;
}
