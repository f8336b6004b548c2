/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "auth/local.h"

#include "auth/password.h"
#include "common/base/error.h"

typedef struct {
    ZgProvider base;
    ZgLocalFind find;
    void *data;
} LocalProvider;

void
zg_local_account_clear(ZgLocalAccount *account)
{
    g_clear_pointer(&account->name, g_free);
    g_clear_pointer(&account->full_name, g_free);
    g_clear_pointer(&account->hash, g_free);
}

static bool
check(ZgProvider *provider, const char *user, const char *password, size_t n_password,
      ZgIdentity **out_identity, GError **error)
{
    LocalProvider *local = (LocalProvider *)provider;
    g_auto(ZgLocalAccount) account = {0};
    g_autoptr(GError) cause = NULL;
    bool found = local->find(local->data, user, &account, &cause);

    if (!found && zg_error_code_of(cause) != ZG_ERROR_NOT_FOUND) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    if (!zg_password_verify(found ? account.hash : NULL, password, n_password)) {
        g_set_error_literal(error, ZG_ERROR, ZG_ERROR_UNAUTHENTICATED, ZG_SIGN_IN_REFUSED);
        return false;
    }
    if (!account.enabled) {
        g_set_error_literal(error, ZG_ERROR, ZG_ERROR_DENIED, "This account is disabled.");
        return false;
    }
    *out_identity = zg_identity_new(account.name, account.full_name, NULL, account.admin);
    return true;
}

static bool
probe(ZgProvider *provider, GError **error)
{
    (void)provider;
    (void)error;
    return true; /* as good as the store it reads; that has a check of its own */
}

static const ZgProviderOps local_ops = {
    .kind = "local",
    .check = check,
    .probe = probe,
    .free = (void (*)(ZgProvider *))g_free,
};

ZgProvider *
zg_local_provider_new(ZgLocalFind find, void *data)
{
    LocalProvider *local = g_new0(LocalProvider, 1);

    local->base.ops = &local_ops;
    local->find = find;
    local->data = data;
    return &local->base;
}
