// SPDX-License-Identifier: MIT
/* A library in the callback style, for adapter.c: it squares, on a thread. */
#ifndef WEFT_EXAMPLES_SQUARE_H
#define WEFT_EXAMPLES_SQUARE_H

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

typedef void square_done(int status, int value, void *user);

struct square_call {
    int number;
    square_done *done;
    void *user;
};

static inline void *square_thread(void *arg)
{
    struct square_call call = *(struct square_call *)arg;
    free(arg);
    call.done(call.number < 0 ? -EDOM : 0, call.number * call.number,
              call.user);
    return NULL;
}

/* 0: done() will be called, once, on another thread; else it will not. */
static inline int square(int number, square_done *done, void *user)
{
    pthread_t thread;
    struct square_call *call = malloc(sizeof(*call));
    if (call == NULL)
        return -ENOMEM;
    *call = (struct square_call){number, done, user};
    int error = pthread_create(&thread, NULL, square_thread, call);
    if (error == 0)
        pthread_detach(thread);
    else
        free(call);
    return -error;
}

#endif
