/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Numbers and pixel formats on the wire. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "display/rfb_wire.h"

static void
what_is_written_is_read_again(void **state)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    ZgRfbReader in;
    ZgPixelFormat format;

    zg_rfb_put_u8(out, 0xfe);
    zg_rfb_put_u16(out, 0x1234);
    zg_rfb_put_s32(out, -308);
    zg_rfb_put_pixel_format(out, &zg_pixel_format_native);
    in = (ZgRfbReader){.bytes = out->data, .n_bytes = out->len};
    assert_int_equal(zg_rfb_read_u8(&in), 0xfe);
    assert_int_equal(zg_rfb_read_u16(&in), 0x1234);
    assert_int_equal(zg_rfb_read_s32(&in), -308);
    zg_rfb_read_pixel_format(&in, &format);
    assert_true(zg_pixel_format_equal(&format, &zg_pixel_format_native));
    assert_false(in.short_of_bytes);
    assert_int_equal(in.at, out->len);
}

static void
reading_past_the_end_gives_zero_and_is_noticed(void **state)
{
    const uint8_t bytes[] = {1, 2, 3};
    ZgRfbReader in = {.bytes = bytes, .n_bytes = sizeof bytes};

    assert_int_equal(zg_rfb_read_u32(&in), 0);
    assert_true(in.short_of_bytes);
    assert_int_equal(zg_rfb_read_u8(&in), 0); /* it stays noticed */
    assert_null(zg_rfb_read_bytes(&in, 1));
}

static void
pixel_formats_that_cannot_be_are_refused(void **state)
{
    ZgPixelFormat f = zg_pixel_format_native;

    assert_true(zg_pixel_format_is_valid(&f));
    assert_true(zg_pixel_format_is_valid(&zg_pixel_format_332));
    f.bits_per_pixel = 24;
    assert_false(zg_pixel_format_is_valid(&f));
    f = zg_pixel_format_native;
    f.red_max = 254; /* not 2^n - 1 */
    assert_false(zg_pixel_format_is_valid(&f));
    f = zg_pixel_format_native;
    f.red_shift = 25; /* red does not fit any more */
    assert_false(zg_pixel_format_is_valid(&f));
    f = zg_pixel_format_native;
    f.blue_max = 0;
    assert_false(zg_pixel_format_is_valid(&f));
    f = zg_pixel_format_native;
    f.true_colour = false;
    assert_false(zg_pixel_format_is_valid(&f));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(reading_past_the_end_gives_zero_and_is_noticed),
        cmocka_unit_test(pixel_formats_that_cannot_be_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
