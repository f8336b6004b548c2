/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/source_dbus.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/fd.h"
#include "common/base/log.h"
#include "display/dbus_pictures.h"
#include "display/source_stream.h"
#include "display/source_vnc.h"

/* QEMU may send changes of a new screen before the screen: beginning anew mends that. */
#define RESTART_PAUSE_US (1 * G_USEC_PER_SEC)

struct ZgSourceDbus {
    const ZgSourceDbusEvents *events;
    void *user;
    ZgDbusPictures *pictures;
    ZgSourceStream *streams[ZG_DBUS_N_LINKS]; /* the listener's only while somebody watches */
    bool is_watched;
    ZgFd shared;   /* the descriptor that came last, or -1 */
    void *map;     /* of it, `n_map` bytes, or NULL */
    size_t n_map;
    int64_t restarted_us;
    guint deadline, failure;
};

/* ---- the two connections ---- */

/* Ends the source; nothing of it may be touched afterwards. */
static void
lose(void *user, const char *reason)
{
    ZgSourceDbus *s = user;

    g_clear_handle_id(&s->deadline, g_source_remove);
    g_clear_handle_id(&s->failure, g_source_remove);
    s->events->lost(s->user, reason);
}

static gboolean
on_failure(gpointer data)
{
    ZgSourceDbus *s = data;

    s->failure = 0;
    lose(s, "the console's connection for pictures does not take what is sent");
    return G_SOURCE_REMOVE;
}

/* Told later, so that callers keep their source. */
static void
fail_later(ZgSourceDbus *s)
{
    if (s->failure == 0) {
        s->failure = g_idle_add(on_failure, s);
    }
}

static gboolean
on_deadline(gpointer data)
{
    ZgSourceDbus *s = data;

    s->deadline = 0;
    lose(s, "the console's connection for pictures did not answer in time");
    return G_SOURCE_REMOVE;
}

static void
set_deadline(ZgSourceDbus *s)
{
    g_clear_handle_id(&s->deadline, g_source_remove);
    s->deadline = g_timeout_add(ZG_SOURCE_HANDSHAKE_MS, on_deadline, s);
}

static void begin(ZgSourceDbus *s, ZgDbusLink link, int fd);

/* One end of a new socket pair becomes QEMU's, on which it then is the one that asks. */
static void
register_listener(ZgSourceDbus *s)
{
    g_autoptr(GByteArray) call = g_byte_array_new();
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
        fail_later(s);
        return;
    }
    zg_dbus_pictures_register(s->pictures, call);
    if (zg_packet_send(zg_source_stream_fd(s->streams[ZG_DBUS_CONSOLE]), call->data, call->len,
                       ends[1], NULL)) {
        set_deadline(s);
        begin(s, ZG_DBUS_LISTENER, ends[0]);
    } else {
        close(ends[0]);
        fail_later(s);
    }
    close(ends[1]);
}

static bool
on_console_bytes(void *user, const uint8_t *bytes, size_t n_bytes, size_t *out_used,
                 GByteArray *out, GError **error)
{
    ZgSourceDbus *s = user;
    bool was_ready = zg_dbus_pictures_is_ready(s->pictures);

    if (!zg_dbus_pictures_feed(s->pictures, ZG_DBUS_CONSOLE, bytes, n_bytes, out_used, out,
                               error)) {
        return false;
    }
    if (!was_ready && zg_dbus_pictures_is_ready(s->pictures)) {
        g_clear_handle_id(&s->deadline, g_source_remove);
        zg_source_stream_flush(s->streams[ZG_DBUS_CONSOLE]);
        if (s->is_watched) {
            register_listener(s);
        }
    }
    return true;
}

static bool
on_listener_bytes(void *user, const uint8_t *bytes, size_t n_bytes, size_t *out_used,
                  GByteArray *out, GError **error)
{
    ZgSourceDbus *s = user;

    return zg_dbus_pictures_feed(s->pictures, ZG_DBUS_LISTENER, bytes, n_bytes, out_used, out,
                                 error);
}

static void
on_listener_lost(void *user, const char *reason)
{
    ZgSourceDbus *s = user;

    if (zg_clock_mono_us() - s->restarted_us > RESTART_PAUSE_US) {
        zg_log_info("console-pictures-anew", NULL, "%s", reason);
        zg_source_dbus_restart(s);
    } else {
        lose(s, reason);
    }
}

static void
on_passed(void *user, int fd)
{
    ZgSourceDbus *s = user;

    zg_fd_clear(&s->shared);
    s->shared = fd;
}

static const ZgSourceStreamOps stream_ops[ZG_DBUS_N_LINKS] = {
    [ZG_DBUS_CONSOLE] = {
        .feed = on_console_bytes,
        .lost = lose,
        .input_max = ZG_DBUS_PICTURES_INPUT_MAX,
    },
    [ZG_DBUS_LISTENER] = {
        .feed = on_listener_bytes,
        .passed = on_passed,
        .lost = on_listener_lost,
        .input_max = ZG_DBUS_PICTURES_INPUT_MAX,
    },
};

/* @fd: handed over. */
static void
begin(ZgSourceDbus *s, ZgDbusLink link, int fd)
{
    s->streams[link] = zg_source_stream_new(fd, &stream_ops[link], s);
    zg_dbus_pictures_begin(s->pictures, link, zg_source_stream_out(s->streams[link]));
    zg_source_stream_flush(s->streams[link]);
}

/* ---- pictures ---- */

static void
on_resize(void *user, int width, int height)
{
    ZgSourceDbus *s = user;

    g_clear_handle_id(&s->deadline, g_source_remove); /* the first picture has come */
    s->events->resize(s->user, width, height);
}

static void
on_pixels(void *user, ZgRect area, const uint8_t *bgrx)
{
    ZgSourceDbus *s = user;

    s->events->pixels(s->user, area, bgrx);
}

static void
unmap(ZgSourceDbus *s)
{
    if (s->map != NULL) {
        munmap(s->map, s->n_map);
        s->map = NULL;
    }
}

/*
 * A console that shortens the memory afterwards ends this worker with SIGBUS: its own pictures are
 * all that is lost.
 */
static const uint8_t *
on_map(void *user, size_t offset, size_t n_bytes)
{
    ZgSourceDbus *s = user;
    g_auto(ZgFd) fd = zg_fd_steal(&s->shared);
    off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
    void *map;

    unmap(s);
    if (size < 0 || offset + n_bytes > (size_t)size) {
        return NULL;
    }
    map = mmap(NULL, offset + n_bytes, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        return NULL;
    }
    s->map = map;
    s->n_map = offset + n_bytes;
    return (const uint8_t *)map + offset;
}

static const ZgDbusPicturesOps pictures_ops = {
    .resize = on_resize,
    .pixels = on_pixels,
    .map = on_map,
};

ZgSourceDbus *
zg_source_dbus_new(int fd, const ZgSourceDbusEvents *events, void *user)
{
    ZgSourceDbus *s = g_new0(ZgSourceDbus, 1);

    s->events = events;
    s->user = user;
    s->shared = -1;
    s->pictures = zg_dbus_pictures_new(&pictures_ops, s);
    set_deadline(s);
    begin(s, ZG_DBUS_CONSOLE, fd);
    return s;
}

void
zg_source_dbus_free(ZgSourceDbus *s)
{
    if (s == NULL) {
        return;
    }
    g_clear_handle_id(&s->deadline, g_source_remove);
    g_clear_handle_id(&s->failure, g_source_remove);
    for (int i = 0; i < ZG_DBUS_N_LINKS; i++) {
        zg_source_stream_free(s->streams[i]);
    }
    zg_dbus_pictures_free(s->pictures);
    unmap(s);
    zg_fd_clear(&s->shared);
    g_free(s);
}

static void
end_listener(ZgSourceDbus *s)
{
    g_clear_pointer(&s->streams[ZG_DBUS_LISTENER], zg_source_stream_free);
    unmap(s);
    zg_fd_clear(&s->shared);
    if (zg_dbus_pictures_is_ready(s->pictures)) {
        g_clear_handle_id(&s->deadline, g_source_remove); /* of a picture nobody wants */
    }
}

void
zg_source_dbus_watch(ZgSourceDbus *s, bool watched)
{
    if (watched == s->is_watched) {
        return;
    }
    s->is_watched = watched;
    if (!watched) {
        end_listener(s);
    } else if (zg_dbus_pictures_is_ready(s->pictures)) {
        register_listener(s);
    }
}

void
zg_source_dbus_restart(ZgSourceDbus *s)
{
    if (s->is_watched && zg_dbus_pictures_is_ready(s->pictures)) {
        end_listener(s);
        s->restarted_us = zg_clock_mono_us();
        register_listener(s);
        s->events->stopped(s->user);
    }
}
