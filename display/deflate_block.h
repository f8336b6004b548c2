/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Blocks of a deflate stream: literals and matches become bits, by the codes that the format has or
 * by codes of the block's own, whichever is shorter. Pure. Source: RFC 1951, 3.2.
 */
#pragma once

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

#define ZG_DEFLATE_MATCH_LEAST 3
#define ZG_DEFLATE_MATCH_MOST 258
#define ZG_DEFLATE_DISTANCE_MOST 32768

/* A literal is its byte; a match also has its length above the distance less one. */
typedef uint32_t ZgDeflateToken;
#define ZG_DEFLATE_MATCH(length, distance) ((uint32_t)(length) << 16 | ((uint32_t)(distance) - 1))

/* Bits on their way into whole bytes. */
typedef struct {
    uint64_t bits;
    unsigned n_bits; /* fewer than 8 between calls */
} ZgDeflateBits;

/** zg_deflate_put_block() - @n_tokens of them as a block, and its end. */
void zg_deflate_put_block(ZgDeflateBits *bits, const ZgDeflateToken *tokens, size_t n_tokens,
                          GByteArray *out);

/** zg_deflate_put_flush() - an empty block: all bits of the one before are in whole bytes then. */
void zg_deflate_put_flush(ZgDeflateBits *bits, GByteArray *out);
