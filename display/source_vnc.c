/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An RFB console: rfb_source on a descriptor of the loop. */
#include "display/source.h"

#include <unistd.h>

#include "display/source_stream.h"

#define MOTION_QUEUE_MAX (16 * 1024) /* past it pointer motion is left out: newer motion follows */

typedef struct {
    ZgSource base;
    ZgSourceStream *stream;
    ZgRfbSource *rfb;
    const ZgSourceEvents *events;
    void *user;
    guint deadline;
    uint8_t buttons;
} VncSource;

static bool
on_bytes(void *user, const uint8_t *bytes, size_t n_bytes, size_t *out_used, GByteArray *out,
         GError **error)
{
    VncSource *v = user;

    if (!zg_rfb_source_feed(v->rfb, bytes, n_bytes, out_used, out, error)) {
        return false;
    }
    if (v->deadline != 0 && zg_rfb_source_is_ready(v->rfb)) {
        g_clear_handle_id(&v->deadline, g_source_remove);
        zg_rfb_source_request(v->rfb, out);
    }
    return true;
}

/* Ends the source; nothing of it may be touched afterwards. */
static void
on_lost(void *user, const char *reason)
{
    VncSource *v = user;

    g_clear_handle_id(&v->deadline, g_source_remove);
    v->events->lost(v->user, reason);
}

static const ZgSourceStreamOps stream_ops = {
    .feed = on_bytes,
    .lost = on_lost,
    .input_max = ZG_RFB_SOURCE_INPUT_MAX,
};

static gboolean
on_deadline(gpointer data)
{
    VncSource *v = data;

    v->deadline = 0;
    on_lost(v, "the console did not answer in time");
    return G_SOURCE_REMOVE;
}

static void
vnc_free(ZgSource *source)
{
    VncSource *v = (VncSource *)source;

    g_clear_handle_id(&v->deadline, g_source_remove);
    zg_source_stream_free(v->stream);
    zg_rfb_source_free(v->rfb);
    g_free(v);
}

static void
vnc_request(ZgSource *source)
{
    VncSource *v = (VncSource *)source;

    zg_rfb_source_request(v->rfb, zg_source_stream_out(v->stream));
    zg_source_stream_flush(v->stream);
}

void
zg_source_vnc_repaint(ZgSource *source)
{
    VncSource *v = (VncSource *)source;

    zg_rfb_source_repaint(v->rfb, zg_source_stream_out(v->stream));
    zg_source_stream_flush(v->stream);
}

static void
vnc_watch(ZgSource *source, bool watched)
{
    /* It tells what it is asked for, and nothing else. */
}

static void
vnc_take_pictures(ZgSource *source, int fd)
{
    close(fd); /* it has its own */
}

static void
vnc_key(ZgSource *source, bool down, uint32_t keysym, uint32_t scancode)
{
    VncSource *v = (VncSource *)source;

    zg_rfb_source_key(v->rfb, down, keysym, scancode, zg_source_stream_out(v->stream));
    zg_source_stream_flush(v->stream);
}

static void
vnc_pointer(ZgSource *source, int x, int y, uint8_t buttons)
{
    VncSource *v = (VncSource *)source;
    GByteArray *out = zg_source_stream_out(v->stream);

    if (buttons == v->buttons && out->len > MOTION_QUEUE_MAX) {
        return;
    }
    v->buttons = buttons;
    zg_rfb_source_pointer(v->rfb, x, y, buttons, out);
    zg_source_stream_flush(v->stream);
}

static void
vnc_offer_text(ZgSource *source, const char *text)
{
    VncSource *v = (VncSource *)source;

    zg_rfb_source_offer_text(v->rfb, text, zg_source_stream_out(v->stream));
    zg_source_stream_flush(v->stream);
}

static bool
vnc_wish_size(ZgSource *source, int width, int height)
{
    VncSource *v = (VncSource *)source;
    bool can = zg_rfb_source_wish_size(v->rfb, width, height, zg_source_stream_out(v->stream));

    zg_source_stream_flush(v->stream);
    return can;
}

static const ZgSourceOps vnc_ops = {
    .free = vnc_free,
    .request = vnc_request,
    .watch = vnc_watch,
    .take_pictures = vnc_take_pictures,
    .key = vnc_key,
    .pointer = vnc_pointer,
    .offer_text = vnc_offer_text,
    .wish_size = vnc_wish_size,
};

ZgSource *
zg_source_vnc_new(int fd, const ZgSourceEvents *events, void *user)
{
    VncSource *v = g_new0(VncSource, 1);

    v->base.ops = &vnc_ops;
    v->events = events;
    v->user = user;
    v->rfb = zg_rfb_source_new(&events->picture, user);
    v->stream = zg_source_stream_new(fd, &stream_ops, v);
    v->deadline = g_timeout_add(ZG_SOURCE_HANDSHAKE_MS, on_deadline, v);
    return &v->base;
}
