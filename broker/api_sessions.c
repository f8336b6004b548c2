/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Everybody's sessions, for administrators. */
#include "broker/api.h"

#include "common/base/limits.h"

bool
zg_api_sessions(ZgApiCall *call, GError **error)
{
    ZgPage page;
    json_t *sessions = NULL;

    if (!zg_api_page(call, &page, error) ||
        !zg_service_list_sessions(call->service, &page, zg_api_query(call, "user"), &sessions,
                                  error)) {
        return false;
    }
    zg_api_each_item(sessions, call->language, zg_api_localise_session);
    return zg_api_answer(call, 200, sessions);
}

bool
zg_api_session(ZgApiCall *call, GError **error)
{
    json_t *session = NULL;

    if (!zg_service_get_session(call->service, zg_api_param(call, 0), NULL, &session, error)) {
        return false;
    }
    zg_api_localise_session(session, call->language);
    return zg_api_answer(call, 200, session);
}

bool
zg_api_session_delete(ZgApiCall *call, GError **error)
{
    json_t *operation = NULL;

    return zg_api_no_body(call, error) &&
           zg_service_log_off(call->service, &call->caller, zg_api_param(call, 0), true,
                              &operation, error) &&
           zg_api_operation(call, operation);
}

bool
zg_api_session_message(ZgApiCall *call, GError **error)
{
    ZgJsonReader reader;
    const char *text = NULL;
    json_t *operation = NULL;

    zg_api_reader_init(call, &reader);
    zg_json_take_long_text(&reader, "text", ZG_JSON_REQUIRED, 1, ZG_LIMIT_TEXT_BYTES, &text);
    return zg_api_reader_finish(call, &reader, error) &&
           zg_service_message(call->service, &call->caller, zg_api_param(call, 0), text,
                              &operation, error) &&
           zg_api_operation(call, operation);
}
