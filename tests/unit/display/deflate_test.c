/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Our deflate: zlib gives back every piece as soon as it has its bytes, and needs no other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <zlib.h>

#include "display/deflate.h"
#include "display/deflate_block.h"

#define PIECE_MAX 100000

typedef struct {
    ZgDeflate *deflate;
    z_stream inflate;
    GByteArray *packed; /* of the last piece */
    GRand *random;
    uint8_t piece[PIECE_MAX], back[PIECE_MAX + 1];
} Fixture;

static int
set_up(void **state)
{
    Fixture *f = g_new0(Fixture, 1);

    f->deflate = zg_deflate_new();
    f->packed = g_byte_array_new();
    f->random = g_rand_new_with_seed(20262);
    *state = f;
    return inflateInit(&f->inflate) == Z_OK ? 0 : 1;
}

static int
tear_down(void **state)
{
    Fixture *f = *state;

    g_rand_free(f->random);
    g_byte_array_unref(f->packed);
    inflateEnd(&f->inflate);
    zg_deflate_free(f->deflate);
    g_free(f);
    return 0;
}

/* All of the piece, all of its bytes, and not a byte more. */
static void
assert_inflates(Fixture *f, size_t n)
{
    f->inflate.next_in = f->packed->data;
    f->inflate.avail_in = f->packed->len;
    f->inflate.next_out = f->back;
    f->inflate.avail_out = (uInt)n + 1;
    assert_int_equal(inflate(&f->inflate, Z_SYNC_FLUSH), Z_OK);
    assert_int_equal(f->inflate.avail_in, 0);
    assert_int_equal(f->inflate.avail_out, 1);
    assert_memory_equal(f->back, f->piece, n);
}

static void
send_piece(Fixture *f, size_t n, size_t pixel_bytes, size_t row_bytes)
{
    g_byte_array_set_size(f->packed, 0);
    zg_deflate_put(f->deflate, f->piece, n, pixel_bytes, row_bytes, f->packed);
    assert_inflates(f, n);
}

/* Pixels of @n_colours, in runs of up to @run. */
static void
paint(Fixture *f, size_t n, size_t pixel_bytes, uint32_t n_colours, int run)
{
    uint32_t colour = 0;

    for (size_t i = 0, left = 0; i + pixel_bytes <= n; i += pixel_bytes, left--) {
        if (left == 0) {
            colour = (g_rand_int(f->random) % n_colours) * 0x9e3779b1u;
            left = (size_t)g_rand_int_range(f->random, 1, run + 1);
        }
        memcpy(f->piece + i, &colour, pixel_bytes);
    }
}

static void
every_piece_comes_back(void **state)
{
    static const uint32_t colours[] = {1, 2, 9, 200, UINT32_MAX};
    Fixture *f = *state;

    for (int i = 0; i < 400; i++) {
        size_t pixel = (size_t)g_rand_int_range(f->random, 1, 5);
        size_t width = (size_t)g_rand_int_range(f->random, 1, 200);
        size_t height = (size_t)g_rand_int_range(f->random, 1, i % 10 == 0 ? 120 : 30);
        size_t n = pixel * width * height;

        paint(f, n, pixel, colours[i % 5], i % 3 == 0 ? 1 : 20);
        send_piece(f, n, pixel, pixel * width);
    }
}

static void
pieces_longer_than_the_window_come_back(void **state)
{
    Fixture *f = *state;

    for (int i = 0; i < 3; i++) {
        paint(f, PIECE_MAX - 1, 3, i == 0 ? 1 : 50, 6);
        send_piece(f, PIECE_MAX - 1, 3, 900);
    }
}

static void
what_came_before_is_a_reference(void **state)
{
    Fixture *f = *state;
    g_autofree uint8_t *word = NULL;
    size_t n = 3 * 40 * 20, n_first;

    paint(f, n, 3, 60, 4);
    word = g_memdup2(f->piece, n);
    send_piece(f, n, 3, 120);
    n_first = f->packed->len;
    paint(f, 25000, 3, UINT32_MAX, 1);
    send_piece(f, 24999, 3, 99);
    memcpy(f->piece, word, n);
    send_piece(f, n, 3, 120);
    assert_true(f->packed->len * 10 < n_first);
}

static void
noise_grows_little(void **state)
{
    Fixture *f = *state;

    paint(f, 60000, 4, UINT32_MAX, 1);
    send_piece(f, 60000, 4, 400);
    assert_true(f->packed->len < 60000 * 9 / 8 + 16);
}

static void
after_a_reset_it_is_a_new_stream(void **state)
{
    Fixture *f = *state;

    for (int i = 0; i < 3; i++) {
        paint(f, 3000, 3, 30, 5);
        send_piece(f, 3000, 3, 300);
        zg_deflate_reset(f->deflate);
        assert_int_equal(inflateReset(&f->inflate), Z_OK);
    }
}

/* Counts like these would have codes of 20 bits; 15 are allowed. */
static void
codes_are_not_too_long(void **state)
{
    Fixture *f = *state;
    g_autofree ZgDeflateToken *tokens = g_new(ZgDeflateToken, PIECE_MAX);
    ZgDeflateBits bits = {0};
    size_t n = 0;

    for (uint32_t literal = 0, count = 1, before = 0; n + count <= 40000; literal++) {
        uint32_t next = count + before;
        for (uint32_t i = 0; i < count; i++) {
            f->piece[n] = (uint8_t)(literal * 11);
            tokens[n] = f->piece[n];
            n++;
        }
        before = count;
        count = next;
    }
    zg_deflate_put_block(&bits, tokens, n, f->packed);
    zg_deflate_put_flush(&bits, f->packed);
    assert_int_equal(inflateReset2(&f->inflate, -15), Z_OK);
    assert_inflates(f, n);
    assert_true(f->packed->len < n / 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(every_piece_comes_back),
        TEST(pieces_longer_than_the_window_come_back),
        TEST(what_came_before_is_a_reference),
        TEST(noise_grows_little),
        TEST(after_a_reset_it_is_a_new_stream),
        TEST(codes_are_not_too_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
