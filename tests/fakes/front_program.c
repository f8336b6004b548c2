/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The real front on a scripted worker, for tests of the front alone.
 *
 * A viewer that starts with `version` gets the line "hello LABEL view_only=N epoch=N", then every
 * byte back. Lines it sends may be orders: "!die", "!gone TEXT", "!flood BYTES", "!fds". A viewer
 * that starts with `client-init` gets a small RFB 3.8 screen of two colours. A copy of this program
 * called `silent-worker` never becomes ready.
 */
#include <errno.h>
#include <glib.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "common/base/fd.h"
#include "common/base/limits.h"
#include "common/proto/json.h"
#include "display/front.h"

#define DOOR_FD 3
#define VIEWERS_MAX 32
#define WIDTH 640
#define HEIGHT 480

typedef struct {
    int fd; /* -1: free */
    char id[33];
    bool rfb;
    bool has_init;
    uint8_t in[4096];
    size_t n_in;
} FakeViewer;

static FakeViewer viewers[VIEWERS_MAX];
static long long epoch;
static int console_fd = -1;
static char profile[64];

static void
tell(json_t *message)
{
    char *text = zg_json_text(message);

    json_decref(message);
    if (!zg_packet_send(DOOR_FD, text, strlen(text), -1, NULL)) {
        exit(1);
    }
    free(text);
}

static void
put(FakeViewer *viewer, const void *bytes, size_t n_bytes)
{
    const uint8_t *at = bytes;

    while (n_bytes > 0) {
        ssize_t n = send(viewer->fd, at, n_bytes, MSG_NOSIGNAL);

        if (n < 0 && errno == EAGAIN) {
            struct pollfd wait = {.fd = viewer->fd, .events = POLLOUT};

            poll(&wait, 1, -1);
            continue;
        }
        if (n <= 0) {
            return;
        }
        at += n;
        n_bytes -= (size_t)n;
    }
}

static void
drop(FakeViewer *viewer, const char *reason)
{
    tell(json_pack("{s:s, s:s, s:s}", "type", "viewer-gone", "id", viewer->id, "reason", reason));
    close(viewer->fd);
    viewer->fd = -1;
}

static void
tell_stats(FakeViewer *viewer)
{
    tell(json_pack("{s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:s, s:[s]}", "type", "stats", "id",
                   viewer->id, "frames", 3, "rtt_us", 1500, "rate_kbit", 4800, "fps", 23,
                   "queued_bytes", 0, "bottleneck", "link", "encodings", "raw"));
}

/* What no worker of ours says: the first word is how often. */
static void
says(const char *text)
{
    char *packet;
    guint64 n = g_ascii_strtoull(text, &packet, 10);

    for (packet++; n > 0; n--) {
        while (!zg_packet_send(DOOR_FD, packet, strlen(packet), -1, NULL)) {
            struct pollfd wait = {.fd = DOOR_FD, .events = POLLOUT};

            poll(&wait, 1, -1);
        }
    }
}

static void
flood(FakeViewer *viewer, size_t n_bytes)
{
    static uint8_t block[65536];

    for (; n_bytes > 0 && viewer->fd >= 0; n_bytes -= MIN(n_bytes, sizeof block)) {
        put(viewer, block, MIN(n_bytes, sizeof block));
    }
}

/* How many descriptors are open beside 0..2, the door, the console and the viewer's own. */
static void
count_descriptors(FakeViewer *viewer)
{
    char text[32];
    int n = 0;

    for (int fd = 3; fd < 1024; fd++) {
        struct pollfd probe = {.fd = fd};

        n += poll(&probe, 1, 0) == 1 && (probe.revents & POLLNVAL) ? 0 : 1;
    }
    g_snprintf(text, sizeof text, "fds=%d uid=%d\n", n - 3, (int)getuid());
    put(viewer, text, strlen(text));
}

static void
on_text(FakeViewer *viewer)
{
    char *text = g_strndup((const char *)viewer->in, viewer->n_in); /* ends with a line break */

    viewer->n_in = 0;
    if (g_str_has_prefix(text, "!die")) {
        raise(SIGKILL);
    } else if (g_str_has_prefix(text, "!gone ")) {
        drop(viewer, g_strchomp(text) + 6);
    } else if (g_str_has_prefix(text, "!flood ")) {
        flood(viewer, (size_t)atoll(text + 7));
    } else if (g_str_has_prefix(text, "!fds")) {
        count_descriptors(viewer);
    } else if (g_str_has_prefix(text, "!stats")) {
        tell_stats(viewer);
    } else if (g_str_has_prefix(text, "!says ")) {
        says(text + 6);
    } else if (g_str_has_prefix(text, "!profile")) {
        put(viewer, profile, strlen(profile));
        put(viewer, "\n", 1);
    } else {
        put(viewer, text, strlen(text));
    }
    g_free(text);
}

static void
put_picture(FakeViewer *viewer)
{
    static const uint8_t head[] = {0, 0, 0, 1,          0,           0,           0, 0, WIDTH >> 8,
                                   WIDTH & 255, HEIGHT >> 8, HEIGHT & 255, 0, 0, 0, 0};
    static uint32_t row[WIDTH];

    put(viewer, head, sizeof head);
    for (int y = 0; y < HEIGHT; y++) {
        for (int x = 0; x < WIDTH; x++) {
            row[x] = (x / 40 + y / 40) % 2 ? 0x2060a0 : 0xf0c040;
        }
        put(viewer, row, sizeof row);
    }
}

/* Length of the RFB message at the start of the input, 0 when more is needed. */
static size_t
rfb_length(const FakeViewer *viewer)
{
    static const size_t fixed[] = {[0] = 20, [3] = 10, [4] = 8, [5] = 6};
    const uint8_t *in = viewer->in;

    if (!viewer->has_init) {
        return 1;
    }
    if (in[0] == 2 && viewer->n_in >= 4) {
        return 4 + 4 * (size_t)(in[2] << 8 | in[3]);
    }
    if (in[0] == 6 && viewer->n_in >= 8) {
        return 8 + (size_t)(in[6] << 8 | in[7]);
    }
    return in[0] < G_N_ELEMENTS(fixed) ? fixed[in[0]] : in[0] == 6 ? 0 : viewer->n_in;
}

static void
on_rfb(FakeViewer *viewer)
{
    static const uint8_t init[] = {
        WIDTH >> 8, WIDTH & 255, HEIGHT >> 8, HEIGHT & 255,       /* size */
        32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0,  /* pixel format */
        0, 0, 0, 6, 'd', 'e', 's', 'k', 'i', 'd',                 /* name */
    };
    size_t n;

    while (viewer->n_in > 0 && (n = rfb_length(viewer)) > 0 && n <= viewer->n_in) {
        if (!viewer->has_init) {
            viewer->has_init = true;
            put(viewer, init, sizeof init);
        } else if (viewer->in[0] == 3 && viewer->in[1] == 0) {
            put_picture(viewer);
            tell(json_pack("{s:s, s:s}", "type", "first-frame", "id", viewer->id));
        }
        viewer->n_in -= n;
        memmove(viewer->in, viewer->in + n, viewer->n_in);
    }
}

static void
on_viewer_bytes(FakeViewer *viewer)
{
    size_t n_room = sizeof viewer->in - viewer->n_in;
    ssize_t n = recv(viewer->fd, viewer->in + viewer->n_in, n_room, MSG_DONTWAIT);

    if (n <= 0) {
        drop(viewer, "the viewer closed");
        return;
    }
    viewer->n_in += (size_t)n;
    if (viewer->rfb) {
        on_rfb(viewer);
    } else {
        on_text(viewer);
    }
}

static void
add_viewer(const json_t *message, int fd)
{
    char *line;

    for (int i = 0; i < VIEWERS_MAX; i++) {
        FakeViewer *viewer = &viewers[i];

        if (viewer->fd >= 0) {
            continue;
        }
        *viewer = (FakeViewer){.fd = fd};
        g_strlcpy(viewer->id, json_string_value(json_object_get(message, "id")), 33);
        viewer->rfb =
            g_str_equal(json_string_value(json_object_get(message, "start")), "client-init");
        if (!viewer->rfb) {
            line = g_strdup_printf("hello %s view_only=%d epoch=%lld\n",
                                   json_string_value(json_object_get(message, "label")),
                                   json_is_true(json_object_get(message, "view_only")), epoch);
            put(viewer, line, strlen(line));
            g_free(line);
            tell(json_pack("{s:s, s:s}", "type", "first-frame", "id", viewer->id));
        }
        return;
    }
    close(fd);
}

static void
cut_viewer(const json_t *message)
{
    for (int i = 0; i < VIEWERS_MAX; i++) {
        if (viewers[i].fd >= 0 &&
            g_str_equal(viewers[i].id, json_string_value(json_object_get(message, "id")))) {
            drop(&viewers[i], "cut");
        }
    }
}

static void
on_order(void)
{
    static char buffer[ZG_LIMIT_CONTROL_BYTES];
    ZgFd passed = -1;
    ssize_t n = zg_packet_receive(DOOR_FD, buffer, sizeof buffer, &passed, NULL);
    json_t *message;
    const char *type;

    if (n == -2) {
        return;
    }
    message = n > 0 ? zg_json_parse(buffer, (size_t)n, NULL) : NULL;
    type = message != NULL ? json_string_value(json_object_get(message, "type")) : "stop";
    if (g_str_equal(type, "stop")) {
        exit(0);
    } else if (g_str_equal(type, "start")) {
        g_strlcpy(profile, json_string_value(json_object_get(message, "profile")),
                  sizeof profile);
    } else if (g_str_equal(type, "console")) {
        epoch = json_integer_value(json_object_get(message, "epoch"));
        zg_fd_clear(&console_fd);
        console_fd = passed;
    } else if (g_str_equal(type, "viewer")) {
        add_viewer(message, passed);
    } else if (g_str_equal(type, "cut")) {
        cut_viewer(message);
    }
    json_decref(message);
}

G_NORETURN static void
run_worker(void)
{
    g_autofree char *program = g_file_read_link("/proc/self/exe", NULL);

    while (program != NULL && g_str_has_suffix(program, "silent-worker")) {
        pause();
    }
    for (int i = 0; i < VIEWERS_MAX; i++) {
        viewers[i].fd = -1;
    }
    tell(json_pack("{s:s, s:i}", "type", "ready", "pid", (int)getpid()));
    tell(json_pack("{s:s, s:i, s:i}", "type", "size", "width", WIDTH, "height", HEIGHT));
    for (;;) {
        struct pollfd set[VIEWERS_MAX + 1] = {{.fd = DOOR_FD, .events = POLLIN}};

        for (int i = 0; i < VIEWERS_MAX; i++) {
            set[i + 1] = (struct pollfd){.fd = viewers[i].fd, .events = POLLIN};
        }
        poll(set, VIEWERS_MAX + 1, -1);
        for (int i = 0; i < VIEWERS_MAX; i++) {
            if (set[i + 1].revents != 0 && viewers[i].fd >= 0) {
                on_viewer_bytes(&viewers[i]);
            }
        }
        if (set[0].revents != 0) {
            on_order();
        }
    }
}

int
main(int argc, char **argv)
{
    if (argc == 2 && g_str_equal(argv[1], "--worker")) {
        run_worker();
    }
    if (argc == 3 && g_str_equal(argv[1], "--front")) {
        return zg_front_main(argv[2]);
    }
    return 2;
}
