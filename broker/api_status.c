/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is wrong, and why something is as it is. */
#include "broker/api.h"

#include <string.h>
#include "common/base/error.h"

bool
zg_api_status(ZgApiCall *call, GError **error)
{
    json_t *status = NULL;

    return zg_service_status(call->service, &status, error) && zg_api_answer(call, 200, status);
}

bool
zg_api_why(ZgApiCall *call, GError **error)
{
    const char *thing = zg_api_param(call, 0);
    ZgPage page;
    json_t *why = NULL;

    if (strcmp(thing, "desktop") != 0 && strcmp(thing, "session") != 0 &&
        strcmp(thing, "user") != 0) {
        g_set_error_literal(error, ZG_ERROR, ZG_ERROR_NOT_FOUND,
                            "why: of a desktop, a session or a user only");
        return false;
    }
    return zg_api_page(call, &page, error) &&
           zg_service_why(call->service, thing, zg_api_param(call, 1), &page, &why, error) &&
           zg_api_answer(call, 200, why);
}

bool
zg_api_audit(ZgApiCall *call, GError **error)
{
    ZgPage page;
    json_t *audit = NULL;

    return zg_api_page(call, &page, error) &&
           zg_service_list_audit(call->service, &page, &audit, error) &&
           zg_api_answer(call, 200, audit);
}
