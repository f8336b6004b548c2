/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A viewer's bytes in pieces cut by the data itself; and any bytes as an exported state. */
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "display/rfb_session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What an exported session becomes must be itself again. */
static void
hand_over(const ZgRfbSession *session)
{
    g_autoptr(GBytes) state = zg_rfb_session_export(session);
    g_autoptr(ZgRfbSession) other = NULL;

    if (state != NULL) {
        other = zg_rfb_session_import(g_bytes_get_data(state, NULL), g_bytes_get_size(state), NULL);
        g_autoptr(GBytes) again = other == NULL ? NULL : zg_rfb_session_export(other);
        if (again == NULL || !g_bytes_equal(state, again)) {
            abort();
        }
    }
}

static void
check_event(const ZgRfbSession *session, const ZgRfbEvent *event)
{
    int width, height;

    zg_rfb_session_get_size(session, &width, &height);
    if (event->kind == ZG_RFB_EVENT_POINTER &&
        (event->pointer.x >= width || event->pointer.y >= height)) {
        abort();
    }
    if (event->kind == ZG_RFB_EVENT_CLIPBOARD &&
        (event->text == NULL || !g_utf8_validate(event->text, -1, NULL) ||
         strlen(event->text) > 2 * ZG_LIMIT_CLIPBOARD_BYTES)) {
        abort();
    }
    if (!zg_pixel_format_is_valid(&zg_rfb_session_look(session)->format)) {
        abort();
    }
}

static void
feed(ZgRfbSession *session, const uint8_t *data, size_t n, size_t piece)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autoptr(GByteArray) held = g_byte_array_new();
    GRefString *text = g_ref_string_new("offered");

    for (size_t at = 0; at < n; at += piece) {
        g_byte_array_append(held, data + at, (guint)MIN(piece, n - at));
        for (;;) {
            ZgRfbEvent event;
            size_t n_used;
            ZgRfbStep step = zg_rfb_session_feed(session, held->data, held->len, &n_used, out,
                                                 &event, NULL);
            if (n_used > held->len || (step != ZG_RFB_STEP_MORE && step != ZG_RFB_STEP_FAILED &&
                                       n_used == 0)) {
                abort();
            }
            if (step == ZG_RFB_STEP_FAILED) {
                g_ref_string_release(text);
                return;
            }
            if (step == ZG_RFB_STEP_MORE) {
                break;
            }
            if (step == ZG_RFB_STEP_EVENT) {
                check_event(session, &event);
            }
            g_byte_array_remove_range(held, 0, (guint)n_used);
            g_byte_array_set_size(out, 0);
        }
    }
    zg_rfb_session_offer_text(session, text);
    zg_rfb_session_put_text(session, SIZE_MAX, out);
    g_ref_string_release(text);
    hand_over(session);
    for (ZgRfbEvent event; zg_rfb_session_release(session, &event);) {
        check_event(session, &event);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autoptr(ZgRfbSession) session = NULL;

    if (n < 2) {
        return 0;
    }
    if (data[0] == 2) {
        session = zg_rfb_session_import(data + 1, n - 1, NULL);
        if (session != NULL) {
            hand_over(session);
        }
        return 0;
    }
    session = zg_rfb_session_new(data[0] & 1 ? ZG_RFB_START_CLIENT_INIT : ZG_RFB_START_VERSION, 800,
                                 600, "fuzz", out);
    feed(session, data + 2, n - 2, data[1] % 61U + 1);
    return 0;
}
