/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/control.h"

#include <errno.h>
#include <glib-unix.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "common/base/error.h"
#include "common/base/fd.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/proto/json.h"

#define PROTOCOL_VERSION 1
#define ORDER_ID_MAX 64
#define QUEUE_MAX 4096 /* reports waiting; a `list` of every desktop fits */
#define PACKETS_PER_TURN 32

struct ZgControl {
    char *name;
    char *path;
    ZgConsoles *consoles;
    ZgFd listener;
    guint listen_watch;
    ZgFd hostd; /* -1 while there is none */
    guint watch;
    guint write_watch;
    GQueue queue; /* text of reports that did not leave at once */
    bool greeted;
};

static void
drop_hostd(ZgControl *control, const char *why)
{
    if (control->hostd < 0) {
        return;
    }
    zg_log_info("hostd-left", NULL, "hostd's control connection ended: %s", why);
    g_clear_handle_id(&control->watch, g_source_remove);
    g_clear_handle_id(&control->write_watch, g_source_remove);
    g_queue_clear_full(&control->queue, free);
    zg_fd_clear(&control->hostd);
    control->greeted = false;
}

/* Return: false when nothing more can leave now, or the connection ended. */
static bool
send_text(ZgControl *control, const char *text)
{
    g_autoptr(GError) error = NULL;

    if (zg_packet_send(control->hostd, text, strlen(text), -1, &error)) {
        return true;
    }
    if (!g_error_matches(error, ZG_ERROR, ZG_ERROR_UNAVAILABLE)) {
        drop_hostd(control, error->message);
    }
    return false;
}

static gboolean
on_writable(gint fd, GIOCondition condition, gpointer data)
{
    ZgControl *control = data;
    char *text;

    (void)fd;
    (void)condition;
    while ((text = g_queue_peek_head(&control->queue)) != NULL) {
        if (!send_text(control, text)) {
            /* Dropping the connection has removed this watch already. */
            return control->hostd >= 0 ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
        }
        free(g_queue_pop_head(&control->queue));
    }
    control->write_watch = 0;
    return G_SOURCE_REMOVE;
}

void
zg_control_report(json_t *report, void *user)
{
    g_autoptr(json_t) owned = report;
    ZgControl *control = user;
    char *text;

    if (control->hostd < 0 || !control->greeted || report == NULL) {
        return;
    }
    text = zg_json_text(report);
    if (g_queue_is_empty(&control->queue) && send_text(control, text)) {
        free(text);
    } else if (control->hostd < 0) {
        free(text);
    } else if (g_queue_get_length(&control->queue) >= QUEUE_MAX) {
        free(text);
        drop_hostd(control, "it does not read its reports");
    } else {
        g_queue_push_tail(&control->queue, text);
        if (control->write_watch == 0) {
            control->write_watch = g_unix_fd_add(control->hostd, G_IO_OUT, on_writable, control);
        }
    }
}

static void
answer(ZgControl *control, const char *id, const GError *error)
{
    zg_control_report(json_pack("{s:s, s:s, s:b, s:s, s:s}", "type", "done", "id", id, "ok",
                                error == NULL, "code",
                                error != NULL ? zg_error_name(zg_error_code_of(error)) : "",
                                "message", error != NULL ? error->message : ""),
                      control);
}

/* Each order: read the fields, do it. Return: false with an error when it breaks the protocol. */

static bool
order_hello(ZgControl *control, const json_t *message, int fd, GError **error)
{
    const char *host = NULL;
    int64_t version = 0;
    ZgJsonReader reader;

    (void)fd;
    zg_json_reader_init(&reader, message, "hello");
    zg_json_take_int(&reader, "version", ZG_JSON_REQUIRED, 1, G_MAXINT, &version);
    zg_json_take_text(&reader, "host", ZG_JSON_REQUIRED, 1, ZG_LIMIT_TEXT_BYTES, &host);
    if (!zg_json_reader_finish(&reader, ZG_JSON_SKIP_UNKNOWN, NULL, error)) {
        return false;
    }
    control->greeted = true;
    zg_log_info("hostd-came", host, "hostd of host '%s' is connected", host);
    zg_control_report(json_pack("{s:s, s:i, s:s, s:[s, s]}", "type", "hello", "version",
                                PROTOCOL_VERSION, "front", control->name, "protocols", "wss",
                                "vnc"),
                      control);
    return true;
}

static bool
order_console(ZgControl *control, const json_t *message, int fd, GError **error)
{
    ZgConsoleOrder order = {.name = "", .title = "", .profile = "lan"};
    g_autoptr(GError) refused = NULL;
    int64_t generation = 0, epoch = 0;
    ZgJsonReader reader;

    zg_json_reader_init(&reader, message, "console");
    zg_json_take_id(&reader, "desktop", ZG_JSON_REQUIRED, &order.desktop);
    zg_json_take_int(&reader, "generation", ZG_JSON_REQUIRED, 1, G_MAXINT64, &generation);
    zg_json_take_int(&reader, "epoch", ZG_JSON_REQUIRED, 1, G_MAXINT64, &epoch);
    zg_json_take_text(&reader, "name", ZG_JSON_OPTIONAL, 0, ZG_LIMIT_TEXT_BYTES, &order.name);
    zg_json_take_text(&reader, "title", ZG_JSON_OPTIONAL, 0, ZG_LIMIT_TEXT_BYTES, &order.title);
    zg_json_take_text(&reader, "profile", ZG_JSON_OPTIONAL, 1, ZG_LIMIT_NAME_BYTES,
                      &order.profile);
    if (!zg_json_reader_finish(&reader, ZG_JSON_SKIP_UNKNOWN, NULL, error)) {
        return false;
    }
    order.generation = (uint64_t)generation;
    order.epoch = (uint64_t)epoch;
    if (fd < 0) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_PROTOCOL, "console: no descriptor came with it");
        return false;
    }
    if (!zg_consoles_set_console(control->consoles, &order, fd, &refused)) {
        zg_control_report(json_pack("{s:s, s:s, s:s, s:s}", "type", "refused", "desktop",
                                    order.desktop, "code",
                                    zg_error_name(zg_error_code_of(refused)), "message",
                                    refused->message),
                          control);
    }
    return true;
}

static bool
order_pictures(ZgControl *control, const json_t *message, int fd, GError **error)
{
    const char *desktop = NULL;
    int64_t generation = 0, epoch = 0;
    ZgJsonReader reader;

    zg_json_reader_init(&reader, message, "pictures");
    zg_json_take_id(&reader, "desktop", ZG_JSON_REQUIRED, &desktop);
    zg_json_take_int(&reader, "generation", ZG_JSON_REQUIRED, 1, G_MAXINT64, &generation);
    zg_json_take_int(&reader, "epoch", ZG_JSON_REQUIRED, 1, G_MAXINT64, &epoch);
    if (!zg_json_reader_finish(&reader, ZG_JSON_SKIP_UNKNOWN, NULL, error)) {
        return false;
    }
    if (fd < 0) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_PROTOCOL, "pictures: no descriptor came with it");
        return false;
    }
    zg_consoles_set_pictures(control->consoles, desktop, (uint64_t)generation, (uint64_t)epoch, fd);
    return true;
}

static bool
order_profile(ZgControl *control, const json_t *message, int fd, GError **error)
{
    const char *desktop = NULL, *profile = NULL;
    int64_t generation = 0;
    ZgJsonReader reader;

    (void)fd;
    zg_json_reader_init(&reader, message, "profile");
    zg_json_take_id(&reader, "desktop", ZG_JSON_REQUIRED, &desktop);
    zg_json_take_int(&reader, "generation", ZG_JSON_REQUIRED, 1, G_MAXINT64, &generation);
    zg_json_take_text(&reader, "profile", ZG_JSON_REQUIRED, 1, ZG_LIMIT_NAME_BYTES, &profile);
    if (!zg_json_reader_finish(&reader, ZG_JSON_SKIP_UNKNOWN, NULL, error)) {
        return false;
    }
    zg_consoles_set_profile(control->consoles, desktop, (uint64_t)generation, profile);
    return true;
}

static bool
order_absent(ZgControl *control, const json_t *message, int fd, GError **error)
{
    const char *desktop = NULL, *reason = "This desktop was switched off.";
    ZgJsonReader reader;

    (void)fd;
    zg_json_reader_init(&reader, message, "absent");
    zg_json_take_id(&reader, "desktop", ZG_JSON_REQUIRED, &desktop);
    zg_json_take_text(&reader, "reason", ZG_JSON_OPTIONAL, 0, ZG_LIMIT_TEXT_BYTES, &reason);
    if (!zg_json_reader_finish(&reader, ZG_JSON_SKIP_UNKNOWN, NULL, error)) {
        return false;
    }
    zg_consoles_set_absent(control->consoles, desktop, reason);
    return true;
}

static bool
order_ticket(ZgControl *control, const json_t *message, int fd, GError **error)
{
    const char *id = NULL, *desktop = NULL, *session = NULL, *user = NULL, *sha256 = NULL;
    int64_t generation = 0, epoch = 0, ttl_ms = 0;
    uint8_t digest[ZG_SHA256_BYTES];
    g_autoptr(GError) refused = NULL;
    ZgGrant grant = {0};
    ZgJsonReader reader;

    (void)fd;
    zg_json_reader_init(&reader, message, "ticket");
    zg_json_take_text(&reader, "id", ZG_JSON_REQUIRED, 1, ORDER_ID_MAX, &id);
    zg_json_take_id(&reader, "desktop", ZG_JSON_REQUIRED, &desktop);
    zg_json_take_int(&reader, "generation", ZG_JSON_REQUIRED, 1, G_MAXINT64, &generation);
    zg_json_take_int(&reader, "epoch", ZG_JSON_REQUIRED, 1, G_MAXINT64, &epoch);
    zg_json_take_hex(&reader, "sha256", ZG_JSON_REQUIRED, ZG_SHA256_HEX_CHARS, &sha256);
    zg_json_take_int(&reader, "ttl_ms", ZG_JSON_REQUIRED, 1, ZG_TICKET_TTL_MAX_MS, &ttl_ms);
    zg_json_take_id(&reader, "session", ZG_JSON_REQUIRED, &session);
    zg_json_take_text(&reader, "user", ZG_JSON_REQUIRED, 1, ZG_LIMIT_USER_BYTES, &user);
    zg_json_take_bool(&reader, "share", ZG_JSON_OPTIONAL, &grant.share);
    zg_json_take_bool(&reader, "view_only", ZG_JSON_OPTIONAL, &grant.view_only);
    if (!zg_json_reader_finish(&reader, ZG_JSON_SKIP_UNKNOWN, NULL, error)) {
        return false;
    }
    g_strlcpy(grant.desktop, desktop, sizeof grant.desktop);
    g_strlcpy(grant.session, session, sizeof grant.session);
    g_strlcpy(grant.user, user, sizeof grant.user);
    grant.generation = (uint64_t)generation;
    grant.epoch = (uint64_t)epoch;
    zg_hex_decode(sha256, digest, sizeof digest);
    zg_consoles_expect(control->consoles, digest, &grant, (uint64_t)ttl_ms, &refused);
    answer(control, id, refused);
    return true;
}

static bool
order_cut(ZgControl *control, const json_t *message, int fd, GError **error)
{
    const char *id = NULL, *desktop = NULL, *session = NULL, *reason = "cut";
    const char *text = "Your session was ended.";
    ZgJsonReader reader;

    (void)fd;
    zg_json_reader_init(&reader, message, "cut");
    zg_json_take_text(&reader, "id", ZG_JSON_REQUIRED, 1, ORDER_ID_MAX, &id);
    zg_json_take_id(&reader, "desktop", ZG_JSON_REQUIRED, &desktop);
    zg_json_take_id(&reader, "session", ZG_JSON_REQUIRED, &session);
    zg_json_take_text(&reader, "reason", ZG_JSON_OPTIONAL, 0, ZG_LIMIT_TEXT_BYTES, &reason);
    zg_json_take_text(&reader, "user_text", ZG_JSON_OPTIONAL, 0, ZG_LIMIT_TEXT_BYTES, &text);
    if (!zg_json_reader_finish(&reader, ZG_JSON_SKIP_UNKNOWN, NULL, error)) {
        return false;
    }
    zg_consoles_cut(control->consoles, desktop, session, reason, text);
    answer(control, id, NULL);
    return true;
}

static bool
order_message(ZgControl *control, const json_t *message, int fd, GError **error)
{
    const char *id = NULL, *desktop = NULL, *text = NULL;
    g_autoptr(GError) refused = NULL;
    ZgJsonReader reader;

    (void)fd;
    zg_json_reader_init(&reader, message, "message");
    zg_json_take_text(&reader, "id", ZG_JSON_REQUIRED, 1, ORDER_ID_MAX, &id);
    zg_json_take_id(&reader, "desktop", ZG_JSON_REQUIRED, &desktop);
    zg_json_take_long_text(&reader, "text", ZG_JSON_REQUIRED, 1, ZG_LIMIT_TEXT_BYTES, &text);
    if (!zg_json_reader_finish(&reader, ZG_JSON_SKIP_UNKNOWN, NULL, error)) {
        return false;
    }
    zg_consoles_message(control->consoles, desktop, text, &refused);
    answer(control, id, refused);
    return true;
}

static bool
order_list(ZgControl *control, const json_t *message, int fd, GError **error)
{
    (void)message;
    (void)fd;
    (void)error;
    zg_consoles_list(control->consoles);
    return true;
}

static const struct {
    const char *type;
    bool (*take)(ZgControl *control, const json_t *message, int fd, GError **error);
} orders[] = {
    {"hello", order_hello},   {"console", order_console}, {"pictures", order_pictures},
    {"profile", order_profile}, {"absent", order_absent}, {"ticket", order_ticket},
    {"cut", order_cut},       {"list", order_list},       {"message", order_message},
};

static bool
take_packet(ZgControl *control, const char *bytes, size_t n_bytes, int fd, GError **error)
{
    g_autoptr(json_t) message = zg_json_parse(bytes, n_bytes, error);
    const char *type;

    if (message == NULL) {
        return false;
    }
    type = json_string_value(json_object_get(message, "type"));
    if (type == NULL || (!control->greeted && !g_str_equal(type, "hello"))) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_PROTOCOL, "the first message is not a hello");
        return false;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(orders); i++) {
        if (g_str_equal(type, orders[i].type)) {
            return orders[i].take(control, message, fd, error);
        }
    }
    zg_log_warning("control-unknown", NULL, "ignoring order '%s'", type);
    return true;
}

static gboolean
on_packet(gint fd, GIOCondition condition, gpointer data)
{
    static char buffer[ZG_LIMIT_CONTROL_BYTES]; /* loop thread only */
    ZgControl *control = data;

    (void)condition;
    for (int i = 0; i < PACKETS_PER_TURN; i++) {
        g_autoptr(GError) error = NULL;
        g_auto(ZgFd) passed = -1;
        ssize_t n = zg_packet_receive(fd, buffer, sizeof buffer, &passed, &error);

        if (n == -2) {
            break;
        }
        if (n <= 0 || !take_packet(control, buffer, (size_t)n, passed, &error)) {
            drop_hostd(control, error != NULL ? error->message : "it closed");
        }
        if (control->hostd != fd) {
            return G_SOURCE_REMOVE; /* an order's answer may have found it gone, too */
        }
    }
    return G_SOURCE_CONTINUE;
}

/* Only our own user and root may give orders. */
static bool
is_trusted(int fd)
{
    struct ucred peer = {0};
    socklen_t n_peer = sizeof peer;

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n_peer) == 0 &&
           (peer.uid == 0 || peer.uid == geteuid());
}

static gboolean
on_connection(gint listener, GIOCondition condition, gpointer data)
{
    ZgControl *control = data;
    g_auto(ZgFd) fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    (void)condition;
    if (fd < 0) {
        return G_SOURCE_CONTINUE;
    }
    if (!is_trusted(fd)) {
        zg_log_warning("control-refused", NULL, "another user tried the control socket");
        return G_SOURCE_CONTINUE;
    }
    drop_hostd(control, "a newer connection replaces it");
    control->hostd = zg_fd_steal(&fd);
    control->watch = g_unix_fd_add(control->hostd, G_IO_IN, on_packet, control);
    return G_SOURCE_CONTINUE;
}

ZgControl *
zg_control_new(const char *path, const char *name, GError **error)
{
    g_auto(ZgFd) listener = zg_unix_listen(path, SOCK_SEQPACKET, 0600, error);
    ZgControl *control;

    if (listener < 0) {
        return NULL;
    }
    control = g_new0(ZgControl, 1);
    control->name = g_strdup(name);
    control->path = g_strdup(path);
    control->hostd = -1;
    g_queue_init(&control->queue);
    control->listener = zg_fd_steal(&listener);
    control->listen_watch = g_unix_fd_add(control->listener, G_IO_IN, on_connection, control);
    return control;
}

void
zg_control_set_consoles(ZgControl *control, ZgConsoles *consoles)
{
    control->consoles = consoles;
}

void
zg_control_free(ZgControl *control)
{
    if (control != NULL) {
        drop_hostd(control, "the front is stopping");
        g_clear_handle_id(&control->listen_watch, g_source_remove);
        zg_fd_clear(&control->listener);
        unlink(control->path);
        g_free(control->path);
        g_free(control->name);
        g_free(control);
    }
}
