/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Clipboard messages: what is packed is unpacked; nothing too large or invalid comes through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "common/base/limits.h"
#include "display/clipboard.h"
#include "display/rfb_wire.h"

#define HEAD_BYTES 12 /* type, padding, length, flags */

static char *
pack_and_unpack(const char *text, ZgClipReader reader)
{
    g_autoptr(GByteArray) out = g_byte_array_new();

    zg_clip_put_provide(out, ZG_RFB_S_CUT_TEXT, text, reader);
    return zg_clip_parse_provide(out->data + HEAD_BYTES, out->len - HEAD_BYTES);
}

static void
text_survives_the_way_there(void **state)
{
    g_autofree char *viewer = pack_and_unpack("uno\ndos ñ € 漢", ZG_CLIP_FOR_VIEWER);
    g_autofree char *console = pack_and_unpack("uno\ndos ñ € 漢", ZG_CLIP_FOR_CONSOLE);
    g_autofree char *nothing = pack_and_unpack("", ZG_CLIP_FOR_VIEWER);

    assert_string_equal(viewer, "uno\ndos ñ € 漢");
    assert_string_equal(console, "uno\ndos ñ € 漢");
    assert_string_equal(nothing, "");
}

static void
text_over_the_limit_is_not_unpacked(void **state)
{
    g_autofree char *large = g_strnfill(ZG_LIMIT_CLIPBOARD_BYTES + 1, 'a');
    g_autofree char *got = pack_and_unpack(large, ZG_CLIP_FOR_CONSOLE);

    assert_null(got);
}

static void
broken_data_gives_nothing(void **state)
{
    g_autoptr(GByteArray) out = g_byte_array_new();

    zg_clip_put_provide(out, ZG_RFB_S_CUT_TEXT, "text", ZG_CLIP_FOR_VIEWER);
    for (guint n = 0; n < out->len - HEAD_BYTES - 6; n++) { /* without the check sum's last bytes */
        g_autofree char *got = zg_clip_parse_provide(out->data + HEAD_BYTES, n);
        assert_null(got);
    }
    assert_null(zg_clip_parse_provide((const uint8_t *)"garbage!", 8));
}

static void
text_that_is_not_utf8_is_dropped(void **state)
{
    g_autofree char *got = pack_and_unpack("\xff\xfe", ZG_CLIP_FOR_CONSOLE);

    assert_null(got);
}

static void
latin1_is_converted_both_ways(void **state)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autofree char *text = NULL;

    zg_clip_put_latin1(out, ZG_RFB_C_CUT_TEXT, "año €");
    assert_int_equal(out->len, 8 + 5);
    assert_memory_equal(out->data + 8, "a\xf1o ?", 5);
    text = zg_clip_from_latin1(out->data + 8, 5);
    assert_string_equal(text, "año ?");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_survives_the_way_there),
        cmocka_unit_test(text_over_the_limit_is_not_unpacked),
        cmocka_unit_test(broken_data_gives_nothing),
        cmocka_unit_test(text_that_is_not_utf8_is_dropped),
        cmocka_unit_test(latin1_is_converted_both_ways),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
