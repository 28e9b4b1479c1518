// SPDX-License-Identifier: MIT
/*
 * The answers of answer.h: those of `weft-perf serve`, byte for byte.
 */
#define _GNU_SOURCE
#include "perf/rivals/answer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "perf/burn.h"

#define TEXT(length, body)                                                     \
    "Content-Type: text/plain\r\nContent-Length: " length "\r\n\r\n" body

static const char light[] = "HTTP/1.1 200 OK\r\n" TEXT("13", "Hello, world\n");
static const char heavy[] = "HTTP/1.1 200 OK\r\n" TEXT("5", "done\n");
static const char unknown[] =
    "HTTP/1.1 404 Not Found\r\n" TEXT("10", "not found\n");

static const struct route {
    const char *head; /* up to where the number begins */
    enum perf_answer_kind kind;
} routes[] = {
    {"GET /burn?n=", PERF_ANSWER_BURN},
    {"GET /block?us=", PERF_ANSWER_BLOCK},
};

/* The text ends with an empty line somewhere: so does the number. */
static void look_up(const char *bytes, struct perf_answer *answer)
{
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        size_t n = strlen(routes[i].head);

        if (strncmp(bytes, routes[i].head, n) == 0) {
            answer->kind = routes[i].kind;
            answer->amount = strtoull(bytes + n, NULL, 10);
            answer->text = heavy;
            answer->length = sizeof(heavy) - 1;
            return;
        }
    }
    answer->kind = PERF_ANSWER_UNKNOWN;
    answer->text = unknown;
    answer->length = sizeof(unknown) - 1;
}

struct perf_answer perf_answer_read(const char *bytes, size_t n)
{
    struct perf_answer answer = {
        .kind = PERF_ANSWER_LIGHT, .text = light, .length = sizeof(light) - 1};
    const char *end = memmem(bytes, n, "\r\n\r\n", 4);

    if (end == NULL) {
        return answer;
    }
    answer.request = (size_t)(end + 4 - bytes);
    if (strncmp(bytes, "GET / ", 6) != 0) {
        look_up(bytes, &answer);
    }
    return answer;
}

static void block(uint64_t us)
{
    struct timespec left = {(time_t)(us / 1000000),
                            (long)(us % 1000000 * 1000)};

    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

void perf_answer_work(const struct perf_answer *answer)
{
    if (answer->kind == PERF_ANSWER_BURN) {
        perf_burn(answer->amount);
    } else if (answer->kind == PERF_ANSWER_BLOCK) {
        block(answer->amount);
    }
}
