/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A small bitmap font for notices on a viewer's picture. Pure. */
#pragma once

#include <stdint.h>

#define ZG_FONT_WIDTH 8
#define ZG_FONT_HEIGHT 13

/** zg_font_glyph() - ZG_FONT_HEIGHT rows; '?' for what ISO 8859-1 cannot show. Static. */
const uint8_t *zg_font_glyph(uint32_t character);
