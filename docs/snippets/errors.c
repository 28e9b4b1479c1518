// SPDX-License-Identifier: MIT
/* A failure with words, and what lay behind it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <weft.h>

static void *open_store(void *arg)
{
    (void)arg;
    return weft_failf(-EACCES, "cannot open %s", "/var/store");
}

static void *start_service(void *arg)
{
    (void)arg;
    int rc = weft_await(weft_spawn(open_store, NULL), NULL);
    if (rc < 0)
        return weft_failf(rc, "the service does not start");
    return NULL;
}

static void *program(void *arg)
{
    char text[300];
    (void)arg;
    int rc = weft_await(weft_spawn(start_service, NULL), NULL);
    const weft_error *error = weft_last_error();
    if (rc == 0 || error == NULL)
        return weft_fail(rc); /* NULL: no memory for the words */
    printf("%s: %s\n", error->message, weft_strerror(error->code));
    for (error = error->cause; error != NULL; error = error->cause)
        printf("because: %s\n", error->message);
    weft_error_format(weft_last_error(), text, sizeof(text)); /* in one line */
    return strstr(text, "open_store@") ? NULL : weft_fail(-EINVAL);
}

int main(void)
{
    return weft_main(program, NULL);
}
