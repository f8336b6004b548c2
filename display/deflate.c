/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/deflate.h"

#include <stdbool.h>
#include <string.h>

#include "display/deflate_block.h"

#define WINDOW ZG_DEFLATE_DISTANCE_MOST
#define PIECE_MOST 32766 /* of one block; whole pixels */
#define PAIR_BYTES 6     /* what is found by its hash: two pixels of three bytes */
#define PAIR_SLOTS 8192
#define PIXEL_SLOTS 4096
#define TRIES 8          /* places that are compared */
#define TRIES_LARGE 3    /* in what is large: that matches itself, near by */
#define LARGE_BYTES 8192
#define GOOD_BYTES 96    /* a match that is taken without looking further */
#define READ_AHEAD 8

struct ZgDeflate {
    uint8_t bytes[2 * WINDOW + READ_AHEAD]; /* what was put last; the last WINDOW of it may match */
    size_t n;
    uint32_t base;                  /* position of bytes[0]; they may wrap */
    uint16_t pairs[PAIR_SLOTS];     /* where such a pair began last: the low half of a position */
    uint16_t pixels[PIXEL_SLOTS];   /* where such a pixel was last */
    uint16_t back[WINDOW];          /* from a position to the one before in its slot; 0: too far */
    ZgDeflateToken tokens[PIECE_MOST];
    size_t n_tokens;
    ZgDeflateBits bits;
    bool started;                   /* the stream's header was put */
};

/* What is being packed. */
typedef struct {
    uint32_t start, end; /* positions */
    uint32_t pixel, row; /* bytes */
    int tries;
} Piece;

typedef struct {
    uint32_t length, distance; /* 0: none */
} Match;

ZgDeflate *
zg_deflate_new(void)
{
    return g_new0(ZgDeflate, 1);
}

void
zg_deflate_free(ZgDeflate *d)
{
    g_free(d);
}

void
zg_deflate_reset(ZgDeflate *d)
{
    d->base += (uint32_t)d->n;
    d->n = 0;
    d->bits = (ZgDeflateBits){0};
    d->started = false;
}

static const uint8_t *
at(const ZgDeflate *d, uint32_t position)
{
    return d->bytes + (position - d->base);
}

static uint32_t
pair_slot(const uint8_t *bytes)
{
    uint64_t pair;

    memcpy(&pair, bytes, sizeof pair);
    return (uint32_t)((GUINT64_FROM_LE(pair) << 16) * 0x9e3779b185ebca87u >> 51);
}

static uint32_t
pixel_slot(const uint8_t *bytes)
{
    uint32_t pixel;

    memcpy(&pixel, bytes, sizeof pixel);
    return (GUINT32_FROM_LE(pixel) << 8) * 0x9e3779b1u >> 20;
}

static void
note(ZgDeflate *d, uint32_t position)
{
    const uint8_t *bytes = at(d, position);
    uint16_t *pair = &d->pairs[pair_slot(bytes)];
    uint16_t distance = (uint16_t)(position - *pair);

    d->back[position % WINDOW] = distance > WINDOW ? 0 : distance;
    d->pixels[pixel_slot(bytes)] = *pair = (uint16_t)position;
}

static uint32_t
equal_bytes(const uint8_t *a, const uint8_t *b, uint32_t most)
{
    uint32_t n = 0;

    for (; n + 8 <= most; n += 8) {
        uint64_t x, y;
        memcpy(&x, a + n, 8);
        memcpy(&y, b + n, 8);
        if (x != y) {
            return n + (uint32_t)__builtin_ctzll(GUINT64_FROM_LE(x ^ y)) / 8;
        }
    }
    while (n < most && a[n] == b[n]) {
        n++;
    }
    return n;
}

/* Keeps in @best the longer one. */
static G_ALWAYS_INLINE inline void
try_distance(const ZgDeflate *d, uint32_t position, uint32_t distance, uint32_t most, Match *best)
{
    const uint8_t *here = at(d, position), *there = here - distance;
    uint32_t n;

    if (best->length < most && here[best->length] == there[best->length]) {
        n = equal_bytes(here, there, most);
        if (n > best->length) {
            *best = (Match){n, distance};
        }
    }
}

/* The longest of some matches of two pixels at least, or else one of a single pixel. */
static Match
find(const ZgDeflate *d, const Piece *piece, uint32_t position)
{
    uint32_t most = MIN(piece->end - position, ZG_DEFLATE_MATCH_MOST);
    uint32_t reach = MIN(position - d->base, WINDOW), distance;
    Match best = {PAIR_BYTES - 1, 0};

    if (most < PAIR_BYTES) {
        return (Match){0};
    }
    if (piece->pixel <= reach) {
        try_distance(d, position, piece->pixel, most, &best);
    }
    if (piece->row <= position - piece->start) {
        try_distance(d, position, piece->row, most, &best);
    }
    distance = (uint16_t)(position - d->pairs[pair_slot(at(d, position))]);
    for (int i = 0; i < piece->tries && distance - 1 < reach && best.length < MIN(GOOD_BYTES, most);
         i++) {
        uint16_t back = d->back[(position - distance) % WINDOW];
        try_distance(d, position, distance, most, &best);
        if (back == 0) {
            break;
        }
        distance += back;
    }
    distance = (uint16_t)(position - d->pixels[pixel_slot(at(d, position))]);
    if (best.distance == 0 && distance - 1 < reach) {
        best.length = ZG_DEFLATE_MATCH_LEAST - 1;
        try_distance(d, position, distance, most, &best);
    }
    return best.distance == 0 ? (Match){0} : best;
}

static uint32_t
put_literals(ZgDeflate *d, uint32_t position, uint32_t end)
{
    for (; position < end; position++) {
        d->tokens[d->n_tokens++] = *at(d, position);
    }
    return position;
}

static void
note_all(ZgDeflate *d, const Piece *piece, uint32_t from, uint32_t to)
{
    for (; from < to && piece->end - from >= PAIR_BYTES; from += piece->pixel) {
        note(d, from);
    }
}

/* The next match, or the next pixel as it is. Return: where the pixel after it begins. */
static uint32_t
step(ZgDeflate *d, const Piece *piece, uint32_t position)
{
    Match match = find(d, piece, position);
    uint32_t end, off;

    note_all(d, piece, position, position + 1);
    if (match.length == 0) {
        return put_literals(d, position, MIN(position + piece->pixel, piece->end));
    }
    d->tokens[d->n_tokens++] = ZG_DEFLATE_MATCH(match.length, match.distance);
    end = position + match.length;
    if (match.distance != piece->pixel) { /* of one colour: where that begins is enough */
        note_all(d, piece, position + piece->pixel, end);
    }
    off = (end - piece->start) % piece->pixel;
    return off == 0 ? end : put_literals(d, end, MIN(end - off + piece->pixel, piece->end));
}

static void
make_room(ZgDeflate *d, size_t n)
{
    if (d->n + n > 2 * WINDOW) {
        size_t n_gone = d->n - WINDOW;
        memmove(d->bytes, d->bytes + n_gone, WINDOW);
        d->n = WINDOW;
        d->base += (uint32_t)n_gone;
    }
}

static void
put_piece(ZgDeflate *d, const uint8_t *bytes, size_t n, size_t pixel_bytes, size_t row_bytes,
          GByteArray *out)
{
    Piece piece = {.pixel = (uint32_t)pixel_bytes,
                   .row = (uint32_t)row_bytes,
                   .tries = n > LARGE_BYTES ? TRIES_LARGE : TRIES};
    uint32_t position;

    make_room(d, n);
    memcpy(d->bytes + d->n, bytes, n);
    piece.start = position = d->base + (uint32_t)d->n;
    piece.end = piece.start + (uint32_t)n;
    d->n += n;
    d->n_tokens = 0;
    while (position != piece.end) {
        position = step(d, &piece, position);
    }
    zg_deflate_put_block(&d->bits, d->tokens, d->n_tokens, out);
}

void
zg_deflate_put(ZgDeflate *d, const uint8_t *bytes, size_t n_bytes, size_t pixel_bytes,
               size_t row_bytes, GByteArray *out)
{
    static const uint8_t header[] = {0x78, 0x01}; /* a window of 32 KiB */
    size_t n_most = PIECE_MOST - PIECE_MOST % pixel_bytes;

    if (!d->started) {
        g_byte_array_append(out, header, sizeof header);
        d->started = true;
    }
    while (n_bytes > 0) {
        size_t n = MIN(n_bytes, n_most);
        put_piece(d, bytes, n, pixel_bytes, row_bytes, out);
        bytes += n;
        n_bytes -= n;
    }
    zg_deflate_put_flush(&d->bits, out);
}
