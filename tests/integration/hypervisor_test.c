/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The embedded libvirt driver, for real: start, console, save, resume, stop, remove. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "hostd/confine.h"
#include "hostd/domain_xml.h"
#include "hostd/hypervisor.h"
#include "hostd/kvm_probe.h"
#include "hostd/run.h"
#include "hostd/user.h"

#define DEADLINE_S 60
#define DESKTOP "0123456789abcdef0123456789abcdef"

typedef struct {
    GMainLoop *loop;
    ZgHypervisor *hyp;
    char *state_dir; /* as seen inside */
    ZgKvmProof kvm;
    char *xml;
    GError *error;
    ZgFd console, pictures;
    unsigned n_stopped;
    unsigned n_domains;
    bool timed_out;
} Fixture;

static char *outer; /* the folder of this run, as seen outside */

static gboolean
on_timeout(gpointer user)
{
    Fixture *fix = user;

    fix->timed_out = true;
    g_main_loop_quit(fix->loop);
    return G_SOURCE_CONTINUE;
}

/* Runs the loop until a callback quits it. */
static void
wait_for_answer(Fixture *fix)
{
    guint timer = g_timeout_add_seconds(DEADLINE_S, on_timeout, fix);

    g_main_loop_run(fix->loop);
    g_source_remove(timer);
    assert_false(fix->timed_out);
    if (fix->error != NULL) {
        fail_msg("%s", fix->error->message);
    }
}

static void
on_done(const GError *error, void *user)
{
    Fixture *fix = user;

    fix->error = error != NULL ? g_error_copy(error) : NULL;
    g_main_loop_quit(fix->loop);
}

static void
on_console(ZgFd console, ZgFd pictures, const GError *error, void *user)
{
    Fixture *fix = user;

    fix->console = console;
    fix->pictures = pictures;
    on_done(error, user);
}

static void
on_list(const GPtrArray *domains, const GError *error, void *user)
{
    Fixture *fix = user;

    fix->n_domains = domains->len;
    on_done(error, user);
}

static void
on_event(const char *id, ZgHypEvent event, bool powered_off, void *user)
{
    Fixture *fix = user;

    fix->n_stopped += event == ZG_HYP_EVENT_STOPPED ? 1 : 0;
}

static void
start(Fixture *fix)
{
    int64_t begin_us = zg_clock_mono_us();

    zg_hypervisor_start(fix->hyp, DESKTOP, fix->xml, on_done, fix);
    wait_for_answer(fix);
    print_message("start: %d ms\n", (int)((zg_clock_mono_us() - begin_us) / 1000));
}

/* A D-Bus server that has read our first byte refuses a client that names no way to come in. */
static void
expect_dbus_display(Fixture *fix)
{
    static const char first[] = "\0AUTH\r\n";
    char answer[9] = "";
    struct pollfd wait = {.fd = fix->pictures, .events = POLLIN};

    assert_int_equal(fix->pictures >= 0, zg_hypervisor_has_dbus_display(fix->hyp));
    if (fix->pictures >= 0) {
        assert_int_equal(write(fix->pictures, first, sizeof first - 1), sizeof first - 1);
        assert_int_equal(poll(&wait, 1, 5000), 1);
        assert_int_equal(read(fix->pictures, answer, 8), 8);
        assert_string_equal(answer, "REJECTED");
        zg_fd_clear(&fix->pictures);
    }
}

static void
expect_banner(Fixture *fix)
{
    char banner[13] = "";
    int64_t begin_us = zg_clock_mono_us();
    struct pollfd wait;

    zg_hypervisor_console(fix->hyp, DESKTOP, on_console, fix);
    wait_for_answer(fix);
    wait = (struct pollfd){.fd = fix->console, .events = POLLIN};
    assert_int_equal(poll(&wait, 1, 5000), 1);
    assert_int_equal(read(fix->console, banner, 12), 12);
    assert_string_equal(banner, "RFB 003.008\n");
    zg_fd_clear(&fix->console);
    expect_dbus_display(fix);
    print_message("console: %d ms\n", (int)((zg_clock_mono_us() - begin_us) / 1000));
}

static void
a_guest_starts_shows_its_console_and_stops(void **state)
{
    Fixture *fix = *state;

    start(fix);
    expect_banner(fix);
    expect_banner(fix);
    zg_hypervisor_stop(fix->hyp, DESKTOP, on_done, fix);
    wait_for_answer(fix);
    zg_hypervisor_stop(fix->hyp, DESKTOP, on_done, fix);
    wait_for_answer(fix);
    zg_hypervisor_list(fix->hyp, on_list, fix);
    wait_for_answer(fix);
    assert_int_equal(fix->n_domains, 1);
    assert_int_equal(fix->n_stopped, 1);
}

static void
a_saved_guest_resumes(void **state)
{
    Fixture *fix = *state;

    start(fix);
    zg_hypervisor_save(fix->hyp, DESKTOP, on_done, fix);
    wait_for_answer(fix);
    start(fix);
    expect_banner(fix);
    zg_hypervisor_remove(fix->hyp, DESKTOP, on_done, fix);
    wait_for_answer(fix);
    zg_hypervisor_list(fix->hyp, on_list, fix);
    wait_for_answer(fix);
    assert_int_equal(fix->n_domains, 0);
}

static void
make_disk(const char *path, const char *qemu_user)
{
    const char *const argv[] = {"qemu-img", "create", "-q", "-f", "qcow2", path, "16M", NULL};
    uid_t uid;
    gid_t gid;

    assert_true(zg_run_ok(argv, 10000, NULL, NULL));
    if (geteuid() == 0 && zg_user_find(qemu_user, &uid, &gid, NULL)) {
        assert_int_equal(chown(path, uid, gid), 0);
    }
}

static int
set_up(void **state)
{
    static Fixture fix = {.console = -1};
    g_autofree char *run = g_strconcat(outer, "/run", NULL);
    g_autoptr(GError) error = NULL;
    ZgConfinement room = {0};
    const char *user = "+64055";
    ZgHypListener listener = {.on_event = on_event, .user = &fix};
    uid_t uid;
    gid_t gid;

    mkdir(run, 0711);
    fix.kvm = zg_kvm_probe("/usr/bin/qemu-system-x86_64", outer, user);
    print_message("kvm: %s (%s)\n", fix.kvm.proven ? "yes" : "no", fix.kvm.reason);
    if (!zg_confine_enter(&(ZgConfineOptions){.state_dir = outer,
                                              .hide_kvm = !fix.kvm.proven,
                                              .nat = true,
                                              .mtu = 1500},
                          &room, &error)) {
        fail_msg("%s", error->message);
    }
    print_message("nat: %s %s\n", room.nat ? "yes" : "no", room.nat ? "" : room.nat_reason);
    fix.state_dir = room.state_dir;
    fix.loop = g_main_loop_new(NULL, FALSE);
    {
        g_autofree char *uri = g_strdup_printf("qemu:///embed?root=%s/libvirt", fix.state_dir);
        g_autofree char *disk = g_strconcat(fix.state_dir, "/disk.qcow2", NULL);
        g_autofree char *socks = g_strconcat(fix.state_dir, "/socks", NULL);
        g_autofree char *socket = g_strconcat(socks, "/session", NULL);
        ZgDomainSpec spec = {.id = DESKTOP,
                             .title = "test",
                             .generation = 3,
                             .memory_mib = 64,
                             .vcpus = 1,
                             .kvm = fix.kvm.proven,
                             .emulator = "/usr/bin/qemu-system-x86_64",
                             .disk_path = disk,
                             .session_socket = socket,
                             .net = room.nat ? ZG_DOMAIN_NET_NAT : ZG_DOMAIN_NET_ISOLATED};

        chmod(outer, 0711);
        mkdir(socks, 0711);
        if (geteuid() == 0 && zg_user_find(user, &uid, &gid, NULL)) {
            assert_int_equal(chown(socks, uid, gid), 0);
        }
        make_disk(disk, user);
        fix.hyp = zg_hypervisor_new(&(ZgHypervisorOptions){.uri = uri,
                                                           .qemu_user = user,
                                                           .dbus_display = true},
                                    &listener, &error);
        assert_non_null(fix.hyp);
        zg_hypervisor_open(fix.hyp, on_done, &fix);
        wait_for_answer(&fix);
        spec.dbus_display = zg_hypervisor_has_dbus_display(fix.hyp);
        fix.xml = zg_domain_xml(&spec);
    }
    *state = &fix;
    return 0;
}

static int
tear_down(void **state)
{
    Fixture *fix = *state;

    zg_confine_leave(fix->state_dir);
    zg_hypervisor_free(fix->hyp);
    g_free(fix->xml);
    g_main_loop_unref(fix->loop);
    return 0;
}

/* Reaps what loses its parent, as the supervisor does: libvirt waits for its guests' end. Then the
 * folder goes, from outside the room: inside it is a mount. */
static int
run_under_reaper(void)
{
    const char *const remove[] = {"rm", "-rf", "--one-file-system", outer, NULL};
    pid_t child;
    int status;
    pid_t got;

    prctl(PR_SET_CHILD_SUBREAPER, 1);
    child = fork();
    if (child == 0) {
        return -1;
    }
    do {
        got = waitpid(-1, &status, 0);
    } while (got != child);
    bool removed = zg_run_ok(remove, DEADLINE_S * 1000, NULL, NULL);
    return removed && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_guest_starts_shows_its_console_and_stops),
        cmocka_unit_test(a_saved_guest_resumes),
    };
    int status;

    if (argc == 4 && g_str_equal(argv[1], "--hold")) {
        return zg_confine_hold(argv[2], atoi(argv[3]));
    }
    outer = g_dir_make_tmp("zg-hyp-XXXXXX", NULL);
    status = run_under_reaper();
    zg_log_init("hypervisor_test");
    return status >= 0 ? status : cmocka_run_group_tests(tests, set_up, tear_down);
}
