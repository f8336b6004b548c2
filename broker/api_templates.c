/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Templates: what desktops are cloned from. */
#include "broker/api.h"

#include <string.h>
#include "common/base/error.h"

bool
zg_api_templates(ZgApiCall *call, GError **error)
{
    ZgPage page;
    json_t *templates = NULL;

    return zg_api_page(call, &page, error) &&
           zg_service_list_templates(call->service, &page, &templates, error) &&
           zg_api_answer(call, 200, templates);
}

bool
zg_api_template(ZgApiCall *call, GError **error)
{
    json_t *found = NULL;

    return zg_service_get_template(call->service, zg_api_param(call, 0), &found, error) &&
           zg_api_answer(call, 200, found);
}

bool
zg_api_template_delete(ZgApiCall *call, GError **error)
{
    json_t *operation = NULL;

    return zg_api_no_body(call, error) &&
           zg_service_delete_template(call->service, &call->caller, zg_api_param(call, 0),
                                      &operation, error) &&
           zg_api_operation(call, operation);
}

/* A file inside `incoming/`: one name, no way out of the folder. */
static bool
file_name_is_plain(const char *name)
{
    return name == NULL || (name[0] != '.' && strchr(name, '/') == NULL);
}

bool
zg_api_template_version_add(ZgApiCall *call, GError **error)
{
    const char *files[3] = {0};
    static const char *const keys[3] = {"path", "kernel", "initrd"};
    const char *os = NULL;
    ZgJsonReader reader;
    json_t *operation = NULL;

    zg_api_reader_init(call, &reader);
    for (int i = 0; i < 3; i++) {
        zg_json_take_text(&reader, keys[i], i == 0 ? ZG_JSON_REQUIRED : ZG_JSON_OPTIONAL, 1, 255,
                          &files[i]);
    }
    zg_json_take_text(&reader, "os", ZG_JSON_OPTIONAL, 1, 63, &os);
    if (!zg_api_reader_finish(call, &reader, error)) {
        return false;
    }
    for (int i = 0; i < 3; i++) {
        if (!file_name_is_plain(files[i])) {
            call->field = g_strdup(keys[i]);
            g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID,
                        "%s: must be the name of a file in the hosts' folder incoming/", keys[i]);
            return false;
        }
    }
    return zg_service_import_template(call->service, &call->caller, zg_api_param(call, 0),
                                      files[0], files[1], files[2], os, &operation, error) &&
           zg_api_operation(call, operation);
}
