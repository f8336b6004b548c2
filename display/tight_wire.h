/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the Tight encoder and a viewer's Tight stream share: control, lengths, deflate. Pure. */
#pragma once

#include <glib.h>
#include <isa-l/igzip_lib.h>
#include <stdint.h>

/* Compression-control byte. */
#define ZG_TIGHT_RESET_STREAM_0 0x01
#define ZG_TIGHT_STREAM_1 0x10
#define ZG_TIGHT_FILTER 0x40
#define ZG_TIGHT_FILL 0x80
#define ZG_TIGHT_JPEG 0x90
#define ZG_TIGHT_FILTER_PALETTE 1

#define ZG_TIGHT_PLAIN_MOST 11 /* shorter data goes uncompressed, without a length */

/** zg_tight_end_length() - put the length of all that was appended since @at, before it. */
void zg_tight_end_length(GByteArray *out, guint at);

/** zg_tight_put_length() - one to three bytes, seven bits each; @n below 1 << 22. */
void zg_tight_put_length(GByteArray *out, size_t n);

/** zg_tight_deflate_init() - @level: scratch of ISAL_DEF_LVL1_DEFAULT bytes that lives as long. */
void zg_tight_deflate_init(struct isal_zstream *z, uint8_t *level, size_t n_level);

/** zg_tight_deflate_reset() - the next bytes begin a new zlib stream. */
void zg_tight_deflate_reset(struct isal_zstream *z);

/**
 * zg_tight_deflate() - append the length and what the stream gives for @bytes
 * @n: more than ZG_TIGHT_PLAIN_MOST
 */
void zg_tight_deflate(struct isal_zstream *z, const uint8_t *bytes, size_t n, GByteArray *out);
