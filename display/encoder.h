/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Encoders: a tile of the picture becomes an immutable, reference-counted blob of whole RFB
 * rectangles. No encoder knows a viewer or keeps history between tiles, so a blob may go to
 * any viewer that looks for the same. An encoder object has scratch memory: one thread at
 * a time.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "display/rect.h"
#include "display/rfb_wire.h"

/* The most pixels in one tile; its sides are at most ZG_TILE_SIDE_MAX. */
#define ZG_TILE_PIXELS_MAX 131072
#define ZG_TILE_SIDE_MAX 2048

typedef struct {
    int refs; /* atomic */
    unsigned n_rects;
    ZgRect lossy; /* bounding box of what is not exact; empty when all of it is */
    size_t stream_at; /* where a length and then deflate blocks of a viewer's stream are; 0: none */
    size_t n_parts;   /* the last bytes of it are no rectangle: parts for a viewer's zstd stream */
    size_t n_open;    /* the last bytes of its one Tight rectangle are not deflated: out_tight */
    size_t open_pixel, open_row; /* bytes of a pixel and of a row there */
    size_t n_wire;    /* about what it takes of the link; set to n_bytes at first */
    size_t n_bytes;
    uint8_t bytes[];
} ZgBlob;

/** zg_blob_new() - copy of @bytes, one reference. */
ZgBlob *zg_blob_new(const uint8_t *bytes, size_t n_bytes, unsigned n_rects, ZgRect lossy);
ZgBlob *zg_blob_ref(ZgBlob *blob);
void zg_blob_unref(ZgBlob *blob); /* any thread; accepts NULL */

typedef struct {
    ZgRect area;            /* place on the picture */
    const uint32_t *pixels; /* first pixel of the area, frame layout; borrowed */
    size_t stride;          /* pixels from one row to the next */
} ZgTile;

/* What a viewer wants; two viewers with equal wishes share blobs. */
typedef struct {
    ZgPixelFormat format;
    bool zaguan;        /* exact parts for a zstd stream, and photos as the next says; else */
    bool tight;         /* else */
    bool zrle, hextile; /* at most one of them; else raw */
    bool h264;        /* a film may be sent as such, beside the encoding above */
    bool copyrect;    /* moved parts may be sent as such */
    int jpeg_quality; /* 0..9; -1: everything exact */
} ZgEncodeWish;

/** zg_encode_wish_same_kind() - would both be encoded by the same encoder? */
bool zg_encode_wish_same_kind(const ZgEncodeWish *a, const ZgEncodeWish *b);
bool zg_encode_wish_equal(const ZgEncodeWish *a, const ZgEncodeWish *b);

typedef struct ZgEncoder ZgEncoder;

typedef struct {
    const char *name;
    ZgEncoder *(*create)(void);
    void (*free)(ZgEncoder *encoder);
    /* NULL when it cannot: the tile is then sent as Raw. */
    ZgBlob *(*encode)(ZgEncoder *encoder, const ZgTile *tile, const ZgEncodeWish *wish);
} ZgEncoderOps;

struct ZgEncoder {
    const ZgEncoderOps *ops;
};

extern const ZgEncoderOps zg_encoder_raw;
extern const ZgEncoderOps zg_encoder_hextile;
extern const ZgEncoderOps zg_encoder_zrle;
extern const ZgEncoderOps zg_encoder_tight;
extern const ZgEncoderOps zg_encoder_zaguan;

/* The encoders of one thread, made on first use. */
typedef struct {
    ZgEncoder *raw, *zaguan, *tight, *zrle, *hextile;
} ZgEncoderSet;

/** zg_encoder_set_encode() - with the encoder that @wish names. Return: the caller's reference. */
ZgBlob *zg_encoder_set_encode(ZgEncoderSet *set, const ZgTile *tile, const ZgEncodeWish *wish);

/** zg_encoder_say_fallback() - log that @name failed and something simpler is used, once a name. */
void zg_encoder_say_fallback(const char *name, const char *instead);

/** zg_encode_wish_name() - of the encoder, as RFB calls it, in small letters. */
const char *zg_encode_wish_name(const ZgEncodeWish *wish);

/** zg_encoder_set_clear() - free the encoders. */
void zg_encoder_set_clear(ZgEncoderSet *set);

/** zg_split_tiles() - append @area, cut into rectangles that are allowed as tiles. */
void zg_split_tiles(ZgRect area, GArray *out_rects);
