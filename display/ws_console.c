/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/ws_console.h"

#include <stdlib.h>
#include <string.h>
#include "common/base/error.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/secret.h"
#include "common/proto/json.h"
#include "display/ws_wire.h"

#define FIRST_MESSAGE_MAX 4096
#define END_MS 2000

typedef struct {
    ZgFront *front;
    ZgStream *stream;
    char *peer;
    ZgWs ws;
    GByteArray *first; /* the first message so far; secret */
    guint timer;
    bool over;  /* refused: waiting for the stream to end */
    bool ended; /* memory lives on only while a handler is still inside */
} WsConsole;

static void
clear_console(gpointer data)
{
    WsConsole *console = data;

    zg_wipe(console->first->data, console->first->len);
    g_byte_array_unref(console->first);
    g_free(console->peer);
}

static void
release(WsConsole *console)
{
    g_rc_box_release_full(console, clear_console);
}

static void
end(WsConsole *console)
{
    if (!console->ended) {
        console->over = console->ended = true;
        g_clear_handle_id(&console->timer, g_source_remove);
        g_clear_pointer(&console->stream, zg_stream_free);
        zg_admission_leave(console->front->strangers, console->peer);
        release(console);
    }
}

/* The stream may end inside the write; then the console has ended afterwards. */
static void
write_frame(WsConsole *console, GByteArray *frame)
{
    if (console->stream != NULL && !zg_stream_write(console->stream, frame->data, frame->len)) {
        end(console);
    }
}

static void
refuse(WsConsole *console, int code, const char *text)
{
    g_autoptr(GByteArray) frame = g_byte_array_new();

    g_clear_handle_id(&console->timer, g_source_remove);
    zg_ws_write_close(code, text, frame);
    write_frame(console, frame);
    console->over = true;
    if (console->stream != NULL) {
        zg_stream_finish(console->stream, END_MS);
    }
}

static gboolean
on_silent(gpointer data)
{
    WsConsole *console = g_rc_box_acquire(data);

    console->timer = 0;
    refuse(console, ZG_CLOSE_SILENT, "Nothing was sent in time.");
    release(console);
    return G_SOURCE_REMOVE;
}

static GByteArray *
make_answer(const ZgEntry *entry)
{
    GByteArray *frame = g_byte_array_new();
    g_autoptr(json_t) answer =
        json_pack("{s:b, s:s, s:i, s:s, s:s}", "ok", 1, "resume", entry->resume, "held_ms",
                  ZG_HELD_MS, "desktop", entry->grant.desktop, "title", entry->title);
    char *text = zg_json_text(answer);

    zg_ws_write(ZG_WS_BINARY, text, strlen(text), frame);
    zg_wipe(text, strlen(text));
    free(text);
    return frame;
}

/* Ticket or resume secret -> a place, or an error for the person. */
static bool
enter(WsConsole *console, ZgEntry *entry, int *out_code, GError **error)
{
    g_autoptr(json_t) message = zg_json_parse(console->first->data, console->first->len, NULL);
    const char *ticket = NULL, *resume = NULL, *terminal = "";
    ZgJsonReader reader;

    *out_code = ZG_CLOSE_NOT_UNDERSTOOD;
    zg_json_reader_init(&reader, message, "console");
    zg_json_take_text(&reader, "ticket", ZG_JSON_OPTIONAL, 0, FIRST_MESSAGE_MAX, &ticket);
    zg_json_take_text(&reader, "resume", ZG_JSON_OPTIONAL, 0, FIRST_MESSAGE_MAX, &resume);
    zg_json_take_text(&reader, "terminal", ZG_JSON_OPTIONAL, 0, ZG_LIMIT_TEXT_BYTES, &terminal);
    if (!zg_json_reader_finish(&reader, ZG_JSON_SKIP_UNKNOWN, NULL, NULL) ||
        (ticket == NULL) == (resume == NULL)) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_PROTOCOL, "The first message was not understood.");
        return false;
    }
    *out_code = ZG_CLOSE_DENIED;
    if (console->front->consoles == NULL) {
        *out_code = ZG_CLOSE_STOPPING;
        g_set_error(error, ZG_ERROR, ZG_ERROR_UNAVAILABLE, "The server is stopping.");
        return false;
    }
    entry->terminal = g_strdup(terminal);
    return ticket != NULL ? zg_consoles_redeem(console->front->consoles, ticket, strlen(ticket),
                                               true, entry, error)
                          : zg_consoles_resume(console->front->consoles, resume, strlen(resume),
                                               entry, error);
}

/* @rest: what follows the first message. The console is over afterwards. */
static void
take_first_message(WsConsole *console, const uint8_t *rest, size_t n_rest)
{
    g_auto(ZgEntry) entry = {0};
    g_autoptr(GByteArray) answer = NULL;
    g_autoptr(GError) error = NULL;
    int code;

    if (!enter(console, &entry, &code, &error)) {
        zg_log_info("console-refused", console->peer, "console refused: %s", error->message);
        refuse(console, code, error->message);
        return;
    }
    answer = make_answer(&entry);
    zg_consoles_add_viewer(console->front->consoles, ZG_VIEWER_WEBSOCKET,
                           g_steal_pointer(&console->stream), &entry, &console->ws, answer, rest,
                           n_rest);
    zg_wipe(answer->data, answer->len);
    end(console);
}

static void
on_event(WsConsole *console, const ZgWsEvent *event, const uint8_t *rest, size_t n_rest)
{
    g_autoptr(GByteArray) frame = NULL;

    switch (event->kind) {
    case ZG_WS_EVENT_DATA:
        if (console->first->len + event->n_bytes > FIRST_MESSAGE_MAX) {
            refuse(console, ZG_CLOSE_NOT_UNDERSTOOD, "The first message is too long.");
            return;
        }
        g_byte_array_append(console->first, event->bytes, (guint)event->n_bytes);
        if (event->message_end) {
            take_first_message(console, rest, n_rest);
        }
        return;
    case ZG_WS_EVENT_PING:
        frame = g_byte_array_new();
        zg_ws_write(ZG_WS_PONG, event->bytes, event->n_bytes, frame);
        write_frame(console, frame);
        return;
    case ZG_WS_EVENT_CLOSE:
        refuse(console, event->code == 1005 ? 1000 : event->code, "");
        return;
    case ZG_WS_EVENT_BROKEN:
        refuse(console, event->code, event->text);
        return;
    case ZG_WS_EVENT_PONG:
    case ZG_WS_EVENT_NONE:
        return;
    }
}

static void
take_bytes(WsConsole *console, const uint8_t *bytes, size_t n_bytes)
{
    g_autofree uint8_t *copy = g_memdup2(bytes, n_bytes); /* unmasked in place */
    size_t at = 0;

    while (at < n_bytes && !console->over) {
        size_t n_used;
        ZgWsEvent event = zg_ws_feed(&console->ws, copy + at, n_bytes - at, &n_used);

        at += n_used;
        on_event(console, &event, copy + at, n_bytes - at);
    }
    zg_wipe(copy, n_bytes);
}

static void
on_bytes(ZgStream *stream, const uint8_t *bytes, size_t n_bytes, void *user)
{
    WsConsole *console = g_rc_box_acquire(user);

    (void)stream;
    take_bytes(console, bytes, n_bytes);
    release(console);
}

static void
on_closed(ZgStream *stream, const GError *error, void *user)
{
    (void)stream;
    (void)error;
    end(user);
}

static const ZgStreamHandlers stream_handlers = {.on_bytes = on_bytes, .on_closed = on_closed};

void
zg_ws_console_start(ZgFront *front, ZgStream *stream, const char *peer, const uint8_t *rest,
                    size_t n_rest)
{
    WsConsole *console = g_rc_box_new0(WsConsole);

    console->front = front;
    console->stream = stream;
    console->peer = g_strdup(peer);
    console->first = g_byte_array_new();
    console->timer = g_timeout_add(ZG_LIMIT_UNAUTHENTICATED_MS, on_silent, console);
    zg_stream_set_handlers(stream, &stream_handlers, console);
    on_bytes(stream, rest, n_rest, console);
}
