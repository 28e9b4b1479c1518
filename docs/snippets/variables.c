// SPDX-License-Identifier: MIT
/* Context variables: down with every spawn, never up. */
#include <stdio.h>
#include <weft.h>

static weft_var *user;

static void *child(void *arg)
{
    (void)arg;
    printf("child of %s\n", (char *)weft_var_get(user));
    return weft_fail(weft_var_set(user, "root")); /* for the child alone */
}

static void *program(void *arg)
{
    (void)arg;
    int rc = weft_var_set(user, "ada");
    if (rc == 0)
        rc = weft_await(weft_spawn(child, NULL), NULL);
    printf("still %s\n", (char *)weft_var_get(user));
    return weft_fail(rc);
}

static void *set_and_undo(void *arg)
{
    (void)arg;
    weft_context *before = weft_context_copy();
    int rc = weft_var_set(user, "guest");
    printf("now %s\n", (char *)weft_var_get(user));
    if (rc == 0)
        rc = weft_context_restore(before);
    weft_context_unref(before);
    printf("again %s\n", (char *)weft_var_get(user));
    return weft_fail(rc);
}

static void *both(void *arg)
{
    void *result = program(arg);
    return weft_code(result) < 0 ? result : set_and_undo(arg);
}

int main(void)
{
    if (weft_var_new("user", "nobody", NULL, &user) < 0)
        return 1;
    int status = weft_main(both, NULL);
    weft_var_free(user);
    return status;
}
