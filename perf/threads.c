// SPDX-License-Identifier: MIT
/*
 * The threads of threads.h.
 */
#define _GNU_SOURCE
#include "perf/threads.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "perf/floor/epoll.h"
#include "perf/rivals/answer.h"

#define STACK_SIZE (256 * 1024)
#define NICE 19

/* What one thread keeps. */
struct conversation {
    int fd;
    bool lowered;
    size_t used;
    char bytes[PERF_ANSWER_REQUEST_MAX];
};

static bool limited; /* set once, before there are threads */
static sem_t places;

/* Of the calling thread alone, as Linux has it. */
static void lower(struct conversation *conversation)
{
    if (!conversation->lowered && !limited) {
        setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
        conversation->lowered = true;
    }
}

/* One request; false: the connection is of no use any more. */
static bool answer_one(struct conversation *conversation,
                       const struct perf_answer *answer)
{
    bool sent;

    if (limited) {
        sem_wait(&places);
    }
    if (answer->kind == PERF_ANSWER_BURN || answer->kind == PERF_ANSWER_BLOCK) {
        lower(conversation);
        perf_answer_work(answer);
    }
    sent = send(conversation->fd, answer->text, answer->length, MSG_NOSIGNAL) ==
           (ssize_t)answer->length;
    if (limited) {
        sem_post(&places);
    }
    return sent;
}

/* All that was asked so far; false: the connection is of no use any more. */
static bool answer_all(struct conversation *conversation)
{
    for (;;) {
        struct perf_answer answer =
            perf_answer_read(conversation->bytes, conversation->used);

        if (answer.request == 0) {
            return conversation->used < sizeof(conversation->bytes);
        }
        if (!answer_one(conversation, &answer)) {
            return false;
        }
        conversation->used -= answer.request;
        memmove(conversation->bytes, conversation->bytes + answer.request,
                conversation->used);
    }
}

static void *converse(void *arg)
{
    struct conversation conversation = {.fd = (int)(intptr_t)arg};
    ssize_t n;

    do {
        n = recv(conversation.fd, conversation.bytes + conversation.used,
                 sizeof(conversation.bytes) - conversation.used, 0);
        conversation.used += n > 0 ? (size_t)n : 0;
    } while (n > 0 && answer_all(&conversation));
    close(conversation.fd);
    return NULL;
}

static void accept_one(int listener, const pthread_attr_t *attributes)
{
    int one = 1;
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    pthread_t thread;

    if (fd < 0) {
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (pthread_create(&thread, attributes, converse, (void *)(intptr_t)fd) !=
        0) {
        close(fd);
    }
}

int perf_threads_serve(uint16_t port, unsigned at_once)
{
    pthread_attr_t attributes;
    int listener = perf_floor_listen(&port);

    /* It comes as an epoll loop needs it. */
    if (listener < 0 || fcntl(listener, F_SETFL, 0) != 0) {
        return listener < 0 ? listener : -errno;
    }
    limited = at_once > 0;
    sem_init(&places, 0, at_once);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    printf("listening on 127.0.0.1:%u\n", (unsigned)port);
    fflush(stdout);
    for (;;) {
        accept_one(listener, &attributes);
    }
}
