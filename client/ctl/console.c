/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/ctl/console.h"

#include <errno.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "client/api/ws_client.h"
#include "client/ctl/print.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/fd.h"
#include "common/base/limits.h"
#include "common/base/secret.h"
#include "common/net/stream.h"
#include "common/proto/json.h"

#define MOST_EARLY_BYTES (1024 * 1024) /* before the viewer is there: a greeting */
#define VIEWER_QUEUE_BYTES (32 * 1024 * 1024)
#define VIEWER_REST_BYTES (4 * 1024 * 1024)
#define RETRY_MS 1000

typedef struct {
    const ZgConsoleOptions *options;
    GMainLoop *loop;
    ZgWsClient *front;
    ZgStream *viewer;
    GPid viewer_pid;
    GByteArray *early;
    char *folder;
    char *path;
    ZgFd listener;
    guint listen_source;
    guint retry_source;
    char *resume; /* secret */
    int64_t held_until_us;
    bool ended;
    bool viewer_failed;
    GError *error;
} Console;

static void open_front(Console *console, const char *ticket);

static void
finish(Console *console)
{
    console->ended = true;
    g_main_loop_quit(console->loop);
}

static void
fail(Console *console, ZgErrorCode code, const char *text)
{
    if (console->error == NULL && !console->ended) {
        g_set_error(&console->error, ZG_ERROR, (int)code, "console: %s", text);
    }
    finish(console);
}

/* The person closed the viewer: say goodbye, so that the front does not hold the session. */
static void
leave(Console *console)
{
    console->ended = true;
    if (console->front != NULL) {
        zg_ws_client_close(console->front); /* on_front_closed ends the loop */
    } else {
        finish(console);
    }
}

static void
on_viewer_bytes(ZgStream *stream, const uint8_t *bytes, size_t n_bytes, void *user)
{
    Console *console = user;

    if (console->front != NULL && !zg_ws_client_send(console->front, bytes, n_bytes)) {
        zg_stream_set_reading(stream, false);
    }
}

static void
on_viewer_drained(ZgStream *stream, void *user)
{
    Console *console = user;

    if (console->front != NULL) {
        zg_ws_client_set_reading(console->front, true);
    }
}

static void
on_viewer_closed(ZgStream *stream, const GError *error, void *user)
{
    Console *console = user;

    g_clear_pointer(&console->viewer, zg_stream_free);
    leave(console);
}

static const ZgStreamHandlers viewer_handlers = {
    .on_bytes = on_viewer_bytes,
    .on_drained = on_viewer_drained,
    .on_closed = on_viewer_closed,
};

static void
to_viewer(Console *console, const uint8_t *bytes, size_t n_bytes)
{
    if (!zg_stream_write(console->viewer, bytes, n_bytes)) {
        fail(console, ZG_ERROR_UNAVAILABLE, "the viewer does not read");
    } else if (zg_stream_queued(console->viewer) > VIEWER_REST_BYTES) {
        zg_ws_client_set_reading(console->front, false);
    }
}

static gboolean
on_viewer_comes(int fd, GIOCondition condition, void *user)
{
    Console *console = user;
    g_auto(ZgFd) viewer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

    if (viewer < 0 || console->viewer != NULL || console->front == NULL) {
        return G_SOURCE_CONTINUE; /* one viewer at a time */
    }
    console->viewer = zg_stream_new(zg_fd_steal(&viewer), &viewer_handlers, console);
    zg_stream_set_queue_limit(console->viewer, VIEWER_QUEUE_BYTES);
    to_viewer(console, console->early->data, console->early->len);
    g_byte_array_set_size(console->early, 0);
    return G_SOURCE_CONTINUE;
}

static bool
make_socket(Console *console, GError **error)
{
    const char *runtime = g_getenv("XDG_RUNTIME_DIR");
    const char *base = runtime && access(runtime, W_OK) == 0 ? runtime : g_get_tmp_dir();

    console->folder = g_build_filename(base, "zaguan-XXXXXX", NULL);
    if (g_mkdtemp_full(console->folder, 0700) == NULL) {
        zg_set_errno(error, errno, "make a folder in '%s'", base);
        g_clear_pointer(&console->folder, g_free);
        return false;
    }
    console->path = g_build_filename(console->folder, "console", NULL);
    console->listener = zg_unix_listen(console->path, SOCK_STREAM, 0600, error);
    if (console->listener < 0) {
        return false;
    }
    console->listen_source = g_unix_fd_add(console->listener, G_IO_IN, on_viewer_comes, console);
    return true;
}

static void
on_viewer_exit(GPid pid, int status, void *user)
{
    Console *console = user;

    g_spawn_close_pid(pid);
    if (console->viewer_pid != pid) {
        return;
    }
    console->viewer_pid = 0;
    if (!console->ended && !g_spawn_check_wait_status(status, NULL)) {
        console->viewer_failed = true;
    }
    leave(console);
}

static bool
start_viewer(Console *console, GError **error)
{
    char *argv[] = {(char *)console->options->viewer, console->path, NULL};
    g_autoptr(GError) cause = NULL;

    if (argv[0] == NULL) {
        printf("%s\n", console->path);
        fflush(stdout);
        return true;
    }
    if (!g_spawn_async(NULL, argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, NULL,
                       NULL, &console->viewer_pid, &cause)) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_NOT_FOUND, "the viewer '%s' did not start: %s",
                    argv[0], cause->message);
        return false;
    }
    g_child_watch_add(console->viewer_pid, on_viewer_exit, console);
    return true;
}

static void
stop_viewer(Console *console)
{
    GPid pid = console->viewer_pid;

    console->viewer_pid = 0; /* its end is ours, not the person's */
    g_clear_pointer(&console->viewer, zg_stream_free);
    g_byte_array_set_size(console->early, 0);
    if (pid != 0) {
        kill(pid, SIGTERM);
    }
}

static void
on_front_open(ZgWsClient *front, void *user)
{
    Console *console = user;
    g_autoptr(GError) error = NULL;

    zg_wipe_free_text(console->resume);
    console->resume = g_strdup(zg_ws_client_resume(front));
    console->held_until_us = 0;
    if ((console->path == NULL && !make_socket(console, &error)) ||
        !start_viewer(console, &error)) {
        fail(console, zg_error_code_of(error), error->message);
        return;
    }
    zg_say("connected to '%s'", zg_ws_client_title(front));
}

static void
on_front_bytes(ZgWsClient *front, const uint8_t *bytes, size_t n_bytes, void *user)
{
    Console *console = user;

    if (console->viewer != NULL) {
        to_viewer(console, bytes, n_bytes);
    } else if (console->early->len + n_bytes <= MOST_EARLY_BYTES) {
        g_byte_array_append(console->early, bytes, (guint)n_bytes);
    } else {
        fail(console, ZG_ERROR_PROTOCOL, "the front talks before a viewer is there");
    }
}

static void
on_front_text(ZgWsClient *front, const char *text, void *user)
{
    g_autoptr(json_t) object = zg_json_parse(text, strlen(text), NULL);
    const char *type = json_string_value(json_object_get(object, "type"));

    if (g_strcmp0(type, "message") == 0) {
        g_autofree char *shown = zg_value_text(json_object_get(object, "text"));

        zg_say("message: %s", shown);
    }
}

static void
on_front_drained(ZgWsClient *front, void *user)
{
    Console *console = user;

    if (console->viewer != NULL) {
        zg_stream_set_reading(console->viewer, true);
    }
}

static gboolean
on_retry(void *user)
{
    Console *console = user;

    console->retry_source = 0;
    open_front(console, NULL);
    return G_SOURCE_REMOVE;
}

static void
resume_later(Console *console, const char *reason)
{
    int64_t now_us = zg_clock_mono_us();

    stop_viewer(console);
    if (console->held_until_us == 0) {
        zg_say("connection lost (%s); trying again", reason);
        console->held_until_us = now_us + (int64_t)ZG_HELD_MS * 1000;
    }
    if (now_us >= console->held_until_us) {
        fail(console, ZG_ERROR_TIMEOUT, "the connection did not come back in time");
        return;
    }
    console->retry_source = g_timeout_add(RETRY_MS, on_retry, console);
}

static ZgErrorCode
code_of_close(unsigned code)
{
    switch (code) {
    case 4401:
        return ZG_ERROR_EXPIRED;
    case 4402:
        return ZG_ERROR_CONFLICT;
    case 4404:
        return ZG_ERROR_NOT_FOUND;
    case 4408:
        return ZG_ERROR_TIMEOUT;
    default:
        return ZG_ERROR_PROTOCOL;
    }
}

static void
on_front_closed(ZgWsClient *front, unsigned code, const char *reason, void *user)
{
    Console *console = user;
    g_autofree char *text = g_strdup(reason[0] ? reason : "the front closed the console");

    g_clear_pointer(&console->front, zg_ws_client_free);
    if (console->ended || code == 1000) {
        finish(console);
    } else if ((code == 0 || code == 1001 || code == 1006) && console->resume != NULL) {
        resume_later(console, text);
    } else if (code == 4403 || (code == 4404 && console->resume != NULL)) {
        zg_say("%s", text);
        finish(console);
    } else {
        fail(console, code_of_close(code), text);
    }
}

static const ZgWsClientHandlers front_handlers = {
    .on_open = on_front_open,
    .on_bytes = on_front_bytes,
    .on_text = on_front_text,
    .on_drained = on_front_drained,
    .on_closed = on_front_closed,
};

/* @ticket is NULL to resume. */
static void
open_front(Console *console, const char *ticket)
{
    const ZgContext *context = console->options->context;
    ZgWsHello hello = {.ticket = ticket,
                       .resume = ticket ? NULL : console->resume,
                       .terminal = g_get_host_name()};
    g_autoptr(GError) error = NULL;

    console->front = zg_ws_client_new(context->url, context->ca_pem, &hello, &front_handlers,
                                      console, &error);
    if (console->front == NULL) {
        if (ticket != NULL) {
            fail(console, zg_error_code_of(error), error->message);
        } else {
            resume_later(console, error->message);
        }
    }
}

static gboolean
on_signal(void *user)
{
    leave(user);
    return G_SOURCE_CONTINUE;
}

static void
clean_up(Console *console)
{
    stop_viewer(console);
    g_clear_handle_id(&console->listen_source, g_source_remove);
    g_clear_handle_id(&console->retry_source, g_source_remove);
    g_clear_pointer(&console->front, zg_ws_client_free);
    zg_fd_clear(&console->listener);
    if (console->path != NULL) {
        g_unlink(console->path);
    }
    if (console->folder != NULL) {
        g_rmdir(console->folder);
    }
    g_free(console->path);
    g_free(console->folder);
    zg_wipe_free_text(console->resume);
    g_byte_array_unref(console->early);
    g_main_loop_unref(console->loop);
}

bool
zg_console_run(const ZgConsoleOptions *options, GError **error)
{
    Console console = {.options = options,
                       .loop = g_main_loop_new(NULL, FALSE),
                       .early = g_byte_array_new(),
                       .listener = -1};
    guint on_int = g_unix_signal_add(SIGINT, on_signal, &console);
    guint on_term = g_unix_signal_add(SIGTERM, on_signal, &console);

    open_front(&console, options->ticket);
    if (!console.ended) {
        g_main_loop_run(console.loop);
    }
    g_source_remove(on_int);
    g_source_remove(on_term);
    clean_up(&console);
    if (console.error != NULL) {
        g_propagate_error(error, console.error);
    } else if (console.viewer_failed) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_FAILED, "the viewer ended with an error");
    }
    return console.error == NULL && !console.viewer_failed;
}
