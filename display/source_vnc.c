/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/source_vnc.h"

#include "display/source_stream.h"

#define MOTION_QUEUE_MAX (16 * 1024) /* past it pointer motion is left out: newer motion follows */

struct ZgSourceVnc {
    ZgSourceStream *stream;
    ZgRfbSource *rfb;
    const ZgSourceEvents *events;
    void *user;
    guint deadline;
    uint8_t buttons;
};

static bool
on_bytes(void *user, const uint8_t *bytes, size_t n_bytes, size_t *out_used, GByteArray *out,
         GError **error)
{
    ZgSourceVnc *v = user;

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
    ZgSourceVnc *v = user;

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
    ZgSourceVnc *v = data;

    v->deadline = 0;
    on_lost(v, "the console did not answer in time");
    return G_SOURCE_REMOVE;
}

void
zg_source_vnc_free(ZgSourceVnc *v)
{
    g_clear_handle_id(&v->deadline, g_source_remove);
    zg_source_stream_free(v->stream);
    zg_rfb_source_free(v->rfb);
    g_free(v);
}

void
zg_source_vnc_request(ZgSourceVnc *v)
{
    zg_rfb_source_request(v->rfb, zg_source_stream_out(v->stream));
    zg_source_stream_flush(v->stream);
}

void
zg_source_vnc_repaint(ZgSourceVnc *v)
{
    zg_rfb_source_repaint(v->rfb, zg_source_stream_out(v->stream));
    zg_source_stream_flush(v->stream);
}

void
zg_source_vnc_key(ZgSourceVnc *v, bool down, uint32_t keysym, uint32_t scancode)
{
    zg_rfb_source_key(v->rfb, down, keysym, scancode, zg_source_stream_out(v->stream));
    zg_source_stream_flush(v->stream);
}

void
zg_source_vnc_pointer(ZgSourceVnc *v, int x, int y, uint8_t buttons)
{
    GByteArray *out = zg_source_stream_out(v->stream);

    if (buttons == v->buttons && out->len > MOTION_QUEUE_MAX) {
        return;
    }
    v->buttons = buttons;
    zg_rfb_source_pointer(v->rfb, x, y, buttons, out);
    zg_source_stream_flush(v->stream);
}

void
zg_source_vnc_offer_text(ZgSourceVnc *v, const char *text)
{
    zg_rfb_source_offer_text(v->rfb, text, zg_source_stream_out(v->stream));
    zg_source_stream_flush(v->stream);
}

bool
zg_source_vnc_wish_size(ZgSourceVnc *v, int width, int height)
{
    bool can = zg_rfb_source_wish_size(v->rfb, width, height, zg_source_stream_out(v->stream));

    zg_source_stream_flush(v->stream);
    return can;
}

ZgSourceVnc *
zg_source_vnc_new(int fd, const ZgSourceEvents *events, void *user)
{
    ZgSourceVnc *v = g_new0(ZgSourceVnc, 1);

    v->events = events;
    v->user = user;
    v->rfb = zg_rfb_source_new(&events->picture, user);
    v->stream = zg_source_stream_new(fd, &stream_ops, v);
    v->deadline = g_timeout_add(ZG_SOURCE_HANDSHAKE_MS, on_deadline, v);
    return v;
}
