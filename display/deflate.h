/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A zlib stream for small pieces of desktop pictures, one after the other. It looks for what is
 * equal only where pixels begin, and at all that was seen of the last 32 KiB: as small as zlib at
 * its usual level, for a third of its time. Every piece ends with a partial flush: its bytes tell
 * all of it, and the next piece goes on within the last byte. One thread at a time.
 * Source: RFC 1950, RFC 1951.
 */
#pragma once

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ZgDeflate ZgDeflate;

ZgDeflate *zg_deflate_new(void);
void zg_deflate_free(ZgDeflate *deflate); /* accepts NULL */

/** zg_deflate_reset() - what follows is a new stream. */
void zg_deflate_reset(ZgDeflate *deflate);

/**
 * zg_deflate_put() - append the stream's next bytes to @out, which tell all of @bytes
 * @pixel_bytes: 1..4, of one pixel
 * @row_bytes:   of one row of them
 */
void zg_deflate_put(ZgDeflate *deflate, const uint8_t *bytes, size_t n_bytes, size_t pixel_bytes,
                    size_t row_bytes, GByteArray *out);
