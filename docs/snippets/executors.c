// SPDX-License-Identifier: MIT
/* Work that leaves the workers: threads, processes, and maps over them. */
#include <stdio.h>
#include <string.h>
#include <weft.h>

/* A job for threads: any function. */
static void *length(void *text)
{
    return (void *)(uintptr_t)strlen(text);
}

/* A job for processes: bytes in, bytes out. */
WEFT_JOB(count_spaces)
{
    const char *text = in;
    unsigned spaces = 0;
    for (size_t i = 0; i < size; i++)
        spaces += text[i] == ' ';
    return weft_output_write(out, &spaces, sizeof(spaces));
}

WEFT_JOB(crash)
{
    __builtin_trap();
    return 0;
}

static int in_threads(void)
{
    static void *const words[] = {"warp", "and", "weft"};
    void *lengths[3];
    weft_executor *pool;
    int rc = weft_thread_pool_new(2, &pool);
    if (rc < 0)
        return rc;
    rc = weft_executor_map(pool, NULL, length, words, 3, lengths);
    if (rc == 0)
        printf("lengths: %zu %zu %zu\n", (size_t)lengths[0], (size_t)lengths[1],
               (size_t)lengths[2]);
    weft_executor_shutdown(pool);
    return rc;
}

static int in_processes(void)
{
    weft_process_pool_options options = {
        .size = sizeof(options), .max_processes = 2, .job_time = WEFT_S(10)};
    static const char text[] = "a job in another process";
    weft_executor *pool;
    weft_bytes spaces;
    int rc = weft_process_pool_new(&options, &pool);
    if (rc < 0)
        return rc;
    weft_future *bad = weft_submit_job(pool, "crash", NULL, 0, NULL);
    weft_future *good =
        weft_submit_job(pool, "count_spaces", text, sizeof(text), &spaces);
    printf("the one that crashed: %s\n", weft_strerror(weft_await(bad, NULL)));
    rc = weft_await(good, NULL);
    if (rc == 0)
        printf("spaces: %u\n", *(const unsigned *)spaces.data);
    weft_bytes_free(&spaces);
    weft_executor_shutdown(pool);
    return rc;
}

static void *program(void *unused)
{
    (void)unused;
    int rc = in_threads();
    if (rc == 0)
        rc = in_processes();
    return weft_fail(rc);
}

int main(void)
{
    return weft_main(program, NULL);
}
