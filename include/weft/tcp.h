// SPDX-License-Identifier: MIT
/**
 * TCP. A connection or listener belongs to the runtime that opened it and must
 * be closed on it; what is still open when the runtime ends is closed then.
 *
 * One task may read and another write a connection at a time; any may close it.
 * Writing to a closed peer is an error value, never SIGPIPE.
 */
#ifndef WEFT_TCP_H
#define WEFT_TCP_H

#include <weft/base.h>

WEFT_BEGIN

typedef struct weft_tcp weft_tcp;
typedef struct weft_tcp_listener weft_tcp_listener;

/**
 * Connect. TCP_NODELAY is set, as on every connection of weft.
 *
 * Context:       coroutine.
 * Suspends:      until connected.
 * Cancellation:  ordinary; nothing is left open.
 * Ownership:     *out is yours: weft_tcp_close() it.
 * Returns:       0; -EINVAL if `address` is not a numeric IPv4 or IPv6 address;
 *                -WEFT_ECANCELED; -WEFT_ENORUNTIME; -ECONNREFUSED, -ETIMEDOUT,
 *                -EMFILE, -ENOMEM and what else connect(2) says.
 */
WEFT_API WEFT_MUST_CHECK int
weft_tcp_connect(weft_tcp **out, const char *address, uint16_t port);

/**
 * Listen on an address, with one accept queue for each worker (SO_REUSEPORT).
 *
 * Context:       coroutine.
 * Suspends:      never.
 * Cancellation:  ordinary.
 * Ownership:     *out is yours: weft_tcp_listener_close() it.
 * Returns:       0; -EINVAL as weft_tcp_connect(); -EADDRINUSE also when another
 *                process shares ports; -EACCES; -WEFT_ENORUNTIME; ….
 */
WEFT_API WEFT_MUST_CHECK int
weft_tcp_listen(weft_tcp_listener **out, const char *address, uint16_t port);

/**
 * The port a listener got; for those opened with port 0.
 *
 * Context:       any thread.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     borrows.
 * Returns:       1 to 65535.
 */
WEFT_API uint16_t weft_tcp_listener_port(const weft_tcp_listener *);

/**
 * Take the next connection. Any number of tasks may wait here at once.
 *
 * When the process is out of descriptors or memory it waits and tries again
 * every 50 ms instead of failing.
 *
 * Context:       coroutine.
 * Suspends:      until there is one.
 * Cancellation:  ordinary: no connection is lost.
 * Ownership:     *out is yours: weft_tcp_close() it.
 * Returns:       0; -WEFT_ECANCELED; -WEFT_ECLOSED when the listener was closed;
 *                -WEFT_ENORUNTIME.
 */
WEFT_API WEFT_MUST_CHECK int weft_tcp_accept(weft_tcp_listener *,
                                             weft_tcp **out);

/**
 * Stop listening. Waiting accepts return -WEFT_ECLOSED.
 *
 * Context:       coroutine of the same runtime.
 * Suspends:      never.
 * Cancellation:  a release.
 * Ownership:     consumes the listener. An accept that begins later says
 *                -WEFT_ECLOSED too, until the runtime opens another listener.
 *                NULL is ignored.
 * Returns:       nothing.
 */
WEFT_API void weft_tcp_listener_close(weft_tcp_listener *);

/**
 * Read what there is, up to `size` bytes.
 *
 * Context:       coroutine.
 * Suspends:      until there is at least one byte, or the end.
 * Cancellation:  ordinary: no byte is lost.
 * Ownership:     borrows both.
 * Returns:       bytes read; 0 at the end of the stream (or for size 0);
 *                -ECONNRESET …; -WEFT_ECANCELED; -WEFT_ECLOSED when another task
 *                closed it; -WEFT_EBUSY when another task reads it.
 */
WEFT_API WEFT_MUST_CHECK ssize_t weft_tcp_read(weft_tcp *, void *buffer,
                                               size_t size);

/**
 * Write all of it.
 *
 * Context:       coroutine.
 * Suspends:      while the peer is slow.
 * Cancellation:  ordinary: if some bytes went out, their count is returned, and
 *                the next call fails.
 * Ownership:     borrows both.
 * Returns:       `size`; fewer if it was cancelled or failed on the way (the
 *                next call says why); -EPIPE, -ECONNRESET …; -WEFT_ECANCELED;
 *                -WEFT_ECLOSED; -WEFT_EBUSY when another task writes.
 */
WEFT_API WEFT_MUST_CHECK ssize_t weft_tcp_write(weft_tcp *, const void *buffer,
                                                size_t size);

enum weft_shutdown { WEFT_SHUT_READ, WEFT_SHUT_WRITE, WEFT_SHUT_BOTH };

/**
 * End one direction (shutdown(2)): the peer reads the end of the stream, or a
 * waiting read of ours returns 0.
 *
 * Context:       any task of the runtime.
 * Suspends:      never.
 * Cancellation:  a release.
 * Ownership:     borrows.
 * Returns:       0; -ENOTCONN.
 */
WEFT_API int weft_tcp_shutdown(weft_tcp *, enum weft_shutdown how);

/**
 * Close. Reads and writes that wait return -WEFT_ECLOSED.
 *
 * Context:       any task of the runtime.
 * Suspends:      never.
 * Cancellation:  a release.
 * Ownership:     consumes the connection; NULL is ignored.
 * Returns:       nothing.
 */
WEFT_API void weft_tcp_close(weft_tcp *);

/**
 * The file descriptor, for setsockopt(2) and getpeername(2). Not to be closed,
 * read, written or made blocking.
 *
 * Context:       any thread.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     borrows.
 * Returns:       a descriptor.
 */
WEFT_API int weft_tcp_fd(const weft_tcp *);

WEFT_END

#endif
