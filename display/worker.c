/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/worker.h"

#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/base/fd.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/proto/json.h"
#include "display/pipeline.h"
#include "display/sandbox.h"

#define DOOR_FD 3
#define STATS_S 5
#define SIZE_PAUSE_MS 100 /* between reports of the size: a guest may change it faster */
#define ID_BYTES_MAX 64

typedef struct {
    GMainLoop *loop;
    ZgPipeline *pipeline;
    char *desktop; /* id, for the log */
    int64_t epoch; /* of the console held or asked for */
    int width, height;
    bool size_told;
    guint size_pause;
} Worker;

static void
send_message(json_t *message)
{
    g_autoptr(json_t) owned = message;
    g_autoptr(GError) error = NULL;
    char *text = zg_json_text(owned);

    /* A front that does not read loses reports; the next ones tell the state again. */
    if (!zg_packet_send(DOOR_FD, text, strlen(text), -1, &error)) {
        zg_log_warning("worker-report-lost", NULL, "ignoring that a report was not sent: %s",
                       error->message);
    }
    free(text);
}

/* ---- what the pipeline tells ---- */

static void
on_console_lost(void *user, const char *reason)
{
    Worker *w = user;

    zg_log_info("console-lost", w->desktop, "%s", reason);
    send_message(json_pack("{s:s, s:I, s:s}", "type", "console-lost", "epoch", (json_int_t)w->epoch,
                           "reason", reason));
}

static gboolean
tell_size(gpointer data)
{
    Worker *w = data;

    if (w->size_told) {
        w->size_pause = 0;
        return G_SOURCE_REMOVE;
    }
    w->size_told = true;
    send_message(json_pack("{s:s, s:i, s:i}", "type", "size", "width", w->width, "height",
                           w->height));
    return G_SOURCE_CONTINUE;
}

static void
on_size(void *user, int width, int height)
{
    Worker *w = user;

    w->width = width;
    w->height = height;
    w->size_told = false;
    if (w->size_pause == 0) {
        tell_size(w);
        w->size_pause = g_timeout_add(SIZE_PAUSE_MS, tell_size, w);
    }
}

static void
on_first_frame(void *user, const char *id)
{
    send_message(json_pack("{s:s, s:s}", "type", "first-frame", "id", id));
}

static void
on_viewer_gone(void *user, const char *id, const char *reason)
{
    send_message(json_pack("{s:s, s:s, s:s}", "type", "viewer-gone", "id", id, "reason", reason));
}

static const ZgPipelineEvents pipeline_events = {
    .console_lost = on_console_lost,
    .size = on_size,
    .first_frame = on_first_frame,
    .viewer_gone = on_viewer_gone,
};

/* As RFB calls them, in small letters. */
static json_t *
encodings_of(const ZgViewerStats *stats)
{
    json_t *list = json_array();

    json_array_append_new(list, json_string(stats->encoding));
    if (stats->in_use.copyrect) {
        json_array_append_new(list, json_string("copyrect"));
    }
    if (stats->in_use.jpeg) {
        json_array_append_new(list, json_string("jpeg"));
    }
    if (stats->in_use.h264) {
        json_array_append_new(list, json_string("h264"));
    }
    return list;
}

static gboolean
send_stats(gpointer data)
{
    Worker *w = data;
    ZgViewerStats stats[ZG_VIEWERS_MAX];
    unsigned n = zg_pipeline_get_stats(w->pipeline, stats, ZG_VIEWERS_MAX);

    for (unsigned i = 0; i < n; i++) {
        send_message(json_pack(
            "{s:s, s:s, s:I, s:I, s:I, s:I, s:i, s:I, s:s, s:o, s:I}", "type", "stats", "id",
            stats[i].id, "bytes_out", (json_int_t)stats[i].output.bytes_out, "frames",
            (json_int_t)stats[i].output.updates, "rtt_us", (json_int_t)stats[i].output.rtt_us,
            "rate_kbit", (json_int_t)(stats[i].output.bytes_per_s / 125), "fps", stats[i].fps,
            "idle_s", (json_int_t)stats[i].idle_s, "bottleneck", stats[i].bottleneck, "encodings",
            encodings_of(&stats[i]), "queued_bytes", (json_int_t)stats[i].output.queued_bytes));
    }
    return G_SOURCE_CONTINUE;
}

/* ---- orders ---- */

/* Each takes its fields, then acts; @fd is the descriptor that came along, or -1. */
typedef bool (*OrderFunc)(Worker *w, ZgJsonReader *in, ZgFd *fd, GError **error);

static bool
take_start(Worker *w, ZgJsonReader *in, ZgFd *fd, GError **error)
{
    const char *desktop = NULL, *title = NULL, *profile = NULL;

    zg_json_take_text(in, "desktop", ZG_JSON_REQUIRED, 1, ZG_LIMIT_NAME_BYTES, &desktop);
    zg_json_take_text(in, "title", ZG_JSON_OPTIONAL, 0, ZG_LIMIT_TEXT_BYTES, &title);
    zg_json_take_text(in, "profile", ZG_JSON_OPTIONAL, 1, ZG_LIMIT_NAME_BYTES, &profile);
    if (!zg_json_reader_finish(in, ZG_JSON_SKIP_UNKNOWN, NULL, error)) {
        return false;
    }
    g_free(w->desktop);
    w->desktop = g_strdup(desktop);
    zg_pipeline_set_title(w->pipeline, title == NULL ? "" : title);
    zg_pipeline_set_profile(w->pipeline, zg_profile_of(profile));
    return true;
}

static bool
take_console(Worker *w, ZgJsonReader *in, ZgFd *fd, GError **error)
{
    int64_t epoch = 0;

    zg_json_take_int(in, "epoch", ZG_JSON_REQUIRED, 1, G_MAXINT64, &epoch);
    if (!zg_json_reader_finish(in, ZG_JSON_SKIP_UNKNOWN, NULL, error)) {
        return false;
    }
    if (*fd < 0 || epoch < w->epoch) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID,
                    "console: no descriptor came, or an older one");
        return false;
    }
    w->epoch = epoch;
    zg_pipeline_take_console(w->pipeline, zg_fd_steal(fd));
    return true;
}

static bool
take_pictures(Worker *w, ZgJsonReader *in, ZgFd *fd, GError **error)
{
    int64_t epoch = 0;

    zg_json_take_int(in, "epoch", ZG_JSON_REQUIRED, 1, G_MAXINT64, &epoch);
    if (!zg_json_reader_finish(in, ZG_JSON_SKIP_UNKNOWN, NULL, error)) {
        return false;
    }
    if (*fd < 0) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "pictures: no descriptor came");
        return false;
    }
    if (epoch == w->epoch) { /* of the console held, not of one before */
        zg_pipeline_take_pictures(w->pipeline, zg_fd_steal(fd));
    }
    return true;
}

static bool
take_viewer(Worker *w, ZgJsonReader *in, ZgFd *fd, GError **error)
{
    static const char *const starts[] = {"version", "client-init"};
    ZgViewerOptions options = {0};
    const char *state_text = NULL;
    g_autofree guchar *state = NULL;
    g_autoptr(GError) refused = NULL;
    int start = 0;

    zg_json_take_text(in, "id", ZG_JSON_REQUIRED, 1, ID_BYTES_MAX, &options.id);
    zg_json_take_word(in, "start", ZG_JSON_REQUIRED, starts, G_N_ELEMENTS(starts), &start);
    zg_json_take_bool(in, "view_only", ZG_JSON_OPTIONAL, &options.view_only);
    zg_json_take_text(in, "state", ZG_JSON_OPTIONAL, 0, ZG_LIMIT_CONTROL_BYTES, &state_text);
    if (!zg_json_reader_finish(in, ZG_JSON_SKIP_UNKNOWN, NULL, error)) {
        return false;
    }
    options.start = start == 0 ? ZG_RFB_START_VERSION : ZG_RFB_START_CLIENT_INIT;
    if (state_text != NULL && state_text[0] != '\0') {
        gsize n_state;
        state = g_base64_decode(state_text, &n_state);
        options.state = state;
        options.n_state = n_state;
    }
    if (*fd < 0) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "viewer: no descriptor came");
        return false;
    }
    if (!zg_pipeline_add_viewer(w->pipeline, zg_fd_steal(fd), &options, &refused)) {
        on_viewer_gone(w, options.id, refused->message);
    }
    return true;
}

static bool
take_cut(Worker *w, ZgJsonReader *in, ZgFd *fd, GError **error)
{
    const char *id = NULL, *reason = "", *text = "";

    zg_json_take_text(in, "id", ZG_JSON_REQUIRED, 1, ID_BYTES_MAX, &id);
    zg_json_take_text(in, "reason", ZG_JSON_OPTIONAL, 0, ZG_LIMIT_TEXT_BYTES, &reason);
    zg_json_take_long_text(in, "text", ZG_JSON_OPTIONAL, 0, ZG_LIMIT_TEXT_BYTES, &text);
    if (!zg_json_reader_finish(in, ZG_JSON_SKIP_UNKNOWN, NULL, error)) {
        return false;
    }
    zg_pipeline_cut(w->pipeline, id, reason, text); /* one that has just gone is as good */
    return true;
}

static bool
take_message(Worker *w, ZgJsonReader *in, ZgFd *fd, GError **error)
{
    const char *text = NULL;

    zg_json_take_long_text(in, "text", ZG_JSON_REQUIRED, 0, ZG_LIMIT_TEXT_BYTES, &text);
    if (!zg_json_reader_finish(in, ZG_JSON_SKIP_UNKNOWN, NULL, error)) {
        return false;
    }
    zg_pipeline_message(w->pipeline, text);
    return true;
}

static bool
take_export(Worker *w, ZgJsonReader *in, ZgFd *fd, GError **error)
{
    const char *id = NULL;
    g_autoptr(GBytes) state = NULL;
    g_autofree char *text = NULL;

    zg_json_take_text(in, "id", ZG_JSON_REQUIRED, 1, ID_BYTES_MAX, &id);
    if (!zg_json_reader_finish(in, ZG_JSON_SKIP_UNKNOWN, NULL, error)) {
        return false;
    }
    state = zg_pipeline_export(w->pipeline, id);
    if (state != NULL) {
        text = g_base64_encode(g_bytes_get_data(state, NULL), g_bytes_get_size(state));
    }
    send_message(
        json_pack("{s:s, s:s, s:s}", "type", "state", "id", id, "state", text == NULL ? "" : text));
    return true;
}

static bool
take_stop(Worker *w, ZgJsonReader *in, ZgFd *fd, GError **error)
{
    g_main_loop_quit(w->loop);
    return zg_json_reader_finish(in, ZG_JSON_SKIP_UNKNOWN, NULL, error);
}

static const struct {
    const char *type;
    OrderFunc take;
} orders[] = {
    {"start", take_start},   {"console", take_console}, {"pictures", take_pictures},
    {"viewer", take_viewer}, {"cut", take_cut},         {"message", take_message},
    {"export", take_export}, {"stop", take_stop},
};

static bool
take_packet(Worker *w, const char *bytes, size_t n_bytes, ZgFd *fd, GError **error)
{
    g_autoptr(json_t) message = zg_json_parse(bytes, n_bytes, error);
    const char *type = message == NULL ? NULL : json_string_value(json_object_get(message, "type"));

    if (message == NULL) {
        return false;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(orders); i++) {
        if (g_strcmp0(type, orders[i].type) == 0) {
            ZgJsonReader in;
            const char *same;
            zg_json_reader_init(&in, message, type);
            zg_json_take_text(&in, "type", ZG_JSON_REQUIRED, 1, ID_BYTES_MAX, &same);
            return orders[i].take(w, &in, fd, error);
        }
    }
    return true; /* a newer front may know more than we do */
}

static gboolean
on_door(gint door, GIOCondition condition, gpointer data)
{
    static char buffer[ZG_LIMIT_CONTROL_BYTES];
    Worker *w = data;
    g_autoptr(GError) error = NULL;
    g_auto(ZgFd) fd = -1;
    ssize_t n = zg_packet_receive(door, buffer, sizeof buffer, &fd, &error);

    if (n == -2) {
        return G_SOURCE_CONTINUE;
    }
    if (n == 0) {
        g_main_loop_quit(w->loop);
        return G_SOURCE_REMOVE;
    }
    if (n < 0 || !take_packet(w, buffer, (size_t)n, &fd, &error)) {
        zg_log_error("worker-order-refused", w->desktop, "the front sent what is not an order: %s",
                     error->message);
        g_main_loop_quit(w->loop);
        return G_SOURCE_REMOVE;
    }
    return G_SOURCE_CONTINUE;
}

int
zg_worker_main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    Worker w = {0};

    if (argc != 1 || !zg_fd_set_nonblocking(DOOR_FD, NULL)) {
        zg_log_error("worker-not-by-hand", NULL,
                     "--worker is started by the front, which gives it descriptor 3");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, SIG_IGN); /* a terminal's Ctrl-C is for the front, which then stops us */
    w.loop = g_main_loop_new(NULL, FALSE);
    w.pipeline = zg_pipeline_new("", &pipeline_events, &w);
    if (!zg_sandbox_enter(&error)) {
        zg_log_error("worker-without-sandbox", NULL, "the worker does not start: %s",
                     error->message);
        return 1;
    }
    g_unix_fd_add(DOOR_FD, G_IO_IN | G_IO_HUP | G_IO_ERR, on_door, &w);
    g_timeout_add_seconds(STATS_S, send_stats, &w);
    send_message(json_pack("{s:s, s:I}", "type", "ready", "pid", (json_int_t)getpid()));
    g_main_loop_run(w.loop);
    zg_pipeline_free(w.pipeline);
    g_clear_handle_id(&w.size_pause, g_source_remove);
    g_main_loop_unref(w.loop);
    g_free(w.desktop);
    return 0;
}
