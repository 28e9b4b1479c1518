// SPDX-License-Identifier: MIT
/*
 * The operating system behind os.h, second part: children, the packets that go
 * between them and us, and the memory that large payloads travel in.
 */
#define _GNU_SOURCE
#include "sched/os_process.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define OR_ERRNO WEFT__OR_ERRNO

/* Pairs of packet sockets */

long weft__os_pair_open(int fds[2])
{
    return OR_ERRNO(socketpair(
        AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds));
}

/* Room for one descriptor beside a packet. */
union control {
    struct cmsghdr header;
    char room[CMSG_SPACE(sizeof(int))];
};

long weft__os_packet_send(int fd, const struct weft__packet *packet)
{
    union control control = {0};
    struct iovec parts[3] = {
        {(void *)(uintptr_t)packet->head, packet->head_size},
        {packet->bytes, packet->size},
        {(void *)(uintptr_t)packet->tail, packet->tail_size},
    };
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 3};
    if (packet->fd >= 0) {
        message.msg_control = control.room;
        message.msg_controllen = sizeof(control.room);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &packet->fd, sizeof(int));
    }
    return OR_ERRNO(sendmsg(fd, &message, MSG_NOSIGNAL));
}

/* More than one do not fit, and are closed by the kernel: CMSG_SPACE() would
 * have room for two. One that is lost was one too many for this process. */
long weft__os_packet_recv(int fd, struct weft__packet *packet)
{
    union control control = {0};
    struct iovec part = {packet->bytes, packet->size};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.room,
                             .msg_controllen = CMSG_LEN(sizeof(int))};
    long rc = OR_ERRNO(recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_TRUNC));
    packet->fd = -1;
    if (rc < 0)
        return rc;
    packet->size = (size_t)rc;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header != NULL && header->cmsg_level == SOL_SOCKET &&
        header->cmsg_type == SCM_RIGHTS &&
        header->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(&packet->fd, CMSG_DATA(header), sizeof(int));
    else if (message.msg_flags & MSG_CTRUNC)
        packet->fd = -EMFILE;
    return rc;
}

/* Processes */

static int spawn_with(const struct weft__spawn *how, pid_t *pid,
                      posix_spawn_file_actions_t *actions,
                      posix_spawnattr_t *attr)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(attr, &none);
    posix_spawnattr_setsigdefault(attr, &all);
    posix_spawnattr_setflags(attr,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int rc = posix_spawn_file_actions_adddup2(actions, how->socket, 3);
    if (rc == 0)
        rc = posix_spawn_file_actions_addclosefrom_np(actions, 4);
    return rc != 0 ? rc
                   : posix_spawn(pid, how->path, actions, attr, how->argv,
                                 how->env);
}

long weft__os_spawn(const struct weft__spawn *how)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    pid_t pid = 0;
    int rc = posix_spawn_file_actions_init(&actions);
    if (rc != 0)
        return -rc;
    rc = posix_spawnattr_init(&attr);
    if (rc == 0) {
        rc = spawn_with(how, &pid, &actions, &attr);
        posix_spawnattr_destroy(&attr);
    }
    posix_spawn_file_actions_destroy(&actions);
    return rc != 0 ? -rc : pid;
}

long weft__os_process_open(int pid)
{
    return OR_ERRNO(syscall(SYS_pidfd_open, pid, 0));
}

long weft__os_process_signal(int pidfd, int signo)
{
    return OR_ERRNO(syscall(SYS_pidfd_send_signal, pidfd, signo, NULL, 0));
}

static void note_exit(const siginfo_t *info, struct weft__exit *out)
{
    out->killed = info->si_code != CLD_EXITED;
    out->code = info->si_status;
}

long weft__os_process_wait(int pidfd, struct weft__exit *out)
{
    siginfo_t info = {0};
    if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG) < 0)
        return -errno;
    note_exit(&info, out);
    return info.si_pid != 0;
}

long weft__os_process_bury(int pid, struct weft__exit *out)
{
    siginfo_t info = {0};
    if (waitid(P_PID, (id_t)pid, &info, WEXITED) < 0)
        return -errno;
    note_exit(&info, out);
    return 0;
}

/* Memory to share */

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static long write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, data, size);
        if (n < 0 && errno != EINTR)
            return -errno;
        data += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* Written, not mapped: so the kernel need not clear the pages first. */
long weft__os_share_new(const void *data, size_t size)
{
    int fd = memfd_create("weft", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -errno;
    long rc = write_all(fd, data, size);
    if (rc == 0)
        rc = OR_ERRNO(fcntl(fd, F_ADD_SEALS, SEALS));
    if (rc == 0)
        return fd;
    close(fd);
    return rc;
}

/* Only then can nobody cut it off while it is read. */
long weft__os_share_map(int fd, size_t size, void **out)
{
    struct stat stat;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & SEALS) != SEALS)
        return -EPERM;
    if (fstat(fd, &stat) < 0)
        return -errno;
    if ((uint64_t)stat.st_size < size || size == 0)
        return -EINVAL;
    void *at = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (at == MAP_FAILED)
        return -errno;
    *out = at;
    return 0;
}
