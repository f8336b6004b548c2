/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * By how much may a picture have moved? Rows, or points, that are found once in the old picture and
 * again in the new one each give a vote. Pure; a guess, to be compared before it is used.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "display/rect.h"

/* What is at x, y now was at x + dx, y + dy. */
typedef struct {
    int dx, dy;
} ZgShift;

/** zg_shift_is_near() - as @expected (0, 0: nothing is) but for a row: pages are not whole rows. */
static inline bool
zg_shift_is_near(ZgShift shift, ZgShift expected)
{
    return (expected.dx != 0 || expected.dy != 0) && shift.dx == expected.dx &&
           ABS(shift.dy - expected.dy) <= 1;
}

/* A column of 64 pixels and how many of its rows differ. */
typedef struct {
    int index, n_rows;
} ZgMoveStrip;

#define ZG_MOVE_STRIPS_MOST 8 /* that vote at once */
#define ZG_MOVE_STRIP_SIDE 64

typedef struct ZgMoveVotes ZgMoveVotes;

ZgMoveVotes *zg_move_votes_new(void);
void zg_move_votes_free(ZgMoveVotes *votes);

/** zg_move_votes_forget() - the pictures, or where they differ, are new. */
void zg_move_votes_forget(ZgMoveVotes *votes);

/** zg_move_votes_start_rows() - forget the strips of the last count. */
void zg_move_votes_start_rows(ZgMoveVotes *votes, int height);

/** zg_move_votes_offer_strip() - those with the most rows that differ will vote. */
void zg_move_votes_offer_strip(ZgMoveVotes *votes, ZgMoveStrip strip);

/**
 * zg_move_votes_count_rows() - the best vertical shift
 * @top, @bottom: where the pictures differ
 * @left, @right: columns of each strip
 * @rows:         of each strip one byte a row of the picture, 1 where it differs
 * @expected:     ends the count when the first strips vote for it; 0, 0: nothing is
 * Return: false when too few rows agree.
 */
bool zg_move_votes_count_rows(ZgMoveVotes *votes, const uint32_t *was, const uint32_t *now,
                              int width, int top, int bottom, const int *left, const int *right,
                              const uint8_t *rows, ZgShift expected, ZgShift *out_shift);

/** zg_move_votes_count_points() - the best shift in both directions inside @box. */
bool zg_move_votes_count_points(ZgMoveVotes *votes, const uint32_t *was, const uint32_t *now,
                                int width, int height, ZgRect box, const uint8_t *rows,
                                ZgShift *out_shift);
