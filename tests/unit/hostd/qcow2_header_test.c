/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hostd/qcow2_header: which heads may become an image. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "common/base/error.h"
#include "hostd/qcow2_header.h"

static void
put(uint8_t *at, uint64_t value, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i++) {
        at[n_bytes - 1 - i] = (uint8_t)(value >> (8 * i));
    }
}

/* A version 3 head of a 10 MiB + 1 byte disk, with an end of extensions. */
static void
make_head(uint8_t head[512])
{
    memset(head, 0, 512);
    put(head, 0x514649fb, 4);
    put(head + 4, 3, 4);
    put(head + 20, 16, 4);
    put(head + 24, (10u << 20) + 1, 8);
    put(head + 100, 104, 4);
}

static void
expect_refused(const uint8_t *head, size_t n_head, const char *word)
{
    int64_t virtual_mib = -1;
    g_autoptr(GError) error = NULL;

    assert_false(zg_qcow2_check_head(head, n_head, &virtual_mib, &error));
    assert_true(g_error_matches(error, ZG_ERROR, ZG_ERROR_INVALID));
    assert_non_null(strstr(error->message, word));
    assert_int_equal(virtual_mib, -1);
}

static void
a_plain_head_tells_its_size(void **state)
{
    uint8_t head[512];
    int64_t virtual_mib = 0;

    make_head(head);
    assert_true(zg_qcow2_check_head(head, sizeof head, &virtual_mib, NULL));
    assert_int_equal(virtual_mib, 11);
}

static void
what_points_elsewhere_is_refused(void **state)
{
    uint8_t head[512];

    make_head(head);
    put(head + 8, 200, 8);
    expect_refused(head, sizeof head, "backing file");
    make_head(head);
    put(head + 72, 4, 8);
    expect_refused(head, sizeof head, "another file");
    make_head(head);
    put(head + 104, 0x44415441, 4);
    put(head + 108, 4, 4);
    expect_refused(head, sizeof head, "data file");
}

static void
encrypted_damaged_and_unknown_heads_are_refused(void **state)
{
    uint8_t head[512];

    make_head(head);
    put(head + 32, 2, 4);
    expect_refused(head, sizeof head, "encrypted");
    make_head(head);
    put(head + 72, 2, 8);
    expect_refused(head, sizeof head, "damaged");
    make_head(head);
    put(head + 72, 1u << 20, 8);
    expect_refused(head, sizeof head, "features");
    make_head(head);
    put(head + 24, UINT64_MAX, 8);
    expect_refused(head, sizeof head, "larger");
    make_head(head);
    put(head + 24, 0, 8);
    expect_refused(head, sizeof head, "empty");
    make_head(head);
    put(head + 4, 9, 4);
    expect_refused(head, sizeof head, "version");
}

static void
cut_heads_are_refused_at_every_length(void **state)
{
    uint8_t head[512];

    make_head(head);
    put(head + 104, 0xe2792aca, 4); /* an extension that runs past what is there */
    put(head + 108, 300, 4);
    for (size_t n = 0; n < 408; n++) {
        int64_t virtual_mib;

        assert_false(zg_qcow2_check_head(head, n, &virtual_mib, NULL));
    }
    put(head + 108, 0xffffffff, 4);
    expect_refused(head, sizeof head, "cut off");
    put(head + 100, 0xffffffff, 4);
    expect_refused(head, sizeof head, "length");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_head_tells_its_size),
        cmocka_unit_test(what_points_elsewhere_is_refused),
        cmocka_unit_test(encrypted_damaged_and_unknown_heads_are_refused),
        cmocka_unit_test(cut_heads_are_refused_at_every_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
