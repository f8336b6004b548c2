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

/* What a blob takes at most beside its parts; with an own stream's head, and deflated badly. */
static size_t
bytes_beside_parts(const ZgBlob *blob)
{
    return blob->n_bytes - blob->n_parts + blob->n_open / 256 + 64;
}

/* As many blobs as fit. All their parts go through the viewer's zstd stream, in few rectangles. */
static size_t
pack_parts(ZgOutUpdate *u, ZgBlob *const *blobs, size_t n_blobs, size_t room, GByteArray *out,
           unsigned *out_n_rects)
{
    int width, height;
    size_t n_beside = 0;
    bool any = false;

    for (size_t i = 0; i < n_blobs; i++) {
        n_beside += bytes_beside_parts(blobs[i]);
        if (n_beside > room) {
            n_blobs = i;
            break;
        }
        any |= blobs[i]->n_parts > 0;
    }
    if (!any) {
        return n_blobs;
    }
    if (u->zaguan == NULL) {
        u->zaguan = zg_out_zaguan_new();
    }
    zg_rfb_session_get_size(u->session, &width, &height);
    *out_n_rects = zg_out_zaguan_put(u->zaguan, blobs, n_blobs, width, height, room, out, &n_blobs);
    return n_blobs;
}

size_t
zg_out_update_put(ZgOutUpdate *u, const GByteArray *news, unsigned n_news, ZgBlob *const *blobs,
                  size_t n_blobs, size_t room, size_t *out_n_bytes)
{
    g_autoptr(GByteArray) parts = g_byte_array_new();
    unsigned n_rects = 0;
    size_t n = pack_parts(u, blobs, n_blobs, room - MIN(news->len, room), parts, &n_rects);

    *out_n_bytes = parts->len;
    if (n == 0 && n_blobs > 0 && n_news == 0) {
        return 0;
    }
    n_rects += n_news;
    for (size_t i = 0; i < n; i++) {
        n_rects += blobs[i]->n_rects;
        *out_n_bytes += blobs[i]->n_open > 0 ? blobs[i]->n_wire
                                             : blobs[i]->n_bytes - blobs[i]->n_parts;
    }
    zg_rfb_put_update(zg_out_queue_tail(u->queue), n_rects);
    g_byte_array_append(zg_out_queue_tail(u->queue), news->data, news->len);
    for (size_t i = 0; i < n; i++) {
        put_blob(u, blobs[i]);
    }
    g_byte_array_append(zg_out_queue_tail(u->queue), parts->data, parts->len);
    return n;
}
