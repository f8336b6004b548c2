/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Hosts, and the tokens by which new ones join. */
#include "broker/api.h"

bool
zg_api_hosts(ZgApiCall *call, GError **error)
{
    ZgPage page;
    json_t *hosts = NULL;

    return zg_api_page(call, &page, error) &&
           zg_service_list_hosts(call->service, &page, &hosts, error) &&
           zg_api_answer(call, 200, hosts);
}

bool
zg_api_host(ZgApiCall *call, GError **error)
{
    json_t *host = NULL;

    return zg_service_get_host(call->service, zg_api_param(call, 0), &host, error) &&
           zg_api_answer(call, 200, host);
}

bool
zg_api_host_delete(ZgApiCall *call, GError **error)
{
    return zg_api_no_body(call, error) &&
           zg_service_delete_host(call->service, &call->caller, zg_api_param(call, 0), error) &&
           zg_api_empty(call);
}

bool
zg_api_host_patch(ZgApiCall *call, GError **error)
{
    ZgJsonReader reader;
    bool maintenance = false;
    json_t *host = NULL;

    zg_api_reader_init(call, &reader);
    zg_json_take_bool(&reader, "maintenance", ZG_JSON_REQUIRED, &maintenance);
    return zg_api_reader_finish(call, &reader, error) &&
           zg_service_set_host_maintenance(call->service, &call->caller, zg_api_param(call, 0),
                                           maintenance, &host, error) &&
           zg_api_answer(call, 200, host);
}

bool
zg_api_host_token_add(ZgApiCall *call, GError **error)
{
    ZgJsonReader reader;
    const char *host = NULL;
    json_t *token = NULL;

    zg_api_reader_init(call, &reader);
    zg_json_take_name(&reader, "host", ZG_JSON_REQUIRED, &host);
    return zg_api_reader_finish(call, &reader, error) &&
           zg_service_new_join_token(call->service, &call->caller, host, &token, error) &&
           zg_api_answer(call, 201, token);
}
