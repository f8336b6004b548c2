/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hostd/relay.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "common/base/error.h"
#include "common/base/fd.h"
#include "common/base/log.h"
#include "common/net/dial.h"
#include "common/net/listener.h"
#include "common/net/stream.h"

/* hostd keeps one connection; a new one means that it gave the old one up. */
typedef struct {
    const char *address;
    ZgStream *near; /* hostd */
    ZgStream *far;  /* the broker */
    ZgDial *dial;
} Relay;

static void
end_pair(Relay *relay)
{
    g_clear_pointer(&relay->near, zg_stream_free);
    g_clear_pointer(&relay->far, zg_stream_free);
    g_clear_pointer(&relay->dial, zg_dial_free);
}

static void
on_closed(ZgStream *stream, const GError *error, void *user)
{
    end_pair(user);
}

static void
on_bytes(ZgStream *stream, const uint8_t *bytes, size_t n_bytes, void *user)
{
    Relay *relay = user;
    ZgStream *other = stream == relay->near ? relay->far : relay->near;

    if (other == NULL || !zg_stream_write(other, bytes, n_bytes)) {
        end_pair(relay);
    }
}

static const ZgStreamHandlers handlers = {.on_bytes = on_bytes, .on_closed = on_closed};

static void
on_reached(int fd, void *user)
{
    Relay *relay = user;

    relay->far = zg_stream_new(fd, &handlers, relay);
    zg_stream_set_reading(relay->near, true);
}

static void
on_accept(int fd, const char *peer, void *user)
{
    Relay *relay = user;

    end_pair(relay);
    relay->near = zg_stream_new(fd, &handlers, relay);
    zg_stream_set_reading(relay->near, false);
    relay->dial = zg_dial_new(relay->address, on_reached, relay, NULL);
}

static void
relay_main(int listen_fd, const char *address, pid_t parent)
{
    Relay relay = {.address = address};
    ZgListener *listener;

    prctl(PR_SET_NAME, "zaguan-relay", 0, 0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
    if (getppid() != parent) {
        _exit(0); /* it was quicker than we */
    }
    listener = zg_listener_new(listen_fd, on_accept, &relay);
    g_main_loop_run(g_main_loop_new(NULL, FALSE));
    zg_listener_free(listener);
}

char *
zg_relay_start(const char *address, const char *state_dir, GError **error)
{
    g_autofree char *path = g_strconcat(state_dir, "/run/broker-relay", NULL);
    g_auto(ZgFd) fd = zg_unix_listen(path, SOCK_STREAM, 0600, error);
    pid_t parent = getpid();
    pid_t pid;

    if (fd < 0) {
        return NULL;
    }
    pid = fork();
    if (pid < 0) {
        zg_set_errno(error, errno, "start the way to the broker");
        return NULL;
    }
    if (pid == 0) {
        zg_log_init("zaguan-hostd-relay");
        relay_main(zg_fd_steal(&fd), address, parent);
        _exit(0);
    }
    return g_strconcat("unix:", path, NULL);
}
