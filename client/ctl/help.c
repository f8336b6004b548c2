/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/ctl/help.h"

#include <stdio.h>
#include <string.h>
#include "client/ctl/args.h"

static const char about[] =
    "zaguan: virtual desktops for branches.\n"
    "\n"
    "usage: zaguan COMMAND [ARGUMENTS] [--output table|json] [--context FILE]\n";

static bool
belongs_to(const ZgCommand *command, const char *noun)
{
    size_t n = strlen(noun);

    return strncmp(command->name, noun, n) == 0 &&
           (command->name[n] == ' ' || command->name[n] == '\0');
}

static void
append_rows(GString *out, const ZgCommand *const *commands, const char *noun)
{
    for (size_t i = 0; commands[i] != NULL; i++) {
        if (noun == NULL || belongs_to(commands[i], noun)) {
            g_string_append_printf(out, "  %-20s %s\n", commands[i]->name, commands[i]->help);
        }
    }
}

static void
append_options(GString *out, const ZgCtlOption *options)
{
    for (; options != NULL && options->name != NULL; options++) {
        g_autofree char *shape =
            g_strdup_printf("--%s%s%s", options->name, options->value ? " " : "",
                            options->value ? options->value : "");

        g_string_append_printf(out, "  %-26s %s\n", shape, options->help);
    }
}

static void
append_command(GString *out, const ZgCommand *command)
{
    g_string_append_printf(out, "usage: zaguan %s%s%s\n\n%s\n", command->name,
                           command->usage[0] ? " " : "", command->usage, command->help);
    if (command->options != NULL) {
        g_string_append(out, "\noptions:\n");
        append_options(out, command->options);
    }
    g_string_append(out, "\nfor every command:\n");
    append_options(out, zg_common_options);
}

char *
zg_help_text(const ZgCommand *const *commands, const ZgCommand *command, const char *noun)
{
    GString *out = g_string_new(NULL);

    if (command != NULL) {
        append_command(out, command);
    } else if (noun != NULL) {
        g_string_append_printf(out, "usage: zaguan %s COMMAND\n\n", noun);
        append_rows(out, commands, noun);
    } else {
        g_string_append(out, about);
        g_string_append_c(out, '\n');
        append_rows(out, commands, NULL);
        g_string_append(out, "\nMore about one: zaguan COMMAND --help\n");
    }
    return g_string_free(out, FALSE);
}

void
zg_help_print(const ZgCommand *const *commands, const ZgCommand *command, const char *noun)
{
    g_autofree char *text = zg_help_text(commands, command, noun);

    fputs(text, stdout);
    fflush(stdout);
}

static void
append_markdown_options(GString *out, const ZgCtlOption *options)
{
    if (options == NULL || options->name == NULL) {
        return;
    }
    g_string_append(out, "\n| option | meaning |\n|---|---|\n");
    for (; options->name != NULL; options++) {
        g_autofree char *value = options->value ? g_strdup_printf(" %s", options->value) : NULL;
        g_auto(GStrv) parts = value ? g_strsplit(value, "|", -1) : NULL;
        g_autofree char *escaped = parts ? g_strjoinv("\\|", parts) : g_strdup("");

        g_string_append_printf(out, "| `--%s%s` | %s |\n", options->name, escaped, options->help);
    }
}

char *
zg_help_markdown(const ZgCommand *const *commands)
{
    GString *out = g_string_new(
        "# zaguan(1)\n\n"
        "<!-- Made by `zaguan help --markdown` from the command table; change it there. -->\n\n"
        "`zaguan COMMAND [ARGUMENTS] [OPTIONS]` administers an installation and opens desktops.\n\n"
        "Data goes to stdout, talk and progress to stderr. Exit status: 0 done, 1 failed, 2 "
        "misused.\n`NO_COLOR` is respected. The sign-in is kept in "
        "`~/.config/zaguan/context.json` (0600).\n\n"
        "Every command takes:\n");

    append_markdown_options(out, zg_common_options);
    for (size_t i = 0; commands[i] != NULL; i++) {
        const ZgCommand *command = commands[i];

        g_string_append_printf(out, "\n## zaguan %s\n\n`zaguan %s%s%s`\n\n%s\n", command->name,
                               command->name, command->usage[0] ? " " : "", command->usage,
                               command->help);
        append_markdown_options(out, command->options);
    }
    return g_string_free(out, FALSE);
}

/* Backslashes, and a dot or quote that would begin a request, are roff's own. */
static void
append_roff(GString *out, const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '\\') {
            g_string_append(out, "\\e");
        } else if (*at == '-') {
            g_string_append(out, "\\-");
        } else if ((*at == '.' || *at == '\'') && (at == text || at[-1] == '\n')) {
            g_string_append_printf(out, "\\&%c", *at);
        } else {
            g_string_append_c(out, *at);
        }
    }
}

static void
append_roff_options(GString *out, const ZgCtlOption *options)
{
    for (; options != NULL && options->name != NULL; options++) {
        g_string_append(out, ".TP\n.B \\-\\-");
        append_roff(out, options->name);
        if (options->value != NULL) {
            g_string_append_c(out, ' ');
            append_roff(out, options->value);
        }
        g_string_append_c(out, '\n');
        append_roff(out, options->help);
        g_string_append_c(out, '\n');
    }
}

char *
zg_help_roff(const ZgCommand *const *commands)
{
    GString *out = g_string_new(
        ".TH ZAGUAN 1\n.SH NAME\nzaguan \\- virtual desktops for branches\n.SH SYNOPSIS\n"
        ".B zaguan\n.I COMMAND\n[\n.I ARGUMENTS\n] [\n.I OPTIONS\n]\n.SH DESCRIPTION\n"
        "Administers an installation and opens desktops. Data goes to stdout, talk and\n"
        "progress to\n"
        "stderr.\n.B NO_COLOR\nis respected. The sign\\-in is kept in\n"
        ".I ~/.config/zaguan/context.json\n(0600).\n.SH OPTIONS OF EVERY COMMAND\n");

    append_roff_options(out, zg_common_options);
    g_string_append(out, ".SH COMMANDS\n");
    for (size_t i = 0; commands[i] != NULL; i++) {
        g_string_append(out, ".SS zaguan ");
        append_roff(out, commands[i]->name);
        g_string_append(out, "\n.B zaguan ");
        append_roff(out, commands[i]->name);
        g_string_append_c(out, ' ');
        append_roff(out, commands[i]->usage);
        g_string_append(out, "\n.PP\n");
        append_roff(out, commands[i]->help);
        g_string_append_c(out, '\n');
        append_roff_options(out, commands[i]->options);
    }
    g_string_append(out, ".SH EXIT STATUS\n0 done, 1 failed, 2 misused.\n");
    return g_string_free(out, FALSE);
}

static int
help_run(ZgCtl *ctl, GError **error)
{
    const ZgCommand *const *commands = zg_ctl_commands();
    const char *noun = zg_ctl_arg(ctl, 0);
    const char *verb = zg_ctl_arg(ctl, 1);
    g_autofree char *name = verb ? g_strdup_printf("%s %s", noun, verb) : g_strdup(noun);
    bool known = noun == NULL;

    if (zg_ctl_option(ctl, "markdown") != NULL || zg_ctl_option(ctl, "roff") != NULL) {
        g_autofree char *text = zg_ctl_option(ctl, "roff") != NULL ? zg_help_roff(commands)
                                                                   : zg_help_markdown(commands);

        fputs(text, stdout);
        return 0;
    }
    for (size_t i = 0; name != NULL && commands[i] != NULL; i++) {
        if (g_str_equal(commands[i]->name, name)) {
            zg_help_print(commands, commands[i], NULL);
            return 0;
        }
        known = known || (verb == NULL && belongs_to(commands[i], noun));
    }
    if (!known) {
        return zg_misuse(error, "there is no command '%s'", name);
    }
    zg_help_print(commands, NULL, noun);
    return 0;
}

static const ZgCtlOption help_options[] = {
    {"markdown", NULL, "the whole manual, as in docs/man/zaguan.md"},
    {"roff", NULL, "the whole manual, for man"},
    {NULL, NULL, NULL},
};

const ZgCommand zg_cmd_help = {
    .name = "help",
    .usage = "[COMMAND]",
    .help = "Show what can be done, or how one command is used.",
    .max_args = 2,
    .options = help_options,
    .run = help_run,
};
