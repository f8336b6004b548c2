/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/api/broker_client.h"

#include <curl/curl.h>
#include <openssl/x509_vfy.h>
#include <string.h>
#include "client/api/sse.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/id.h"
#include "common/base/limits.h"
#include "common/base/secret.h"
#include "common/proto/json.h"

#define CONNECT_TIMEOUT_MS 5000L
#define CALL_TIMEOUT_MS 30000L
#define TRIES 3
#define MOST_REPLY_BYTES (8 * 1024 * 1024) /* a page of 500 desktops is about 400 kB */
#define MOST_ITEMS 100000
#define SILENT_STREAM_S 60L /* an event stream that says nothing for so long is opened again */

struct ZgBrokerClient {
    CURL *curl;
    char *base; /* https://host:port/api/v1 */
    char *ca_pem;
    char *language;
    char *authorization; /* whole header; secret */
};

/* One request with everything that came back. */
typedef struct {
    GString *reply; /* may hold a token or a ticket: wiped */
    bool too_large;
    long status;
    CURLcode result;
} Exchange;

static void
exchange_clear(Exchange *exchange)
{
    if (exchange->reply != NULL) {
        zg_wipe(exchange->reply->str, exchange->reply->len);
        g_string_free(exchange->reply, TRUE);
        exchange->reply = NULL;
    }
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Exchange, exchange_clear)

static bool
url_is_https(const char *url)
{
    const char *host = url + strlen("https://");

    return g_str_has_prefix(url, "https://") && host[0] != '\0' && host[0] != ':' &&
           strlen(url) < ZG_LIMIT_TEXT_BYTES && strpbrk(host, " @?#\\\"'<>") == NULL;
}

ZgBrokerClient *
zg_broker_client_new(const char *url, const char *ca_pem, GError **error)
{
    g_autoptr(ZgBrokerClient) client = NULL;
    g_autofree char *plain = g_strdup(url);

    while (g_str_has_suffix(plain, "/")) {
        plain[strlen(plain) - 1] = '\0';
    }
    if (!url_is_https(plain) || strchr(plain + strlen("https://"), '/') != NULL) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID,
                    "address '%s': must be https://HOST or https://HOST:PORT", url);
        return NULL;
    }
    client = g_new0(ZgBrokerClient, 1);
    client->base = g_strconcat(plain, "/api/v1", NULL);
    client->ca_pem = g_strdup(ca_pem);
    client->curl = curl_easy_init();
    if (client->curl == NULL) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_FAILED, "libcurl could not be started");
        return NULL;
    }
    return g_steal_pointer(&client);
}

void
zg_broker_client_free(ZgBrokerClient *client)
{
    if (client != NULL) {
        g_clear_pointer(&client->curl, curl_easy_cleanup);
        zg_wipe_free_text(client->authorization);
        g_free(client->base);
        g_free(client->ca_pem);
        g_free(client->language);
        g_free(client);
    }
}

void
zg_broker_client_set_token(ZgBrokerClient *client, const char *token)
{
    zg_wipe_free_text(client->authorization);
    client->authorization = token ? g_strconcat("Authorization: Bearer ", token, NULL) : NULL;
}

void
zg_broker_client_set_language(ZgBrokerClient *client, const char *language)
{
    g_free(client->language);
    client->language = language ? g_strconcat("Accept-Language: ", language, NULL) : NULL;
}

char *
zg_broker_client_escape(const char *text)
{
    return g_uri_escape_string(text, NULL, FALSE);
}

static size_t
on_reply(char *bytes, size_t size, size_t n, void *data)
{
    Exchange *exchange = data;

    if (exchange->reply->len + size * n > MOST_REPLY_BYTES) {
        exchange->too_large = true;
        return 0;
    }
    g_string_append_len(exchange->reply, bytes, (gssize)(size * n));
    return size * n;
}

static struct curl_slist *
make_headers(const ZgBrokerClient *client, const char *accept, bool has_body, const char *key,
             int64_t revision)
{
    struct curl_slist *headers = curl_slist_append(NULL, accept);

    headers = curl_slist_append(headers, "Expect:");
    if (has_body) {
        headers = curl_slist_append(headers, "Content-Type: application/json");
    }
    if (client->authorization != NULL) {
        headers = curl_slist_append(headers, client->authorization);
    }
    if (client->language != NULL) {
        headers = curl_slist_append(headers, client->language);
    }
    if (key != NULL) {
        g_autofree char *line = g_strconcat("Idempotency-Key: ", key, NULL);

        headers = curl_slist_append(headers, line);
    }
    if (revision > 0) {
        g_autofree char *line = g_strdup_printf("If-Match: \"%" G_GINT64_FORMAT "\"", revision);

        headers = curl_slist_append(headers, line);
    }
    return headers;
}

static void
prepare(ZgBrokerClient *client, const char *url)
{
    CURL *curl = client->curl;

    curl_easy_reset(curl); /* keeps connections */
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, ""); /* the address is the person's choice alone */
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    if (client->ca_pem != NULL) {
        struct curl_blob blob = {client->ca_pem, strlen(client->ca_pem), CURL_BLOB_NOCOPY};

        curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob);
        curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
    }
}

static void
exchange_once(ZgBrokerClient *client, const char *method, const char *url, const char *body,
              struct curl_slist *headers, Exchange *exchange)
{
    prepare(client, url);
    curl_easy_setopt(client->curl, CURLOPT_TIMEOUT_MS, CALL_TIMEOUT_MS);
    curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(client->curl, CURLOPT_WRITEFUNCTION, on_reply);
    curl_easy_setopt(client->curl, CURLOPT_WRITEDATA, exchange);
    if (body != NULL || g_str_equal(method, "POST") || g_str_equal(method, "PUT") ||
        g_str_equal(method, "PATCH")) {
        curl_easy_setopt(client->curl, CURLOPT_POSTFIELDSIZE_LARGE,
                         (curl_off_t)(body ? strlen(body) : 0));
        curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, body ? body : "");
    }
    curl_easy_setopt(client->curl, CURLOPT_CUSTOMREQUEST, method);
    g_string_truncate(exchange->reply, 0);
    exchange->status = 0;
    exchange->result = curl_easy_perform(client->curl);
    curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &exchange->status);
}

/* Certificates, addresses and sizes do not become right by trying again. */
static bool
may_repeat(const Exchange *exchange)
{
    switch (exchange->result) {
    case CURLE_OK:
        return exchange->status == 502 || exchange->status == 504;
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
    case CURLE_SSL_CONNECT_ERROR:
        return true;
    default:
        return false;
    }
}

static bool
has_expired(const ZgBrokerClient *client)
{
    long verdict = X509_V_OK;

    return curl_easy_getinfo(client->curl, CURLINFO_SSL_VERIFYRESULT, &verdict) == CURLE_OK &&
           verdict == X509_V_ERR_CERT_HAS_EXPIRED;
}

static bool
transport_error(const ZgBrokerClient *client, const Exchange *exchange, GError **error)
{
    ZgErrorCode code = ZG_ERROR_UNAVAILABLE;
    const char *hint = "";

    if (exchange->too_large) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_TOO_LARGE, "%s: the answer is larger than %d bytes",
                    client->base, MOST_REPLY_BYTES);
        return false;
    }
    if (exchange->result == CURLE_OPERATION_TIMEDOUT) {
        code = ZG_ERROR_TIMEOUT;
    } else if (exchange->result == CURLE_PEER_FAILED_VERIFICATION && has_expired(client)) {
        code = ZG_ERROR_EXPIRED;
        hint = "\nhint: its certificate has ended; on its machine: zaguan renew DIR";
    } else if (exchange->result == CURLE_PEER_FAILED_VERIFICATION) {
        code = ZG_ERROR_DENIED;
        hint = "\nhint: the certificate is not one that this sign-in trusts; "
               "sign in again with --ca FILE or --fingerprint HEX";
    } else if (exchange->result == CURLE_COULDNT_CONNECT) {
        hint = "\nhint: is Zaguan running? (zaguan up DIR)";
    }
    g_set_error(error, ZG_ERROR, code, "%s: %s%s", client->base,
                curl_easy_strerror(exchange->result), hint);
    return false;
}

static const char *
text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void
append_field_errors(GString *message, const json_t *problem)
{
    size_t i;
    json_t *item;

    json_array_foreach(json_object_get(problem, "errors"), i, item)
    {
        const char *field = text_of(item, "field");
        const char *text = text_of(item, "message");

        if (field != NULL && text != NULL && i < 20) {
            g_string_append_printf(message, "\n  %s: %s", field, text);
        }
    }
}

static ZgErrorCode
code_of_status(long status)
{
    for (int code = 0; code < ZG_N_ERRORS; code++) {
        if (zg_error_http_status(code) == status) {
            return (ZgErrorCode)code;
        }
    }
    return status >= 500 ? ZG_ERROR_UNAVAILABLE : ZG_ERROR_INVALID;
}

void
zg_problem_to_error(long status, const json_t *problem, GError **error)
{
    g_autoptr(GString) message = g_string_new(NULL);
    const char *detail = text_of(problem, "detail");
    const char *title = text_of(problem, "title");
    const char *name = text_of(problem, "code");
    const char *hint = text_of(problem, "hint");
    const char *trace = text_of(problem, "trace_id");
    ZgErrorCode code = name ? zg_error_from_name(name) : ZG_ERROR_FAILED;

    if (code == ZG_ERROR_FAILED) {
        code = code_of_status(status); /* the broker may use finer codes than ours */
    }
    if (detail != NULL || title != NULL) {
        g_string_append(message, detail && detail[0] ? detail : title);
    } else {
        g_string_append_printf(message, "the broker answered with HTTP status %ld", status);
    }
    append_field_errors(message, problem);
    if (hint != NULL && hint[0] != '\0') {
        g_string_append_printf(message, "\nhint: %s", hint);
    }
    if (trace != NULL) {
        g_string_append_printf(message, "\ntrace: %s", trace);
    }
    g_set_error_literal(error, ZG_ERROR, (int)code, message->str);
}

static bool
understand(ZgBrokerClient *client, const Exchange *exchange, json_t **out_reply, GError **error)
{
    g_autoptr(json_t) reply = NULL;

    if (exchange->result != CURLE_OK) {
        return transport_error(client, exchange, error);
    }
    if (exchange->status < 200 || exchange->status > 299) {
        reply = exchange->reply->len > 0
                    ? zg_json_parse(exchange->reply->str, exchange->reply->len, NULL)
                    : NULL;
        zg_problem_to_error(exchange->status, reply, error);
        return false;
    }
    if (exchange->reply->len > 0) {
        reply = zg_json_parse(exchange->reply->str, exchange->reply->len, error);
        if (reply == NULL) {
            g_prefix_error(error, "%s: the answer is not JSON: ", client->base);
            return false;
        }
    }
    if (out_reply != NULL) {
        *out_reply = g_steal_pointer(&reply);
    }
    return true;
}

static bool
send_request(ZgBrokerClient *client, const char *method, const char *path, int64_t revision,
             const json_t *body, int n_tries, json_t **out_reply, GError **error)
{
    g_auto(Exchange) exchange = {.reply = g_string_new(NULL)};
    bool mutating = !g_str_equal(method, "GET");
    g_autofree char *key = mutating ? zg_id_new() : NULL;
    g_autofree char *url = g_strconcat(client->base, path, NULL);
    char *text = body ? zg_json_text(body) : NULL;
    struct curl_slist *headers =
        make_headers(client, "Accept: application/json", text != NULL, key, revision);
    bool ok;

    for (int i = 0; i < n_tries; i++) {
        if (i > 0) {
            g_usleep((gulong)i * 300000);
        }
        exchange_once(client, method, url, text, headers, &exchange);
        if (!may_repeat(&exchange)) {
            break;
        }
    }
    ok = understand(client, &exchange, out_reply, error);
    curl_slist_free_all(headers);
    if (text != NULL) {
        zg_wipe(text, strlen(text)); /* a sign-in has a password in it */
        free(text);
    }
    return ok;
}

bool
zg_broker_client_call_if(ZgBrokerClient *client, const char *method, const char *path,
                         int64_t revision, const json_t *body, json_t **out_reply, GError **error)
{
    return send_request(client, method, path, revision, body, TRIES, out_reply, error);
}

bool
zg_broker_client_call(ZgBrokerClient *client, const char *method, const char *path,
                      const json_t *body, json_t **out_reply, GError **error)
{
    return send_request(client, method, path, 0, body, TRIES, out_reply, error);
}

bool
zg_broker_client_sign_in(ZgBrokerClient *client, const char *user, const char *password,
                         const char *terminal, json_t **out_reply, GError **error)
{
    g_autoptr(json_t) body = json_pack("{s:s, s:s, s:s, s:s*}", "user", user, "password", password,
                                       "as", "token", "terminal", terminal);

    if (body == NULL) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "name and password must be UTF-8 text");
        return false;
    }
    return send_request(client, "POST", "/sign-in", 0, body, 1, out_reply, error);
}

json_t *
zg_broker_client_list(ZgBrokerClient *client, const char *path, GError **error)
{
    g_autoptr(json_t) all = json_array();
    g_autofree char *after = NULL;
    const char *joint = strchr(path, '?') ? "&" : "?";

    for (;;) {
        /* Short lists have no pages, and their routes take no `limit`. */
        g_autofree char *page_path =
            after ? g_strdup_printf("%s%slimit=500&after=%s", path, joint, after) : g_strdup(path);
        g_autoptr(json_t) page = NULL;
        const char *next;

        if (!zg_broker_client_call(client, "GET", page_path, NULL, &page, error)) {
            return NULL;
        }
        if (!json_is_array(json_object_get(page, "items"))) {
            g_set_error(error, ZG_ERROR, ZG_ERROR_PROTOCOL, "%s: the answer has no items", path);
            return NULL;
        }
        json_array_extend(all, json_object_get(page, "items"));
        next = text_of(page, "next");
        g_free(after);
        after = next ? zg_broker_client_escape(next) : NULL;
        if (after == NULL || json_array_size(json_object_get(page, "items")) == 0) {
            return g_steal_pointer(&all);
        }
        if (json_array_size(all) > MOST_ITEMS) {
            g_set_error(error, ZG_ERROR, ZG_ERROR_TOO_LARGE, "%s: more than %d items", path,
                        MOST_ITEMS);
            return NULL;
        }
    }
}

static json_t *
operation_failed(const json_t *operation, GError **error)
{
    const json_t *cause = json_object_get(operation, "error");
    const char *text = json_is_string(cause) ? json_string_value(cause) : NULL;

    if (json_is_object(cause)) {
        text = text_of(cause, "detail") ? text_of(cause, "detail") : text_of(cause, "message");
    }
    if (text == NULL) {
        text = text_of(operation, "text") ? text_of(operation, "text") : "without a reason";
    }
    g_set_error(error, ZG_ERROR, ZG_ERROR_FAILED, "operation failed: %s", text);
    return NULL;
}

json_t *
zg_broker_client_follow(ZgBrokerClient *client, const char *id, int64_t timeout_s,
                        ZgOperationFunc on_look, void *data, GError **error)
{
    g_autofree char *part = zg_broker_client_escape(id);
    g_autofree char *path = g_strconcat("/operations/", part, NULL);
    int64_t deadline_us = zg_clock_mono_us() + timeout_s * G_USEC_PER_SEC;
    gulong pause_us = 100000;

    for (;;) {
        g_autoptr(json_t) operation = NULL;
        g_autoptr(GError) cause = NULL;
        const char *state;

        if (!zg_broker_client_call(client, "GET", path, NULL, &operation, &cause)) {
            bool away = g_error_matches(cause, ZG_ERROR, ZG_ERROR_UNAVAILABLE) ||
                        g_error_matches(cause, ZG_ERROR, ZG_ERROR_TIMEOUT);

            if (!away || zg_clock_mono_us() > deadline_us) {
                g_propagate_error(error, g_steal_pointer(&cause));
                return NULL;
            }
        }
        state = operation ? text_of(operation, "state") : NULL;
        if (operation != NULL && on_look != NULL && !on_look(operation, data)) {
            return g_steal_pointer(&operation);
        }
        if (g_strcmp0(state, "failed") == 0) {
            return operation_failed(operation, error);
        }
        if (g_strcmp0(state, "done") == 0) {
            return g_steal_pointer(&operation);
        }
        if (zg_clock_mono_us() > deadline_us) {
            g_set_error(error, ZG_ERROR, ZG_ERROR_TIMEOUT,
                        "operation '%s' still runs after %" G_GINT64_FORMAT " s", id, timeout_s);
            return NULL;
        }
        g_usleep(pause_us);
        pause_us = MIN(pause_us * 3 / 2, 1000000);
    }
}

typedef struct {
    ZgEventFunc on_event;
    void *data;
    ZgSse *sse;
    bool stopped;
    GError *error;
} Stream;

static bool
on_sse(const char *kind, const char *text, const char *id, void *data)
{
    Stream *stream = data;
    g_autoptr(json_t) resource = zg_json_parse_any(text, strlen(text), NULL);

    if (!stream->on_event(kind, resource, stream->data)) {
        stream->stopped = true;
    }
    return !stream->stopped;
}

static size_t
on_stream(char *bytes, size_t size, size_t n, void *data)
{
    Stream *stream = data;

    return zg_sse_feed(stream->sse, bytes, size * n, &stream->error) ? size * n : 0;
}

/* Opens the stream once and reads until it ends. */
static long
stream_once(ZgBrokerClient *client, const char *url, Stream *stream, CURLcode *out_result)
{
    struct curl_slist *headers =
        make_headers(client, "Accept: text/event-stream", false, NULL, 0);
    long status = 0;

    if (zg_sse_last_id(stream->sse)[0] != '\0') {
        g_autofree char *line =
            g_strconcat("Last-Event-ID: ", zg_sse_last_id(stream->sse), NULL);

        headers = curl_slist_append(headers, line);
    }
    prepare(client, url);
    curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(client->curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(client->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(client->curl, CURLOPT_LOW_SPEED_TIME, SILENT_STREAM_S);
    curl_easy_setopt(client->curl, CURLOPT_WRITEFUNCTION, on_stream);
    curl_easy_setopt(client->curl, CURLOPT_WRITEDATA, stream);
    *out_result = curl_easy_perform(client->curl);
    curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    return status;
}

bool
zg_broker_client_events(ZgBrokerClient *client, const char *path, ZgEventFunc on_event, void *data,
                        GError **error)
{
    Stream stream = {.on_event = on_event, .data = data};
    g_autoptr(ZgSse) sse = zg_sse_new(on_sse, &stream);
    g_autofree char *url = g_strconcat(client->base, path, NULL);
    int n_failures = 0;

    stream.sse = sse;
    for (;;) {
        CURLcode result = CURLE_OK;
        long status = stream_once(client, url, &stream, &result);

        if (stream.stopped) {
            return true;
        }
        if (stream.error != NULL) {
            g_propagate_error(error, stream.error);
            return false;
        }
        n_failures = status == 200 ? 0 : n_failures + 1;
        if ((status >= 400 && status < 500) || n_failures > 10) {
            if (result == CURLE_HTTP_RETURNED_ERROR) {
                zg_problem_to_error(status, NULL, error);
                return false;
            }
            return transport_error(client, &(Exchange){.result = result}, error);
        }
        g_usleep(1000000);
    }
}
