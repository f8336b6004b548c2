/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Long work: a person sees their own, an administrator everybody's. */
#include "broker/api.h"

static const char *
whose(const ZgApiCall *call)
{
    return call->caller.admin ? NULL : call->caller.user;
}

bool
zg_api_operations(ZgApiCall *call, GError **error)
{
    ZgPage page;
    json_t *operations = NULL;

    return zg_api_page(call, &page, error) &&
           zg_service_list_operations(call->service, &page, whose(call), &operations, error) &&
           zg_api_answer(call, 200, operations);
}

bool
zg_api_operation_get(ZgApiCall *call, GError **error)
{
    json_t *operation = NULL;

    return zg_service_get_operation(call->service, zg_api_param(call, 0), whose(call), &operation,
                                    error) &&
           zg_api_answer(call, 200, operation);
}
