/* SPDX-License-Identifier: GPL-3.0-or-later */
/* display/gate: one ticket, one console, once; takeover, sharing, and coming back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "common/base/error.h"
#include "display/gate.h"

#define DESKTOP "0123456789abcdef0123456789abcdef"
#define SESSION "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define TTL_MS 60000
#define SECOND_US 1000000

typedef struct {
    ZgGate *gate;
    GArray *cut;
    ZgGrant grant; /* the last one given */
    char *resume;
} Fixture;

static int
set_up(void **state)
{
    Fixture *f = g_new0(Fixture, 1);

    f->gate = zg_gate_new();
    f->cut = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    assert_true(zg_gate_set_desktop(f->gate, DESKTOP, 2, 5, f->cut, NULL));
    *state = f;
    return 0;
}

static int
tear_down(void **state)
{
    Fixture *f = *state;

    zg_gate_free(f->gate);
    g_array_free(f->cut, TRUE);
    zg_wipe_free_text(f->resume);
    g_free(f);
    return 0;
}

/* 64 characters that differ by @n. */
static char *
ticket_text(unsigned n)
{
    return g_strdup_printf("%064x", n);
}

static bool
expect_with(Fixture *f, unsigned n, ZgGrant grant, GError **error)
{
    g_autofree char *text = ticket_text(n);
    uint8_t digest[ZG_SHA256_BYTES];

    zg_sha256(text, strlen(text), digest);
    return zg_gate_expect(f->gate, digest, &grant, TTL_MS, 0, error);
}

static ZgGrant
grant_of(const char *session, bool share)
{
    ZgGrant grant = {.generation = 2, .epoch = 5, .share = share};

    g_strlcpy(grant.desktop, DESKTOP, sizeof grant.desktop);
    g_strlcpy(grant.session, session, sizeof grant.session);
    g_strlcpy(grant.user, "ana", sizeof grant.user);
    return grant;
}

static void
expect(Fixture *f, unsigned n, bool share)
{
    assert_true(expect_with(f, n, grant_of(SESSION, share), NULL));
}

static bool
redeem(Fixture *f, unsigned n, uint64_t viewer, int64_t now_us)
{
    g_autofree char *text = ticket_text(n);
    g_autoptr(GError) error = NULL;
    bool good;

    g_clear_pointer(&f->resume, zg_wipe_free_text);
    g_array_set_size(f->cut, 0);
    good = zg_gate_redeem(f->gate, text, strlen(text), viewer, true, now_us, &f->grant, &f->resume,
                          f->cut, &error);
    if (!good) {
        assert_true(g_error_matches(error, ZG_ERROR, ZG_ERROR_DENIED));
        assert_string_equal(error->message, ZG_GATE_DENIED_TEXT);
    }
    return good;
}

static bool
resume(Fixture *f, const char *secret, uint64_t viewer, int64_t now_us)
{
    g_autoptr(GError) error = NULL;
    char *next = NULL;
    bool good;

    g_array_set_size(f->cut, 0);
    good = zg_gate_resume(f->gate, secret, strlen(secret), viewer, now_us, &f->grant, &next,
                          f->cut, &error);
    if (good) {
        zg_wipe_free_text(f->resume);
        f->resume = next;
    } else {
        assert_string_equal(error->message, ZG_GATE_DENIED_TEXT);
        assert_null(next);
    }
    return good;
}

static void
a_ticket_is_accepted_once(void **state)
{
    Fixture *f = *state;

    expect(f, 1, false);
    assert_true(redeem(f, 1, 10, 0));
    assert_string_equal(f->grant.user, "ana");
    assert_int_equal(strlen(f->resume), 64);
    assert_false(redeem(f, 1, 11, 0));
    assert_int_equal(zg_gate_count(f->gate, SESSION), 1);
}

static void
a_ticket_is_refused_at_its_deadline(void **state)
{
    Fixture *f = *state;

    expect(f, 1, false);
    expect(f, 2, false);
    assert_int_equal(zg_gate_next_deadline_us(f->gate), TTL_MS * 1000);
    assert_true(redeem(f, 1, 10, TTL_MS * 1000 - 1));
    assert_false(redeem(f, 2, 11, TTL_MS * 1000));
    assert_false(redeem(f, 2, 11, 0)); /* and is used up */
}

static void
what_is_not_a_ticket_is_refused(void **state)
{
    Fixture *f = *state;
    g_autofree char *text = ticket_text(1);
    g_autoptr(GError) error = NULL;
    char *none = NULL;

    expect(f, 1, false);
    assert_false(zg_gate_redeem(f->gate, text, 63, 1, true, 0, &f->grant, &none, f->cut, &error));
    g_clear_error(&error);
    assert_false(zg_gate_redeem(f->gate, "", 0, 1, true, 0, &f->grant, &none, f->cut, &error));
    assert_true(redeem(f, 1, 10, 0));
}

static void
a_ticket_is_bound_to_what_is_here(void **state)
{
    Fixture *f = *state;
    g_autoptr(GError) error = NULL;
    ZgGrant grant = grant_of(SESSION, false);

    grant.generation = 3;
    assert_false(expect_with(f, 1, grant, &error));
    assert_true(g_error_matches(error, ZG_ERROR, ZG_ERROR_CONFLICT));
    g_clear_error(&error);
    grant.generation = 2;
    grant.epoch = 4;
    assert_false(expect_with(f, 1, grant, &error));
    g_clear_error(&error);
    g_strlcpy(grant.desktop, SESSION, sizeof grant.desktop);
    assert_false(expect_with(f, 1, grant, &error));
    assert_true(g_error_matches(error, ZG_ERROR, ZG_ERROR_NOT_FOUND));
}

static void
outstanding_tickets_are_bounded(void **state)
{
    Fixture *f = *state;
    g_autoptr(GError) error = NULL;

    for (unsigned i = 0; i < ZG_GATE_TICKETS_PER_SESSION_MAX; i++) {
        expect(f, i, false);
    }
    assert_false(expect_with(f, 100, grant_of(SESSION, false), &error));
    assert_true(g_error_matches(error, ZG_ERROR, ZG_ERROR_UNAVAILABLE));
    assert_true(expect_with(f, 101, grant_of("bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", false), NULL));
}

static void
a_second_terminal_takes_over(void **state)
{
    Fixture *f = *state;
    g_autofree char *first = NULL;

    expect(f, 1, false);
    expect(f, 2, false);
    assert_true(redeem(f, 1, 10, 0));
    first = g_strdup(f->resume);
    assert_true(redeem(f, 2, 11, 0));
    assert_int_equal(f->cut->len, 1);
    assert_int_equal(g_array_index(f->cut, uint64_t, 0), 10);
    assert_false(resume(f, first, 12, 0));
    assert_int_equal(zg_gate_count(f->gate, SESSION), 1);
}

static void
somebody_elses_session_on_the_desktop_is_cut_too(void **state)
{
    Fixture *f = *state;

    expect(f, 1, false);
    assert_true(redeem(f, 1, 10, 0));
    assert_true(expect_with(f, 2, grant_of("bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", false), NULL));
    assert_true(redeem(f, 2, 11, 0));
    assert_int_equal(f->cut->len, 1);
}

static void
a_shared_ticket_adds_a_viewer(void **state)
{
    Fixture *f = *state;

    expect(f, 1, false);
    assert_true(redeem(f, 1, 10, 0));
    expect(f, 2, true);
    assert_true(redeem(f, 2, 11, 0));
    assert_int_equal(f->cut->len, 0);
    assert_int_equal(zg_gate_count(f->gate, SESSION), 2);
}

static void
viewers_of_a_session_are_bounded(void **state)
{
    Fixture *f = *state;
    g_autofree char *text = ticket_text(99);
    g_autoptr(GError) error = NULL;
    char *none = NULL;

    for (unsigned i = 0; i < ZG_GATE_VIEWERS_PER_SESSION_MAX; i++) {
        expect(f, i, true);
        assert_true(redeem(f, i, 10 + i, 0));
    }
    expect(f, 99, true);
    assert_false(zg_gate_redeem(f->gate, text, strlen(text), 50, true, 0, &f->grant, &none, f->cut,
                                &error));
    assert_true(g_error_matches(error, ZG_ERROR, ZG_ERROR_UNAVAILABLE));
}

static void
who_may_come_back_keeps_the_place(void **state)
{
    Fixture *f = *state;
    g_autofree char *text = ticket_text(99);
    g_autofree char *first = NULL;
    g_autoptr(GError) error = NULL;
    char *none = NULL;
    unsigned n_left;

    for (unsigned i = 0; i < ZG_GATE_VIEWERS_PER_SESSION_MAX; i++) {
        expect(f, i, true);
        assert_true(redeem(f, i, 10 + i, 0));
        first = first != NULL ? first : g_strdup(f->resume);
    }
    assert_true(zg_gate_leave(f->gate, 10, true, SECOND_US, &n_left));
    expect(f, 99, true);
    assert_false(zg_gate_redeem(f->gate, text, strlen(text), 50, true, SECOND_US, &f->grant, &none,
                                f->cut, &error));
    assert_true(g_error_matches(error, ZG_ERROR, ZG_ERROR_UNAVAILABLE));
    assert_true(resume(f, first, 51, 2 * SECOND_US));
    assert_int_equal(zg_gate_count(f->gate, SESSION), ZG_GATE_VIEWERS_PER_SESSION_MAX);
}

static void
a_lost_viewer_comes_back_once_per_secret(void **state)
{
    Fixture *f = *state;
    g_autofree char *first = NULL;
    unsigned n_left;

    expect(f, 1, false);
    assert_true(redeem(f, 1, 10, 0));
    first = g_strdup(f->resume);
    assert_true(zg_gate_leave(f->gate, 10, true, SECOND_US, &n_left));
    assert_int_equal(n_left, 0);
    assert_true(resume(f, first, 11, 100 * SECOND_US));
    assert_string_not_equal(f->resume, first);
    assert_int_equal(f->cut->len, 0);
    assert_false(resume(f, first, 12, 100 * SECOND_US));
    assert_true(resume(f, f->resume, 13, 100 * SECOND_US));
    assert_int_equal(g_array_index(f->cut, uint64_t, 0), 11); /* its loss was not noticed */
}

static void
a_held_place_expires_once(void **state)
{
    Fixture *f = *state;
    g_autoptr(GArray) held = g_array_new(FALSE, FALSE, sizeof(ZgGrant));
    int64_t end_us = (int64_t)ZG_HELD_MS * 1000;
    unsigned n_left;

    expect(f, 1, false);
    assert_true(redeem(f, 1, 10, 0));
    zg_gate_leave(f->gate, 10, true, 0, &n_left);
    assert_int_equal(zg_gate_next_deadline_us(f->gate), end_us);
    zg_gate_expire(f->gate, end_us - 1, held);
    assert_int_equal(held->len, 0);
    assert_false(resume(f, f->resume, 11, end_us));
    expect(f, 2, false);
    assert_true(redeem(f, 2, 12, 0));
    zg_gate_leave(f->gate, 12, true, 0, &n_left);
    zg_gate_expire(f->gate, end_us, held);
    zg_gate_expire(f->gate, end_us, held);
    assert_int_equal(held->len, 1);
    assert_string_equal(g_array_index(held, ZgGrant, 0).session, SESSION);
}

static void
closing_on_purpose_leaves_nothing_to_resume(void **state)
{
    Fixture *f = *state;
    unsigned n_left;

    expect(f, 1, false);
    assert_true(redeem(f, 1, 10, 0));
    assert_true(zg_gate_leave(f->gate, 10, false, 0, &n_left));
    assert_false(zg_gate_leave(f->gate, 10, false, 0, &n_left));
    assert_false(resume(f, f->resume, 11, 0));
}

static void
cut_ends_viewers_tickets_and_secrets(void **state)
{
    Fixture *f = *state;

    expect(f, 1, false);
    expect(f, 2, false);
    assert_true(redeem(f, 1, 10, 0));
    g_array_set_size(f->cut, 0);
    assert_true(zg_gate_cut(f->gate, DESKTOP, SESSION, f->cut));
    assert_int_equal(f->cut->len, 1);
    assert_false(resume(f, f->resume, 11, 0));
    assert_false(redeem(f, 2, 12, 0));
    assert_false(zg_gate_cut(f->gate, DESKTOP, SESSION, f->cut));
}

static void
a_new_generation_ends_what_belonged_to_the_old_one(void **state)
{
    Fixture *f = *state;

    expect(f, 1, false);
    expect(f, 2, false);
    assert_true(redeem(f, 1, 10, 0));
    g_array_set_size(f->cut, 0);
    assert_true(zg_gate_set_desktop(f->gate, DESKTOP, 3, 5, f->cut, NULL));
    assert_int_equal(f->cut->len, 1);
    assert_false(resume(f, f->resume, 11, 0));
    assert_false(redeem(f, 2, 12, 0));
}

static void
a_new_epoch_ends_tickets_but_not_viewers(void **state)
{
    Fixture *f = *state;

    expect(f, 1, false);
    expect(f, 2, false);
    assert_true(redeem(f, 1, 10, 0));
    g_array_set_size(f->cut, 0);
    assert_true(zg_gate_set_desktop(f->gate, DESKTOP, 2, 6, f->cut, NULL));
    assert_int_equal(f->cut->len, 0);
    assert_true(resume(f, f->resume, 11, 0));
    assert_int_equal(f->grant.epoch, 6);
    assert_false(redeem(f, 2, 12, 0));
}

static void
an_older_generation_or_epoch_is_refused(void **state)
{
    Fixture *f = *state;
    g_autoptr(GError) error = NULL;

    assert_false(zg_gate_set_desktop(f->gate, DESKTOP, 1, 9, f->cut, &error));
    assert_true(g_error_matches(error, ZG_ERROR, ZG_ERROR_CONFLICT));
    g_clear_error(&error);
    assert_false(zg_gate_set_desktop(f->gate, DESKTOP, 2, 4, f->cut, &error));
}

static void
a_desktop_that_is_gone_takes_everything_along(void **state)
{
    Fixture *f = *state;

    expect(f, 1, false);
    expect(f, 2, false);
    assert_true(redeem(f, 1, 10, 0));
    g_array_set_size(f->cut, 0);
    zg_gate_drop_desktop(f->gate, DESKTOP, f->cut);
    assert_int_equal(f->cut->len, 1);
    assert_false(resume(f, f->resume, 11, 0));
    assert_false(redeem(f, 2, 12, 0));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_ticket_is_accepted_once),
        TEST(a_ticket_is_refused_at_its_deadline),
        TEST(what_is_not_a_ticket_is_refused),
        TEST(a_ticket_is_bound_to_what_is_here),
        TEST(outstanding_tickets_are_bounded),
        TEST(a_second_terminal_takes_over),
        TEST(somebody_elses_session_on_the_desktop_is_cut_too),
        TEST(a_shared_ticket_adds_a_viewer),
        TEST(viewers_of_a_session_are_bounded),
        TEST(who_may_come_back_keeps_the_place),
        TEST(a_lost_viewer_comes_back_once_per_secret),
        TEST(a_held_place_expires_once),
        TEST(closing_on_purpose_leaves_nothing_to_resume),
        TEST(cut_ends_viewers_tickets_and_secrets),
        TEST(a_new_generation_ends_what_belonged_to_the_old_one),
        TEST(a_new_epoch_ends_tickets_but_not_viewers),
        TEST(an_older_generation_or_epoch_is_refused),
        TEST(a_desktop_that_is_gone_takes_everything_along),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
