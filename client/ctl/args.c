/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/ctl/args.h"

#include <string.h>
#include "client/ctl/suggest.h"
#include "common/base/error.h"

const ZgCtlOption zg_common_options[] = {
    {"output", "table|json", "how data is printed (short: -o)"},
    {"json", NULL, "the same as --output json"},
    {"context", "FILE", "sign-in to use, as kept by `zaguan login --context FILE`"},
    {"help", NULL, "show how the command is used (short: -h)"},
    {"version", NULL, "print the version of this program"},
    {NULL, NULL, NULL},
};

static const ZgCtlOption *
find_in(const ZgCtlOption *options, const char *name)
{
    for (; options != NULL && options->name != NULL; options++) {
        if (g_str_equal(options->name, name)) {
            return options;
        }
    }
    return NULL;
}

static size_t
collect_names(const ZgCtlOption *options, const char **names, size_t n_names, size_t room)
{
    for (; options != NULL && options->name != NULL && n_names < room; options++) {
        names[n_names++] = options->name;
    }
    return n_names;
}

static bool
unknown_option(const ZgCommand *command, const char *name, GError **error)
{
    const char *names[64];
    size_t n_names = collect_names(zg_common_options, names, 0, G_N_ELEMENTS(names));
    const char *near;

    if (command != NULL) {
        n_names = collect_names(command->options, names, n_names, G_N_ELEMENTS(names));
    }
    near = zg_suggest(name, names, n_names);
    g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "unknown option '--%s'%s%s%s", name,
                near ? " (did you mean '--" : "", near ? near : "", near ? "'?)" : "");
    return false;
}

/* Takes the option at argv[*i], and its value, which may be the next word. */
static bool
take_option(ZgArgs *args, int argc, char *const *argv, int *i, GError **error)
{
    const char *word = argv[*i];
    const char *value = NULL;
    g_autofree char *name = NULL;
    const ZgCtlOption *option;

    if (g_str_equal(word, "-h")) {
        word = "--help";
    } else if (g_str_equal(word, "-o")) {
        word = "--output";
    } else if (g_str_equal(word, "-f")) {
        word = "--file";
    } else if (word[1] != '-') {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "unknown option '%s'", word);
        return false;
    }
    value = strchr(word, '=');
    name = value ? g_strndup(word + 2, (gsize)(value - word - 2)) : g_strdup(word + 2);
    value = value ? value + 1 : NULL;
    option = find_in(zg_common_options, name);
    if (option == NULL && args->command != NULL) {
        option = find_in(args->command->options, name);
    }
    if (option == NULL) {
        return unknown_option(args->command, name, error);
    }
    if (option->value == NULL && value != NULL) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "option '--%s' takes no value", name);
        return false;
    }
    if (option->value != NULL && value == NULL) {
        if (*i + 1 >= argc) {
            g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "option '--%s' needs a value: %s", name,
                        option->value);
            return false;
        }
        value = argv[++*i];
    }
    if (!g_hash_table_insert(args->options, (gpointer)option->name,
                             (gpointer)(value ? value : ""))) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "option '--%s' is given twice", name);
        return false;
    }
    return true;
}

/* The command whose name is the first one or two words; *out_n_words says how many. */
static const ZgCommand *
find_command(const ZgCommand *const *commands, int argc, char *const *argv, int *out_n_words)
{
    g_autofree char *both =
        argc >= 2 ? g_strdup_printf("%s %s", argv[0], argv[1]) : g_strdup(argv[0]);

    for (size_t i = 0; commands[i] != NULL; i++) {
        if (argc >= 2 && g_str_equal(commands[i]->name, both)) {
            *out_n_words = 2;
            return commands[i];
        }
        if (g_str_equal(commands[i]->name, argv[0])) {
            *out_n_words = 1;
            return commands[i];
        }
    }
    return NULL;
}

static bool
is_noun(const ZgCommand *const *commands, const char *word)
{
    size_t n = strlen(word);

    for (size_t i = 0; commands[i] != NULL; i++) {
        if (strncmp(commands[i]->name, word, n) == 0 && commands[i]->name[n] == ' ') {
            return true;
        }
    }
    return false;
}

static bool
unknown_command(const ZgCommand *const *commands, int argc, char *const *argv, GError **error)
{
    bool noun = is_noun(commands, argv[0]);
    g_autofree char *typed = noun && argc >= 2 ? g_strdup_printf("%s %s", argv[0], argv[1])
                                               : g_strdup(argv[0]);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    const char *near;

    for (size_t i = 0; commands[i] != NULL; i++) {
        const char *space = strchr(commands[i]->name, ' ');

        g_ptr_array_add(names, noun || space == NULL
                                   ? g_strdup(commands[i]->name)
                                   : g_strndup(commands[i]->name,
                                               (gsize)(space - commands[i]->name)));
    }
    near = zg_suggest(typed, (const char *const *)names->pdata, names->len);
    g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "unknown command '%s'%s%s%s", typed,
                near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
    return false;
}

static bool
check_count(const ZgCommand *command, const GPtrArray *args, GError **error)
{
    if (args->len < command->min_args) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID,
                    "something is missing; usage: zaguan %s %s", command->name, command->usage);
        return false;
    }
    if (args->len > command->max_args) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID,
                    "'%s' is too much; usage: zaguan %s %s",
                    (const char *)args->pdata[command->max_args], command->name, command->usage);
        return false;
    }
    return true;
}

static bool
check_output(ZgArgs *args, GError **error)
{
    const char *output = g_hash_table_lookup(args->options, "output");

    if (output != NULL && !g_str_equal(output, "table") && !g_str_equal(output, "json")) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "--output '%s': must be table or json",
                    output);
        return false;
    }
    return true;
}

bool
zg_args_parse(const ZgCommand *const *commands, int argc, char *const *argv, ZgArgs *out_args,
              GError **error)
{
    g_auto(ZgArgs) args = {.args = g_ptr_array_new(),
                           .options = g_hash_table_new(g_str_hash, g_str_equal)};
    int n_words = 0, first = 0;
    bool only_args = false;

    /* What every command takes may also stand before it. */
    while (first < argc && argv[first][0] == '-' && argv[first][1] != '\0') {
        if (!take_option(&args, argc, argv, &first, error)) {
            return false;
        }
        first++;
    }
    argc -= first;
    argv += first;
    if (argc > 0) {
        args.command = find_command(commands, argc, argv, &n_words);
        if (args.command == NULL) {
            bool bare = argc == 1 || argv[1][0] == '-';

            if (!bare || !is_noun(commands, argv[0])) {
                return unknown_command(commands, argc, argv, error);
            }
            args.noun = argv[0];
            args.help = true;
            n_words = 1;
        }
    } else {
        args.help = true;
    }
    for (int i = n_words; i < argc; i++) {
        if (!only_args && g_str_equal(argv[i], "--")) {
            only_args = true;
        } else if (!only_args && argv[i][0] == '-' && argv[i][1] != '\0') {
            if (!take_option(&args, argc, argv, &i, error)) {
                return false;
            }
        } else {
            g_ptr_array_add(args.args, argv[i]);
        }
    }
    args.help = args.help || g_hash_table_contains(args.options, "help");
    if (!check_output(&args, error) ||
        (args.command != NULL && !args.help && !g_hash_table_contains(args.options, "version") &&
         !check_count(args.command, args.args, error))) {
        return false;
    }
    *out_args = args;
    args = (ZgArgs){0};
    return true;
}

void
zg_args_clear(ZgArgs *args)
{
    g_clear_pointer(&args->args, g_ptr_array_unref);
    g_clear_pointer(&args->options, g_hash_table_unref);
}
