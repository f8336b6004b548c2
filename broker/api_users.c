/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Local accounts, and the sign-ins of anybody. */
#include "broker/api.h"

#include <string.h>
#include "auth/password.h"
#include "common/base/error.h"
#include "common/base/id.h"
#include "common/base/limits.h"

bool
zg_api_users(ZgApiCall *call, GError **error)
{
    ZgPage page;
    json_t *users = NULL;

    return zg_api_page(call, &page, error) &&
           zg_service_list_users(call->service, &page, &users, error) &&
           zg_api_answer(call, 200, users);
}

static char *
hash_new(ZgApiCall *call, const char *password, GError **error)
{
    char *hash = zg_password_hash(password, strlen(password), error);

    zg_wipe((char *)password, strlen(password));
    if (hash == NULL) {
        call->field = g_strdup("password");
    }
    return hash;
}

bool
zg_api_user_add(ZgApiCall *call, GError **error)
{
    ZgJsonReader reader;
    const char *name = NULL;
    const char *password = NULL;
    const char *full_name = NULL;
    bool admin = false;
    g_autofree char *hash = NULL;
    json_t *user = NULL;

    zg_api_reader_init(call, &reader);
    zg_json_take_name(&reader, "name", ZG_JSON_REQUIRED, &name);
    zg_json_take_text(&reader, "password", ZG_JSON_REQUIRED, 1, ZG_LIMIT_PASSWORD_BYTES,
                      &password);
    zg_json_take_text(&reader, "full_name", ZG_JSON_OPTIONAL, 1, 128, &full_name);
    zg_json_take_bool(&reader, "admin", ZG_JSON_OPTIONAL, &admin);
    if (!zg_api_reader_finish(call, &reader, error)) {
        return false;
    }
    hash = hash_new(call, password, error);
    if (hash == NULL || !zg_service_add_local_user(call->service, &call->caller, name, hash,
                                                   full_name, admin, &user, error)) {
        return false;
    }
    return zg_api_answer(call, 201, user);
}

bool
zg_api_user_password(ZgApiCall *call, GError **error)
{
    ZgJsonReader reader;
    const char *password = NULL;
    g_autofree char *hash = NULL;

    zg_api_reader_init(call, &reader);
    zg_json_take_text(&reader, "password", ZG_JSON_REQUIRED, 1, ZG_LIMIT_PASSWORD_BYTES,
                      &password);
    if (!zg_api_reader_finish(call, &reader, error)) {
        return false;
    }
    hash = hash_new(call, password, error);
    return hash != NULL &&
           zg_service_set_local_password(call->service, &call->caller, zg_api_param(call, 0), hash,
                                         error) &&
           zg_api_empty(call);
}

bool
zg_api_user_delete(ZgApiCall *call, GError **error)
{
    if (strcmp(call->caller.user, zg_api_param(call, 0)) == 0) {
        g_set_error_literal(error, ZG_ERROR, ZG_ERROR_CONFLICT,
                            "Nobody can delete the account they are signed in with.");
        return false;
    }
    return zg_api_no_body(call, error) &&
           zg_service_delete_local_user(call->service, &call->caller, zg_api_param(call, 0),
                                        error) &&
           zg_api_empty(call);
}

bool
zg_api_user_sign_ins(ZgApiCall *call, GError **error)
{
    json_t *sign_ins = NULL;

    return zg_service_list_sign_ins(call->service, zg_api_param(call, 0), &sign_ins, error) &&
           zg_api_answer(call, 200, sign_ins);
}

bool
zg_api_user_sign_ins_delete(ZgApiCall *call, GError **error)
{
    return zg_api_no_body(call, error) &&
           zg_service_revoke_sign_ins(call->service, &call->caller, zg_api_param(call, 0),
                                      error) &&
           zg_api_empty(call);
}
