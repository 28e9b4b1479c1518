// SPDX-License-Identifier: MIT
/*
 * The subcommands: each takes the arguments behind its name and returns an exit
 * status.
 */
#ifndef WEFT_PERF_COMMANDS_H
#define WEFT_PERF_COMMANDS_H

int perf_serve_command(int argc, char **argv);
int perf_load_command(int argc, char **argv);
int perf_mixed_command(int argc, char **argv);
int perf_stuck_command(int argc, char **argv);
int perf_micro_command(int argc, char **argv);
int perf_rivals_command(int argc, char **argv);
int perf_calibrate_command(int argc, char **argv);

#endif
