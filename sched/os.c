// SPDX-License-Identifier: MIT
/*
 * The real operating system behind the table of os.h: each entry is one call,
 * its result turned into 0, a count, a descriptor or -errno. No policy.
 */
#define _GNU_SOURCE
#include "sched/os.h"

#include "sched/atomic.h"
#include "sched/base.h"
#include "sched/os_process.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SLICE_NS 100000 /* the shortest there is */
#define NICE_MOST 19
#define RESET_ON_FORK 1 /* sched_setattr(2); without privilege it stays */

#define OR_ERRNO WEFT__OR_ERRNO

/* Memory */

static long os_alloc(size_t size, size_t align, void **out)
{
    void *memory = NULL;
    int rc = posix_memalign(&memory, align, size);
    if (rc != 0)
        return -rc;
    *out = memset(memory, 0, size);
    return 0;
}

static void os_free(void *memory)
{
    free(memory);
}

/* MAP_STACK says from the start, since Linux 6.7, what MADV_NOHUGEPAGE would
 * say later: so what lies side by side becomes one mapping at once. */
static char *map_anywhere(size_t size)
{
    return mmap(NULL, size, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
}

/* The kernel begins with the highest place, so next to the last one, which is
 * aligned if that was. Else over-map and cut the ends off, as little as can be
 * at the upper one: so that this one, too, lies next to the last. */
static long os_map(size_t size, size_t align, void **out)
{
    char *at = map_anywhere(size);
    if (at != MAP_FAILED && (uintptr_t)at % align == 0) {
        *out = at;
        return 0;
    }
    if (at != MAP_FAILED)
        munmap(at, size);
    at = map_anywhere(size + align);
    if (at == MAP_FAILED)
        return -errno;
    size_t tail = (uintptr_t)(at + align) % align;
    size_t head = align - tail;
    munmap(at, head);
    if (tail > 0)
        munmap(at + head + size, tail);
    *out = at + head;
    return 0;
}

static void os_unmap(void *at, size_t size)
{
    munmap(at, size);
}

static long os_advise(void *at, size_t size, int advice)
{
    return OR_ERRNO(madvise(at, size, advice));
}

static long os_protect(void *at, size_t size, int prot)
{
    return OR_ERRNO(mprotect(at, size, prot));
}

/* Threads */

struct start {
    char name[16];
    weft__thread_fn *fn;
    void *arg;
};

static void *thread_main(void *arg)
{
    struct start start = *(struct start *)arg;
    free(arg);
    pthread_setname_np(pthread_self(), start.name);
    prctl(PR_SET_TIMERSLACK, 1); /* a timed sleep ends when it should */
    start.fn(start.arg);
    return NULL;
}

/* Signals are for the threads of the host program: ours block them all, but
 * for those that a fault of their own raises. */
static void mask_signals(sigset_t *saved)
{
    sigset_t all;
    sigfillset(&all);
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGILL);
    sigdelset(&all, SIGABRT);
    sigdelset(&all, SIGTRAP);
    sigdelset(&all, SIGPROF);
    sigdelset(&all, SIGURG); /* how a backtrace is asked for */
    pthread_sigmask(SIG_SETMASK, &all, saved);
}

static int create_masked(pthread_t *id, size_t stack, struct start *start)
{
    sigset_t saved;
    pthread_attr_t attr;
    int rc = pthread_attr_init(&attr);
    if (rc != 0)
        return rc;
    if (stack > 0)
        rc = pthread_attr_setstacksize(&attr, stack);
    mask_signals(&saved);
    if (rc == 0)
        rc = pthread_create(id, &attr, thread_main, start);
    pthread_sigmask(SIG_SETMASK, &saved, NULL);
    pthread_attr_destroy(&attr);
    return rc;
}

static long os_thread_start(uintptr_t *thread, const char *name, size_t stack,
                            weft__thread_fn *fn, void *arg)
{
    struct start *start = calloc(1, sizeof(*start));
    if (start == NULL)
        return -ENOMEM;
    start->fn = fn;
    start->arg = arg;
    snprintf(start->name, sizeof(start->name), "%s", name);
    pthread_t id;
    int rc = create_masked(&id, stack, start);
    if (rc != 0) {
        free(start);
        return -rc;
    }
    *thread = (uintptr_t)id;
    return 0;
}

static long os_thread_join(uintptr_t thread)
{
    return -pthread_join((pthread_t)thread, NULL);
}

static long os_thread_detach(uintptr_t thread)
{
    return -pthread_detach((pthread_t)thread);
}

static long os_thread_id(void)
{
    return syscall(SYS_gettid);
}

static long os_thread_signal(int id, int signo)
{
    return OR_ERRNO(syscall(SYS_tgkill, getpid(), id, signo));
}

/* The kernel's encoding of "the CPU time of thread `id`". */
static long os_thread_cpu(int id, int64_t *ns)
{
    struct timespec used;
    clockid_t clock = (clockid_t)(~(unsigned)id << 3 | 6);
    if (clock_gettime(clock, &used) < 0)
        return -errno;
    *ns = (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
    return 0;
}

/* The letter behind the name, which is in parentheses and may hold any. */
static long os_thread_state(int id)
{
    char path[48];
    char text[128];
    snprintf(path, sizeof(path), "/proc/self/task/%d/stat", id);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t n = read(fd, text, sizeof(text) - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    const char *name_end = strrchr(text, ')');
    return name_end != NULL && name_end[1] == ' ' ? name_end[2] : -EIO;
}

static int64_t ns_of(struct timeval time)
{
    return (int64_t)time.tv_sec * 1000000000 + (int64_t)time.tv_usec * 1000;
}

static long os_thread_usage(struct weft__usage *out)
{
    struct rusage used;
    if (getrusage(RUSAGE_THREAD, &used) < 0)
        return -errno;
    out->cpu = ns_of(used.ru_utime) + ns_of(used.ru_stime);
    out->switches = used.ru_nvcsw;
    return 0;
}

/* Of sched_setattr(2), whose header glibc 2.36 has not. */
struct attributes {
    uint32_t size;
    uint32_t policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime; /* since Linux 6.12, of SCHED_OTHER: the slice */
    uint64_t deadline;
    uint64_t period;
};

/* Only of an ordinary thread: who has chosen another policy knows better. */
static long change(int id, int nice_more, uint64_t slice)
{
    struct attributes attributes;
    if (syscall(SYS_sched_getattr, id, &attributes, sizeof(attributes), 0) < 0)
        return -errno;
    if (attributes.policy != SCHED_OTHER)
        return -EINVAL;
    attributes.size = sizeof(attributes);
    attributes.flags |= RESET_ON_FORK; /* the slice is not for its children */
    attributes.nice += nice_more;
    if (attributes.nice > NICE_MOST)
        attributes.nice = NICE_MOST;
    attributes.runtime = slice;
    return OR_ERRNO(syscall(SYS_sched_setattr, id, &attributes, 0));
}

/* With a short slice a thread that was woken gets a busy CPU in a tenth of a
 * millisecond (EEVDF: "An EEVDF CPU scheduler for Linux", lwn.net/925371). */
static long os_thread_brisk(void)
{
    return change(0, 0, SLICE_NS);
}

/* No privilege is needed; without one there is no way back. */
static long os_thread_lower(int id, int by)
{
    return change(id, by, 0);
}

static long futex_wait(const void *word, uint32_t seen, int64_t until)
{
    struct timespec at = {.tv_sec = until / 1000000000,
                          .tv_nsec = until % 1000000000};
    return OR_ERRNO(
        syscall(SYS_futex, word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, seen,
                until == INT64_MAX ? NULL : &at, NULL, FUTEX_BITSET_MATCH_ANY));
}

#ifdef WEFT__TSAN
/* It delivers signals only in calls that it knows: give it one now and then.
 * The word is compared again each time, and nothing returns earlier. */
static long os_futex_wait(const void *word, uint32_t seen, int64_t until)
{
    for (;;) {
        int64_t slice = weft__os_real.now() + 20000000;
        long rc = futex_wait(word, seen, slice < until ? slice : until);
        if (rc != -ETIMEDOUT || slice >= until)
            return rc;
        usleep(0);
    }
}
#else
static long os_futex_wait(const void *word, uint32_t seen, int64_t until)
{
    return futex_wait(word, seen, until);
}
#endif

static long os_futex_wake(const void *word, int count)
{
    return OR_ERRNO(syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG,
                            count, NULL, NULL, 0));
}

static long os_cpus(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) < 0)
        return -errno;
    return CPU_COUNT(&set);
}

/* Descriptors */

static long os_close(int fd)
{
    return OR_ERRNO(close(fd));
}

static long os_write(int fd, const void *buffer, size_t size)
{
    return OR_ERRNO(write(fd, buffer, size));
}

static long os_event_open(void)
{
    return OR_ERRNO(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

static long os_event_set(int fd)
{
    return OR_ERRNO(eventfd_write(fd, 1));
}

static long os_event_clear(int fd)
{
    eventfd_t value;
    return OR_ERRNO(eventfd_read(fd, &value));
}

static long os_poll_open(void)
{
    return OR_ERRNO(epoll_create1(EPOLL_CLOEXEC));
}

static long os_poll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
    return OR_ERRNO(epoll_ctl(epfd, op, fd, event));
}

/* Kernels before 5.11 have no nanosecond timeout: round up, never early. */
static long poll_wait_ms(int epfd, struct epoll_event *events, int n,
                         int64_t timeout)
{
    int64_t ms = timeout < 0 ? -1 : (timeout + 999999) / 1000000;
    int wait = ms > INT_MAX ? INT_MAX : (int)ms;
    return OR_ERRNO(epoll_wait(epfd, events, n, wait));
}

static long os_poll_wait(int epfd, struct epoll_event *events, int n,
                         int64_t timeout)
{
    if (timeout == 0)
        return OR_ERRNO(epoll_wait(epfd, events, n, 0));
#ifdef WEFT__TSAN /* it knows that epoll_wait(2) sees what epoll_ctl(2) set */
    return poll_wait_ms(epfd, events, n, timeout);
#endif
    struct timespec ts = {.tv_sec = timeout / 1000000000,
                          .tv_nsec = timeout % 1000000000};
    long rc = OR_ERRNO(syscall(SYS_epoll_pwait2, epfd, events, n,
                               timeout < 0 ? NULL : &ts, NULL, 0));
    return rc == -ENOSYS ? poll_wait_ms(epfd, events, n, timeout) : rc;
}

static long os_poll_ready(int epfd)
{
    struct pollfd one = {.fd = epfd, .events = POLLIN};
    return OR_ERRNO(poll(&one, 1, 0));
}

/* Sockets */

static long os_socket(int domain, int type, int protocol)
{
    return OR_ERRNO(
        socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
}

static long os_bind(int fd, const struct sockaddr *address, socklen_t size)
{
    return OR_ERRNO(bind(fd, address, size));
}

static long os_listen(int fd, int backlog)
{
    return OR_ERRNO(listen(fd, backlog));
}

static long os_accept(int fd, struct sockaddr *address, socklen_t *size,
                      int flags)
{
    return OR_ERRNO(
        accept4(fd, address, size, flags | SOCK_CLOEXEC | SOCK_NONBLOCK));
}

static long os_connect(int fd, const struct sockaddr *address, socklen_t size)
{
    return OR_ERRNO(connect(fd, address, size));
}

static long os_getsockopt(int fd, int level, int name, void *value,
                          socklen_t *size)
{
    return OR_ERRNO(getsockopt(fd, level, name, value, size));
}

static long os_setsockopt(int fd, int level, int name, const void *value,
                          socklen_t size)
{
    return OR_ERRNO(setsockopt(fd, level, name, value, size));
}

static long os_getsockname(int fd, struct sockaddr *address, socklen_t *size)
{
    return OR_ERRNO(getsockname(fd, address, size));
}

static long os_recv(int fd, void *buffer, size_t size, int flags)
{
    return OR_ERRNO(recv(fd, buffer, size, flags));
}

static long os_send(int fd, const void *buffer, size_t size, int flags)
{
    return OR_ERRNO(send(fd, buffer, size, flags | MSG_NOSIGNAL));
}

static long os_shutdown(int fd, int how)
{
    return OR_ERRNO(shutdown(fd, how));
}

/* Files */

static long os_open(int dir, const char *path, int flags, unsigned mode)
{
    return OR_ERRNO(openat(dir, path, flags | O_CLOEXEC, (mode_t)mode));
}

static long os_pread(int fd, void *buffer, size_t size, int64_t offset)
{
    return OR_ERRNO(pread(fd, buffer, size, offset));
}

static long os_pwrite(int fd, const void *buffer, size_t size, int64_t offset)
{
    return OR_ERRNO(pwrite(fd, buffer, size, offset));
}

static long os_statx(int dir, const char *path, int flags, unsigned mask,
                     struct statx *out)
{
    return OR_ERRNO(statx(dir, path, flags, mask, out));
}

static long os_ring_open(unsigned entries, struct io_uring *ring)
{
    return io_uring_queue_init(entries, ring, 0);
}

static long os_ring_submit(struct io_uring *ring)
{
    return io_uring_submit(ring);
}

static void os_ring_close(struct io_uring *ring)
{
    io_uring_queue_exit(ring);
}

/* Signals, time, chance */

static long os_sigaction(int signo, const struct sigaction *act,
                         struct sigaction *old)
{
    return OR_ERRNO(sigaction(signo, act, old));
}

static long os_signal_mask(int how, const sigset_t *set, sigset_t *old)
{
    return -pthread_sigmask(how, set, old);
}

static long os_alarm(unsigned seconds)
{
    return (long)alarm(seconds);
}

static long os_sigaltstack(const stack_t *stack, stack_t *old)
{
    return OR_ERRNO(sigaltstack(stack, old));
}

static int64_t clock_of(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static int64_t os_now(void)
{
    return clock_of(CLOCK_MONOTONIC);
}

static int64_t os_coarse(void)
{
    return clock_of(CLOCK_MONOTONIC_COARSE);
}

static uint64_t os_random(void)
{
    uint64_t seed;
    if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
        seed = (uint64_t)os_now() * UINT64_C(0x9e3779b97f4a7c15);
    return seed;
}

const struct weft__os weft__os_real = {
#define X(name, params, args) .name = os_##name,
    WEFT__OS_OWN_CALLS(X)
#undef X
#define X(name, params, args) .name = weft__os_##name,
        WEFT__OS_PROCESS_CALLS(X)
#undef X
            .free = os_free,
    .unmap = os_unmap,
    .ring_close = os_ring_close,
    .now = os_now,
    .coarse = os_coarse,
    .random = os_random,
};

const struct weft__os *weft__os = &weft__os_real;

void *weft__mem_alloc_at(size_t align, size_t size)
{
    void *memory = NULL;
    return weft__os->alloc(size, align, &memory) < 0 ? NULL : memory;
}

void *weft__mem_alloc(size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        return NULL;
    return weft__mem_alloc_at(total < WEFT__LINE ? 16 : WEFT__LINE, total);
}

void weft__mem_free(void *memory)
{
    if (memory != NULL)
        weft__os->free(memory);
}
