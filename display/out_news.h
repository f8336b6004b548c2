/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an RFB viewer has not been told yet, beside pictures: it travels with the next update. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "display/cursor.h"
#include "display/rfb_session.h"

typedef struct {
    bool size;  /* travels alone */
    bool cursor, led, key;
    bool told_qemu_key;
    ZgCursor shape; /* shares the pixels */
    uint8_t led_state;
} ZgOutNews;

void zg_out_news_clear(ZgOutNews *news);

/** zg_out_news_look() - the viewer announced what it understands: it is told all of that. */
void zg_out_news_look(ZgOutNews *news, const ZgRfbLook *look);

/** zg_out_news_cursor() - another shape; @cursor is borrowed, its pixels are shared. */
void zg_out_news_cursor(ZgOutNews *news, const ZgCursor *cursor);

/** zg_out_news_put() - append rectangles of cursor, LEDs and keys. Return: how many. */
unsigned zg_out_news_put(ZgOutNews *news, const ZgRfbLook *look, GByteArray *out);
