/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/viewer.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "common/base/error.h"
#include "common/base/fd.h"
#include "common/proto/json.h"

/*
 * What lies here and in the kernel is a picture that grows old. So little is kept: above the mark
 * the worker is not read, its few bytes in the socket pair fill up, it sees that and adapts.
 */
#define TO_PERSON_HIGH_BYTES (32 * 1024)
#define UNSENT_BYTES (32 * 1024)     /* in the person's socket, not yet on the wire */
#define FROM_WORKER_BYTES (64 * 1024) /* in the socket pair */
#define TO_PERSON_LIMIT_BYTES (1024 * 1024)
#define TO_WORKER_HIGH_BYTES (64 * 1024)
#define TO_WORKER_LIMIT_BYTES (512 * 1024)
#define EARLY_BYTES (16 * 1024) /* from the person before the worker is there */
#define END_MS 2000              /* to send the last words */
#define LINGER_MS 8000           /* an RFB viewer shows why it was cut, then the window goes */
#define REASON_GRACE_MS 250      /* from the worker's end of stream to its reason */
#define TRANSPORT_DEAD_MS 30000  /* unacknowledged bytes for so long: the transport is lost */

struct ZgViewer {
    ZgViewerKind kind;
    uint64_t number;
    ZgGrant grant;
    char *terminal;
    ZgStream *person; /* NULL once closed */
    ZgStream *worker; /* NULL before attach and after its end */
    ZgWs ws;
    GByteArray *scratch; /* one outgoing frame */
    GByteArray *early;   /* what came before the worker was there; NULL afterwards */
    const ZgViewerHandlers *handlers;
    void *user;
    uint64_t bytes_out;
    guint reason_timer;
    guint linger_timer;
    bool over;      /* the handler was called, or the viewer was cut */
    bool lingering; /* over, but what the worker still draws goes out */
    bool finishing; /* the last words are on their way to the person */
    bool orphan;    /* nobody's any more: frees itself when the person's stream ends */
};

void
zg_entry_clear(ZgEntry *entry)
{
    g_free(entry->terminal);
    zg_wipe_free_text(entry->resume);
    g_free(entry->title);
    memset(entry, 0, sizeof *entry);
}

static void
clear_viewer(gpointer data)
{
    ZgViewer *viewer = data;

    g_byte_array_unref(viewer->scratch);
    g_clear_pointer(&viewer->early, g_byte_array_unref);
    g_free(viewer->terminal);
}

static void
release(ZgViewer *viewer)
{
    g_rc_box_release_full(viewer, clear_viewer);
}

static void
close_streams(ZgViewer *viewer)
{
    g_clear_handle_id(&viewer->reason_timer, g_source_remove);
    g_clear_handle_id(&viewer->linger_timer, g_source_remove);
    g_clear_pointer(&viewer->worker, zg_stream_free);
    g_clear_pointer(&viewer->person, zg_stream_free);
}

void
zg_viewer_free(ZgViewer *viewer)
{
    if (viewer == NULL) {
        return;
    }
    viewer->over = true;
    if (viewer->finishing && viewer->person != NULL) {
        g_clear_handle_id(&viewer->reason_timer, g_source_remove);
        g_clear_pointer(&viewer->worker, zg_stream_free);
        viewer->orphan = true;
    } else {
        close_streams(viewer);
        release(viewer);
    }
}

static void
gone(ZgViewer *viewer, bool lost, const char *reason)
{
    if (!viewer->over) {
        viewer->over = true;
        viewer->handlers->on_gone(viewer, lost, reason, viewer->user);
    }
}

/* Say the last words and let the stream end by itself. */
static void
finish_person(ZgViewer *viewer, int code, const char *text)
{
    if (viewer->person == NULL || viewer->finishing) {
        return;
    }
    if (viewer->kind == ZG_VIEWER_WEBSOCKET) {
        g_byte_array_set_size(viewer->scratch, 0);
        zg_ws_write_close(code, text, viewer->scratch);
        if (!zg_stream_write(viewer->person, viewer->scratch->data, viewer->scratch->len)) {
            return;
        }
    }
    viewer->finishing = true;
    zg_stream_finish(viewer->person, END_MS);
}

static void
send_person(ZgViewer *viewer, ZgWsOpcode opcode, const uint8_t *bytes, size_t n_bytes)
{
    bool sent;

    if (viewer->person == NULL || (viewer->over && !viewer->lingering)) {
        return;
    }
    if (viewer->kind == ZG_VIEWER_RFB) {
        sent = zg_stream_write(viewer->person, bytes, n_bytes);
    } else {
        g_byte_array_set_size(viewer->scratch, 0);
        zg_ws_write(opcode, bytes, n_bytes, viewer->scratch);
        sent = zg_stream_write(viewer->person, viewer->scratch->data, viewer->scratch->len);
    }
    viewer->bytes_out += n_bytes;
    if (!sent) {
        gone(viewer, true, "the viewer stopped reading");
    } else if (viewer->worker != NULL &&
               zg_stream_queued(viewer->person) > TO_PERSON_HIGH_BYTES) {
        zg_stream_set_reading(viewer->worker, false);
    }
}

static void
send_worker(ZgViewer *viewer, const uint8_t *bytes, size_t n_bytes)
{
    if (viewer->worker == NULL || n_bytes == 0) {
        return;
    }
    if (!zg_stream_write(viewer->worker, bytes, n_bytes)) {
        if (viewer->worker != NULL) {
            gone(viewer, true, "the worker stopped reading");
        }
    } else if (viewer->person != NULL && zg_stream_queued(viewer->worker) > TO_WORKER_HIGH_BYTES) {
        zg_stream_set_reading(viewer->person, false);
    }
}

static void
on_worker_bytes(ZgStream *stream, const uint8_t *bytes, size_t n_bytes, void *user)
{
    ZgViewer *viewer = g_rc_box_acquire(user);

    (void)stream;
    send_person(viewer, ZG_WS_BINARY, bytes, n_bytes);
    release(viewer);
}

static void
on_worker_drained(ZgStream *stream, void *user)
{
    ZgViewer *viewer = user;

    (void)stream;
    if (viewer->person != NULL && !viewer->over) {
        zg_stream_set_reading(viewer->person, true);
    }
}

static gboolean
on_no_reason(gpointer data)
{
    ZgViewer *viewer = g_rc_box_acquire(data);

    viewer->reason_timer = 0;
    finish_person(viewer, ZG_CLOSE_STOPPING, "The connection to the desktop is being restored.");
    gone(viewer, true, "the worker ended the viewer");
    release(viewer);
    return G_SOURCE_REMOVE;
}

static void
on_worker_closed(ZgStream *stream, const GError *error, void *user)
{
    ZgViewer *viewer = user;

    (void)stream;
    (void)error;
    g_clear_pointer(&viewer->worker, zg_stream_free);
    if (!viewer->over) {
        /* The worker's reason, or the news of its death, is on its way by another socket. */
        viewer->reason_timer = g_timeout_add(REASON_GRACE_MS, on_no_reason, viewer);
    }
}

static const ZgStreamHandlers worker_handlers = {
    .on_bytes = on_worker_bytes,
    .on_drained = on_worker_drained,
    .on_closed = on_worker_closed,
};

/* Return: false when reading must stop. */
static bool
take_ws_event(ZgViewer *viewer, const ZgWsEvent *event)
{
    switch (event->kind) {
    case ZG_WS_EVENT_DATA:
        send_worker(viewer, event->bytes, event->n_bytes);
        break;
    case ZG_WS_EVENT_PING:
        send_person(viewer, ZG_WS_PONG, event->bytes, event->n_bytes);
        break;
    case ZG_WS_EVENT_CLOSE:
        finish_person(viewer, event->code == 1005 ? 1000 : event->code, "");
        gone(viewer, event->code != 1000, "the viewer closed");
        break;
    case ZG_WS_EVENT_BROKEN:
        finish_person(viewer, event->code, event->text);
        gone(viewer, false, event->text);
        break;
    case ZG_WS_EVENT_PONG:
    case ZG_WS_EVENT_NONE:
        break;
    }
    return !viewer->over;
}

static void
on_person_bytes(ZgStream *stream, const uint8_t *bytes, size_t n_bytes, void *user)
{
    (void)stream;
    zg_viewer_feed(user, bytes, n_bytes);
}

void
zg_viewer_feed(ZgViewer *viewer, const uint8_t *bytes, size_t n_bytes)
{
    g_autofree uint8_t *copy = NULL;
    size_t at = 0;

    if (viewer->over || n_bytes == 0) {
        return;
    }
    if (viewer->early != NULL) {
        if (viewer->early->len + n_bytes <= EARLY_BYTES) {
            g_byte_array_append(viewer->early, bytes, (guint)n_bytes);
        } else {
            gone(viewer, false, "the viewer sent too much too early");
        }
        return;
    }
    g_rc_box_acquire(viewer);
    if (viewer->kind == ZG_VIEWER_RFB) {
        send_worker(viewer, bytes, n_bytes);
        at = n_bytes;
    } else {
        copy = g_memdup2(bytes, n_bytes); /* unmasked in place */
    }
    while (at < n_bytes) {
        size_t n_used;
        ZgWsEvent event = zg_ws_feed(&viewer->ws, copy + at, n_bytes - at, &n_used);

        at += n_used;
        if (!take_ws_event(viewer, &event)) {
            break;
        }
    }
    release(viewer);
}

static void
on_person_drained(ZgStream *stream, void *user)
{
    ZgViewer *viewer = user;

    (void)stream;
    if (viewer->worker != NULL) {
        zg_stream_set_reading(viewer->worker, true);
    }
}

static void
on_person_closed(ZgStream *stream, const GError *error, void *user)
{
    ZgViewer *viewer = g_rc_box_acquire(user);
    /* Without a close frame a WebSocket was torn, however tidy the TLS end looks. */
    bool lost = error != NULL || viewer->kind == ZG_VIEWER_WEBSOCKET;

    (void)stream;
    g_clear_pointer(&viewer->person, zg_stream_free);
    if (viewer->orphan) {
        close_streams(viewer);
        release(viewer);
    } else {
        gone(viewer, lost, error != NULL ? error->message : "the viewer closed");
    }
    release(viewer);
}

static const ZgStreamHandlers person_handlers = {
    .on_bytes = on_person_bytes,
    .on_drained = on_person_drained,
    .on_closed = on_person_closed,
};

static void
watch_transport(int fd)
{
    int on = 1, idle_s = 15, interval_s = 5, count = 3, unsent = UNSENT_BYTES;
    unsigned dead_ms = TRANSPORT_DEAD_MS;

    /* Fails harmlessly on what is not TCP. */
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead_ms, sizeof dead_ms);
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
}

ZgViewer *
zg_viewer_new(ZgViewerKind kind, ZgStream *stream, const ZgEntry *entry, const ZgWs *ws,
              const ZgViewerHandlers *handlers, void *user)
{
    ZgViewer *viewer = g_rc_box_new0(ZgViewer);

    viewer->kind = kind;
    viewer->number = entry->number;
    viewer->grant = entry->grant;
    viewer->terminal = g_strdup(entry->terminal != NULL ? entry->terminal : "");
    viewer->person = stream;
    viewer->scratch = g_byte_array_new();
    viewer->early = g_byte_array_new();
    viewer->handlers = handlers;
    viewer->user = user;
    if (ws != NULL) {
        viewer->ws = *ws;
    }
    watch_transport(zg_stream_fd(stream));
    zg_stream_set_handlers(stream, &person_handlers, viewer);
    zg_stream_set_queue_limit(stream, TO_PERSON_LIMIT_BYTES);
    zg_stream_set_reading(stream, false);
    return viewer;
}

void
zg_viewer_greet(ZgViewer *viewer, const GByteArray *bytes)
{
    g_rc_box_acquire(viewer);
    if (!zg_stream_write(viewer->person, bytes->data, bytes->len)) {
        gone(viewer, true, "the viewer left at the door");
    }
    release(viewer);
}

int
zg_viewer_attach(ZgViewer *viewer, GError **error)
{
    g_autoptr(GByteArray) early = g_steal_pointer(&viewer->early);
    int ends[2], room = FROM_WORKER_BYTES;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0) {
        zg_set_errno(error, errno, "create a viewer's socket pair");
        return -1;
    }
    setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    viewer->worker = zg_stream_new(ends[0], &worker_handlers, viewer);
    zg_stream_set_queue_limit(viewer->worker, TO_WORKER_LIMIT_BYTES);
    if (viewer->person != NULL) {
        zg_stream_set_reading(viewer->person, true);
    }
    if (early != NULL) {
        zg_viewer_feed(viewer, early->data, early->len);
    }
    return ends[1];
}

bool
zg_viewer_is_attached(const ZgViewer *viewer)
{
    return viewer->worker != NULL || viewer->reason_timer != 0;
}

static gboolean
on_linger_over(gpointer data)
{
    ZgViewer *viewer = data;

    viewer->linger_timer = 0;
    finish_person(viewer, ZG_CLOSE_ENDED, "");
    return G_SOURCE_REMOVE;
}

void
zg_viewer_cut(ZgViewer *viewer, ZgCloseCode code, const char *text, bool linger_for_worker)
{
    viewer->over = true;
    if (viewer->kind == ZG_VIEWER_RFB && linger_for_worker && viewer->worker != NULL &&
        viewer->person != NULL) {
        /* What the worker still draws goes out; what the person types goes nowhere. */
        viewer->lingering = true;
        viewer->orphan = true;
        zg_stream_set_reading(viewer->person, true);
        viewer->linger_timer = g_timeout_add(LINGER_MS, on_linger_over, viewer);
        return;
    }
    g_rc_box_acquire(viewer);
    finish_person(viewer, code, text);
    zg_viewer_free(viewer);
    release(viewer);
}

void
zg_viewer_tell(ZgViewer *viewer, const json_t *message)
{
    char *text;

    if (viewer->kind == ZG_VIEWER_WEBSOCKET) {
        text = zg_json_text(message);
        g_rc_box_acquire(viewer);
        send_person(viewer, ZG_WS_TEXT, (const uint8_t *)text, strlen(text));
        release(viewer);
        free(text);
    }
}

void
zg_viewer_worker_says_gone(ZgViewer *viewer, const char *reason)
{
    g_rc_box_acquire(viewer);
    finish_person(viewer, ZG_CLOSE_PROTOCOL, reason);
    gone(viewer, false, reason);
    release(viewer);
}

uint64_t
zg_viewer_number(const ZgViewer *viewer)
{
    return viewer->number;
}

ZgViewerKind
zg_viewer_kind(const ZgViewer *viewer)
{
    return viewer->kind;
}

const ZgGrant *
zg_viewer_grant(const ZgViewer *viewer)
{
    return &viewer->grant;
}

const char *
zg_viewer_terminal(const ZgViewer *viewer)
{
    return viewer->terminal;
}

uint64_t
zg_viewer_bytes_out(const ZgViewer *viewer)
{
    return viewer->bytes_out;
}
