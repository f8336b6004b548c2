/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/deflate_block.h"

#include <stdbool.h>
#include <string.h>

#define LITERALS 286 /* symbols: bytes, the end of a block, lengths */
#define DISTANCES 30
#define LENGTHS 19   /* symbols that tell the lengths of codes */
#define END 256
#define CODE_BITS_MOST 15
#define LENGTH_BITS_MOST 7
#define OWN_BITS_LEAST 1000 /* a block so short is not worth codes of its own */
#define TOKEN_BITS_MOST 48

enum { BLOCK_FIXED = 1, BLOCK_OWN = 2 };
enum { REPEAT = 16, ZEROS = 17, MANY_ZEROS = 18 };

typedef struct {
    uint16_t codes[LITERALS]; /* the first bit to be sent is the lowest */
    uint8_t n_bits[LITERALS];
} Code;

typedef struct {
    uint32_t literals[LITERALS], distances[DISTANCES];
} Counts;

/* How the lengths of codes are told: symbols with what follows them. */
typedef struct {
    uint8_t symbols[LITERALS + DISTANCES], extra[LITERALS + DISTANCES];
    unsigned n, n_literals, n_distances, n_lengths;
    Code code;
} Head;

/* ---- numbers as symbols with more bits behind ---- */

static unsigned
log2_of(uint32_t n)
{
    return 31 - (unsigned)__builtin_clz(n);
}

static unsigned
length_symbol(uint32_t token, unsigned *out_n_extra, uint32_t *out_extra)
{
    uint32_t n = (token >> 16) - ZG_DEFLATE_MATCH_LEAST;

    if (n < 8 || n == ZG_DEFLATE_MATCH_MOST - ZG_DEFLATE_MATCH_LEAST) {
        *out_n_extra = *out_extra = 0;
        return END + 1 + (n < 8 ? n : 28);
    }
    *out_n_extra = log2_of(n) - 2;
    *out_extra = n & ((1u << *out_n_extra) - 1);
    return END + 1 + (*out_n_extra << 2) + (n >> *out_n_extra);
}

static unsigned
distance_symbol(uint32_t token, unsigned *out_n_extra, uint32_t *out_extra)
{
    uint32_t n = token & 0xffff;

    if (n < 4) {
        *out_n_extra = *out_extra = 0;
        return n;
    }
    *out_n_extra = log2_of(n) - 1;
    *out_extra = n & ((1u << *out_n_extra) - 1);
    return (*out_n_extra << 1) + (n >> *out_n_extra);
}

static void
count(Counts *counts, const ZgDeflateToken *tokens, size_t n_tokens)
{
    unsigned n_extra;
    uint32_t extra;

    memset(counts, 0, sizeof *counts);
    for (size_t i = 0; i < n_tokens; i++) {
        if (tokens[i] < END) {
            counts->literals[tokens[i]]++;
        } else {
            counts->literals[length_symbol(tokens[i], &n_extra, &extra)]++;
            counts->distances[distance_symbol(tokens[i], &n_extra, &extra)]++;
        }
    }
    counts->literals[END]++;
}

/* ---- codes ---- */

static uint16_t
reverse(unsigned code, unsigned n_bits)
{
    unsigned reversed = 0;

    for (; n_bits > 0; n_bits--, code >>= 1) {
        reversed = reversed << 1 | (code & 1);
    }
    return (uint16_t)reversed;
}

/* From the lengths alone, as RFC 1951, 3.2.2 says. */
static void
number_codes(Code *code, unsigned n)
{
    unsigned n_of_length[CODE_BITS_MOST + 1] = {0}, next[CODE_BITS_MOST + 1], first = 0;

    for (unsigned i = 0; i < n; i++) {
        n_of_length[code->n_bits[i]]++;
    }
    n_of_length[0] = 0;
    for (unsigned bits = 1; bits <= CODE_BITS_MOST; bits++) {
        next[bits] = first = (first + n_of_length[bits - 1]) << 1;
    }
    for (unsigned i = 0; i < n; i++) {
        if (code->n_bits[i] != 0) {
            code->codes[i] = reverse(next[code->n_bits[i]]++, code->n_bits[i]);
        }
    }
}

/* By Shell. The few hundred numbers at most are nearly all small. */
static void
sort(uint32_t *keys, unsigned n)
{
    static const unsigned gaps[] = {57, 23, 10, 4, 1};

    for (size_t g = 0; g < G_N_ELEMENTS(gaps); g++) {
        for (unsigned i = gaps[g]; i < n; i++) {
            uint32_t key = keys[i];
            unsigned k = i;
            for (; k >= gaps[g] && keys[k - gaps[g]] > key; k -= gaps[g]) {
                keys[k] = keys[k - gaps[g]];
            }
            keys[k] = key;
        }
    }
}

/*
 * Turns @n >= 2 ascending counts into the lengths of their Huffman codes, in place.
 * Source: Moffat and Katajainen, "In-Place Calculation of Minimum-Redundancy Codes", 1995.
 */
static void
find_depths(uint32_t *a, int n)
{
    int root = 0, leaf = 0, n_free = 1, n_used = 0, at = n - 1;
    uint32_t depth = 0;

    for (int next = 0; next < n - 1; next++) { /* inner nodes: their sum, then their parent */
        uint32_t sum = 0;
        for (int i = 0; i < 2; i++) {
            if (leaf >= n || (root < next && a[root] < a[leaf])) {
                sum += a[root];
                a[root++] = (uint32_t)next;
            } else {
                sum += a[leaf++];
            }
        }
        a[next] = sum;
    }
    a[n - 2] = 0;
    for (int next = n - 3; next >= 0; next--) { /* their depth */
        a[next] = a[a[next]] + 1;
    }
    for (root = n - 2; n_free > 0; n_free = 2 * n_used, n_used = 0, depth++) { /* that of leaves */
        for (; root >= 0 && a[root] == depth; root--) {
            n_used++;
        }
        for (; n_free > n_used; n_free--) {
            a[at--] = depth;
        }
    }
}

/* How many codes of each length, none longer than @most, when the rarest are made shorter. */
static void
limit_depths(const uint32_t *depths, unsigned n, unsigned most, unsigned *out_n_of_length)
{
    uint32_t total = 0;

    for (unsigned i = 0; i < n; i++) {
        out_n_of_length[MIN(depths[i], most)]++;
    }
    for (unsigned bits = 1; bits <= most; bits++) {
        total += (uint32_t)out_n_of_length[bits] << (most - bits);
    }
    for (; total > 1u << most; total--) {
        unsigned bits = most - 1;
        while (out_n_of_length[bits] == 0) {
            bits--;
        }
        out_n_of_length[most]--;
        out_n_of_length[bits]--;
        out_n_of_length[bits + 1] += 2;
    }
}

static void
make_code(Code *code, const uint32_t *counts, unsigned n, unsigned bits_most)
{
    uint32_t keys[LITERALS], depths[LITERALS];
    unsigned n_of_length[CODE_BITS_MOST + 1] = {0}, n_keys = 0;

    memset(code->n_bits, 0, n);
    for (unsigned i = 0; i < n; i++) {
        if (counts[i] > 0) {
            keys[n_keys++] = counts[i] << 9 | i;
        }
    }
    if (n_keys < 2) {
        code->n_bits[n_keys == 0 ? 0 : keys[0] & 511] = 1; /* a code of one is allowed */
    } else {
        sort(keys, n_keys);
        for (unsigned i = 0; i < n_keys; i++) {
            depths[i] = keys[i] >> 9;
        }
        find_depths(depths, (int)n_keys);
        limit_depths(depths, n_keys, bits_most, n_of_length);
        for (unsigned bits = 1; bits <= bits_most; bits++) {
            for (; n_of_length[bits] > 0; n_of_length[bits]--) {
                code->n_bits[keys[--n_keys] & 511] = (uint8_t)bits;
            }
        }
    }
    number_codes(code, n);
}

static unsigned
fixed_bits(unsigned literal)
{
    return literal < 144 ? 8 : literal < 256 ? 9 : literal < 280 ? 7 : 8;
}

static void
get_fixed_codes(Code *literals, Code *distances)
{
    for (unsigned i = 0; i < LITERALS; i++) {
        unsigned code = i < 144 ? 0x30 + i : i < 256 ? 0x190 + i - 144 : i < 280 ? i - 256
                                                                                  : 0xc0 + i - 280;
        literals->n_bits[i] = (uint8_t)fixed_bits(i);
        literals->codes[i] = reverse(code, fixed_bits(i));
    }
    for (unsigned i = 0; i < DISTANCES; i++) {
        distances->n_bits[i] = 5;
        distances->codes[i] = reverse(i, 5);
    }
}

/* ---- bits ---- */

static inline uint8_t *
put_bits(ZgDeflateBits *b, uint8_t *out, uint64_t value, unsigned n_bits)
{
    uint64_t little;

    b->bits |= value << b->n_bits;
    b->n_bits += n_bits;
    little = GUINT64_TO_LE(b->bits);
    memcpy(out, &little, sizeof little);
    out += b->n_bits / 8;
    b->bits = b->n_bits < 64 ? b->bits >> (b->n_bits & ~7u) : 0;
    b->n_bits &= 7;
    return out;
}

static uint8_t *
put_symbol(ZgDeflateBits *b, uint8_t *out, const Code *code, unsigned symbol)
{
    return put_bits(b, out, code->codes[symbol], code->n_bits[symbol]);
}

static uint8_t *
put_tokens(ZgDeflateBits *b, uint8_t *out, const ZgDeflateToken *tokens, size_t n_tokens,
           const Code *literals, const Code *distances)
{
    for (size_t i = 0; i < n_tokens; i++) {
        uint32_t token = tokens[i], extra;
        unsigned n_extra, symbol, n_bits;
        uint64_t value;

        if (token < END) {
            out = put_symbol(b, out, literals, token);
            continue;
        }
        symbol = length_symbol(token, &n_extra, &extra);
        value = literals->codes[symbol] | (uint64_t)extra << literals->n_bits[symbol];
        n_bits = literals->n_bits[symbol] + n_extra;
        symbol = distance_symbol(token, &n_extra, &extra);
        value |= (distances->codes[symbol] | (uint64_t)extra << distances->n_bits[symbol])
                 << n_bits;
        out = put_bits(b, out, value, n_bits + distances->n_bits[symbol] + n_extra);
    }
    return put_symbol(b, out, literals, END);
}

/* ---- the head of a block with codes of its own ---- */

static const uint8_t length_order[LENGTHS] = {16, 17, 18, 0, 8, 7, 9,  6, 10, 5,
                                              11, 4,  12, 3, 13, 2, 14, 1, 15};
static const uint8_t extra_bits[LENGTHS] = {[REPEAT] = 2, [ZEROS] = 3, [MANY_ZEROS] = 7};

static void
add_length(Head *head, unsigned symbol, unsigned extra)
{
    head->symbols[head->n] = (uint8_t)symbol;
    head->extra[head->n++] = (uint8_t)extra;
}

/* @n equal lengths in a row. */
static void
add_lengths(Head *head, unsigned length, unsigned n)
{
    while (n > 0) {
        unsigned n_now = 1;
        if (length == 0 && n >= 3) {
            n_now = MIN(n, 138);
            add_length(head, n_now > 10 ? MANY_ZEROS : ZEROS, n_now - (n_now > 10 ? 11 : 3));
        } else if (n >= 4) {
            n_now = MIN(n, 7);
            add_length(head, length, 0);
            add_length(head, REPEAT, n_now - 4);
        } else {
            add_length(head, length, 0);
        }
        n -= n_now;
    }
}

static void
make_head(Head *head, const Code *literals, const Code *distances)
{
    uint8_t all[LITERALS + DISTANCES];
    uint32_t counts[LENGTHS] = {0};
    unsigned n_all;

    head->n = 0;
    head->n_literals = LITERALS;
    head->n_distances = DISTANCES;
    while (literals->n_bits[head->n_literals - 1] == 0) { /* the end of the block has a code */
        head->n_literals--;
    }
    while (head->n_distances > 1 && distances->n_bits[head->n_distances - 1] == 0) {
        head->n_distances--;
    }
    memcpy(all, literals->n_bits, head->n_literals);
    memcpy(all + head->n_literals, distances->n_bits, head->n_distances);
    n_all = head->n_literals + head->n_distances;
    for (unsigned i = 0, n; i < n_all; i += n) {
        for (n = 1; i + n < n_all && all[i + n] == all[i]; n++) {
        }
        add_lengths(head, all[i], n);
    }
    for (unsigned i = 0; i < head->n; i++) {
        counts[head->symbols[i]]++;
    }
    make_code(&head->code, counts, LENGTHS, LENGTH_BITS_MOST);
    head->n_lengths = LENGTHS;
    while (head->n_lengths > 4 && head->code.n_bits[length_order[head->n_lengths - 1]] == 0) {
        head->n_lengths--;
    }
}

static uint8_t *
put_head(ZgDeflateBits *b, uint8_t *out, const Head *head)
{
    out = put_bits(b, out, head->n_literals - 257, 5);
    out = put_bits(b, out, head->n_distances - 1, 5);
    out = put_bits(b, out, head->n_lengths - 4, 4);
    for (unsigned i = 0; i < head->n_lengths; i++) {
        out = put_bits(b, out, head->code.n_bits[length_order[i]], 3);
    }
    for (unsigned i = 0; i < head->n; i++) {
        out = put_symbol(b, out, &head->code, head->symbols[i]);
        out = put_bits(b, out, head->extra[i], extra_bits[head->symbols[i]]);
    }
    return out;
}

static size_t
head_bits(const Head *head)
{
    size_t n = 14 + 3 * (size_t)head->n_lengths;

    for (unsigned i = 0; i < head->n; i++) {
        n += head->code.n_bits[head->symbols[i]] + extra_bits[head->symbols[i]];
    }
    return n;
}

/* ---- blocks ---- */

static size_t
own_bits(const Counts *counts, const Code *literals, const Code *distances)
{
    size_t n = 0;

    for (unsigned i = 0; i < LITERALS; i++) {
        n += counts->literals[i] * literals->n_bits[i];
    }
    for (unsigned i = 0; i < DISTANCES; i++) {
        n += counts->distances[i] * distances->n_bits[i];
    }
    return n;
}

static size_t
bits_by_fixed_codes(const Counts *counts)
{
    size_t n = 0;

    for (unsigned i = 0; i < LITERALS; i++) {
        n += counts->literals[i] * fixed_bits(i);
    }
    for (unsigned i = 0; i < DISTANCES; i++) {
        n += counts->distances[i] * 5;
    }
    return n;
}

void
zg_deflate_put_block(ZgDeflateBits *bits, const ZgDeflateToken *tokens, size_t n_tokens,
                     GByteArray *out)
{
    guint at = out->len;
    Counts counts;
    Code literals, distances;
    Head head;
    uint8_t *p;
    size_t n_fixed;

    count(&counts, tokens, n_tokens);
    n_fixed = bits_by_fixed_codes(&counts);
    g_byte_array_set_size(out, at + (guint)(n_tokens * TOKEN_BITS_MOST / 8) + 512);
    p = out->data + at;
    if (n_fixed >= OWN_BITS_LEAST) {
        make_code(&literals, counts.literals, LITERALS, CODE_BITS_MOST);
        make_code(&distances, counts.distances, DISTANCES, CODE_BITS_MOST);
        make_head(&head, &literals, &distances);
    }
    if (n_fixed >= OWN_BITS_LEAST &&
        head_bits(&head) + own_bits(&counts, &literals, &distances) < n_fixed) {
        p = put_bits(bits, p, BLOCK_OWN << 1, 3);
        p = put_head(bits, p, &head);
    } else {
        p = put_bits(bits, p, BLOCK_FIXED << 1, 3);
        get_fixed_codes(&literals, &distances);
    }
    p = put_tokens(bits, p, tokens, n_tokens, &literals, &distances);
    g_byte_array_set_size(out, (guint)(p - out->data));
}

void
zg_deflate_put_flush(ZgDeflateBits *bits, GByteArray *out)
{
    guint at = out->len;
    uint8_t *p;

    g_byte_array_set_size(out, at + 16);
    p = put_bits(bits, out->data + at, BLOCK_FIXED << 1, 10); /* the end has the code 0000000 */
    g_byte_array_set_size(out, (guint)(p - out->data));
}
