/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/source_stream.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>

#include "common/base/error.h"
#include "common/base/fd.h"
#include "common/base/limits.h"
#include "common/base/loop.h"

#define READ_BYTES (256 * 1024)
#define READS_AT_ONCE 4 /* then other descriptors of the loop have their turn */

struct ZgSourceStream {
    ZgFd fd;
    const ZgSourceStreamOps *ops;
    void *user;
    uint8_t *in; /* READ_BYTES, more while a long message is on its way */
    size_t n_in, n_room;
    GByteArray *out;
    guint in_watch, out_watch;
};

/* Ends the stream; nothing of it may be touched afterwards. */
static void
lose(ZgSourceStream *s, const char *reason)
{
    g_clear_handle_id(&s->in_watch, g_source_remove);
    g_clear_handle_id(&s->out_watch, g_source_remove);
    s->ops->lost(s->user, reason);
}

static bool
write_some(ZgSourceStream *s, const char **out_reason)
{
    while (s->out->len > 0) {
        ssize_t n = send(s->fd, s->out->data, s->out->len, MSG_NOSIGNAL | MSG_DONTWAIT);
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
        g_byte_array_remove_range(s->out, 0, (guint)n);
    }
    if (s->out->len > ZG_LIMIT_STREAM_QUEUE_BYTES) {
        *out_reason = "the console does not take its input";
        return false;
    }
    return true;
}

static gboolean
on_writable(gint fd, GIOCondition condition, gpointer data)
{
    ZgSourceStream *s = data;
    const char *reason;

    if (!write_some(s, &reason)) {
        s->out_watch = 0;
        lose(s, reason);
        return G_SOURCE_REMOVE;
    }
    if (s->out->len == 0) {
        s->out_watch = 0;
        return G_SOURCE_REMOVE;
    }
    return G_SOURCE_CONTINUE;
}

/* A failure shows up in the watch, so that callers keep their stream. */
void
zg_source_stream_flush(ZgSourceStream *s)
{
    const char *reason;

    if (s->out->len > 0 && s->out_watch == 0 && s->in_watch != 0 &&
        (!write_some(s, &reason) || s->out->len > 0)) {
        s->out_watch = g_unix_fd_add(s->fd, G_IO_OUT, on_writable, s);
    }
}

static void
make_room(ZgSourceStream *s)
{
    if (s->n_room - s->n_in < READ_BYTES / 2) {
        s->n_room += READ_BYTES;
        s->in = g_realloc(s->in, s->n_room);
    }
}

static bool
take_input(ZgSourceStream *s, GError **error)
{
    size_t n_used;

    if (!s->ops->feed(s->user, s->in, s->n_in, &n_used, s->out, error)) {
        return false;
    }
    s->n_in -= n_used;
    memmove(s->in, s->in + n_used, s->n_in);
    if (s->n_in == 0 && s->n_room > READ_BYTES) {
        s->n_room = READ_BYTES;
        s->in = g_realloc(s->in, s->n_room);
    }
    if (s->n_in > s->ops->input_max) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_TOO_LARGE, "the console's message is too long");
        return false;
    }
    return true;
}

static gboolean
on_readable(gint fd, GIOCondition condition, gpointer data)
{
    ZgSourceStream *s = data;

    for (int i = 0; i < READS_AT_ONCE; i++) {
        g_autoptr(GError) error = NULL;
        g_auto(ZgFd) passed = -1;
        size_t n_free;
        ssize_t n;

        make_room(s);
        n_free = s->n_room - s->n_in;
        n = zg_packet_receive(s->fd, s->in + s->n_in, n_free, &passed, NULL);
        if (n == -2) {
            break;
        }
        if (n <= 0) {
            s->in_watch = 0;
            lose(s, "the console closed its connection");
            return G_SOURCE_REMOVE;
        }
        if (passed >= 0 && s->ops->passed != NULL) {
            s->ops->passed(s->user, zg_fd_steal(&passed));
        }
        s->n_in += (size_t)n;
        if (!take_input(s, &error)) {
            s->in_watch = 0;
            lose(s, error->message);
            return G_SOURCE_REMOVE;
        }
        if ((size_t)n < n_free) {
            break; /* that was all */
        }
    }
    zg_source_stream_flush(s);
    return G_SOURCE_CONTINUE;
}

ZgSourceStream *
zg_source_stream_new(int fd, const ZgSourceStreamOps *ops, void *user)
{
    ZgSourceStream *s = g_new0(ZgSourceStream, 1);

    s->fd = fd;
    s->ops = ops;
    s->user = user;
    s->out = g_byte_array_new();
    s->n_room = READ_BYTES;
    s->in = g_malloc(s->n_room);
    s->in_watch = zg_loop_watch_fd(fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable, s);
    return s;
}

void
zg_source_stream_free(ZgSourceStream *s)
{
    if (s == NULL) {
        return;
    }
    g_clear_handle_id(&s->in_watch, g_source_remove);
    g_clear_handle_id(&s->out_watch, g_source_remove);
    zg_fd_clear(&s->fd);
    g_byte_array_unref(s->out);
    g_free(s->in);
    g_free(s);
}

int
zg_source_stream_fd(const ZgSourceStream *s)
{
    return s->fd;
}

GByteArray *
zg_source_stream_out(ZgSourceStream *s)
{
    return s->out;
}
