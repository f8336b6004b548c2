/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/out_tight.h"

#include <isa-l/igzip_lib.h>
#include <string.h>

#include "display/tight_wire.h"

struct ZgOutTight {
    bool history;
    struct isal_zstream deflate;
    uint8_t level[ISAL_DEF_LVL1_DEFAULT];
};

ZgOutTight *
zg_out_tight_new(bool history)
{
    ZgOutTight *t = g_new0(ZgOutTight, 1);

    t->history = history;
    zg_tight_deflate_init(&t->deflate, t->level, sizeof t->level);
    return t;
}

void
zg_out_tight_free(ZgOutTight *t)
{
    g_free(t);
}

void
zg_out_tight_put(ZgOutTight *t, const ZgBlob *blob, GByteArray *out)
{
    guint control_at = out->len + ZG_RFB_RECT_HEAD_BYTES;
    size_t n_closed = blob->n_bytes - blob->n_open;

    g_byte_array_append(out, blob->bytes, (guint)n_closed);
    if (t->history) {
        out->data[control_at] |= ZG_TIGHT_STREAM_1;
    } else {
        out->data[control_at] |= ZG_TIGHT_RESET_STREAM_0;
        zg_tight_deflate_reset(&t->deflate);
    }
    zg_tight_deflate(&t->deflate, blob->bytes + n_closed, blob->n_open, out);
}
