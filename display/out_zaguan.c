/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/out_zaguan.h"

#include <string.h>
#include <zstd.h>

#define LEVEL 1
#define WINDOW_LOG ZG_ZAGUAN_WINDOW_LOG_MAX /* a whole picture before must fit */
#define HASH_LOG 16 /* for what is near; what is far is found by long-distance matching */
#define HEAD_BYTES 9 /* flags, plain and packed length */

struct ZgOutZaguan {
    ZSTD_CCtx *context; /* NULL: there is none, parts go as they are */
    bool begun;         /* the viewer's stream is this one */
};

ZgOutZaguan *
zg_out_zaguan_new(void)
{
    ZgOutZaguan *z = g_new0(ZgOutZaguan, 1);

    z->context = ZSTD_createCCtx();
    if (z->context != NULL) {
        ZSTD_CCtx_setParameter(z->context, ZSTD_c_compressionLevel, LEVEL);
        ZSTD_CCtx_setParameter(z->context, ZSTD_c_windowLog, WINDOW_LOG);
        ZSTD_CCtx_setParameter(z->context, ZSTD_c_hashLog, HASH_LOG);
        ZSTD_CCtx_setParameter(z->context, ZSTD_c_enableLongDistanceMatching, 1);
    }
    return z;
}

void
zg_out_zaguan_free(ZgOutZaguan *z)
{
    if (z != NULL) {
        ZSTD_freeCCtx(z->context);
        g_free(z);
    }
}

/* Appends what the stream gives for @bytes. Return: false when the stream is broken. */
static bool
squeeze(ZgOutZaguan *z, const uint8_t *bytes, size_t n_bytes, ZSTD_EndDirective how,
        GByteArray *out)
{
    ZSTD_inBuffer in = {bytes, n_bytes, 0};
    size_t left;

    do {
        guint at = out->len, n_room = (guint)ZSTD_compressBound(n_bytes - in.pos) + 1024;
        g_byte_array_set_size(out, at + n_room);
        ZSTD_outBuffer room = {out->data + at, n_room, 0};
        left = ZSTD_compressStream2(z->context, &room, &in, how);
        g_byte_array_set_size(out, at + (guint)room.pos);
        if (ZSTD_isError(left)) {
            return false;
        }
    } while (in.pos < n_bytes || (how == ZSTD_e_flush && left > 0));
    return true;
}

static const uint8_t *
parts_of(const ZgBlob *blob)
{
    return blob->bytes + blob->n_bytes - blob->n_parts;
}

/* The packed parts. Return: false when zstd failed, which then never is asked again. */
static bool
pack(ZgOutZaguan *z, ZgBlob *const *blobs, size_t n_blobs, GByteArray *out)
{
    bool fine = z->context != NULL;

    for (size_t i = 0; fine && i < n_blobs; i++) {
        if (blobs[i]->n_parts > 0) {
            fine = squeeze(z, parts_of(blobs[i]), blobs[i]->n_parts, ZSTD_e_continue, out);
        }
    }
    fine = fine && squeeze(z, NULL, 0, ZSTD_e_flush, out);
    if (!fine) {
        zg_encoder_say_fallback("zstd", "parts as they are");
        ZSTD_freeCCtx(z->context);
        z->context = NULL;
    }
    return fine;
}

static void
put_rect(ZgOutZaguan *z, ZgBlob *const *blobs, size_t n_blobs, size_t n_plain, GByteArray *out)
{
    guint at = out->len;
    uint8_t flags = z->begun ? 0 : ZG_ZAGUAN_NEW_STREAM;
    uint32_t lengths[2];

    zg_rfb_put_zeroes(out, HEAD_BYTES);
    if (pack(z, blobs, n_blobs, out)) {
        z->begun = true;
    } else {
        flags = ZG_ZAGUAN_NOT_PACKED;
        g_byte_array_set_size(out, at + HEAD_BYTES);
        for (size_t i = 0; i < n_blobs; i++) {
            g_byte_array_append(out, parts_of(blobs[i]), (guint)blobs[i]->n_parts);
        }
    }
    lengths[0] = GUINT32_TO_BE((uint32_t)n_plain);
    lengths[1] = GUINT32_TO_BE((uint32_t)(out->len - at - HEAD_BYTES));
    out->data[at] = flags;
    memcpy(out->data + at + 1, lengths, sizeof lengths);
}

unsigned
zg_out_zaguan_put(ZgOutZaguan *z, ZgBlob *const *blobs, size_t n_blobs, int width, int height,
                  GByteArray *out)
{
    unsigned n_rects = 0;

    for (size_t i = 0, n; i < n_blobs; i = n) {
        size_t n_plain = blobs[i]->n_parts;
        for (n = i + 1; n < n_blobs && n_plain + blobs[n]->n_parts <= ZG_ZAGUAN_PLAIN_MAX; n++) {
            n_plain += blobs[n]->n_parts;
        }
        if (n_plain > 0) {
            zg_rfb_put_rect(out, 0, 0, width, height, ZG_RFB_ZAGUAN);
            put_rect(z, blobs + i, n - i, n_plain, out);
            n_rects++;
        }
    }
    return n_rects;
}
