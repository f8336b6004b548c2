/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where does a film play? A rectangle of blocks that change again and again, for a quarter of a
 * second and more, and do not merely move. Pure.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "display/damage.h"
#include "display/rect.h"

#define ZG_FILM_PIXELS_LEAST 36864 /* smaller ones are not worth a codec */

typedef struct {
    int64_t first_us, last_us; /* of changes without a pause between */
    unsigned n;
    ZgBlockBox box; /* all of these changes */
} ZgFilmBlock;

typedef struct {
    int width, height, columns, rows;
    ZgFilmBlock *blocks;
    ZgRect area;     /* empty: none plays. Even width and height */
    int64_t seen_us; /* when most of the area changed last */
    int64_t searched_us;
} ZgFilm;

void zg_film_init(ZgFilm *film, int width, int height);
void zg_film_clear(ZgFilm *film);

/**
 * zg_film_note() - a step of the picture
 * @areas: ZgRect, what changed and did not move
 * Return: true when the area is another one than before.
 */
bool zg_film_note(ZgFilm *film, const GArray *areas, int64_t now_us);

/** zg_film_reject() - what plays there is no film; looked for again after a while. */
void zg_film_reject(ZgFilm *film);

/** zg_rects_subtract() - append the parts of @areas outside @hole to @out_rest. */
void zg_rects_subtract(const GArray *areas, ZgRect hole, GArray *out_rest);
