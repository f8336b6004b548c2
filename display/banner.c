/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/banner.h"

#include <glib.h>
#include <string.h>

#include "display/font.h"

#define SCALE 2
#define GLYPH_WIDTH (ZG_FONT_WIDTH * SCALE)
#define LINE_HEIGHT (ZG_FONT_HEIGHT * SCALE + 4)
#define MARGIN 24
#define BOX_WIDTH_MAX 640
#define LINES_MAX 8
#define PAPER 0x263238
#define INK 0xffffff
#define EDGE 0xff9800

/* Cuts @text at spaces into lines of at most @columns characters. */
static char **
wrap(const char *text, int columns)
{
    g_auto(GStrv) words = g_strsplit_set(text, " \n\t", -1);
    GPtrArray *lines = g_ptr_array_new();
    GString *line = g_string_new(NULL);

    for (char **w = words; *w != NULL && lines->len < LINES_MAX; w++) {
        g_autofree char *word = g_utf8_substring(*w, 0, MIN(g_utf8_strlen(*w, -1), columns));
        if (line->len > 0 &&
            g_utf8_strlen(line->str, -1) + 1 + g_utf8_strlen(word, -1) > columns) {
            g_ptr_array_add(lines, g_string_free(line, FALSE));
            line = g_string_new(NULL);
        }
        if (line->len > 0) {
            g_string_append_c(line, ' ');
        }
        g_string_append(line, word);
    }
    g_ptr_array_add(lines, g_string_free(line, FALSE));
    g_ptr_array_add(lines, NULL);
    return (char **)g_ptr_array_free(lines, FALSE);
}

static void
draw_char(uint32_t *pixels, int stride, int x, int y, gunichar c)
{
    const uint8_t *glyph = zg_font_glyph(c);

    for (int row = 0; row < ZG_FONT_HEIGHT * SCALE; row++) {
        for (int column = 0; column < GLYPH_WIDTH; column++) {
            if (glyph[row / SCALE] & (0x80 >> (column / SCALE))) {
                pixels[(size_t)(y + row) * (size_t)stride + (size_t)(x + column)] = INK;
            }
        }
    }
}

uint32_t *
zg_banner_draw(int width, int height, const char *text, ZgRect *out_area)
{
    int box_width = MIN(width, BOX_WIDTH_MAX) & ~7;
    int columns = (box_width - 2 * MARGIN) / GLYPH_WIDTH;
    g_auto(GStrv) lines = NULL;
    uint32_t *pixels;
    int box_height;

    if (columns < 4) {
        return NULL;
    }
    lines = wrap(text, columns);
    box_height = (int)g_strv_length(lines) * LINE_HEIGHT + 2 * MARGIN;
    if (box_height > height) {
        return NULL;
    }
    pixels = g_new(uint32_t, (size_t)box_width * (size_t)box_height);
    for (int i = 0; i < box_width * box_height; i++) {
        int x = i % box_width, y = i / box_width;
        bool edge = x < 4 || y < 4 || x >= box_width - 4 || y >= box_height - 4;
        pixels[i] = edge ? EDGE : PAPER;
    }
    for (int n = 0; lines[n] != NULL; n++) {
        int x = (box_width - (int)g_utf8_strlen(lines[n], -1) * GLYPH_WIDTH) / 2;
        for (const char *p = lines[n]; *p != '\0'; p = g_utf8_next_char(p), x += GLYPH_WIDTH) {
            draw_char(pixels, box_width, x, MARGIN + n * LINE_HEIGHT, g_utf8_get_char(p));
        }
    }
    *out_area = (ZgRect){(width - box_width) / 2, (height - box_height) / 2, box_width, box_height};
    return pixels;
}
