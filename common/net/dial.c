/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/net/dial.h"

#include <fcntl.h>
#include <gio/gio.h>
#include <gio/gunixsocketaddress.h>
#include <string.h>
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"

#define PAUSE_LEAST_MS 200
#define PAUSE_MOST_MS 5000
#define TRY_S 5
#define GOOD_AFTER_US (10 * G_USEC_PER_SEC)

struct ZgDial {
    char *address;
    GSocketClient *client;
    GSocketConnectable *target;
    GCancellable *cancellable;
    ZgDialFunc on_connected;
    void *user;
    unsigned pause_ms;
    int64_t connected_us;
    guint timer;
    bool told; /* the failure was logged already */
};

static GSocketConnectable *
parse_address(const char *address, GError **error)
{
    if (g_str_has_prefix(address, "unix:") && address[5] != '\0') {
        return G_SOCKET_CONNECTABLE(g_unix_socket_address_new(address + 5));
    }
    if (g_str_has_prefix(address, "tcp:")) {
        const char *colon = strrchr(address + 4, ':');
        guint64 port = 0;

        if (colon != NULL && colon > address + 4 &&
            g_ascii_string_to_unsigned(colon + 1, 10, 1, 65535, &port, NULL)) {
            g_autofree char *host = g_strndup(address + 4, (gsize)(colon - address - 4));
            size_t n = strlen(host);

            if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
                host[n - 1] = '\0';
                return G_SOCKET_CONNECTABLE(g_network_address_new(host + 1, (guint16)port));
            }
            return G_SOCKET_CONNECTABLE(g_network_address_new(host, (guint16)port));
        }
    }
    g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID,
                "'%s' is not an address: write unix:PATH or tcp:HOST:PORT", address);
    return NULL;
}

static void try_now(ZgDial *dial);

static gboolean
on_pause_over(gpointer data)
{
    ZgDial *dial = data;

    dial->timer = 0;
    try_now(dial);
    return G_SOURCE_REMOVE;
}

static void
pause_then_try(ZgDial *dial)
{
    unsigned jittered = dial->pause_ms / 2 +
                        (unsigned)g_random_int_range(0, (gint32)dial->pause_ms / 2 + 1);

    if (dial->timer == 0) {
        dial->timer = g_timeout_add(jittered, on_pause_over, dial);
    }
    dial->pause_ms = MIN(dial->pause_ms * 2, PAUSE_MOST_MS);
}

static void
on_try_finished(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GSocketConnection) connection =
        g_socket_client_connect_finish(G_SOCKET_CLIENT(source), result, &error);
    ZgDial *dial = data;
    int fd;

    if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
        return; /* the dialler is gone */
    }
    if (connection == NULL) {
        if (!dial->told) {
            zg_log_warning("dial-failed", dial->address, "cannot reach '%s': %s; trying on",
                           dial->address, error->message);
            dial->told = true;
        }
        pause_then_try(dial);
        return;
    }
    fd = fcntl(g_socket_get_fd(g_socket_connection_get_socket(connection)), F_DUPFD_CLOEXEC, 3);
    if (fd < 0) {
        pause_then_try(dial);
        return;
    }
    dial->told = false;
    dial->connected_us = zg_clock_mono_us();
    dial->on_connected(fd, dial->user);
}

static void
try_now(ZgDial *dial)
{
    g_socket_client_connect_async(dial->client, dial->target, dial->cancellable, on_try_finished,
                                  dial);
}

ZgDial *
zg_dial_new(const char *address, ZgDialFunc on_connected, void *user, GError **error)
{
    GSocketConnectable *target = parse_address(address, error);
    ZgDial *dial;

    if (target == NULL) {
        return NULL;
    }
    dial = g_new0(ZgDial, 1);
    dial->address = g_strdup(address);
    dial->target = target;
    dial->client = g_socket_client_new();
    g_socket_client_set_timeout(dial->client, TRY_S);
    g_socket_client_set_enable_proxy(dial->client, FALSE);
    dial->cancellable = g_cancellable_new();
    dial->on_connected = on_connected;
    dial->user = user;
    dial->pause_ms = PAUSE_LEAST_MS;
    try_now(dial);
    return dial;
}

void
zg_dial_again(ZgDial *dial)
{
    if (dial->connected_us != 0 && zg_clock_mono_us() - dial->connected_us > GOOD_AFTER_US) {
        dial->pause_ms = PAUSE_LEAST_MS;
    }
    pause_then_try(dial);
}

void
zg_dial_free(ZgDial *dial)
{
    if (dial != NULL) {
        g_cancellable_cancel(dial->cancellable);
        g_clear_handle_id(&dial->timer, g_source_remove);
        g_object_unref(dial->cancellable);
        g_object_unref(dial->target);
        g_object_unref(dial->client);
        g_free(dial->address);
        g_free(dial);
    }
}
