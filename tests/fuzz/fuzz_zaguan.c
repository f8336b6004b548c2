/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A hostile server's rectangles of our own encoding, through the decoder that the tests and the
 * document share: plain parts, packed parts, and any bytes in place of a stream.
 */
#include "tests/bench/zaguan_decoder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define WIDTH 97
#define HEIGHT 61
#define RECTS_MAX 32

/* As they are, or packed by a stream that is not hostile: what is inside still may be. */
static bool
draw_parts(ZaguanPicture *picture, const uint8_t *data, size_t n, bool packed)
{
    g_autoptr(GByteArray) body = g_byte_array_new();
    g_autofree uint8_t *room = g_malloc(ZSTD_compressBound(n) + 64);
    static ZSTD_CCtx *c; /* for the life of the program: making one takes longest */
    ZSTD_inBuffer in = {data, n, 0};
    ZSTD_outBuffer out = {room, ZSTD_compressBound(n) + 64, 0};
    ZgRfbReader reader;

    c = c == NULL ? ZSTD_createCCtx() : c;
    ZSTD_CCtx_reset(c, ZSTD_reset_session_only);
    ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, 1);
    ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, 12);
    ZSTD_compressStream2(c, &out, &in, ZSTD_e_flush);
    zg_rfb_put_u8(body, packed ? 1 : 2);
    zg_rfb_put_u32(body, (uint32_t)n);
    zg_rfb_put_u32(body, (uint32_t)(packed ? out.pos : n));
    g_byte_array_append(body, packed ? room : data, (guint)(packed ? out.pos : n));
    reader = (ZgRfbReader){.bytes = body->data, .n_bytes = body->len};
    return zaguan_picture_draw(picture, &reader);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    g_autofree uint32_t *pixels = g_new0(uint32_t, WIDTH * HEIGHT);
    ZaguanPicture picture = {.pixels = pixels, .width = WIDTH, .height = HEIGHT};

    if (n < 1) {
        return 0;
    }
    if (data[0] < 2) {
        draw_parts(&picture, data + 1, n - 1, data[0] == 1);
    } else {
        ZgRfbReader in = {.bytes = data, .n_bytes = n, .at = 1};
        for (int i = 0; i < RECTS_MAX && zaguan_picture_draw(&picture, &in); i++) {
        }
    }
    zaguan_picture_end(&picture);
    return 0;
}
