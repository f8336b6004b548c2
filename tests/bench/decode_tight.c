/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tight: four zlib streams, palettes, gradients, JPEG. Source: rfbproto.rst, "Tight Encoding". */
#include <string.h>
#include <turbojpeg.h>
#include <zlib.h>
#include "tests/bench/decode.h"

#define MIN_TO_PACK 12

static z_stream streams[4];
static bool open_streams[4];

static uint32_t
colour_at(const uint8_t *p)
{
    return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

static size_t
read_length(ZgWire *wire)
{
    size_t n = zg_wire_u8(wire);

    if (n & 128) {
        n = (n & 127) | (size_t)zg_wire_u8(wire) << 7;
        if (n & 1 << 14) {
            n = (n & 0x3fff) | (size_t)zg_wire_u8(wire) << 14;
        }
    }
    return n;
}

static void
decode_jpeg(ZgPicture *picture, const ZgDecodeRect *r)
{
    static tjhandle jpeg;
    size_t n = read_length(picture->wire);
    const uint8_t *bytes = zg_decode_packed(picture, n);
    uint32_t *to = picture->pixels + (size_t)r->y * (size_t)picture->width + r->x;

    if (!zg_decode_wants(picture, r)) {
        return;
    }
    jpeg = jpeg != NULL ? jpeg : tjInitDecompress();
    if (tjDecompress2(jpeg, bytes, n, (unsigned char *)to, r->width, picture->width * 4, r->height,
                      TJPF_BGRX, 0) != 0) {
        zg_wire_die("JPEG: %s", tjGetErrorStr2(jpeg));
    }
}

static const uint8_t *
unpack(ZgPicture *picture, int stream, size_t n)
{
    z_stream *z = &streams[stream];
    size_t n_packed;

    g_byte_array_set_size(picture->plain, (guint)n);
    if (n < MIN_TO_PACK) {
        zg_wire_read(picture->wire, picture->plain->data, n);
        return picture->plain->data;
    }
    n_packed = read_length(picture->wire);
    if (!open_streams[stream]) {
        *z = (z_stream){0};
        inflateInit(z);
        open_streams[stream] = true;
    }
    z->next_in = (Bytef *)zg_decode_packed(picture, n_packed);
    z->avail_in = (uInt)n_packed;
    z->next_out = picture->plain->data;
    z->avail_out = (uInt)n;
    if (inflate(z, Z_SYNC_FLUSH) < 0 || z->avail_out > 0) {
        zg_wire_die("Tight: a stream is broken");
    }
    return picture->plain->data;
}

static void
put_palette(ZgPicture *picture, const ZgDecodeRect *r, const uint8_t *in, const uint32_t *palette,
            unsigned n_colours)
{
    size_t row_bytes = n_colours <= 2 ? (size_t)(r->width + 7) / 8 : (size_t)r->width;

    for (int y = 0; y < r->height; y++, in += row_bytes) {
        uint32_t *line = picture->pixels + (size_t)(r->y + y) * (size_t)picture->width + r->x;

        for (int x = 0; x < r->width; x++) {
            line[x] = palette[n_colours <= 2 ? in[x / 8] >> (7 - x % 8) & 1 : in[x]];
        }
    }
}

static void
put_gradient(ZgPicture *picture, const ZgDecodeRect *r, const uint8_t *in)
{
    g_autofree uint8_t *rows = g_malloc0((size_t)(r->width + 1) * 6);
    uint8_t *above = rows, *here = rows + (r->width + 1) * 3;

    for (int y = 0; y < r->height; y++) {
        uint8_t *kept = above;
        uint32_t *line = picture->pixels + (size_t)(r->y + y) * (size_t)picture->width + r->x;

        for (int i = 3; i < (r->width + 1) * 3; i++) {
            here[i] = (uint8_t)(CLAMP(above[i] + here[i - 3] - above[i - 3], 0, 255) + *in++);
        }
        for (int x = 0; x < r->width; x++) {
            line[x] = colour_at(here + (x + 1) * 3);
        }
        above = here;
        here = kept;
    }
}

static void
put_colours(ZgPicture *picture, const ZgDecodeRect *r, const uint8_t *in)
{
    for (int y = 0; y < r->height; y++) {
        uint32_t *line = picture->pixels + (size_t)(r->y + y) * (size_t)picture->width + r->x;

        for (int x = 0; x < r->width; x++, in += 3) {
            line[x] = colour_at(in);
        }
    }
}

static void
decode_basic(ZgPicture *picture, const ZgDecodeRect *r, unsigned control)
{
    enum { COPY, PALETTE, GRADIENT };
    unsigned filter = control & 4 ? zg_wire_u8(picture->wire) : COPY, n_colours = 0;
    size_t row_bytes = (size_t)r->width * 3;
    uint32_t palette[256] = {0};
    const uint8_t *in;

    if (filter == PALETTE) {
        n_colours = zg_wire_u8(picture->wire) + 1u;
        for (unsigned i = 0; i < n_colours; i++) {
            uint8_t colour[3];
            zg_wire_read(picture->wire, colour, 3);
            palette[i] = colour_at(colour);
        }
        row_bytes = n_colours <= 2 ? (size_t)(r->width + 7) / 8 : (size_t)r->width;
    }
    in = unpack(picture, control & 3, row_bytes * (size_t)r->height);
    if (!zg_decode_wants(picture, r)) {
        return;
    }
    if (filter == PALETTE) {
        put_palette(picture, r, in, palette, n_colours);
    } else if (filter == GRADIENT) {
        put_gradient(picture, r, in);
    } else {
        put_colours(picture, r, in);
    }
}

void
zg_decode_tight(ZgPicture *picture, const ZgDecodeRect *r)
{
    unsigned control = zg_wire_u8(picture->wire);
    uint8_t colour[3];

    for (int i = 0; i < 4; i++) {
        if (control >> i & 1 && open_streams[i]) {
            inflateEnd(&streams[i]);
            open_streams[i] = false;
        }
    }
    control >>= 4;
    if (control == 8) {
        zg_wire_read(picture->wire, colour, 3);
        zg_decode_fill(picture, r->x, r->y, r->width, r->height, colour_at(colour));
    } else if (control == 9) {
        decode_jpeg(picture, r);
    } else if (control < 8) {
        decode_basic(picture, r, control);
    } else {
        zg_wire_die("Tight: control %u is unknown", control);
    }
}
