/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/encoder.h"

#include <string.h>

#include "common/base/log.h"

ZgBlob *
zg_blob_new(const uint8_t *bytes, size_t n_bytes, unsigned n_rects, ZgRect lossy)
{
    ZgBlob *blob = g_malloc(sizeof *blob + n_bytes);

    *blob = (ZgBlob){
        .refs = 1, .n_rects = n_rects, .lossy = lossy, .n_wire = n_bytes, .n_bytes = n_bytes};
    memcpy(blob->bytes, bytes, n_bytes);
    return blob;
}

ZgBlob *
zg_blob_ref(ZgBlob *blob)
{
    g_atomic_int_inc(&blob->refs);
    return blob;
}

void
zg_blob_unref(ZgBlob *blob)
{
    if (blob != NULL && g_atomic_int_dec_and_test(&blob->refs)) {
        g_free(blob);
    }
}

bool
zg_encode_wish_same_kind(const ZgEncodeWish *a, const ZgEncodeWish *b)
{
    return a->zaguan == b->zaguan && a->tight == b->tight && a->zrle == b->zrle &&
           a->hextile == b->hextile;
}

bool
zg_encode_wish_equal(const ZgEncodeWish *a, const ZgEncodeWish *b)
{
    return zg_encode_wish_same_kind(a, b) && a->copyrect == b->copyrect && a->h264 == b->h264 &&
           a->jpeg_quality == b->jpeg_quality &&
           zg_pixel_format_equal(&a->format, &b->format);
}

static const ZgEncoderOps *
choose(ZgEncoderSet *set, const ZgEncodeWish *wish, ZgEncoder ***out_encoder)
{
    if (wish->zaguan) {
        *out_encoder = &set->zaguan;
        return &zg_encoder_zaguan;
    }
    if (wish->tight) {
        *out_encoder = &set->tight;
        return &zg_encoder_tight;
    }
    if (wish->zrle) {
        *out_encoder = &set->zrle;
        return &zg_encoder_zrle;
    }
    if (wish->hextile) {
        *out_encoder = &set->hextile;
        return &zg_encoder_hextile;
    }
    *out_encoder = &set->raw;
    return &zg_encoder_raw;
}

const char *
zg_encode_wish_name(const ZgEncodeWish *wish)
{
    ZgEncoderSet none = {0};
    ZgEncoder **encoder;

    return choose(&none, wish, &encoder)->name;
}

void
zg_encoder_say_fallback(const char *name, const char *instead)
{
    static GMutex mutex;
    static GHashTable *told; /* names; for the life of the process */
    bool first;

    g_mutex_lock(&mutex);
    told = told == NULL ? g_hash_table_new(g_str_hash, g_str_equal) : told;
    first = g_hash_table_add(told, (gpointer)name);
    g_mutex_unlock(&mutex);
    if (first) {
        zg_log_warning("encoder-failed", NULL, "the encoder '%s' failed; using '%s' instead, and "
                                               "not saying so again",
                       name, instead);
    }
}

static ZgBlob *
encode_raw(ZgEncoderSet *set, const ZgTile *tile, const ZgEncodeWish *wish)
{
    if (set->raw == NULL) {
        set->raw = zg_encoder_raw.create();
    }
    return set->raw->ops->encode(set->raw, tile, wish);
}

ZgBlob *
zg_encoder_set_encode(ZgEncoderSet *set, const ZgTile *tile, const ZgEncodeWish *wish)
{
    ZgEncoder **encoder;
    const ZgEncoderOps *ops = choose(set, wish, &encoder);
    ZgBlob *blob;

    g_assert(tile->area.width <= ZG_TILE_SIDE_MAX && tile->area.height <= ZG_TILE_SIDE_MAX &&
             tile->area.width * tile->area.height <= ZG_TILE_PIXELS_MAX);
    if (*encoder == NULL) {
        *encoder = ops->create();
    }
    blob = (*encoder)->ops->encode(*encoder, tile, wish);
    if (blob == NULL) {
        zg_encoder_say_fallback(ops->name, zg_encoder_raw.name);
        blob = encode_raw(set, tile, wish);
    }
    return blob;
}

void
zg_encoder_set_clear(ZgEncoderSet *set)
{
    ZgEncoder *all[] = {set->raw, set->zaguan, set->tight, set->zrle, set->hextile};

    for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
        if (all[i] != NULL) {
            all[i]->ops->free(all[i]);
        }
    }
    *set = (ZgEncoderSet){0};
}

void
zg_split_tiles(ZgRect area, GArray *out_rects)
{
    int columns = (area.width + ZG_TILE_SIDE_MAX - 1) / ZG_TILE_SIDE_MAX;

    for (int c = 0; c < columns; c++) {
        int x = c * ZG_TILE_SIDE_MAX, width = MIN(area.width - x, ZG_TILE_SIDE_MAX);
        int height = MIN(ZG_TILE_PIXELS_MAX / width & ~63, ZG_TILE_SIDE_MAX);
        for (int y = 0; y < area.height; y += height) {
            ZgRect r = {area.x + x, area.y + y, width, MIN(height, area.height - y)};
            g_array_append_val(out_rects, r);
        }
    }
}
