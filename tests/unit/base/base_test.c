/* SPDX-License-Identifier: GPL-3.0-or-later */
/* common/base: names, secrets, configuration, descriptors and the worker pool. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "common/base/clock.h"
#include "common/base/config.h"
#include "common/base/error.h"
#include "common/base/fd.h"
#include "common/base/id.h"
#include "common/base/secret.h"
#include "common/base/worker.h"

static void
error_codes_round_trip_through_their_names(void **state)
{
    for (int code = 0; code < ZG_N_ERRORS; code++) {
        assert_int_equal(zg_error_from_name(zg_error_name(code)), code);
        assert_in_range(zg_error_http_status(code), 400, 504);
    }
    assert_int_equal(zg_error_from_name("nonsense"), ZG_ERROR_FAILED);
    assert_int_equal(zg_error_exit_status(ZG_ERROR_INVALID), 2);
}

static void
names_are_labels(void **state)
{
    assert_true(zg_name_is_valid("office-1"));
    assert_false(zg_name_is_valid(""));
    assert_false(zg_name_is_valid(NULL));
    assert_false(zg_name_is_valid("-office"));
    assert_false(zg_name_is_valid("office-"));
    assert_false(zg_name_is_valid("1office"));
    assert_false(zg_name_is_valid("../etc"));
    assert_false(zg_name_is_valid("Office"));
    assert_false(
        zg_name_is_valid("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
}

static void
ids_are_valid_and_differ(void **state)
{
    g_autofree char *a = zg_id_new();
    g_autofree char *b = zg_id_new();

    assert_true(zg_id_is_valid(a));
    assert_string_not_equal(a, b);
    assert_false(zg_id_is_valid("ABCDEF00112233445566778899aabbcc"));
}

static void
hex_is_decoded_only_whole(void **state)
{
    uint8_t out[2];

    assert_true(zg_hex_decode("00ff", out, 2));
    assert_int_equal(out[1], 255);
    assert_false(zg_hex_decode("00f", out, 2));
    assert_false(zg_hex_decode("00fg", out, 2));
    assert_false(zg_hex_decode("00ff00", out, 2));
}

static void
sha256_matches_the_standard(void **state)
{
    g_autofree char *hex = zg_sha256_hex("abc", 3); /* FIPS 180-4, example */

    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static ZgConfigFile *
parse(const char *text)
{
    ZgConfigFile *file = zg_config_parse("t.conf", text, strlen(text), NULL);

    assert_non_null(file);
    return file;
}

static void
config_refuses_a_key_nobody_took(void **state)
{
    g_autoptr(ZgConfigFile) file = parse("[a]\nport = 5\nprot = 6\n");
    g_autoptr(GError) error = NULL;
    int64_t port = 0;

    assert_true(zg_config_take_int(file, "a", "port", 1, 10, 3, &port, NULL));
    assert_int_equal(port, 5);
    assert_false(zg_config_finish(file, &error));
    assert_non_null(strstr(error->message, "t.conf: [a] unknown key 'prot'"));
}

static void
config_names_the_bounds(void **state)
{
    g_autoptr(ZgConfigFile) file = parse("[a]\nport = 70000\n");
    g_autoptr(GError) error = NULL;
    int64_t port = 7;

    assert_false(zg_config_take_int(file, "a", "port", 1, 65535, 3, &port, &error));
    assert_int_equal(port, 7);
    assert_non_null(strstr(error->message, "from 1 to 65535"));
}

static void
descriptors_pass_with_a_packet(void **state)
{
    int pair[2];
    int pipe_fds[2];
    g_auto(ZgFd) received = -1;
    char buffer[16];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(pipe(pipe_fds), 0);
    assert_true(zg_packet_send(pair[0], "hi", 2, pipe_fds[1], NULL));
    assert_int_equal(zg_packet_receive(pair[1], buffer, sizeof buffer, &received, NULL), 2);
    assert_true(received >= 0);
    assert_int_equal(write(received, "x", 1), 1);
    assert_int_equal(read(pipe_fds[0], buffer, 1), 1);
    assert_int_equal(zg_packet_receive(pair[1], buffer, sizeof buffer, &received, NULL), -2);
    close(pair[0]);
    close(pair[1]);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

typedef struct {
    GThread *worked_on;
    GMainLoop *loop;
    int n_done;
} Job;

static void
work(void *data)
{
    ((Job *)data)->worked_on = g_thread_self();
}

static void
done(void *data)
{
    Job *job = data;

    job->n_done++;
    g_main_loop_quit(job->loop);
}

static void
worker_runs_off_the_loop_and_reports_on_it(void **state)
{
    g_autoptr(ZgWorkerPool) pool = zg_worker_pool_new(1, 1);
    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
    g_autoptr(GError) error = NULL;
    Job job = {.loop = loop};

    assert_true(zg_worker_run(pool, work, done, &job, NULL));
    assert_false(zg_worker_run(pool, work, done, &job, &error)); /* one place, taken */
    assert_true(g_error_matches(error, ZG_ERROR, ZG_ERROR_UNAVAILABLE));
    g_main_loop_run(loop);
    assert_int_equal(job.n_done, 1);
    assert_ptr_not_equal(job.worked_on, g_thread_self());
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_codes_round_trip_through_their_names),
        cmocka_unit_test(names_are_labels),
        cmocka_unit_test(ids_are_valid_and_differ),
        cmocka_unit_test(hex_is_decoded_only_whole),
        cmocka_unit_test(sha256_matches_the_standard),
        cmocka_unit_test(config_refuses_a_key_nobody_took),
        cmocka_unit_test(config_names_the_bounds),
        cmocka_unit_test(descriptors_pass_with_a_packet),
        cmocka_unit_test(worker_runs_off_the_loop_and_reports_on_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
