/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hostd/rfb_fake.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "common/base/error.h"
#include "common/base/fd.h"

#define WIDTH 640
#define HEIGHT 480
#define NAME "fake"

typedef struct {
    int fd;
    uint32_t colour;
    bool asked; /* an update request waits for a change */
} Server;

static bool
take(int fd, void *bytes, size_t n_bytes)
{
    return n_bytes == 0 ||
           recv(fd, bytes, n_bytes, MSG_WAITALL) == (ssize_t)n_bytes;
}

static bool
give(int fd, const void *bytes, size_t n_bytes)
{
    const uint8_t *at = bytes;

    while (n_bytes > 0) {
        ssize_t n_sent = send(fd, at, n_bytes, MSG_NOSIGNAL);

        if (n_sent <= 0) {
            return false;
        }
        at += n_sent;
        n_bytes -= (size_t)n_sent;
    }
    return true;
}

static bool
skip(int fd, size_t n_bytes)
{
    uint8_t bytes[512];

    while (n_bytes > 0) {
        size_t n_part = MIN(n_bytes, sizeof bytes);

        if (!take(fd, bytes, n_part)) {
            return false;
        }
        n_bytes -= n_part;
    }
    return true;
}

static bool
greet(int fd)
{
    static const uint8_t security[] = {1, 1};
    static const uint8_t ok[4] = {0};
    static const uint8_t init[] = {WIDTH >> 8, WIDTH & 0xff, HEIGHT >> 8, HEIGHT & 0xff,
                                   32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0,
                                   0, 0, 0, sizeof NAME - 1};

    return give(fd, "RFB 003.008\n", 12) && skip(fd, 12) && give(fd, security, sizeof security) &&
           skip(fd, 1) && give(fd, ok, sizeof ok) && skip(fd, 1) && give(fd, init, sizeof init) &&
           give(fd, NAME, sizeof NAME - 1);
}

static bool
send_picture(Server *server)
{
    static const uint8_t head[] = {0, 0, 0, 1, 0, 0, 0, 0, WIDTH >> 8, WIDTH & 0xff,
                                   HEIGHT >> 8, HEIGHT & 0xff, 0, 0, 0, 0};
    uint32_t row[WIDTH];

    server->asked = false;
    for (unsigned x = 0; x < WIDTH; x++) {
        row[x] = GUINT32_TO_LE(server->colour);
    }
    if (!give(server->fd, head, sizeof head)) {
        return false;
    }
    for (unsigned y = 0; y < HEIGHT; y++) {
        if (!give(server->fd, row, sizeof row)) {
            return false;
        }
    }
    return true;
}

static bool
on_key(Server *server, bool down)
{
    if (down) {
        server->colour = (server->colour * 1664525u + 1013904223u) & 0xffffff;
    }
    return !down || !server->asked || send_picture(server);
}

static bool
on_request(Server *server)
{
    uint8_t rest[9];

    if (!take(server->fd, rest, sizeof rest)) {
        return false;
    }
    server->asked = true;
    return rest[0] != 0 || send_picture(server);
}

static bool
on_encodings(int fd)
{
    uint8_t rest[3];

    return take(fd, rest, sizeof rest) && skip(fd, 4 * ((size_t)rest[1] << 8 | rest[2]));
}

static bool
on_cut_text(int fd)
{
    uint8_t rest[7];
    int32_t length;

    if (!take(fd, rest, sizeof rest)) {
        return false;
    }
    length = (int32_t)((uint32_t)rest[3] << 24 | (uint32_t)rest[4] << 16 |
                       (uint32_t)rest[5] << 8 | rest[6]);
    /* A negative length is an extended clipboard message of that many bytes. */
    return length != INT32_MIN && skip(fd, (size_t)ABS(length));
}

static bool
on_message(Server *server, uint8_t type)
{
    uint8_t rest[11];

    switch (type) {
    case 0:
        return skip(server->fd, 19);
    case 2:
        return on_encodings(server->fd);
    case 3:
        return on_request(server);
    case 4:
        return take(server->fd, rest, 7) && on_key(server, rest[0] != 0);
    case 5:
        return skip(server->fd, 5);
    case 6:
        return on_cut_text(server->fd);
    case 255:
        return take(server->fd, rest, 11) && rest[0] == 0 && on_key(server, rest[2] != 0);
    default:
        return false;
    }
}

static gpointer
serve(gpointer data)
{
    Server *server = data;
    uint8_t type;

    if (greet(server->fd)) {
        while (take(server->fd, &type, 1) && on_message(server, type)) {
        }
    }
    close(server->fd);
    g_free(server);
    return NULL;
}

int
zg_rfb_fake_start(const char *seed, GError **error)
{
    int fds[2];
    Server *server;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
        zg_set_errno(error, errno, "make a socket pair");
        return -1;
    }
    server = g_new0(Server, 1);
    *server = (Server){.fd = fds[1], .colour = g_str_hash(seed) & 0xffffff};
    g_thread_unref(g_thread_new("fake-console", serve, server));
    return fds[0];
}
