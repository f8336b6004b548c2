/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/tight_wire.h"

#include <string.h>

#include "display/rfb_wire.h"

#define LENGTH_BYTES_MOST 3

static unsigned
write_length(uint8_t *out, size_t n)
{
    unsigned n_bytes = n < 0x80 ? 1 : n < 0x4000 ? 2 : 3;

    out[0] = (uint8_t)(n_bytes == 1 ? n : n | 0x80);
    out[1] = (uint8_t)(n_bytes == 2 ? n >> 7 : n >> 7 | 0x80);
    out[2] = (uint8_t)(n >> 14);
    return n_bytes;
}

void
zg_tight_put_length(GByteArray *out, size_t n)
{
    uint8_t bytes[LENGTH_BYTES_MOST];
    unsigned n_bytes = write_length(bytes, n);

    g_byte_array_append(out, bytes, n_bytes);
}

void
zg_tight_end_length(GByteArray *out, guint at)
{
    uint8_t length[LENGTH_BYTES_MOST];
    guint n = out->len - at;
    unsigned n_length = write_length(length, n);

    g_byte_array_set_size(out, out->len + n_length);
    memmove(out->data + at + n_length, out->data + at, n);
    memcpy(out->data + at, length, n_length);
}

void
zg_tight_deflate_init(struct isal_zstream *z, uint8_t *level, size_t n_level)
{
    isal_deflate_init(z);
    z->level = 1;
    z->level_buf = level;
    z->level_buf_size = (uint32_t)n_level;
    z->gzip_flag = IGZIP_ZLIB;
    z->flush = SYNC_FLUSH;
}

void
zg_tight_deflate_reset(struct isal_zstream *z)
{
    isal_deflate_reset(z);
    z->gzip_flag = IGZIP_ZLIB; /* it counts the header as written */
}

void
zg_tight_deflate(struct isal_zstream *z, const uint8_t *bytes, size_t n, GByteArray *out)
{
    guint at = out->len;
    size_t n_room = n + n / 8 + 1024;

    g_byte_array_set_size(out, at + (guint)n_room);
    z->next_in = (uint8_t *)bytes; /* it only reads */
    z->avail_in = (uint32_t)n;
    z->next_out = out->data + at;
    z->avail_out = (uint32_t)n_room;
    z->end_of_stream = 0;
    isal_deflate(z);
    g_assert(z->avail_in == 0 && z->avail_out > 0); /* the room is enough for stored blocks */
    g_byte_array_set_size(out, at + (guint)n_room - z->avail_out);
    zg_tight_end_length(out, at);
}
