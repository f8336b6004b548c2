/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Conversion of pixels into what viewers ask for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "display/pixel.h"

static const uint32_t orange = 0xff8000;

static void
the_native_format_is_a_copy(void **state)
{
    uint8_t out[4];

    zg_pixel_convert(&zg_pixel_format_native, &orange, 1, out);
    assert_memory_equal(out, "\x00\x80\xff\x00", 4);
}

static void
colours_are_put_where_the_viewer_wants_them(void **state)
{
    ZgPixelFormat rgb565 = {.bits_per_pixel = 16, .depth = 16, .big_endian = true,
                            .true_colour = true, .red_max = 31, .green_max = 63, .blue_max = 31,
                            .red_shift = 11, .green_shift = 5};
    ZgPixelFormat rgbx = zg_pixel_format_native;
    uint8_t out[4];

    zg_pixel_convert(&rgb565, &orange, 1, out);
    assert_memory_equal(out, "\xfc\x00", 2); /* 31, 32, 0 */
    rgb565.big_endian = false;
    zg_pixel_convert(&rgb565, &orange, 1, out);
    assert_memory_equal(out, "\x00\xfc", 2);
    zg_pixel_convert(&zg_pixel_format_332, &orange, 1, out);
    assert_int_equal(out[0], 7 << 5 | 4 << 2);
    rgbx.red_shift = 0;
    rgbx.blue_shift = 16;
    zg_pixel_convert(&rgbx, &orange, 1, out);
    assert_memory_equal(out, "\xff\x80\x00\x00", 4);
}

static void
black_and_white_stay_so_in_every_format(void **state)
{
    const ZgPixelFormat *formats[] = {&zg_pixel_format_native, &zg_pixel_format_332};
    const uint32_t both[] = {0x000000, 0xffffff};
    uint8_t out[8];

    zg_pixel_convert(formats[1], both, 2, out);
    assert_int_equal(out[0], 0);
    assert_int_equal(out[1], 0xff);
    zg_pixel_convert_tight(formats[0], both, 2, out);
    assert_memory_equal(out, "\0\0\0\xff\xff\xff", 6);
}

static void
tight_sends_three_bytes_for_24_bit_colour(void **state)
{
    uint8_t out[3];

    assert_int_equal(zg_pixel_tight_bytes(&zg_pixel_format_native), 3);
    assert_int_equal(zg_pixel_tight_bytes(&zg_pixel_format_332), 1);
    zg_pixel_convert_tight(&zg_pixel_format_native, &orange, 1, out);
    assert_memory_equal(out, "\xff\x80\x00", 3);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_native_format_is_a_copy),
        cmocka_unit_test(colours_are_put_where_the_viewer_wants_them),
        cmocka_unit_test(black_and_white_stay_so_in_every_format),
        cmocka_unit_test(tight_sends_three_bytes_for_24_bit_colour),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
