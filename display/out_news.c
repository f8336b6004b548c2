/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/out_news.h"

void
zg_out_news_clear(ZgOutNews *news)
{
    zg_cursor_clear(&news->shape);
}

void
zg_out_news_look(ZgOutNews *news, const ZgRfbLook *look)
{
    if (look->qemu_key && !news->told_qemu_key) {
        news->told_qemu_key = news->key = true;
    }
    news->size |= look->extended_size;
    news->cursor |= look->cursor || look->cursor_alpha;
    news->led |= look->led_state;
}

void
zg_out_news_cursor(ZgOutNews *news, const ZgCursor *cursor)
{
    zg_cursor_clear(&news->shape);
    news->shape = *cursor;
    if (cursor->rgba != NULL) {
        g_bytes_ref(cursor->rgba);
    }
    news->cursor = true;
}

unsigned
zg_out_news_put(ZgOutNews *news, const ZgRfbLook *look, GByteArray *out)
{
    unsigned n = 0;

    if (news->key) {
        zg_rfb_put_rect(out, 0, 0, 0, 0, ZG_RFB_QEMU_KEY);
        n++;
    }
    if (news->cursor && news->shape.rgba != NULL && (look->cursor || look->cursor_alpha)) {
        zg_cursor_put(&news->shape, look->cursor_alpha, &look->format, out);
        n++;
    }
    if (news->led && look->led_state) {
        zg_rfb_put_rect(out, 0, 0, 0, 0, ZG_RFB_LED_STATE);
        zg_rfb_put_u8(out, news->led_state);
        n++;
    }
    news->key = news->cursor = news->led = false;
    return n;
}
