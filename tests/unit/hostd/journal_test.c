/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hostd/journal and hostd/desktop_state: what survives a crash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <glib/gstdio.h>
#include <string.h>
#include "common/base/clock.h"
#include "common/base/error.h"
#include "hostd/desktop_state.h"
#include "hostd/folder.h"
#include "hostd/journal.h"

#define ID "0123456789abcdef0123456789abcdef"

static int
make_folder(void **state)
{
    *state = g_dir_make_tmp("zg-journal-XXXXXX", NULL);
    return *state == NULL;
}

static int
remove_folder(void **state)
{
    bool ok = zg_folder_remove(*state, NULL);

    g_free(*state);
    return !ok;
}

static ZgJournalState
begin(const char *dir, ZgAgentDone **out_done)
{
    ZgJournalState state = ZG_JOURNAL_NEW;

    assert_true(zg_journal_begin(dir, ID, &state, out_done, NULL));
    return state;
}

static void
a_command_is_new_once_and_its_answer_stays(void **state)
{
    g_autoptr(ZgAgentDone) done = zg_agent_done_new(ID, false);
    g_autoptr(ZgAgentDone) stored = NULL;

    done->code = g_strdup("denied");
    done->message = g_strdup("no");
    assert_int_equal(begin(*state, &stored), ZG_JOURNAL_NEW);
    assert_int_equal(begin(*state, &stored), ZG_JOURNAL_BEGUN);
    assert_true(zg_journal_end(*state, done, NULL));
    assert_int_equal(begin(*state, &stored), ZG_JOURNAL_DONE);
    assert_false(stored->ok);
    assert_string_equal(stored->code, "denied");
}

static void
an_answer_that_is_not_readable_counts_as_begun(void **state)
{
    g_autofree char *path = g_strconcat(*state, "/" ID ".json", NULL);
    ZgAgentDone *stored = NULL;

    assert_true(g_file_set_contents(path, "{\"ok", -1, NULL));
    assert_int_equal(begin(*state, &stored), ZG_JOURNAL_BEGUN);
    assert_null(stored);
}

static void
an_id_cannot_be_a_path(void **state)
{
    ZgJournalState found;
    ZgAgentDone *stored = NULL;
    g_autoptr(GError) error = NULL;

    assert_false(zg_journal_begin(*state, "../../etc/passwd", &found, &stored, &error));
    assert_true(g_error_matches(error, ZG_ERROR, ZG_ERROR_INVALID));
}

static void
old_commands_are_forgotten(void **state)
{
    ZgAgentDone *stored = NULL;
    int64_t now_us = zg_clock_utc_us();

    assert_int_equal(begin(*state, &stored), ZG_JOURNAL_NEW);
    zg_journal_sweep(*state, now_us);
    assert_int_equal(begin(*state, &stored), ZG_JOURNAL_BEGUN);
    zg_journal_sweep(*state, now_us + (ZG_JOURNAL_KEEP_S + 60) * (int64_t)G_USEC_PER_SEC);
    assert_int_equal(begin(*state, &stored), ZG_JOURNAL_NEW);
}

static ZgDesired *
some_wish(void)
{
    ZgDesired *wish = zg_desired_new();

    wish->desktop = g_strdup(ID);
    wish->generation = 7;
    wish->epoch = 2;
    wish->power = ZG_WISH_ON;
    wish->spec = zg_spec_new();
    wish->spec->name = g_strdup("desk-1");
    wish->spec->pool = g_strdup("office");
    wish->spec->template_name = g_strdup("debian");
    wish->spec->version = 3;
    wish->spec->memory_mib = 512;
    wish->spec->vcpus = 1;
    wish->spec->disk_mib = 4096;
    wish->spec->network = g_strdup("nat");
    wish->spec->profile = g_strdup("lan");
    return wish;
}

static void
a_desktop_remembers_its_wish_and_its_person(void **state)
{
    g_autofree char *path = g_strconcat(*state, "/state.json", NULL);
    ZgDesktopState written = {.wish = some_wish(), .have = 7, .size_mib = 4096, .ended = true,
                              .template_name = g_strdup("debian"), .version = 3,
                              .signed_on = g_strdup("Ana@branch")};
    ZgDesktopState read = {0};

    assert_true(zg_desktop_state_save(path, &written, NULL));
    assert_true(zg_desktop_state_load(path, &read, NULL));
    assert_int_equal(read.have, 7);
    assert_int_equal(read.version, 3);
    assert_true(read.ended);
    assert_false(read.rests);
    assert_string_equal(read.signed_on, "Ana@branch");
    assert_string_equal(read.wish->spec->name, "desk-1");
    zg_desktop_state_clear(&written);
    zg_desktop_state_clear(&read);
    assert_true(g_file_set_contents(path, "{}", -1, NULL));
    assert_false(zg_desktop_state_load(path, &read, NULL));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_command_is_new_once_and_its_answer_stays, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(an_answer_that_is_not_readable_counts_as_begun,
                                        make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(an_id_cannot_be_a_path, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(old_commands_are_forgotten, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_desktop_remembers_its_wish_and_its_person, make_folder,
                                        remove_folder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
