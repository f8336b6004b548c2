/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One HTTPS connection: TLS, heads, then a console, or request after request to the broker. */
#include <string.h>
#include <sys/socket.h>
#include "common/base/error.h"
#include "common/base/id.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/secret.h"
#include "common/net/stream.h"
#include "display/front.h"
#include "display/http_head.h"
#include "display/relay.h"
#include "display/ws_console.h"

#define TRACE_ID_CHARS 16
#define BODY_STALL_MS 10000    /* a request's body makes no progress */
#define ANSWER_MS 60000        /* from the whole request to the response's head */
#define CLIENT_STALL_MS 30000  /* the client does not take its response */
#define END_MS 2000
#define TO_CLIENT_HIGH_BYTES (128 * 1024)
#define TO_CLIENT_LIMIT_BYTES (512 * 1024)
#define PIPELINED_MAX (32 * 1024)

typedef enum {
    STAGE_TLS,
    STAGE_HEAD,     /* between requests, or inside a head */
    STAGE_REQUEST,  /* the body goes to the broker */
    STAGE_RESPONSE, /* the request is whole; the response comes */
    STAGE_END,      /* the last bytes are leaving */
} Stage;

typedef struct {
    ZgFront *front;
    ZgStream *client;
    char *peer;
    Stage stage;
    bool is_stranger; /* counted in front->strangers */
    bool ended;
    guint timer;
    GByteArray *in;  /* bytes not taken yet: a head, or a pipelined request */
    ZgRelay *relay;
    uint64_t n_body; /* request bytes still to come */
    bool keep_alive;
    bool answered;   /* the response's head was sent */
    bool wants_html;
    guint stall_timer;
} Https;

static void
clear_https(gpointer data)
{
    Https *https = data;

    zg_wipe(https->in->data, https->in->len);
    g_byte_array_unref(https->in);
    g_free(https->peer);
}

static void
release(Https *https)
{
    g_rc_box_release_full(https, clear_https);
}

static void
set_stranger(Https *https, bool is_stranger)
{
    if (https->is_stranger && !is_stranger) {
        zg_admission_leave(https->front->strangers, https->peer);
    }
    https->is_stranger = is_stranger;
}

static void
end(Https *https)
{
    if (!https->ended) {
        https->ended = true;
        g_clear_handle_id(&https->timer, g_source_remove);
        g_clear_handle_id(&https->stall_timer, g_source_remove);
        g_clear_pointer(&https->relay, zg_relay_free);
        g_clear_pointer(&https->client, zg_stream_free);
        set_stranger(https, false);
        release(https);
    }
}

static void
write_client(Https *https, const uint8_t *bytes, size_t n_bytes)
{
    if (https->client != NULL && !zg_stream_write(https->client, bytes, n_bytes)) {
        end(https);
    }
}

/* Let the last bytes leave, then close. */
static void
finish(Https *https)
{
    if (https->ended || https->stage == STAGE_END) {
        return;
    }
    https->stage = STAGE_END;
    g_clear_handle_id(&https->timer, g_source_remove);
    g_clear_pointer(&https->relay, zg_relay_free);
    zg_stream_finish(https->client, END_MS);
}

static const char *
reason_of(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {400, "Bad Request"},         {403, "Forbidden"},
        {408, "Request Timeout"},     {411, "Length Required"},
        {426, "Upgrade Required"},    {431, "Request Header Fields Too Large"},
        {501, "Not Implemented"},     {502, "Bad Gateway"},
        {503, "Service Unavailable"}, {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(reasons); i++) {
        if (reasons[i].status == status) {
            return reasons[i].reason;
        }
    }
    return "Error";
}

static const char *
code_of(int status)
{
    switch (status) {
    case 403: return "denied";
    case 504: return "timeout";
    case 408: return "timeout";
    case 501: return "unavailable";
    default: return status >= 502 && status != 505 ? "unavailable" : "invalid";
    }
}

static char *
make_problem(const Https *https, int status, const char *text, const char *trace_id)
{
    const char *code = code_of(status);

    if (https->wants_html) {
        g_autofree char *escaped = g_markup_escape_text(text, -1);

        return g_strdup_printf("<!doctype html><meta charset=\"utf-8\"><title>Zaguan</title>"
                               "<h1>Zaguan</h1><p>%s</p><p><small>%s</small></p>\n",
                               escaped, trace_id);
    }
    return g_strdup_printf("{\"type\":\"urn:zaguan:problem:%s\",\"title\":\"%s\",\"status\":%d,"
                           "\"code\":\"%s\",\"detail\":\"%s\",\"hint\":\"%s\","
                           "\"trace_id\":\"%s\"}\n",
                           code, reason_of(status), status, code, text,
                           g_str_equal(code, "invalid") ? "Correct the request and send it again."
                                                        : "Wait a moment, then try again.",
                           trace_id);
}

/* An answer of our own, after which the connection ends. @text is ours: no quotes in it. */
static void
answer(Https *https, int status, const char *text)
{
    g_autofree char *id = zg_id_new();
    g_autofree char *trace_id = g_strndup(id, TRACE_ID_CHARS);
    g_autofree char *body = make_problem(https, status, text, trace_id);
    g_autofree char *head = g_strdup_printf(
        "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nCache-Control: no-store\r\n"
        "X-Trace-Id: %s\r\nX-Content-Type-Options: nosniff\r\n"
        "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"
        "%sConnection: close\r\n\r\n",
        status, reason_of(status),
        https->wants_html ? "text/html; charset=utf-8" : "application/problem+json", strlen(body),
        trace_id, status == 503 ? "Retry-After: 5\r\n" : "");

    zg_log_info("refused", trace_id, "%d to %s: %s", status, https->peer, text);
    write_client(https, (const uint8_t *)head, strlen(head));
    write_client(https, (const uint8_t *)body, strlen(body));
    finish(https);
}

static gboolean
on_timer(gpointer data)
{
    Https *https = g_rc_box_acquire(data);

    https->timer = 0;
    if (https->stage == STAGE_TLS || (https->stage == STAGE_HEAD && https->in->len == 0)) {
        end(https);
    } else if (https->stage == STAGE_RESPONSE) {
        answer(https, 504, "The broker did not answer in time. Try again in a moment.");
    } else {
        answer(https, 408, "The request did not come in time.");
    }
    release(https);
    return G_SOURCE_REMOVE;
}

static void
set_timer(Https *https, unsigned ms)
{
    g_clear_handle_id(&https->timer, g_source_remove);
    if (ms > 0) {
        https->timer = g_timeout_add(ms, on_timer, https);
    }
}

static void
begin_head(Https *https)
{
    https->stage = STAGE_HEAD;
    https->answered = false;
    https->wants_html = false;
    set_timer(https, ZG_LIMIT_UNAUTHENTICATED_MS);
    if (!https->is_stranger) {
        if (!zg_admission_enter(https->front->strangers, https->peer)) {
            end(https);
            return;
        }
        https->is_stranger = true;
    }
    zg_stream_set_reading(https->client, true);
}

/* Takes bytes that were dealt with out of the buffer, leaving no secret behind. */
static void
drop_in(Https *https, size_t n_bytes)
{
    size_t n_left = https->in->len - n_bytes;

    memmove(https->in->data, https->in->data + n_bytes, n_left);
    zg_wipe(https->in->data + n_left, n_bytes);
    g_byte_array_set_size(https->in, (guint)n_left);
    if (n_left == 0) {
        g_byte_array_unref(https->in);
        https->in = g_byte_array_new();
    }
}

/* The relay's reports. */

static void take_in(Https *https);

static void
on_relay_head(const ZgHttpHead *head, bool has_end, void *user)
{
    Https *https = g_rc_box_acquire(user);
    g_autoptr(GByteArray) out = g_byte_array_new();

    set_timer(https, 0);
    https->answered = true;
    https->keep_alive = https->keep_alive && has_end;
    zg_http_write_downstream(head, https->keep_alive, out);
    write_client(https, out->data, out->len);
    zg_wipe(out->data, out->len);
    release(https);
}

static gboolean
on_stalled(gpointer data)
{
    Https *https = g_rc_box_acquire(data);

    https->stall_timer = 0;
    end(https);
    release(https);
    return G_SOURCE_REMOVE;
}

static void
on_relay_bytes(const uint8_t *bytes, size_t n_bytes, void *user)
{
    Https *https = g_rc_box_acquire(user);

    write_client(https, bytes, n_bytes);
    if (!https->ended && zg_stream_queued(https->client) > TO_CLIENT_HIGH_BYTES &&
        https->stall_timer == 0) {
        zg_relay_set_reading(https->relay, false);
        https->stall_timer = g_timeout_add(CLIENT_STALL_MS, on_stalled, https);
    }
    release(https);
}

static void
on_relay_room(void *user)
{
    Https *https = user;

    if (https->stage == STAGE_REQUEST) {
        zg_stream_set_reading(https->client, true);
    }
}

static void
on_relay_end(bool whole, void *user)
{
    Https *https = g_rc_box_acquire(user);

    g_clear_pointer(&https->relay, zg_relay_free);
    if (!whole) {
        end(https); /* a torn end is the only way to tell that bytes are missing */
    } else if (!https->keep_alive || https->stage == STAGE_REQUEST) {
        finish(https);
    } else if (!https->ended) {
        begin_head(https);
        if (!https->ended) {
            take_in(https);
        }
    }
    release(https);
}

static void
on_relay_failed(const GError *error, void *user)
{
    Https *https = g_rc_box_acquire(user);

    zg_log_warning("broker-unreachable", NULL, "a request found no broker: %s", error->message);
    answer(https, 502, "The broker ended while it was answering. Try again in a moment.");
    release(https);
}

static const ZgRelayHandlers relay_handlers = {
    .on_head = on_relay_head,
    .on_bytes = on_relay_bytes,
    .on_room = on_relay_room,
    .on_end = on_relay_end,
    .on_failed = on_relay_failed,
};

/* Requests. */

static bool
origin_is_ours(const Https *https, const ZgHttpHead *head)
{
    const char *origin = zg_http_find(head, "origin");

    return origin == NULL ||
           g_strv_contains((const char *const *)https->front->config.portal_origins, origin);
}

static void
open_console(Https *https, const ZgHttpHead *head)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autoptr(GError) error = NULL;
    int status = 0;

    if (!origin_is_ours(https, head)) {
        answer(https, 403, "The console opens only from the portal itself.");
        return;
    }
    if (!zg_ws_handshake(head, out, &status, &error)) {
        answer(https, status, error->message);
        return;
    }
    write_client(https, out->data, out->len);
    if (!https->ended) {
        https->is_stranger = false; /* the console goes on counting it */
        zg_ws_console_start(https->front, g_steal_pointer(&https->client), https->peer,
                            https->in->data, https->in->len);
        end(https);
    }
}

static void
begin_relay(Https *https, const ZgHttpHead *head)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    g_autoptr(GError) error = NULL;

    set_stranger(https, false);
    https->keep_alive = head->keep_alive;
    https->n_body = head->length;
    https->relay = zg_relay_new(https->front->config.broker, head, https->peer, &relay_handlers,
                                https, &error);
    if (https->relay == NULL) {
        zg_log_warning("broker-unreachable", NULL, "a request found no broker: %s",
                       error->message);
        answer(https, 503,
               "The portal is starting or being repaired. Desktops that are open go on. "
               "Try again in a moment.");
        return;
    }
    if (https->n_body > 0 && zg_http_has_token(head, "expect", "100-continue")) {
        write_client(https, (const uint8_t *)go_on, sizeof go_on - 1);
    }
    https->stage = STAGE_REQUEST;
    set_timer(https, BODY_STALL_MS);
}

static void
dispatch(Https *https, const ZgHttpHead *head)
{
    const char *accept = zg_http_find(head, "accept");

    https->wants_html = accept != NULL && strstr(accept, "text/html") != NULL;
    if (g_str_equal(head->method, "CONNECT")) {
        answer(https, 501, "SPICE viewers cannot connect here yet. Use the browser or VNC.");
    } else if (zg_http_path_is(head, "/console") && zg_http_find(head, "upgrade") != NULL) {
        open_console(https, head);
    } else if (zg_http_find(head, "upgrade") != NULL) {
        answer(https, 400, "Only the console can be upgraded.");
    } else {
        begin_relay(https, head);
    }
}

static bool
take_head(Https *https)
{
    g_autoptr(ZgHttpHead) head = NULL;
    g_autoptr(GError) error = NULL;
    size_t n_used;
    int status;

    if (!zg_http_parse_request(https->in->data, https->in->len, &n_used, &head, &status, &error)) {
        answer(https, status, error->message);
        return false;
    }
    if (head == NULL) {
        return false;
    }
    drop_in(https, n_used);
    dispatch(https, head);
    return !https->ended && https->stage == STAGE_REQUEST;
}

static void
take_body(Https *https)
{
    size_t n = (size_t)MIN((uint64_t)https->in->len, https->n_body);

    if (n > 0) {
        g_autofree uint8_t *piece = g_memdup2(https->in->data, n);

        drop_in(https, n);
        https->n_body -= n;
        set_timer(https, BODY_STALL_MS);
        if (!zg_relay_send(https->relay, piece, n) && !https->ended) {
            zg_stream_set_reading(https->client, false);
        }
        zg_wipe(piece, n);
    }
    if (!https->ended && https->stage == STAGE_REQUEST && https->n_body == 0) {
        https->stage = STAGE_RESPONSE;
        set_timer(https, https->answered ? 0 : ANSWER_MS);
    }
}

/* Goes as far as the bytes that are there allow. */
static void
take_in(Https *https)
{
    if (https->stage == STAGE_HEAD && !take_head(https)) {
        return;
    }
    if (https->stage == STAGE_REQUEST && https->relay != NULL) {
        take_body(https);
    }
    if (!https->ended && https->stage == STAGE_RESPONSE && https->in->len > PIPELINED_MAX) {
        zg_stream_set_reading(https->client, false);
    }
}

static void
on_bytes(ZgStream *stream, const uint8_t *bytes, size_t n_bytes, void *user)
{
    Https *https = g_rc_box_acquire(user);

    (void)stream;
    if (https->stage != STAGE_END) {
        g_byte_array_append(https->in, bytes, (guint)n_bytes);
        take_in(https);
    }
    release(https);
}

static void
on_secured(ZgStream *stream, void *user)
{
    (void)stream;
    begin_head(user);
}

static void
on_drained(ZgStream *stream, void *user)
{
    Https *https = user;

    (void)stream;
    g_clear_handle_id(&https->stall_timer, g_source_remove);
    if (https->relay != NULL) {
        zg_relay_set_reading(https->relay, true);
    }
}

static void
on_closed(ZgStream *stream, const GError *error, void *user)
{
    (void)stream;
    (void)error;
    end(user);
}

static const ZgStreamHandlers stream_handlers = {
    .on_bytes = on_bytes,
    .on_secured = on_secured,
    .on_drained = on_drained,
    .on_closed = on_closed,
};

void
zg_https_accept(int fd, const char *peer, void *user)
{
    ZgFront *front = user;
    Https *https;

    https = g_rc_box_new0(Https);
    https->front = front;
    https->peer = g_strdup(peer);
    https->in = g_byte_array_new();
    https->client = zg_stream_new(fd, &stream_handlers, https);
    if (!zg_admission_enter(front->strangers, peer)) {
        zg_log_warning("too-many-strangers", peer, "refused a connection: too many are waiting");
        end(https);
        return;
    }
    https->is_stranger = true;
    zg_stream_set_queue_limit(https->client, TO_CLIENT_LIMIT_BYTES);
    set_timer(https, ZG_LIMIT_UNAUTHENTICATED_MS);
    zg_stream_start_tls(https->client, front->tls, ZG_STREAM_SERVER, NULL);
}
