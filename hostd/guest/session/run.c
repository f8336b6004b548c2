/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hostd/guest/session/run.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

enum { MAX_GROUPS = 16 };

int64_t
zg_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void
zg_child_setup(int first_fd)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (int i = 1; i < NSIG; i++) {
        signal(i, SIG_DFL);
    }
    setsid();
    syscall(SYS_close_range, (unsigned)first_fd, ~0U, 0U);
}

static void
null_standard_streams(void)
{
    int fd = open("/dev/null", O_RDWR);

    if (fd >= 0) {
        dup2(fd, 0);
        dup2(fd, 1);
        dup2(fd, 2);
    }
}

static int
wait_until(pid_t pid, int64_t deadline_ms)
{
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    int status = 0;

    if (pidfd >= 0) {
        struct pollfd p = { .fd = pidfd, .events = POLLIN };
        int64_t left = deadline_ms - zg_now_ms();

        while (left > 0 && poll(&p, 1, (int)left) < 0 && errno == EINTR) {
            left = deadline_ms - zg_now_ms();
        }
        close(pidfd);
    }
    if (waitpid(pid, &status, WNOHANG) != pid) {
        kill(-pid, SIGKILL);
        kill(pid, SIGKILL);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
        }
        return -1;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int
zg_run(const char *const argv[], int timeout_ms)
{
    int64_t deadline_ms = zg_now_ms() + timeout_ms;
    pid_t pid = fork();

    if (pid < 0) {
        return -1;
    }
    if (pid == 0) {
        null_standard_streams();
        zg_child_setup(3);
        execv(argv[0], (char *const *)argv);
        _exit(127);
    }
    return wait_until(pid, deadline_ms);
}

bool
zg_write_file(const char *path, const char *text, mode_t mode)
{
    char temporary[256];
    size_t n = strlen(text);

    if (snprintf(temporary, sizeof temporary, "%s.zaguan", path) >= (int)sizeof temporary) {
        errno = ENAMETOOLONG;
        return false;
    }
    unlink(temporary);

    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0) {
        return false;
    }
    bool ok = write(fd, text, n) == (ssize_t)n && fchmod(fd, mode) == 0;

    return close(fd) == 0 && ok && rename(temporary, path) == 0;
}

/* From /etc/group alone: name services are libraries of the guest's own glibc, which a static
 * program must not load. */
static gid_t
find_group(const char *name)
{
    FILE *file = fopen("/etc/group", "re");
    gid_t found = 0;

    if (file == NULL) {
        return 0;
    }
    for (struct group *g = fgetgrent(file); g != NULL && found == 0; g = fgetgrent(file)) {
        found = strcmp(g->gr_name, name) == 0 ? g->gr_gid : 0;
    }
    fclose(file);
    return found;
}

bool
zg_become(uid_t uid, gid_t gid, const char *const groups[])
{
    gid_t gids[MAX_GROUPS] = { gid };
    size_t n = 1;

    if (uid == 0 || gid == 0) {
        return false;
    }
    for (size_t i = 0; groups[i] != NULL && n < MAX_GROUPS; i++) {
        gid_t found = find_group(groups[i]);

        if (found != 0) {
            gids[n++] = found;
        }
    }
    return setgroups(n, gids) == 0 && setresgid(gid, gid, gid) == 0 &&
           setresuid(uid, uid, uid) == 0 && setuid(0) != 0;
}

void
zg_kill_user(uid_t uid, int signal_number)
{
    if (uid < 1000) {
        return;
    }

    pid_t pid = fork();

    if (pid == 0) {
        if (setresuid(uid, uid, uid) == 0) {
            kill(-1, signal_number);
        }
        _exit(0);
    }
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
}

static bool
is_alive(const char *pid_text)
{
    char path[64], text[256];

    snprintf(path, sizeof path, "/proc/%.16s/stat", pid_text);

    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;

    if (fd >= 0) {
        close(fd);
    }
    if (n <= 0) {
        return false;
    }
    text[n] = '\0';

    const char *paren = strrchr(text, ')');

    return paren != NULL && paren[1] == ' ' && paren[2] != 'Z' && paren[2] != 'X';
}

bool
zg_user_has_processes(uid_t uid)
{
    DIR *proc = opendir("/proc");
    bool found = false;

    if (proc == NULL) {
        return false;
    }
    for (struct dirent *entry = readdir(proc); entry != NULL && !found; entry = readdir(proc)) {
        struct stat st;

        found = isdigit((unsigned char)entry->d_name[0]) &&
                fstatat(dirfd(proc), entry->d_name, &st, 0) == 0 && st.st_uid == uid &&
                is_alive(entry->d_name);
    }
    closedir(proc);
    return found;
}
