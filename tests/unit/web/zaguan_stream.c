/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Updates in our own encoding as a viewer gets them, for the decoder of the page (zaguan.test.mjs).
 * Standard output: for each update u32 rectangles, u32 bytes, the rectangles with their heads, and
 * then the picture as it must be, SIDE x SIDE x 3 bytes red, green, blue.
 * With the word "window": one zstd stream of a small window that it fills many times over; for each
 * flush u32 plain bytes, u32 packed bytes, the plain, the packed.
 */
#include <stdio.h>
#include <string.h>
#include <zstd.h>

#include "display/out_zaguan.h"

#define SIDE 256
#define N_UPDATES 12
#define SMALL_WINDOW_LOG 12
#define N_FLUSHES 64
#define FLUSH_BYTES 1500

static uint32_t pixels[SIDE * SIDE];

/* Flat, text-like, smooth and noisy areas, at changing places; some come back. */
static void
paint(int update, ZgRect r)
{
    uint32_t noise = (uint32_t)update + 1;

    for (int y = r.y; y < r.y + r.height; y++) {
        for (int x = r.x; x < r.x + r.width; x++) {
            noise = noise * 1664525u + 1013904223u;
            switch (update % 4) {
            case 0:
                pixels[y * SIDE + x] = 0x336699;
                break;
            case 1:
                pixels[y * SIDE + x] = (x * 7 + y * 3) % 11 < 4 ? 0x101820 : 0xf0f4f8;
                break;
            case 2:
                pixels[y * SIDE + x] = (uint32_t)x << 16 | (uint32_t)y << 8 | (noise >> 29);
                break;
            default:
                pixels[y * SIDE + x] = noise >> 8;
            }
        }
    }
}

static void
put(const void *bytes, size_t n)
{
    if (fwrite(bytes, 1, n, stdout) != n) {
        g_error("standard output: cannot write");
    }
}

static void
put_picture(void)
{
    for (int i = 0; i < SIDE * SIDE; i++) {
        uint8_t rgb[3] = {(uint8_t)(pixels[i] >> 16), (uint8_t)(pixels[i] >> 8),
                          (uint8_t)pixels[i]};
        put(rgb, sizeof rgb);
    }
}

/* Half of it from up to a window before, half of it new. */
static void
put_window_stream(void)
{
    static uint8_t plain[N_FLUSHES * FLUSH_BYTES], packed[2 * FLUSH_BYTES + 64];
    ZSTD_CCtx *context = ZSTD_createCCtx();
    uint32_t noise = 1;

    ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, SMALL_WINDOW_LOG);
    for (size_t i = 0; i < sizeof plain; i++) {
        size_t back = 1 + (i / 64 * 977) % ((1u << SMALL_WINDOW_LOG) - 1);

        noise = noise * 1664525u + 1013904223u;
        plain[i] = i / 64 % 2 == 0 || back > i ? (uint8_t)(noise >> 24) : plain[i - back];
    }
    for (size_t i = 0; i < N_FLUSHES; i++) {
        ZSTD_inBuffer in = {plain + i * FLUSH_BYTES, FLUSH_BYTES, 0};
        ZSTD_outBuffer out = {packed, sizeof packed, 0};
        uint32_t head[2] = {FLUSH_BYTES};

        if (ZSTD_compressStream2(context, &out, &in, ZSTD_e_flush) != 0) {
            g_error("zstd keeps bytes back");
        }
        head[1] = (uint32_t)out.pos;
        put(head, sizeof head);
        put(plain + i * FLUSH_BYTES, FLUSH_BYTES);
        put(packed, out.pos);
    }
    ZSTD_freeCCtx(context);
}

static void
put_updates(void)
{
    const ZgEncodeWish wish = {.format = zg_pixel_format_native, .zaguan = true, .tight = true,
                               .jpeg_quality = -1};
    ZgEncoderSet encoders = {0};
    ZgOutZaguan *out = zg_out_zaguan_new();

    for (int i = 0; i < N_UPDATES; i++) {
        g_autoptr(GByteArray) bytes = g_byte_array_new();
        ZgRect r = i == 0 ? (ZgRect){0, 0, SIDE, SIDE}
                          : (ZgRect){i * 9, i * 5, SIDE - i * 12, SIDE - i * 15};
        ZgTile tile = {.area = r, .pixels = pixels + r.y * SIDE + r.x, .stride = SIDE};
        ZgBlob *blob;
        uint32_t head[2];

        paint(i % 8, r);
        blob = zg_encoder_set_encode(&encoders, &tile, &wish);
        if (i == N_UPDATES / 2) { /* as by another worker: a new stream */
            zg_out_zaguan_free(out);
            out = zg_out_zaguan_new();
        }
        head[0] = zg_out_zaguan_put(out, &blob, 1, SIDE, SIDE, SIZE_MAX, bytes, NULL);
        head[1] = bytes->len;
        put(head, sizeof head);
        put(bytes->data, bytes->len);
        put_picture();
        zg_blob_unref(blob);
    }
    zg_out_zaguan_free(out);
    zg_encoder_set_clear(&encoders);
}

int
main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "window") == 0) {
        put_window_stream();
    } else {
        put_updates();
    }
    return 0;
}
