// SPDX-License-Identifier: MIT
/*
 * The operating system as the library sees it: one table, and nothing in the
 * library calls the kernel, the clock, the allocator or the random source in
 * any other way. Results are 0, a count or a descriptor, or -errno; `errno`
 * itself never leaves os.c. Tests put their own table in place before they
 * start a runtime: to fail the n-th call, to move the clock, to count.
 *
 * The list is written once, as X(name, (parameters), (arguments)), so that a
 * wrapper for every call can be generated from it (tests/support/fault.c).
 */
#ifndef WEFT_SCHED_OS_H
#define WEFT_SCHED_OS_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>

struct io_uring; /* liburing's ring; loop/ owns its use */
struct statx;

typedef void weft__thread_fn(void *arg);

/* Of a thread. */
struct weft__usage {
    int64_t at;       /* when it was looked at */
    int64_t cpu;      /* ns of CPU time */
    int64_t switches; /* times it gave a CPU up of itself */
};

/* A packet of a pair, and a descriptor that goes with it, or -1. */
struct weft__packet {
    const void *head, *tail; /* of what is sent, around ->bytes */
    size_t head_size, tail_size;
    void *bytes;
    size_t size; /* received: room; then what came, more if it was cut off */
    int fd;      /* -1: none; -EMFILE: received, but lost */
};

/* A child that runs this program again. */
struct weft__spawn {
    const char *path;
    char *const *argv, *const *env;
    int socket; /* becomes descriptor 3; of the others 0 to 2 stay */
};

/* How a process has ended. */
struct weft__exit {
    bool killed; /* by a signal; else it called exit() */
    int code;    /* the signal, or the status */
};

// clang-format off
#define WEFT__OS_OWN_CALLS(X)                                                                                        \
    /* memory */                                                                                                   \
    X(alloc, (size_t size, size_t align, void **out), (size, align, out))   /* zeroed */                           \
    X(map, (size_t size, size_t align, void **out), (size, align, out))     /* anonymous, no reserve */            \
    X(advise, (void *at, size_t size, int advice), (at, size, advice))                                             \
    X(protect, (void *at, size_t size, int prot), (at, size, prot))                                                \
    /* threads; timeouts are absolute, monotonic, INT64_MAX = none */                                              \
    X(thread_start, (uintptr_t *thread, const char *name, size_t stack, weft__thread_fn *fn, void *arg), (thread, name, stack, fn, arg))\
    X(thread_join, (uintptr_t thread), (thread))                                                                   \
    X(thread_detach, (uintptr_t thread), (thread))                                                                 \
    X(thread_id, (void), ())                                                /* the kernel's, of the caller */      \
    X(thread_signal, (int id, int signo), (id, signo))                      /* to one thread of the process */     \
    X(thread_cpu, (int id, int64_t *ns), (id, ns))                          /* CPU time it has used */             \
    X(thread_state, (int id), (id))                                         /* a letter: proc(5), stat */          \
    X(thread_usage, (struct weft__usage *out), (out))                       /* of the caller, but for ->at */      \
    X(thread_brisk, (void), ())                                             /* the caller runs soon after a wake */ \
    X(thread_lower, (int id, int by), (id, by))                             /* to a lower priority, for good */    \
    X(futex_wait, (const void *word, uint32_t seen, int64_t until), (word, seen, until))                           \
    X(futex_wake, (const void *word, int count), (word, count))                                                    \
    X(cpus, (void), ())                                                     /* allowed to this process */          \
    /* descriptors */                                                                                              \
    X(close, (int fd), (fd))                                                                                       \
    X(write, (int fd, const void *buf, size_t n), (fd, buf, n))                                                    \
    X(event_open, (void), ())                                               /* eventfd, non-blocking */            \
    X(event_set, (int fd), (fd))                                                                                   \
    X(event_clear, (int fd), (fd))                                                                                 \
    X(poll_open, (void), ())                                                /* epoll */                            \
    X(poll_ctl, (int epfd, int op, int fd, struct epoll_event *ev), (epfd, op, fd, ev))                            \
    X(poll_ready, (int epfd), (epfd))                                       /* 1: poll_wait would give something */ \
    X(poll_wait, (int epfd, struct epoll_event *ev, int n, int64_t timeout), (epfd, ev, n, timeout)) /* ns, <0: none */ \
    /* sockets */                                                                                                  \
    X(socket, (int domain, int type, int protocol), (domain, type, protocol))                                      \
    X(bind, (int fd, const struct sockaddr *sa, socklen_t n), (fd, sa, n))                                         \
    X(listen, (int fd, int backlog), (fd, backlog))                                                                \
    X(accept, (int fd, struct sockaddr *sa, socklen_t *n, int flags), (fd, sa, n, flags))                          \
    X(connect, (int fd, const struct sockaddr *sa, socklen_t n), (fd, sa, n))                                      \
    X(getsockopt, (int fd, int level, int name, void *value, socklen_t *n), (fd, level, name, value, n))           \
    X(setsockopt, (int fd, int level, int name, const void *value, socklen_t n), (fd, level, name, value, n))      \
    X(getsockname, (int fd, struct sockaddr *sa, socklen_t *n), (fd, sa, n))                                       \
    X(recv, (int fd, void *buf, size_t n, int flags), (fd, buf, n, flags))                                         \
    X(send, (int fd, const void *buf, size_t n, int flags), (fd, buf, n, flags))                                   \
    X(shutdown, (int fd, int how), (fd, how))                                                                      \
    /* files */                                                                                                    \
    X(open, (int dir, const char *path, int flags, unsigned mode), (dir, path, flags, mode))                       \
    X(pread, (int fd, void *buf, size_t n, int64_t offset), (fd, buf, n, offset))                                  \
    X(pwrite, (int fd, const void *buf, size_t n, int64_t offset), (fd, buf, n, offset))                           \
    X(statx, (int dir, const char *path, int flags, unsigned mask, struct statx *out), (dir, path, flags, mask, out)) \
    /* io_uring, through liburing */                                                                               \
    X(ring_open, (unsigned entries, struct io_uring *ring), (entries, ring))                                       \
    X(ring_submit, (struct io_uring *ring), (ring))                                                                \
    /* signals */                                                                                                  \
    X(sigaction, (int signo, const struct sigaction *act, struct sigaction *old), (signo, act, old))               \
    X(signal_mask, (int how, const sigset_t *set, sigset_t *old), (how, set, old))                                 \
    X(alarm, (unsigned seconds), (seconds))                                                                        \
    X(sigaltstack, (const stack_t *stack, stack_t *old), (stack, old))

/* Those of os_process.c. */
#define WEFT__OS_PROCESS_CALLS(X)                                                                                  \
    X(pair_open, (int fds[2]), (fds))                         /* of packets, on exec closed, non-blocking */       \
    X(packet_send, (int fd, const struct weft__packet *packet), (fd, packet)) /* all of it, or -EAGAIN */          \
    X(packet_recv, (int fd, struct weft__packet *packet), (fd, packet))       /* 0: the other end is closed */     \
    /* processes */                                                                                                \
    X(spawn, (const struct weft__spawn *how), (how))                          /* its pid */                        \
    X(process_open, (int pid), (pid))                                         /* a descriptor, readable at its end */ \
    X(process_signal, (int pidfd, int signo), (pidfd, signo))                                                      \
    X(process_wait, (int pidfd, struct weft__exit *out), (pidfd, out))        /* 1: it has ended; 0: not yet */    \
    X(process_bury, (int pid, struct weft__exit *out), (pid, out))            /* waits */                          \
    /* memory to share with another process */                                                                     \
    X(share_new, (const void *data, size_t size), (data, size))               /* a descriptor; nobody changes it */ \
    X(share_map, (int fd, size_t size, void **out), (fd, size, out))          /* for reading, if it is sealed */

#define WEFT__OS_CALLS(X) WEFT__OS_OWN_CALLS(X) WEFT__OS_PROCESS_CALLS(X)
// clang-format on

struct weft__os {
#define X(name, params, args) long(*name) params;
    WEFT__OS_CALLS(X)
#undef X
    /* These cannot fail. */
    void (*free)(void *memory);           /* what alloc gave; NULL is fine */
    void (*unmap)(void *at, size_t size); /* what map gave */
    void (*ring_close)(struct io_uring *ring);
    int64_t (*now)(void);    /* CLOCK_MONOTONIC, ns */
    int64_t (*coarse)(void); /* the same, as of the kernel's last tick: cheap */
    uint64_t (*random)(void); /* a seed; not for secrets */
};

/** The table in force. Written by tests only, while no runtime exists. */
extern const struct weft__os *weft__os;

/** The real one, for tests that wrap it. */
extern const struct weft__os weft__os_real;

/** Zeroed memory for `count` objects of `size`, on its own cache line if it is
 * at least a line; NULL when there is none. Free with weft__mem_free(). */
void *weft__mem_alloc(size_t count, size_t size);

/** The same at a given alignment (a power of two, at least a pointer). */
void *weft__mem_alloc_at(size_t align, size_t size);

void weft__mem_free(void *memory);

#endif
