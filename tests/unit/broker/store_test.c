/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The store: migrations, compare-and-set, constraints, and what survives a kill at any moment. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "broker/assign.h"
#include "broker/record.h"
#include "broker/store/store_ops.h"
#include "common/base/error.h"
#include "common/base/id.h"
#include "common/proto/agent.h"

#define KILLS 12
#define DESKTOPS 400

typedef struct {
    char *directory;
    char *path;
    ZgStore *store;
} Scratch;

static int
setup(void **state)
{
    Scratch *scratch = g_new0(Scratch, 1);
    g_autoptr(GError) error = NULL;

    scratch->directory = g_dir_make_tmp("zaguan-store-XXXXXX", NULL);
    scratch->path = g_build_filename(scratch->directory, "store.sqlite", NULL);
    scratch->store = zg_store_open_sqlite(scratch->path, &error);
    assert_non_null(scratch->store);
    *state = scratch;
    return 0;
}

static int
teardown(void **state)
{
    Scratch *scratch = *state;
    g_autoptr(GDir) dir = g_dir_open(scratch->directory, 0, NULL);
    const char *name;

    zg_store_free(scratch->store);
    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(scratch->directory, name, NULL);

        g_unlink(path);
    }
    g_rmdir(scratch->directory);
    g_free(scratch->directory);
    g_free(scratch->path);
    g_free(scratch);
    return 0;
}

static int64_t
read_int(ZgStore *store, const char *sql)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ZgTx) tx = zg_tx_begin(store, ZG_TX_READ, &error);
    g_autoptr(ZgRows) rows = NULL;

    assert_non_null(tx);
    rows = zg_tx_query(tx, &error, sql, "");
    assert_non_null(rows);
    assert_true(zg_rows_next(rows, &error));
    return zg_rows_int(rows, 0);
}

static void
add_host(ZgTx *tx)
{
    ZgHost host = {.name = (char *)"h1", .state = (char *)"linked", .epoch = 1,
                   .capabilities = (char *)" ", .revision = 1};
    g_autoptr(GError) error = NULL;

    assert_true(zg_row_insert(tx, &zg_host_rows, &host, &error));
}

static ZgDesktop *
add_desktop(ZgTx *tx, const char *name, const char *life)
{
    ZgDesktop *desktop = g_new0(ZgDesktop, 1);
    g_autoptr(GError) error = NULL;

    desktop->id = zg_id_new();
    desktop->name = g_strdup(name);
    desktop->pool = g_strdup("office");
    desktop->host = g_strdup("h1");
    desktop->template_name = g_strdup("tiny");
    desktop->version = desktop->generation = desktop->epoch = desktop->revision = 1;
    desktop->life = g_strdup(life);
    desktop->wished = g_strdup("on");
    desktop->network = g_strdup("isolated");
    desktop->reason = g_strdup("stock");
    desktop->seen_power = g_strdup("on");
    desktop->seen_agent = g_strdup("ready");
    if (!zg_row_insert(tx, &zg_desktop_rows, desktop, &error)) {
        fail_msg("%s", error->message);
    }
    return desktop;
}

static ZgSession *
add_session(ZgTx *tx, const char *user, GError **error)
{
    g_autoptr(ZgSession) session = g_new0(ZgSession, 1);

    session->id = zg_id_new();
    session->pool = g_strdup("office");
    session->user_name = g_strdup(user);
    session->state = g_strdup("pending");
    session->created_us = session->since_us = zg_tx_now_us(tx);
    session->revision = 1;
    return zg_row_insert(tx, &zg_session_rows, session, error) ? g_steal_pointer(&session) : NULL;
}

static void
the_file_is_private_and_the_schema_is_applied_once(void **state)
{
    Scratch *scratch = *state;
    g_autoptr(GError) error = NULL;
    struct stat info;

    assert_int_equal(stat(scratch->path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(read_int(scratch->store, "SELECT version FROM schema_version"),
                     zg_migrations[zg_n_migrations - 1].version);
    zg_store_free(scratch->store);
    scratch->store = zg_store_open_sqlite(scratch->path, &error);
    assert_non_null(scratch->store);
    assert_int_equal(read_int(scratch->store, "SELECT COUNT(*) FROM schema_version"), 1);
}

static void
a_newer_schema_is_refused(void **state)
{
    Scratch *scratch = *state;
    g_autoptr(GError) error = NULL;
    g_autoptr(ZgTx) tx = zg_tx_begin(scratch->store, ZG_TX_WRITE, &error);

    assert_true(zg_tx_run(tx, NULL, &error, "UPDATE schema_version SET version = 99", ""));
    assert_true(zg_tx_commit(tx, &error));
    zg_store_free(scratch->store);
    scratch->store = zg_store_open_sqlite(scratch->path, &error);
    assert_null(scratch->store);
    assert_true(g_error_matches(error, ZG_ERROR, ZG_ERROR_CONFLICT));
}

static void
what_is_not_committed_did_not_happen(void **state)
{
    Scratch *scratch = *state;
    g_autoptr(GError) error = NULL;
    ZgTx *tx = zg_tx_begin(scratch->store, ZG_TX_WRITE, &error);

    add_host(tx);
    zg_tx_free(tx);
    assert_int_equal(read_int(scratch->store, "SELECT COUNT(*) FROM hosts"), 0);
}

static void
of_two_writers_with_the_same_revision_exactly_one_wins(void **state)
{
    Scratch *scratch = *state;
    g_autoptr(GError) error = NULL;
    g_autoptr(ZgTx) tx = zg_tx_begin(scratch->store, ZG_TX_WRITE, &error);
    ZgCause cause = {.reason = "assigned", .actor = "broker"};
    g_autoptr(ZgDesktop) first = NULL;
    g_autoptr(ZgDesktop) second = NULL;

    add_host(tx);
    first = add_desktop(tx, "office-1", "ready");
    second = zg_row_find(tx, &zg_desktop_rows, first->id, &error);
    assert_true(zg_desktop_move(tx, first, ZG_LIFE_RESERVED, &cause, &error));
    assert_int_equal(first->revision, 2);
    assert_false(zg_desktop_move(tx, second, ZG_LIFE_DELETING, &cause, &error));
    assert_true(g_error_matches(error, ZG_ERROR, ZG_ERROR_CONFLICT));
    g_clear_error(&error);
    assert_true(zg_tx_commit(tx, &error));
    assert_int_equal(read_int(scratch->store, "SELECT COUNT(*) FROM desktops"
                                              " WHERE life = 'reserved' AND revision = 2"), 1);
    assert_int_equal(read_int(scratch->store, "SELECT COUNT(*) FROM audit"), 1);
    assert_int_equal(read_int(scratch->store, "SELECT COUNT(*) FROM events"), 1);
}

typedef struct {
    ZgStore *store;
    const char *desktop;
    char *user;
    int won;
} Racer;

static gpointer
race(gpointer data)
{
    Racer *racer = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(ZgTx) tx = zg_tx_begin(racer->store, ZG_TX_WRITE, &error);
    g_autoptr(ZgSession) session = tx != NULL ? add_session(tx, racer->user, &error) : NULL;
    g_autoptr(ZgDesktop) desktop =
        session != NULL ? zg_row_find(tx, &zg_desktop_rows, racer->desktop, &error) : NULL;

    racer->won = desktop != NULL && zg_assign_claim(tx, session, desktop, &error) &&
                 zg_tx_commit(tx, &error);
    return NULL;
}

static void
one_desktop_goes_to_one_of_many_who_claim_it_at_once(void **state)
{
    Scratch *scratch = *state;
    g_autoptr(GError) error = NULL;
    g_autoptr(ZgTx) tx = zg_tx_begin(scratch->store, ZG_TX_WRITE, &error);
    g_autoptr(ZgDesktop) desktop = NULL;
    GThread *threads[8];
    Racer racers[8];
    int n_won = 0;

    add_host(tx);
    desktop = add_desktop(tx, "office-1", "ready");
    assert_true(zg_tx_commit(tx, &error));
    for (int i = 0; i < 8; i++) {
        racers[i] = (Racer){.store = scratch->store, .desktop = desktop->id,
                            .user = g_strdup_printf("user%d", i)};
        threads[i] = g_thread_new("racer", race, &racers[i]);
    }
    for (int i = 0; i < 8; i++) {
        g_thread_join(threads[i]);
        n_won += racers[i].won;
        g_free(racers[i].user);
    }
    assert_int_equal(n_won, 1);
}

static void
a_person_has_one_live_session_per_pool(void **state)
{
    Scratch *scratch = *state;
    g_autoptr(GError) error = NULL;
    g_autoptr(ZgTx) tx = zg_tx_begin(scratch->store, ZG_TX_WRITE, &error);
    ZgCause cause = {.reason = "asked", .actor = "broker"};
    g_autoptr(ZgSession) first = add_session(tx, "anna", &error);
    g_autoptr(ZgSession) second = add_session(tx, "anna", &error);
    g_autoptr(ZgSession) third = NULL;

    assert_null(second);
    assert_true(g_error_matches(error, ZG_ERROR, ZG_ERROR_CONFLICT));
    g_clear_error(&error);
    assert_true(zg_session_move(tx, first, ZG_SESSION_ENDED, &cause, &error));
    third = add_session(tx, "anna", &error);
    assert_non_null(third);
}

static void
a_session_holds_at_most_one_desktop(void **state)
{
    Scratch *scratch = *state;
    g_autoptr(GError) error = NULL;
    g_autoptr(ZgTx) tx = zg_tx_begin(scratch->store, ZG_TX_WRITE, &error);
    g_autoptr(ZgSession) session = add_session(tx, "anna", &error);
    g_autoptr(ZgDesktop) a = NULL;
    g_autoptr(ZgDesktop) b = NULL;
    ZgCause cause = {.reason = "assigned", .actor = "broker"};

    add_host(tx);
    a = add_desktop(tx, "office-1", "ready");
    b = add_desktop(tx, "office-2", "ready");
    assert_true(zg_assign_claim(tx, session, a, &error));
    zg_set_text(&b->session, session->id);
    assert_false(zg_desktop_move(tx, b, ZG_LIFE_RESERVED, &cause, &error));
    assert_true(g_error_matches(error, ZG_ERROR, ZG_ERROR_CONFLICT));
}

/* The child assigns desktops one after the other and tells each only after its commit. */
static void
assign_until_killed(const char *path, int tell_fd, int round)
{
    g_autoptr(ZgStore) store = zg_store_open_sqlite(path, NULL);

    if (store == NULL) {
        _exit(2);
    }
    for (int i = 0;; i++) {
        g_autofree char *user = g_strdup_printf("user-%d-%d", round, i);
        g_autoptr(ZgTx) tx = zg_tx_begin(store, ZG_TX_WRITE, NULL);
        g_autoptr(ZgSession) session = add_session(tx, user, NULL);
        g_autoptr(GPtrArray) free_ones = zg_row_select(tx, &zg_desktop_rows, NULL, NULL,
                                                       "WHERE life = 'ready' LIMIT 1", "");

        if (free_ones->len == 0 ||
            !zg_assign_claim(tx, session, g_ptr_array_index(free_ones, 0), NULL) ||
            !zg_tx_commit(tx, NULL) ||
            write(tell_fd, session->id, ZG_ID_CHARS) != ZG_ID_CHARS) {
            _exit(1);
        }
    }
}

static void
read_acknowledged(int fd, GPtrArray *acknowledged)
{
    char id[ZG_ID_CHARS + 1] = "";
    ssize_t n;

    while ((n = read(fd, id, ZG_ID_CHARS)) == ZG_ID_CHARS) {
        g_ptr_array_add(acknowledged, g_strdup(id));
    }
}

static void
kill_one_round(const char *path, GPtrArray *acknowledged, int round)
{
    int ends[2];
    pid_t child;
    char first[ZG_ID_CHARS + 1] = "";
    int status;

    assert_int_equal(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        close(ends[0]);
        assign_until_killed(path, ends[1], round);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], first, ZG_ID_CHARS), ZG_ID_CHARS);
    g_ptr_array_add(acknowledged, g_strdup(first));
    for (int n = g_random_int_range(0, 20); n > 0; n--) { /* any moment */
        if (read(ends[0], first, ZG_ID_CHARS) == ZG_ID_CHARS) {
            g_ptr_array_add(acknowledged, g_strdup(first));
        }
    }
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 1);
    read_acknowledged(ends[0], acknowledged);
    close(ends[0]);
}

static void
every_acknowledged_assignment_survives_a_kill_at_any_moment(void **state)
{
    Scratch *scratch = *state;
    g_autoptr(GPtrArray) acknowledged = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) error = NULL;
    g_autoptr(ZgTx) tx = zg_tx_begin(scratch->store, ZG_TX_WRITE, &error);

    add_host(tx);
    for (int i = 0; i < DESKTOPS; i++) {
        g_autofree char *name = g_strdup_printf("office-%d", i);

        zg_desktop_free(add_desktop(tx, name, "ready"));
    }
    assert_true(zg_tx_commit(tx, &error));
    g_clear_pointer(&tx, zg_tx_free);
    g_clear_pointer(&scratch->store, zg_store_free);
    for (int round = 0; round < KILLS; round++) {
        kill_one_round(scratch->path, acknowledged, round);
    }
    scratch->store = zg_store_open_sqlite(scratch->path, &error);
    assert_non_null(scratch->store);
    tx = zg_tx_begin(scratch->store, ZG_TX_READ, &error);
    for (guint i = 0; i < acknowledged->len; i++) {
        const char *id = g_ptr_array_index(acknowledged, i);
        g_autoptr(ZgSession) session = zg_row_find(tx, &zg_session_rows, id, &error);
        g_autoptr(ZgDesktop) desktop = NULL;

        assert_non_null(session);
        assert_string_equal(session->state, "connecting");
        desktop = zg_row_find(tx, &zg_desktop_rows, session->desktop, &error);
        assert_non_null(desktop);
        assert_string_equal(desktop->life, "reserved");
        assert_string_equal(desktop->session, id);
    }
    assert_true(acknowledged->len >= KILLS);
    print_message("%u assignments acknowledged over %d kills, all there\n", acknowledged->len,
                  KILLS);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        T(the_file_is_private_and_the_schema_is_applied_once),
        T(a_newer_schema_is_refused),
        T(what_is_not_committed_did_not_happen),
        T(of_two_writers_with_the_same_revision_exactly_one_wins),
        T(one_desktop_goes_to_one_of_many_who_claim_it_at_once),
        T(a_person_has_one_live_session_per_pool),
        T(a_session_holds_at_most_one_desktop),
        T(every_acknowledged_assignment_survives_a_kill_at_any_moment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
