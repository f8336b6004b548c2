/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hostd/guest/session/screen.h"

#include "hostd/guest/session/run.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/netlink.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define SERVER "/usr/lib/xorg/Xorg"
#define SERVER_AUTHORITY ZG_RUN_DIR "/Xauthority"
#define WAITING_SCREEN "/usr/libexec/zaguan/waiting-screen"

enum { COOKIE_BYTES = 16, MAX_OUTPUTS = 4, READY_FD = 3 };

static uint8_t cookie[COOKIE_BYTES];

bool
zg_screen_has_device(void)
{
    return access("/dev/dri/card0", F_OK) == 0 || access("/dev/fb0", F_OK) == 0;
}

static size_t
put_field(uint8_t *out, const void *bytes, size_t n)
{
    out[0] = (uint8_t)(n >> 8);
    out[1] = (uint8_t)n;
    memcpy(out + 2, bytes, n);
    return n + 2;
}

/* One entry as of Xau(3): any host (family 65535), any display. */
static bool
write_authority(const char *path, uid_t uid)
{
    static const char name[] = "MIT-MAGIC-COOKIE-1";
    uint8_t entry[128] = { 0xff, 0xff };
    size_t n = 2;

    n += put_field(entry + n, "", 0);
    n += put_field(entry + n, "", 0);
    n += put_field(entry + n, name, sizeof name - 1);
    n += put_field(entry + n, cookie, sizeof cookie);
    unlink(path);

    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0) {
        return false;
    }
    bool ok = write(fd, entry, n) == (ssize_t)n && fchown(fd, uid, uid) == 0;

    close(fd);
    return ok;
}

bool
zg_screen_grant(const char *path, uid_t uid)
{
    return write_authority(path, uid);
}

static bool
prepare_cookie(void)
{
    mkdir(ZG_RUN_DIR, 0755);
    mkdir(ZG_RUN_DIR "/screen", 0711);
    return getrandom(cookie, sizeof cookie, 0) == sizeof cookie &&
           write_authority(SERVER_AUTHORITY, 0) &&
           write_authority(ZG_SCREEN_AUTHORITY, ZG_SCREEN_UID);
}

pid_t
zg_screen_start(int *out_ready)
{
    int ready[2];

    if (!prepare_cookie() || pipe2(ready, O_CLOEXEC) != 0) {
        return -1;
    }

    pid_t pid = fork();

    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);

        if (dup2(ready[1], READY_FD) < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 ||
            dup2(null, 2) < 0) {
            _exit(127);
        }
        fcntl(READY_FD, F_SETFD, 0);
        zg_child_setup(READY_FD + 1);
        prctl(PR_SET_PDEATHSIG, SIGTERM); /* one server at a time, even if the helper dies */
        execl(SERVER, "Xorg", ":0", "vt7", "-auth", SERVER_AUTHORITY, "-nolisten", "tcp",
              "-noreset", "-keeptty", "-displayfd", "3", (char *)NULL);
        _exit(127);
    }
    close(ready[1]);
    if (pid < 0) {
        close(ready[0]);
        return -1;
    }
    *out_ready = ready[0];
    return pid;
}

/* Runs a program on the screen as an ordinary user. */
static pid_t
run_on_screen(const char *const argv[], uid_t uid, const char *authority)
{
    static const char *const no_groups[] = { NULL };
    pid_t pid = fork();

    if (pid != 0) {
        return pid;
    }

    int null = open("/dev/null", O_RDWR);

    if (dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0) {
        _exit(127);
    }
    zg_child_setup(3);
    if (!zg_become(uid, uid, no_groups) || chdir("/") != 0) {
        _exit(126);
    }
    clearenv();
    setenv("PATH", "/usr/local/bin:/usr/bin:/bin", 1);
    setenv("DISPLAY", ":0", 1);
    setenv("XAUTHORITY", authority, 1);
    setenv("LC_ALL", "C.UTF-8", 1);
    alarm(20);
    execv(argv[0], (char *const *)argv);
    _exit(127);
}

pid_t
zg_screen_show(const char *what)
{
    const char *const argv[] = { WAITING_SCREEN, what, NULL };

    return access(argv[0], X_OK) == 0 ? run_on_screen(argv, ZG_SCREEN_UID, ZG_SCREEN_AUTHORITY)
                                      : -1;
}

/* Copies the first line of a file of /sys. */
static bool
read_line(const char *path, char *out, size_t n_out)
{
    FILE *file = fopen(path, "re");
    bool ok = file != NULL && fgets(out, (int)n_out, file) != NULL;

    if (file != NULL) {
        fclose(file);
    }
    if (ok) {
        out[strcspn(out, "\n")] = '\0';
    }
    return ok;
}

typedef struct {
    char name[32]; /* as X calls it, like Virtual-1 */
    int width, height;
} Output;

static size_t
list_outputs(Output outputs[MAX_OUTPUTS])
{
    glob_t found;
    size_t n = 0;

    if (glob("/sys/class/drm/card*-*", 0, NULL, &found) != 0) {
        return 0;
    }
    for (size_t i = 0; i < found.gl_pathc && n < MAX_OUTPUTS; i++) {
        const char *dash = strchr(strrchr(found.gl_pathv[i], '/'), '-');
        char path[256], text[64];

        snprintf(path, sizeof path, "%s/status", found.gl_pathv[i]);
        if (!read_line(path, text, sizeof text) || strcmp(text, "connected") != 0) {
            continue;
        }
        snprintf(path, sizeof path, "%s/modes", found.gl_pathv[i]);
        if (!read_line(path, text, sizeof text) ||
            sscanf(text, "%5dx%5d", &outputs[n].width, &outputs[n].height) != 2) {
            continue;
        }
        snprintf(outputs[n].name, sizeof outputs[n].name, "%.31s", dash + 1);
        n++;
    }
    globfree(&found);
    return n;
}

bool
zg_screen_wanted_size(int *out_width, int *out_height)
{
    Output outputs[MAX_OUTPUTS];

    if (list_outputs(outputs) == 0) {
        return false;
    }
    *out_width = outputs[0].width;
    *out_height = outputs[0].height;
    return true;
}

pid_t
zg_screen_fit(uid_t uid, const char *authority)
{
    Output outputs[MAX_OUTPUTS];
    size_t n = list_outputs(outputs), k = 0;
    const char *argv[2 + 3 * MAX_OUTPUTS + 1];

    if (n == 0) {
        return -1;
    }
    argv[k++] = "/usr/bin/xrandr";
    for (size_t i = 0; i < n; i++) {
        argv[k++] = "--output";
        argv[k++] = outputs[i].name;
        argv[k++] = "--auto";
    }
    argv[k] = NULL;
    return run_on_screen(argv, uid, authority);
}

int
zg_screen_watch_outputs(void)
{
    struct sockaddr_nl kernel_events = { .nl_family = AF_NETLINK, .nl_groups = 1 };
    int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);

    if (fd >= 0 && bind(fd, (struct sockaddr *)&kernel_events, sizeof kernel_events) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* A uevent is a header and NUL-separated assignments. */
static bool
is_output_change(const char *event, size_t n)
{
    bool drm = false, hotplug = false;

    for (const char *p = event, *end = event + n; p < end; p += strlen(p) + 1) {
        drm = drm || strcmp(p, "SUBSYSTEM=drm") == 0;
        hotplug = hotplug || strcmp(p, "HOTPLUG=1") == 0;
    }
    return drm && hotplug;
}

bool
zg_screen_outputs_changed(int fd)
{
    bool changed = false;

    for (;;) {
        char event[8192];
        struct sockaddr_nl from = { 0 };
        socklen_t n_from = sizeof from;
        ssize_t n = recvfrom(fd, event, sizeof event - 1, 0, (struct sockaddr *)&from, &n_from);

        if (n < 0 && errno == ENOBUFS) {
            changed = true; /* some were lost: better one look too many */
            continue;
        }
        if (n <= 0) {
            return changed;
        }
        event[n] = '\0';
        changed = changed || (from.nl_pid == 0 && is_output_change(event, (size_t)n));
    }
}
