/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/net/listener.h"

#include <errno.h>
#include <glib-unix.h>
#include <sys/socket.h>
#include "common/base/fd.h"
#include "common/base/log.h"
#include "common/net/stream.h"

#define ACCEPTS_PER_TURN 32
#define PAUSE_WITHOUT_DESCRIPTORS_MS 100

struct ZgListener {
    ZgFd fd;
    ZgAcceptFunc on_accept;
    void *user;
    guint watch;
    guint pause;
};

static gboolean on_connection(gint fd, GIOCondition condition, gpointer data);

static gboolean
on_pause_over(gpointer data)
{
    ZgListener *listener = data;

    listener->pause = 0;
    listener->watch = g_unix_fd_add(listener->fd, G_IO_IN, on_connection, listener);
    return G_SOURCE_REMOVE;
}

static gboolean
on_connection(gint fd, GIOCondition condition, gpointer data)
{
    ZgListener *listener = data;

    (void)condition;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        int accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        g_autofree char *peer = NULL;

        if (accepted >= 0) {
            peer = zg_stream_peer_text(accepted);
            listener->on_accept(accepted, peer, listener->user);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            /* Without a pause the loop would spin on the waiting connection. */
            zg_log_warning("accept-paused", NULL, "no descriptors left for a new connection: %s",
                           g_strerror(errno));
            listener->watch = 0;
            listener->pause =
                g_timeout_add(PAUSE_WITHOUT_DESCRIPTORS_MS, on_pause_over, listener);
            return G_SOURCE_REMOVE;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            break;
        }
    }
    return G_SOURCE_CONTINUE;
}

ZgListener *
zg_listener_new(int fd, ZgAcceptFunc on_accept, void *user)
{
    ZgListener *listener = g_new0(ZgListener, 1);

    listener->fd = fd;
    listener->on_accept = on_accept;
    listener->user = user;
    listener->watch = g_unix_fd_add(fd, G_IO_IN, on_connection, listener);
    return listener;
}

void
zg_listener_free(ZgListener *listener)
{
    if (listener != NULL) {
        g_clear_handle_id(&listener->watch, g_source_remove);
        g_clear_handle_id(&listener->pause, g_source_remove);
        zg_fd_clear(&listener->fd);
        g_free(listener);
    }
}
