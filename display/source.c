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

struct ZgSource {
    ZgSourceVnc *vnc;
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
};

/* ---- pictures by D-Bus ---- */

static gboolean
on_quiet(gpointer data)
{
    ZgSource *q = data;
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
arm_update(ZgSource *q)
{
    if (q->has_unseen && q->is_requested && q->quiet == 0) {
        q->quiet = g_timeout_add(QUIET_MS, on_quiet, q);
    }
}

static void
on_dbus_resize(void *user, int width, int height)
{
    ZgSource *q = user;

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
    ZgSource *q = user;

    q->events->picture.pixels(q->user, area, bgrx);
    q->unseen_last_us = zg_clock_mono_us();
    if (!q->has_unseen) {
        q->has_unseen = true;
        q->unseen_since_us = q->unseen_last_us;
    }
    arm_update(q);
}

static void
return_to_vnc(void *user)
{
    ZgSource *q = user;

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
on_dbus_lost(void *user, const char *reason)
{
    ZgSource *q = user;

    zg_log_info("console-pictures-lost", NULL, "pictures come by RFB from now on: %s", reason);
    g_clear_pointer(&q->dbus, zg_source_dbus_free);
    return_to_vnc(q);
}

static const ZgSourceDbusEvents dbus_events = {
    .resize = on_dbus_resize,
    .pixels = on_dbus_pixels,
    .stopped = return_to_vnc,
    .lost = on_dbus_lost,
};

/* ---- RFB: pictures are passed on while D-Bus shows none ---- */

/* D-Bus tells a new size only with a whole picture, which the guest need not draw. */
static gboolean
on_sizes(gpointer data)
{
    ZgSource *q = data;

    q->sizes = 0;
    if (q->shows && (q->vnc_width != q->dbus_width || q->vnc_height != q->dbus_height)) {
        zg_source_dbus_restart(q->dbus);
    }
    return G_SOURCE_REMOVE;
}

static void
on_vnc_resize(void *user, int width, int height)
{
    ZgSource *q = user;

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
    ZgSource *q = user;

    if (!q->shows) {
        q->events->picture.pixels(q->user, area, bgrx);
    }
}

static void
on_vnc_copy(void *user, ZgRect to, int from_x, int from_y)
{
    ZgSource *q = user;

    if (!q->shows) {
        q->events->picture.copy(q->user, to, from_x, from_y);
    }
}

static void
on_vnc_update(void *user)
{
    ZgSource *q = user;

    if (!q->shows) {
        q->is_requested = false;
        q->events->picture.update(q->user);
    }
}

static void
on_vnc_cursor(void *user, const ZgCursor *cursor)
{
    ZgSource *q = user;

    q->events->picture.cursor(q->user, cursor);
}

static void
on_vnc_led(void *user, uint8_t state)
{
    ZgSource *q = user;

    q->events->picture.led(q->user, state);
}

static void
on_vnc_text(void *user, const char *text)
{
    ZgSource *q = user;

    q->events->picture.text(q->user, text);
}

static void
on_vnc_bell(void *user)
{
    ZgSource *q = user;

    q->events->picture.bell(q->user);
}

static void
on_vnc_lost(void *user, const char *reason)
{
    ZgSource *q = user;

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

void
zg_source_free(ZgSource *q)
{
    if (q == NULL) {
        return;
    }
    g_clear_handle_id(&q->quiet, g_source_remove);
    g_clear_handle_id(&q->sizes, g_source_remove);
    zg_source_dbus_free(q->dbus);
    zg_source_vnc_free(q->vnc);
    g_free(q);
}

void
zg_source_request(ZgSource *q)
{
    q->is_requested = true;
    if (q->shows) {
        arm_update(q);
    } else {
        zg_source_vnc_request(q->vnc);
    }
}

void
zg_source_watch(ZgSource *q, bool watched)
{
    q->is_watched = watched;
    if (q->dbus != NULL) {
        zg_source_dbus_watch(q->dbus, watched);
        if (!watched) {
            return_to_vnc(q);
        }
    }
}

void
zg_source_take_pictures(ZgSource *q, int fd)
{
    if (q->dbus != NULL) {
        g_clear_pointer(&q->dbus, zg_source_dbus_free);
        return_to_vnc(q);
    }
    q->told = false;
    q->dbus = zg_source_dbus_new(fd, &dbus_events, q);
    zg_source_dbus_watch(q->dbus, q->is_watched);
}

void
zg_source_key(ZgSource *q, bool down, uint32_t keysym, uint32_t scancode)
{
    zg_source_vnc_key(q->vnc, down, keysym, scancode);
}

void
zg_source_pointer(ZgSource *q, int x, int y, uint8_t buttons)
{
    zg_source_vnc_pointer(q->vnc, x, y, buttons);
}

void
zg_source_offer_text(ZgSource *q, const char *text)
{
    zg_source_vnc_offer_text(q->vnc, text);
}

bool
zg_source_wish_size(ZgSource *q, int width, int height)
{
    return zg_source_vnc_wish_size(q->vnc, width, height);
}

ZgSource *
zg_source_new(int fd, const ZgSourceEvents *events, void *user)
{
    ZgSource *q = g_new0(ZgSource, 1);

    q->events = events;
    q->user = user;
    q->vnc = zg_source_vnc_new(fd, &vnc_events, q);
    return q;
}
