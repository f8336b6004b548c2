/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zaguan user …: accounts that the installation keeps itself, beside the directory */
#include <stdio.h>
#include "client/ctl/api.h"
#include "client/ctl/commands.h"
#include "client/ctl/files.h"
#include "common/base/error.h"
#include "common/proto/json.h"

static const ZgColumn user_columns[] = {
    {"USER", "name", false},
    {"FULL NAME", "full_name", false},
    {"ADMIN", "admin", false},
    {"FROM", "provider", false},
    {"LAST SIGN-IN", "seen_at", false},
    {NULL, NULL, false},
};

static int
user_list(ZgCtl *ctl, GError **error)
{
    return zg_api_print_list(ctl, "/users", user_columns, error);
}

static ZgSecret *
new_password(ZgCtl *ctl, bool *out_generated, GError **error)
{
    const char *file = zg_ctl_option(ctl, "password-file");
    g_autofree char *prompt = g_strdup_printf("New password of %s", zg_ctl_arg(ctl, 0));

    *out_generated = zg_ctl_option(ctl, "generate") != NULL;
    return *out_generated ? zg_password_generate() : zg_password_ask(file, prompt, error);
}

static int
send_password(ZgCtl *ctl, const char *path, json_t *body, const char *done, GError **error)
{
    bool generated = false;
    g_autoptr(ZgSecret) password = new_password(ctl, &generated, error);
    g_autoptr(json_t) reply = NULL;
    json_t *text;

    if (password == NULL) {
        return -1;
    }
    text = json_string(zg_secret_text(password));
    if (text == NULL) {
        return zg_misuse(error, "the password must be UTF-8 text");
    }
    json_object_set_new(body, "password", text);
    if (!zg_broker_client_call(zg_ctl_client(ctl), "POST", path, body, &reply, error)) {
        return -1;
    }
    if (zg_ctl_json(ctl)) {
        reply = reply != NULL ? reply : json_pack("{s:s}", "done", done);
        if (generated) {
            json_object_set(reply, "password", json_object_get(body, "password"));
        }
        zg_print_json(reply);
        return 0;
    }
    zg_say("%s", done);
    if (generated) {
        printf("%s\n", zg_secret_text(password)); /* shown once; kept nowhere */
    }
    return 0;
}

static int
user_add(ZgCtl *ctl, GError **error)
{
    g_autofree char *done = g_strdup_printf("user '%s' added", zg_ctl_arg(ctl, 0));
    g_autoptr(json_t) body =
        json_pack("{s:s, s:s*, s:b}", "name", zg_ctl_arg(ctl, 0), "full_name",
                  zg_ctl_option(ctl, "full-name"), "admin", zg_ctl_option(ctl, "admin") != NULL);

    if (body == NULL) {
        return zg_misuse(error, "names must be UTF-8 text");
    }
    return send_password(ctl, "/users", body, done, error);
}

static int
user_password(ZgCtl *ctl, GError **error)
{
    g_autofree char *path = zg_api_path("/users/", zg_ctl_arg(ctl, 0), "/password");
    g_autofree char *done = g_strdup_printf("password of '%s' changed", zg_ctl_arg(ctl, 0));
    g_autoptr(json_t) body = json_object();

    return send_password(ctl, path, body, done, error);
}

static int
user_delete(ZgCtl *ctl, GError **error)
{
    g_autofree char *path = zg_api_path("/users/", zg_ctl_arg(ctl, 0), "");
    g_autofree char *done = g_strdup_printf("user '%s' deleted", zg_ctl_arg(ctl, 0));

    return zg_api_call(ctl, "DELETE", path, NULL, done, error);
}

static int
user_revoke(ZgCtl *ctl, GError **error)
{
    g_autofree char *path = zg_api_path("/users/", zg_ctl_arg(ctl, 0), "/sign-ins");
    g_autofree char *done =
        g_strdup_printf("every sign-in of '%s' has ended", zg_ctl_arg(ctl, 0));

    return zg_api_call(ctl, "DELETE", path, NULL, done, error);
}

static const ZgCtlOption password_options[] = {
    {"password-file", "FILE", "first line is the password; - is standard input"},
    {"generate", NULL, "make a password and print it once"},
    {NULL, NULL, NULL},
};

static const ZgCtlOption add_options[] = {
    {"full-name", "TEXT", "name as people say it"},
    {"admin", NULL, "may administer"},
    {"password-file", "FILE", "first line is the password; - is standard input"},
    {"generate", NULL, "make a password and print it once"},
    {NULL, NULL, NULL},
};

const ZgCommand zg_cmd_user_list = {
    .name = "user list", .usage = "",
    .help = "Show local accounts, and whom of the directory the broker has seen.",
    .flags = ZG_CMD_NEEDS_LOGIN, .run = user_list,
};

const ZgCommand zg_cmd_user_add = {
    .name = "user add", .usage = "NAME [--admin] [--full-name TEXT]",
    .help = "Add a local account.", .flags = ZG_CMD_NEEDS_LOGIN, .min_args = 1, .max_args = 1,
    .options = add_options, .run = user_add,
};

const ZgCommand zg_cmd_user_delete = {
    .name = "user delete", .usage = "NAME", .help = "Delete a local account.",
    .flags = ZG_CMD_NEEDS_LOGIN, .min_args = 1, .max_args = 1, .run = user_delete,
};

const ZgCommand zg_cmd_user_password = {
    .name = "user password", .usage = "NAME", .help = "Change the password of a local account.",
    .flags = ZG_CMD_NEEDS_LOGIN, .min_args = 1, .max_args = 1, .options = password_options,
    .run = user_password,
};

const ZgCommand zg_cmd_user_revoke = {
    .name = "user revoke", .usage = "NAME",
    .help = "End every sign-in of a person, of the directory too.", .flags = ZG_CMD_NEEDS_LOGIN,
    .min_args = 1, .max_args = 1, .run = user_revoke,
};
