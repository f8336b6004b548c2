/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/move_votes.h"

#include <string.h>

#define DIFFERS 1
#define ROW_VOTES_LEAST 8
#define STRIPS_EXPECTED 3 /* are enough to confirm what is expected */
#define POINT_VOTES_LEAST 4
#define SEEN_SLOTS 16384 /* power of two */
#define SEEN_MOST (SEEN_SLOTS / 2)
#define BALLOT_SLOTS 4096 /* power of two */
#define POINT_PIXELS 16   /* that make up one point */
#define SAMPLED_ROWS 8    /* one of so many tells how many points there are */
#define ROWS_AHEAD 6      /* fetched early: a strip's rows are not beside one another in memory */
#define LINE_PIXELS 16    /* of a line of the processor's cache */
#define GROUP 16          /* pixels that are looked at together: points are rare */

/* Where a key was seen in the old picture. */
typedef struct {
    uint32_t key;
    uint16_t stamp, n;
    uint16_t x, y;
} Seen;

typedef struct {
    uint16_t stamp, n;
    int16_t dx, dy;
} Ballot;

struct ZgMoveVotes {
    ZgMoveStrip strips[ZG_MOVE_STRIPS_MOST];
    unsigned n_strips;
    int height;
    int width, top, bottom; /* of the count at work; the owner's */
    const int *left, *right;
    uint16_t stamp; /* of the entries that count */
    Seen *seen;
    unsigned n_seen;
    Ballot *ballots;
    /* Hashes of both pictures' rows in the strips that vote: found once for all rounds. */
    uint32_t *hashes;
    size_t n_hashes_room;
    ZgMoveStrip hashed[ZG_MOVE_STRIPS_MOST]; /* n_rows is 0 when there are none */
};

ZgMoveVotes *
zg_move_votes_new(void)
{
    ZgMoveVotes *v = g_new0(ZgMoveVotes, 1);

    v->seen = g_new0(Seen, SEEN_SLOTS);
    v->ballots = g_new0(Ballot, BALLOT_SLOTS);
    return v;
}

void
zg_move_votes_free(ZgMoveVotes *v)
{
    g_free(v->seen);
    g_free(v->ballots);
    g_free(v->hashes);
    g_free(v);
}

/* ---- tables ---- */

static void
start_table(ZgMoveVotes *v)
{
    v->n_seen = 0;
    if (++v->stamp == 0) {
        memset(v->seen, 0, sizeof *v->seen * SEEN_SLOTS);
        memset(v->ballots, 0, sizeof *v->ballots * BALLOT_SLOTS);
        v->stamp = 1;
    }
}

static Seen *
seen_slot(ZgMoveVotes *v, uint32_t key)
{
    unsigned i = key & (SEEN_SLOTS - 1);

    while (v->seen[i].stamp == v->stamp && v->seen[i].key != key) {
        i = (i + 1) & (SEEN_SLOTS - 1);
    }
    return &v->seen[i];
}

static void
see(ZgMoveVotes *v, uint32_t key, int x, int y)
{
    Seen *slot = seen_slot(v, key);

    if (slot->stamp == v->stamp) {
        slot->n = 2; /* not unique: says nothing */
    } else if (v->n_seen < SEEN_MOST) {
        *slot = (Seen){key, v->stamp, 1, (uint16_t)x, (uint16_t)y};
        v->n_seen++;
    }
}

static void
vote(ZgMoveVotes *v, uint16_t stamp, int dx, int dy)
{
    unsigned i = ((unsigned)dx * 2654435761u ^ (unsigned)dy * 40503u) >> 4 & (BALLOT_SLOTS - 1);

    for (int tries = 0; tries < 8; tries++, i = (i + 1) & (BALLOT_SLOTS - 1)) {
        Ballot *b = &v->ballots[i];
        if (b->stamp != stamp) {
            *b = (Ballot){stamp, 1, (int16_t)dx, (int16_t)dy};
            return;
        }
        if (b->dx == dx && b->dy == dy) {
            b->n += b->n < UINT16_MAX;
            return;
        }
    }
}

static bool
winner(const ZgMoveVotes *v, uint16_t stamp, unsigned least, ZgShift *out_shift)
{
    unsigned most = 0;

    for (unsigned i = 0; i < BALLOT_SLOTS; i++) {
        const Ballot *b = &v->ballots[i];
        if (b->stamp == stamp && b->n > most && (b->dx != 0 || b->dy != 0)) {
            most = b->n;
            *out_shift = (ZgShift){b->dx, b->dy};
        }
    }
    return most >= least;
}

/* ---- rows ---- */

/* Four sums that do not wait for one another; the upper half of each depends on all of its row. */
static uint32_t
hash_row(const uint32_t *p, int n)
{
    uint64_t sums[4] = {0x9e3779b97f4a7c15u, 0xc2b2ae3d27d4eb4fu, 0x165667b19e3779f9u,
                        0x27d4eb2f165667c5u};
    uint64_t all = (uint64_t)n, pair;

    for (int i = 0; i + 8 <= n; i += 8) {
        for (int k = 0; k < 4; k++) {
            memcpy(&pair, p + i + 2 * k, sizeof pair);
            sums[k] = (sums[k] ^ pair) * 0x9fb21c651e98df25u;
        }
    }
    for (int k = 0; k < 4; k++) {
        all = (all ^ sums[k] ^ sums[k] >> 32) * 0xd6e8feb86659fd93u;
    }
    return (uint32_t)(all >> 32);
}

void
zg_move_votes_start_rows(ZgMoveVotes *v, int height)
{
    v->n_strips = 0;
    v->height = height;
}

void
zg_move_votes_offer_strip(ZgMoveVotes *v, ZgMoveStrip strip)
{
    unsigned i;

    if (v->n_strips < ZG_MOVE_STRIPS_MOST) {
        v->strips[v->n_strips++] = strip;
        return;
    }
    i = 0;
    for (unsigned k = 1; k < v->n_strips; k++) {
        if (v->strips[k].n_rows < v->strips[i].n_rows) {
            i = k;
        }
    }
    if (v->strips[i].n_rows < strip.n_rows) {
        v->strips[i] = strip;
    }
}

void
zg_move_votes_forget(ZgMoveVotes *v)
{
    memset(v->hashed, 0, sizeof v->hashed);
}

/* Row by row, as the picture lies in memory: strips are often beside one another. */
static void
hash_rows(const ZgMoveVotes *v, const uint32_t *picture, const unsigned *which, unsigned n,
          uint32_t *hashes)
{
    for (int y = v->top; y < v->bottom; y++) {
        const uint32_t *row = picture + (size_t)y * (size_t)v->width;
        for (unsigned k = 0; k < n; k++) {
            int s = v->strips[which[k]].index, end = v->right[s];
            for (int x = v->left[s]; x < end && y + ROWS_AHEAD < v->bottom; x += LINE_PIXELS) {
                __builtin_prefetch(row + ROWS_AHEAD * v->width + x);
            }
            hashes[2 * v->height * (int)which[k] + y] = hash_row(row + v->left[s],
                                                                 end - v->left[s]);
        }
    }
}

/* Of strips @first to @end - 1: the old rows', then the new ones'. Kept for all rounds. */
static void
hash_strips(ZgMoveVotes *v, unsigned first, unsigned end, const uint32_t *was, const uint32_t *now)
{
    size_t n_room = 2 * (size_t)v->height * ZG_MOVE_STRIPS_MOST;
    unsigned which[ZG_MOVE_STRIPS_MOST], n = 0;

    if (n_room > v->n_hashes_room) {
        g_free(v->hashes);
        v->n_hashes_room = n_room;
        v->hashes = g_new(uint32_t, n_room);
        zg_move_votes_forget(v);
    }
    for (unsigned i = first; i < end; i++) {
        if (v->hashed[i].n_rows == 0 || v->hashed[i].index != v->strips[i].index) {
            v->hashed[i] = v->strips[i];
            which[n++] = i;
        }
    }
    hash_rows(v, was, which, n, v->hashes);
    hash_rows(v, now, which, n, v->hashes + v->height);
}

bool
zg_move_votes_count_rows(ZgMoveVotes *v, const uint32_t *was, const uint32_t *now, int width,
                         int top, int bottom, const int *left, const int *right,
                         const uint8_t *rows, ZgShift expected, ZgShift *out_shift)
{
    uint16_t ballot_stamp = 0;
    bool expects = expected.dx == 0 && expected.dy != 0;
    unsigned n_first = expects ? MIN(v->n_strips, STRIPS_EXPECTED) : v->n_strips;

    v->width = width;
    v->top = top;
    v->bottom = bottom;
    v->left = left;
    v->right = right;
    hash_strips(v, 0, n_first, was, now);
    for (unsigned i = 0; i < v->n_strips; i++) {
        int s = v->strips[i].index;
        const uint32_t *keys;
        uint32_t last = 0;
        if (i == n_first) {
            hash_strips(v, i, v->n_strips, was, now);
        }
        keys = v->hashes + 2 * (size_t)v->height * i;
        start_table(v);
        if (i == 0 || v->stamp < ballot_stamp) { /* votes of all strips are counted together */
            ballot_stamp = v->stamp;
        }
        for (int y = top; y < bottom; y++) {
            if (keys[y] != last) {
                see(v, keys[y], 0, y);
            }
            last = keys[y];
        }
        keys += v->height;
        last = 0;
        for (int y = top; y < bottom; y++) {
            if (rows[s * v->height + y] != DIFFERS) {
                last = 0;
                continue;
            }
            if (keys[y] != last) {
                const Seen *seen = seen_slot(v, keys[y]);
                if (seen->stamp == v->stamp && seen->n == 1) {
                    vote(v, ballot_stamp, 0, (int)seen->y - y);
                }
            }
            last = keys[y];
        }
        if (expects && i + 1 == n_first &&
            winner(v, ballot_stamp, ROW_VOTES_LEAST, out_shift) &&
            zg_shift_is_near(*out_shift, expected)) {
            return true;
        }
    }
    return v->n_strips > 0 && winner(v, ballot_stamp, ROW_VOTES_LEAST, out_shift);
}

/* ---- points ---- */

/*
 * Points are chosen by what they show, so the same ones are chosen wherever they have moved to: a
 * step in colour, and of those the ones whose mix is 0. Adds and shifts only, for the compiler to
 * make vectors of. Bit i of the result: p[i] is a point. Reads GROUP + 2 pixels.
 */
static unsigned
find_points(const uint32_t *p, uint32_t mask)
{
    uint8_t is_none[GROUP];
    uint64_t halves[2];
    unsigned found = 0;

    for (int i = 0; i < GROUP; i++) {
        uint32_t mix = p[i] + (p[i + 1] << 3) + (p[i + 2] << 9);
        mix += mix >> 15;
        mix += mix << 5;
        mix ^= mix >> 11;
        is_none[i] = (p[i] == p[i + 1]) | ((mix & mask) != 0);
    }
    memcpy(halves, is_none, sizeof halves);
    if ((halves[0] & halves[1]) == 0x0101010101010101u) {
        return 0;
    }
    for (int i = 0; i < GROUP; i++) {
        found |= (unsigned)!is_none[i] << i;
    }
    return found;
}

static uint32_t
hash_point(const uint32_t *p)
{
    uint32_t h = hash_row(p, POINT_PIXELS);

    return h ^ h >> 15;
}

/* So few points that the table holds them all. */
static uint32_t
choose_mask(const uint32_t *was, int width, ZgRect box)
{
    int64_t n = 0;
    uint32_t mask = 1;

    for (int y = box.y; y < box.y + box.height; y += SAMPLED_ROWS) {
        const uint32_t *row = was + (size_t)y * (size_t)width;
        for (int x = box.x; x + POINT_PIXELS <= box.x + box.width; x++) {
            n += row[x] != row[x + 1];
        }
    }
    while (n * SAMPLED_ROWS / (mask + 1) > SEEN_MOST / 4 * 3 && mask < 1023) {
        mask = mask * 2 + 1;
    }
    return mask;
}

bool
zg_move_votes_count_points(ZgMoveVotes *v, const uint32_t *was, const uint32_t *now, int width,
                           int height, ZgRect box, const uint8_t *rows, ZgShift *out_shift)
{
    uint32_t mask = choose_mask(was, width, box);
    int x1 = box.x + box.width - GROUP - POINT_PIXELS;

    start_table(v);
    for (int y = box.y; y < box.y + box.height && v->n_seen < SEEN_MOST; y++) {
        const uint32_t *row = was + (size_t)y * (size_t)width;
        for (int x = box.x; x <= x1; x += GROUP) {
            for (unsigned f = find_points(row + x, mask); f != 0; f &= f - 1) {
                int at = x + __builtin_ctz(f);
                see(v, hash_point(row + at), at, y);
            }
        }
    }
    for (int y = box.y; y < box.y + box.height; y += 2) {
        const uint32_t *row = now + (size_t)y * (size_t)width;
        for (int x = box.x; x <= x1; x += GROUP) {
            if (rows[x / ZG_MOVE_STRIP_SIDE * height + y] != DIFFERS) {
                continue;
            }
            for (unsigned f = find_points(row + x, mask); f != 0; f &= f - 1) {
                int at = x + __builtin_ctz(f);
                const Seen *seen = seen_slot(v, hash_point(row + at));
                if (seen->stamp == v->stamp && seen->n == 1) {
                    vote(v, v->stamp, (int)seen->x - at, (int)seen->y - y);
                }
            }
        }
    }
    return winner(v, v->stamp, POINT_VOTES_LEAST, out_shift);
}
