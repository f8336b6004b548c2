/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "broker/http.h"

#include <libwebsockets.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/base/error.h"
#include "common/base/fd.h"
#include "common/base/id.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/secret.h"

#define HANDLER_DEADLINE_S 30
#define IDLE_S 60
#define WRITE_BYTES (32 * 1024)
#define STREAM_QUEUE_BYTES (512 * 1024)
#define MAX_DRAINED_BYTES (16 * 1024 * 1024)
#define DRAIN_S 3
#define TRACE_ID_CHARS 16
#define MAX_QUERY_KEYS 16
#define MAX_VALUE_BYTES 8192

typedef enum {
    READING,   /* head is in, body is coming */
    HANDLING,  /* with the handler */
    WRITING,   /* answered, bytes are leaving */
    STREAMING, /* the answer goes on */
    DRAINING,  /* refused before its body came: read on for a moment, so that the client listens */
    OVER,
} State;

struct ZgHttpServer {
    struct lws_vhost *vhost;
    struct lws_protocols protocols[2];
    ZgHttpHandler handler;
    void *data;
    char *csp;
    ZgHttpStats stats;
};

struct ZgHttpRequest {
    int refs;
    ZgHttpServer *server;
    struct lws *wsi; /* NULL once the connection is gone */
    State state;
    const char *method;
    bool head_only;
    bool close_after;
    bool too_long; /* a header or the query had more than is read */
    char *path;
    char **query;
    char *headers[ZG_N_HEADERS];
    char *peer;
    GByteArray *body;
    size_t n_body_wanted;
    size_t n_body_seen;
    GQueue out; /* of GBytes */
    size_t n_out;
    size_t n_sent; /* of the first */
    bool head_sent;
    bool ending;
    guint deadline;
    ZgHttpClosed closed;
    void *closed_data;
};

/* libwebsockets keeps one of these beside each connection. */
typedef struct {
    ZgHttpRequest *request;
} Slot;

/* --- the request ------------------------------------------------------------------------- */

ZgHttpRequest *
zg_http_request_ref(ZgHttpRequest *request)
{
    request->refs++;
    return request;
}

static void
drop_out(ZgHttpRequest *request)
{
    g_queue_clear_full(&request->out, (GDestroyNotify)g_bytes_unref);
    request->n_out = 0;
    request->n_sent = 0;
}

void
zg_http_wipe_secrets(ZgHttpRequest *request)
{
    zg_wipe(request->body->data, request->body->len);
    g_byte_array_set_size(request->body, 0);
    g_clear_pointer(&request->headers[ZG_HEADER_COOKIE], zg_wipe_free_text);
    g_clear_pointer(&request->headers[ZG_HEADER_AUTHORIZATION], zg_wipe_free_text);
}

void
zg_http_request_unref(ZgHttpRequest *request)
{
    if (request == NULL || --request->refs > 0) {
        return;
    }
    zg_http_wipe_secrets(request);
    drop_out(request);
    g_clear_handle_id(&request->deadline, g_source_remove);
    g_byte_array_unref(request->body);
    for (unsigned i = 0; i < ZG_N_HEADERS; i++) {
        g_free(request->headers[i]);
    }
    g_strfreev(request->query);
    g_free(request->path);
    g_free(request->peer);
    g_free(request);
}

const char *
zg_http_method(const ZgHttpRequest *request)
{
    return request->method;
}

const char *
zg_http_path(const ZgHttpRequest *request)
{
    return request->path;
}

const char *
zg_http_header(const ZgHttpRequest *request, ZgHeader header)
{
    return request->headers[header];
}

const char *
zg_http_peer(const ZgHttpRequest *request)
{
    return request->peer;
}

const void *
zg_http_body(const ZgHttpRequest *request, size_t *out_n_body)
{
    *out_n_body = request->body->len;
    return request->body->data;
}

char **
zg_http_query(const ZgHttpRequest *request)
{
    return request->query;
}

bool
zg_http_is_open(const ZgHttpRequest *request)
{
    return request->wsi != NULL && (request->state == HANDLING || request->state == STREAMING);
}

/* --- answering --------------------------------------------------------------------------- */

static void
queue_out(ZgHttpRequest *request, const void *bytes, size_t n_bytes)
{
    if (n_bytes > 0) {
        g_queue_push_tail(&request->out, g_bytes_new(bytes, n_bytes));
        request->n_out += n_bytes;
    }
}

static const char *
reason_phrase(int status)
{
    switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 304: return "Not Modified";
    default: return status < 500 ? "Refused" : "Failed";
    }
}

/* Head of an answer; a line break in a value would forge headers and is cut off there. */
static GString *
head_new(const ZgHttpRequest *request, int status, const char *const *headers)
{
    GString *head = g_string_new(NULL);

    g_string_append_printf(head, "HTTP/1.1 %d %s\r\n", status, reason_phrase(status));
    for (size_t i = 0; headers != NULL && headers[i] != NULL; i += 2) {
        g_string_append_printf(head, "%s: %.*s\r\n", headers[i],
                               (int)strcspn(headers[i + 1], "\r\n"), headers[i + 1]);
    }
    g_string_append_printf(head,
                           "Content-Security-Policy: %s\r\n"
                           "X-Content-Type-Options: nosniff\r\n"
                           "X-Frame-Options: DENY\r\n"
                           "Referrer-Policy: no-referrer\r\n"
                           "Cross-Origin-Opener-Policy: same-origin\r\n"
                           "Cross-Origin-Resource-Policy: same-origin\r\n",
                           request->server->csp);
    return head;
}

void
zg_http_answer(ZgHttpRequest *request, int status, const char *const *headers, const char *type,
               const void *body, size_t n_body)
{
    g_autoptr(GString) head = NULL;

    if (request->wsi == NULL || (request->state != HANDLING && request->state != READING)) {
        return;
    }
    g_clear_handle_id(&request->deadline, g_source_remove);
    request->server->stats.answers[CLAMP(status / 100, 0, 5)]++;
    head = head_new(request, status, headers);
    if (type != NULL) {
        g_string_append_printf(head, "Content-Type: %s\r\n", type);
    }
    if (status != 204 && status != 304) {
        g_string_append_printf(head, "Content-Length: %zu\r\n", n_body);
    }
    if (request->close_after) {
        g_string_append(head, "Connection: close\r\n");
    }
    g_string_append(head, "\r\n");
    queue_out(request, head->str, head->len);
    if (!request->head_only) {
        queue_out(request, body, n_body);
    }
    request->state = WRITING;
    lws_set_timeout(request->wsi, PENDING_TIMEOUT_HTTP_CONTENT, IDLE_S);
    lws_callback_on_writable(request->wsi);
}

bool
zg_http_stream_begin(ZgHttpRequest *request, ZgHttpClosed closed, void *data)
{
    static const char *const headers[] = {"Content-Type", "text/event-stream", "Cache-Control",
                                          "no-store", "Connection", "close", NULL};
    g_autoptr(GString) head = NULL;

    if (!zg_http_is_open(request) || request->state != HANDLING) {
        return false;
    }
    g_clear_handle_id(&request->deadline, g_source_remove);
    request->server->stats.answers[2]++;
    request->server->stats.streams++;
    head = head_new(request, 200, headers);
    g_string_append(head, "\r\n");
    queue_out(request, head->str, head->len);
    request->state = STREAMING;
    lws_set_timeout(request->wsi, NO_PENDING_TIMEOUT, 0);
    request->closed = closed;
    request->closed_data = data;
    lws_callback_on_writable(request->wsi);
    return true;
}

static void
cut(ZgHttpRequest *request)
{
    if (request->wsi != NULL) {
        drop_out(request);
        lws_set_timeout(request->wsi, PENDING_TIMEOUT_CLOSE_SEND, LWS_TO_KILL_ASYNC);
    }
}

bool
zg_http_stream_write(ZgHttpRequest *request, const char *text, size_t n_text)
{
    if (request->wsi == NULL || request->state != STREAMING || request->ending) {
        return false;
    }
    if (request->n_out + n_text > STREAM_QUEUE_BYTES) {
        zg_log_info("http-stream-slow", request->peer, "client reads too slowly: stream cut");
        request->ending = true;
        cut(request);
        return false;
    }
    queue_out(request, text, n_text);
    lws_callback_on_writable(request->wsi);
    return true;
}

void
zg_http_stream_end(ZgHttpRequest *request)
{
    if (request->wsi != NULL && request->state == STREAMING) {
        request->ending = true;
        lws_callback_on_writable(request->wsi);
    }
}

/* --- events of libwebsockets ------------------------------------------------------------- */

/* The connection lets go of its request. */
static void
detach(Slot *slot)
{
    ZgHttpRequest *request = slot->request;

    if (request == NULL) {
        return;
    }
    slot->request = NULL;
    request->wsi = NULL;
    request->server->stats.open--;
    g_clear_handle_id(&request->deadline, g_source_remove);
    if (request->state == STREAMING) {
        request->server->stats.streams--;
        request->state = OVER;
        if (request->closed != NULL) {
            request->closed(request, request->closed_data);
        }
    }
    request->state = OVER;
    zg_http_request_unref(request);
}

/* A problem of our own, before or instead of a handler's. The texts are ours: no quotes in them. */
static void
answer_problem(ZgHttpRequest *request, int status, const char *code, const char *title,
               const char *detail, const char *hint)
{
    g_autofree char *id = zg_id_new();
    g_autofree char *trace_id = g_strndup(id, TRACE_ID_CHARS);
    const char *headers[] = {"Cache-Control", "no-store", "X-Trace-Id", trace_id, NULL};
    g_autofree char *body =
        g_strdup_printf("{\"code\":\"%s\",\"detail\":\"%s\",\"hint\":\"%s\",\"status\":%d,"
                        "\"title\":\"%s\",\"trace_id\":\"%s\","
                        "\"type\":\"urn:zaguan:problem:%s\"}",
                        code, detail, hint, status, title, trace_id, code);

    zg_log_info("http-refused", trace_id, "%d: %s", status, detail);
    zg_http_answer(request, status, headers, "application/problem+json", body, strlen(body));
}

static gboolean
on_deadline(gpointer data)
{
    ZgHttpRequest *request = data;

    request->deadline = 0;
    zg_log_warning("http-deadline", request->path, "no answer within %d s", HANDLER_DEADLINE_S);
    answer_problem(request, 504, "timeout", "Timed out", "No answer in time.",
                   "Try again in a moment.");
    return G_SOURCE_REMOVE;
}

/* @out_too_long is set, never cleared: a condition that is left out would be none. */
static char *
copy_header(struct lws *wsi, enum lws_token_indexes token, bool *out_too_long)
{
    int n = lws_hdr_total_length(wsi, token);
    char *text;

    if (n <= 0 || n > MAX_VALUE_BYTES) {
        *out_too_long = *out_too_long || n > 0;
        return NULL;
    }
    text = g_malloc0((gsize)n + 1);
    if (lws_hdr_copy(wsi, text, n + 1, token) < 0) {
        g_clear_pointer(&text, g_free);
    }
    return text;
}

/* @name: lower case with its colon */
static char *
copy_custom(struct lws *wsi, const char *name, bool *out_too_long)
{
    int n_name = (int)strlen(name);
    int n = lws_hdr_custom_length(wsi, name, n_name);
    char *text;

    if (n <= 0 || n > MAX_VALUE_BYTES) {
        *out_too_long = *out_too_long || n > 0;
        return NULL;
    }
    text = g_malloc0((gsize)n + 1);
    if (lws_hdr_custom_copy(wsi, text, n + 1, name, n_name) < 0) {
        g_clear_pointer(&text, g_free);
        return NULL;
    }
    return g_strstrip(text);
}

static const struct {
    enum lws_token_indexes token;
    const char *method;
} method_tokens[] = {
    {WSI_TOKEN_GET_URI, "GET"},     {WSI_TOKEN_POST_URI, "POST"},     {WSI_TOKEN_PUT_URI, "PUT"},
    {WSI_TOKEN_PATCH_URI, "PATCH"}, {WSI_TOKEN_DELETE_URI, "DELETE"}, {WSI_TOKEN_HEAD_URI, "HEAD"},
};

static void
read_headers(ZgHttpRequest *request, struct lws *wsi)
{
    static const struct {
        ZgHeader header;
        enum lws_token_indexes token;
        const char *name; /* for those libwebsockets has no token for */
    } wanted[] = {
        {ZG_HEADER_ACCEPT_LANGUAGE, WSI_TOKEN_HTTP_ACCEPT_LANGUAGE, NULL},
        {ZG_HEADER_AUTHORIZATION, WSI_TOKEN_HTTP_AUTHORIZATION, NULL},
        {ZG_HEADER_CONTENT_TYPE, WSI_TOKEN_HTTP_CONTENT_TYPE, NULL},
        {ZG_HEADER_COOKIE, WSI_TOKEN_HTTP_COOKIE, NULL},
        {ZG_HEADER_IDEMPOTENCY_KEY, 0, "idempotency-key:"},
        {ZG_HEADER_IF_MATCH, WSI_TOKEN_HTTP_IF_MATCH, NULL},
        {ZG_HEADER_IF_NONE_MATCH, WSI_TOKEN_HTTP_IF_NONE_MATCH, NULL},
        {ZG_HEADER_LAST_EVENT_ID, 0, "last-event-id:"},
        {ZG_HEADER_ORIGIN, WSI_TOKEN_ORIGIN, NULL},
    };
    bool too_long = false;

    for (size_t i = 0; i < G_N_ELEMENTS(wanted); i++) {
        request->headers[wanted[i].header] = wanted[i].name != NULL
                                                 ? copy_custom(wsi, wanted[i].name, &too_long)
                                                 : copy_header(wsi, wanted[i].token, &too_long);
    }
    request->too_long = too_long;
    request->peer = copy_custom(wsi, "x-zaguan-peer:", &too_long);
    if (request->peer == NULL || strlen(request->peer) > 64) {
        g_free(request->peer);
        request->peer = g_strdup("local");
    }
}

static char **
read_query(struct lws *wsi, bool *out_too_long)
{
    GPtrArray *query = g_ptr_array_new();
    char text[1024];

    for (int i = 0; lws_hdr_fragment_length(wsi, WSI_TOKEN_HTTP_URI_ARGS, i) > 0; i++) {
        int n = lws_hdr_copy_fragment(wsi, text, sizeof text, WSI_TOKEN_HTTP_URI_ARGS, i);

        if (n < 0 || i == MAX_QUERY_KEYS) {
            *out_too_long = true;
            break;
        }
        if (n > 0) {
            g_ptr_array_add(query, g_strndup(text, (gsize)n));
        }
    }
    g_ptr_array_add(query, NULL);
    return (char **)g_ptr_array_free(query, FALSE);
}

static ZgHttpRequest *
request_new(ZgHttpServer *server, struct lws *wsi, const char *path, size_t n_path)
{
    ZgHttpRequest *request = g_new0(ZgHttpRequest, 1);

    request->refs = 1;
    request->server = server;
    request->wsi = wsi;
    request->method = "OTHER";
    request->path = g_strndup(path, n_path);
    request->body = g_byte_array_new();
    g_queue_init(&request->out);
    for (size_t i = 0; i < G_N_ELEMENTS(method_tokens); i++) {
        if (lws_hdr_total_length(wsi, method_tokens[i].token) > 0) {
            request->method = method_tokens[i].method;
        }
    }
    if (strcmp(request->method, "HEAD") == 0) {
        request->head_only = true;
        request->method = "GET";
    }
    read_headers(request, wsi);
    request->query = read_query(wsi, &request->too_long);
    server->stats.requests++;
    server->stats.open++;
    return request;
}

static void
refuse_head(ZgHttpRequest *request, int status, const char *code, const char *detail)
{
    request->close_after = true; /* the body that follows is not read */
    answer_problem(request, status, code, "Refused", detail,
                   "Correct the request and send it again.");
}

static void
dispatch(ZgHttpRequest *request)
{
    request->state = HANDLING;
    request->deadline = g_timeout_add_seconds(HANDLER_DEADLINE_S, on_deadline, request);
    lws_set_timeout(request->wsi, NO_PENDING_TIMEOUT, 0);
    request->server->handler(request, request->server->data);
}

static int
on_head(ZgHttpServer *server, struct lws *wsi, Slot *slot, const char *path, size_t n_path)
{
    bool bad_length = false;
    g_autofree char *length = copy_header(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, &bad_length);
    guint64 n_body = 0;
    ZgHttpRequest *request;

    detach(slot); /* of the request before on this connection, if any */
    request = request_new(server, wsi, path, n_path);
    slot->request = request;
    /* Without a length, libwebsockets takes all that follows a POST for its body. */
    request->close_after = length == NULL && strcmp(request->method, "GET") != 0;
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0) {
        refuse_head(request, 411, "length-required", "A body needs Content-Length.");
    } else if (request->too_long) {
        refuse_head(request, 400, "invalid", "A header or the query is too long.");
    } else if (bad_length) {
        refuse_head(request, 400, "invalid", "Content-Length is not a number.");
    } else if (length != NULL &&
               !g_ascii_string_to_unsigned(length, 10, 0, G_MAXUINT32, &n_body, NULL)) {
        refuse_head(request, 400, "invalid", "Content-Length is not a number.");
    } else if (n_body > ZG_LIMIT_API_BODY_BYTES) {
        request->n_body_wanted = (size_t)n_body;
        refuse_head(request, 413, "too-large", "The request is larger than 256 KiB.");
    } else if (n_body == 0) {
        dispatch(request);
    } else {
        request->n_body_wanted = (size_t)n_body;
        lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, ZG_LIMIT_UNAUTHENTICATED_MS / 1000);
    }
    return 0;
}

static int
on_body(ZgHttpRequest *request, const void *bytes, size_t n_bytes)
{
    if (request == NULL) {
        return 0;
    }
    request->n_body_seen += n_bytes;
    if (request->state != READING) {
        return request->state == OVER || request->n_body_seen > MAX_DRAINED_BYTES ? -1 : 0;
    }
    if (request->body->len + n_bytes > request->n_body_wanted) {
        return -1;
    }
    g_byte_array_append(request->body, bytes, (guint)n_bytes);
    return 0;
}

static int
on_body_end(ZgHttpRequest *request)
{
    if (request != NULL && request->state == READING) {
        dispatch(request);
    }
    return request != NULL && request->state == DRAINING ? -1 : 0;
}

/* Writes one piece of what is queued. */
static bool
write_piece(ZgHttpRequest *request)
{
    GBytes *first = g_queue_peek_head(&request->out);
    gsize n_bytes = 0;
    const uint8_t *bytes = g_bytes_get_data(first, &n_bytes);
    size_t n_piece = MIN(n_bytes - request->n_sent, WRITE_BYTES);
    g_autofree uint8_t *piece = g_malloc(LWS_PRE + n_piece);

    memcpy(piece + LWS_PRE, bytes + request->n_sent, n_piece);
    if (lws_write(request->wsi, piece + LWS_PRE, n_piece,
                  request->head_sent ? LWS_WRITE_HTTP : LWS_WRITE_HTTP_HEADERS) < 0) {
        return false;
    }
    request->n_sent += n_piece;
    request->n_out -= n_piece;
    if (request->n_sent == n_bytes) {
        request->head_sent = true;
        request->n_sent = 0;
        g_bytes_unref(g_queue_pop_head(&request->out));
    }
    return true;
}

/* All of an answer has left. */
static int
on_written(Slot *slot, struct lws *wsi)
{
    ZgHttpRequest *request = slot->request;
    bool close_after = request->close_after;

    if (request->n_body_seen < request->n_body_wanted) {
        request->state = DRAINING;
        lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, DRAIN_S);
        return 0;
    }
    detach(slot);
    return close_after || lws_http_transaction_completed(wsi) ? -1 : 0;
}

/* May also come unasked, after libwebsockets has sent the rest of a piece. */
static int
on_writable(Slot *slot, struct lws *wsi)
{
    ZgHttpRequest *request = slot->request;

    if (request == NULL || (request->state != WRITING && request->state != STREAMING)) {
        return 0;
    }
    if (!g_queue_is_empty(&request->out) && !write_piece(request)) {
        return -1;
    }
    if (!g_queue_is_empty(&request->out)) {
        if (request->state == WRITING) {
            lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, IDLE_S);
        }
        lws_callback_on_writable(wsi);
        return 0;
    }
    if (request->state == WRITING) {
        return on_written(slot, wsi);
    }
    return request->ending ? -1 : 0;
}

static int
on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
    const struct lws_protocols *protocol = lws_get_protocol(wsi);
    ZgHttpServer *server = protocol != NULL ? protocol->user : NULL;
    Slot *slot = user;

    switch (reason) {
    case LWS_CALLBACK_HTTP:
        return on_head(server, wsi, slot, in, len);
    case LWS_CALLBACK_HTTP_BODY:
        return on_body(slot->request, in, len);
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        return on_body_end(slot->request);
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return on_writable(slot, wsi);
    case LWS_CALLBACK_CLOSED_HTTP:
    case LWS_CALLBACK_HTTP_DROP_PROTOCOL:
        if (slot != NULL) {
            detach(slot);
        }
        return 0;
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE: /* hang up on h2c and all others; never above 0: */
        return -1;                          /* what follows such an answer is CVE-2025-11677 */
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION: /* no WebSockets here: the front has them */
        return -1;
    default:
        return 0;
    }
}

/* --- the server -------------------------------------------------------------------------- */

static ZgHttpServer *
server_new(ZgHttpHandler handler, void *data)
{
    ZgHttpServer *server = g_new0(ZgHttpServer, 1);

    server->handler = handler;
    server->data = data;
    server->csp = g_strdup("default-src 'none'; frame-ancestors 'none'");
    server->protocols[0] = (struct lws_protocols){
        .name = "http",
        .callback = on_event,
        .per_session_data_size = sizeof(Slot),
        .rx_buffer_size = WRITE_BYTES,
        .user = server,
    };
    return server;
}

static bool
server_listen(ZgHttpServer *server, struct lws_context *context,
              struct lws_context_creation_info *info, const char *where, GError **error)
{
    info->protocols = server->protocols;
    info->alpn = "http/1.1";
    info->keepalive_timeout = IDLE_S;
    info->timeout_secs = ZG_LIMIT_UNAUTHENTICATED_MS / 1000;
    server->vhost = lws_create_vhost(context, info);
    if (server->vhost == NULL ||
        (info->port > 0 && lws_get_vhost_listen_port(server->vhost) <= 0)) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_FAILED,
                    "cannot listen on %s: is it taken by another program?", where);
        return false;
    }
    return true;
}

static bool
make_room(const char *path, GError **error)
{
    g_auto(ZgFd) other = -1;

    if (strlen(path) > 100) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "socket '%s': the path is too long", path);
        return false;
    }
    other = zg_unix_connect(path, SOCK_STREAM, NULL);
    if (other >= 0) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_CONFLICT, "socket '%s': another broker is running",
                    path);
        return false;
    }
    unlink(path);
    return true;
}

ZgHttpServer *
zg_http_listen_unix(struct lws_context *context, const char *path, ZgHttpHandler handler,
                    void *data, GError **error)
{
    ZgHttpServer *server;
    struct lws_context_creation_info info = {
        .vhost_name = "api",
        .options = LWS_SERVER_OPTION_UNIX_SOCK,
        .iface = path,
        .port = 0, /* anything else would be a TCP port */
    };
    mode_t before;
    bool ok;

    if (!make_room(path, error)) {
        return NULL;
    }
    server = server_new(handler, data);
    before = umask(0177); /* the socket is 0600 from its first moment */
    ok = server_listen(server, context, &info, path, error);
    umask(before);
    if (!ok || chmod(path, 0600) != 0) {
        if (ok) {
            g_set_error(error, ZG_ERROR, ZG_ERROR_FAILED, "cannot listen on '%s'", path);
        }
        zg_http_server_free(server);
        return NULL;
    }
    return server;
}

ZgHttpServer *
zg_http_listen_tcp(struct lws_context *context, const char *address, uint16_t port,
                   ZgHttpHandler handler, void *data, GError **error)
{
    ZgHttpServer *server = server_new(handler, data);
    struct lws_context_creation_info info = {
        .vhost_name = "metrics",
        .iface = address,
        .port = port,
    };
    g_autofree char *where = g_strdup_printf("%s port %u (metrics)", address, port);

    if (!server_listen(server, context, &info, where, error)) {
        g_clear_pointer(&server, zg_http_server_free);
    }
    return server;
}

void
zg_http_server_free(ZgHttpServer *server)
{
    if (server != NULL) {
        g_free(server->csp);
        g_free(server);
    }
}

void
zg_http_stats(const ZgHttpServer *server, ZgHttpStats *out_stats)
{
    *out_stats = server->stats;
}

void
zg_http_set_csp(ZgHttpServer *server, const char *policy)
{
    g_free(server->csp);
    server->csp = g_strdup(policy);
}
