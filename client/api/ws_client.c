/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/api/ws_client.h"

#include <stdlib.h>
#include <string.h>
#include "client/api/secure.h"
#include "client/api/ws_frame.h"
#include "common/base/error.h"
#include "common/base/limits.h"
#include "common/base/secret.h"
#include "common/net/stream.h"
#include "common/net/tls.h"
#include "common/proto/json.h"

#define OPENING_TIMEOUT_S 15
#define GOODBYE_MS 2000
#define REST_BYTES (ZG_LIMIT_STREAM_QUEUE_BYTES / 4)

typedef enum {
    SHAKING,  /* TLS */
    ASKING,   /* HTTP upgrade sent */
    KNOCKING, /* ticket sent */
    OPEN,
    CLOSED,
} State;

struct ZgWsClient {
    State state;
    ZgStream *stream;
    ZgWsReader *reader;
    GString *head; /* the server's HTTP answer */
    GByteArray *out;
    char *request;
    char *key;
    char *hello; /* secret */
    char *resume; /* secret */
    char *title;
    int64_t held_ms;
    guint timer;
    unsigned close_code;
    char *close_reason;
    guint farewell; /* idle source that tells the end */
    const ZgWsClientHandlers *handlers;
    void *user;
};

static gboolean
tell_end(void *user)
{
    ZgWsClient *client = user;

    client->farewell = 0;
    client->handlers->on_closed(client, client->close_code, client->close_reason, client->user);
    return G_SOURCE_REMOVE;
}

/* The end is told from the loop, not from here: the handler may free the client. */
static void
end(ZgWsClient *client, unsigned code, const char *reason)
{
    if (client->state == CLOSED) {
        return;
    }
    client->state = CLOSED;
    client->close_code = code;
    client->close_reason = g_strdup(reason);
    zg_stream_set_reading(client->stream, false);
    g_clear_handle_id(&client->timer, g_source_remove);
    client->farewell = g_idle_add(tell_end, client);
}

static gboolean
on_too_late(void *user)
{
    ZgWsClient *client = user;

    client->timer = 0;
    end(client, 0, "the front did not answer in time");
    return G_SOURCE_REMOVE;
}

static bool
send_frame(ZgWsClient *client, ZgWsKind kind, const void *bytes, size_t n_bytes)
{
    uint8_t mask[4];
    bool ok;

    zg_random_bytes(mask, sizeof mask);
    g_byte_array_set_size(client->out, 0);
    zg_ws_frame(client->out, kind, bytes, n_bytes, mask);
    ok = zg_stream_write(client->stream, client->out->data, client->out->len);
    return ok && zg_stream_queued(client->stream) < REST_BYTES;
}

/* The answer to the ticket. */
static bool
take_welcome(ZgWsClient *client, const uint8_t *bytes, size_t n_bytes)
{
    g_autoptr(json_t) answer = zg_json_parse(bytes, n_bytes, NULL);
    ZgJsonReader reader;
    bool ok = false;
    const char *resume = NULL, *title = "";
    int64_t held_ms = ZG_HELD_MS;

    zg_json_reader_init(&reader, answer, "welcome");
    zg_json_take_bool(&reader, "ok", ZG_JSON_REQUIRED, &ok);
    zg_json_take_hex(&reader, "resume", ZG_JSON_REQUIRED, 64, &resume);
    zg_json_take_text(&reader, "title", ZG_JSON_OPTIONAL, 0, ZG_LIMIT_TEXT_BYTES, &title);
    zg_json_take_int(&reader, "held_ms", ZG_JSON_OPTIONAL, 0, 86400000, &held_ms);
    if (!zg_json_reader_finish(&reader, ZG_JSON_SKIP_UNKNOWN, NULL, NULL) || !ok) {
        return false;
    }
    client->resume = g_strdup(resume);
    client->title = g_strdup(title);
    client->held_ms = held_ms;
    return true;
}

static void
on_binary(ZgWsClient *client, const ZgWsMessage *message)
{
    if (client->state == OPEN) {
        client->handlers->on_bytes(client, message->bytes, message->n_bytes, client->user);
        return;
    }
    if (!take_welcome(client, message->bytes, message->n_bytes)) {
        end(client, 0, "the front's first message was not understood");
        return;
    }
    client->state = OPEN;
    g_clear_handle_id(&client->timer, g_source_remove);
    client->handlers->on_open(client, client->user);
}

static void
on_message(ZgWsClient *client, const ZgWsMessage *message)
{
    g_autofree char *text = NULL;

    switch (message->kind) {
    case ZG_WS_BINARY:
        on_binary(client, message);
        break;
    case ZG_WS_TEXT:
        text = g_utf8_make_valid((const char *)message->bytes, (gssize)message->n_bytes);
        client->handlers->on_text(client, text, client->user);
        break;
    case ZG_WS_PING:
        send_frame(client, ZG_WS_PONG, message->bytes, message->n_bytes);
        break;
    case ZG_WS_CLOSE:
        text = g_utf8_make_valid((const char *)message->bytes, (gssize)message->n_bytes);
        end(client, message->close_code, text);
        break;
    case ZG_WS_PONG:
        break;
    }
}

static void
read_messages(ZgWsClient *client, const uint8_t *bytes, size_t n_bytes)
{
    ZgWsMessage message;
    g_autoptr(GError) error = NULL;

    zg_ws_reader_push(client->reader, bytes, n_bytes);
    while (client->state != CLOSED) {
        int got = zg_ws_reader_next(client->reader, &message, &error);

        if (got < 0) {
            end(client, 0, error->message);
            return;
        }
        if (got == 0) {
            return;
        }
        on_message(client, &message);
    }
}

static void
read_head(ZgWsClient *client, const uint8_t *bytes, size_t n_bytes)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *head = NULL;
    g_autofree uint8_t *rest = NULL;
    const char *end_of_head;
    size_t n_head, n_rest;

    g_string_append_len(client->head, (const char *)bytes, (gssize)n_bytes);
    end_of_head = g_strstr_len(client->head->str, (gssize)client->head->len, "\r\n\r\n");
    if (end_of_head == NULL) {
        if (client->head->len > ZG_WS_MOST_HEAD_BYTES) {
            end(client, 0, "the server's answer is too long");
        }
        return;
    }
    n_head = (size_t)(end_of_head - client->head->str) + 4;
    head = g_strndup(client->head->str, n_head);
    if (!zg_ws_check_answer(head, client->key, &error)) {
        end(client, 0, error->message);
        return;
    }
    client->state = KNOCKING;
    send_frame(client, ZG_WS_BINARY, client->hello, strlen(client->hello));
    g_clear_pointer(&client->hello, zg_wipe_free_text);
    n_rest = client->head->len - n_head;
    rest = g_memdup2(client->head->str + n_head, n_rest);
    read_messages(client, rest, n_rest);
}

static void
on_stream_bytes(ZgStream *stream, const uint8_t *bytes, size_t n_bytes, void *user)
{
    ZgWsClient *client = user;

    if (client->state == ASKING) {
        read_head(client, bytes, n_bytes);
    } else if (client->state == KNOCKING || client->state == OPEN) {
        read_messages(client, bytes, n_bytes);
    }
}

static void
on_stream_secured(ZgStream *stream, void *user)
{
    ZgWsClient *client = user;

    client->state = ASKING;
    zg_stream_write(stream, client->request, strlen(client->request));
}

static void
on_stream_drained(ZgStream *stream, void *user)
{
    ZgWsClient *client = user;

    if (client->state == OPEN) {
        client->handlers->on_drained(client, client->user);
    }
}

static void
on_stream_closed(ZgStream *stream, const GError *error, void *user)
{
    end(user, 0, error ? error->message : "the connection was closed");
}

static const ZgStreamHandlers stream_handlers = {
    .on_bytes = on_stream_bytes,
    .on_secured = on_stream_secured,
    .on_drained = on_stream_drained,
    .on_closed = on_stream_closed,
};

static char *
hello_text(const ZgWsHello *hello)
{
    g_autoptr(json_t) object =
        json_pack("{s:s*, s:s*, s:s*}", "ticket", hello->ticket, "resume", hello->resume,
                  "terminal", hello->terminal);
    char *text = zg_json_text(object);
    char *copy = g_strdup(text);

    zg_wipe(text, strlen(text));
    free(text);
    return copy;
}

ZgWsClient *
zg_ws_client_new(const char *url, const char *ca_pem, const ZgWsHello *hello,
                 const ZgWsClientHandlers *handlers, void *user, GError **error)
{
    g_autoptr(SSL_CTX) context = zg_secure_context(url, ca_pem, error);
    g_autofree char *host = NULL;
    unsigned port = 0;
    uint8_t nonce[16];
    int fd = context ? zg_secure_connect(url, error) : -1;
    ZgWsClient *client;

    if (fd < 0 || !zg_secure_split(url, &host, &port, error)) {
        return NULL;
    }
    client = g_new0(ZgWsClient, 1);
    zg_random_bytes(nonce, sizeof nonce);
    client->key = g_base64_encode(nonce, sizeof nonce);
    client->request = zg_ws_request(host, port, "/console", client->key);
    client->hello = hello_text(hello);
    client->head = g_string_new(NULL);
    client->out = g_byte_array_new();
    client->reader = zg_ws_reader_new();
    client->handlers = handlers;
    client->user = user;
    client->stream = zg_stream_new(fd, &stream_handlers, client);
    client->timer = g_timeout_add_seconds(OPENING_TIMEOUT_S, on_too_late, client);
    zg_stream_start_tls(client->stream, context, ZG_STREAM_CLIENT, NULL);
    return client;
}

void
zg_ws_client_free(ZgWsClient *client)
{
    if (client == NULL) {
        return;
    }
    g_clear_handle_id(&client->timer, g_source_remove);
    g_clear_handle_id(&client->farewell, g_source_remove);
    zg_stream_free(client->stream);
    zg_ws_reader_free(client->reader);
    g_string_free(client->head, TRUE);
    g_byte_array_unref(client->out);
    g_free(client->request);
    g_free(client->key);
    zg_wipe_free_text(client->hello);
    zg_wipe_free_text(client->resume);
    g_free(client->title);
    g_free(client->close_reason);
    g_free(client);
}

bool
zg_ws_client_send(ZgWsClient *client, const void *bytes, size_t n_bytes)
{
    return client->state == OPEN && send_frame(client, ZG_WS_BINARY, bytes, n_bytes);
}

void
zg_ws_client_set_reading(ZgWsClient *client, bool reading)
{
    if (client->state != CLOSED) {
        zg_stream_set_reading(client->stream, reading);
    }
}

void
zg_ws_client_close(ZgWsClient *client)
{
    static const uint8_t normal[2] = {1000 >> 8, 1000 & 0xff};

    if (client->state == OPEN || client->state == KNOCKING) {
        send_frame(client, ZG_WS_CLOSE, normal, sizeof normal);
        zg_stream_set_reading(client->stream, true);
        zg_stream_finish(client->stream, GOODBYE_MS);
    } else {
        end(client, 0, "closed");
    }
}

const char *
zg_ws_client_resume(const ZgWsClient *client)
{
    return client->resume;
}

int64_t
zg_ws_client_held_ms(const ZgWsClient *client)
{
    return client->held_ms;
}

const char *
zg_ws_client_title(const ZgWsClient *client)
{
    return client->title ? client->title : "";
}
