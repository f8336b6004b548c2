/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From argv to an exit status: parse, sign in by the kept context, run, say what went wrong. */
#include "client/ctl/command.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>
#include "client/ctl/args.h"
#include "client/ctl/context.h"
#include "client/ctl/help.h"
#include "client/ctl/print.h"
#include "common/base/error.h"

struct ZgCtl {
    ZgArgs args;
    char *context_path;
    ZgContext *context;
    ZgBrokerClient *client;
};

const char *
zg_ctl_arg(const ZgCtl *ctl, unsigned index)
{
    return index < ctl->args.args->len ? ctl->args.args->pdata[index] : NULL;
}

const char *
zg_ctl_option(const ZgCtl *ctl, const char *name)
{
    return g_hash_table_lookup(ctl->args.options, name);
}

bool
zg_ctl_option_int(const ZgCtl *ctl, const char *name, int64_t least, int64_t most,
                  int64_t fallback, int64_t *out_value, GError **error)
{
    const char *text = zg_ctl_option(ctl, name);
    gint64 value = fallback;

    if (text != NULL && !g_ascii_string_to_signed(text, 10, least, most, &value, NULL)) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID,
                    "--%s '%s': must be a whole number from %" G_GINT64_FORMAT
                    " to %" G_GINT64_FORMAT,
                    name, text, least, most);
        return false;
    }
    *out_value = value;
    return true;
}

bool
zg_ctl_json(const ZgCtl *ctl)
{
    const char *output = zg_ctl_option(ctl, "output");

    return zg_ctl_option(ctl, "json") != NULL || g_strcmp0(output, "json") == 0;
}

ZgBrokerClient *
zg_ctl_client(ZgCtl *ctl)
{
    g_assert(ctl->client != NULL); /* the command's row lacks ZG_CMD_NEEDS_LOGIN */
    return ctl->client;
}

const ZgContext *
zg_ctl_context(const ZgCtl *ctl)
{
    g_assert(ctl->context != NULL); /* as above */
    return ctl->context;
}

const char *
zg_ctl_context_path(const ZgCtl *ctl)
{
    return ctl->context_path;
}

int
zg_misuse(GError **error, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error_literal(error, ZG_ERROR, ZG_ERROR_INVALID, text);
    return -1;
}

/* "es" from LANG=es_ES.UTF-8, so that the broker's sentences come in the person's language. */
static char *
language_of_person(void)
{
    const char *locale = setlocale(LC_MESSAGES, NULL);

    if (locale == NULL || strlen(locale) < 2 || g_str_equal(locale, "POSIX") || locale[0] == 'C') {
        return g_strdup("en");
    }
    return g_strndup(locale, strcspn(locale, "_.@"));
}

static bool
sign_in_by_context(ZgCtl *ctl, GError **error)
{
    g_autofree char *language = language_of_person();

    ctl->context = zg_context_load(ctl->context_path, error);
    if (ctl->context == NULL) {
        return false;
    }
    ctl->client = zg_broker_client_new(ctl->context->url, ctl->context->ca_pem, error);
    if (ctl->client == NULL) {
        return false;
    }
    zg_broker_client_set_token(ctl->client, ctl->context->token);
    zg_broker_client_set_language(ctl->client, language);
    return true;
}

static int
run_command(ZgCtl *ctl, GError **error)
{
    const ZgCommand *command = ctl->args.command;

    if ((command->flags & ZG_CMD_NEEDS_LOGIN) != 0 && !sign_in_by_context(ctl, error)) {
        return -1;
    }
    return command->run(ctl, error);
}

static int
report(const GError *error)
{
    zg_say("zaguan: %s", error->message);
    if (g_error_matches(error, ZG_ERROR, ZG_ERROR_UNAUTHENTICATED) &&
        strstr(error->message, "zaguan login") == NULL) {
        zg_say("hint: the sign-in may have ended; use: zaguan login");
    }
    return zg_error_exit_status(zg_error_code_of(error));
}

static void
choose_locale(void)
{
    if (setlocale(LC_ALL, "") == NULL || !g_get_charset(NULL)) {
        setlocale(LC_CTYPE, "C.UTF-8"); /* names of people are UTF-8 wherever we run */
    }
}

int
zg_ctl_main(int argc, char **argv)
{
    ZgCtl ctl = {0};
    g_autoptr(GError) error = NULL;
    int status;

    choose_locale();
    if (!zg_args_parse(zg_ctl_commands(), argc - 1, argv + 1, &ctl.args, &error)) {
        return report(error);
    }
    if (zg_ctl_option(&ctl, "version") != NULL) {
        printf("zaguan %s\n", ZAGUAN_VERSION);
        zg_args_clear(&ctl.args);
        return 0;
    }
    if (ctl.args.help) {
        bool asked = ctl.args.options != NULL && zg_ctl_option(&ctl, "help") != NULL;

        zg_help_print(zg_ctl_commands(), ctl.args.command, ctl.args.noun);
        zg_args_clear(&ctl.args);
        return asked ? 0 : 2; /* a command is missing */
    }
    ctl.context_path = zg_ctl_option(&ctl, "context") ? g_strdup(zg_ctl_option(&ctl, "context"))
                                                       : zg_context_default_path();
    status = run_command(&ctl, &error);
    if (status < 0) {
        status = report(error);
    }
    zg_broker_client_free(ctl.client);
    zg_context_free(ctl.context);
    zg_args_clear(&ctl.args);
    g_free(ctl.context_path);
    return status;
}
