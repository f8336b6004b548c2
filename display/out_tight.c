/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/out_tight.h"

#include "display/deflate.h"
#include "display/tight_wire.h"

struct ZgOutTight {
    bool history;
    ZgDeflate *deflate;
};

ZgOutTight *
zg_out_tight_new(bool history)
{
    ZgOutTight *t = g_new0(ZgOutTight, 1);

    t->history = history;
    t->deflate = zg_deflate_new();
    return t;
}

void
zg_out_tight_free(ZgOutTight *t)
{
    if (t != NULL) {
        zg_deflate_free(t->deflate);
        g_free(t);
    }
}

void
zg_out_tight_put(ZgOutTight *t, const ZgBlob *blob, GByteArray *out)
{
    guint control_at = out->len + ZG_RFB_RECT_HEAD_BYTES, at;
    size_t n_closed = blob->n_bytes - blob->n_open;

    g_byte_array_append(out, blob->bytes, (guint)n_closed);
    if (t->history) {
        out->data[control_at] |= ZG_TIGHT_STREAM_1;
    } else {
        out->data[control_at] |= ZG_TIGHT_RESET_STREAM_0;
        zg_deflate_reset(t->deflate);
    }
    at = out->len;
    zg_deflate_put(t->deflate, blob->bytes + n_closed, blob->n_open, blob->open_pixel,
                   blob->open_row, out);
    zg_tight_end_length(out, at);
}
