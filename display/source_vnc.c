/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An RFB console: rfb_source on a descriptor of the loop. */
#include "display/source.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>

#include "common/base/error.h"
#include "common/base/fd.h"
#include "common/base/limits.h"
#include "common/base/loop.h"

#define READ_BYTES (256 * 1024)
#define READS_AT_ONCE 4             /* then other descriptors of the loop have their turn */
#define MOTION_QUEUE_MAX (16 * 1024) /* past it pointer motion is left out: newer motion follows */

typedef struct {
    ZgSource base;
    ZgFd fd;
    ZgRfbSource *rfb;
    const ZgSourceEvents *events;
    void *user;
    uint8_t *in; /* READ_BYTES, more while a long message is on its way */
    size_t n_in, n_room;
    GByteArray *out;
    guint in_watch, out_watch, deadline;
    uint8_t buttons;
} VncSource;

static void
remove_watch(guint *watch)
{
    if (*watch != 0) {
        g_source_remove(*watch);
        *watch = 0;
    }
}

/* Ends the source; nothing of it may be touched afterwards. */
static void
lose(VncSource *v, const char *reason)
{
    remove_watch(&v->in_watch);
    remove_watch(&v->out_watch);
    remove_watch(&v->deadline);
    v->events->lost(v->user, reason);
}

static gboolean
on_deadline(gpointer data)
{
    VncSource *v = data;

    v->deadline = 0;
    lose(v, "the console did not answer in time");
    return G_SOURCE_REMOVE;
}

static bool write_some(VncSource *v, const char **out_reason);

static gboolean
on_writable(gint fd, GIOCondition condition, gpointer data)
{
    VncSource *v = data;
    const char *reason;

    if (!write_some(v, &reason)) {
        v->out_watch = 0;
        lose(v, reason);
        return G_SOURCE_REMOVE;
    }
    if (v->out->len == 0) {
        v->out_watch = 0;
        return G_SOURCE_REMOVE;
    }
    return G_SOURCE_CONTINUE;
}

static bool
write_some(VncSource *v, const char **out_reason)
{
    while (v->out->len > 0) {
        ssize_t n = send(v->fd, v->out->data, v->out->len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno != EAGAIN) {
            *out_reason = "the console closed its connection";
            return false;
        }
        if (n < 0) {
            break;
        }
        g_byte_array_remove_range(v->out, 0, (guint)n);
    }
    if (v->out->len > ZG_LIMIT_STREAM_QUEUE_BYTES) {
        *out_reason = "the console does not take its input";
        return false;
    }
    return true;
}

/* After input was queued. A failure shows up in the watch, so that callers keep their source. */
static void
flush(VncSource *v)
{
    const char *reason;

    if (v->out->len > 0 && v->out_watch == 0 && v->in_watch != 0 &&
        (!write_some(v, &reason) || v->out->len > 0)) {
        v->out_watch = g_unix_fd_add(v->fd, G_IO_OUT, on_writable, v);
    }
}

static void
make_room(VncSource *v)
{
    if (v->n_room - v->n_in < READ_BYTES / 2) {
        v->n_room += READ_BYTES;
        v->in = g_realloc(v->in, v->n_room);
    }
}

static bool
take_input(VncSource *v, GError **error)
{
    size_t n_used;

    if (!zg_rfb_source_feed(v->rfb, v->in, v->n_in, &n_used, v->out, error)) {
        return false;
    }
    v->n_in -= n_used;
    memmove(v->in, v->in + n_used, v->n_in);
    if (v->n_in == 0 && v->n_room > READ_BYTES) {
        v->n_room = READ_BYTES;
        v->in = g_realloc(v->in, v->n_room);
    }
    if (v->n_in > ZG_RFB_SOURCE_INPUT_MAX) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_TOO_LARGE, "the console's message is too long");
        return false;
    }
    if (v->deadline != 0 && zg_rfb_source_is_ready(v->rfb)) {
        remove_watch(&v->deadline);
        zg_rfb_source_request(v->rfb, v->out);
    }
    return true;
}

static gboolean
on_readable(gint fd, GIOCondition condition, gpointer data)
{
    VncSource *v = data;

    for (int i = 0; i < READS_AT_ONCE; i++) {
        g_autoptr(GError) error = NULL;
        size_t n_free;
        ssize_t n;

        make_room(v);
        n_free = v->n_room - v->n_in;
        n = recv(v->fd, v->in + v->n_in, n_free, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            break;
        }
        if (n <= 0) {
            v->in_watch = 0;
            lose(v, "the console closed its connection");
            return G_SOURCE_REMOVE;
        }
        v->n_in += (size_t)n;
        if (!take_input(v, &error)) {
            v->in_watch = 0;
            lose(v, error->message);
            return G_SOURCE_REMOVE;
        }
        if ((size_t)n < n_free) {
            break; /* that was all */
        }
    }
    flush(v);
    return G_SOURCE_CONTINUE;
}

static void
vnc_free(ZgSource *source)
{
    VncSource *v = (VncSource *)source;

    remove_watch(&v->in_watch);
    remove_watch(&v->out_watch);
    remove_watch(&v->deadline);
    zg_fd_clear(&v->fd);
    zg_rfb_source_free(v->rfb);
    g_byte_array_unref(v->out);
    g_free(v->in);
    g_free(v);
}

static void
vnc_request(ZgSource *source)
{
    VncSource *v = (VncSource *)source;

    zg_rfb_source_request(v->rfb, v->out);
    flush(v);
}

static void
vnc_key(ZgSource *source, bool down, uint32_t keysym, uint32_t scancode)
{
    VncSource *v = (VncSource *)source;

    zg_rfb_source_key(v->rfb, down, keysym, scancode, v->out);
    flush(v);
}

static void
vnc_pointer(ZgSource *source, int x, int y, uint8_t buttons)
{
    VncSource *v = (VncSource *)source;

    if (buttons == v->buttons && v->out->len > MOTION_QUEUE_MAX) {
        return;
    }
    v->buttons = buttons;
    zg_rfb_source_pointer(v->rfb, x, y, buttons, v->out);
    flush(v);
}

static void
vnc_offer_text(ZgSource *source, const char *text)
{
    VncSource *v = (VncSource *)source;

    zg_rfb_source_offer_text(v->rfb, text, v->out);
    flush(v);
}

static bool
vnc_wish_size(ZgSource *source, int width, int height)
{
    VncSource *v = (VncSource *)source;
    bool can = zg_rfb_source_wish_size(v->rfb, width, height, v->out);

    flush(v);
    return can;
}

static const ZgSourceOps vnc_ops = {
    .name = "vnc",
    .free = vnc_free,
    .request = vnc_request,
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
    v->fd = fd;
    v->events = events;
    v->user = user;
    v->rfb = zg_rfb_source_new(&events->picture, user);
    v->out = g_byte_array_new();
    v->n_room = READ_BYTES;
    v->in = g_malloc(v->n_room);
    v->in_watch = zg_loop_watch_fd(fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable, v);
    v->deadline = g_timeout_add(ZG_SOURCE_HANDSHAKE_MS, on_deadline, v);
    return &v->base;
}
