// SPDX-License-Identifier: MIT
/*
 * `weft-perf mixed --rivals`: which servers, beside how many.
 */
#include "perf/rivals/beside.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <weft.h>

#include "perf/burn.h"
#include "perf/options.h"
#include "perf/output.h"
#include "perf/rivals/machine.h"

#define PATH_SIZE 4096
#define CROWD_MAX 5000
#define USUAL_CROWDS "0,1,2,4,8,16,64"
#define USUAL_US 10000

/* --- What is to be run --- */

static bool is_built(const struct perf_beside *beside, int server)
{
    char path[PATH_SIZE];

    if (server <= PERF_SERVER_THREADS) {
        return true;
    }
    snprintf(path, sizeof(path), "%s/%s", beside->programs,
             perf_server_names[server].program);
    if (access(path, X_OK) == 0) {
        return true;
    }
    fprintf(stderr,
            "weft-perf mixed: %s: %s: not built, skipped (`make mixed` builds "
            "all)\n",
            perf_server_names[server].title, path);
    return false;
}

static void prepare(struct perf_beside *beside)
{
    if (beside->programs == NULL) {
        beside->programs = perf_rivals_programs();
    }
    for (int i = 0; i < PERF_SERVERS; i++) {
        beside->present[i] = is_built(beside, i);
    }
    if (beside->block_us == 0) {
        beside->burn_us = beside->burn_us > 0 ? beside->burn_us : USUAL_US;
        beside->rounds =
            perf_burn_rounds(perf_burn_calibrate(), beside->burn_us);
    }
    beside->load = perf_machine_load();
    perf_machine_name(beside->machine, sizeof(beside->machine));
    perf_machine_when(beside->when, sizeof(beside->when));
    snprintf(beside->version[PERF_SERVER_WEFT],
             sizeof(beside->version[PERF_SERVER_WEFT]), "%d.%d.%d",
             WEFT_VERSION_MAJOR, WEFT_VERSION_MINOR, WEFT_VERSION_PATCH);
}

static bool is_new(const struct perf_beside *beside, uint64_t crowd)
{
    return beside->crowd_count == 0 ||
           beside->crowds[beside->crowd_count - 1] < crowd;
}

int perf_beside_crowds(struct perf_beside *beside, const char *text)
{
    beside->crowd_count = 0;
    for (;;) {
        char number[16];
        size_t length = strcspn(text, ",");
        uint64_t crowd;

        if (length >= sizeof(number) ||
            beside->crowd_count == PERF_BESIDE_CROWDS_MAX) {
            return -EINVAL;
        }
        memcpy(number, text, length);
        number[length] = '\0';
        if (perf_options_count(number, &crowd) != 0 || crowd > CROWD_MAX ||
            !is_new(beside, crowd)) {
            return -EINVAL;
        }
        beside->crowds[beside->crowd_count++] = crowd;
        if (text[length] == '\0') {
            return 0;
        }
        text += length + 1;
    }
}

/* --- The run and its end --- */

static int write_json(const void *beside, FILE *to)
{
    return perf_beside_json(beside, to);
}

static int write_page(const void *beside, FILE *to)
{
    return perf_beside_page(beside, to);
}

static int run(struct perf_beside *beside)
{
    int rc, table, json, page;

    prepare(beside);
    rc = perf_beside_run(beside);
    table = perf_beside_print(beside, stdout);
    json = perf_output(beside->json, write_json, beside);
    page = perf_output(beside->html, write_page, beside);
    return rc != 0 || table != 0 || json != 0 || page != 0;
}

static int complain(const char *what)
{
    fprintf(stderr,
            "weft-perf mixed: %s (see weft-perf mixed --rivals --help)\n",
            what);
    return 2;
}

static int parse(struct perf_beside *beside, const char **crowds, int argc,
                 char **argv)
{
    bool rivals;
    const struct perf_option options[] = {
        {"rivals", PERF_OPTION_FLAG, &rivals, 0, 0, 0,
         "this; without it, weft alone and other options"},
        {"hogs-list", PERF_OPTION_TEXT, crowds, 0, 0, 0,
         "heavy requests at a time (default " USUAL_CROWDS ")"},
        {"runs", PERF_OPTION_COUNT, &beside->runs, 1, PERF_BESIDE_RUNS_MAX, 0,
         "of each, in turn (default 3)"},
        {"duration", PERF_OPTION_TIME, &beside->duration, WEFT_MS(1),
         WEFT_S(3600), WEFT_S(1), "of one run (default 5s)"},
        {"light-rate", PERF_OPTION_COUNT, &beside->light_rate, 1, 1000000, 0,
         "light requests a second (default 2000)"},
        {"light-connections", PERF_OPTION_COUNT, &beside->light_connections, 1,
         10000, 0, "they share so many connections (default 32)"},
        {"burn-us", PERF_OPTION_COUNT, &beside->burn_us, 1, 60000000, 0,
         "a hog: arithmetic worth so many us (default, 10000)"},
        {"block-us", PERF_OPTION_COUNT, &beside->block_us, 1, 60000000, 0,
         "a hog: a system call that blocks for so many us"},
        {"workers", PERF_OPTION_COUNT, &beside->workers, 1, 256, 0,
         "of each server that has them (default 2)"},
        {"json", PERF_OPTION_TEXT, &beside->json, 0, 0, 0,
         "write every figure to this file"},
        {"html", PERF_OPTION_TEXT, &beside->html, 0, 0, 0,
         "write a page with plots to this file"},
        {"programs", PERF_OPTION_TEXT, &beside->programs, 0, 0, 0,
         "the folder of the rivals (default: build/rivals)"},
        {0},
    };
    const struct perf_command command = {
        "mixed --rivals", "",
        "Light requests beside heavy ones at weft, a thread per connection, Go,"
        "\nTokio and libuv, in turn. Exit status 0: all of it was measured.",
        options, NULL};

    return perf_options_parse(&command, argc, argv);
}

int perf_beside_command(int argc, char **argv)
{
    /* Static because it is large, and there is one. */
    static struct perf_beside beside = {.light_rate = 2000,
                                        .light_connections = 32,
                                        .runs = 3,
                                        .workers = 2,
                                        .duration = WEFT_S(5)};
    const char *crowds = USUAL_CROWDS;
    int rc = parse(&beside, &crowds, argc, argv);

    if (rc < 0) {
        return perf_options_status(rc);
    }
    if (rc > 0) {
        return complain("takes options only");
    }
    if (beside.burn_us > 0 && beside.block_us > 0) {
        return complain("one of --burn-us and --block-us");
    }
    if (perf_beside_crowds(&beside, crowds) != 0) {
        return complain("--hogs-list: wanted: up to 16 rising numbers up to "
                        "5000, with commas between them");
    }
    return run(&beside);
}
