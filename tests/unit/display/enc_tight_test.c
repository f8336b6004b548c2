/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tight and Raw: an independent decoder gets the picture back; text is never a JPEG. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "display/encoder.h"
#include "display/font.h"
#include "display/out_tight.h"
#include "display/tile_class.h"
#include "tests/unit/display/tight_decoder.h"

#define SIDE 256

static const ZgEncodeWish exact = {.tight = true, .jpeg_quality = -1};
static const ZgEncodeWish photos = {.tight = true, .jpeg_quality = 8};

typedef struct {
    ZgEncoderSet encoders;
    uint32_t pixels[SIDE * SIDE];
    TightPicture picture;
    ZgBlob *blob;
    ZgOutTight *out; /* the viewer's own stream */
    size_t n_sent;   /* of the last rectangle or rectangles */
} Fixture;

static int
set_up(void **state)
{
    Fixture *f = g_new0(Fixture, 1);

    f->picture.width = f->picture.height = SIDE;
    f->picture.pixels = g_new(uint32_t, SIDE * SIDE);
    f->out = zg_out_tight_new(true);
    *state = f;
    return 0;
}

static int
tear_down(void **state)
{
    Fixture *f = *state;

    zg_blob_unref(f->blob);
    zg_encoder_set_clear(&f->encoders);
    zg_out_tight_free(f->out);
    tight_picture_end(&f->picture);
    g_free(f->picture.pixels);
    g_free(f);
    return 0;
}

static void
encode(Fixture *f, ZgRect area, const ZgEncodeWish *wish)
{
    g_autoptr(GByteArray) sent = g_byte_array_new();
    ZgTile tile = {.area = area, .pixels = f->pixels + area.y * SIDE + area.x, .stride = SIDE};
    ZgEncodeWish full = *wish;

    full.format = zg_pixel_format_native;
    zg_blob_unref(f->blob);
    memset(f->picture.pixels, 0xee, SIDE * SIDE * 4);
    f->blob = zg_encoder_set_encode(&f->encoders, &tile, &full);
    if (f->blob->n_open > 0) {
        zg_out_tight_put(f->out, f->blob, sent);
    } else {
        g_byte_array_append(sent, f->blob->bytes, (guint)f->blob->n_bytes);
    }
    f->n_sent = sent->len;
    assert_true(tight_picture_draw(&f->picture, sent->data, sent->len, f->blob->n_rects));
}

static void
assert_exact(const Fixture *f, ZgRect area)
{
    assert_true(zg_rect_is_empty(f->blob->lossy));
    for (int y = area.y; y < area.y + area.height; y++) {
        for (int x = area.x; x < area.x + area.width; x++) {
            assert_int_equal(f->picture.pixels[y * SIDE + x] & 0xffffff,
                             f->pixels[y * SIDE + x] & 0xffffff);
        }
    }
}

static void
draw_text(Fixture *f, uint32_t paper, uint32_t ink)
{
    for (int y = 0; y < SIDE; y++) {
        for (int x = 0; x < SIDE; x++) {
            const uint8_t *glyph = zg_font_glyph((uint32_t)('!' + (x / 8 * 7 + y / 13 * 3) % 90));
            bool on = glyph[y % 13] & (0x80 >> (x % 8));
            f->pixels[y * SIDE + x] = on ? ink : paper;
        }
    }
}

/* Text as a font engine smooths it: every edge has its own shades. */
static void
draw_smooth_text(Fixture *f)
{
    g_autofree uint32_t *sharp = NULL;

    draw_text(f, 0xf4f6f8, 0x203040);
    sharp = g_memdup2(f->pixels, sizeof f->pixels);
    for (int y = 0; y < SIDE; y++) {
        for (int x = 1; x < SIDE; x++) {
            uint32_t a = sharp[y * SIDE + x - 1], b = sharp[y * SIDE + x], mixed = 0;
            if (a != b) {
                for (int shift = 0; shift < 24; shift += 8) {
                    unsigned weight = (unsigned)(x * 31 + y * 17 + shift) % 200 + 28;
                    unsigned left = a >> shift & 255, right = b >> shift & 255;
                    mixed |= (left * weight + right * (256 - weight)) >> 8 << shift;
                }
                f->pixels[y * SIDE + x] = mixed;
            }
        }
    }
}

static void
draw_photo(Fixture *f)
{
    for (int y = 0; y < SIDE; y++) {
        for (int x = 0; x < SIDE; x++) {
            uint32_t grain = (uint32_t)(x * 7919 + y * 104729) >> 4 & 7;
            f->pixels[y * SIDE + x] =
                ((uint32_t)(x / 2) + grain) << 16 | ((uint32_t)(y / 2) + grain) << 8 | (60 + grain);
        }
    }
}

static void
one_colour_is_one_small_fill(void **state)
{
    Fixture *f = *state;
    ZgRect all = {0, 0, SIDE, SIDE};

    for (int i = 0; i < SIDE * SIDE; i++) {
        f->pixels[i] = 0x336699;
    }
    encode(f, all, &exact);
    assert_exact(f, all);
    assert_int_equal(f->blob->n_rects, 1);
    assert_int_equal(f->blob->n_bytes, 12 + 4);
}

static void
text_is_exact_and_never_a_jpeg(void **state)
{
    Fixture *f = *state;
    ZgRect all = {0, 0, SIDE, SIDE};

    draw_text(f, 0xffffff, 0x000000);
    encode(f, all, &photos);
    assert_int_equal(f->picture.n_jpeg, 0);
    assert_true(f->picture.n_palette > 0);
    assert_exact(f, all);
    assert_true(f->blob->n_bytes < SIDE * SIDE / 8);
    draw_smooth_text(f);
    encode(f, all, &photos);
    assert_int_equal(f->picture.n_jpeg, 0);
    assert_exact(f, all);
}

static void
a_photo_is_a_jpeg_when_the_viewer_allows_it(void **state)
{
    Fixture *f = *state;
    ZgRect all = {0, 0, SIDE, SIDE};
    double error = 0;

    draw_photo(f);
    encode(f, all, &photos);
    assert_true(f->picture.n_jpeg > 0);
    assert_int_equal(f->blob->lossy.width, SIDE);
    for (int i = 0; i < SIDE * SIDE; i++) {
        int d = (int)(f->picture.pixels[i] >> 8 & 255) - (int)(f->pixels[i] >> 8 & 255);
        error += d * d;
    }
    assert_true(error / (SIDE * SIDE) < 20);
    f->picture.n_jpeg = 0;
    encode(f, all, &exact);
    assert_int_equal(f->picture.n_jpeg, 0);
    assert_exact(f, all);
}

/* Level 8 is what viewers ask for: 40 dB, no more bytes than that takes. */
static void
a_photo_costs_what_its_noise_needs(void **state)
{
    Fixture *f = *state;
    ZgRect all = {0, 0, SIDE, SIDE};
    size_t n_bytes[2];

    for (int noisy = 0; noisy < 2; noisy++) {
        double error = 0;
        for (int i = 0; i < SIDE * SIDE; i++) {
            int x = i % SIDE, y = i / SIDE;
            uint32_t grain = (uint32_t)(x * 7919 + y * 104729) >> 4 & (noisy ? 7 : 1);
            uint32_t red = (uint32_t)(x / 2 + y / 8) + grain, green = (uint32_t)(y / 2) + grain;
            f->pixels[i] = red << 16 | green << 8 | (60 + grain + (uint32_t)(x + y) / 6);
        }
        f->picture.n_jpeg = 0;
        encode(f, all, &photos);
        assert_true(f->picture.n_jpeg > 0);
        n_bytes[noisy] = f->blob->n_bytes;
        for (int i = 0; i < SIDE * SIDE * 3; i++) {
            int shift = i % 3 * 8, d = (int)(f->picture.pixels[i / 3] >> shift & 255) -
                                       (int)(f->pixels[i / 3] >> shift & 255);
            error += d * d;
        }
        assert_true(error / (SIDE * SIDE * 3) < 6.5); /* 40 dB */
    }
    assert_true(n_bytes[0] * 3 < n_bytes[1] * 2);
}

static void
areas_of_any_size_come_back(void **state)
{
    Fixture *f = *state;
    g_autoptr(GRand) random = g_rand_new_with_seed(3);

    for (int round = 0; round < 300; round++) {
        int n_colours = 1 << g_rand_int_range(random, 0, 12);
        ZgRect r = {.x = g_rand_int_range(random, 0, SIDE), .y = g_rand_int_range(random, 0, SIDE)};
        r.width = g_rand_int_range(random, 1, SIDE - r.x + 1);
        r.height = g_rand_int_range(random, 1, SIDE - r.y + 1);
        for (int i = 0; i < SIDE * SIDE; i++) {
            f->pixels[i] = (uint32_t)g_rand_int_range(random, 0, n_colours) * 99991u | 0xff000000u;
        }
        encode(f, r, &exact);
        assert_exact(f, r);
        encode(f, r, &(ZgEncodeWish){.jpeg_quality = -1}); /* raw */
        assert_exact(f, r);
    }
}

static void
eight_bit_viewers_get_no_jpeg_and_no_palette(void **state)
{
    Fixture *f = *state;
    ZgTile tile = {.area = {0, 0, SIDE, SIDE}, .pixels = f->pixels, .stride = SIDE};
    ZgEncodeWish wish = photos;

    wish.format = zg_pixel_format_332;
    draw_photo(f);
    f->blob = zg_encoder_set_encode(&f->encoders, &tile, &wish);
    assert_true(zg_rect_is_empty(f->blob->lossy));
    assert_int_equal(f->blob->bytes[12], 0x01); /* stream 0, reset, copy filter */
}

/* A word that was typed before, at another place and seen through another tile. */
static void
what_was_typed_before_is_a_reference(void **state)
{
    Fixture *f = *state;
    ZgRect word = {8, 26, 96, 26}, again = {16, 130, 96, 26};
    size_t n_first;

    draw_smooth_text(f);
    for (int y = 0; y < word.height; y++) {
        memcpy(f->pixels + (again.y + y) * SIDE + again.x,
               f->pixels + (word.y + y) * SIDE + word.x, (size_t)word.width * 4);
    }
    encode(f, word, &photos);
    assert_exact(f, word);
    assert_true(f->blob->n_open > 0);
    n_first = f->n_sent;
    encode(f, again, &photos);
    assert_exact(f, again);
    assert_true(f->n_sent * 4 < n_first);

    zg_out_tight_free(f->out); /* the viewer is handed to another worker */
    f->out = zg_out_tight_new(false);
    for (int i = 0; i < 2; i++) {
        encode(f, word, &photos); /* the decoder takes stream 1 only without a reset */
        assert_exact(f, word);
        assert_true(f->n_sent * 4 > n_first);
    }
}

/* Blobs for our own encoding's photos are sent as they are. */
static void
photos_beside_the_zstd_stream_have_no_open_part(void **state)
{
    Fixture *f = *state;
    ZgEncodeWish wish = photos;
    ZgTile tile = {.area = {0, 0, 64, 64}, .pixels = f->pixels, .stride = SIDE};

    wish.zaguan = true;
    wish.format = zg_pixel_format_native;
    draw_smooth_text(f);
    f->encoders.tight = zg_encoder_tight.create();
    f->blob = zg_encoder_tight.encode(f->encoders.tight, &tile, &wish);
    assert_int_equal(f->blob->n_open, 0);
}

static void
broken_free(ZgEncoder *encoder)
{
}

static ZgBlob *
broken_encode(ZgEncoder *encoder, const ZgTile *tile, const ZgEncodeWish *wish)
{
    return NULL;
}

static const ZgEncoderOps broken_ops = {
    .name = "broken", .free = broken_free, .encode = broken_encode};

static void
an_encoder_that_fails_is_replaced_by_raw(void **state)
{
    Fixture *f = *state;
    static ZgEncoder broken = {.ops = &broken_ops};
    ZgRect all = {0, 0, SIDE, SIDE};

    f->encoders.tight = &broken;
    draw_text(f, 0xffffff, 0x102030);
    for (int i = 0; i < 2; i++) {
        encode(f, all, &photos);
        assert_exact(f, all);
    }
    assert_int_equal(f->picture.n_raw, 2);
}

/* A window dragged over a photo uncovers strips of both. */
static void
a_strip_that_is_partly_photo_is_cut_at_its_edge(void **state)
{
    Fixture *f = *state;
    g_autofree uint32_t *text = NULL;
    const ZgRect strip = {32, 0, 32, 250};
    size_t n_exact;

    draw_text(f, 0xf4f6f8, 0x203040);
    text = g_memdup2(f->pixels, sizeof f->pixels);
    draw_photo(f);
    for (int y = 0; y < SIDE; y++) {
        memcpy(f->pixels + y * SIDE, text + y * SIDE, 48 * sizeof *text); /* the window's edge */
    }
    encode(f, strip, &(ZgEncodeWish){.tight = true, .jpeg_quality = -1});
    assert_exact(f, strip);
    n_exact = f->n_sent;
    encode(f, strip, &(ZgEncodeWish){.tight = true, .jpeg_quality = 8});
    assert_true(f->n_sent * 2 < n_exact);
    assert_true(f->blob->lossy.x == 48 && f->blob->lossy.width == 16);
    for (int y = strip.y; y < strip.y + strip.height; y++) { /* text stays as it is */
        assert_memory_equal(f->picture.pixels + y * SIDE + 32, f->pixels + y * SIDE + 32, 16 * 4);
    }
}

/* Pages side by side, each of its own colours: none makes the others do without a palette. */
static void
text_beside_text_of_other_colours_keeps_its_palette(void **state)
{
    Fixture *f = *state;
    const ZgRect all = {0, 0, SIDE, SIDE};

    for (int y = 0; y < SIDE; y++) {
        for (int x = 0; x < SIDE; x++) {
            uint32_t shade = (uint32_t)(x / 4 * 7 + y / 4 * 5) % 120;
            f->pixels[y * SIDE + x] = (uint32_t)(x / 64) << 16 | shade << 8;
        }
    }
    encode(f, all, &photos);
    assert_exact(f, all);
    assert_int_equal(f->picture.n_jpeg, 0);
    assert_int_equal(f->picture.n_palette, f->blob->n_rects);
    assert_true(f->blob->n_rects >= 2);
}

static void
pictures_are_cut_into_allowed_tiles(void **state)
{
    const ZgRect areas[] = {
        {0, 0, 8192, 2048}, {3, 5, 1, 8192}, {0, 0, 1280, 800}, {7, 7, 2049, 1}};

    for (size_t i = 0; i < G_N_ELEMENTS(areas); i++) {
        g_autoptr(GArray) tiles = g_array_new(FALSE, FALSE, sizeof(ZgRect));
        int64_t n = 0;
        zg_split_tiles(areas[i], tiles);
        for (guint k = 0; k < tiles->len; k++) {
            ZgRect r = g_array_index(tiles, ZgRect, k);
            assert_true(r.width <= ZG_TILE_SIDE_MAX && r.height <= ZG_TILE_SIDE_MAX);
            assert_true(r.width * r.height <= ZG_TILE_PIXELS_MAX);
            n += r.width * r.height;
        }
        assert_int_equal(n, (int64_t)areas[i].width * areas[i].height);
    }
}

static void
more_colours_than_a_palette_holds_are_counted_as_one_more(void **state)
{
    g_autofree ZgPalette *palette = g_new(ZgPalette, 1);
    uint32_t pixels[1024];

    for (uint32_t i = 0; i < G_N_ELEMENTS(pixels); i++) {
        pixels[i] = i * 3;
    }
    for (int n = ZG_PALETTE_MAX; n < ZG_PALETTE_MAX + 20; n++) {
        zg_palette_read(palette, pixels, (size_t)n, n, 1, ZG_PALETTE_MAX);
        assert_int_equal(palette->n, MIN(n, ZG_PALETTE_MAX + 1));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(more_colours_than_a_palette_holds_are_counted_as_one_more),
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(one_colour_is_one_small_fill),
        TEST(text_is_exact_and_never_a_jpeg),
        TEST(a_photo_is_a_jpeg_when_the_viewer_allows_it),
        TEST(a_photo_costs_what_its_noise_needs),
        TEST(a_strip_that_is_partly_photo_is_cut_at_its_edge),
        TEST(areas_of_any_size_come_back),
        TEST(eight_bit_viewers_get_no_jpeg_and_no_palette),
        TEST(what_was_typed_before_is_a_reference),
        TEST(photos_beside_the_zstd_stream_have_no_open_part),
        TEST(an_encoder_that_fails_is_replaced_by_raw),
        TEST(text_beside_text_of_other_colours_keeps_its_palette),
        TEST(pictures_are_cut_into_allowed_tiles),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
