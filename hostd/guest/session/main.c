/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * zaguan-session: runs as root inside every guest and does what hostd asks for over the guest's
 * session port (docs/protocol/session.md): gives the clone its identity, keeps the X server, opens
 * and closes the desktop session. One process, one poll loop; whatever takes long is a child.
 */
#include "hostd/guest/session/desktop.h"
#include "hostd/guest/session/identity.h"
#include "hostd/guest/session/port.h"
#include "hostd/guest/session/run.h"
#include "hostd/guest/session/say.h"
#include "hostd/guest/session/screen.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PORT_PATH "/dev/virtio-ports/org.zaguan.session.0"
#define HELPER_NAME "zaguan-session 1"
#define IDENTITY_FILE ZG_RUN_DIR "/identity" /* outlive a restart of the helper, not of the guest  \
                                              */
#define USED_FILE ZG_RUN_DIR "/used"

enum {
    DEVICE_LOOK_MS = 100,
    DEVICE_LIMIT_MS = 30000,
    SCREEN_RESTART_MS = 2000,
    SESSION_READY_LIMIT_MS = 60000,
    LOGOFF_GRACE_MS = 3000, /* after the person left by themselves */
    ENDING_LOOK_MS = 100,
    KILL_LIMIT_MS = 10000,
};

/*
 * When to set the screen's size after a change: the kernel says that something changed before it
 * has read what, so the first look may still see the old size.
 */
static const int fit_delays_ms[] = { 50, 400, 1500 };

enum { N_FITS = sizeof fit_delays_ms / sizeof fit_delays_ms[0] };

typedef enum {
    SESSION_NONE,
    SESSION_STARTING,
    SESSION_ON,
    SESSION_ENDING, /* asked to end; waits for the last process */
    SESSION_ENDED,
} SessionState;

typedef struct {
    ZgPort port;
    int signals, outputs;

    pid_t identity_pid;
    ZgGuestIdentity pending;
    char machine_id[33]; /* empty: none taken */

    pid_t screen_pid;
    int screen_ready_fd;
    bool screen_up;
    int64_t screen_start_at_ms, device_limit_at_ms;
    pid_t fit_pid;
    size_t fits_done; /* of fit_delays_ms, since the last change of the outputs */
    int64_t fit_at_ms;
    int width, height;

    SessionState session;
    ZgGuestSignOn who;
    pid_t session_pid;
    int session_ready_fd;
    int64_t session_at_ms;    /* starting: ready limit; ending: when to kill */
    int64_t kill_limit_at_ms; /* ending: when to stop waiting for killed processes */
    bool killing;
} Helper;

/* Sending */

static const char *
state_name(const Helper *h)
{
    switch (h->session) {
    case SESSION_ON:
    case SESSION_ENDING:
        return "in-session";
    case SESSION_ENDED:
        return "signed-off";
    default:
        return h->machine_id[0] != '\0' && h->screen_up && h->identity_pid == 0 ? "identified"
                                                                                : "waiting";
    }
}

static void
send_hello(Helper *h)
{
    char line[512];

    zg_port_send(&h->port, line,
                 zg_guest_format_hello(line, sizeof line, HELPER_NAME, state_name(h),
                                       h->machine_id[0] != '\0' ? h->machine_id : NULL));
}

static void
send_plain(Helper *h, const char *type)
{
    char line[128];

    zg_port_send(&h->port, line, zg_guest_format_plain(line, sizeof line, type));
}

static void
send_signed_on(Helper *h)
{
    char line[128];

    zg_port_send(&h->port, line, zg_guest_format_signed_on(line, sizeof line, h->who.unix_name));
}

static void
send_error(Helper *h, const char *code, const char *text)
{
    char line[512];

    zg_say("%s: %s", code, text);
    zg_port_send(&h->port, line, zg_guest_format_error(line, sizeof line, code, text));
}

static void
report_identified(Helper *h)
{
    if (strcmp(state_name(h), "identified") == 0) {
        zg_say("identified");
        send_plain(h, "identified");
    }
}

/* Identity */

static void
start_identity(Helper *h, const ZgGuestIdentity *identity)
{
    if (h->identity_pid != 0 || (h->session != SESSION_NONE && h->session != SESSION_ENDED)) {
        send_error(h, "busy", "an identity cannot be taken now");
        return;
    }
    if (strcmp(h->machine_id, identity->machine_id) == 0) {
        report_identified(h); /* a repeated message after a reconnect */
        return;
    }
    if (h->session == SESSION_ENDED) {
        send_error(h, "used", "this clone was used and needs a refresh");
        return;
    }

    pid_t pid = fork();

    if (pid == 0) {
        const char *what = "";

        zg_child_setup(3);
        if (zg_identity_apply(identity, &what) != 0) {
            zg_say("identity: %s failed: %s", what, strerror(errno));
            _exit(1);
        }
        _exit(0);
    }
    if (pid < 0) {
        send_error(h, "identity", "no process for taking the identity");
        return;
    }
    h->identity_pid = pid;
    h->pending = *identity;
}

static void
end_identity(Helper *h, bool ok)
{
    h->identity_pid = 0;
    if (ok) {
        strcpy(h->machine_id, h->pending.machine_id);
        zg_write_file(IDENTITY_FILE, h->machine_id, 0600);
        report_identified(h);
    } else {
        send_error(h, "identity", "the identity could not be applied");
    }
    explicit_bzero(&h->pending, sizeof h->pending);
}

/* Screen */

static void
start_screen(Helper *h)
{
    h->screen_start_at_ms = zg_now_ms() + SCREEN_RESTART_MS;
    h->screen_pid = zg_screen_start(&h->screen_ready_fd);
    if (h->screen_pid < 0) {
        h->screen_pid = 0;
        zg_say("the X server could not be started: %s", strerror(errno));
    }
}

static void
tick_screen(Helper *h, int64_t now_ms)
{
    if (h->screen_pid != 0 || now_ms < h->screen_start_at_ms) {
        return;
    }
    if (!zg_screen_has_device() && now_ms < h->device_limit_at_ms) {
        h->screen_start_at_ms = now_ms + DEVICE_LOOK_MS;
        return;
    }
    start_screen(h);
}

static void
close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
    *fd = -1;
}

static void
plan_fits(Helper *h)
{
    h->fits_done = 0;
    h->fit_at_ms = zg_now_ms() + fit_delays_ms[0];
}

static void
tick_fit(Helper *h, int64_t now_ms)
{
    char authority[64] = ZG_SCREEN_AUTHORITY;
    uid_t uid = ZG_SCREEN_UID;

    if (!h->screen_up || h->fit_pid != 0 || h->fits_done == N_FITS || now_ms < h->fit_at_ms) {
        return;
    }
    if (h->session == SESSION_ON) {
        uid = h->who.uid;
        zg_desktop_authority(uid, authority, sizeof authority);
    }
    h->fits_done++;
    h->fit_at_ms = h->fits_done < N_FITS ? now_ms + fit_delays_ms[h->fits_done] : INT64_MAX;

    pid_t pid = zg_screen_fit(uid, authority);

    h->fit_pid = pid > 0 ? pid : 0;
}

static void
end_fit(Helper *h, bool ok)
{
    int width = 0, height = 0;
    char line[128];

    h->fit_pid = 0;
    if (ok && zg_screen_wanted_size(&width, &height) &&
        (width != h->width || height != h->height)) {
        h->width = width;
        h->height = height;
        zg_port_send(&h->port, line, zg_guest_format_resized(line, sizeof line, width, height));
    }
}

/* The server writes its number and a newline separately and closes: the newline is what counts, the
 * close ends it. */
static void
on_screen_ready(Helper *h)
{
    char text[16];
    ssize_t n = read(h->screen_ready_fd, text, sizeof text);

    if (n <= 0) {
        close_fd(&h->screen_ready_fd);
        return;
    }
    if (!h->screen_up && memchr(text, '\n', (size_t)n) != NULL) {
        h->screen_up = true;
        zg_screen_show(h->session == SESSION_ENDED ? "signed-off" : "waiting");
        plan_fits(h);
        report_identified(h);
    }
}

/* Session */

static void
begin_ending(Helper *h, int grace_ms)
{
    h->session = SESSION_ENDING;
    h->killing = false;
    h->session_at_ms = zg_now_ms() + grace_ms;
    zg_kill_user(h->who.uid, SIGTERM);
}

static void
finish_session(Helper *h)
{
    bool power_off = zg_desktop_wants_power_off(h->who.uid);

    h->session = SESSION_ENDED;
    close_fd(&h->session_ready_fd);
    zg_desktop_clean(h->who.uid);
    if (h->screen_up) {
        zg_screen_show("signed-off");
    }
    zg_say("session of '%s' ended%s", h->who.unix_name, power_off ? ", powering off" : "");
    send_plain(h, "signed_off");
    if (power_off && fork() == 0) {
        zg_child_setup(3);
        execl("/sbin/poweroff", "poweroff", (char *)NULL);
        _exit(127);
    }
}

static void
remember_user(const Helper *h)
{
    char text[64];

    snprintf(text, sizeof text, "%u %s", h->who.uid, h->who.unix_name);
    zg_write_file(USED_FILE, text, 0600);
}

static void
start_session(Helper *h, const ZgGuestSignOn *who)
{
    bool same = strcmp(h->who.unix_name, who->unix_name) == 0 && h->who.uid == who->uid;

    if (h->session == SESSION_ON && same) {
        send_signed_on(h);
        return;
    }
    if (h->session == SESSION_STARTING && same) {
        return;
    }
    if (h->session == SESSION_STARTING || h->session == SESSION_ON ||
        h->session == SESSION_ENDING) {
        send_error(h, "busy", "a session is open or ending");
        return;
    }
    if (h->session == SESSION_ENDED) {
        send_error(h, "used", "this clone was used and needs a refresh");
        return;
    }
    if (strcmp(state_name(h), "identified") != 0) {
        send_error(h, "not_identified", "the clone has no identity or no screen yet");
        return;
    }
    h->who = *who;
    remember_user(h);
    h->session_pid = zg_desktop_start(&h->who, &h->session_ready_fd);
    if (h->session_pid < 0) {
        h->session_pid = 0;
        send_error(h, "session", "no process for the session");
        return;
    }
    h->session = SESSION_STARTING;
    h->session_at_ms = zg_now_ms() + SESSION_READY_LIMIT_MS;
}

static void
session_is_on(Helper *h)
{
    h->session = SESSION_ON;
    zg_say("session of '%s' is on", h->who.unix_name);
    send_signed_on(h);
}

static void
on_session_ready(Helper *h)
{
    char text[64];
    ssize_t n = read(h->session_ready_fd, text, sizeof text);

    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    close_fd(&h->session_ready_fd);
    if (n > 0 && h->session == SESSION_STARTING) {
        session_is_on(h);
    }
}

static void
on_session_exit(Helper *h, int status)
{
    h->session_pid = 0;
    if (h->session == SESSION_STARTING) {
        send_error(h, "session", zg_desktop_reason(WIFEXITED(status) ? WEXITSTATUS(status) : -1));
    }
    if (h->session == SESSION_STARTING || h->session == SESSION_ON) {
        begin_ending(h, LOGOFF_GRACE_MS);
    }
}

static void
end_session(Helper *h, int grace_ms)
{
    switch (h->session) {
    case SESSION_STARTING:
    case SESSION_ON:
        begin_ending(h, grace_ms);
        return;
    case SESSION_ENDING:
        return;
    default:
        send_plain(h, "signed_off"); /* nobody is signed in: true already */
    }
}

static void
tick_ending(Helper *h, int64_t now_ms)
{
    if (!zg_user_has_processes(h->who.uid) && h->session_pid == 0) {
        finish_session(h);
        return;
    }
    if (now_ms < h->session_at_ms) {
        return;
    }
    if (!h->killing) {
        h->killing = true;
        h->kill_limit_at_ms = now_ms + KILL_LIMIT_MS;
        if (h->session_pid != 0) {
            kill(h->session_pid, SIGKILL); /* it may still be root, making the user */
        }
    }
    zg_kill_user(h->who.uid, SIGKILL);
    if (now_ms >= h->kill_limit_at_ms) {
        send_error(h, "processes", "some processes of the user cannot be ended");
        finish_session(h);
    }
}

static void
tick_session(Helper *h, int64_t now_ms)
{
    if (h->session == SESSION_STARTING && now_ms >= h->session_at_ms) {
        zg_say("the session did not say that it is ready; going on without");
        close_fd(&h->session_ready_fd);
        session_is_on(h);
    } else if (h->session == SESSION_ENDING) {
        tick_ending(h, now_ms);
    }
}

/* Events */

static void
on_connected(void *data)
{
    send_hello(data);
}

static void
on_bad_line(const char *why, void *data)
{
    send_error(data, "bad_message", why);
}

static void
send_pong(Helper *h, int64_t n)
{
    char line[128];

    zg_port_send(&h->port, line, zg_guest_format_pong(line, sizeof line, n));
}

static void
on_message(const ZgGuestMessage *message, void *data)
{
    Helper *h = data;

    switch (message->kind) {
    case ZG_GUEST_HELLO:
        send_hello(h);
        return;
    case ZG_GUEST_IDENTITY:
        start_identity(h, &message->identity);
        return;
    case ZG_GUEST_SIGN_ON:
        start_session(h, &message->sign_on);
        return;
    case ZG_GUEST_SIGN_OFF:
        end_session(h, message->grace_ms);
        return;
    case ZG_GUEST_PING:
        send_pong(h, message->n);
        return;
    }
}

static void
on_child_exit(Helper *h, pid_t pid, int status)
{
    bool ok = WIFEXITED(status) && WEXITSTATUS(status) == 0;

    if (pid == h->identity_pid) {
        end_identity(h, ok);
    } else if (pid == h->fit_pid) {
        end_fit(h, ok);
    } else if (pid == h->session_pid) {
        on_session_exit(h, status);
    } else if (pid == h->screen_pid) {
        zg_say("the X server ended with status %d", status);
        h->screen_pid = 0;
        h->screen_up = false;
        close_fd(&h->screen_ready_fd);
        if (h->session == SESSION_STARTING || h->session == SESSION_ON) {
            begin_ending(h, LOGOFF_GRACE_MS);
        }
    }
}

/* Return: false when the helper was asked to end. */
static bool
on_signals(Helper *h)
{
    struct signalfd_siginfo info;
    pid_t pid;
    int status;

    while (read(h->signals, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo != SIGCHLD) {
            return false;
        }
    }
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        on_child_exit(h, pid, status);
    }
    return true;
}

static int
wait_ms(const Helper *h, int64_t now_ms)
{
    int64_t at_ms = zg_port_deadline_ms(&h->port);

    if (h->screen_pid == 0 && h->screen_start_at_ms < at_ms) {
        at_ms = h->screen_start_at_ms;
    }
    if (h->screen_up && h->fit_pid == 0 && h->fits_done < N_FITS && h->fit_at_ms < at_ms) {
        at_ms = h->fit_at_ms;
    }
    if (h->session == SESSION_STARTING && h->session_at_ms < at_ms) {
        at_ms = h->session_at_ms;
    }
    if (h->session == SESSION_ENDING && now_ms + ENDING_LOOK_MS < at_ms) {
        at_ms = now_ms + ENDING_LOOK_MS;
    }
    if (at_ms == INT64_MAX) {
        return -1;
    }
    return at_ms <= now_ms ? 0 : (int)(at_ms - now_ms);
}

static void
loop(Helper *h)
{
    const ZgPortEvents events = { on_connected, on_message, on_bad_line, h };

    for (;;) {
        struct pollfd fds[] = {
            { .fd = h->signals, .events = POLLIN },
            { .fd = h->outputs, .events = POLLIN },
            { .fd = h->screen_ready_fd, .events = POLLIN },
            { .fd = h->session_ready_fd, .events = POLLIN },
            zg_port_pollfd(&h->port),
        };

        if (poll(fds, sizeof fds / sizeof fds[0], wait_ms(h, zg_now_ms())) < 0 && errno != EINTR) {
            return;
        }
        if (fds[2].revents != 0) {
            on_screen_ready(h);
        }
        if (fds[3].revents != 0) {
            on_session_ready(h);
        }
        if (fds[0].revents != 0 && !on_signals(h)) {
            return;
        }
        if (fds[1].revents != 0 && zg_screen_outputs_changed(h->outputs)) {
            plan_fits(h);
        }
        zg_port_work(&h->port, fds[4].revents, &events);
        tick_screen(h, zg_now_ms());
        tick_fit(h, zg_now_ms());
        tick_session(h, zg_now_ms());
    }
}

static bool
read_small(const char *path, char *out, size_t n_out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, out, n_out - 1) : -1;

    if (fd >= 0) {
        close(fd);
    }
    out[n > 0 ? n : 0] = '\0';
    return n > 0;
}

/* After a crash of the helper: whoever was signed in is signed off, and the clone counts as used.
 */
static void
recall(Helper *h)
{
    char used[64];
    unsigned uid = 0;

    mkdir(ZG_RUN_DIR, 0755);
    read_small(IDENTITY_FILE, h->machine_id, sizeof h->machine_id);
    if (read_small(USED_FILE, used, sizeof used)) {
        h->session = SESSION_ENDED;
        zg_say("restarted after '%s' had signed on", used);
        if (sscanf(used, "%9u", &uid) == 1) {
            zg_kill_user(uid, SIGKILL);
            zg_desktop_clean(uid);
        }
    }
}

static int
open_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

int
main(int argc, char **argv)
{
    static Helper h = { .screen_ready_fd = -1, .session_ready_fd = -1 };

    if (argc > 1) {
        printf("%s: runs inside a desktop guest, on %s; takes no arguments\n", HELPER_NAME,
               PORT_PATH);
        return strcmp(argv[1], "--version") == 0 ? 0 : 2;
    }
    if (getuid() != 0) {
        fprintf(stderr, "%s: needs root\n", argv[0]);
        return 1;
    }
    zg_port_init(&h.port, PORT_PATH);
    h.signals = open_signals();
    h.outputs = zg_screen_watch_outputs();
    h.fits_done = N_FITS;
    h.device_limit_at_ms = zg_now_ms() + DEVICE_LIMIT_MS;
    recall(&h);
    zg_say("started");
    loop(&h);
    zg_say("ending");
    if (h.session == SESSION_STARTING || h.session == SESSION_ON) {
        zg_kill_user(h.who.uid, SIGKILL);
    }
    if (h.screen_pid > 0) {
        kill(h.screen_pid, SIGTERM);
    }
    return 0;
}
