/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hostd/front_link.h"

#include <glib-unix.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "common/base/error.h"
#include "common/base/fd.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/proto/json.h"

#define RETRY_MS 300
#define HELLO_LIMIT_MS 5000
#define PACKETS_AT_ONCE 32 /* then other sources of the loop have their turn */

struct ZgFrontLink {
    char *path;
    char *host;
    ZgFrontLinkOwner owner;
    ZgFd fd;
    bool greeted;
    bool told_missing;
    guint watch;
    guint timer; /* next try, or the limit for hello */
};

static gboolean try_connect(gpointer data);

static void
drop(ZgFrontLink *link, const char *why)
{
    bool was_greeted = link->greeted;

    g_clear_handle_id(&link->watch, g_source_remove);
    g_clear_handle_id(&link->timer, g_source_remove);
    zg_fd_clear(&link->fd);
    link->greeted = false;
    link->timer = g_timeout_add(RETRY_MS, try_connect, link);
    if (was_greeted) {
        zg_log_warning("front-lost", NULL, "consoles stay as they are, connecting again: %s", why);
        link->owner.on_connected(false, link->owner.user);
    }
}

static bool
send_packet(ZgFrontLink *link, json_t *message, int fd, GError **error)
{
    char *text = zg_json_text(message);
    bool ok = zg_packet_send(link->fd, text, strlen(text), fd, error);

    free(text);
    json_decref(message);
    return ok;
}

bool
zg_front_link_send(ZgFrontLink *link, json_t *message, int fd)
{
    g_autoptr(GError) error = NULL;

    if (!link->greeted) {
        json_decref(message);
        return false;
    }
    if (!send_packet(link, message, fd, &error)) {
        drop(link, error->message);
        return false;
    }
    return true;
}

static void
on_hello(ZgFrontLink *link)
{
    g_clear_handle_id(&link->timer, g_source_remove);
    link->greeted = true;
    link->told_missing = false;
    zg_log_info("front-connected", NULL, "the front answers");
    zg_front_link_send(link, json_pack("{s:s}", "type", "list"), -1);
    link->owner.on_connected(true, link->owner.user);
}

static void
take_packet(ZgFrontLink *link, const char *bytes, size_t n_bytes)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) message = zg_json_parse(bytes, n_bytes, &error);
    const char *type = message != NULL ? json_string_value(json_object_get(message, "type")) : NULL;

    if (type == NULL) {
        drop(link, error != NULL ? error->message : "a message without type");
    } else if (!link->greeted) {
        if (g_str_equal(type, "hello")) {
            on_hello(link);
        } else {
            drop(link, "it did not say hello first");
        }
    } else {
        link->owner.on_message(type, message, link->owner.user);
    }
}

static gboolean
on_readable(int fd, GIOCondition condition, gpointer data)
{
    ZgFrontLink *link = data;
    g_autofree char *buffer = g_malloc(ZG_LIMIT_CONTROL_BYTES);

    for (int i = 0; i < PACKETS_AT_ONCE && link->fd == fd; i++) {
        g_autoptr(GError) error = NULL;
        g_auto(ZgFd) passed = -1;
        ssize_t n_bytes = zg_packet_receive(fd, buffer, ZG_LIMIT_CONTROL_BYTES, &passed, &error);

        if (n_bytes == -2) {
            return G_SOURCE_CONTINUE;
        }
        if (n_bytes <= 0) {
            link->watch = 0;
            drop(link, error != NULL ? error->message : "it closed");
            return G_SOURCE_REMOVE;
        }
        take_packet(link, buffer, (size_t)n_bytes);
    }
    return G_SOURCE_CONTINUE;
}

static gboolean
on_hello_late(gpointer data)
{
    ZgFrontLink *link = data;

    link->timer = 0;
    drop(link, "no hello in time");
    return G_SOURCE_REMOVE;
}

static gboolean
try_connect(gpointer data)
{
    ZgFrontLink *link = data;
    g_autoptr(GError) error = NULL;

    link->fd = zg_unix_connect(link->path, SOCK_SEQPACKET, &error);
    if (link->fd < 0) {
        if (!link->told_missing) {
            zg_log_warning("front-missing", NULL, "waiting for the front: %s", error->message);
            link->told_missing = true;
        }
        return G_SOURCE_CONTINUE;
    }
    link->watch = g_unix_fd_add(link->fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable, link);
    link->timer = g_timeout_add(HELLO_LIMIT_MS, on_hello_late, link);
    if (!send_packet(link,
                     json_pack("{s:s, s:i, s:s}", "type", "hello", "version", 1, "host",
                               link->host),
                     -1, &error)) {
        drop(link, error->message);
    }
    return G_SOURCE_REMOVE;
}

ZgFrontLink *
zg_front_link_new(const char *path, const char *host, const ZgFrontLinkOwner *owner)
{
    ZgFrontLink *link = g_new0(ZgFrontLink, 1);

    link->path = g_strdup(path);
    link->host = g_strdup(host);
    link->owner = *owner;
    link->fd = -1;
    link->timer = g_timeout_add(1, try_connect, link);
    return link;
}

void
zg_front_link_free(ZgFrontLink *link)
{
    if (link == NULL) {
        return;
    }
    g_clear_handle_id(&link->watch, g_source_remove);
    g_clear_handle_id(&link->timer, g_source_remove);
    zg_fd_clear(&link->fd);
    g_free(link->path);
    g_free(link->host);
    g_free(link);
}
