/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/out_update.h"

void
zg_out_update_init(ZgOutUpdate *u, ZgOutQueue *queue, ZgRfbSession *session, bool came_over)
{
    *u = (ZgOutUpdate){.queue = queue, .session = session, .came_over = came_over};
}

void
zg_out_update_clear(ZgOutUpdate *u)
{
    zg_out_zaguan_free(u->zaguan);
    zg_out_tight_free(u->tight);
}

/* Blobs fit into any viewer's zlib stream, once its header was sent with the first of them. */
static void
put_blob(ZgOutUpdate *u, ZgBlob *blob)
{
    static const uint8_t header[] = {0x78, 0x01}; /* RFC 1950: deflate, 32 KiB */
    GByteArray *tail;
    ZgRfbReader in = {.bytes = blob->bytes, .n_bytes = blob->n_bytes, .at = blob->stream_at};

    if (blob->n_parts > 0) { /* went into the zstd stream; photos are left */
        g_byte_array_append(zg_out_queue_tail(u->queue), blob->bytes,
                            (guint)(blob->n_bytes - blob->n_parts));
        return;
    }
    if (blob->n_open > 0) {
        if (u->tight == NULL) {
            u->tight = zg_out_tight_new(!u->came_over);
        }
        zg_out_tight_put(u->tight, blob, zg_out_queue_tail(u->queue));
        zg_out_queue_added(u->queue);
        return;
    }
    if (blob->stream_at == 0 || !zg_rfb_session_start_stream(u->session)) {
        zg_out_queue_put_blob(u->queue, blob);
        return;
    }
    tail = zg_out_queue_tail(u->queue);
    g_byte_array_append(tail, blob->bytes, (guint)blob->stream_at);
    zg_rfb_put_u32(tail, zg_rfb_read_u32(&in) + (uint32_t)sizeof header);
    g_byte_array_append(tail, header, sizeof header);
    g_byte_array_append(tail, blob->bytes + in.at, (guint)(blob->n_bytes - in.at));
    zg_out_queue_added(u->queue);
}

/* All parts of the blobs go through the viewer's zstd stream at once, in few rectangles. */
static unsigned
pack_parts(ZgOutUpdate *u, ZgBlob *const *blobs, size_t n_blobs, GByteArray *out)
{
    int width, height;
    bool any = false;

    for (size_t i = 0; i < n_blobs; i++) {
        any |= blobs[i]->n_parts > 0;
    }
    if (!any) {
        return 0;
    }
    if (u->zaguan == NULL) {
        u->zaguan = zg_out_zaguan_new();
    }
    zg_rfb_session_get_size(u->session, &width, &height);
    return zg_out_zaguan_put(u->zaguan, blobs, n_blobs, width, height, out);
}

size_t
zg_out_update_put(ZgOutUpdate *u, const GByteArray *news, unsigned n_news, ZgBlob *const *blobs,
                  size_t n_blobs)
{
    g_autoptr(GByteArray) parts = g_byte_array_new();
    unsigned n_rects = n_news + pack_parts(u, blobs, n_blobs, parts);
    size_t n_bytes = parts->len;

    for (size_t i = 0; i < n_blobs; i++) {
        n_rects += blobs[i]->n_rects;
        n_bytes += blobs[i]->n_open > 0 ? blobs[i]->n_wire
                                        : blobs[i]->n_bytes - blobs[i]->n_parts;
    }
    zg_rfb_put_update(zg_out_queue_tail(u->queue), n_rects);
    g_byte_array_append(zg_out_queue_tail(u->queue), news->data, news->len);
    for (size_t i = 0; i < n_blobs; i++) {
        put_blob(u, blobs[i]);
    }
    g_byte_array_append(zg_out_queue_tail(u->queue), parts->data, parts->len);
    return n_bytes;
}
