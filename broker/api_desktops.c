/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Desktops, as an administrator sees and handles them. */
#include "broker/api.h"

typedef bool (*Change)(ZgService *service, const ZgCaller *caller, const char *id,
                       json_t **out_operation, GError **error);

bool
zg_api_desktops(ZgApiCall *call, GError **error)
{
    ZgPage page;
    json_t *desktops = NULL;

    return zg_api_page(call, &page, error) &&
           zg_service_list_desktops(call->service, &page, zg_api_query(call, "pool"),
                                    zg_api_query(call, "host"), zg_api_query(call, "life"),
                                    &desktops, error) &&
           zg_api_answer(call, 200, desktops);
}

bool
zg_api_desktop(ZgApiCall *call, GError **error)
{
    json_t *desktop = NULL;

    return zg_service_get_desktop(call->service, zg_api_param(call, 0), &desktop, error) &&
           zg_api_answer(call, 200, desktop);
}

bool
zg_api_desktop_history(ZgApiCall *call, GError **error)
{
    ZgPage page;
    json_t *history = NULL;

    return zg_api_page(call, &page, error) &&
           zg_service_desktop_history(call->service, zg_api_param(call, 0), &page, &history,
                                      error) &&
           zg_api_answer(call, 200, history);
}

static bool
change(ZgApiCall *call, Change how, GError **error)
{
    json_t *operation = NULL;

    return zg_api_no_body(call, error) &&
           how(call->service, &call->caller, zg_api_param(call, 0), &operation, error) &&
           zg_api_operation(call, operation);
}

bool
zg_api_desktop_refresh(ZgApiCall *call, GError **error)
{
    return change(call, zg_service_refresh_desktop, error);
}

bool
zg_api_desktop_restart(ZgApiCall *call, GError **error)
{
    return change(call, zg_service_restart_desktop, error);
}

bool
zg_api_desktop_delete(ZgApiCall *call, GError **error)
{
    return change(call, zg_service_delete_desktop, error);
}
