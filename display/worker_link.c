/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/worker_link.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/fd.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/proto/json.h"

#define DOOR_FD 3
#define PROGRAM_FD 4
#define DOOR_GRACE_MS 500 /* from its door's end to SIGKILL */

/* The process outlives its link by up to ZG_WORKER_STOP_MS, so it has a life of its own. */
typedef struct {
    pid_t pid;
    guint kill_timer;
    ZgWorkerLink *link; /* NULL once the link was freed */
} Process;

struct ZgWorkerLink {
    Process *process; /* NULL after it was reaped */
    ZgFd door;
    guint watch;
    guint ready_timer;
    uid_t uid;
    pid_t pid;
    bool ready;
    bool ended;
    int64_t second_us; /* reports are counted since then */
    unsigned n_reports;
    const char *kill_reason;
    const ZgWorkerHandlers *handlers;
    void *user;
};

/* Child, between fork and exec: async-signal-safe calls only. */
static void
become_worker(int door, int program, uid_t uid)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    /* First out of the way of the numbers that are about to be taken. */
    door = fcntl(door, F_DUPFD, PROGRAM_FD + 1);
    program = fcntl(program, F_DUPFD, PROGRAM_FD + 1);
    dup2(null, STDIN_FILENO);
    dup2(door, DOOR_FD);
    dup3(program, PROGRAM_FD, O_CLOEXEC);
    close_range(PROGRAM_FD + 1, ~0U, 0);
    setsid();
    /* No way out over the network even if everything else fails; not all kernels allow it. */
    if (geteuid() == 0) {
        (void)!unshare(CLONE_NEWNET | CLONE_NEWIPC);
    } else {
        (void)!unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWIPC);
    }
    if (uid != 0 && (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 ||
                     setresuid(uid, uid, uid) < 0)) {
        _exit(126);
    }
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static pid_t
spawn(const ZgWorkerSettings *settings, int door, GError **error)
{
    g_auto(ZgFd) program = open(settings->program, O_RDONLY | O_CLOEXEC);
    g_autofree char *level = g_strdup_printf("ZAGUAN_LOG=%s", g_getenv("ZAGUAN_LOG") ?: "info");
    char name[] = "zaguan-display", flag[] = "--worker";
    char *const argv[] = {name, flag, NULL};
    char *const envp[] = {level, NULL};
    pid_t pid;

    if (program < 0) {
        zg_set_errno(error, errno, "open worker program '%s'", settings->program);
        return -1;
    }
    pid = fork();
    if (pid == 0) {
        become_worker(door, program, settings->uid);
        /* By descriptor: the worker's user need not be able to walk to the program's folder. */
        fexecve(PROGRAM_FD, argv, envp);
        _exit(127);
    }
    if (pid < 0) {
        zg_set_errno(error, errno, "start a worker");
    }
    return pid;
}

static void
end_link(ZgWorkerLink *link, const char *reason)
{
    g_clear_handle_id(&link->watch, g_source_remove);
    g_clear_handle_id(&link->ready_timer, g_source_remove);
    zg_fd_clear(&link->door);
    if (!link->ended) {
        link->ended = true;
        link->handlers->on_ended(link, reason, link->user);
    }
}

static void
on_reaped(GPid pid, gint status, gpointer data)
{
    Process *process = data;
    ZgWorkerLink *link = process->link;
    char reason[80];

    if (WIFSIGNALED(status)) {
        g_snprintf(reason, sizeof reason, "worker ended by signal %d", WTERMSIG(status));
    } else {
        g_snprintf(reason, sizeof reason, "worker ended with status %d", WEXITSTATUS(status));
    }
    zg_log_info("worker-reaped", NULL, "worker %d: %s", (int)pid, reason);
    g_clear_handle_id(&process->kill_timer, g_source_remove);
    g_spawn_close_pid(pid);
    g_free(process);
    if (link != NULL) {
        link->process = NULL;
        end_link(link, link->kill_reason != NULL ? link->kill_reason : reason);
    }
}

static gboolean
on_kill_timer(gpointer data)
{
    Process *process = data;

    process->kill_timer = 0;
    kill(process->pid, SIGKILL);
    return G_SOURCE_REMOVE;
}

static void
kill_worker(ZgWorkerLink *link, const char *reason)
{
    if (link->process != NULL) {
        zg_log_warning("worker-killed", NULL, "worker %d: %s", (int)link->pid, reason);
        link->kill_reason = reason;
        kill(link->pid, SIGKILL);
    }
}

static gboolean
on_not_ready(gpointer data)
{
    ZgWorkerLink *link = data;

    link->ready_timer = 0;
    kill_worker(link, "worker did not become ready in 5 s");
    return G_SOURCE_REMOVE;
}

/* It may be in a hostile console's hands: what floods us would flood hostd next. */
static bool
talks_too_much(ZgWorkerLink *link)
{
    int64_t now_us = zg_clock_mono_us();

    if (now_us - link->second_us >= G_USEC_PER_SEC) {
        link->second_us = now_us;
        link->n_reports = 0;
    }
    return ++link->n_reports > ZG_WORKER_REPORTS_MAX;
}

/* Return: false when it is being killed for it. */
static bool
take_packet(ZgWorkerLink *link, const void *bytes, size_t n_bytes)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) message = zg_json_parse(bytes, n_bytes, &error);
    g_auto(ZgWorkerReport) report = {0};

    if (talks_too_much(link)) {
        kill_worker(link, "worker said too much");
        return false;
    }
    if (message == NULL || !zg_worker_report_read(message, &report, &error)) {
        zg_log_warning("worker-report-refused", NULL, "worker %d: %s", (int)link->pid,
                       error->message);
        kill_worker(link, "worker sent what is not a message");
        return false;
    }
    if (report.kind == ZG_WORKER_SAYS_READY) {
        link->ready = true;
        g_clear_handle_id(&link->ready_timer, g_source_remove);
    }
    link->handlers->on_report(link, &report, link->user);
    return true;
}

static gboolean
on_door(gint fd, GIOCondition condition, gpointer data)
{
    static char buffer[ZG_LIMIT_CONTROL_BYTES]; /* loop thread only */
    ZgWorkerLink *link = data;
    g_autoptr(GError) error = NULL;
    g_auto(ZgFd) passed = -1;
    ssize_t n = zg_packet_receive(fd, buffer, sizeof buffer, &passed, &error);

    (void)condition;
    if (n == -2) {
        return G_SOURCE_CONTINUE;
    }
    if (n > 0) {
        /* One packet a turn: the handler may free the link. */
        if (take_packet(link, buffer, (size_t)n)) {
            return G_SOURCE_CONTINUE;
        }
        link->watch = 0;
        return G_SOURCE_REMOVE;
    }
    /* The process is ending and its reaping will tell why. Should it linger, it is killed. */
    link->watch = 0;
    if (n < 0) {
        kill_worker(link, "worker sent a message that is too long");
    } else if (link->process != NULL && link->process->kill_timer == 0) {
        link->process->kill_timer = g_timeout_add(DOOR_GRACE_MS, on_kill_timer, link->process);
    }
    return G_SOURCE_REMOVE;
}

ZgWorkerLink *
zg_worker_link_new(const ZgWorkerSettings *settings, const ZgWorkerHandlers *handlers, void *user,
                   GError **error)
{
    g_auto(ZgFd) far_end = -1;
    ZgWorkerLink *link;
    int ends[2];
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
        zg_set_errno(error, errno, "create a worker's door");
        return NULL;
    }
    far_end = ends[1];
    pid = spawn(settings, far_end, error);
    if (pid < 0) {
        close(ends[0]);
        return NULL;
    }
    link = g_new0(ZgWorkerLink, 1);
    link->door = ends[0];
    link->handlers = handlers;
    link->user = user;
    link->uid = settings->uid;
    link->pid = pid;
    link->process = g_new0(Process, 1);
    *link->process = (Process){.pid = pid, .link = link};
    g_child_watch_add(pid, on_reaped, link->process);
    zg_fd_set_nonblocking(link->door, NULL);
    link->watch = g_unix_fd_add(link->door, G_IO_IN, on_door, link);
    link->ready_timer = g_timeout_add(ZG_WORKER_READY_MS, on_not_ready, link);
    return link;
}

void
zg_worker_link_free(ZgWorkerLink *link)
{
    if (link == NULL) {
        return;
    }
    link->ended = true;
    if (link->process != NULL) {
        zg_worker_link_send(link, json_pack("{s:s}", "type", "stop"), -1);
        link->process->link = NULL;
        if (link->process->kill_timer == 0) {
            link->process->kill_timer =
                g_timeout_add(ZG_WORKER_STOP_MS, on_kill_timer, link->process);
        }
    }
    end_link(link, "");
    g_free(link);
}

bool
zg_worker_link_send(ZgWorkerLink *link, json_t *message, int pass_fd)
{
    g_autoptr(json_t) owned = message;
    g_autoptr(GError) error = NULL;
    char *text = zg_json_text(message);
    bool sent = link->door >= 0 && zg_packet_send(link->door, text, strlen(text), pass_fd, &error);

    free(text);
    if (!sent && link->door >= 0) {
        kill_worker(link, "worker does not read its messages");
    }
    return sent;
}

bool
zg_worker_link_is_ready(const ZgWorkerLink *link)
{
    return link->ready;
}

pid_t
zg_worker_link_pid(const ZgWorkerLink *link)
{
    return link->pid;
}

uid_t
zg_worker_link_uid(const ZgWorkerLink *link)
{
    return link->uid;
}
