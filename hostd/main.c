/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zaguan-hostd: one hypervisor host. Configuration, KVM proof, the room, then the loop. */
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/base/error.h"
#include "common/base/log.h"
#include "hostd/config.h"
#include "hostd/confine.h"
#include "hostd/folder.h"
#include "hostd/host.h"
#include "hostd/hypervisor.h"
#include "hostd/kvm_probe.h"
#include "hostd/relay.h"

#define USAGE "usage: zaguan-hostd --config FILE\n"
#define EMULATOR "/usr/bin/qemu-system-x86_64"

typedef struct {
    GMainLoop *loop;
    ZgHost *host;
    const char *state_dir;
    bool leave_room;
    bool failed;
} Program;

static gboolean
on_term(gpointer data)
{
    Program *program = data;

    zg_log_info("stopping", NULL, "%u desktops run on", zg_host_n_running(program->host));
    program->leave_room = zg_host_n_running(program->host) == 0;
    g_main_loop_quit(program->loop);
    return G_SOURCE_CONTINUE;
}

static void
on_failed(void *user)
{
    Program *program = user;

    program->failed = true;
    g_main_loop_quit(program->loop);
}

static void
on_all_suspended(void *user)
{
    Program *program = user;
    unsigned n_running = zg_host_n_running(program->host);

    zg_log_info("suspended", NULL, "desktops are saved, %u run on", n_running);
    program->leave_room = n_running == 0;
    g_main_loop_quit(program->loop);
}

static gboolean
on_suspend(gpointer data)
{
    Program *program = data;

    zg_log_info("suspending", NULL, "saving the memory of %u desktops",
                zg_host_n_running(program->host));
    zg_host_suspend_all(program->host, on_all_suspended, program);
    return G_SOURCE_REMOVE;
}

/* Everything of the state folder as it is called inside the room. */
static char *
inner_path(const char *path, const ZgHostdConfig *config, const ZgConfinement *room)
{
    return path != NULL && g_str_has_prefix(path, config->state_dir)
               ? g_strconcat(room->state_dir, path + strlen(config->state_dir), NULL)
               : g_strdup(path);
}

static char *
inner_uri(const ZgHostdConfig *config, const ZgConfinement *room)
{
    const char *root = strstr(config->uri, "root=");
    g_autofree char *inner = NULL;
    g_autofree char *head = NULL;

    if (root == NULL) {
        return g_strdup(config->uri);
    }
    head = g_strndup(config->uri, (gsize)(root - config->uri));
    inner = inner_path(root + strlen("root="), config, room);
    return g_strconcat(head, "root=", inner, NULL);
}

static bool
is_embedded(const char *uri)
{
    return g_str_has_prefix(uri, "qemu:///embed");
}

/* Only the embedded driver starts its guests from here; others have namespaces of their own. */
static bool
enter_room(const ZgHostdConfig *config, bool hide_kvm, ZgConfinement *out, GError **error)
{
    const char *const paths[] = {config->incoming,    config->front, config->certificate,
                                 config->key,         config->ca,    config->broker,
                                 config->join_token_file};
    g_autoptr(GPtrArray) used = g_ptr_array_new();

    if (!is_embedded(config->uri)) {
        out->state_dir = g_strdup(config->state_dir);
        out->nat = config->nat && g_str_has_prefix(config->uri, "fake:");
        out->nat_reason =
            out->nat ? NULL
                     : g_strdup("only the embedded driver's guests have a network of their own");
        return true;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
        if (paths[i] != NULL) {
            g_ptr_array_add(used, (gpointer)(g_str_has_prefix(paths[i], "unix:") ? paths[i] + 5
                                                                                : paths[i]));
        }
    }
    g_ptr_array_add(used, NULL);
    return zg_confine_enter(&(ZgConfineOptions){.state_dir = config->state_dir,
                                                .paths = (const char *const *)used->pdata,
                                                .hide_kvm = hide_kvm,
                                                .nat = config->nat,
                                                .mtu = config->mtu,
                                                .deny = config->deny},
                            out, error);
}

static int
run(const ZgHostdConfig *config, const ZgConfinement *room, const ZgKvmProof *kvm,
    const char *broker)
{
    g_autofree char *uri = inner_uri(config, room);
    g_autoptr(GError) error = NULL;
    Program program = {.state_dir = config->state_dir};
    ZgHostOptions options = {.config = config,
                             .state_dir = room->state_dir,
                             .uri = uri,
                             .emulator = EMULATOR,
                             .broker = broker,
                             .kvm = kvm->proven,
                             .accel_reason = kvm->reason,
                             .nat = room->nat,
                             .failed = on_failed,
                             .user = &program};

    program.loop = g_main_loop_new(NULL, FALSE);
    program.host = zg_host_new(&options, &error);
    if (program.host == NULL) {
        zg_log_error("not-started", config->name, "%s", error->message);
        return 1;
    }
    g_unix_signal_add(SIGTERM, on_term, &program);
    g_unix_signal_add(SIGINT, on_term, &program);
    g_unix_signal_add(SIGUSR1, on_suspend, &program);
    zg_log_info("started", config->name, "accelerator %s (%s), guests' way out: %s",
                kvm->proven ? "kvm" : "tcg", kvm->reason,
                room->nat ? "yes" : (room->nat_reason != NULL ? room->nat_reason : "no"));
    g_main_loop_run(program.loop);
    if (program.leave_room) {
        zg_confine_leave(room->state_dir);
    }
    /* Calls may still be on their way; the end of the process is their end. */
    return program.failed ? 1 : 0;
}

/* Two of us would pull at the same guests. The lock lives as long as this process. */
static bool
take_lock(const char *run_dir, GError **error)
{
    g_autofree char *path = g_strconcat(run_dir, "/lock", NULL);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0) {
        zg_set_errno(error, errno, "open '%s'", path);
        return false;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        g_set_error(error, ZG_ERROR, ZG_ERROR_CONFLICT,
                    "another zaguan-hostd runs on this state folder (it holds '%s')", path);
        return false;
    }
    return true; /* never closed */
}

static int
start(const ZgHostdConfig *config)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *run_dir = g_strconcat(config->state_dir, "/run", NULL);
    g_autofree char *broker = NULL;
    ZgConfinement room = {0};
    ZgKvmProof kvm = {0};
    int status = 1;

    umask(022);
    if (!zg_folder_make(run_dir, &error) || chmod(config->state_dir, 0711) != 0) {
        zg_log_error("not-started", config->name, "%s",
                     error != NULL ? error->message : "the state folder cannot be protected");
        return 1;
    }
    kvm = g_str_has_prefix(config->uri, "fake:")
              ? (ZgKvmProof){false, g_strdup("no hypervisor here")}
              : zg_kvm_probe(EMULATOR, config->state_dir, config->qemu_user);
    /* The relay stays outside, where the broker's network is. */
    broker = config->broker != NULL && g_str_has_prefix(config->broker, "tcp:") &&
                     is_embedded(config->uri)
                 ? zg_relay_start(config->broker, config->state_dir, &error)
                 : g_strdup(config->broker);
    /* After the relay, a fork that must not keep the lock. */
    if (error != NULL || !take_lock(run_dir, &error) ||
        !enter_room(config, !kvm.proven, &room, &error)) {
        zg_log_error("not-started", config->name, "%s", error->message);
    } else {
        status = run(config, &room, &kvm, broker);
    }
    zg_confinement_clear(&room);
    g_free(kvm.reason);
    return status;
}

int
main(int argc, char **argv)
{
    g_autoptr(ZgHostdConfig) config = NULL;
    g_autoptr(GError) error = NULL;

    zg_log_init("zaguan-hostd");
    if (argc == 4 && g_str_equal(argv[1], "--hold")) {
        return zg_confine_hold(argv[2], atoi(argv[3]));
    }
    if (argc != 3 || !g_str_equal(argv[1], "--config")) {
        fputs(USAGE, stderr);
        return 2;
    }
    config = zg_hostd_config_load(argv[2], &error);
    if (config == NULL) {
        zg_log_error("configuration", NULL, "%s", error->message);
        return 2;
    }
    return start(config);
}
