/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The broker's API for C programs: docs/api/README.md over HTTPS. The only place of libcurl. */
#pragma once

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct ZgBrokerClient ZgBrokerClient;

/**
 * zg_broker_client_new() - prepare; nothing is sent yet
 * @url:    "https://HOST[:PORT]"; anything else is ZG_ERROR_INVALID
 * @ca_pem: certificates (PEM text) trusted for it, and no others; NULL: the system's
 *
 * One thread at a time. Every call has a deadline (5 s to connect, 30 s altogether).
 * Return: owned by the caller, zg_broker_client_free().
 */
ZgBrokerClient *zg_broker_client_new(const char *url, const char *ca_pem, GError **error);

/** zg_broker_client_free() - wipes the token; accepts NULL. */
void zg_broker_client_free(ZgBrokerClient *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgBrokerClient, zg_broker_client_free)

/** zg_broker_client_set_token() - token of a sign-in, sent as a header; NULL forgets it. */
void zg_broker_client_set_token(ZgBrokerClient *client, const char *token);

/** zg_broker_client_set_language() - Accept-Language, e.g. "es"; NULL sends none. */
void zg_broker_client_set_language(ZgBrokerClient *client, const char *language);

/**
 * zg_broker_client_call() - one request
 * @method:    "GET", "POST", "PUT", "PATCH" or "DELETE"
 * @path:      below /api/v1, with the first slash; parts already escaped by the caller
 * @body:      JSON to send, or NULL; borrowed
 * @out_reply: the answer (a new reference), NULL when it is empty; may be NULL when not wanted
 * @error:     the broker's problem as ZG_ERROR with its code; the message ends with its hint and
 *             trace id on lines of their own. ZG_ERROR_UNAVAILABLE, ZG_ERROR_TIMEOUT: no answer.
 *
 * A mutating call carries a random Idempotency-Key and is sent again with the same key when its
 * answer was lost, at most twice; so it happens once or is reported as unknown.
 */
bool zg_broker_client_call(ZgBrokerClient *client, const char *method, const char *path,
                           const json_t *body, json_t **out_reply, GError **error);

/** zg_broker_client_call_if() - the same with `If-Match: "@revision"` when it is > 0. */
bool zg_broker_client_call_if(ZgBrokerClient *client, const char *method, const char *path,
                              int64_t revision, const json_t *body, json_t **out_reply,
                              GError **error);

/**
 * zg_broker_client_sign_in() - POST /sign-in for a token; sent once, never repeated
 * @out_reply: the answer with `token`; a new reference; the caller wipes what it copies
 */
bool zg_broker_client_sign_in(ZgBrokerClient *client, const char *user, const char *password,
                              const char *terminal, json_t **out_reply, GError **error);

/**
 * zg_broker_client_list() - every page of a list
 * @path: as above, may have a query already
 * Return: a new array of at most 100 000 items, or NULL.
 */
json_t *zg_broker_client_list(ZgBrokerClient *client, const char *path, GError **error);

/* Called at each look at an operation; false stops looking. */
typedef bool (*ZgOperationFunc)(const json_t *operation, void *data);

/**
 * zg_broker_client_follow() - look at an operation until it ends
 * @id:        of the operation
 * @timeout_s: longest wait; a broker that is away for a while is waited for within it
 * @on_look:   told about progress; may be NULL
 * @error:     ZG_ERROR_FAILED with the operation's own error; ZG_ERROR_TIMEOUT
 * Return: the finished operation, a new reference; or NULL.
 */
json_t *zg_broker_client_follow(ZgBrokerClient *client, const char *id, int64_t timeout_s,
                                ZgOperationFunc on_look, void *data, GError **error);

/* One event of the live stream; false ends the stream. */
typedef bool (*ZgEventFunc)(const char *kind, const json_t *resource, void *data);

/**
 * zg_broker_client_events() - live changes, until @on_event says no; reconnects where it was
 * @path: "/events" or "/my/events"
 * Return: true when @on_event ended it.
 */
bool zg_broker_client_events(ZgBrokerClient *client, const char *path, ZgEventFunc on_event,
                             void *data, GError **error);

/** zg_broker_client_escape() - one path segment or query value; the caller frees. */
char *zg_broker_client_escape(const char *text);

/** zg_problem_to_error() - @error from an HTTP status and a problem body (may be NULL). Pure. */
void zg_problem_to_error(long status, const json_t *problem, GError **error);
