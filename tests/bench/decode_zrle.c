/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ZRLE: one zlib stream of 64x64 tiles. Source: RFC 6143, 7.7.6. */
#include <zlib.h>
#include "tests/bench/decode.h"

#define TILE 64

/* What is left of the plain bytes. */
typedef struct {
    const uint8_t *at, *end;
} Bytes;

static unsigned
byte(Bytes *in)
{
    if (in->at == in->end) {
        zg_wire_die("ZRLE: a tile is too short");
    }
    return *in->at++;
}

static uint32_t
colour(Bytes *in)
{
    unsigned blue = byte(in), green = byte(in), red = byte(in);

    return red << 16 | green << 8 | blue;
}

static int
run_length(Bytes *in)
{
    int n = 1;
    unsigned more;

    do {
        more = byte(in);
        n += (int)more;
    } while (more == 255);
    return n;
}

static void
put_packed(ZgPicture *picture, const ZgDecodeRect *tile, Bytes *in, const uint32_t *palette,
           unsigned n_colours)
{
    unsigned bits = n_colours == 2 ? 1 : n_colours <= 4 ? 2 : n_colours <= 16 ? 4 : 8;

    for (int y = 0; y < tile->height; y++) {
        uint32_t *line = picture->pixels + (size_t)(tile->y + y) * (size_t)picture->width + tile->x;
        unsigned held = 0, n_held = 0;

        for (int x = 0; x < tile->width; x++) {
            if (n_held == 0) {
                held = byte(in);
                n_held = 8;
            }
            n_held -= bits;
            line[x] = palette[held >> n_held & ((1u << bits) - 1)];
        }
    }
}

static void
put_runs(ZgPicture *picture, const ZgDecodeRect *tile, Bytes *in, const uint32_t *palette,
         unsigned n_colours)
{
    int n = tile->width * tile->height;

    for (int at = 0; at < n;) {
        unsigned index = n_colours > 0 ? byte(in) : 128;
        uint32_t value = n_colours > 0 ? palette[index & 127] : colour(in);
        int end = at + (index & 128 ? run_length(in) : 1);

        for (; at < MIN(end, n); at++) {
            picture->pixels[(size_t)(tile->y + at / tile->width) * (size_t)picture->width +
                            (size_t)(tile->x + at % tile->width)] = value;
        }
    }
}

static void
decode_tile(ZgPicture *picture, const ZgDecodeRect *tile, Bytes *in)
{
    uint32_t palette[128];
    unsigned kind = byte(in), n_colours = kind & 127;

    if (kind == 0) {
        for (int i = 0; i < tile->width * tile->height; i++) {
            picture->pixels[(size_t)(tile->y + i / tile->width) * (size_t)picture->width +
                            (size_t)(tile->x + i % tile->width)] = colour(in);
        }
        return;
    }
    for (unsigned i = 0; i < n_colours; i++) {
        palette[i] = colour(in);
    }
    if (kind == 1) {
        zg_decode_fill(picture, tile->x, tile->y, tile->width, tile->height, palette[0]);
    } else if (kind < 128) {
        put_packed(picture, tile, in, palette, n_colours);
    } else {
        put_runs(picture, tile, in, palette, n_colours);
    }
}

void
zg_decode_zrle(ZgPicture *picture, const ZgDecodeRect *r)
{
    static z_stream stream;
    static bool is_open;
    size_t n = zg_wire_u32(picture->wire);
    size_t n_most = (size_t)r->width * (size_t)r->height * 4 + 65536;
    Bytes in;

    if (!is_open) {
        inflateInit(&stream);
        is_open = true;
    }
    g_byte_array_set_size(picture->plain, (guint)n_most);
    stream.next_in = (Bytef *)zg_decode_packed(picture, n);
    stream.avail_in = (uInt)n;
    stream.next_out = picture->plain->data;
    stream.avail_out = (uInt)n_most;
    if (inflate(&stream, Z_SYNC_FLUSH) < 0) {
        zg_wire_die("ZRLE: the stream is broken");
    }
    in = (Bytes){picture->plain->data, stream.next_out};
    for (int y = r->y; y < r->y + r->height; y += TILE) {
        for (int x = r->x; x < r->x + r->width; x += TILE) {
            ZgDecodeRect tile = {x, y, MIN(TILE, r->x + r->width - x),
                                 MIN(TILE, r->y + r->height - y)};
            decode_tile(picture, &tile, &in);
        }
    }
}
