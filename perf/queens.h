// SPDX-License-Identifier: MIT
/*
 * The problem of nqueens, for every runtime that solves it: all ways to place
 * queens that do not attack each other, a row after the other. C and C++.
 */
#ifndef WEFT_PERF_QUEENS_H
#define WEFT_PERF_QUEENS_H

#include <stdbool.h>
#include <stdint.h>

#define PERF_QUEENS 12

/** Squares of the next row as bits: all there are, and those attacked. */
struct perf_board {
    uint32_t all;
    uint32_t columns, left, right;
};

/** An empty one for `queens`. */
static inline struct perf_board perf_board_empty(unsigned queens)
{
    struct perf_board board = {(UINT32_C(1) << queens) - 1, 0, 0, 0};

    return board;
}

/** Where the next queen may stand. */
static inline uint32_t perf_board_free(const struct perf_board *board)
{
    return board->all & ~(board->columns | board->left | board->right);
}

/** The board with a queen there. */
static inline struct perf_board perf_board_with(const struct perf_board *board,
                                                uint32_t square)
{
    struct perf_board next = {board->all, board->columns | square,
                              (board->left | square) << 1,
                              (board->right | square) >> 1};

    return next;
}

/** Whether it is a solution. */
static inline bool perf_board_is_full(const struct perf_board *board)
{
    return board->columns == board->all;
}

/** Boards there are with so many queens or fewer in place, the empty one
 * included: an operation each. 5 to PERF_QUEENS. */
static inline uint64_t perf_queens_boards(unsigned queens)
{
    static const uint64_t boards[PERF_QUEENS + 1] = {
        0, 0, 0, 0, 0, 54, 153, 552, 2057, 8394, 35539, 166926, 856189};

    return boards[queens];
}

/** How many of these are full. */
static inline uint64_t perf_queens_solutions(unsigned queens)
{
    static const uint64_t solutions[PERF_QUEENS + 1] = {
        0, 0, 0, 0, 0, 10, 4, 40, 92, 352, 724, 2680, 14200};

    return solutions[queens];
}

/** As many queens as there is time for: one less is a fifth of the work. */
static inline unsigned perf_queens_within(uint64_t scale)
{
    unsigned queens = PERF_QUEENS;

    for (; scale > 1 && queens > 5; scale /= 5) {
        queens--;
    }
    return queens;
}

#endif
