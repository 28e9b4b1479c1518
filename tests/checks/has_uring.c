// SPDX-License-Identifier: MIT
/*
 * Exit status 0 if the kernel lets us have an io_uring, 1 with the reason if
 * not: a container may forbid it. Knows nothing of weft, whose own answer is
 * among the things to be tested.
 */
#include <liburing.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    struct io_uring ring;
    int rc = io_uring_queue_init(2, &ring, 0);
    if (rc < 0) {
        printf("no io_uring here: %s\n", strerror(-rc));
        return 1;
    }
    io_uring_queue_exit(&ring);
    return 0;
}
