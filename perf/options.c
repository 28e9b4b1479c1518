// SPDX-License-Identifier: MIT
/*
 * The option table of options.h.
 */
#include "perf/options.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct suffix {
    const char *text;
    double factor;
};

/* A decimal number and what follows it; false if there is no number. No sign,
 * no hexadecimal, no "inf". */
static bool read_number(const char *text, double *number, const char **rest)
{
    char *end;

    if (!isdigit((unsigned char)text[0]) || text[strspn(text, "0")] == 'x') {
        return false;
    }
    *number = strtod(text, &end);
    *rest = end;
    return isfinite(*number);
}

static bool read_suffix(const char *rest, const struct suffix *suffixes,
                        double *factor)
{
    for (const struct suffix *s = suffixes; s->text != NULL; s++) {
        if (strcmp(rest, s->text) == 0) {
            *factor = s->factor;
            return true;
        }
    }
    return false;
}

int perf_options_count(const char *text, uint64_t *out)
{
    static const struct suffix suffixes[] = {
        {"", 1}, {"k", 1e3}, {"K", 1e3}, {"M", 1e6}, {NULL, 0}};
    double number, factor;
    const char *rest;

    if (!read_number(text, &number, &rest) ||
        !read_suffix(rest, suffixes, &factor)) {
        return -EINVAL;
    }
    number *= factor;
    /* Above 2^53 a double no longer knows the last digit. */
    if (number != floor(number) || number > 0x1p53) {
        return -EINVAL;
    }
    *out = (uint64_t)number;
    return 0;
}

int perf_options_time(const char *text, int64_t unit, int64_t *out)
{
    static const struct suffix suffixes[] = {
        {"ns", 1},   {"us", 1e3},   {"ms", 1e6}, {"s", 1e9},
        {"m", 6e10}, {"h", 3.6e12}, {NULL, 0}};
    double number, factor = (double)unit;
    const char *rest;

    if (!read_number(text, &number, &rest)) {
        return -EINVAL;
    }
    if (rest[0] != '\0' && !read_suffix(rest, suffixes, &factor)) {
        return -EINVAL;
    }
    number *= factor;
    if (number > 0x1p62) {
        return -EINVAL;
    }
    *out = (int64_t)llround(number);
    return 0;
}

static const char *placeholder(const struct perf_option *option)
{
    switch (option->kind) {
    case PERF_OPTION_COUNT:
        return " N";
    case PERF_OPTION_TIME:
        return " TIME";
    case PERF_OPTION_TEXT:
        return " TEXT";
    default:
        return "";
    }
}

static void print_workloads(const struct perf_command *command)
{
    struct perf_word word;

    printf("\nworkloads (default: all):\n");
    for (size_t n = 0; (word = command->workloads(n)).name != NULL; n++) {
        printf("  %-26s %s\n", word.name, word.about);
    }
}

static void print_help(const struct perf_command *command)
{
    printf("usage: weft-perf %s [options]%s%s\n\n%s\n\noptions:\n",
           command->name, command->arguments[0] != '\0' ? " " : "",
           command->arguments, command->about);
    for (const struct perf_option *o = command->options; o->name != NULL; o++) {
        char left[48];

        snprintf(left, sizeof(left), "--%s%s", o->name, placeholder(o));
        printf("  %-26s %s\n", left, o->help);
    }
    if (command->workloads != NULL) {
        print_workloads(command);
    }
    printf("\nN may end in k or M; TIME in ns, us, ms, s, m or h.\n");
}

static int complain(const struct perf_command *command, const char *name,
                    const char *what)
{
    fprintf(stderr, "weft-perf %s: %s: %s (see weft-perf %s --help)\n",
            command->name, name, what, command->name);
    return -EINVAL;
}

/* The option that `text` (behind the dashes) names, and its value behind '=',
 * if there is one. */
static const struct perf_option *find(const struct perf_command *command,
                                      const char *text, const char **value)
{
    size_t length = strcspn(text, "=");

    *value = text[length] == '=' ? text + length + 1 : NULL;
    for (const struct perf_option *o = command->options; o->name != NULL; o++) {
        if (strlen(o->name) == length && memcmp(o->name, text, length) == 0) {
            return o;
        }
    }
    return NULL;
}

static bool in_range(const struct perf_option *option, int64_t value)
{
    return (option->min == 0 && option->max == 0) ||
           (value >= option->min && value <= option->max);
}

static const char *store_count(const struct perf_option *option,
                               const char *value)
{
    uint64_t n;

    if (perf_options_count(value, &n) != 0) {
        return "is not a whole number";
    }
    if (!in_range(option, (int64_t)n)) {
        return "is out of range";
    }
    *(uint64_t *)option->to = n;
    return NULL;
}

static const char *store_time(const struct perf_option *option,
                              const char *value)
{
    int64_t ns;

    if (perf_options_time(value, option->unit, &ns) != 0) {
        return "is not a duration";
    }
    if (!in_range(option, ns)) {
        return "is out of range";
    }
    *(int64_t *)option->to = ns;
    return NULL;
}

/* NULL, or what is wrong with the value. */
static const char *store(const struct perf_option *option, const char *value)
{
    switch (option->kind) {
    case PERF_OPTION_FLAG:
        *(bool *)option->to = true;
        return NULL;
    case PERF_OPTION_TEXT:
        *(const char **)option->to = value;
        return NULL;
    case PERF_OPTION_COUNT:
        return store_count(option, value);
    case PERF_OPTION_TIME:
        return store_time(option, value);
    }
    return "is of no known kind";
}

/* Read the option at argv[i]; how many arguments it took, or -EINVAL. */
static int take(const struct perf_command *command, int argc, char **argv,
                int i)
{
    const char *value, *wrong;
    const struct perf_option *option = find(command, argv[i] + 2, &value);
    int taken = 1;

    if (option == NULL) {
        return complain(command, argv[i], "no such option");
    }
    if (option->kind == PERF_OPTION_FLAG) {
        if (value != NULL) {
            return complain(command, argv[i], "takes no value");
        }
    } else if (value == NULL) {
        if (i + 1 >= argc) {
            return complain(command, argv[i], "needs a value");
        }
        value = argv[i + 1];
        taken = 2;
    }
    wrong = store(option, value);
    return wrong == NULL ? taken : complain(command, argv[i], wrong);
}

bool perf_options_has(perf_words *words, const char *name)
{
    struct perf_word word;

    for (size_t n = 0; (word = words(n)).name != NULL; n++) {
        if (strcmp(word.name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* 0; or the first name that is no workload is told, with those that are. */
static int check_workloads(const struct perf_command *command, int n,
                           char **names)
{
    struct perf_word word;
    int i = 0;

    while (i < n && perf_options_has(command->workloads, names[i])) {
        i++;
    }
    if (i == n) {
        return 0;
    }
    fprintf(stderr,
            "weft-perf %s: %s: no such workload; there are:", command->name,
            names[i]);
    for (size_t k = 0; (word = command->workloads(k)).name != NULL; k++) {
        fprintf(stderr, " %s", word.name);
    }
    fputs("\n", stderr);
    return -EINVAL;
}

static int parse(const struct perf_command *command, int argc, char **argv)
{
    int others = 0;

    for (int i = 0; i < argc;) {
        int taken = 1;

        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_help(command);
            return PERF_OPTIONS_HELPED;
        }
        if (strcmp(argv[i], "--") == 0) {
            for (i++; i < argc; i++) {
                argv[others++] = argv[i];
            }
            return others;
        }
        if (strncmp(argv[i], "--", 2) == 0) {
            taken = take(command, argc, argv, i);
        } else if (argv[i][0] == '-' && argv[i][1] != '\0') {
            taken = complain(command, argv[i], "no such option");
        } else {
            argv[others++] = argv[i];
        }
        if (taken < 0) {
            return taken;
        }
        i += taken;
    }
    return others;
}

int perf_options_parse(const struct perf_command *command, int argc,
                       char **argv)
{
    int others = parse(command, argc, argv), rc = 0;

    if (others > 0 && command->workloads != NULL) {
        rc = check_workloads(command, others, argv);
    }
    return rc != 0 ? rc : others;
}

int perf_options_status(int result)
{
    return result == PERF_OPTIONS_HELPED ? 0 : 2;
}
