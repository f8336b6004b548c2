/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The proof of KVM with emulators that answer, refuse and hang: its verdict, words and limit. */
#include "hostd/kvm_probe.h"

#include <glib/gstdio.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define KVM_GROUP 36123

typedef struct {
    char *dir;
    char *emulator;
} Fixture;

static Fixture fix;

/* An emulator that does this after it was asked for its version. */
static void
emulator(const char *body)
{
    g_autofree char *text =
        g_strdup_printf("#!/bin/sh\n[ \"$1\" = --version ] && echo %u && exit\n%s\n",
                        g_random_int(), body);

    assert_true(g_file_set_contents(fix.emulator, text, -1, NULL));
    assert_int_equal(g_chmod(fix.emulator, 0755), 0);
}

static ZgKvmProof
probe(void)
{
    return zg_kvm_probe(fix.emulator, fix.dir, "+64055");
}

static void
a_guest_that_leaves_as_told_is_the_proof_and_it_is_kept(void **state)
{
    ZgKvmProof proof;

    (void)state;
    emulator("exit 85");
    proof = probe();
    assert_true(proof.proven);
    assert_string_equal(proof.reason, "a test guest ran");
    g_free(proof.reason);
    /* The same emulator is not tried again: this one would fail. */
    {
        g_autofree char *text = NULL;
        char *end;

        assert_true(g_file_get_contents(fix.emulator, &text, NULL, NULL));
        end = strstr(text, "exit 85");
        memcpy(end, "exit 11", 7);
        assert_true(g_file_set_contents(fix.emulator, text, -1, NULL));
        assert_int_equal(g_chmod(fix.emulator, 0755), 0);
    }
    proof = probe();
    assert_true(proof.proven);
    g_free(proof.reason);
}

static void
a_guest_that_hangs_costs_two_seconds_and_proves_nothing(void **state)
{
    int64_t began_us = g_get_monotonic_time();
    int64_t took_us;
    ZgKvmProof proof;

    (void)state;
    emulator("exec tail -f /dev/null");
    proof = probe();
    took_us = g_get_monotonic_time() - began_us;
    assert_false(proof.proven);
    assert_non_null(strstr(proof.reason, "did not run within 2 s"));
    assert_in_range(took_us, 1900 * 1000, 4000 * 1000);
    g_free(proof.reason);
}

static void
a_refusal_is_told_in_the_emulators_words(void **state)
{
    ZgKvmProof proof;

    (void)state;
    emulator("echo no virtual machines today >&2; exit 1");
    proof = probe();
    assert_false(proof.proven);
    assert_non_null(strstr(proof.reason, "no virtual machines today"));
    g_free(proof.reason);
}

/* As Debian sets /dev/kvm up; seen in a mount namespace of our own. */
static int
probe_with_a_group(void)
{
    g_autofree char *node = g_build_filename(fix.dir, "kvm", NULL);
    ZgKvmProof proof;

    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mknod(node, S_IFCHR | 0660, makedev(10, 232)) != 0 || chown(node, 0, KVM_GROUP) != 0 ||
        chmod(node, 0660) != 0 || mount(node, "/dev/kvm", NULL, MS_BIND, NULL) != 0) {
        return 77;
    }
    emulator("echo groups $(id -G), user $(id -u) >&2; exit 1");
    proof = probe();
    return strstr(proof.reason, "groups 64055 36123, user 64055") != NULL ? 0 : 1;
}

static void
the_ordinary_user_gets_the_group_of_the_device(void **state)
{
    pid_t pid;
    int status;

    (void)state;
    if (geteuid() != 0) {
        print_message("only root gives groups away\n");
        skip();
    }
    pid = fork();
    if (pid == 0) {
        _exit(probe_with_a_group());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        print_message("no mount namespaces here\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

static int
set_up(void **state)
{
    (void)state;
    fix.dir = g_dir_make_tmp("zg-kvm-XXXXXX", NULL);
    fix.emulator = g_build_filename(fix.dir, "emulator", NULL);
    return fix.dir != NULL && g_chmod(fix.dir, 0755) == 0 ? 0 : -1;
}

static int
tear_down(void **state)
{
    static const char *const names[] = {"emulator", "kvm-proof", "kvm"};

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(fix.dir, names[i], NULL);

        g_unlink(path);
    }
    g_rmdir(fix.dir);
    g_free(fix.emulator);
    g_free(fix.dir);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_guest_that_leaves_as_told_is_the_proof_and_it_is_kept),
        cmocka_unit_test(a_guest_that_hangs_costs_two_seconds_and_proves_nothing),
        cmocka_unit_test(a_refusal_is_told_in_the_emulators_words),
        cmocka_unit_test(the_ordinary_user_gets_the_group_of_the_device),
    };

    if (access("/dev/kvm", F_OK) != 0) {
        print_message("this machine has no /dev/kvm: nothing to prove\n");
        return 77;
    }
    return cmocka_run_group_tests_name("kvm_probe", tests, set_up, tear_down);
}
