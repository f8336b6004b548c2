/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "broker/api.h"

#include <stdlib.h>
#include <string.h>
#include "auth/token.h"
#include "broker/problem.h"
#include "broker/reason.h"
#include "broker/words.h"
#include "common/base/error.h"
#include "common/base/id.h"
#include "common/base/limits.h"
#include "common/base/log.h"

#define COOKIE_NAME "zaguan"
#define MAX_KEY_BYTES 64

/* What a route does: on a worker, and then (if anything) on the loop. */
static const struct {
    ZgApiWork work;
    void (*on_loop)(ZgApiCall *call);
} handlers[ZG_N_ROUTES] = {
    [ZG_ROUTE_SIGN_IN] = {NULL, zg_api_sign_in},
    [ZG_ROUTE_SIGN_OUT] = {zg_api_sign_out, NULL},
    [ZG_ROUTE_ME] = {zg_api_me, NULL},
    [ZG_ROUTE_MY_POOLS] = {zg_api_my_pools, NULL},
    [ZG_ROUTE_MY_EVENTS] = {NULL, zg_api_events},
    [ZG_ROUTE_MY_SESSION_OPEN] = {zg_api_my_session_open, NULL},
    [ZG_ROUTE_MY_SESSIONS] = {zg_api_my_sessions, NULL},
    [ZG_ROUTE_MY_SESSION] = {zg_api_my_session, NULL},
    [ZG_ROUTE_MY_SESSION_TICKET] = {NULL, zg_api_ticket},
    [ZG_ROUTE_MY_SESSION_RESTART] = {zg_api_my_session_restart, NULL},
    [ZG_ROUTE_MY_SESSION_LOG_OFF] = {zg_api_my_session_log_off, NULL},
    [ZG_ROUTE_POOLS] = {zg_api_pools, NULL},
    [ZG_ROUTE_POOL_ADD] = {zg_api_pool_add, NULL},
    [ZG_ROUTE_POOL] = {zg_api_pool, NULL},
    [ZG_ROUTE_POOL_PUT] = {zg_api_pool_put, NULL},
    [ZG_ROUTE_POOL_DELETE] = {zg_api_pool_delete, NULL},
    [ZG_ROUTE_TEMPLATES] = {zg_api_templates, NULL},
    [ZG_ROUTE_TEMPLATE] = {zg_api_template, NULL},
    [ZG_ROUTE_TEMPLATE_DELETE] = {zg_api_template_delete, NULL},
    [ZG_ROUTE_TEMPLATE_VERSION_ADD] = {zg_api_template_version_add, NULL},
    [ZG_ROUTE_DESKTOPS] = {zg_api_desktops, NULL},
    [ZG_ROUTE_DESKTOP] = {zg_api_desktop, NULL},
    [ZG_ROUTE_DESKTOP_DELETE] = {zg_api_desktop_delete, NULL},
    [ZG_ROUTE_DESKTOP_REFRESH] = {zg_api_desktop_refresh, NULL},
    [ZG_ROUTE_DESKTOP_RESTART] = {zg_api_desktop_restart, NULL},
    [ZG_ROUTE_DESKTOP_HISTORY] = {zg_api_desktop_history, NULL},
    [ZG_ROUTE_SESSIONS] = {zg_api_sessions, NULL},
    [ZG_ROUTE_SESSION] = {zg_api_session, NULL},
    [ZG_ROUTE_SESSION_DELETE] = {zg_api_session_delete, NULL},
    [ZG_ROUTE_SESSION_MESSAGE] = {zg_api_session_message, NULL},
    [ZG_ROUTE_HOSTS] = {zg_api_hosts, NULL},
    [ZG_ROUTE_HOST_TOKEN_ADD] = {zg_api_host_token_add, NULL},
    [ZG_ROUTE_HOST] = {zg_api_host, NULL},
    [ZG_ROUTE_HOST_DELETE] = {zg_api_host_delete, NULL},
    [ZG_ROUTE_HOST_PATCH] = {zg_api_host_patch, NULL},
    [ZG_ROUTE_USERS] = {zg_api_users, NULL},
    [ZG_ROUTE_USER_ADD] = {zg_api_user_add, NULL},
    [ZG_ROUTE_USER_DELETE] = {zg_api_user_delete, NULL},
    [ZG_ROUTE_USER_PASSWORD] = {zg_api_user_password, NULL},
    [ZG_ROUTE_USER_SIGN_INS] = {zg_api_user_sign_ins, NULL},
    [ZG_ROUTE_USER_SIGN_INS_DELETE] = {zg_api_user_sign_ins_delete, NULL},
    [ZG_ROUTE_OPERATIONS] = {zg_api_operations, NULL},
    [ZG_ROUTE_OPERATION] = {zg_api_operation_get, NULL},
    [ZG_ROUTE_STATUS] = {zg_api_status, NULL},
    [ZG_ROUTE_WHY] = {zg_api_why, NULL},
    [ZG_ROUTE_AUDIT] = {zg_api_audit, NULL},
    [ZG_ROUTE_EVENTS] = {NULL, zg_api_events},
};

/* --- what handlers use ------------------------------------------------------------------- */

const char *
zg_api_param(const ZgApiCall *call, unsigned index)
{
    g_assert(index < call->match.n_params);
    return call->match.params[index];
}

const char *
zg_api_query(const ZgApiCall *call, const char *key)
{
    size_t n_key = strlen(key);

    for (char **pair = call->query; *pair != NULL; pair++) {
        if (strncmp(*pair, key, n_key) == 0 && (*pair)[n_key] == '=') {
            return *pair + n_key + 1;
        }
    }
    return NULL;
}

bool
zg_api_page(ZgApiCall *call, ZgPage *out_page, GError **error)
{
    const char *limit = zg_api_query(call, "limit");
    const char *after = zg_api_query(call, "after");
    guint64 value = 100;

    if (limit != NULL && !g_ascii_string_to_unsigned(limit, 10, 1, 500, &value, NULL)) {
        call->field = g_strdup("limit");
        g_set_error_literal(error, ZG_ERROR, ZG_ERROR_INVALID, "limit: must be from 1 to 500");
        return false;
    }
    *out_page = (ZgPage){.limit = (unsigned)value, .after = after};
    return true;
}

void
zg_api_reader_init(const ZgApiCall *call, ZgJsonReader *reader)
{
    static json_t *empty = NULL;
    static gsize once = 0;

    if (g_once_init_enter(&once)) {
        empty = json_object();
        g_once_init_leave(&once, 1);
    }
    zg_json_reader_init(reader, call->body != NULL ? call->body : empty, NULL);
}

bool
zg_api_reader_finish(ZgApiCall *call, ZgJsonReader *reader, GError **error)
{
    g_clear_pointer(&call->field, g_free);
    return zg_json_reader_finish(reader, ZG_JSON_REFUSE_UNKNOWN, &call->field, error);
}

bool
zg_api_no_body(ZgApiCall *call, GError **error)
{
    ZgJsonReader reader;

    zg_api_reader_init(call, &reader);
    return zg_api_reader_finish(call, &reader, error);
}

bool
zg_api_answer(ZgApiCall *call, int status, json_t *answer)
{
    call->status = status;
    call->answer = answer;
    return true;
}

bool
zg_api_operation(ZgApiCall *call, json_t *operation)
{
    const char *id = json_string_value(json_object_get(operation, "id"));

    call->location = g_strdup_printf(ZG_ROUTE_PREFIX "/operations/%s", id != NULL ? id : "");
    return zg_api_answer(call, 202, json_pack("{s:o}", "operation", operation));
}

bool
zg_api_empty(ZgApiCall *call)
{
    return zg_api_answer(call, 204, NULL);
}

static void
localise_line(json_t *line, const char *language)
{
    const char *text = zg_word(ZG_WORDS_BOTTLENECK,
                               json_string_value(json_object_get(line, "bottleneck")), language);

    if (text != NULL) {
        json_object_set_new(line, "bottleneck_text", json_string(text));
    }
}

void
zg_api_localise_session(json_t *session, const char *language)
{
    const char *state = json_string_value(json_object_get(session, "state"));
    const char *reason = json_string_value(json_object_get(session, "reason"));
    const char *text = zg_word(ZG_WORDS_SESSION_STATE, state, language);

    if (text != NULL) {
        json_object_set_new(session, "state_text", json_string(text));
    }
    if (reason != NULL) {
        json_object_set_new(session, "reason_text", json_string(zg_reason_text(reason, language)));
    }
    localise_line(json_object_get(session, "line"), language);
}

void
zg_api_localise_pool(json_t *item, const char *language)
{
    const char *state = json_string_value(json_object_get(item, "state"));
    const char *text = zg_word(ZG_WORDS_POOL_STATE, state, language);
    json_t *session = json_object_get(item, "session");

    if (text != NULL) {
        json_object_set_new(item, "state_text", json_string(text));
    }
    if (json_is_object(session)) {
        zg_api_localise_session(session, language);
    }
}

void
zg_api_each_item(json_t *list, const char *language,
                 void (*localise)(json_t *item, const char *language))
{
    size_t index;
    json_t *item;

    json_array_foreach (json_object_get(list, "items"), index, item) {
        localise(item, language);
    }
}

/* --- one call ---------------------------------------------------------------------------- */

void
zg_api_call_free(ZgApiCall *call)
{
    if (call == NULL) {
        return;
    }
    zg_http_request_unref(call->request);
    zg_route_match_clear(&call->match);
    g_free(call->token_sha256);
    g_strfreev(call->query);
    json_decref(call->body);
    g_free(call->body_sha256);
    g_free(call->idempotency_key);
    g_free(call->peer);
    g_free(call->path);
    g_clear_pointer(&call->sign_in, zg_sign_in_free);
    g_clear_error(&call->error);
    g_free(call->field);
    json_decref(call->answer);
    g_free(call->location);
    zg_wipe_free_text(call->text);
    g_free(call);
}

/* Turns an error into status and text; says in the log what the answer hides. */
static void
render_error(ZgApiCall *call)
{
    ZgErrorCode code = zg_error_code_of(call->error);

    call->text = zg_problem_text(call->error, call->language, call->trace_id, call->field,
                                 &call->status);
    if (code == ZG_ERROR_FAILED || code == ZG_ERROR_UNAVAILABLE || code == ZG_ERROR_TIMEOUT) {
        zg_log_warning("api-refused", call->trace_id, "%s", call->error->message);
    }
}

static void
render_answer(ZgApiCall *call)
{
    if (call->answer != NULL) {
        char *text = zg_json_text(call->answer);

        call->text = g_strdup(text);
        zg_wipe_free_text(text);
    }
}

/* "revision" of the answer as ETag, or NULL. */
static char *
etag_of(const ZgApiCall *call)
{
    const json_t *revision = json_object_get(call->answer, "revision");

    return json_is_integer(revision)
               ? g_strdup_printf("\"%" G_GINT64_FORMAT "\"", (gint64)json_integer_value(revision))
               : NULL;
}

void
zg_api_finish(ZgApiCall *call)
{
    g_autofree char *etag = NULL;
    g_autofree char *retry =
        g_strdup_printf("%u", call->retry_after_s > 0 ? call->retry_after_s : 60);
    const char *headers[20] = {"Cache-Control", "no-store", "X-Trace-Id", call->trace_id};
    size_t n = 4;
    bool problem;

    if (call->error != NULL && call->text == NULL) {
        render_error(call);
    } else if (call->text == NULL) {
        render_answer(call);
    }
    problem = call->status >= 400;
    etag = problem ? NULL : etag_of(call);
    if (etag != NULL) {
        headers[n++] = "ETag";
        headers[n++] = etag;
    }
    if (call->location != NULL) {
        headers[n++] = "Location";
        headers[n++] = call->location;
    }
    if (call->status == 429) {
        headers[n++] = "Retry-After";
        headers[n++] = retry;
    }
    if (call->drop_cookie && !problem) {
        headers[n++] = "Set-Cookie";
        headers[n++] = COOKIE_NAME "=; Path=/api; Max-Age=0; HttpOnly; Secure; SameSite=Strict";
    }
    if (call->status == 401) {
        headers[n++] = "WWW-Authenticate";
        headers[n++] = "Bearer";
    }
    zg_http_answer(call->request, call->status, headers,
                   call->text == NULL ? NULL
                   : problem          ? "application/problem+json"
                                      : "application/json",
                   call->text, call->text != NULL ? strlen(call->text) : 0);
    zg_api_call_free(call);
}

void
zg_api_fail(ZgApiCall *call, GError *error)
{
    g_clear_error(&call->error);
    call->error = error;
    zg_api_finish(call);
}

/* --- on the worker ----------------------------------------------------------------------- */

static bool
identify(ZgApiCall *call, GError **error)
{
    if (call->token_sha256 == NULL) {
        g_set_error_literal(error, ZG_ERROR, ZG_ERROR_UNAUTHENTICATED, "Nobody is signed in.");
        return false;
    }
    if (!zg_service_find_sign_in(call->service, call->token_sha256, &call->sign_in, error)) {
        return false;
    }
    call->roles = zg_roles_of(call->sign_in->groups, call->api->config->admin_groups,
                              call->sign_in->admin);
    call->caller = (ZgCaller){
        .user = call->sign_in->user,
        .full_name = call->sign_in->full_name,
        .groups = (const char *const *)call->sign_in->groups,
        .admin = (call->roles & (1u << ZG_ROLE_ADMIN)) != 0,
        .peer = call->peer,
    };
    return true;
}

static bool
allow(const ZgApiCall *call, GError **error)
{
    if (!zg_roles_allow(call->roles, call->match.route->action)) {
        g_set_error_literal(error, ZG_ERROR, ZG_ERROR_DENIED,
                            "This needs the role of an administrator.");
        return false;
    }
    return true;
}

/* Location and ETag of a stored answer, which is kept as its body only. */
static void
restore_headers(ZgApiCall *call)
{
    const json_t *made;
    const char *key;

    call->answer = call->status < 400 ? json_loads(call->text, 0, NULL) : NULL;
    made = json_object_get(call->answer, "operation");
    made = made != NULL ? made : call->answer;
    key = json_string_value(json_object_get(made, "id"));
    key = key != NULL ? key : json_string_value(json_object_get(made, "name"));
    if (call->status == 202) {
        call->location = g_strdup_printf(ZG_ROUTE_PREFIX "/operations/%s", key != NULL ? key : "");
    } else if (call->status == 201 && call->match.route->method == ZG_METHOD_PUT) {
        call->location = g_strdup(call->path);
    } else if (call->status == 201) {
        call->location = g_strdup_printf("%s/%s", call->path, key != NULL ? key : "");
    }
}

/* Runs the route, or gives the answer that an earlier call with this key got. */
static bool
run_route(ZgApiCall *call, GError **error)
{
    ZgApiWork work = handlers[call->match.route->id].work;
    bool keyed = call->idempotency_key != NULL && work != NULL &&
                 call->match.route->method != ZG_METHOD_GET &&
                 (call->match.route->flags & ZG_ROUTE_SECRET) == 0;
    ZgIdempotency kind = ZG_IDEMPOTENCY_FRESH;
    g_autoptr(GError) unfinished = NULL;
    bool ok;

    if (work == NULL) {
        return true;
    }
    if (keyed && !zg_service_idempotency_begin(call->service, call->caller.user,
                                               call->idempotency_key, call->body_sha256, &kind,
                                               &call->status, &call->text, error)) {
        return false;
    }
    if (kind == ZG_IDEMPOTENCY_STORED) {
        if (call->text != NULL && call->text[0] == '\0') {
            g_clear_pointer(&call->text, g_free);
        }
        if (call->text != NULL) {
            restore_headers(call);
        }
        return true;
    }
    ok = work(call, &call->error);
    if (ok) {
        render_answer(call);
    } else {
        render_error(call);
    }
    /* What did nothing may be tried again with the same key. */
    if (keyed && !zg_service_idempotency_finish(call->service, call->caller.user,
                                                call->idempotency_key,
                                                call->status >= 400 ? 0 : call->status,
                                                call->text != NULL ? call->text : "",
                                                &unfinished)) {
        zg_log_warning("api-idempotency", call->trace_id, "answer not kept: %s",
                       unfinished->message);
    }
    return true;
}

static void
call_work(void *data)
{
    ZgApiCall *call = data;

    if ((call->match.route->flags & ZG_ROUTE_PUBLIC) == 0 &&
        (!identify(call, &call->error) || !allow(call, &call->error))) {
        return;
    }
    run_route(call, &call->error);
}

static void
call_done(void *data)
{
    ZgApiCall *call = data;
    void (*on_loop)(ZgApiCall *) = handlers[call->match.route->id].on_loop;

    if (call->error == NULL && on_loop != NULL) {
        on_loop(call);
    } else {
        zg_api_finish(call);
    }
}

/* --- from the request -------------------------------------------------------------------- */

/* The value of our cookie, or NULL; the caller frees. */
static char *
token_from_cookie(const char *cookies)
{
    g_auto(GStrv) parts = g_strsplit(cookies, ";", 64);

    for (char **part = parts; *part != NULL; part++) {
        char *text = g_strstrip(*part);

        if (g_str_has_prefix(text, COOKIE_NAME "=")) {
            return g_strdup(text + strlen(COOKIE_NAME "="));
        }
    }
    return NULL;
}

static bool
origin_is_ours(const ZgApiCall *call)
{
    const char *origin = zg_http_header(call->request, ZG_HEADER_ORIGIN);

    for (char **ours = call->api->config->portal_origins; origin != NULL && *ours != NULL; ours++) {
        if (g_ascii_strcasecmp(*ours, origin) == 0) {
            return true;
        }
    }
    return false;
}

/* Bearer wins over the cookie. A cookie may change things only from the portal's own pages. */
static bool
take_token(ZgApiCall *call, GError **error)
{
    const char *authorization = zg_http_header(call->request, ZG_HEADER_AUTHORIZATION);
    const char *cookies = zg_http_header(call->request, ZG_HEADER_COOKIE);
    char *token;

    if (authorization != NULL) {
        bool bearer = g_ascii_strncasecmp(authorization, "Bearer ", 7) == 0;

        call->token_sha256 = bearer ? zg_token_digest(authorization + 7) : NULL;
        return true;
    }
    token = cookies != NULL ? token_from_cookie(cookies) : NULL;
    if (token == NULL) {
        return true;
    }
    call->token_sha256 = zg_token_digest(token);
    zg_wipe_free_text(token);
    if (call->match.route->method != ZG_METHOD_GET && call->match.route->id != ZG_ROUTE_SIGN_IN &&
        !origin_is_ours(call)) {
        g_set_error_literal(error, ZG_ERROR, ZG_ERROR_DENIED,
                            "Origin: must be the portal's own for calls with its cookie");
        return false;
    }
    return true;
}

static bool
take_body(ZgApiCall *call, GError **error)
{
    const char *type = zg_http_header(call->request, ZG_HEADER_CONTENT_TYPE);
    size_t n_body = 0;
    const char *body = zg_http_body(call->request, &n_body);

    call->body_sha256 = NULL;
    if (call->idempotency_key != NULL) {
        g_autoptr(GString) all = g_string_new(zg_http_method(call->request));

        g_string_append_printf(all, " %s\n", zg_http_path(call->request));
        g_string_append_len(all, body, (gssize)n_body);
        call->body_sha256 = zg_sha256_hex(all->str, all->len);
        zg_wipe(all->str, all->len);
    }
    if (n_body == 0) {
        return true;
    }
    if (call->match.route->method == ZG_METHOD_GET) {
        g_set_error_literal(error, ZG_ERROR, ZG_ERROR_INVALID, "body: GET takes none");
        return false;
    }
    if (type == NULL || g_ascii_strncasecmp(type, "application/json", 16) != 0 ||
        strchr("; ", type[16]) == NULL) {
        g_set_error_literal(error, ZG_ERROR, ZG_ERROR_INVALID,
                            "Content-Type: must be application/json");
        return false;
    }
    call->body = zg_json_parse(body, n_body, error);
    return call->body != NULL;
}

static bool
take_query(ZgApiCall *call, GError **error)
{
    call->query = g_strdupv(zg_http_query(call->request));
    for (char **pair = call->query; *pair != NULL; pair++) {
        g_autofree char *key = g_strndup(*pair, strcspn(*pair, "="));

        if (zg_api_query(call, key) != *pair + strlen(key) + 1 && strchr(*pair, '=') != NULL) {
            g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "query: a key is given twice");
            return false;
        }

        if (!zg_route_allows_query(call->match.route, key) || strchr(*pair, '=') == NULL ||
            !g_utf8_validate(*pair, -1, NULL)) {
            g_autofree char *valid = g_utf8_make_valid(key, -1);

            g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID,
                        "query: key '%.64s' is unknown or has no value", valid);
            return false;
        }
    }
    return true;
}

static bool
take_conditions(ZgApiCall *call, GError **error)
{
    const char *key = zg_http_header(call->request, ZG_HEADER_IDEMPOTENCY_KEY);
    const char *match = zg_http_header(call->request, ZG_HEADER_IF_MATCH);
    g_autofree char *number = NULL;

    for (const char *at = key; at != NULL && *at != '\0'; at++) {
        if (!g_ascii_isprint(*at) || at - key >= MAX_KEY_BYTES) {
            g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID,
                        "Idempotency-Key: must be 1 to %d printable characters", MAX_KEY_BYTES);
            return false;
        }
    }
    call->idempotency_key = key != NULL && key[0] != '\0' ? g_strdup(key) : NULL;
    if (match == NULL) {
        return true;
    }
    if (strcmp(match, "*") == 0) {
        call->if_revision = ZG_REVISION_ANY;
        return true;
    }
    if (strlen(match) > 2 && match[0] == '"' && match[strlen(match) - 1] == '"') {
        number = g_strndup(match + 1, strlen(match) - 2);
    }
    if (number == NULL || !g_ascii_string_to_signed(number, 10, 1, G_MAXINT64,
                                                    &call->if_revision, NULL)) {
        g_set_error_literal(error, ZG_ERROR, ZG_ERROR_INVALID,
                            "If-Match: must be an ETag as we gave it, \"REVISION\"");
        return false;
    }
    return true;
}

static void
answer_wrong_method(ZgApiCall *call)
{
    g_autoptr(GString) allow_text = g_string_new(NULL);
    g_autofree char *body = NULL;

    for (int method = 0; method < ZG_N_METHODS; method++) {
        if (call->match.allowed & (1u << method)) {
            g_string_append_printf(allow_text, "%s%s", allow_text->len > 0 ? ", " : "",
                                   zg_method_name((ZgMethod)method));
        }
    }
    const char *headers[] = {"Allow", allow_text->str, "X-Trace-Id", call->trace_id, NULL};

    body =
        g_strdup_printf("{\"code\":\"method-not-allowed\",\"detail\":\"This path knows %s.\","
                        "\"hint\":\"Use one of these.\",\"status\":405,"
                        "\"title\":\"Method not allowed\","
                        "\"trace_id\":\"%s\",\"type\":\"urn:zaguan:problem:method-not-allowed\"}",
                        allow_text->str, call->trace_id);
    zg_http_answer(call->request, 405, headers, "application/problem+json", body, strlen(body));
}

static bool
method_of(const char *name, ZgMethod *out_method)
{
    for (int method = 0; method < ZG_N_METHODS; method++) {
        if (strcmp(zg_method_name((ZgMethod)method), name) == 0) {
            *out_method = (ZgMethod)method;
            return true;
        }
    }
    return false;
}

static ZgApiCall *
call_new(ZgApi *api, ZgHttpRequest *request)
{
    ZgApiCall *call = g_new0(ZgApiCall, 1);
    g_autofree char *id = zg_id_new();

    call->api = api;
    call->service = api->service;
    call->request = zg_http_request_ref(request);
    call->language = zg_language_of(zg_http_header(request, ZG_HEADER_ACCEPT_LANGUAGE));
    g_strlcpy(call->trace_id, id, sizeof call->trace_id);
    call->peer = g_strdup(zg_http_peer(request));
    call->path = g_strdup(zg_http_path(request));
    return call;
}

void
zg_api_handle(ZgHttpRequest *request, void *data)
{
    ZgApi *api = data;
    ZgApiCall *call = call_new(api, request);
    ZgMethod method;
    ZgRouteResult found = ZG_ROUTE_UNKNOWN;
    GError *error = NULL;

    if (method_of(zg_http_method(request), &method)) {
        found = zg_route_match(method, zg_http_path(request), &call->match);
    }
    if (found == ZG_ROUTE_WRONG_METHOD) {
        answer_wrong_method(call);
        zg_api_call_free(call);
        return;
    }
    if (found == ZG_ROUTE_UNKNOWN) {
        g_set_error_literal(&error, ZG_ERROR, ZG_ERROR_NOT_FOUND, "The API has no such path.");
        zg_api_fail(call, error);
        return;
    }
    if (!take_token(call, &error) || !take_conditions(call, &error) || !take_body(call, &error) ||
        !take_query(call, &error) ||
        !zg_worker_run(zg_service_workers(api->service), call_work, call_done, call, &error)) {
        zg_http_wipe_secrets(request);
        zg_api_fail(call, error);
        return;
    }
    zg_http_wipe_secrets(request);
}
