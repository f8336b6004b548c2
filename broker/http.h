/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * HTTP/1.1 for the broker, on libwebsockets: requests in, bounded answers and streams out. The
 * only file of the broker that knows libwebsockets. Loop thread only.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct lws_context;
typedef struct ZgHttpServer ZgHttpServer;
typedef struct ZgHttpRequest ZgHttpRequest;

/* Gets each whole request once; answers now or later (keep a reference until then). */
typedef void (*ZgHttpHandler)(ZgHttpRequest *request, void *data);

/**
 * zg_http_listen_unix() - serve on a unix socket of mode 0600
 * @context: of common/net/lws_loop; outlives the server
 * @path:    a socket nobody answers on is replaced; one that answers is ZG_ERROR_CONFLICT
 */
ZgHttpServer *zg_http_listen_unix(struct lws_context *context, const char *path,
                                  ZgHttpHandler handler, void *data, GError **error);

/** zg_http_listen_tcp() - the same on a numeric loopback address. */
ZgHttpServer *zg_http_listen_tcp(struct lws_context *context, const char *address, uint16_t port,
                                 ZgHttpHandler handler, void *data, GError **error);

/** zg_http_server_free() - after the context is freed; accepts NULL. */
void zg_http_server_free(ZgHttpServer *server);

ZgHttpRequest *zg_http_request_ref(ZgHttpRequest *request);
void zg_http_request_unref(ZgHttpRequest *request);

/* What was asked. All borrowed from the request. */
typedef enum {
    ZG_HEADER_ACCEPT_LANGUAGE,
    ZG_HEADER_AUTHORIZATION,
    ZG_HEADER_CONTENT_TYPE,
    ZG_HEADER_COOKIE,
    ZG_HEADER_IDEMPOTENCY_KEY,
    ZG_HEADER_IF_MATCH,
    ZG_HEADER_IF_NONE_MATCH,
    ZG_HEADER_LAST_EVENT_ID,
    ZG_HEADER_ORIGIN,
    ZG_N_HEADERS
} ZgHeader;

const char *zg_http_method(const ZgHttpRequest *request); /* "GET", …; "HEAD" is given as "GET" */
const char *zg_http_path(const ZgHttpRequest *request);   /* decoded, without query */
const char *zg_http_header(const ZgHttpRequest *request, ZgHeader header); /* or NULL */
const char *zg_http_peer(const ZgHttpRequest *request); /* the viewer's address, or "local" */
const void *zg_http_body(const ZgHttpRequest *request, size_t *out_n_body);

/** zg_http_query() - "key=value" texts, decoded, NULL-terminated. */
char **zg_http_query(const ZgHttpRequest *request);

/** zg_http_wipe_secrets() - forget body, cookie and authorization before the request is freed. */
void zg_http_wipe_secrets(ZgHttpRequest *request);

/** zg_http_is_open() - false when the client has gone or was answered. */
bool zg_http_is_open(const ZgHttpRequest *request);

/**
 * zg_http_answer() - answer once; later calls do nothing
 * @status:  100..599
 * @headers: NULL-terminated name, value pairs after which body headers are added; may be NULL
 * @type:    Content-Type, or NULL without body
 * @body:    copied
 *
 * Security headers that hold for every answer are added here.
 */
void zg_http_answer(ZgHttpRequest *request, int status, const char *const *headers,
                    const char *type, const void *body, size_t n_body);

/* Called once when a stream's client has gone; the request may be unreffed in it. */
typedef void (*ZgHttpClosed)(ZgHttpRequest *request, void *data);

/** zg_http_stream_begin() - answer 200 with a body that goes on: server-sent events. */
bool zg_http_stream_begin(ZgHttpRequest *request, ZgHttpClosed closed, void *data);

/**
 * zg_http_stream_write() - add to the stream
 * Return: false when the client has gone or reads too slowly (then it is cut; `closed` follows).
 */
bool zg_http_stream_write(ZgHttpRequest *request, const char *text, size_t n_text);

/** zg_http_stream_end() - close after what is queued. */
void zg_http_stream_end(ZgHttpRequest *request);

/* Counters for metrics. */
typedef struct {
    uint64_t requests;
    uint64_t answers[6]; /* by hundreds of the status */
    unsigned open;
    unsigned streams;
} ZgHttpStats;
void zg_http_stats(const ZgHttpServer *server, ZgHttpStats *out_stats);

/** zg_http_set_csp() - Content-Security-Policy of every answer; copied. */
void zg_http_set_csp(ZgHttpServer *server, const char *policy);
