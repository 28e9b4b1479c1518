// SPDX-License-Identifier: MIT
/* The first of three mirrors that answers. The losers are cancelled, and have
 * ended and cleaned up when weft_race() returns. */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <weft.h>

struct mirror {
    const char *name;
    weft_ns takes;
    int fails; /* a code, or 0 */
};

static atomic_int cancelled;

static void *download(void *arg)
{
    struct mirror *mirror = arg;
    int rc = weft_sleep(mirror->takes);
    if (rc == -WEFT_ECANCELED)
        atomic_fetch_add(&cancelled, 1); /* here it would tidy up */
    if (rc == 0)
        rc = mirror->fails;
    return rc < 0 ? weft_fail(rc) : (void *)mirror->name;
}

static void *mirrors(void *arg)
{
    struct mirror list[] = {
        {"far.example", WEFT_S(3600), 0},
        {"down.example", 0, -ECONNREFUSED},
        {"near.example", WEFT_MS(5), 0},
    };
    weft_future *downloads[3];
    size_t winner;
    void *name;
    (void)arg;
    for (size_t i = 0; i < 3; i++)
        downloads[i] = weft_spawn(download, &list[i]);
    int rc = weft_race(downloads, 3, &winner, &name);
    if (rc < 0)
        return weft_fail(rc); /* all have failed: the first failure */
    printf("number %zu, %s, was first; cancelled: %d\n", winner,
           (const char *)name, atomic_load(&cancelled));
    return NULL;
}

int main(void)
{
    return weft_main(mirrors, NULL);
}
