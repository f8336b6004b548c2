/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/ctl/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "client/ctl/programs.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/fd.h"
#include "common/base/log.h"

#define UP "up\n"
#define RESTART_LEAST_MS 200
#define RESTART_MOST_MS 10000
/* A program that lived this long gets a quick restart again. */
#define GOOD_AFTER_US (60 * G_USEC_PER_SEC)
#define START_DEADLINE_US (30 * G_USEC_PER_SEC)
#define SAVE_DEADLINE_US (240 * G_USEC_PER_SEC)
#define TERM_DEADLINE_US (10 * G_USEC_PER_SEC)

typedef struct {
    const char *name;    /* in run/NAME.pid and log/NAME.log */
    const char *program; /* file name of the program */
    const char *folder;  /* where it is in a build tree */
    const char *mode;    /* first argument, or NULL */
    const char *config;  /* file in the installation */
    pid_t pid;           /* 0 while it does not run */
    int64_t started_us;
    int64_t restart_us; /* when to start it again; 0: not waiting */
    unsigned pause_ms;
} Child;

typedef enum {
    STAGE_STARTING, /* until broker and front listen: whoever ends now ends the start */
    STAGE_RUNNING,
    STAGE_SAVING,  /* hostd saves desktops; the rest still runs */
    STAGE_TERMING, /* everything was asked to end */
} Stage;

typedef struct {
    const char *directory;
    Child children[3];
    Stage stage;
    bool save;
    int64_t deadline_us;
    int report_fd; /* told "up" once all of it listens; -1: nobody asks */
    char *failure; /* why the start failed */
} Supervisor;

static const Child all_children[3] = {
    {.name = "broker", .program = "zaguan-broker", .folder = "broker", .mode = "--config",
     .config = "broker.conf"},
    {.name = "hostd", .program = "zaguan-hostd", .folder = "hostd", .mode = "--config",
     .config = "hostd.conf"},
    {.name = "front", .program = "zaguan-display", .folder = "display", .mode = "--front",
     .config = "front.conf"},
};

static char *
in_run(const char *directory, const char *name, const char *suffix)
{
    return g_strdup_printf("%s/run/%s%s", directory, name, suffix);
}

static void
write_pid(const char *directory, const char *name, pid_t pid)
{
    g_autofree char *path = in_run(directory, name, ".pid");
    g_autofree char *text = g_strdup_printf("%d\n", (int)pid);

    if (pid == 0) {
        g_unlink(path);
    } else if (!g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_NONE, 0600, NULL)) {
        zg_log_warning("pid-file", name, "cannot write '%s'; ignoring", path);
    }
}

/* Only calls that are safe between fork and exec. */
static void G_GNUC_NORETURN
exec_child(char *const *argv, int log_fd, const sigset_t *unblocked)
{
    int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    sigprocmask(SIG_SETMASK, unblocked, NULL);
    if (null_fd >= 0) {
        dup2(null_fd, STDIN_FILENO);
    }
    dup2(log_fd, STDOUT_FILENO);
    dup2(log_fd, STDERR_FILENO);
    execv(argv[0], argv);
    dprintf(STDERR_FILENO, "cannot run %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

static bool
start_child(Supervisor *supervisor, Child *child, GError **error)
{
    g_autofree char *program = zg_program_find(child->program, child->folder, error);
    g_autofree char *config = g_build_filename(supervisor->directory, child->config, NULL);
    g_autofree char *log_path =
        g_strdup_printf("%s/log/%s.log", supervisor->directory, child->name);
    char *argv[] = {program, (char *)child->mode, config, NULL};
    g_auto(ZgFd) log_fd = -1;
    sigset_t none;

    if (program == NULL) {
        return false;
    }
    log_fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log_fd < 0) {
        zg_set_errno(error, errno, "open '%s'", log_path);
        return false;
    }
    sigemptyset(&none);
    child->restart_us = 0;
    child->started_us = zg_clock_mono_us();
    child->pid = fork();
    if (child->pid == 0) {
        exec_child(argv, log_fd, &none);
    }
    if (child->pid < 0) {
        child->pid = 0;
        zg_set_errno(error, errno, "start '%s'", child->program);
        return false;
    }
    write_pid(supervisor->directory, child->name, child->pid);
    zg_log_info("program-started", child->name, "'%s' runs as process %d", child->program,
                (int)child->pid);
    return true;
}

static void
signal_all(const Supervisor *supervisor, int signal_number)
{
    for (size_t i = 0; i < G_N_ELEMENTS(supervisor->children); i++) {
        if (supervisor->children[i].pid != 0) {
            kill(supervisor->children[i].pid, signal_number);
        }
    }
}

static void
enter_terming(Supervisor *supervisor)
{
    supervisor->stage = STAGE_TERMING;
    supervisor->deadline_us = zg_clock_mono_us() + TERM_DEADLINE_US;
    signal_all(supervisor, SIGTERM);
}

char *
zg_supervisor_last_words(const char *directory, const char *name)
{
    g_autofree char *path = g_strdup_printf("%s/log/%s.log", directory, name);
    g_autofree char *text = NULL;
    const char *line;

    if (!g_file_get_contents(path, &text, NULL, NULL)) {
        return g_strdup("it wrote no log");
    }
    g_strchomp(text);
    line = strrchr(text, '\n');
    return g_strdup(line != NULL ? line + 1 : text);
}

static void
fail_start(Supervisor *supervisor, const Child *child, const char *what)
{
    g_autofree char *words =
        zg_supervisor_last_words(supervisor->directory, child->name);

    supervisor->failure = g_strdup_printf("'%s' %s; the last line of %s/log/%s.log:\n  %s",
                                          child->program, what, supervisor->directory,
                                          child->name, words);
    enter_terming(supervisor);
}

static void
plan_restart(Child *child, int64_t now_us)
{
    if (now_us - child->started_us > GOOD_AFTER_US || child->pause_ms == 0) {
        child->pause_ms = RESTART_LEAST_MS;
    }
    child->restart_us = now_us + (int64_t)child->pause_ms * 1000;
    child->pause_ms = MIN(child->pause_ms * 2, RESTART_MOST_MS);
}

static void
on_child_gone(Supervisor *supervisor, Child *child, int status, int64_t now_us)
{
    child->pid = 0;
    write_pid(supervisor->directory, child->name, 0);
    if (supervisor->stage == STAGE_STARTING) {
        fail_start(supervisor, child, "ended at once");
        return;
    }
    if (supervisor->stage != STAGE_RUNNING) {
        zg_log_info("program-ended", child->name, "'%s' ended", child->program);
        return;
    }
    plan_restart(child, now_us);
    if (WIFSIGNALED(status)) {
        zg_log_error("program-died", child->name, "'%s' was ended by signal %d; starting it again",
                     child->program, WTERMSIG(status));
    } else {
        zg_log_error("program-died", child->name,
                     "'%s' ended with status %d; starting it again. Its log: log/%s.log",
                     child->program, WEXITSTATUS(status), child->name);
    }
}

/* Also takes what the programs left behind: QEMU and workers are ours to reap. */
static void
reap(Supervisor *supervisor)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (size_t i = 0; i < G_N_ELEMENTS(supervisor->children); i++) {
            if (supervisor->children[i].pid == pid) {
                on_child_gone(supervisor, &supervisor->children[i], status, zg_clock_mono_us());
            }
        }
    }
}

static void
restart_due(Supervisor *supervisor, int64_t now_us)
{
    for (size_t i = 0; i < G_N_ELEMENTS(supervisor->children); i++) {
        Child *child = &supervisor->children[i];
        g_autoptr(GError) error = NULL;

        if (supervisor->stage == STAGE_RUNNING && child->restart_us != 0 &&
            child->restart_us <= now_us && !start_child(supervisor, child, &error)) {
            zg_log_error("program-start", child->name, "%s", error->message);
            plan_restart(child, now_us);
        }
    }
}

static bool
any_runs(const Supervisor *supervisor)
{
    for (size_t i = 0; i < G_N_ELEMENTS(supervisor->children); i++) {
        if (supervisor->children[i].pid != 0) {
            return true;
        }
    }
    return false;
}

static Child *
hostd_of(Supervisor *supervisor)
{
    return &supervisor->children[1];
}

static void
begin_stop(Supervisor *supervisor, bool save)
{
    if (supervisor->stage > STAGE_RUNNING) {
        return;
    }
    supervisor->save = save;
    if (save && hostd_of(supervisor)->pid != 0) {
        /* hostd saves and then ends; its front must still be there to let go of the consoles. */
        supervisor->stage = STAGE_SAVING;
        supervisor->deadline_us = zg_clock_mono_us() + SAVE_DEADLINE_US;
        kill(hostd_of(supervisor)->pid, SIGUSR1);
        zg_log_info("saving", NULL, "saving the desktops");
    } else {
        enter_terming(supervisor);
    }
}

/* Return: false when everything has ended. */
static bool
advance_stop(Supervisor *supervisor, int64_t now_us)
{
    if (supervisor->stage == STAGE_SAVING &&
        (hostd_of(supervisor)->pid == 0 || now_us > supervisor->deadline_us)) {
        enter_terming(supervisor);
    }
    if (supervisor->stage == STAGE_TERMING && now_us > supervisor->deadline_us) {
        zg_log_warning("kill", NULL, "a program did not end within %d s; killing it",
                       (int)(TERM_DEADLINE_US / G_USEC_PER_SEC));
        signal_all(supervisor, SIGKILL);
        supervisor->deadline_us = now_us + TERM_DEADLINE_US;
    }
    return supervisor->stage != STAGE_TERMING || any_runs(supervisor);
}

/*
 * Asked with the wrong kind of socket: the kernel tells a socket that lives (EPROTOTYPE) from a
 * file that was left behind, and nobody is disturbed.
 */
bool
zg_supervisor_listens(const char *directory, const char *name)
{
    g_autofree char *path = in_run(directory, name, ".sock");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    g_auto(ZgFd) fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    g_strlcpy(address.sun_path, path, sizeof address.sun_path);
    return fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) < 0 &&
           errno == EPROTOTYPE;
}

static void
advance_start(Supervisor *supervisor, int64_t now_us)
{
    bool broker = zg_supervisor_listens(supervisor->directory, "broker");

    if (broker && zg_supervisor_listens(supervisor->directory, "front")) {
        supervisor->stage = STAGE_RUNNING;
        zg_log_info("up", NULL, "broker and front listen");
        if (supervisor->report_fd >= 0 && write(supervisor->report_fd, UP, strlen(UP)) < 0) {
            zg_log_debug("up", NULL, "nobody waits any more");
        }
    } else if (now_us > supervisor->deadline_us) {
        fail_start(supervisor, &supervisor->children[broker ? 2 : 0], "does not listen");
    }
}

static void
loop(Supervisor *supervisor, const sigset_t *watched)
{
    bool going = true;

    while (going) {
        const struct timespec tick = {.tv_nsec = 100 * 1000 * 1000};
        int number = sigtimedwait(watched, NULL, &tick);
        int64_t now_us = zg_clock_mono_us();

        if (number == SIGTERM || number == SIGINT || number == SIGHUP) {
            begin_stop(supervisor, number != SIGHUP);
        }
        reap(supervisor);
        restart_due(supervisor, now_us);
        if (supervisor->stage == STAGE_STARTING) {
            advance_start(supervisor, now_us);
        }
        going = advance_stop(supervisor, now_us);
    }
}

/* The lock lives as long as the process: no stale file can pretend. */
static int
take_lock(const char *directory, GError **error)
{
    g_autofree char *path = in_run(directory, "up", ".pid");
    g_autofree char *config = g_build_filename(directory, "broker.conf", NULL);
    g_auto(ZgFd) fd = -1;

    if (access(config, R_OK) != 0) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_NOT_FOUND,
                    "'%s' is not an installation (no broker.conf): make one with `zaguan init %s`",
                    directory, directory);
        return -1;
    }
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        zg_set_errno(error, errno, "open '%s'", path);
        return -1;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_CONFLICT, "'%s' runs already", directory);
        return -1;
    }
    if (ftruncate(fd, 0) < 0 || dprintf(fd, "%d\n", (int)getpid()) < 0) {
        zg_set_errno(error, errno, "write '%s'", path);
        return -1;
    }
    return zg_fd_steal(&fd);
}

bool
zg_supervisor_run(const char *directory, int report_fd, GError **error)
{
    g_auto(ZgFd) lock = take_lock(directory, error);
    g_autofree char *failure = NULL;
    Supervisor supervisor = {.directory = directory, .report_fd = report_fd};
    sigset_t watched;

    if (lock < 0) {
        return false;
    }
    memcpy(supervisor.children, all_children, sizeof all_children);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    sigemptyset(&watched);
    sigaddset(&watched, SIGCHLD);
    sigaddset(&watched, SIGTERM);
    sigaddset(&watched, SIGINT);
    sigaddset(&watched, SIGHUP);
    sigprocmask(SIG_BLOCK, &watched, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(supervisor.children); i++) {
        if (!start_child(&supervisor, &supervisor.children[i], error)) {
            enter_terming(&supervisor);
            loop(&supervisor, &watched);
            return false;
        }
    }
    supervisor.deadline_us = zg_clock_mono_us() + START_DEADLINE_US;
    loop(&supervisor, &watched);
    failure = supervisor.failure;
    if (failure != NULL) {
        g_set_error_literal(error, ZG_ERROR, ZG_ERROR_FAILED, failure);
    }
    return failure == NULL;
}

int
zg_supervisor_pid(const char *directory)
{
    g_autofree char *path = in_run(directory, "up", ".pid");
    g_auto(ZgFd) fd = open(path, O_RDONLY | O_CLOEXEC);
    char text[32] = "";

    if (fd < 0 || flock(fd, LOCK_SH | LOCK_NB) == 0) {
        return 0; /* nobody holds it */
    }
    return read(fd, text, sizeof text - 1) > 0 ? atoi(text) : 0;
}

/* What the supervisor writes into the pipe: UP, or why not. */
static bool
wait_until_up(const char *directory, int pipe_fd, GError **error)
{
    int64_t deadline_us =
        zg_clock_mono_us() + START_DEADLINE_US + TERM_DEADLINE_US + 5 * G_USEC_PER_SEC;
    char text[2048] = "";
    size_t n_text = 0;

    for (;;) {
        struct pollfd news = {.fd = pipe_fd, .events = POLLIN};
        ssize_t n = 0;

        if (poll(&news, 1, (int)MAX((deadline_us - zg_clock_mono_us()) / 1000, 0)) != 1) {
            g_set_error(error, ZG_ERROR, ZG_ERROR_TIMEOUT,
                        "the supervisor says nothing; read %s/log/up.log", directory);
            return false;
        }
        n = read(pipe_fd, text + n_text, sizeof text - 1 - n_text);
        if (n <= 0) {
            g_set_error(error, ZG_ERROR, ZG_ERROR_FAILED, "%s",
                        n_text > 0 ? text : "the supervisor ended at once");
            return false;
        }
        n_text += (size_t)n;
        text[n_text] = '\0';
        if (g_str_equal(text, UP)) {
            return true;
        }
    }
}

static void G_GNUC_NORETURN
run_detached(const char *directory, int report_fd)
{
    g_autofree char *log_path = g_build_filename(directory, "log", "up.log", NULL);
    g_autoptr(GError) error = NULL;
    int log_fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    setsid();
    dup2(null_fd, STDIN_FILENO);
    dup2(null_fd, STDOUT_FILENO);
    dup2(log_fd >= 0 ? log_fd : null_fd, STDERR_FILENO);
    if (!zg_supervisor_run(directory, report_fd, &error)) {
        dprintf(report_fd, "%s", error->message);
        zg_log_error("up", directory, "%s", error->message);
        _exit(1);
    }
    _exit(0);
}

bool
zg_supervisor_detach(const char *directory, GError **error)
{
    int report[2];
    g_auto(ZgFd) child_end = -1;
    g_auto(ZgFd) our_end = -1;
    pid_t pid;

    if (zg_supervisor_pid(directory) != 0) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_CONFLICT, "'%s' runs already", directory);
        return false;
    }
    if (pipe2(report, O_CLOEXEC) < 0) {
        zg_set_errno(error, errno, "make a pipe");
        return false;
    }
    our_end = report[0];
    child_end = report[1];
    pid = fork();
    if (pid < 0) {
        zg_set_errno(error, errno, "start the supervisor");
        return false;
    }
    if (pid == 0) {
        run_detached(directory, child_end);
    }
    zg_fd_clear(&child_end);
    return wait_until_up(directory, our_end, error);
}

bool
zg_supervisor_stop(const char *directory, bool save, unsigned timeout_ms, GError **error)
{
    int pid = zg_supervisor_pid(directory);
    g_auto(ZgFd) process = pid != 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    struct pollfd gone = {.fd = process, .events = POLLIN};

    if (process < 0) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_NOT_FOUND, "'%s' does not run", directory);
        return false;
    }
    if (kill(pid, save ? SIGTERM : SIGHUP) < 0) {
        zg_set_errno(error, errno, "stop process %d", pid);
        return false;
    }
    if (poll(&gone, 1, (int)timeout_ms) != 1) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_TIMEOUT,
                    "'%s' is still stopping after %u s; read %s/log/up.log", directory,
                    timeout_ms / 1000, directory);
        return false;
    }
    return true;
}
