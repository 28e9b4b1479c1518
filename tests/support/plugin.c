// SPDX-License-Identifier: MIT
/* What a plugin does with a weft of its own: see tests/api/plugins.c. */
#include <stdint.h>
#include <weft.h>

static void *one(void *unused)
{
    (void)unused;
    return weft_fail(weft_yield());
}

static void *many(void *rounds)
{
    weft_group group;
    int rc = 0;
    weft_group_enter(&group, NULL);
    for (intptr_t i = 0; i < (intptr_t)rounds && rc == 0; i++)
        rc = weft_group_spawn(&group, one, NULL);
    rc = weft_group_exit(&group, rc);
    return rc == 0 ? rounds : weft_fail(rc);
}

__attribute__((visibility("default"))) int plugin_run(int rounds);

int plugin_run(int rounds)
{
    weft_options options = {.size = sizeof(options), .workers = 2};
    void *done = NULL;
    int rc = weft_run_with(&options, many, (void *)(intptr_t)rounds, &done);
    return rc < 0 ? rc : (int)(intptr_t)done;
}
