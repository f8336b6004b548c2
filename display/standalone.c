/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/standalone.h"

#include <arpa/inet.h>
#include <errno.h>
#include <glib-unix.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/base/fd.h"
#include "common/base/log.h"
#include "display/pipeline.h"

#define RECONNECT_MS 500

typedef struct {
    char *console, *rfb, *security, *profile;
    gboolean insecure, view_only;
    /* taken apart */
    char *unix_path;  /* of the console, or NULL: tcp */
    char *tcp_host, *tcp_port;
    char *address;    /* to listen on */
    uint16_t port;
} Options;

typedef struct {
    const Options *options;
    GMainLoop *loop;
    ZgPipeline *pipeline;
    ZgFd listener;
    unsigned n_viewers_ever;
    bool told_lost; /* one line for a console that stays away, not two a second */
    guint reconnect;
} Standalone;

/* ---- the command line ---- */

static bool
misuse(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static bool
misuse(GError **error, const char *format, ...)
{
    va_list args;
    g_autofree char *text = NULL;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error_literal(error, ZG_ERROR, ZG_ERROR_INVALID, text);
    return false;
}

/* "HOST:PORT", "[V6]:PORT". */
static bool
split_address(const char *text, char **out_host, char **out_port)
{
    const char *colon = strrchr(text, ':');
    g_autofree char *host = NULL;

    if (colon == NULL || colon == text || colon[1] == '\0') {
        return false;
    }
    host = g_strndup(text, (gsize)(colon - text));
    if (host[0] == '[' && g_str_has_suffix(host, "]")) {
        *out_host = g_strndup(host + 1, strlen(host) - 2);
    } else {
        *out_host = g_steal_pointer(&host);
    }
    *out_port = g_strdup(colon + 1);
    return true;
}

static bool
take_console_option(Options *o, GError **error)
{
    if (o->console == NULL) {
        return misuse(error, "--console is missing: unix:PATH or tcp:HOST:PORT");
    }
    if (g_str_has_prefix(o->console, "unix:") && o->console[5] != '\0') {
        o->unix_path = g_strdup(o->console + 5);
        return true;
    }
    if (g_str_has_prefix(o->console, "tcp:") &&
        split_address(o->console + 4, &o->tcp_host, &o->tcp_port)) {
        return true;
    }
    return misuse(error, "--console '%s' is neither unix:PATH nor tcp:HOST:PORT", o->console);
}

static bool
take_rfb_option(Options *o, GError **error)
{
    g_autofree char *port = NULL;
    guint64 number;

    if (o->rfb == NULL) {
        return misuse(error, "--rfb is missing: the address for viewers, e.g. 127.0.0.1:5910");
    }
    if (!split_address(o->rfb, &o->address, &port) ||
        !g_ascii_string_to_unsigned(port, 10, 0, 65535, &number, NULL)) {
        return misuse(error, "--rfb '%s' is not ADDRESS:PORT with a port of 0 to 65535", o->rfb);
    }
    o->port = (uint16_t)number;
    return true;
}

static bool
is_loopback(const char *address)
{
    struct in_addr v4;
    struct in6_addr v6;

    if (inet_pton(AF_INET, address, &v4) == 1) {
        return (ntohl(v4.s_addr) >> 24) == 127;
    }
    return inet_pton(AF_INET6, address, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

static bool
take_security_option(const Options *o, GError **error)
{
    if (o->security == NULL || strcmp(o->security, "none") != 0) {
        return misuse(error, "--security must be 'none': this mode has no other; for passwords "
                             "and TLS use the front");
    }
    if (!is_loopback(o->address) && !o->insecure) {
        return misuse(error,
                      "--security none on %s would show the desktop to the network; use 127.0.0.1, "
                      "or add --insecure if that is what you want",
                      o->address);
    }
    return true;
}

static bool
parse_options(int argc, char **argv, Options *o, GError **error)
{
    const GOptionEntry entries[] = {
        {"console", 0, 0, G_OPTION_ARG_STRING, &o->console, "the console",
         "unix:PATH|tcp:HOST:PORT"},
        {"rfb", 0, 0, G_OPTION_ARG_STRING, &o->rfb, "where viewers connect", "ADDRESS:PORT"},
        {"security", 0, 0, G_OPTION_ARG_STRING, &o->security, "must be none", "none"},
        {"insecure", 0, 0, G_OPTION_ARG_NONE, &o->insecure,
         "allow 'none' on an address that others reach", NULL},
        {"profile", 0, 0, G_OPTION_ARG_STRING, &o->profile, "quality, as of a pool",
         "lan|branch-5mbit|branch-2mbit|lossless"},
        {"view-only", 0, 0, G_OPTION_ARG_NONE, &o->view_only, "viewers only look", NULL},
        {NULL},
    };
    g_autoptr(GOptionContext) context = g_option_context_new("- one console to RFB viewers");
    g_autoptr(GError) wrong = NULL;

    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &wrong)) {
        return misuse(error, "%s", wrong->message);
    }
    if (argc > 1) {
        return misuse(error, "'%s' is not understood", argv[1]);
    }
    if (o->profile != NULL && !g_strv_contains(zg_profile_names, o->profile)) {
        g_autofree char *names = g_strjoinv(", ", (char **)zg_profile_names);
        return misuse(error, "--profile '%s' is not one of: %s", o->profile, names);
    }
    return take_console_option(o, error) && take_rfb_option(o, error) &&
           take_security_option(o, error);
}

static void
options_clear(Options *o)
{
    g_free(o->console);
    g_free(o->rfb);
    g_free(o->security);
    g_free(o->profile);
    g_free(o->unix_path);
    g_free(o->tcp_host);
    g_free(o->tcp_port);
    g_free(o->address);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

/* ---- the console ---- */

static int
connect_tcp(const char *host, const char *port, GError **error)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    g_auto(ZgFd) fd = -1;
    int rc = getaddrinfo(host, port, &hints, &found);

    if (rc != 0) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_UNAVAILABLE, "'%s': %s", host, gai_strerror(rc));
        return -1;
    }
    fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    rc = fd < 0 ? -1 : connect(fd, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    if (rc < 0 && errno != EINPROGRESS) { /* a handshake that never comes has a deadline */
        zg_set_errno(error, errno, "connect to %s:%s", host, port);
        return -1;
    }
    return zg_fd_steal(&fd);
}

static bool
open_console(Standalone *s, GError **error)
{
    const Options *o = s->options;
    int fd = o->unix_path != NULL ? zg_unix_connect(o->unix_path, SOCK_STREAM, error)
                                  : connect_tcp(o->tcp_host, o->tcp_port, error);

    if (fd < 0) {
        return false;
    }
    zg_pipeline_take_console(s->pipeline, fd);
    return true;
}

static gboolean
try_console(gpointer data)
{
    Standalone *s = data;
    g_autoptr(GError) error = NULL;

    if (open_console(s, &error)) {
        s->reconnect = 0;
        return G_SOURCE_REMOVE;
    }
    if (!s->told_lost) {
        zg_log_warning("console-away", NULL, "%s; trying again", error->message);
        s->told_lost = true;
    }
    return G_SOURCE_CONTINUE;
}

static void
on_console_lost(void *user, const char *reason)
{
    Standalone *s = user;

    if (!s->told_lost) {
        zg_log_info("console-lost", NULL, "%s; trying again", reason);
        s->told_lost = true;
    }
    if (s->reconnect == 0) {
        s->reconnect = g_timeout_add(RECONNECT_MS, try_console, s);
    }
}

static void
on_size(void *user, int width, int height)
{
    Standalone *s = user;

    s->told_lost = false;
    zg_log_info("console-size", NULL, "the console shows %dx%d", width, height);
}

/* ---- viewers ---- */

static void
on_first_frame(void *user, const char *id)
{
    zg_log_info("viewer-in", id, "a viewer sees the desktop");
}

static void
on_viewer_gone(void *user, const char *id, const char *reason)
{
    zg_log_info("viewer-gone", id, "%s", reason);
}

static const ZgPipelineEvents pipeline_events = {
    .console_lost = on_console_lost,
    .size = on_size,
    .first_frame = on_first_frame,
    .viewer_gone = on_viewer_gone,
};

static gboolean
on_connection(gint listener, GIOCondition condition, gpointer data)
{
    Standalone *s = data;
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    g_autofree char *id = g_strdup_printf("viewer-%u", ++s->n_viewers_ever);
    g_autoptr(GError) error = NULL;
    ZgViewerOptions options = {.id = id, .view_only = s->options->view_only};

    if (fd >= 0 && !zg_pipeline_add_viewer(s->pipeline, fd, &options, &error)) {
        zg_log_warning("viewer-refused", id, "%s", error->message);
    }
    return G_SOURCE_CONTINUE;
}

static gboolean
on_signal(gpointer data)
{
    g_main_loop_quit(((Standalone *)data)->loop);
    return G_SOURCE_CONTINUE;
}

static void
run(Standalone *s)
{
    s->loop = g_main_loop_new(NULL, FALSE);
    s->pipeline = zg_pipeline_new("Zaguan", &pipeline_events, s);
    zg_pipeline_set_profile(s->pipeline, zg_profile_of(s->options->profile));
    g_unix_signal_add(SIGTERM, on_signal, s);
    g_unix_signal_add(SIGINT, on_signal, s);
    g_unix_fd_add(s->listener, G_IO_IN, on_connection, s);
    if (try_console(s) == G_SOURCE_CONTINUE) {
        s->reconnect = g_timeout_add(RECONNECT_MS, try_console, s);
    }
    g_main_loop_run(s->loop);
    g_clear_handle_id(&s->reconnect, g_source_remove);
    zg_pipeline_free(s->pipeline);
    g_main_loop_unref(s->loop);
    zg_fd_clear(&s->listener);
}

int
zg_standalone_main(int argc, char **argv)
{
    g_auto(Options) options = {0};
    g_autoptr(GError) error = NULL;
    Standalone s = {.options = &options, .listener = -1};

    signal(SIGPIPE, SIG_IGN);
    if (!parse_options(argc, argv, &options, &error)) {
        fprintf(stderr, "zaguan-display --standalone: %s\n", error->message);
        return 2;
    }
    s.listener = zg_tcp_listen(options.address, options.port, &error);
    if (s.listener < 0) {
        fprintf(stderr, "zaguan-display --standalone: %s\n", error->message);
        return 1;
    }
    zg_log_info("standalone-ready", NULL, "viewers connect to %s port %u", options.address,
                zg_tcp_port_of(s.listener));
    run(&s);
    return 0;
}
