// SPDX-License-Identifier: MIT
/* Files: the same answers as pread(2) and stat(2) give of the same files. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/loop/net.h"

#define SIZE 100000

static char folder[32]; /* of this test */
static char file_path[64];
static uint8_t content[SIZE];

static const char *path(const char *name)
{
    static char buffer[96];
    snprintf(buffer, sizeof(buffer), "%s/%s", folder, name);
    return buffer;
}

static void make_folder(void)
{
    strcpy(folder, "/tmp/weft-file-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    strcpy(file_path, path("file"));
    net_fill(content, 1, 0, SIZE);
    int fd = open(file_path, O_CREAT | O_WRONLY, 0640);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, content, SIZE), SIZE);
    close(fd);
}

static void remove_folder(void)
{
    static const char *const names[] = {"file",   "made", "sparse",
                                        "secret", "link", "fifo"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        unlink(path(names[i]));
    rmdir(folder);
}

#define WITH_FOLDER .init = make_folder, .fini = remove_folder

static weft_file *open_or_fail(const char *name)
{
    weft_file *file = NULL;
    int rc = weft_file_open(&file, name, O_RDONLY, 0);
    cr_expect_eq(rc, 0, "%s: %s", name, weft_strerror(rc));
    return file;
}

/* Reading */

/* At the ends, over the ends, past the end, nothing. */
static void *offsets_body(void *unused)
{
    static const struct {
        uint64_t offset;
        size_t size;
    } reads[] = {{0, SIZE},     {0, 1},          {0, 0},
                 {1, 4095},     {4096, 4096},    {SIZE - 1, 1},
                 {SIZE, 1},     {SIZE - 1, 100}, {SIZE, 4096},
                 {SIZE + 1, 1}, {77, 77777},     {UINT64_C(1) << 40, 10},
                 {0, SIZE + 99}};
    weft_file *file = open_or_fail(file_path);
    int fd = open(file_path, O_RDONLY | O_CLOEXEC);
    uint8_t *got = malloc(SIZE + 100);
    uint8_t *want = malloc(SIZE + 100);
    for (size_t i = 0; file && i < sizeof(reads) / sizeof(*reads); i++) {
        size_t size = reads[i].size;
        memset(got, 0xee, SIZE + 100);
        memset(want, 0xee, SIZE + 100);
        ssize_t rc = weft_file_read(file, got, size, reads[i].offset);
        ssize_t as = pread(fd, want, size, (off_t)reads[i].offset);
        cr_expect_eq(rc, as, "%zu: %zd, not %zd", i, rc, as);
        cr_expect_eq(memcmp(got, want, SIZE + 100), 0, "%zu", i);
    }
    cr_expect_eq(weft_file_read(file, got, 1, UINT64_MAX), -EINVAL);
    cr_expect_eq(weft_file_read(file, got, 1, UINT64_C(1) << 63), -EINVAL);
    free(got);
    free(want);
    close(fd);
    weft_file_close(file);
    return unused;
}

Test(file, reads_as_pread_does, WITH_FOLDER, .timeout = 30)
{
    net_run(2, offsets_body, NULL);
}

static void *random_body(void *unused)
{
    struct weft_test_random random = {weft_test_seed()};
    size_t rounds = weft_test_scaled(20000);
    weft_file *file = open_or_fail(file_path);
    static uint8_t buffer[9000];
    for (size_t i = 0; file && i < rounds; i++) {
        uint64_t at = weft_test_below(&random, SIZE);
        size_t size = weft_test_below(&random, sizeof(buffer));
        size_t left = SIZE - at < size ? SIZE - at : size;
        ssize_t rc = weft_file_read(file, buffer, size, at);
        if (rc != (ssize_t)left || memcmp(buffer, content + at, left) != 0) {
            cr_expect(false, "%zu bytes at %zu: %zd", size, (size_t)at, rc);
            break;
        }
    }
    weft_file_close(file);
    return unused;
}

Test(file, reads_at_random, WITH_FOLDER, .timeout = 60)
{
    net_run(2, random_body, NULL);
}

/* Beyond what 32 bits can say. */
static void *sparse_body(void *unused)
{
    static const char text[] = "far out";
    static const uint64_t places[] = {(UINT64_C(1) << 31) - 3,
                                      (UINT64_C(1) << 32) - 3,
                                      (UINT64_C(1) << 32) + 12345};
    char got[sizeof(text)];
    weft_file_info info;
    const char *name = path("sparse");
    int fd = open(name, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    for (size_t i = 0; i < 3; i++)
        cr_expect_eq(pwrite(fd, text, sizeof(text), (off_t)places[i]),
                     sizeof(text));
    weft_file *file = open_or_fail(name);
    for (size_t i = 0; file && i < 3; i++) {
        cr_expect_eq(weft_file_read(file, got, sizeof(got), places[i]),
                     sizeof(got));
        cr_expect_str_eq(got, text);
        cr_expect_eq(weft_file_read(file, got, 1, places[i] - 1), 1);
        cr_expect_eq(got[0], 0);
    }
    cr_expect_eq(weft_file_stat(file, &info), 0);
    cr_expect_eq(info.size, places[2] + sizeof(text));
    weft_file_close(file);
    close(fd);
    return unused;
}

Test(file, offsets_past_4_gib, WITH_FOLDER, .timeout = 30)
{
    net_run(2, sparse_body, NULL);
}

/* More reads at once than a ring has entries, from few files. */

struct reader {
    weft_file *file;
    uint64_t offset;
    ssize_t got;
    uint8_t bytes[64];
};

static void *read_once(void *arg)
{
    struct reader *reader = arg;
    reader->got = weft_file_read(reader->file, reader->bytes,
                                 sizeof(reader->bytes), reader->offset);
    return NULL;
}

static void *many_body(void *unused)
{
    size_t count = 1000;
    struct reader *readers = calloc(count, sizeof(*readers));
    weft_future **futures = calloc(count, sizeof(*futures));
    weft_file *file = open_or_fail(file_path);
    for (size_t i = 0; i < count; i++) {
        readers[i] = (struct reader){.file = file, .offset = i * 97};
        futures[i] = weft_spawn(read_once, &readers[i]);
    }
    size_t wrong = 0;
    for (size_t i = 0; i < count; i++) {
        wrong += weft_await(futures[i], NULL) != 0;
        wrong += readers[i].got != (ssize_t)sizeof(readers[i].bytes) ||
                 memcmp(readers[i].bytes, content + i * 97,
                        sizeof(readers[i].bytes)) != 0;
    }
    cr_expect_eq(wrong, 0);
    weft_file_close(file);
    free(futures);
    free(readers);
    return unused;
}

Test(file, a_thousand_reads_at_once, WITH_FOLDER, .timeout = 60)
{
    net_run(4, many_body, NULL);
}

/* Describing */

static void expect_same(const weft_file_info *info, const struct stat *as)
{
    cr_expect_eq(info->size, (uint64_t)as->st_size);
    cr_expect_eq(info->inode, as->st_ino);
    cr_expect_eq(info->mode, as->st_mode);
    cr_expect_eq(info->links, as->st_nlink);
    cr_expect_eq(info->modified, as->st_mtim.tv_sec * INT64_C(1000000000) +
                                     as->st_mtim.tv_nsec);
}

static void *stat_body(void *unused)
{
    const char *names[] = {file_path, folder, "/dev/null", "/proc/self/exe"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        weft_file_info info;
        struct stat as;
        weft_file *file = open_or_fail(names[i]);
        cr_expect_eq(stat(names[i], &as), 0);
        cr_expect_eq(weft_path_stat(names[i], &info), 0);
        expect_same(&info, &as);
        cr_expect_eq(weft_file_stat(file, &info), 0);
        expect_same(&info, &as);
        weft_file_close(file);
    }
    return unused;
}

Test(file, describes_as_stat_does, WITH_FOLDER, .timeout = 30)
{
    net_run(2, stat_body, NULL);
}

/* Opening */

static void *open_body(void *unused)
{
    weft_file *file;
    weft_file_info info;
    char byte;
    const char *made = path("made");
    mode_t mask = umask(0);
    cr_expect_eq(weft_file_open(&file, made, O_RDONLY, 0), -ENOENT);
    cr_expect_eq(weft_path_stat(made, &info), -ENOENT);
    cr_expect_eq(weft_file_open(&file, made, O_CREAT | O_EXCL | O_RDWR, 0604),
                 0);
    umask(mask);
    cr_expect_eq(weft_file_stat(file, &info), 0);
    cr_expect_eq(info.mode, (uint32_t)(S_IFREG | 0604));
    cr_expect_eq(fcntl(weft_file_fd(file), F_GETFD), FD_CLOEXEC);
    cr_expect_eq(weft_file_read(file, &byte, 1, 0), 0);
    weft_file_close(file);
    cr_expect_eq(weft_file_open(&file, made, O_CREAT | O_EXCL | O_RDWR, 0600),
                 -EEXIST);
    cr_expect_eq(weft_file_open(&file, folder, O_WRONLY, 0), -EISDIR);
    cr_expect_eq(weft_file_open(&file, "/dev/null/x", O_RDONLY, 0), -ENOTDIR);
    cr_expect_eq(weft_file_open(&file, "", O_RDONLY, 0), -ENOENT);
    cr_expect_eq(weft_file_open(&file, folder, O_RDONLY, 0), 0);
    cr_expect_eq(weft_file_read(file, &byte, 1, 0), -EISDIR);
    weft_file_close(file);
    weft_file_close(NULL);
    return unused;
}

Test(file, what_open_answers, WITH_FOLDER, .timeout = 30)
{
    unsigned before = net_descriptors();
    net_run(2, open_body, NULL);
    cr_assert_eq(net_descriptors(), before);
}

static void *secret_body(void *arg)
{
    weft_file *file;
    weft_file_info info;
    int opened = weft_file_open(&file, arg, O_RDONLY, 0);
    return (void *)(intptr_t)(opened == -EACCES &&
                              weft_path_stat(arg, &info) == 0);
}

/* As nobody, in a child: root may open everything. */
Test(file, what_is_forbidden, WITH_FOLDER, .timeout = 30)
{
    char secret[96];
    strcpy(secret, path("secret"));
    int fd = open(secret, O_CREAT | O_WRONLY, 0);
    cr_assert_geq(fd, 0);
    close(fd);
    cr_assert_eq(chmod(folder, 0755), 0);
    pid_t child = fork();
    if (child == 0) {
        void *right = NULL;
        if (getuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
            _exit(2);
        _exit(weft_run(secret_body, secret, &right) == 0 && right ? 0 : 1);
    }
    int status = -1;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0);
}

static void *misuse_body(void *out)
{
    *(weft_file **)out = open_or_fail(file_path);
    return NULL;
}

/* A file may outlive the runtime; its calls need one. */
Test(file, outside_a_coroutine, WITH_FOLDER)
{
    weft_file *file;
    weft_file_info info;
    char byte;
    net_run(1, misuse_body, &file);
    cr_assert_eq(weft_file_read(file, &byte, 1, 0), -WEFT_ENORUNTIME);
    cr_assert_eq(weft_file_stat(file, &info), -WEFT_ENORUNTIME);
    cr_assert_eq(weft_path_stat(file_path, &info), -WEFT_ENORUNTIME);
    cr_assert_eq(weft_file_open(&file, file_path, O_RDONLY, 0),
                 -WEFT_ENORUNTIME);
    weft_file_close(file);
}

/* Cancelling */

static void *cancelled_body(void *arg)
{
    weft_file *file = arg, *other;
    weft_file_info info;
    char byte;
    weft_cancel(weft_current());
    cr_expect_eq(weft_file_read(file, &byte, 1, 0), -WEFT_ECANCELED);
    cr_expect_eq(weft_file_stat(file, &info), -WEFT_ECANCELED);
    cr_expect_eq(weft_path_stat(file_path, &info), -WEFT_ECANCELED);
    cr_expect_eq(weft_file_open(&other, file_path, O_RDONLY, 0),
                 -WEFT_ECANCELED);
    return NULL;
}

static void *cancel_body(void *unused)
{
    weft_file *file = open_or_fail(file_path);
    cr_expect_eq(weft_await(weft_spawn(cancelled_body, file), NULL), 0);
    weft_file_close(file);
    return unused;
}

Test(file, nothing_begins_in_a_cancelled_task, WITH_FOLDER, .timeout = 30)
{
    net_run(2, cancel_body, NULL);
}

/* Opens until it is cancelled, at any moment of an open. */
static void *open_until_cancelled(void *arg)
{
    _Atomic(size_t) *wrong = arg;
    uint8_t bytes[512];
    for (;;) {
        weft_file *file;
        int rc = weft_file_open(&file, file_path, O_RDONLY, 0);
        if (rc < 0)
            return weft_fail(rc);
        memset(bytes, 0, sizeof(bytes));
        ssize_t got = weft_file_read(file, bytes, sizeof(bytes), 1000);
        if (got > 0 && memcmp(bytes, content + 1000, (size_t)got) != 0)
            *wrong += 1;
        weft_file_close(file);
    }
}

static void *race_body(void *arg)
{
    size_t rounds = weft_test_scaled(5000);
    for (size_t i = 0; i < rounds; i++) {
        weft_future *task[4];
        for (size_t j = 0; j < 4; j++)
            task[j] = weft_spawn(open_until_cancelled, arg);
        for (size_t j = 0; j < i % 7; j++)
            if (weft_yield() < 0)
                break;
        for (size_t j = 0; j < 4; j++)
            weft_cancel(task[j]);
        for (size_t j = 0; j < 4; j++)
            cr_expect_eq(weft_await(task[j], NULL), -WEFT_ECANCELED);
    }
    return NULL;
}

/* An open that was cancelled too late is closed again. */
Test(file, cancelling_leaves_nothing_open, WITH_FOLDER, .timeout = 120)
{
    _Atomic(size_t) wrong = 0;
    unsigned before = net_descriptors();
    net_run(4, race_body, &wrong);
    cr_assert_eq(net_descriptors(), before);
    cr_assert_eq(wrong, 0);
}

/* An open that may block for good: not by io_uring, which opens a FIFO at once;
 * a thread cannot be interrupted, so there the other end has to come. */

static void *open_fifo(void *arg)
{
    weft_file *file;
    int rc = weft_file_open(&file, arg, O_RDONLY, 0);
    if (rc == 0)
        weft_file_close(file);
    return weft_fail(rc);
}

static void *fifo_body(void *unused)
{
    char fifo[96];
    weft_runtime_info info;
    strcpy(fifo, path("fifo"));
    cr_expect_eq(mkfifo(fifo, 0600), 0);
    weft_info(weft_running_loop(), &info);
    for (int i = 0; i < 20; i++) {
        weft_future *task = weft_spawn(open_fifo, fifo);
        for (int j = 0; j < i; j++)
            cr_expect_eq(weft_yield(), 0);
        weft_cancel(task);
        int fd = -1;
        if (info.engine == WEFT_ENGINE_EPOLL)
            fd = open(fifo, O_RDWR | O_NONBLOCK | O_CLOEXEC);
        int rc = weft_await(task, NULL);
        cr_expect(rc == -WEFT_ECANCELED || rc == 0, "%s", weft_strerror(rc));
        if (fd >= 0)
            close(fd);
    }
    return unused;
}

Test(file, cancelling_an_open_that_blocks, WITH_FOLDER, .timeout = 60)
{
    unsigned before = net_descriptors();
    net_run(2, fifo_body, NULL);
    cr_assert_eq(net_descriptors(), before);
}
