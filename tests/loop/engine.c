// SPDX-License-Identifier: MIT
/* Where io_uring may not be used: AUTO does without, silently; who asks for it
 * is told; and with the off switch nobody even tries. Children that forbid it
 * to themselves by a seccomp filter. */
#define _GNU_SOURCE
#include "tests/loop/child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <weft.h>

/* io_uring_setup, _enter and _register are 425 to 427 on every machine. */
#define FIRST 425
#define LAST 427

/* From here on those three calls of this process end in `action`. */
static int forbid(unsigned action)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, FIRST, 0, 2),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, LAST, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, action),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof(filter) / sizeof(*filter), filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -1;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* Sockets and files work with whatever engine there is. */
static int use_files(void)
{
    char byte;
    weft_file *file;
    weft_file_info info;
    int rc = weft_file_open(&file, "/proc/self/exe", O_RDONLY, 0);
    if (rc < 0)
        return rc;
    rc = weft_file_stat(file, &info);
    if (rc == 0 && weft_file_read(file, &byte, 1, 0) != 1)
        rc = -EIO;
    weft_file_close(file);
    return rc;
}

static int use_sockets(void)
{
    weft_tcp_listener *listener;
    weft_tcp *near, *far;
    char byte = 0;
    int rc = weft_tcp_listen(&listener, "127.0.0.1", 0);
    if (rc < 0)
        return rc;
    rc = weft_tcp_connect(&near, "127.0.0.1", weft_tcp_listener_port(listener));
    if (rc == 0)
        rc = weft_tcp_accept(listener, &far);
    if (rc < 0)
        return rc;
    if (weft_tcp_write(near, "x", 1) != 1 || weft_tcp_read(far, &byte, 1) != 1)
        rc = -EIO;
    weft_tcp_close(near);
    weft_tcp_close(far);
    weft_tcp_listener_close(listener);
    return byte == 'x' ? rc : -EBADMSG;
}

static void *body(void *engine)
{
    weft_runtime_info info;
    weft_info(weft_running_loop(), &info);
    *(enum weft_engine *)engine = info.engine;
    int rc = use_files();
    return weft_fail(rc < 0 ? rc : use_sockets());
}

static int run(enum weft_engine asked, enum weft_engine *got)
{
    weft_options options = {
        .size = sizeof(options), .workers = 2, .engine = asked};
    return weft_run_with(&options, body, got, NULL);
}

struct plan {
    unsigned action;    /* of the filter; 0: none */
    const char *engine; /* of the environment; NULL: none */
    enum weft_engine option;
    int code;              /* that the run is to return */
    enum weft_engine used; /* if that is 0; AUTO: any */
};

/* 0; 1: another code; 2: another engine; 3: no filter here. */
static int child_main(void *arg)
{
    const struct plan *plan = arg;
    enum weft_engine used = WEFT_ENGINE_AUTO;
    unsetenv("WEFT_ENGINE");
    if (plan->engine != NULL)
        setenv("WEFT_ENGINE", plan->engine, 1);
    if (plan->action != 0 && forbid(plan->action) < 0)
        return 3;
    int rc = run(plan->option, &used);
    if (rc != plan->code)
        return 1;
    if (rc == 0 && plan->used != WEFT_ENGINE_AUTO && used != plan->used)
        return 2;
    return 0;
}

/* Also: nothing is said about it. */
static void expect_plan(struct plan plan)
{
    struct child child = {0};
    child_start(&child, child_main, &plan);
    int end = child_end(&child);
    if (end == 3)
        cr_skip("no seccomp filters here");
    cr_assert_eq(end, 0, "%d: %s", end, child.said);
    cr_assert_null(strstr(child.said, "weft"), "%s", child.said);
}

/* Not for what ThreadSanitizer or a container forbids already. */
static bool has_uring(void)
{
    return child_run(child_main, &(struct plan){.engine = "uring",
                                                .used = WEFT_ENGINE_URING}) ==
           0;
}

static const int errors[] = {EPERM, ENOSYS, ENOMEM, EACCES};

#define ERRORS (sizeof(errors) / sizeof(*errors))

Test(engine, auto_does_without_silently, .timeout = 60)
{
    for (size_t i = 0; i < ERRORS; i++) {
        unsigned action = SECCOMP_RET_ERRNO | (unsigned)errors[i];
        expect_plan((struct plan){.action = action, .used = WEFT_ENGINE_EPOLL});
        expect_plan((struct plan){
            .action = action, .engine = "auto", .used = WEFT_ENGINE_EPOLL});
    }
}

Test(engine, who_asks_for_it_is_told, .timeout = 60)
{
    for (size_t i = 0; i < ERRORS; i++) {
        unsigned action = SECCOMP_RET_ERRNO | (unsigned)errors[i];
        expect_plan((struct plan){.action = action,
                                  .option = WEFT_ENGINE_URING,
                                  .code = -WEFT_ENOTSUP});
        expect_plan((struct plan){
            .action = action, .engine = "uring", .code = -WEFT_ENOTSUP});
    }
}

/* With the switch off, a call would be the end of the process. */
Test(engine, the_off_switch_comes_before_the_probe, .timeout = 60)
{
    expect_plan((struct plan){.action = SECCOMP_RET_KILL_PROCESS,
                              .engine = "epoll",
                              .used = WEFT_ENGINE_EPOLL});
    expect_plan((struct plan){.action = SECCOMP_RET_KILL_PROCESS,
                              .option = WEFT_ENGINE_EPOLL,
                              .used = WEFT_ENGINE_EPOLL});
    expect_plan((struct plan){.action = SECCOMP_RET_KILL_PROCESS,
                              .engine = "epoll",
                              .option = WEFT_ENGINE_URING,
                              .used = WEFT_ENGINE_EPOLL});
}

/* And the filter is one that works: without the switch it is. */
Test(engine, without_the_switch_it_is_probed, .timeout = 60)
{
    struct plan plan = {.action = SECCOMP_RET_KILL_PROCESS};
    struct child child = {0};
    child_start(&child, child_main, &plan);
    int end = child_end(&child);
    if (end == 3)
        cr_skip("no seccomp filters here");
    cr_assert_eq(end, -SIGSYS);
}

Test(engine, the_environment_wins, .timeout = 60)
{
    expect_plan((struct plan){.engine = "epoll",
                              .option = WEFT_ENGINE_URING,
                              .used = WEFT_ENGINE_EPOLL});
    expect_plan((struct plan){
        .engine = "", .option = WEFT_ENGINE_EPOLL, .used = WEFT_ENGINE_EPOLL});
    expect_plan((struct plan){.engine = "kqueue", .code = -EINVAL});
    if (!has_uring())
        cr_skip("no io_uring here");
    expect_plan((struct plan){.engine = "uring",
                              .option = WEFT_ENGINE_EPOLL,
                              .used = WEFT_ENGINE_URING});
    expect_plan((struct plan){.used = WEFT_ENGINE_URING});
}

/* No memory to lock: kernels before 5.12 charged rings to it. */
static int without_locked_memory(void *unused)
{
    struct rlimit none = {0, 0};
    enum weft_engine used;
    (void)unused;
    unsetenv("WEFT_ENGINE");
    if (setrlimit(RLIMIT_MEMLOCK, &none) < 0)
        return 1;
    if (getuid() == 0 && setuid(65534) != 0)
        return 2;
    return run(WEFT_ENGINE_AUTO, &used) == 0 ? 0 : 3;
}

Test(engine, without_locked_memory, .timeout = 60)
{
    cr_assert_eq(child_run(without_locked_memory, NULL), 0);
}
