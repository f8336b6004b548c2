/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/api_call.h"

#include <string.h>
#include <sys/socket.h>
#include "common/base/fd.h"
#include "common/base/limits.h"
#include "common/base/secret.h"
#include "common/net/stream.h"
#include "common/proto/json.h"
#include "display/http_head.h"

struct ZgApiCall {
    ZgStream *broker;
    GByteArray *in;
    guint timer;
    bool over;
    ZgApiCallFunc done;
    void *user;
};

static void
clear_call(gpointer data)
{
    ZgApiCall *call = data;

    zg_wipe(call->in->data, call->in->len); /* answers carry tokens and tickets */
    g_byte_array_unref(call->in);
}

static void
release(ZgApiCall *call)
{
    g_rc_box_release_full(call, clear_call);
}

void
zg_api_call_free(ZgApiCall *call)
{
    if (call != NULL) {
        call->over = true;
        g_clear_handle_id(&call->timer, g_source_remove);
        g_clear_pointer(&call->broker, zg_stream_free);
        release(call);
    }
}

static void
finish(ZgApiCall *call, int status, const json_t *body)
{
    if (!call->over) {
        call->over = true;
        g_clear_handle_id(&call->timer, g_source_remove);
        call->done(status, body, call->user);
    }
}

static gboolean
on_failed(gpointer data)
{
    ZgApiCall *call = g_rc_box_acquire(data);

    call->timer = 0;
    finish(call, 0, NULL);
    release(call);
    return G_SOURCE_REMOVE;
}

/* @at_end: no more bytes will come. */
static void
look(ZgApiCall *call, bool at_end)
{
    g_autoptr(ZgHttpHead) head = NULL;
    g_autoptr(json_t) body = NULL;
    size_t n_head, n_body;

    if (!zg_http_parse_response(call->in->data, call->in->len, &n_head, &head, NULL)) {
        finish(call, 0, NULL);
        return;
    }
    if (head == NULL) {
        if (at_end) {
            finish(call, 0, NULL);
        }
        return;
    }
    n_body = call->in->len - n_head;
    if (head->chunked || (at_end && head->has_length && n_body < head->length)) {
        finish(call, 0, NULL);
    } else if (at_end || (head->has_length && n_body >= head->length) || head->status == 204) {
        if (n_body > 0) {
            body = zg_json_parse(call->in->data + n_head, n_body, NULL);
        }
        finish(call, head->status, body);
    }
}

static void
on_bytes(ZgStream *stream, const uint8_t *bytes, size_t n_bytes, void *user)
{
    ZgApiCall *call = g_rc_box_acquire(user);

    (void)stream;
    if (!call->over) {
        if (call->in->len + n_bytes > ZG_LIMIT_API_BODY_BYTES) {
            finish(call, 0, NULL);
        } else {
            g_byte_array_append(call->in, bytes, (guint)n_bytes);
            look(call, false);
        }
    }
    release(call);
}

static void
on_closed(ZgStream *stream, const GError *error, void *user)
{
    ZgApiCall *call = g_rc_box_acquire(user);

    (void)stream;
    (void)error;
    g_clear_pointer(&call->broker, zg_stream_free);
    if (!call->over) {
        look(call, true);
    }
    release(call);
}

static const ZgStreamHandlers stream_handlers = {.on_bytes = on_bytes, .on_closed = on_closed};

static void
append(GByteArray *out, const char *text)
{
    g_byte_array_append(out, (const guint8 *)text, (guint)strlen(text));
}

static GByteArray *
make_request(const ZgApiRequest *request)
{
    size_t n_body = request->body != NULL ? strlen(request->body) : 0;
    /* Room from the start, so that no grown-out copy of a secret stays behind. */
    GByteArray *out = g_byte_array_sized_new((guint)(n_body + 2048));
    g_autofree char *line =
        g_strdup_printf("%s /api/v1%s HTTP/1.1\r\nHost: localhost\r\nX-Zaguan-Peer: %s\r\n"
                        "Connection: close\r\nAccept: application/json\r\n",
                        request->method, request->path, request->peer);
    g_autofree char *length = g_strdup_printf("Content-Length: %zu\r\n", n_body);

    append(out, line);
    if (request->token != NULL) {
        append(out, "Authorization: Bearer ");
        append(out, request->token);
        append(out, "\r\n");
    }
    if (!g_str_equal(request->method, "GET")) {
        append(out, "Content-Type: application/json\r\n");
        append(out, length);
    }
    append(out, "\r\n");
    if (n_body > 0) {
        append(out, request->body);
    }
    return out;
}

ZgApiCall *
zg_api_call_new(const ZgApiRequest *request, ZgApiCallFunc done, void *user)
{
    ZgApiCall *call = g_rc_box_new0(ZgApiCall);
    g_autoptr(GByteArray) out = make_request(request);
    int fd = zg_unix_connect(request->socket, SOCK_STREAM, NULL);
    bool sent = false;

    call->in = g_byte_array_new();
    call->done = done;
    call->user = user;
    call->over = true; /* nothing is told before this function has returned */
    if (fd >= 0) {
        call->broker = zg_stream_new(fd, &stream_handlers, call);
        sent = zg_stream_write(call->broker, out->data, out->len);
    }
    call->over = false;
    call->timer = g_timeout_add(sent ? ZG_API_CALL_MS : 0, on_failed, call);
    zg_wipe(out->data, out->len);
    return call;
}

