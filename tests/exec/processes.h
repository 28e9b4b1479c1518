// SPDX-License-Identifier: MIT
/* What tests of pools of processes have in common: their jobs, and how they ask
 * for them. */
#ifndef WEFT_TESTS_EXEC_PROCESSES_H
#define WEFT_TESTS_EXEC_PROCESSES_H

#include "tests/exec/pool.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <weft/process.h>

#include "exec/wire.h"
#include "tests/support/scale.h"

/* Children of a main() that does not do what it has to. */
static bool weft_test_is_late_child(void)
{
    const char *late = getenv("WEFT_TEST_LATE");
    weft_process_pool_options options = {.size = sizeof(options),
                                         .max_processes = 1};
    weft_executor *pool;
    if (late == NULL || getenv("WEFT_CHILD") == NULL)
        return false;
    if (late[0] == 'p' && weft_process_pool_new(&options, &pool) == 0)
        (void)weft_executor_shutdown(pool);
    close(3);
    sleep(60);
    return true;
}

/* The children of a test run this program, too: before any of its tests. */
__attribute__((constructor)) static void enter_children(void)
{
    if (weft_test_is_late_child())
        return;
    weft_worker_main(0, NULL);
}

/* Jobs */

WEFT_JOB(echo)
{
    return weft_output_write(out, in, size);
}

WEFT_JOB(backwards)
{
    const char *bytes = in;
    for (size_t i = size; i-- > 0;)
        if (weft_output_write(out, bytes + i, 1) < 0)
            return -ENOMEM;
    return 0;
}

WEFT_JOB(pid)
{
    pid_t pid = getpid();
    return weft_output_write(out, &pid, sizeof(pid));
}

WEFT_JOB(fail)
{
    return weft_code(weft_failf(-EDOM, "no such thing as %.*s", (int)size,
                                (const char *)in));
}

WEFT_JOB(crash)
{
    raise(*(const int *)in);
    return 0;
}

WEFT_JOB(leave)
{
    _exit(*(const int *)in);
}

WEFT_JOB(for_ever)
{
    while (pause() < 0)
        ;
    return 0;
}

WEFT_JOB(deaf)
{
    signal(SIGTERM, SIG_IGN);
    while (pause() < 0)
        ;
    return 0;
}

WEFT_JOB(large)
{
    static const char bytes[100000];
    return weft_output_write(out, bytes, sizeof(bytes));
}

WEFT_JOB(tidy)
{
    signal(SIGTERM, SIG_IGN);
    usleep(50000);
    return 0;
}

/* As the library answers, but with two descriptors. */
WEFT_JOB(two_descriptors)
{
    unsigned char head[WEFT__WIRE_HEAD];
    struct weft__frame frame = {
        .kind = WEFT__FRAME_DONE, .id = *(const uint64_t *)in, .text = ""};
    int fds[2] = {0, 1};
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(fds))];
    } control = {0};
    struct iovec part = {head, sizeof(head)};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = CMSG_LEN(sizeof(fds))};
    weft__wire_encode(&frame, false, head);
    control.header = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
                                      .cmsg_type = SCM_RIGHTS,
                                      .cmsg_len = CMSG_LEN(sizeof(fds))};
    memcpy(CMSG_DATA(&control.header), fds, sizeof(fds));
    sendmsg(3, &message, 0);
    _exit(0);
}

static int set_up_with;

WEFT_JOB(set_up)
{
    if (size != sizeof(int))
        return -EINVAL;
    memcpy(&set_up_with, in, sizeof(int));
    return set_up_with < 0 ? set_up_with : 0;
}

WEFT_JOB(how_set_up)
{
    return weft_output_write(out, &set_up_with, sizeof(int));
}

struct limits {
    int niceness, privileges;
    rlim_t memory;
};

WEFT_JOB(limits)
{
    struct rlimit memory;
    struct limits limits = {getpriority(PRIO_PROCESS, 0),
                            prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0};
    getrlimit(RLIMIT_AS, &memory);
    limits.memory = memory.rlim_cur;
    return weft_output_write(out, &limits, sizeof(limits));
}

/* Help */

static inline weft_executor *open_processes(weft_process_pool_options options)
{
    weft_executor *pool = NULL;
    options.size = sizeof(options);
    cr_assert_eq(weft_process_pool_new(&options, &pool), 0);
    return pool;
}

static inline weft_executor *open_some(unsigned n)
{
    return open_processes((weft_process_pool_options){.max_processes = n});
}

static inline int call(weft_executor *pool, const char *name, const void *in,
                       size_t size, weft_bytes *out)
{
    return finish(weft_submit_job(pool, name, in, size, out), NULL);
}

static inline pid_t pid_of_child(weft_executor *pool)
{
    weft_bytes out;
    pid_t pid = 0;
    /* The child that it went to may have been killed just now. */
    while (call(pool, "pid", NULL, 0, &out) == -WEFT_ECRASHED)
        ;
    cr_assert_eq(out.size, sizeof(pid));
    memcpy(&pid, out.data, sizeof(pid));
    weft_bytes_free(&out);
    return pid;
}

#endif
