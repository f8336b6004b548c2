/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The API: from a whole HTTP request to an answer. One job per request runs on a worker thread:
 * who asks, may they, was it answered before (Idempotency-Key), the operation itself, the answer's
 * text. Three routes end on the loop instead: sign-in (api_signin.c), tickets and events.
 */
#pragma once

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include "auth/provider.h"
#include "auth/throttle.h"
#include "broker/config.h"
#include "broker/http.h"
#include "broker/route.h"
#include "broker/service.h"
#include "common/base/secret.h"
#include "common/proto/json.h"

/* What all requests share; made once in main. Loop thread, except where the fields are constant. */
typedef struct {
    ZgService *service;
    const ZgBrokerConfig *config;
    ZgProvider *local; /* NULL: switched off */
    ZgProvider *ldap;  /* NULL: none configured */
    ZgWorkerPool *
        sign_in_workers; /* LDAP and argon2id: apart, so that a slow directory stops nothing else */
    ZgThrottle *throttle;
    GHashTable *streams; /* open event streams */
    guint64 sign_ins_good;
    guint64 sign_ins_refused;
    gint64 started_us;
} ZgApi;

/* One request under way. Worker functions see it on their thread; nobody else does meanwhile. */
typedef struct {
    ZgApi *api;
    ZgService *service;
    ZgHttpRequest *request; /* loop thread only */
    ZgRouteMatch match;
    const char *language; /* "es" or "en" */
    char trace_id[17];
    char *token_sha256; /* NULL: none was sent */
    char **query;
    json_t *body;         /* NULL: none was sent */
    char *body_sha256;
    char *idempotency_key;
    int64_t if_revision;  /* 0: no If-Match */
    char *peer;
    char *path;

    ZgSignIn *sign_in; /* who; NULL on public routes */
    ZgRoles roles;
    ZgCaller caller;

    GError *error;
    char *field;    /* request field at fault */
    int status;
    json_t *answer; /* NULL: no body */
    char *location;
    unsigned retry_after_s; /* with 429; 0: as usual */
    bool drop_cookie;       /* the browser forgets its sign-in */
    char *text;     /* the answer's body, once made */
} ZgApiCall;

/** ZgApiWork - does one route on a worker thread; fills status, answer, location. */
typedef bool (*ZgApiWork)(ZgApiCall *call, GError **error);

/** zg_api_handle() - a ZgHttpHandler for everything below ZG_ROUTE_PREFIX; @data is the ZgApi. */
void zg_api_handle(ZgHttpRequest *request, void *data);

/* For the handlers. */

/** zg_api_param() - path parameter @index. */
const char *zg_api_param(const ZgApiCall *call, unsigned index);

/** zg_api_query() - value of a query key, or NULL. */
const char *zg_api_query(const ZgApiCall *call, const char *key);

/** zg_api_page() - limit and after; ZG_ERROR_INVALID names the key. */
bool zg_api_page(ZgApiCall *call, ZgPage *out_page, GError **error);

/** zg_api_reader_init() / _finish() - read the body; a refusal fills call->field. */
void zg_api_reader_init(const ZgApiCall *call, ZgJsonReader *reader);
bool zg_api_reader_finish(ZgApiCall *call, ZgJsonReader *reader, GError **error);

/** zg_api_no_body() - refuse a body with anything in it. */
bool zg_api_no_body(ZgApiCall *call, GError **error);

/** zg_api_answer() - 200 (or @status) with @answer, which is taken; always true. */
bool zg_api_answer(ZgApiCall *call, int status, json_t *answer);

/** zg_api_operation() - 202 {operation}, which is taken, and its Location. */
bool zg_api_operation(ZgApiCall *call, json_t *operation);

/** zg_api_empty() - 204. */
bool zg_api_empty(ZgApiCall *call);

/** zg_api_localise_session() - add state_text and reason_text to a session. */
void zg_api_localise_session(json_t *session, const char *language);

/** zg_api_localise_pool() - add state_text to an item of /my/pools, and to its session. */
void zg_api_localise_pool(json_t *item, const char *language);

/** zg_api_each_item() - call @localise for every member of `items`. */
void zg_api_each_item(json_t *list, const char *language,
                      void (*localise)(json_t *item, const char *language));

/* For the routes that end on the loop. */

/** zg_api_finish() - send the answer (or the error in call->error) and free @call. LOOP. */
void zg_api_finish(ZgApiCall *call);

/** zg_api_fail() - finish with @error, which is taken. LOOP. */
void zg_api_fail(ZgApiCall *call, GError *error);

/** zg_api_call_free() - accepts NULL. LOOP. */
void zg_api_call_free(ZgApiCall *call);

void zg_api_sign_in(ZgApiCall *call);
void zg_api_ticket(ZgApiCall *call);
void zg_api_events(ZgApiCall *call);

/** zg_api_end_streams() - close every event stream; before the service is freed. LOOP. */
void zg_api_end_streams(ZgApi *api);

/* Worker functions, one per route, by file. */
bool zg_api_sign_out(ZgApiCall *call, GError **error);
bool zg_api_me(ZgApiCall *call, GError **error);
bool zg_api_my_pools(ZgApiCall *call, GError **error);
bool zg_api_my_session_open(ZgApiCall *call, GError **error);
bool zg_api_my_sessions(ZgApiCall *call, GError **error);
bool zg_api_my_session(ZgApiCall *call, GError **error);
bool zg_api_my_session_restart(ZgApiCall *call, GError **error);
bool zg_api_my_session_log_off(ZgApiCall *call, GError **error);
bool zg_api_pools(ZgApiCall *call, GError **error);
bool zg_api_pool_add(ZgApiCall *call, GError **error);
bool zg_api_pool(ZgApiCall *call, GError **error);
bool zg_api_pool_put(ZgApiCall *call, GError **error);
bool zg_api_pool_delete(ZgApiCall *call, GError **error);
bool zg_api_templates(ZgApiCall *call, GError **error);
bool zg_api_template(ZgApiCall *call, GError **error);
bool zg_api_template_delete(ZgApiCall *call, GError **error);
bool zg_api_template_version_add(ZgApiCall *call, GError **error);
bool zg_api_desktops(ZgApiCall *call, GError **error);
bool zg_api_desktop(ZgApiCall *call, GError **error);
bool zg_api_desktop_delete(ZgApiCall *call, GError **error);
bool zg_api_desktop_refresh(ZgApiCall *call, GError **error);
bool zg_api_desktop_restart(ZgApiCall *call, GError **error);
bool zg_api_desktop_history(ZgApiCall *call, GError **error);
bool zg_api_sessions(ZgApiCall *call, GError **error);
bool zg_api_session(ZgApiCall *call, GError **error);
bool zg_api_session_delete(ZgApiCall *call, GError **error);
bool zg_api_session_message(ZgApiCall *call, GError **error);
bool zg_api_hosts(ZgApiCall *call, GError **error);
bool zg_api_host_token_add(ZgApiCall *call, GError **error);
bool zg_api_host(ZgApiCall *call, GError **error);
bool zg_api_host_delete(ZgApiCall *call, GError **error);
bool zg_api_host_patch(ZgApiCall *call, GError **error);
bool zg_api_users(ZgApiCall *call, GError **error);
bool zg_api_user_add(ZgApiCall *call, GError **error);
bool zg_api_user_delete(ZgApiCall *call, GError **error);
bool zg_api_user_password(ZgApiCall *call, GError **error);
bool zg_api_user_sign_ins(ZgApiCall *call, GError **error);
bool zg_api_user_sign_ins_delete(ZgApiCall *call, GError **error);
bool zg_api_operations(ZgApiCall *call, GError **error);
bool zg_api_operation_get(ZgApiCall *call, GError **error);
bool zg_api_status(ZgApiCall *call, GError **error);
bool zg_api_why(ZgApiCall *call, GError **error);
bool zg_api_audit(ZgApiCall *call, GError **error);
