/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hostd/guest/session/desktop.h"

#include "hostd/guest/session/run.h"
#include "hostd/guest/session/screen.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define SESSION_PROGRAM "/usr/libexec/zaguan/session-start"

enum { READY_FD = 3, USERADD_LIMIT_MS = 20000 };

typedef struct {
    uid_t uid;
    gid_t gid;
    char home[128];
    char shell[64];
} User;

/* From /etc/passwd alone, as find_group() in run.c. */
static bool
find_user(const char *name, User *out)
{
    FILE *file = fopen("/etc/passwd", "re");
    bool found = false;

    if (file == NULL) {
        return false;
    }
    for (struct passwd *p = fgetpwent(file); p != NULL && !found; p = fgetpwent(file)) {
        if (strcmp(p->pw_name, name) == 0) {
            *out = (User){ .uid = p->pw_uid, .gid = p->pw_gid };
            snprintf(out->home, sizeof out->home, "%s", p->pw_dir);
            snprintf(out->shell, sizeof out->shell, "%s", p->pw_shell);
            found = true;
        }
    }
    fclose(file);
    return found;
}

/* The account of this name and number; made with a home from /etc/skel and no password when it is
 * not there. */
static bool
ensure_user(const ZgGuestSignOn *on, User *user)
{
    char uid[16], home[64];
    const char *const argv[] = { "/usr/sbin/useradd", "--uid",      uid,           "--user-group",
                                 "--create-home",     "--home-dir", home,          "--shell",
                                 "/bin/bash",         "--comment",  on->full_name, "--",
                                 on->unix_name,       NULL };

    if (!find_user(on->unix_name, user)) {
        snprintf(uid, sizeof uid, "%u", on->uid);
        snprintf(home, sizeof home, "/home/%s", on->unix_name);
        if (zg_run(argv, USERADD_LIMIT_MS) != 0 || !find_user(on->unix_name, user)) {
            return false;
        }
    }
    return user->uid == on->uid && user->gid >= 1000 && user->home[0] == '/';
}

static void
set_time_zone(const char *zone)
{
    char path[128], text[80];
    struct stat st;

    snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", zone);
    if (zone[0] == '\0' || stat(path, &st) != 0 || !S_ISREG(st.st_mode)) {
        return;
    }
    unlink("/etc/localtime");
    if (symlink(path, "/etc/localtime") == 0) {
        snprintf(text, sizeof text, "%s\n", zone);
        zg_write_file("/etc/timezone", text, 0644);
    }
}

/* For keyboards that appear later and for a restarted X server; the running one is set by the
 * session program. */
static void
set_keyboard(const char *keyboard)
{
    const char *colon = strchr(keyboard, ':');
    const char *variant = colon != NULL ? colon + 1 : "";
    int n_layout = colon != NULL ? (int)(colon - keyboard) : (int)strlen(keyboard);
    char text[512];

    if (n_layout == 0) {
        return;
    }
    snprintf(text, sizeof text,
             "XKBMODEL=\"pc105\"\nXKBLAYOUT=\"%.*s\"\nXKBVARIANT=\"%s\"\nXKBOPTIONS=\"\"\n",
             n_layout, keyboard, variant);
    zg_write_file("/etc/default/keyboard", text, 0644);
    snprintf(
        text, sizeof text,
        "Section \"InputClass\"\n    Identifier \"zaguan keyboard\"\n    MatchIsKeyboard \"on\"\n"
        "    Option \"XkbLayout\" \"%.*s\"\n    Option \"XkbVariant\" \"%s\"\nEndSection\n",
        n_layout, keyboard, variant);
    mkdir("/etc/X11/xorg.conf.d", 0755);
    zg_write_file("/etc/X11/xorg.conf.d/90-zaguan-keyboard.conf", text, 0644);
}

static void
runtime_dir(uid_t uid, char *out, size_t n_out)
{
    snprintf(out, n_out, "/run/user/%u", (unsigned)uid);
}

void
zg_desktop_authority(uid_t uid, char *out, size_t n_out)
{
    snprintf(out, n_out, ZG_RUN_DIR "/screen/%u", (unsigned)uid);
}

static bool
make_runtime(const User *user)
{
    char dir[64], authority[64], options[96];

    mkdir("/run/user", 0755);
    runtime_dir(user->uid, dir, sizeof dir);
    umount2(dir, MNT_DETACH);
    mkdir(dir, 0700);
    snprintf(options, sizeof options, "mode=0700,uid=%u,gid=%u,size=10%%", (unsigned)user->uid,
             (unsigned)user->gid);
    if (mount("tmpfs", dir, "tmpfs", MS_NOSUID | MS_NODEV, options) != 0) {
        return false;
    }
    zg_desktop_authority(user->uid, authority, sizeof authority);
    return zg_screen_grant(authority, user->uid);
}

static void
set_environment(const ZgGuestSignOn *on, const User *user)
{
    char dir[64], authority[64];

    runtime_dir(user->uid, dir, sizeof dir);
    zg_desktop_authority(user->uid, authority, sizeof authority);
    clearenv();
    setenv("HOME", user->home, 1);
    setenv("USER", on->unix_name, 1);
    setenv("LOGNAME", on->unix_name, 1);
    setenv("SHELL", user->shell, 1);
    setenv("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games", 1);
    setenv("DISPLAY", ":0", 1);
    setenv("XAUTHORITY", authority, 1);
    setenv("XDG_RUNTIME_DIR", dir, 1);
    setenv("XDG_SESSION_TYPE", "x11", 1);
    setenv("ZAGUAN_LOCALE", on->locale, 1);
    setenv("ZAGUAN_KEYBOARD", on->keyboard, 1);
}

static void __attribute__((noreturn)) run_session(const ZgGuestSignOn *on)
{
    static const char *const groups[] = { "audio", "plugdev", "cdrom", NULL };
    User user;

    if (!ensure_user(on, &user)) {
        _exit(ZG_DESKTOP_NO_USER);
    }
    set_time_zone(on->time_zone);
    set_keyboard(on->keyboard);
    if (!make_runtime(&user)) {
        _exit(ZG_DESKTOP_NO_RUNTIME);
    }
    if (!zg_become(user.uid, user.gid, groups)) {
        _exit(ZG_DESKTOP_NO_RIGHTS);
    }
    umask(022);
    set_environment(on, &user);
    if (chdir(user.home) != 0 && chdir("/") != 0) {
        _exit(ZG_DESKTOP_NO_USER);
    }
    execl(SESSION_PROGRAM, SESSION_PROGRAM, (char *)NULL);
    _exit(ZG_DESKTOP_NO_PROGRAM);
}

pid_t
zg_desktop_start(const ZgGuestSignOn *sign_on, int *out_ready)
{
    int ready[2];

    if (pipe2(ready, O_CLOEXEC | O_NONBLOCK) != 0) {
        return -1;
    }

    pid_t pid = fork();

    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);

        if (dup2(ready[1], READY_FD) < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 ||
            dup2(null, 2) < 0) {
            _exit(ZG_DESKTOP_NO_PROGRAM);
        }
        fcntl(READY_FD, F_SETFD, 0);
        zg_child_setup(READY_FD + 1);
        run_session(sign_on);
    }
    close(ready[1]);
    if (pid < 0) {
        close(ready[0]);
        return -1;
    }
    *out_ready = ready[0];
    return pid;
}

const char *
zg_desktop_reason(int exit_status)
{
    switch (exit_status) {
    case ZG_DESKTOP_NO_USER:
        return "the Unix user could not be made";
    case ZG_DESKTOP_NO_RUNTIME:
        return "the session's runtime folder could not be made";
    case ZG_DESKTOP_NO_RIGHTS:
        return "the session could not give up root";
    case ZG_DESKTOP_NO_PROGRAM:
        return "the template has no " SESSION_PROGRAM " that runs";
    default:
        return "the session program ended before the desktop was up";
    }
}

bool
zg_desktop_wants_power_off(uid_t uid)
{
    char path[96];
    struct stat st;

    snprintf(path, sizeof path, "/run/user/%u/zaguan-power-off", (unsigned)uid);
    return lstat(path, &st) == 0;
}

void
zg_desktop_clean(uid_t uid)
{
    char path[64];

    runtime_dir(uid, path, sizeof path);
    umount2(path, MNT_DETACH);
    rmdir(path);
    zg_desktop_authority(uid, path, sizeof path);
    unlink(path);
}
