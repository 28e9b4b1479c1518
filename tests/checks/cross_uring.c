// SPDX-License-Identifier: MIT
/*
 * liburing for cross.sh, which has none to link: there is no io_uring. What it
 * runs never asks.
 */
#include <errno.h>
#include <liburing.h>

int io_uring_queue_init(unsigned entries, struct io_uring *ring, unsigned flags)
{
    (void)entries, (void)ring, (void)flags;
    return -ENOSYS;
}

int io_uring_submit(struct io_uring *ring)
{
    (void)ring;
    return -ENOSYS;
}

void io_uring_queue_exit(struct io_uring *ring)
{
    (void)ring;
}
