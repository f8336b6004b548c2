/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Signing in and out. The throttle is asked and charged on the loop; the password is checked on
 * threads of its own; a refusal is answered at the next full REFUSAL_STEP after the request came,
 * so that its time does not tell an unknown name from a wrong password.
 */
#include "broker/api.h"

#include <string.h>
#include "auth/token.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/limits.h"
#include "common/base/log.h"

#define REFUSAL_STEP_US (400 * 1000)

typedef struct {
    ZgApiCall *call;
    char *typed; /* the name as it came; tries are counted by it */
    char *user;  /* as the account or the directory spells it, once that is known */
    ZgSecret *password;
    char *terminal;
    bool cookie;
    int64_t began_us;
    /* outcome */
    char *token;
    ZgSignIn *sign_in;
    ZgRoles roles;
    GError *error;
    bool known; /* the password was right */
} Job;

static void
job_free(Job *job)
{
    g_free(job->typed);
    g_free(job->user);
    zg_secret_free(job->password);
    g_free(job->terminal);
    zg_wipe_free_text(job->token);
    g_clear_pointer(&job->sign_in, zg_sign_in_free);
    g_clear_error(&job->error);
    g_free(job);
}

/* --- on the worker ----------------------------------------------------------------------- */

/*
 * A name that a local account has belongs to it alone: otherwise whoever may write to the
 * directory could become the local administrator.
 */
static bool
is_local(Job *job, bool *out_local, GError **error)
{
    g_autofree char *folded = g_utf8_strdown(job->user, -1);
    g_autofree char *hash = NULL;
    g_autofree char *full_name = NULL;
    g_autoptr(GError) cause = NULL;
    bool admin = false;

    *out_local = zg_service_find_local_user(job->call->service, folded, &hash, &full_name, &admin,
                                            &cause);
    if (!*out_local && zg_error_code_of(cause) != ZG_ERROR_NOT_FOUND) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    if (*out_local) {
        g_free(job->user);
        job->user = g_steal_pointer(&folded);
    }
    return true;
}

static bool
identify(Job *job, ZgIdentity **out_identity, const char **out_kind, GError **error)
{
    const ZgApi *api = job->call->api;
    bool local = false;
    ZgProvider *provider;

    if (!g_utf8_validate(job->user, -1, NULL) ||
        (api->local != NULL && !is_local(job, &local, error))) {
        return false;
    }
    provider = local || api->ldap == NULL ? api->local : api->ldap;
    if (provider == NULL) {
        g_set_error_literal(error, ZG_ERROR, ZG_ERROR_UNAVAILABLE, "No sign-in is configured.");
        return false;
    }
    *out_kind = provider->ops->kind;
    return zg_provider_check(provider, job->user, zg_secret_text(job->password),
                             job->password->n_bytes, out_identity, error);
}

/* The directory's spelling of a name may be that of a local account: refused, see is_local(). */
static bool
is_not_shadowed(Job *job, const ZgIdentity *identity, const char *kind, GError **error)
{
    bool local = false;

    if (strcmp(kind, "local") == 0 || job->call->api->local == NULL) {
        return true;
    }
    g_free(job->user);
    job->user = g_strdup(identity->user);
    if (!is_local(job, &local, error)) {
        return false;
    }
    if (local) {
        zg_log_warning("sign-in-shadowed", identity->user,
                       "a local account has this directory user's name; sign-in is refused");
        g_set_error_literal(error, ZG_ERROR, ZG_ERROR_UNAUTHENTICATED, ZG_SIGN_IN_REFUSED);
    }
    return !local;
}

static bool
remember(Job *job, const ZgIdentity *identity, const char *kind, GError **error)
{
    const ZgBrokerConfig *config = job->call->api->config;
    uint8_t random[ZG_TOKEN_RANDOM_BYTES];
    g_autofree char *digest = NULL;
    ZgSignIn *sign_in = g_new0(ZgSignIn, 1);

    job->sign_in = sign_in;
    sign_in->user = g_strdup(identity->user);
    sign_in->full_name = g_strdup(identity->full_name);
    sign_in->groups = g_strdupv(identity->groups);
    sign_in->admin = identity->admin;
    sign_in->provider = g_strdup(kind);
    sign_in->typed = g_strdup(job->typed);
    sign_in->peer = g_strdup(job->call->peer);
    sign_in->terminal = g_strdup(job->terminal);
    zg_random_bytes(random, sizeof random);
    job->token = zg_token_text(random);
    zg_wipe(random, sizeof random);
    digest = zg_token_digest(job->token);
    job->roles = zg_roles_of(identity->groups, config->admin_groups, identity->admin);
    sign_in->administers = (job->roles & (1u << ZG_ROLE_ADMIN)) != 0;
    return zg_service_add_sign_in(job->call->service, sign_in, digest, config->session_hours * 3600,
                                  error);
}

static void
audit_refusal(Job *job)
{
    static const char *const reasons[ZG_N_ERRORS] = {
        [ZG_ERROR_UNAUTHENTICATED] = "sign-in-refused",
        [ZG_ERROR_DENIED] = "sign-in-denied",
    };
    const char *reason = reasons[zg_error_code_of(job->error)];
    g_autoptr(GError) error = NULL;

    if (!zg_service_audit_sign_in_refused(job->call->service, job->user, job->call->peer,
                                          reason != NULL ? reason : "sign-in-unavailable",
                                          &error)) {
        zg_log_warning("sign-in-audit", job->call->trace_id, "not recorded: %s", error->message);
    }
}

static void
sign_in_work(void *data)
{
    Job *job = data;
    g_autoptr(ZgIdentity) identity = NULL;
    const char *kind = "";

    job->known = identify(job, &identity, &kind, &job->error) &&
                 is_not_shadowed(job, identity, kind, &job->error);
    if (!job->known || !remember(job, identity, kind, &job->error)) {
        audit_refusal(job);
    }
    g_clear_pointer(&job->password, zg_secret_free);
}

/* --- on the loop ------------------------------------------------------------------------- */

static gboolean
refuse_later(gpointer data)
{
    zg_api_finish(data);
    return G_SOURCE_REMOVE;
}

static void
refuse(Job *job)
{
    ZgApiCall *call = job->call;
    int64_t spent_us = zg_clock_mono_us() - job->began_us;
    int64_t wait_us = REFUSAL_STEP_US - spent_us % REFUSAL_STEP_US;
    ZgErrorCode code = zg_error_code_of(job->error);

    if (code != ZG_ERROR_UNAUTHENTICATED && code != ZG_ERROR_DENIED) {
        zg_throttle_refund(call->api->throttle, job->typed, call->peer);
    } else if (code == ZG_ERROR_DENIED) {
        zg_throttle_succeeded(call->api->throttle, job->typed, call->peer);
    }
    call->api->sign_ins_refused++;
    zg_log_info("sign-in-refused", job->user, "from %s, trace %s: %s", call->peer, call->trace_id,
                job->error->message);
    /*
     * Whoever asks is a stranger: where the directory is and what ails it is not for them. Who has
     * proven to be somebody is told that it is not the directory: the store could not keep it.
     */
    call->error = !job->known && (code == ZG_ERROR_UNAVAILABLE || code == ZG_ERROR_TIMEOUT)
                      ? g_error_new_literal(ZG_ERROR, (int)code, ZG_SIGN_IN_UNAVAILABLE)
                      : g_steal_pointer(&job->error);
    g_timeout_add((guint)(wait_us / 1000), refuse_later, call);
}

static void
answer(Job *job)
{
    ZgApiCall *call = job->call;
    const ZgSignIn *sign_in = job->sign_in;
    g_autofree char *expires = zg_clock_utc_text(sign_in->expires_us);
    g_autofree char *cookie = NULL;
    char *text;
    json_t *roles = json_array();
    g_autoptr(json_t) body = NULL;
    const char *headers[8] = {"Cache-Control", "no-store", "X-Trace-Id", call->trace_id};

    for (int role = 0; role < ZG_N_ROLES; role++) {
        if (job->roles & (1u << role)) {
            json_array_append_new(roles, json_string(zg_role_name((ZgRole)role)));
        }
    }
    body = json_pack("{s:s, s:s, s:o, s:s}", "user", sign_in->user, "full_name",
                     sign_in->full_name, "roles", roles, "expires_at", expires);
    if (job->cookie) {
        cookie = g_strdup_printf("zaguan=%s; Path=/api; Max-Age=%" G_GINT64_FORMAT
                                 "; HttpOnly; Secure; SameSite=Strict",
                                 job->token, (gint64)call->api->config->session_hours * 3600);
        headers[4] = "Set-Cookie";
        headers[5] = cookie;
    } else {
        json_object_set_new(body, "token", json_string(job->token));
    }
    text = zg_json_text(body);
    zg_http_answer(call->request, 200, headers, "application/json", text, strlen(text));
    zg_wipe_free_text(text);
    zg_wipe(cookie, cookie != NULL ? strlen(cookie) : 0);
    call->api->sign_ins_good++;
    zg_log_info("sign-in", sign_in->user, "signed in from %s", call->peer);
    zg_throttle_succeeded(call->api->throttle, job->typed, call->peer);
    zg_api_call_free(call);
}

static void
sign_in_done(void *data)
{
    Job *job = data;

    if (job->error != NULL) {
        refuse(job);
    } else {
        answer(job);
    }
    job_free(job);
}

static bool
read_job(ZgApiCall *call, Job *job, GError **error)
{
    static const char *const kinds[] = {"token", "cookie"};
    ZgJsonReader reader;
    const char *user = NULL;
    const char *password = NULL;
    const char *terminal = NULL;
    int kind = 0;

    zg_api_reader_init(call, &reader);
    zg_json_take_text(&reader, "user", ZG_JSON_REQUIRED, 1, ZG_LIMIT_USER_BYTES, &user);
    zg_json_take_long_text(&reader, "password", ZG_JSON_REQUIRED, 0, ZG_LIMIT_PASSWORD_BYTES,
                           &password);
    zg_json_take_word(&reader, "as", ZG_JSON_OPTIONAL, kinds, G_N_ELEMENTS(kinds), &kind);
    zg_json_take_text(&reader, "terminal", ZG_JSON_OPTIONAL, 1, 128, &terminal);
    if (!zg_api_reader_finish(call, &reader, error)) {
        return false;
    }
    job->typed = g_strstrip(g_strdup(user));
    job->user = g_strdup(job->typed);
    job->password = zg_secret_new(password, strlen(password));
    zg_wipe((char *)password, strlen(password));
    job->terminal = g_strdup(terminal);
    job->cookie = kind == 1;
    return true;
}

/* A page elsewhere must not sign its visitor in here as somebody else. */
static bool
cookie_is_for_us(const ZgApiCall *call, const Job *job, GError **error)
{
    const char *origin = zg_http_header(call->request, ZG_HEADER_ORIGIN);

    if (!job->cookie ||
        (origin != NULL &&
         g_strv_contains((const char *const *)call->api->config->portal_origins, origin))) {
        return true;
    }
    g_set_error_literal(error, ZG_ERROR, ZG_ERROR_DENIED,
                        "Origin: must be the portal's own for a sign-in with a cookie");
    return false;
}

void
zg_api_sign_in(ZgApiCall *call)
{
    Job *job = g_new0(Job, 1);
    GError *error = NULL;
    int64_t wait_us = 0;

    job->call = call;
    job->began_us = zg_clock_mono_us();
    if (!read_job(call, job, &error) || !cookie_is_for_us(call, job, &error)) {
        job_free(job);
        zg_api_fail(call, error);
        return;
    }
    if (!zg_throttle_try(call->api->throttle, job->typed, call->peer, job->began_us, &wait_us)) {
        call->retry_after_s = (unsigned)(wait_us / G_USEC_PER_SEC + 1);
        g_set_error(&error, ZG_ERROR, ZG_ERROR_THROTTLED,
                    "Too many tries. Try again in %u s.", call->retry_after_s);
        call->api->sign_ins_refused++;
        job_free(job);
        zg_api_fail(call, error);
        return;
    }
    if (!zg_worker_run(call->api->sign_in_workers, sign_in_work, sign_in_done, job, &error)) {
        zg_throttle_refund(call->api->throttle, job->typed, call->peer);
        job_free(job);
        zg_api_fail(call, error);
    }
}

bool
zg_api_sign_out(ZgApiCall *call, GError **error)
{
    call->drop_cookie = true;
    return zg_api_no_body(call, error) &&
           zg_service_end_sign_in(call->service, &call->caller, call->token_sha256, error) &&
           zg_api_empty(call);
}
