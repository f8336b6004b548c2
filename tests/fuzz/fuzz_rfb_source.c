/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A hostile console's bytes in pieces cut by the data itself, painted into a real frame. */
#include <stdlib.h>
#include <string.h>

#include "display/rfb_source.h"
#include "tests/fuzz/painter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
on_copy(void *user, ZgRect to, int from_x, int from_y)
{
    Painter *p = user;

    if (!p->too_large) {
        zg_frame_copy(&p->frame, to, from_x, from_y);
    }
}

static void
on_update(void *user)
{
    Painter *p = user;
    g_autoptr(GArray) rects = g_array_new(FALSE, FALSE, sizeof(ZgRect));

    zg_damage_take(&p->frame.fresh, G_MAXINT64, rects);
    if (p->frame.fresh.n_dirty != 0) {
        abort();
    }
}

static void
on_cursor(void *user, const ZgCursor *cursor)
{
    g_autoptr(GByteArray) out = g_byte_array_new();

    if (cursor->width > ZG_CURSOR_SIDE_MAX || cursor->height > ZG_CURSOR_SIDE_MAX ||
        (cursor->rgba != NULL &&
         (cursor->hot_x >= cursor->width || cursor->hot_y >= cursor->height))) {
        abort();
    }
    zg_cursor_put(cursor, true, &zg_pixel_format_native, out);
    zg_cursor_put(cursor, false, &zg_pixel_format_332, out);
}

static void
on_led(void *user, uint8_t state)
{
}

static void
on_text(void *user, const char *text)
{
    if (!g_utf8_validate(text, -1, NULL)) {
        abort();
    }
}

static void
on_bell(void *user)
{
}

static const ZgRfbSourceOps ops = {
    .resize = on_resize,
    .pixels = on_pixels,
    .copy = on_copy,
    .update = on_update,
    .cursor = on_cursor,
    .led = on_led,
    .text = on_text,
    .bell = on_bell,
};

static void
feed(ZgRfbSource *source, const uint8_t *data, size_t n, size_t piece)
{
    g_autoptr(GByteArray) held = g_byte_array_new();
    g_autoptr(GByteArray) out = g_byte_array_new();

    for (size_t at = 0; at < n; at += piece) {
        size_t n_used;
        g_byte_array_append(held, data + at, (guint)MIN(piece, n - at));
        if (!zg_rfb_source_feed(source, held->data, held->len, &n_used, out, NULL)) {
            return;
        }
        if (n_used > held->len || held->len - n_used > ZG_RFB_SOURCE_INPUT_MAX) {
            abort();
        }
        g_byte_array_remove_range(held, 0, (guint)n_used);
        zg_rfb_source_request(source, out);
        zg_rfb_source_key(source, true, 0x61, 30, out);
        zg_rfb_source_wish_size(source, 300, 200, out);
        g_byte_array_set_size(out, 0);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    Painter painter = {0};
    g_autoptr(ZgRfbSource) source = NULL;

    if (n < 2) {
        return 0;
    }
    zg_frame_init(&painter.frame, 1, 1);
    source = zg_rfb_source_new(&ops, &painter);
    feed(source, data + 1, n - 1, data[0] == 0 ? n : data[0]);
    zg_frame_clear(&painter.frame);
    return 0;
}
