// SPDX-License-Identifier: MIT
/*
 * nqueens: all ways to place 12 queens that do not attack each other. A fork
 * for each free square of a row but the last, which is a call; no cut-off:
 * per queen placed.
 */
#include "perf/micro/micro.h"

#include <weft/fork.h>
#include <weft/time.h>

#define QUEENS 12

static const uint64_t solutions[QUEENS + 1] = {
    1, 1, 0, 0, 2, 10, 4, 40, 92, 352, 724, 2680, 14200,
};

/* Squares of the next row as bits; then what came of it. */
struct board {
    uint32_t all;
    uint32_t columns, left, right; /* attacked along these */
    uint64_t solutions, placed;
};

static struct board with_queen(const struct board *board, uint32_t square)
{
    return (struct board){
        .all = board->all,
        .columns = board->columns | square,
        .left = (board->left | square) << 1,
        .right = (board->right | square) >> 1,
        .placed = 1,
    };
}

/* The boards with one queen more; how many. */
static unsigned place(const struct board *board, struct board *next)
{
    uint32_t attacked = board->columns | board->left | board->right;
    unsigned count = 0;

    for (uint32_t left = board->all & ~attacked; left != 0; left &= left - 1) {
        next[count++] = with_queen(board, left & -left);
    }
    return count;
}

/* A full board is one solution; any other has what those after it have. */
static void add_up(struct board *board, const struct board *next,
                   unsigned count)
{
    board->solutions = board->columns == board->all;
    for (unsigned i = 0; i < count; i++) {
        board->solutions += next[i].solutions;
        board->placed += next[i].placed;
    }
}

static void solve_alone(struct board *board)
{
    struct board next[QUEENS];
    unsigned count = place(board, next);

    for (unsigned i = 0; i < count; i++) {
        solve_alone(&next[i]);
    }
    add_up(board, next, count);
}

static void *solve(void *arg)
{
    struct board *board = arg, next[QUEENS];
    weft_branch branches[QUEENS];
    unsigned count = place(board, next);

    for (unsigned i = 0; i + 1 < count; i++) {
        weft_fork(&branches[i], solve, &next[i]);
    }
    if (count > 0) {
        solve(&next[count - 1]);
    }
    for (unsigned i = count; i > 1; i--) {
        weft_join(&branches[i - 2], NULL);
    }
    add_up(board, next, count);
    return NULL;
}

struct job {
    struct perf_micro *micro;
    unsigned queens;
    uint64_t placed;
    double alone; /* ns */
};

static void *run(void *arg)
{
    struct job *job = arg;
    struct perf_micro *micro = job->micro;
    struct board board = {.all = (1U << job->queens) - 1};
    weft_time start = weft_now();
    int rc;

    solve(&board);
    micro->ns = (double)(weft_now() - start);
    micro->ops = board.placed;
    perf_micro_against(micro, job->alone);
    rc = perf_micro_expect("nqueens", board.solutions, solutions[job->queens]);
    return weft_fail(
        rc != 0 ? rc : perf_micro_expect("nqueens", board.placed, job->placed));
}

int perf_micro_nqueens(struct perf_micro *micro)
{
    struct job job = {.micro = micro, .queens = QUEENS};
    struct board board;
    weft_time start = weft_now();

    /* A queen less is about a fifth of the work. */
    for (uint64_t scale = micro->scale; scale > 1 && job.queens > 5;
         scale /= 5) {
        job.queens--;
    }
    board = (struct board){.all = (1U << job.queens) - 1};
    start = weft_now();
    solve_alone(&board);
    job.alone = (double)(weft_now() - start);
    job.placed = board.placed;
    return perf_micro_in_runtime(micro, run, &job);
}
