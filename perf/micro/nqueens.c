// SPDX-License-Identifier: MIT
/*
 * nqueens: all ways to place 12 queens that do not attack each other. A fork
 * for each free square of a row but the last, which is a call; no cut-off: per
 * board, of which there are as many as queens placed, and the empty one.
 */
#include "perf/micro/micro.h"

#include <weft/fork.h>
#include <weft/time.h>

#include "perf/queens.h"

/* A board, and what came of it. */
struct board {
    struct perf_board at;
    uint64_t boards, solutions;
};

/* The boards with one queen more; how many. */
static unsigned place(const struct board *board, struct board *next)
{
    unsigned count = 0;

    for (uint32_t left = perf_board_free(&board->at); left != 0;
         left &= left - 1) {
        next[count++].at = perf_board_with(&board->at, left & -left);
    }
    return count;
}

/* A full board is one solution; any other has what those after it have. */
static void add_up(struct board *board, const struct board *next,
                   unsigned count)
{
    board->boards = 1;
    board->solutions = perf_board_is_full(&board->at);
    for (unsigned i = 0; i < count; i++) {
        board->boards += next[i].boards;
        board->solutions += next[i].solutions;
    }
}

static void solve_alone(struct board *board)
{
    struct board next[PERF_QUEENS];
    unsigned count = place(board, next);

    for (unsigned i = 0; i < count; i++) {
        solve_alone(&next[i]);
    }
    add_up(board, next, count);
}

static void *solve(void *arg)
{
    struct board *board = arg, next[PERF_QUEENS];
    weft_branch branches[PERF_QUEENS];
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
    double alone; /* ns */
};

static int expect_right(const struct board *board, unsigned queens)
{
    int rc = perf_micro_expect("nqueens: boards", board->boards,
                               perf_queens_boards(queens));

    return rc != 0 ? rc
                   : perf_micro_expect("nqueens: solutions", board->solutions,
                                       perf_queens_solutions(queens));
}

static void *run(void *arg)
{
    struct job *job = arg;
    struct perf_micro *micro = job->micro;
    struct board board = {.at = perf_board_empty(job->queens)};
    weft_time start = weft_now();

    solve(&board);
    micro->ns = (double)(weft_now() - start);
    micro->ops = board.boards;
    perf_micro_against(micro, job->alone);
    return weft_fail(expect_right(&board, job->queens));
}

int perf_micro_nqueens(struct perf_micro *micro)
{
    struct job job = {.micro = micro,
                      .queens = perf_queens_within(micro->scale)};
    struct board board = {.at = perf_board_empty(job.queens)};
    weft_time start = weft_now();
    int rc;

    solve_alone(&board);
    job.alone = (double)(weft_now() - start);
    rc = expect_right(&board, job.queens);
    return rc != 0 ? rc : perf_micro_in_runtime(micro, run, &job);
}
