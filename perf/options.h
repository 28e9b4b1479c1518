// SPDX-License-Identifier: MIT
/*
 * The command line of a subcommand: a table of long options, `--name value` or
 * `--name=value`, and what else stands there. Not getopt: durations and counts
 * have units, and a mistake is told in a sentence.
 */
#ifndef WEFT_PERF_OPTIONS_H
#define WEFT_PERF_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum perf_option_kind {
    PERF_OPTION_FLAG,  /* bool; takes no value */
    PERF_OPTION_TEXT,  /* const char *; points into argv */
    PERF_OPTION_COUNT, /* uint64_t; 200, 10k, 2M */
    PERF_OPTION_TIME,  /* int64_t, ns; 250ms, 10us, 5s; a bare number counts
                          `unit` */
};

struct perf_option {
    const char *name; /* without the dashes; NULL ends the table */
    enum perf_option_kind kind;
    void *to;         /* where the value goes; its default stands there */
    int64_t min, max; /* of COUNT and of TIME (in ns); both 0: any */
    int64_t unit;     /* of a bare TIME, in ns */
    const char *help;
};

/** A name that may stand on a command line, and what it is for. */
struct perf_word {
    const char *name; /* NULL: there are no more */
    const char *about;
};

/** The n-th of a list of them. */
typedef struct perf_word perf_words(size_t n);

struct perf_command {
    const char *name;
    const char *arguments; /* what else stands there, for the usage */
    const char *about;
    const struct perf_option *options;
    perf_words *workloads; /* nothing else may stand there; NULL: anything */
};

/* What perf_options_parse() says when it has printed the help. */
#define PERF_OPTIONS_HELPED (-4095)

/**
 * Read argv[0 .. argc), without the program's name.
 *
 * Returns how many arguments are no options (they are moved to the front of
 * argv); -EINVAL, the mistake told on standard error; PERF_OPTIONS_HELPED.
 */
int perf_options_parse(const struct perf_command *, int argc, char **argv);

/** Whether a name is on the list. */
bool perf_options_has(perf_words *, const char *name);

/** The exit status that goes with a negative result of the above. */
int perf_options_status(int result);

/** Read a COUNT or a TIME (`unit` in ns); 0 or -EINVAL. */
int perf_options_count(const char *text, uint64_t *out);
int perf_options_time(const char *text, int64_t unit, int64_t *out);

#endif
