/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP/1.1 heads as the front relays them: strict parsing, hop-by-hop fields dropped. Pure. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ZG_HTTP_FIELDS_MAX 100

typedef struct {
    char *name; /* as sent; compared without case */
    char *value;
} ZgHttpField;

/* One parsed request or response head. Fields are read by anyone, written by this file only. */
typedef struct {
    char *method;  /* request; NULL in a response */
    char *target;  /* request: as sent, printable ASCII, starts with '/' except for CONNECT, '*' */
    char *authority; /* of an absolute target, or NULL */
    int status;    /* response: 100..599; 0 in a request */
    char *reason;  /* response: may be "" */
    int minor;     /* 0 or 1: HTTP/1.minor */
    GArray *fields; /* ZgHttpField */
    bool has_length;
    uint64_t length; /* of the body, when has_length */
    bool chunked;    /* responses only; a chunked request is refused */
    bool keep_alive; /* the sender is ready for another message on this connection */
} ZgHttpHead;

/** zg_http_head_free() - accepts NULL. */
void zg_http_head_free(ZgHttpHead *head);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgHttpHead, zg_http_head_free)

/**
 * zg_http_parse_request() - read one request head
 * @bytes:      what has come so far, from the first byte of the request
 * @out_n_used: bytes of the head with its empty line; 0 when more is needed
 * @out_head:   owned by the caller; NULL when more is needed
 * @out_status: on failure the HTTP status that tells the client: 400, 411, 431, 501 or 505
 * @error:      ZG_ERROR_PROTOCOL, ZG_ERROR_TOO_LARGE; the text is for the client
 *
 * Refused: a head over ZG_LIMIT_HTTP_HEAD_BYTES, bare CR or LF, NUL and other controls, folded
 * lines, white space before the colon, differing lengths, Transfer-Encoding, no or two Hosts.
 * Source: RFC 9112, sections 2.2, 3, 5, 6.
 *
 * Return: false when the request is refused; true otherwise, also when more is needed.
 */
bool zg_http_parse_request(const uint8_t *bytes, size_t n_bytes, size_t *out_n_used,
                           ZgHttpHead **out_head, int *out_status, GError **error);

/** zg_http_parse_response() - the same for a response; false means the server cannot be trusted. */
bool zg_http_parse_response(const uint8_t *bytes, size_t n_bytes, size_t *out_n_used,
                            ZgHttpHead **out_head, GError **error);

/** zg_http_find() - value of the first field called @name (any case), or NULL; borrowed. */
const char *zg_http_find(const ZgHttpHead *head, const char *name);

/** zg_http_has_token() - is @token in the comma-separated lists of field @name? Any case. */
bool zg_http_has_token(const ZgHttpHead *head, const char *name, const char *token);

/** zg_http_path_is() - is the target's path, without its query, exactly @path? */
bool zg_http_path_is(const ZgHttpHead *head, const char *path);

/**
 * zg_http_write_upstream() - the request head as the broker gets it
 * @peer: viewer's address as text, sent as X-Zaguan-Peer
 * @out:  appended to
 *
 * Drops every X-Zaguan-* field, hop-by-hop fields and what Connection names; Content-Length is
 * written anew from the parsed number. The broker gets a connection per request, which costs little
 * on a unix socket and never meets one that is just being closed.
 */
void zg_http_write_upstream(const ZgHttpHead *head, const char *peer, GByteArray *out);

/** zg_http_write_downstream() - a response head as the viewer gets it; @keep_alive is told. */
void zg_http_write_downstream(const ZgHttpHead *head, bool keep_alive, GByteArray *out);

/* Finds the end of a chunked body in bytes that pass by; {0} is the start. */
typedef struct {
    int state;
    uint64_t left;   /* data bytes of this chunk still to come */
    unsigned n_line; /* length of the size or trailer line so far */
} ZgHttpChunks;

/**
 * zg_http_chunks_feed() - follow a chunked body
 * @out_n_used: bytes that belong to this body
 * @out_end:    the last of them is the end of the body
 * Return: false when the framing is broken.
 */
bool zg_http_chunks_feed(ZgHttpChunks *chunks, const uint8_t *bytes, size_t n_bytes,
                         size_t *out_n_used, bool *out_end);
