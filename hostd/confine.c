/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hostd/confine.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/capability.h>
#include <net/if.h>
#include <net/route.h>
#include <poll.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "common/base/error.h"
#include "common/base/fd.h"
#include "common/base/log.h"
#include "hostd/own_addresses.h"
#include "hostd/user.h"

#define HOLDER_FILE "/run/room"
#define NAT_READY_MS 5000
#define RESOLVER "nameserver 10.0.2.3\n" /* slirp4netns answers there */
#define HOLD_CHECK_S 20

/* Folders that exist everywhere and nobody needs inside; one of them carries the state folder. */
static const char *const stands[] = {"/mnt", "/media", "/srv"};

/* ---- the holder's record ---- */

/* Start time of a process in ticks (field 22 of stat), or 0: with the pid it names one process. */
static guint64
start_time_of(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)pid);
    g_autofree char *text = NULL;
    const char *after;
    g_auto(GStrv) fields = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL)) {
        return 0;
    }
    after = strrchr(text, ')');
    fields = g_strsplit(after != NULL ? after + 2 : "", " ", 21);
    return g_strv_length(fields) > 19 ? g_ascii_strtoull(fields[19], NULL, 10) : 0;
}

static char *
record_of(pid_t pid)
{
    return g_strdup_printf("%d %" G_GUINT64_FORMAT "\n", (int)pid, start_time_of(pid));
}

/* The record's second line tells a later hostd how the state folder is called inside. */
static char *
record_with_place(pid_t pid, const char *inner)
{
    g_autofree char *record = record_of(pid);

    return g_strconcat(record, inner, "\n", NULL);
}

static char *
place_in_record(const char *state_dir)
{
    g_autofree char *path = g_strconcat(state_dir, HOLDER_FILE, NULL);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL)) {
        return NULL;
    }
    lines = g_strsplit(text, "\n", 3);
    return g_strv_length(lines) == 3 ? g_strdup(lines[1]) : NULL;
}

/* The living holder of this state folder, or 0. */
static pid_t
find_holder(const char *state_dir)
{
    g_autofree char *path = g_strconcat(state_dir, HOLDER_FILE, NULL);
    g_autofree char *text = NULL;
    g_autofree char *now = NULL;
    pid_t pid;

    if (!g_file_get_contents(path, &text, NULL, NULL)) {
        return 0;
    }
    pid = (pid_t)g_ascii_strtoll(text, NULL, 10);
    if (pid <= 1 || start_time_of(pid) == 0) {
        return 0;
    }
    now = record_of(pid);
    return g_str_has_prefix(text, now) ? pid : 0;
}

void
zg_confine_leave(const char *state_dir)
{
    g_autofree char *path = g_strconcat(state_dir, HOLDER_FILE, NULL);
    pid_t pid = find_holder(state_dir);

    if (pid != 0) {
        unlink(path);
        kill(pid, SIGTERM); /* slirp4netns sees its exit descriptor close */
    }
}

/* ---- routes ---- */

bool
zg_confine_parse_route(const char *text, uint32_t *out_address, uint32_t *out_mask)
{
    g_auto(GStrv) parts = g_strsplit(text, "/", 2);
    struct in_addr address;
    guint64 bits = 32;

    if (parts[0] == NULL || inet_pton(AF_INET, parts[0], &address) != 1 ||
        (parts[1] != NULL && !g_ascii_string_to_unsigned(parts[1], 10, 0, 32, &bits, NULL))) {
        return false;
    }
    *out_mask = bits == 0 ? 0 : 0xffffffffu << (32 - bits);
    *out_address = ntohl(address.s_addr) & *out_mask;
    return true;
}

static struct sockaddr
route_address(uint32_t address)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(address)};
    struct sockaddr out;

    memcpy(&out, &in, sizeof out);
    return out;
}

/* Return: false with errno. A route that is there already is good. */
static bool
reject(int fd, uint32_t address, uint32_t mask)
{
    struct rtentry route = {.rt_flags = RTF_UP | RTF_REJECT,
                            .rt_dst = route_address(address),
                            .rt_genmask = route_address(mask)};

    if (mask == 0xffffffffu) {
        route.rt_flags |= RTF_HOST;
    }
    return ioctl(fd, SIOCADDRT, &route) == 0 || errno == EEXIST;
}

static bool
add_unreachable(int fd, const char *text, GError **error)
{
    uint32_t address;
    uint32_t mask;

    if (!zg_confine_parse_route(text, &address, &mask)) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID,
                    "[network] deny: '%s' is not an IPv4 address or network", text);
        return false;
    }
    if (!reject(fd, address, mask)) {
        zg_set_errno(error, errno, "deny '%s' to guests", text);
        return false;
    }
    return true;
}

static bool
loopback_up(int fd, GError **error)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};

    if (ioctl(fd, SIOCSIFFLAGS, &request) != 0) {
        zg_set_errno(error, errno, "bring up the loopback of the guests' network");
        return false;
    }
    return true;
}

/* The host's own IPv4 addresses, but for loopback, which is not reached anyway. */
static char **
own_addresses(void)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    struct ifaddrs *list = NULL;

    if (getifaddrs(&list) == 0) {
        for (struct ifaddrs *at = list; at != NULL; at = at->ifa_next) {
            char text[INET_ADDRSTRLEN];

            if (at->ifa_addr != NULL && at->ifa_addr->sa_family == AF_INET &&
                (at->ifa_flags & IFF_LOOPBACK) == 0) {
                struct sockaddr_in in;

                memcpy(&in, at->ifa_addr, sizeof in);
                inet_ntop(AF_INET, &in.sin_addr, text, sizeof text);
                g_strv_builder_add(builder, text);
            }
        }
        freeifaddrs(list);
    }
    return g_strv_builder_end(builder);
}

static bool
set_routes(const ZgConfineOptions *options, char **own, GError **error)
{
    g_auto(ZgFd) fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        zg_set_errno(error, errno, "open a socket");
        return false;
    }
    if (!loopback_up(fd, error) || !add_unreachable(fd, "169.254.0.0/16", error)) {
        return false;
    }
    for (char **at = own; *at != NULL; at++) {
        if (!add_unreachable(fd, *at, error)) {
            return false;
        }
    }
    for (char **at = options->deny; at != NULL && *at != NULL; at++) {
        if (!add_unreachable(fd, *at, error)) {
            return false;
        }
    }
    return true;
}

/* ---- the holder ---- */

static void
on_own_address(uint32_t address, void *user)
{
    const int *routes = user;

    if (!reject(*routes, address, 0xffffffffu)) {
        zg_log_error("address-not-denied", NULL,
                     "guests may reach a new address of this machine (0x%08x): %s",
                     (unsigned)address, g_strerror(errno));
    }
}

/* Denies guests the addresses that the host gets while the room stands. */
static void
watch_addresses(int watch_fd, int routes_fd, int limit_ms)
{
    struct pollfd wait = {.fd = watch_fd, .events = POLLIN};

    if (poll(&wait, 1, limit_ms) == 1 &&
        !zg_own_addresses_read(watch_fd, on_own_address, &routes_fd)) {
        zg_own_addresses_ask(watch_fd);
    }
}

int
zg_confine_hold(const char *state_dir, int watch_fd)
{
    pid_t self = getpid();
    g_auto(ZgFd) routes = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int64_t check_us;

    prctl(PR_SET_NAME, "zaguan-room", 0, 0, 0);
    zg_own_addresses_ask(watch_fd);
    /* The record is written by hostd after the start; leave when it is gone or names another. */
    do {
        check_us = g_get_monotonic_time() + HOLD_CHECK_S * G_USEC_PER_SEC;
        for (int64_t left_us; (left_us = check_us - g_get_monotonic_time()) > 0;) {
            watch_addresses(watch_fd, routes, (int)(left_us / 1000) + 1);
        }
    } while (find_holder(state_dir) == self);
    return 0;
}

/* ---- mounts ---- */

static bool
bind_from_fd(int fd, const char *target, GError **error)
{
    g_autofree char *source = g_strdup_printf("/proc/self/fd/%d", fd);

    if (mount(source, target, NULL, MS_BIND | MS_REC, NULL) != 0) {
        zg_set_errno(error, errno, "bind '%s'", target);
        return false;
    }
    return true;
}

/* A /dev with what programs need and without kvm; a mount over the node would still be seen. */
static bool
private_dev(GError **error)
{
    static const char *const names[] = {"null", "zero", "full", "random", "urandom", "tty", "ptmx"};
    static const char *const folders[] = {"pts", "shm"};
    static const char *const links[][2] = {{"/proc/self/fd", "/dev/fd"},
                                           {"/proc/self/fd/0", "/dev/stdin"},
                                           {"/proc/self/fd/1", "/dev/stdout"},
                                           {"/proc/self/fd/2", "/dev/stderr"}};
    ZgFd nodes[G_N_ELEMENTS(names)];
    ZgFd subs[G_N_ELEMENTS(folders)];
    bool ok;

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_strconcat("/dev/", names[i], NULL);

        nodes[i] = open(path, O_PATH | O_CLOEXEC);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(folders); i++) {
        g_autofree char *path = g_strconcat("/dev/", folders[i], NULL);

        subs[i] = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    }
    ok = mount("zaguan-dev", "/dev", "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=755,size=1m") == 0;
    if (!ok) {
        zg_set_errno(error, errno, "mount a private /dev");
    }
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_strconcat("/dev/", names[i], NULL);

        if (ok && nodes[i] >= 0) {
            close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
            ok = bind_from_fd(nodes[i], path, error);
        }
        zg_fd_clear(&nodes[i]);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(folders); i++) {
        g_autofree char *path = g_strconcat("/dev/", folders[i], NULL);

        if (ok && subs[i] >= 0) {
            ok = mkdir(path, 0755) == 0 && bind_from_fd(subs[i], path, error);
        }
        zg_fd_clear(&subs[i]);
    }
    for (size_t i = 0; ok && i < G_N_ELEMENTS(links); i++) {
        ok = symlink(links[i][0], links[i][1]) == 0;
    }
    if (!ok && error != NULL && *error == NULL) {
        zg_set_errno(error, errno, "fill a private /dev");
    }
    return ok;
}

static bool
is_below(const char *path, const char *folder)
{
    return g_str_has_prefix(path, folder) &&
           (path[strlen(folder)] == '/' || path[strlen(folder)] == '\0');
}

static const char *
choose_stand(const ZgConfineOptions *options)
{
    for (size_t i = 0; i < G_N_ELEMENTS(stands); i++) {
        bool used = is_below(options->state_dir, stands[i]);

        for (const char *const *at = options->paths; at != NULL && *at != NULL; at++) {
            used = used || is_below(*at, stands[i]);
        }
        if (!used && g_file_test(stands[i], G_FILE_TEST_IS_DIR)) {
            return stands[i];
        }
    }
    return NULL;
}

/*
 * The state folder also appears under a short name that QEMU's user may enter, wherever the
 * installation stands (even below /root), and unix socket paths stay below 108 bytes.
 */
static char *
bind_state(const ZgConfineOptions *options, GError **error)
{
    const char *stand = choose_stand(options);
    g_autofree char *target = NULL;
    g_auto(ZgFd) state = open(options->state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (stand == NULL) {
        return g_strdup(options->state_dir);
    }
    target = g_strconcat(stand, "/zaguan", NULL);
    if (mount("zaguan", stand, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=1m") != 0 ||
        mkdir(target, 0755) != 0) {
        zg_set_errno(error, errno, "mount a private '%s'", stand);
        return NULL;
    }
    if (!bind_from_fd(state, target, error)) {
        return NULL;
    }
    return g_steal_pointer(&target);
}

/* Guests ask the resolver of their QEMU, and that asks this file. Best effort. */
static void
bind_resolver(const char *state_dir)
{
    g_autofree char *path = g_strconcat(state_dir, "/run/resolv.conf", NULL);

    if (g_file_set_contents(path, RESOLVER, -1, NULL)) {
        chmod(path, 0644);
        if (mount(path, "/etc/resolv.conf", NULL, MS_BIND, NULL) != 0) {
            zg_log_debug("resolver-not-bound", NULL, "%s", g_strerror(errno));
        }
    }
}

/* Adds a line to a copy of @file and shows the copy in its place, inside only. */
static bool
bind_with_line(const char *state_dir, const char *file, const char *line, GError **error)
{
    g_autofree char *base = g_path_get_basename(file);
    g_autofree char *path = g_strconcat(state_dir, "/run/", base, NULL);
    g_autofree char *old = NULL;
    g_autofree char *text = NULL;

    if (!g_file_get_contents(file, &old, NULL, error)) {
        return false;
    }
    text = g_strconcat(old, g_str_has_suffix(old, "\n") ? "" : "\n", line, NULL);
    if (!g_file_set_contents(path, text, -1, error)) {
        return false;
    }
    if (chmod(path, 0644) != 0 || mount(path, file, NULL, MS_BIND, NULL) != 0) {
        zg_set_errno(error, errno, "show '%s' to libvirt", file);
        return false;
    }
    return true;
}

/*
 * Debian's libvirt refuses to start as root where its account is unknown, which comes with the
 * daemon's package only. It is told by its reserved number, inside only, and so is the group that
 * opens /dev/kvm: libvirt gives a guest the groups its user has there.
 */
static bool
name_libvirt_account(const char *state_dir, GError **error)
{
    gid_t kvm = zg_user_kvm_group();
    g_autofree char *groups =
        kvm != 0 ? g_strdup_printf("libvirt-qemu:x:64055:\nzaguan-kvm:x:%u:libvirt-qemu\n", kvm)
                 : g_strdup("libvirt-qemu:x:64055:\n");

    if (geteuid() != 0 || getpwnam("libvirt-qemu") != NULL) {
        return true;
    }
    return bind_with_line(state_dir, "/etc/group", groups, error) &&
           bind_with_line(state_dir, "/etc/passwd",
                          "libvirt-qemu:x:64055:64055::/nonexistent:/usr/sbin/nologin\n", error);
}

/* ---- making and joining ---- */

static bool
write_text(const char *path, const char *text)
{
    g_auto(ZgFd) fd = open(path, O_WRONLY | O_CLOEXEC);

    return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

static bool
unshare_all(GError **error)
{
    uid_t uid = geteuid();
    gid_t gid = getegid();
    int flags = CLONE_NEWNS | CLONE_NEWNET | (uid != 0 ? CLONE_NEWUSER : 0);

    if (unshare(flags) != 0) {
        zg_set_errno(error, errno, uid != 0 ? "make user, mount and network namespaces"
                                            : "make mount and network namespaces");
        return false;
    }
    if (uid != 0) {
        g_autofree char *uid_map = g_strdup_printf("%u %u 1\n", uid, uid);
        g_autofree char *gid_map = g_strdup_printf("%u %u 1\n", gid, gid);

        if (!write_text("/proc/self/setgroups", "deny") ||
            !write_text("/proc/self/uid_map", uid_map) ||
            !write_text("/proc/self/gid_map", gid_map)) {
            zg_set_errno(error, errno, "map our user into its namespace");
            return false;
        }
    }
    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) != 0) {
        zg_set_errno(error, errno, "make mounts private");
        return false;
    }
    return true;
}

/* An ordinary user's exec would lose what the namespace gave; the holder needs one thing of it. */
static void
keep_route_power(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[2] = {{0}};
    const uint32_t bit = 1u << CAP_NET_ADMIN;

    if (geteuid() != 0) {
        sets[0] = (struct __user_cap_data_struct){bit, bit, bit};
        syscall(SYS_capset, &header, sets);
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_ADMIN, 0, 0);
    }
}

/*
 * Starts `--hold` as nobody's child. @keep_fd stays open in it: its end is the signal to leave.
 * @watch_fd tells it of the host's addresses.
 */
static pid_t
start_holder(const char *state_dir, int keep_fd, int watch_fd)
{
    char watch_text[16];
    int pipe_fds[2];
    pid_t middle;
    pid_t holder = 0;

    if (pipe2(pipe_fds, O_CLOEXEC) != 0) {
        return 0;
    }
    middle = fork();
    if (middle == 0) {
        pid_t pid;

        setsid();
        pid = fork();
        if (pid != 0) {
            _exit(write(pipe_fds[1], &pid, sizeof pid) == sizeof pid ? 0 : 1);
        }
        if (keep_fd >= 0) {
            fcntl(keep_fd, F_SETFD, 0);
        }
        snprintf(watch_text, sizeof watch_text, "%d", watch_fd);
        fcntl(watch_fd, F_SETFD, 0);
        keep_route_power();
        execl("/proc/self/exe", "zaguan-hostd", "--hold", state_dir, watch_text, NULL);
        _exit(127);
    }
    close(pipe_fds[1]);
    if (middle < 0 || read(pipe_fds[0], &holder, sizeof holder) != sizeof holder) {
        holder = 0;
    }
    close(pipe_fds[0]);
    if (middle > 0) {
        waitpid(middle, NULL, 0);
    }
    return holder;
}

/* What the process outside needs: told the holder, it becomes slirp4netns. */
typedef struct {
    ZgFd tell;  /* written: pid of the holder */
    ZgFd ready; /* read: one byte when the network is there, end when it failed */
    ZgFd exit;  /* kept by the holder */
} WayOut;

static void
way_out_clear(WayOut *way)
{
    zg_fd_clear(&way->tell);
    zg_fd_clear(&way->ready);
    zg_fd_clear(&way->exit);
}

static void
run_slirp(int tell_fd, int ready_fd, int exit_fd, int64_t mtu)
{
    pid_t holder = 0;
    char pid_text[16];
    char mtu_text[32];
    char ready_text[32];
    char exit_text[32];

    setsid();
    if (fork() != 0) {
        _exit(0);
    }
    if (read(tell_fd, &holder, sizeof holder) != sizeof holder) {
        _exit(0); /* the room was not made after all */
    }
    fcntl(ready_fd, F_SETFD, 0);
    fcntl(exit_fd, F_SETFD, 0);
    snprintf(pid_text, sizeof pid_text, "%d", (int)holder);
    snprintf(mtu_text, sizeof mtu_text, "--mtu=%d", (int)mtu);
    snprintf(ready_text, sizeof ready_text, "--ready-fd=%d", ready_fd);
    snprintf(exit_text, sizeof exit_text, "--exit-fd=%d", exit_fd);
    /* Its sandbox wants to be root in the room's user namespace, where only we are mapped. */
    execlp("slirp4netns", "slirp4netns", "--configure", "--disable-host-loopback",
           "--enable-seccomp", mtu_text, ready_text, exit_text,
           geteuid() == 0 ? "--enable-sandbox" : pid_text,
           geteuid() == 0 ? pid_text : "tap0", geteuid() == 0 ? "tap0" : NULL, NULL);
    _exit(127);
}

/* Forks the process that stays outside. */
static bool
prepare_way_out(int64_t mtu, WayOut *out)
{
    int tell[2];
    int ready[2];
    int leave[2];
    pid_t pid;

    if (pipe2(tell, O_CLOEXEC) != 0 || pipe2(ready, O_CLOEXEC) != 0 ||
        pipe2(leave, O_CLOEXEC) != 0) {
        return false; /* out of descriptors at the very start: the caller gives up */
    }
    pid = fork();
    if (pid == 0) {
        int quiet_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

        close(tell[1]);
        close(ready[0]);
        close(leave[1]);
        dup2(quiet_fd, STDOUT_FILENO);
        run_slirp(tell[0], ready[1], leave[0], mtu);
    }
    close(tell[0]);
    close(ready[1]);
    close(leave[0]);
    *out = (WayOut){.tell = tell[1], .ready = ready[0], .exit = leave[1]};
    if (pid > 0) {
        waitpid(pid, NULL, 0);
    }
    return pid > 0;
}

static bool
open_way_out(WayOut *way, pid_t holder)
{
    struct pollfd wait = {.fd = way->ready, .events = POLLIN};
    char byte;

    return write(way->tell, &holder, sizeof holder) == sizeof holder &&
           poll(&wait, 1, NAT_READY_MS) == 1 && read(way->ready, &byte, 1) == 1;
}

static void
drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {0};

    if (geteuid() != 0) {
        syscall(SYS_capset, &header, none);
    }
}

static bool
make_room(const ZgConfineOptions *options, char **own, ZgConfinement *out, GError **error)
{
    WayOut way = {-1, -1, -1};
    g_autofree char *record_path = g_strconcat(options->state_dir, HOLDER_FILE, NULL);
    g_autofree char *record = NULL;
    g_autofree char *slirp = g_find_program_in_path("slirp4netns");
    g_auto(ZgFd) watch = zg_own_addresses_open(error); /* of the network out here */
    bool nat = options->nat && slirp != NULL && prepare_way_out(options->mtu, &way);
    pid_t holder;
    bool ok;

    ok = watch >= 0 && unshare_all(error) && name_libvirt_account(options->state_dir, error) &&
         (!options->hide_kvm || private_dev(error));
    if (ok && nat) {
        bind_resolver(options->state_dir);
    }
    if (ok) {
        out->state_dir = bind_state(options, error);
        ok = out->state_dir != NULL && set_routes(options, own, error);
    }
    if (!ok) {
        way_out_clear(&way);
        return false;
    }
    holder = start_holder(options->state_dir, way.exit, watch);
    record = record_with_place(holder, out->state_dir);
    if (holder == 0 || !g_file_set_contents(record_path, record, -1, error)) {
        way_out_clear(&way);
        return false;
    }
    out->nat = nat && open_way_out(&way, holder);
    if (!out->nat && options->nat) {
        out->nat_reason = g_strdup(slirp == NULL ? "slirp4netns is not installed"
                                                 : "slirp4netns did not start (it needs "
                                                   "/dev/net/tun)");
    }
    way_out_clear(&way);
    return true;
}

static bool
join_one(pid_t holder, const char *name, int type, GError **error)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/ns/%s", (int)holder, name);
    g_auto(ZgFd) fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || setns(fd, type) != 0) {
        zg_set_errno(error, errno, "join the %s namespace of the running guests", name);
        return false;
    }
    return true;
}

static bool
join_room(pid_t holder, const ZgConfineOptions *options, char **own, ZgConfinement *out,
          GError **error)
{
    g_autofree char *inner = place_in_record(options->state_dir);

    if ((geteuid() != 0 && !join_one(holder, "user", CLONE_NEWUSER, error)) ||
        !join_one(holder, "net", CLONE_NEWNET, error) ||
        !join_one(holder, "mnt", CLONE_NEWNS, error) || !set_routes(options, own, error)) {
        return false;
    }
    out->state_dir = inner != NULL ? g_steal_pointer(&inner) : g_strdup(options->state_dir);
    out->nat = if_nametoindex("tap0") != 0;
    out->nat_reason = out->nat ? NULL : g_strdup("the guests' network was made without a way out");
    out->joined = true;
    return true;
}

bool
zg_confine_enter(const ZgConfineOptions *options, ZgConfinement *out, GError **error)
{
    g_auto(GStrv) own = own_addresses();
    pid_t holder = find_holder(options->state_dir);
    ZgConfinement made = {0};
    bool ok = holder != 0 ? join_room(holder, options, own, &made, error)
                          : make_room(options, own, &made, error);

    if (!ok) {
        zg_confinement_clear(&made);
        return false;
    }
    drop_capabilities();
    if (chdir("/") != 0) {
        zg_log_debug("chdir", NULL, "%s", g_strerror(errno));
    }
    *out = made;
    return true;
}

void
zg_confinement_clear(ZgConfinement *confinement)
{
    g_clear_pointer(&confinement->state_dir, g_free);
    g_clear_pointer(&confinement->nat_reason, g_free);
}
