/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Our own encoding. Source: docs/protocol/zaguan-encoding.md. */
#include "tests/bench/decode.h"
#include "tests/bench/zaguan_decoder.h"

#define HEAD_BYTES 9 /* flags, then two lengths */
#define PACKED_AT 5

void
zg_decode_zaguan(ZgPicture *picture)
{
    static ZaguanPicture drawn;
    ZgRfbReader head = {.at = PACKED_AT, .n_bytes = HEAD_BYTES}, in = {0};
    uint32_t n_packed;

    g_byte_array_set_size(picture->packed, HEAD_BYTES);
    zg_wire_read(picture->wire, picture->packed->data, HEAD_BYTES);
    head.bytes = picture->packed->data;
    n_packed = zg_rfb_read_u32(&head);
    if (n_packed > ZAGUAN_PACKED_MAX) {
        zg_wire_die("our own encoding: %u bytes", n_packed);
    }
    g_byte_array_set_size(picture->packed, HEAD_BYTES + n_packed);
    zg_wire_read(picture->wire, picture->packed->data + HEAD_BYTES, n_packed);
    in.bytes = picture->packed->data;
    in.n_bytes = picture->packed->len;
    drawn.pixels = picture->pixels;
    drawn.width = picture->width;
    drawn.height = picture->height;
    if (!zaguan_picture_draw(&drawn, &in)) {
        zg_wire_die("our own encoding: a rectangle is wrong");
    }
}
