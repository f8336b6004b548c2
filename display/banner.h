/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A notice drawn on a copy of the picture, for a viewer that is about to be cut. Pure. */
#pragma once

#include <stdint.h>

#include "display/rect.h"

/**
 * zg_banner_draw() - a centred box with @text, wrapped
 * @width, @height: of the picture
 * @text: UTF-8, valid
 * @out_area: where the box lies
 * Return: its pixels, rows without gaps, the caller frees; NULL when the picture is too small.
 */
uint32_t *zg_banner_draw(int width, int height, const char *text, ZgRect *out_area);
