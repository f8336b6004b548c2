/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/bench/paint.h"

#include <string.h>

#include "display/font.h"

static const char *const words[] = {
    "the",     "of",      "account", "branch",  "and",    "to",     "order",   "invoice",
    "a",       "in",      "report",  "is",      "stock",  "was",    "price",   "customer",
    "open",    "closed",  "on",      "monthly", "total",  "with",   "for",     "delivery",
    "payment", "between", "at",      "window",  "change", "number", "counter", "yesterday",
};

uint32_t
bench_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

void
bench_fill(const BenchPaper *on, int x, int y, int w, int h, uint32_t colour)
{
    for (int r = MAX(y, 0); r < MIN(y + h, on->height); r++) {
        uint32_t *row = on->pixels + (size_t)r * (size_t)on->width;
        for (int c = MAX(x, 0); c < MIN(x + w, on->width); c++) {
            row[c] = colour;
        }
    }
}

static uint32_t
mix(uint32_t below, uint32_t ink, unsigned part)
{
    uint32_t result = 0;

    for (int shift = 0; shift < 24; shift += 8) {
        unsigned b = below >> shift & 255, i = ink >> shift & 255;
        result |= ((b * (256 - part) + i * part) / 256) << shift;
    }
    return result;
}

/* How much of a pixel a glyph covers, of 256: its own bit, or a part from the neighbours. */
static unsigned
coverage(const uint8_t *glyph, int column, int row)
{
    unsigned bits = glyph[row];
    unsigned up = row > 0 ? glyph[row - 1] : 0;

    if (bits >> (7 - column) & 1) {
        return 240;
    }
    return (column > 0 && (bits >> (8 - column) & 1) ? 72u : 0u) +
           (column < 7 && (bits >> (6 - column) & 1) ? 40u : 0u) +
           (up >> (7 - column) & 1 ? 24u : 0u);
}

static void
draw_glyph(const BenchPaper *on, int x, int y, int scale, uint32_t ink, const uint8_t *glyph)
{
    for (int r = 0; r < ZG_FONT_HEIGHT * scale; r++) {
        for (int c = 0; c < ZG_FONT_WIDTH * scale; c++) {
            unsigned part = coverage(glyph, c / scale, r / scale);
            int px = x + c, py = y + r;
            if (part > 0 && px >= 0 && px < on->width && py >= 0 && py < on->height) {
                uint32_t *pixel = on->pixels + (size_t)py * (size_t)on->width + px;
                *pixel = mix(*pixel, ink, part);
            }
        }
    }
}

void
bench_text(const BenchPaper *on, int x, int y, int scale, uint32_t ink, const char *text)
{
    for (; *text != '\0'; text++, x += ZG_FONT_WIDTH * scale) {
        draw_glyph(on, x, y, scale, ink, zg_font_glyph((uint8_t)*text));
    }
}

char *
bench_words(uint32_t *seed, int n_max)
{
    GString *line = g_string_new(NULL);

    for (;;) {
        const char *word = words[bench_random(seed) % G_N_ELEMENTS(words)];
        if ((int)(line->len + strlen(word) + 1) > n_max) {
            return g_string_free(line, FALSE);
        }
        g_string_append_printf(line, "%s%s", line->len > 0 ? " " : "", word);
    }
}

static uint32_t
hash(uint32_t x, uint32_t y, uint32_t seed)
{
    uint32_t v = x * 0x9e3779b1u ^ y * 0x85ebca6bu ^ seed * 0xc2b2ae35u;

    v ^= v >> 15;
    v *= 0x2c1b3c6du;
    v ^= v >> 13;
    return v;
}

/* A smooth field of 0..255, one support point each 2^@shift pixels. */
static int
field(int x, int y, int shift, uint32_t seed)
{
    int size = 1 << shift, fx = x & (size - 1), fy = y & (size - 1);
    uint32_t gx = (uint32_t)(x >> shift), gy = (uint32_t)(y >> shift);
    int a = hash(gx, gy, seed) & 255, b = hash(gx + 1, gy, seed) & 255;
    int c = hash(gx, gy + 1, seed) & 255, d = hash(gx + 1, gy + 1, seed) & 255;
    int top = a * (size - fx) + b * fx, bottom = c * (size - fx) + d * fx;

    return (int)(((int64_t)top * (size - fy) + (int64_t)bottom * fy) >> (2 * shift));
}

static int
photo_value(int x, int y, uint32_t seed)
{
    return (field(x, y, 7, seed) * 8 + field(x, y, 5, seed + 1) * 4 + field(x, y, 3, seed + 2) * 2 +
            field(x, y, 1, seed + 3)) / 15 + (int)(hash((uint32_t)x, (uint32_t)y, seed) & 3);
}

void
bench_photo(const BenchPaper *on, int x, int y, int w, int h, uint32_t seed)
{
    for (int r = MAX(y, 0); r < MIN(y + h, on->height); r++) {
        for (int c = MAX(x, 0); c < MIN(x + w, on->width); c++) {
            int light = photo_value(c - x, r - y, seed), tint = field(c - x, r - y, 6, seed + 9);
            int red = MIN(light * (128 + tint / 2) / 200, 255);
            int green = MIN(light, 255), blue = MIN(light * (255 - tint / 2) / 200, 255);
            on->pixels[(size_t)r * (size_t)on->width + (size_t)c] =
                (uint32_t)(red << 16 | green << 8 | blue);
        }
    }
}

void
bench_copy(const BenchPaper *to, int x, int y, const BenchPaper *from, int from_x, int from_y,
           int w, int h)
{
    for (int r = 0; r < h; r++) {
        memcpy(to->pixels + (size_t)(y + r) * (size_t)to->width + x,
               from->pixels + (size_t)(from_y + r) * (size_t)from->width + from_x,
               (size_t)w * sizeof(uint32_t));
    }
}
