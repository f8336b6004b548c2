/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * QEMU's console. RFB for keys, pointer, clipboard and sizes, and for pictures while nobody looks.
 * To whom looks they come by D-Bus, as soon as the guest has drawn: unasked, so they are taken into
 * the frame at once, and only the end of an update waits until one was requested.
 */
#include "display/source.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "display/source_dbus.h"

/* What a guest draws at once comes in many messages: an update ends when none came for a while. */
#define QUIET_MS 1
#define QUIET_US_MOST 5000
#define SIZES_AGREE_MS 200 /* by then both have told of a new size */

typedef struct {
    ZgSource base;
    ZgSource *vnc;
    ZgSourceDbus *dbus;   /* NULL: pictures come by RFB only */
    const ZgSourceEvents *events;
    void *user;
    bool told;            /* that D-Bus works, once */
    bool is_watched;
    bool shows;           /* D-Bus has shown the whole picture: it is the one to believe */
    bool is_requested;
    bool has_unseen;      /* pixels came since the last update ended */
    int64_t unseen_since_us, unseen_last_us;
    int vnc_width, vnc_height; /* as RFB told it last; 0 before */
    int dbus_width, dbus_height;
    guint quiet, sizes;
} QemuSource;

/* ---- pictures by D-Bus ---- */

static gboolean
on_quiet(gpointer data)
{
    QemuSource *q = data;
    int64_t now_us = zg_clock_mono_us();

    if (now_us - q->unseen_last_us < QUIET_MS * 1000 &&
        now_us - q->unseen_since_us < QUIET_US_MOST) {
        return G_SOURCE_CONTINUE;
    }
    q->quiet = 0;
    q->has_unseen = q->is_requested = false;
    q->events->picture.update(q->user);
    return G_SOURCE_REMOVE;
}

static void
arm_update(QemuSource *q)
{
    if (q->has_unseen && q->is_requested && q->quiet == 0) {
        q->quiet = g_timeout_add(QUIET_MS, on_quiet, q);
    }
}

static void
on_dbus_resize(void *user, int width, int height)
{
    QemuSource *q = user;

    if (!q->told) {
        q->told = true;
        zg_log_info("console-pictures", NULL, "to whom looks pictures come by D-Bus");
    }
    q->shows = true;
    q->dbus_width = width;
    q->dbus_height = height;
    q->events->picture.resize(q->user, width, height);
}

static void
on_dbus_pixels(void *user, ZgRect area, const uint8_t *bgrx)
{
    QemuSource *q = user;

    q->events->picture.pixels(q->user, area, bgrx);
    q->unseen_last_us = zg_clock_mono_us();
    if (!q->has_unseen) {
        q->has_unseen = true;
        q->unseen_since_us = q->unseen_last_us;
    }
    arm_update(q);
}

static void
return_to_vnc(QemuSource *q)
{
    g_clear_handle_id(&q->quiet, g_source_remove);
    q->has_unseen = false;
    if (q->shows) {
        q->shows = false;
        if (q->vnc_width > 0) {
            q->events->picture.resize(q->user, q->vnc_width, q->vnc_height);
        }
        zg_source_vnc_repaint(q->vnc);
    }
}

static void
on_dbus_stopped(void *user)
{
    return_to_vnc(user);
}

static void
on_dbus_lost(void *user, const char *reason)
{
    QemuSource *q = user;

    zg_log_info("console-pictures-lost", NULL, "pictures come by RFB from now on: %s", reason);
    g_clear_pointer(&q->dbus, zg_source_dbus_free);
    return_to_vnc(q);
}

static const ZgSourceDbusEvents dbus_events = {
    .resize = on_dbus_resize,
    .pixels = on_dbus_pixels,
    .stopped = on_dbus_stopped,
    .lost = on_dbus_lost,
};

/* ---- RFB: pictures are passed on while D-Bus shows none ---- */

/* D-Bus tells a new size only with a whole picture, which the guest need not draw. */
static gboolean
on_sizes(gpointer data)
{
    QemuSource *q = data;

    q->sizes = 0;
    if (q->shows && (q->vnc_width != q->dbus_width || q->vnc_height != q->dbus_height)) {
        zg_source_dbus_restart(q->dbus);
    }
    return G_SOURCE_REMOVE;
}

static void
on_vnc_resize(void *user, int width, int height)
{
    QemuSource *q = user;

    q->vnc_width = width;
    q->vnc_height = height;
    if (!q->shows) {
        q->events->picture.resize(q->user, width, height);
    } else if (q->sizes == 0) {
        q->sizes = g_timeout_add(SIZES_AGREE_MS, on_sizes, q);
    }
}

static void
on_vnc_pixels(void *user, ZgRect area, const uint8_t *bgrx)
{
    QemuSource *q = user;

    if (!q->shows) {
        q->events->picture.pixels(q->user, area, bgrx);
    }
}

static void
on_vnc_copy(void *user, ZgRect to, int from_x, int from_y)
{
    QemuSource *q = user;

    if (!q->shows) {
        q->events->picture.copy(q->user, to, from_x, from_y);
    }
}

static void
on_vnc_update(void *user)
{
    QemuSource *q = user;

    if (!q->shows) {
        q->is_requested = false;
        q->events->picture.update(q->user);
    }
}

static void
on_vnc_cursor(void *user, const ZgCursor *cursor)
{
    QemuSource *q = user;

    q->events->picture.cursor(q->user, cursor);
}

static void
on_vnc_led(void *user, uint8_t state)
{
    QemuSource *q = user;

    q->events->picture.led(q->user, state);
}

static void
on_vnc_text(void *user, const char *text)
{
    QemuSource *q = user;

    q->events->picture.text(q->user, text);
}

static void
on_vnc_bell(void *user)
{
    QemuSource *q = user;

    q->events->picture.bell(q->user);
}

static void
on_vnc_lost(void *user, const char *reason)
{
    QemuSource *q = user;

    q->events->lost(q->user, reason);
}

static const ZgSourceEvents vnc_events = {
    .picture = {
        .resize = on_vnc_resize,
        .pixels = on_vnc_pixels,
        .copy = on_vnc_copy,
        .update = on_vnc_update,
        .cursor = on_vnc_cursor,
        .led = on_vnc_led,
        .text = on_vnc_text,
        .bell = on_vnc_bell,
    },
    .lost = on_vnc_lost,
};

/* ---- the source ---- */

static void
qemu_free(ZgSource *source)
{
    QemuSource *q = (QemuSource *)source;

    g_clear_handle_id(&q->quiet, g_source_remove);
    g_clear_handle_id(&q->sizes, g_source_remove);
    zg_source_dbus_free(q->dbus);
    q->vnc->ops->free(q->vnc);
    g_free(q);
}

static void
qemu_request(ZgSource *source)
{
    QemuSource *q = (QemuSource *)source;

    q->is_requested = true;
    if (q->shows) {
        arm_update(q);
    } else {
        q->vnc->ops->request(q->vnc);
    }
}

static void
qemu_watch(ZgSource *source, bool watched)
{
    QemuSource *q = (QemuSource *)source;

    q->is_watched = watched;
    if (q->dbus != NULL) {
        zg_source_dbus_watch(q->dbus, watched);
        if (!watched) {
            return_to_vnc(q);
        }
    }
}

static void
qemu_take_pictures(ZgSource *source, int fd)
{
    QemuSource *q = (QemuSource *)source;

    if (q->dbus != NULL) {
        g_clear_pointer(&q->dbus, zg_source_dbus_free);
        return_to_vnc(q);
    }
    q->told = false;
    q->dbus = zg_source_dbus_new(fd, &dbus_events, q);
    zg_source_dbus_watch(q->dbus, q->is_watched);
}

static void
qemu_key(ZgSource *source, bool down, uint32_t keysym, uint32_t scancode)
{
    QemuSource *q = (QemuSource *)source;

    q->vnc->ops->key(q->vnc, down, keysym, scancode);
}

static void
qemu_pointer(ZgSource *source, int x, int y, uint8_t buttons)
{
    QemuSource *q = (QemuSource *)source;

    q->vnc->ops->pointer(q->vnc, x, y, buttons);
}

static void
qemu_offer_text(ZgSource *source, const char *text)
{
    QemuSource *q = (QemuSource *)source;

    q->vnc->ops->offer_text(q->vnc, text);
}

static bool
qemu_wish_size(ZgSource *source, int width, int height)
{
    QemuSource *q = (QemuSource *)source;

    return q->vnc->ops->wish_size(q->vnc, width, height);
}

static const ZgSourceOps qemu_ops = {
    .free = qemu_free,
    .request = qemu_request,
    .watch = qemu_watch,
    .take_pictures = qemu_take_pictures,
    .key = qemu_key,
    .pointer = qemu_pointer,
    .offer_text = qemu_offer_text,
    .wish_size = qemu_wish_size,
};

ZgSource *
zg_source_qemu_new(int fd, const ZgSourceEvents *events, void *user)
{
    QemuSource *q = g_new0(QemuSource, 1);

    q->base.ops = &qemu_ops;
    q->events = events;
    q->user = user;
    q->vnc = zg_source_vnc_new(fd, &vnc_events, q);
    return &q->base;
}
