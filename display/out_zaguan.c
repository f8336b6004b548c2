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

/* Of one rectangle. */
typedef struct {
    size_t n_blobs, n_plain;
    size_t n_beside; /* bytes of the blobs that are no parts */
} Packed;

/*
 * Would the next blob fit, however badly it packs? What zstd was given before may be inside it
 * still: a block at most.
 */
static bool
fits(const Packed *p, const ZgBlob *blob, size_t n_out, size_t room, bool packs)
{
    size_t n_in = blob->n_parts, n_beside = p->n_beside + blob->n_bytes - blob->n_parts;

    if (packs) {
        n_in = ZSTD_compressBound(n_in + MIN(p->n_plain, ZSTD_BLOCKSIZE_MAX));
    }
    return p->n_plain + blob->n_parts <= ZG_ZAGUAN_PLAIN_MAX && n_out + n_beside + n_in <= room;
}

static void
note(Packed *p, const ZgBlob *blob)
{
    p->n_blobs++;
    p->n_plain += blob->n_parts;
    p->n_beside += blob->n_bytes - blob->n_parts;
}

/* The packed parts. Return: false when zstd failed, which then never is asked again. */
static bool
pack(ZgOutZaguan *z, ZgBlob *const *blobs, size_t n_blobs, size_t room, GByteArray *out, Packed *p)
{
    guint at = out->len;
    bool fine = z->context != NULL;

    *p = (Packed){0};
    while (fine && p->n_blobs < n_blobs &&
           fits(p, blobs[p->n_blobs], out->len - at, room, true)) {
        const ZgBlob *blob = blobs[p->n_blobs];
        fine = blob->n_parts == 0 ||
               squeeze(z, parts_of(blob), blob->n_parts, ZSTD_e_continue, out);
        note(p, blob);
    }
    fine = fine && (p->n_plain == 0 || squeeze(z, NULL, 0, ZSTD_e_flush, out));
    if (!fine) {
        zg_encoder_say_fallback("zstd", "parts as they are");
        ZSTD_freeCCtx(z->context);
        z->context = NULL;
    }
    return fine;
}

/* The first of the blobs as one rectangle, if any has parts. */
static Packed
put_rect(ZgOutZaguan *z, ZgBlob *const *blobs, size_t n_blobs, int width, int height, size_t room,
         GByteArray *out)
{
    guint start = out->len, at;
    uint8_t flags = z->begun ? 0 : ZG_ZAGUAN_NEW_STREAM;
    uint32_t lengths[2];
    Packed p;

    room -= MIN(room, ZG_RFB_RECT_HEAD_BYTES + HEAD_BYTES);
    zg_rfb_put_rect(out, 0, 0, width, height, ZG_RFB_ZAGUAN);
    at = out->len;
    zg_rfb_put_zeroes(out, HEAD_BYTES);
    if (pack(z, blobs, n_blobs, room, out, &p)) {
        z->begun |= p.n_plain > 0;
    } else {
        flags = ZG_ZAGUAN_NOT_PACKED;
        p = (Packed){0};
        g_byte_array_set_size(out, at + HEAD_BYTES);
        while (p.n_blobs < n_blobs && fits(&p, blobs[p.n_blobs], p.n_plain, room, false)) {
            const ZgBlob *blob = blobs[p.n_blobs];
            g_byte_array_append(out, parts_of(blob), (guint)blob->n_parts);
            note(&p, blob);
        }
    }
    if (p.n_plain == 0) {
        g_byte_array_set_size(out, start);
        return p;
    }
    lengths[0] = GUINT32_TO_BE((uint32_t)p.n_plain);
    lengths[1] = GUINT32_TO_BE((uint32_t)(out->len - at - HEAD_BYTES));
    out->data[at] = flags;
    memcpy(out->data + at + 1, lengths, sizeof lengths);
    return p;
}

unsigned
zg_out_zaguan_put(ZgOutZaguan *z, ZgBlob *const *blobs, size_t n_blobs, int width, int height,
                  size_t room, GByteArray *out, size_t *out_n)
{
    unsigned n_rects = 0;
    size_t n = 0;
    Packed p;

    do {
        guint at = out->len;
        p = put_rect(z, blobs + n, n_blobs - n, width, height, room, out);
        n_rects += p.n_plain > 0;
        n += p.n_blobs;
        room -= MIN(room, out->len - at + p.n_beside);
    } while (p.n_blobs > 0 && n < n_blobs);
    if (out_n != NULL) {
        *out_n = n;
    }
    return n_rects;
}
