/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zaguan login, logout */
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include "client/ctl/api.h"
#include "client/ctl/commands.h"
#include "client/ctl/context.h"
#include "client/ctl/files.h"
#include "client/ctl/trust.h"
#include "common/base/error.h"
#include "common/base/limits.h"
#include "common/proto/json.h"

#define MOST_CA_BYTES (60 * 1024)

/* The certificates to trust for @url: a file, a confirmed fingerprint, or the system's (NULL). */
static bool
choose_trust(ZgCtl *ctl, const char *url, const ZgContext *old, char **out_ca_pem, GError **error)
{
    const char *file = zg_ctl_option(ctl, "ca");
    const char *fingerprint = zg_ctl_option(ctl, "fingerprint");
    size_t n_bytes;

    if (file != NULL) {
        *out_ca_pem = zg_file_read_text(file, MOST_CA_BYTES, &n_bytes, error);
        return *out_ca_pem != NULL && zg_trust_check_pem(*out_ca_pem, file, error);
    }
    if (old != NULL && fingerprint == NULL && g_strcmp0(old->url, url) == 0) {
        *out_ca_pem = g_strdup(old->ca_pem); /* trusted before, for the same address */
        return true;
    }
    return zg_trust_on_first_use(url, fingerprint, out_ca_pem, error);
}

/* DIR of --ca DIR/ca/ca.pem: then the installation is on this machine, and templates go there. */
static char *
folder_of_ca(const char *ca)
{
    g_autofree char *path = ca ? g_canonicalize_filename(ca, NULL) : NULL;
    g_autofree char *dir = NULL;
    g_autofree char *incoming = NULL;

    if (path == NULL || !g_str_has_suffix(path, "/ca/ca.pem")) {
        return NULL;
    }
    dir = g_strndup(path, strlen(path) - strlen("/ca/ca.pem"));
    incoming = g_build_filename(dir, "incoming", NULL);
    return g_file_test(incoming, G_FILE_TEST_IS_DIR) ? g_steal_pointer(&dir) : NULL;
}

static bool
keep_sign_in(ZgCtl *ctl, const char *url, const char *ca_pem, const char *old_dir,
             const json_t *reply, GError **error)
{
    const char *token = json_string_value(json_object_get(reply, "token"));
    const char *user = json_string_value(json_object_get(reply, "user"));
    const char *expires_at = json_string_value(json_object_get(reply, "expires_at"));
    g_autofree char *dir = folder_of_ca(zg_ctl_option(ctl, "ca"));
    ZgContext context = {(char *)url,   (char *)ca_pem,     (char *)user,
                         (char *)token, (char *)expires_at, dir ? dir : (char *)old_dir};

    if (token == NULL || user == NULL) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_PROTOCOL, "the broker's answer has no token");
        return false;
    }
    return zg_context_save(&context, zg_ctl_context_path(ctl), error);
}

static int
login_run(ZgCtl *ctl, GError **error)
{
    g_autoptr(ZgContext) old = zg_context_load(zg_ctl_context_path(ctl), NULL);
    const char *typed = zg_ctl_arg(ctl, 0);
    g_autofree char *url = g_strdup(typed ? typed : old ? old->url : NULL);
    const char *user = zg_ctl_option(ctl, "user");
    g_autofree char *ca_pem = NULL;
    g_autofree char *prompt = NULL;
    g_autofree char *done = NULL;
    g_autoptr(ZgBrokerClient) client = NULL;
    g_autoptr(ZgSecret) password = NULL;
    g_autoptr(json_t) reply = NULL;
    bool same;

    if (url == NULL) {
        return zg_misuse(error, "where? use: zaguan login https://HOST:8443");
    }
    while (g_str_has_suffix(url, "/")) {
        url[strlen(url) - 1] = '\0';
    }
    same = old != NULL && g_strcmp0(old->url, url) == 0;
    user = user ? user : typed == NULL && old ? old->user : g_get_user_name();
    prompt = g_strdup_printf("Password of %s", user);
    if (!choose_trust(ctl, url, old, &ca_pem, error) ||
        (client = zg_broker_client_new(url, ca_pem, error)) == NULL ||
        (password = zg_password_ask(zg_ctl_option(ctl, "password-file"), prompt, error)) == NULL ||
        !zg_broker_client_sign_in(client, user, zg_secret_text(password), g_get_host_name(),
                                  &reply, error) ||
        !keep_sign_in(ctl, url, ca_pem, same ? old->dir : NULL, reply, error)) {
        return -1;
    }
    json_object_del(reply, "token"); /* kept in the context's file, and shown nowhere */
    json_object_set_new(reply, "url", json_string(url));
    done = g_strdup_printf("signed in at %s as '%s'", url,
                           json_string_value(json_object_get(reply, "user")));
    zg_api_done(ctl, reply, done);
    return 0;
}

static int
logout_run(ZgCtl *ctl, GError **error)
{
    g_autoptr(GError) cause = NULL;
    bool told = zg_broker_client_call(zg_ctl_client(ctl), "POST", "/sign-out", NULL, NULL, &cause);

    if (g_unlink(zg_ctl_context_path(ctl)) != 0) {
        zg_set_errno(error, errno, "remove '%s'", zg_ctl_context_path(ctl));
        return -1;
    }
    if (!told && !g_error_matches(cause, ZG_ERROR, ZG_ERROR_UNAUTHENTICATED)) {
        g_propagate_prefixed_error(error, g_steal_pointer(&cause),
                                   "forgotten here, but the broker was not told: ");
        return -1;
    }
    zg_api_done(ctl, NULL, "signed out");
    return 0;
}

static const ZgCtlOption login_options[] = {
    {"user", "NAME", "who signs in (default: as last time, or the Unix name)"},
    {"password-file", "FILE", "first line is the password; - is standard input"},
    {"ca", "FILE", "certificates to trust, as DIR/ca/ca.pem of the installation"},
    {"fingerprint", "HEX", "SHA-256 of the authority's certificate, as `zaguan init` printed it"},
    {NULL, NULL, NULL},
};

const ZgCommand zg_cmd_login = {
    .name = "login", .usage = "[https://HOST:PORT] [--user NAME] [--ca FILE]",
    .help = "Sign in; other commands use this sign-in.", .max_args = 1, .options = login_options,
    .run = login_run,
};

const ZgCommand zg_cmd_logout = {
    .name = "logout", .usage = "", .help = "End the sign-in and forget it.",
    .flags = ZG_CMD_NEEDS_LOGIN, .run = logout_run,
};
