/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A hostile console's D-Bus, on either connection, in pieces cut by the data itself. */
#include <stdlib.h>

#include "display/dbus_pictures.h"
#include "tests/fuzz/painter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static uint8_t shared[65536]; /* the memory that the console shares */

static const uint8_t *
on_map(void *user, size_t offset, size_t n_bytes)
{
    if (n_bytes > sizeof shared || offset > sizeof shared - n_bytes) {
        return NULL;
    }
    return shared + sizeof shared - n_bytes; /* one byte more is seen */
}

static const ZgDbusPicturesOps ops = {.resize = on_resize, .pixels = on_pixels, .map = on_map};

/* The words that let us in are the same every time: the fuzzer need not find them. */
static void
let_in(ZgDbusPictures *pictures, ZgDbusLink link, GByteArray *out)
{
    static const char words[] = "DATA\r\nOK 0\r\nAGREE_UNIX_FD\r\n";
    size_t n_used;

    zg_dbus_pictures_begin(pictures, link, out);
    if (!zg_dbus_pictures_feed(pictures, link, (const uint8_t *)words, sizeof words - 1, &n_used,
                               out, NULL)) {
        abort();
    }
}

static void
feed(ZgDbusPictures *pictures, ZgDbusLink link, const uint8_t *data, size_t n, size_t piece)
{
    g_autoptr(GByteArray) held = g_byte_array_new();
    g_autoptr(GByteArray) out = g_byte_array_new();

    for (size_t at = 0; at < n; at += piece) {
        size_t n_used;
        g_byte_array_append(held, data + at, (guint)MIN(piece, n - at));
        if (!zg_dbus_pictures_feed(pictures, link, held->data, held->len, &n_used, out, NULL)) {
            return;
        }
        if (n_used > held->len || held->len - n_used > ZG_DBUS_PICTURES_INPUT_MAX) {
            abort();
        }
        g_byte_array_remove_range(held, 0, (guint)n_used);
        if (zg_dbus_pictures_is_ready(pictures)) {
            zg_dbus_pictures_register(pictures, out);
        }
        g_byte_array_set_size(out, 0);
    }
}

/* The first byte: bit 0 the connection, bit 1 whether we are let in already; the second: pieces. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    g_autoptr(ZgDbusPictures) pictures = NULL;
    g_autoptr(GByteArray) out = g_byte_array_new();
    Painter painter = {0};
    ZgDbusLink link;

    if (n < 2) {
        return 0;
    }
    link = data[0] & 1 ? ZG_DBUS_LISTENER : ZG_DBUS_CONSOLE;
    zg_frame_init(&painter.frame, 1, 1);
    pictures = zg_dbus_pictures_new(&ops, &painter);
    if (data[0] & 2) {
        let_in(pictures, link, out);
    } else {
        zg_dbus_pictures_begin(pictures, link, out);
    }
    feed(pictures, link, data + 2, n - 2, data[1] == 0 ? n : data[1]);
    zg_frame_clear(&painter.frame);
    return 0;
}
