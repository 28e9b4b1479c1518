// SPDX-License-Identifier: MIT
/*
 * Two plugins, each with a copy of weft of its own: both run, beside each other
 * and beside ours, and both unload.
 */
#include "tests/support/test.h"

#include <dlfcn.h>
#include <stdint.h>
#include <weft.h>

typedef int plugin_run(int rounds);

static void *load(const char *path)
{
    void *plugin = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    cr_assert_not_null(plugin, "%s", dlerror());
    return plugin;
}

static int run(void *plugin)
{
    plugin_run *fn = (plugin_run *)(uintptr_t)dlsym(plugin, "plugin_run");
    cr_assert_not_null(fn);
    return fn(100);
}

/* Gone: not merely counted down. */
static void unload(void *plugin, const char *path)
{
    cr_assert_eq(dlclose(plugin), 0);
    cr_expect_null(dlopen(path, RTLD_NOW | RTLD_NOLOAD));
}

static void *runs_another(void *plugin)
{
    return (void *)(intptr_t)run(plugin);
}

Test(plugins, run_beside_each_other_and_unload, .timeout = 60)
{
    void *first = load(WEFT_TEST_PLUGIN_1);
    void *second = load(WEFT_TEST_PLUGIN_2);
    void *sum = NULL;
    cr_expect_eq(run(first), 100);
    cr_expect_eq(run(second), 100);
    /* Its runtime is not ours: on a worker of ours it is a foreign thread's. */
    cr_expect_eq(weft_run(runs_another, second, &sum), 0);
    cr_expect_eq((intptr_t)sum, 100);
    unload(first, WEFT_TEST_PLUGIN_1);
    cr_expect_eq(run(second), 100);
    unload(second, WEFT_TEST_PLUGIN_2);
}

static void *tell(void *unused)
{
    char text[300];
    (void)unused;
    size_t length = weft_info_format(weft_running_loop(), text, sizeof(text));
    cr_expect_eq(length, strlen(text));
    cr_expect_eq(text[0], '{');
    cr_expect_eq(text[length - 1], '}');
    cr_expect_not_null(strstr(text, "\"workers\":3,"));
    cr_expect_not_null(strstr(text, "\"guards\":\"m"));
    cr_expect_eq(weft_info_format(weft_running_loop(), text, 5), length);
    cr_expect_str_eq(text, "{\"ve");
    return NULL;
}

Test(plugins, say_what_they_are_made_of, .timeout = 60)
{
    weft_options options = {.size = sizeof(options), .workers = 3};
    cr_expect_eq(weft_run_with(&options, tell, NULL, NULL), 0);
}
