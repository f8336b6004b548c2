/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a person does with their own desktops. */
#include "broker/api.h"

#include "common/base/clock.h"

bool
zg_api_me(ZgApiCall *call, GError **error)
{
    const ZgSignIn *sign_in = call->sign_in;
    json_t *roles = json_array();
    g_autofree char *expires = zg_clock_utc_text(sign_in->expires_us);

    for (int role = 0; role < ZG_N_ROLES; role++) {
        if (call->roles & (1u << role)) {
            json_array_append_new(roles, json_string(zg_role_name((ZgRole)role)));
        }
    }
    return zg_api_answer(call, 200,
                         json_pack("{s:s, s:s, s:o, s:s}", "user", sign_in->user, "full_name",
                                   sign_in->full_name != NULL ? sign_in->full_name : sign_in->user,
                                   "roles", roles, "expires_at", expires));
}

bool
zg_api_my_pools(ZgApiCall *call, GError **error)
{
    json_t *pools = NULL;

    if (!zg_service_my_pools(call->service, &call->caller, &pools, error)) {
        return false;
    }
    zg_api_each_item(pools, call->language, zg_api_localise_pool);
    return zg_api_answer(call, 200, pools);
}

bool
zg_api_my_session_open(ZgApiCall *call, GError **error)
{
    ZgSessionRequest wish = {0};
    ZgJsonReader reader;
    bool created = false;
    json_t *session = NULL;

    zg_api_reader_init(call, &reader);
    zg_json_take_name(&reader, "pool", ZG_JSON_REQUIRED, &wish.pool);
    zg_json_take_text(&reader, "terminal", ZG_JSON_OPTIONAL, 1, 128, &wish.terminal);
    zg_json_take_text(&reader, "locale", ZG_JSON_OPTIONAL, 2, 32, &wish.locale);
    zg_json_take_text(&reader, "keyboard", ZG_JSON_OPTIONAL, 2, 64, &wish.keyboard);
    zg_json_take_text(&reader, "time_zone", ZG_JSON_OPTIONAL, 1, 64, &wish.time_zone);
    if (!zg_api_reader_finish(call, &reader, error) ||
        !zg_service_open_session(call->service, &call->caller, &wish, &created, &session, error)) {
        return false;
    }
    zg_api_localise_session(session, call->language);
    call->location = g_strdup_printf(ZG_ROUTE_PREFIX "/my/sessions/%s",
                                     json_string_value(json_object_get(session, "id")));
    return zg_api_answer(call, created ? 201 : 200, session);
}

bool
zg_api_my_sessions(ZgApiCall *call, GError **error)
{
    ZgPage page;
    json_t *sessions = NULL;

    if (!zg_api_page(call, &page, error) ||
        !zg_service_list_sessions(call->service, &page, call->caller.user, &sessions, error)) {
        return false;
    }
    zg_api_each_item(sessions, call->language, zg_api_localise_session);
    return zg_api_answer(call, 200, sessions);
}

bool
zg_api_my_session(ZgApiCall *call, GError **error)
{
    json_t *session = NULL;

    if (!zg_service_get_session(call->service, zg_api_param(call, 0), call->caller.user, &session,
                                error)) {
        return false;
    }
    zg_api_localise_session(session, call->language);
    return zg_api_answer(call, 200, session);
}

/* Somebody else's session does not exist for a person. */
static bool
is_mine(ZgApiCall *call, GError **error)
{
    g_autoptr(json_t) session = NULL;

    return zg_service_get_session(call->service, zg_api_param(call, 0), call->caller.user,
                                  &session, error);
}

bool
zg_api_my_session_restart(ZgApiCall *call, GError **error)
{
    json_t *operation = NULL;

    return zg_api_no_body(call, error) && is_mine(call, error) &&
           zg_service_restart_session(call->service, &call->caller, zg_api_param(call, 0),
                                      &operation, error) &&
           zg_api_operation(call, operation);
}

bool
zg_api_my_session_log_off(ZgApiCall *call, GError **error)
{
    json_t *operation = NULL;

    return zg_api_no_body(call, error) && is_mine(call, error) &&
           zg_service_log_off(call->service, &call->caller, zg_api_param(call, 0), false,
                              &operation, error) &&
           zg_api_operation(call, operation);
}

static void
on_ticket(const ZgTicketAnswer *answer, const GError *error, void *data)
{
    ZgApiCall *call = data;

    if (error != NULL) {
        zg_api_fail(call, g_error_copy(error));
        return;
    }
    zg_api_answer(call, 201,
                  json_pack("{s:s, s:i, s:s, s:s, s:s}", "ticket", answer->secret, "expires_in_s",
                            answer->expires_in_s, "console", "/console", "desktop",
                            answer->desktop, "title", answer->title));
    zg_api_finish(call);
}

void
zg_api_ticket(ZgApiCall *call)
{
    ZgJsonReader reader;
    GError *error = NULL;
    bool share = false;
    bool view_only = false;

    zg_api_reader_init(call, &reader);
    zg_json_take_bool(&reader, "share", ZG_JSON_OPTIONAL, &share);
    zg_json_take_bool(&reader, "view_only", ZG_JSON_OPTIONAL, &view_only);
    if (!zg_api_reader_finish(call, &reader, &error)) {
        zg_api_fail(call, error);
        return;
    }
    zg_service_issue_ticket(call->service, &call->caller, zg_api_param(call, 0), share, view_only,
                            on_ticket, call);
}
