// SPDX-License-Identifier: MIT
/*
 * weft-perf: the harness. Which subcommand; the rest is theirs.
 */
#include <stdio.h>
#include <string.h>

#include <weft/base.h>

#include "perf/commands.h"

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *about;
} commands[] = {
    {"serve", perf_serve_command, "an HTTP/1.1 server on weft"},
    {"load", perf_load_command, "load a URL on a schedule, measure latency"},
    {"mixed", perf_mixed_command, "light requests beside heavy ones"},
    {"stuck", perf_stuck_command, "the others, while tasks hold their threads"},
    {"micro", perf_micro_command, "single operations of the runtime"},
    {"rivals", perf_rivals_command, "the same in other runtimes, in turn"},
    {"calibrate", perf_calibrate_command, "what this machine costs"},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_usage(FILE *to)
{
    fputs("usage: weft-perf COMMAND [options]\n\ncommands:\n", to);
    for (size_t i = 0; i < COMMANDS; i++) {
        fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].about);
    }
    fputs("\nweft-perf COMMAND --help tells the options of each.\n", to);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";

    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return commands[i].run(argc - 2, argv + 2);
        }
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        print_usage(stdout);
        return 0;
    }
    if (strcmp(name, "--version") == 0) {
        printf("weft-perf %d.%d.%d\n", WEFT_VERSION_MAJOR, WEFT_VERSION_MINOR,
               WEFT_VERSION_PATCH);
        return 0;
    }
    print_usage(stderr);
    return 2;
}
