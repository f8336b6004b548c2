/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zaguan completion: a shell's completion, written from the command table */
#include <stdio.h>
#include <string.h>
#include "client/ctl/args.h"
#include "client/ctl/commands.h"

static void
append_options(GString *out, const ZgCtlOption *options)
{
    for (; options != NULL && options->name != NULL; options++) {
        g_string_append_printf(out, " --%s", options->name);
    }
}

/* Every noun or single word, once. */
static void
append_first_words(GString *out)
{
    const ZgCommand *const *commands = zg_ctl_commands();
    g_autofree char *last = NULL;

    for (size_t i = 0; commands[i] != NULL; i++) {
        g_autofree char *word =
            g_strndup(commands[i]->name, strcspn(commands[i]->name, " "));

        if (g_strcmp0(word, last) != 0) {
            g_string_append_printf(out, " %s", word);
        }
        g_free(last);
        last = g_steal_pointer(&word);
    }
}

/* What may follow a noun. */
static void
append_verbs(GString *out, const char *noun, size_t n_noun)
{
    const ZgCommand *const *commands = zg_ctl_commands();

    for (size_t i = 0; commands[i] != NULL; i++) {
        if (strncmp(commands[i]->name, noun, n_noun) == 0 && commands[i]->name[n_noun] == ' ') {
            g_string_append_printf(out, " %s", commands[i]->name + n_noun + 1);
        }
    }
}

static void
append_cases(GString *out)
{
    const ZgCommand *const *commands = zg_ctl_commands();
    const char *noun = "";

    for (size_t i = 0; commands[i] != NULL; i++) {
        const char *name = commands[i]->name;
        size_t n_noun = strcspn(name, " ");

        if (name[n_noun] == ' ' && strncmp(noun, name, n_noun + 1) != 0) {
            noun = name;
            g_string_append_printf(out, "    '%.*s') words='", (int)n_noun, name);
            append_verbs(out, name, n_noun);
            g_string_append(out, "' ;;\n");
        }
        g_string_append_printf(out, "    '%s' | '%s '*) words='", name, name);
        append_options(out, commands[i]->options);
        append_options(out, zg_common_options);
        g_string_append(out, "' ;;\n");
    }
}

static int
completion_run(ZgCtl *ctl, GError **error)
{
    g_autoptr(GString) out = g_string_new(
        "# bash completion of zaguan; use: eval \"$(zaguan completion bash)\"\n"
        "_zaguan() {\n"
        "    local word=${COMP_WORDS[COMP_CWORD]} words i said=\n"
        "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
        "        [[ ${COMP_WORDS[i]} == -* ]] || said+=${said:+ }${COMP_WORDS[i]}\n"
        "    done\n"
        "    case $said in\n"
        "    '') words='");

    if (!g_str_equal(zg_ctl_arg(ctl, 0), "bash")) {
        return zg_misuse(error, "'%s': only bash", zg_ctl_arg(ctl, 0));
    }
    append_first_words(out);
    g_string_append(out, "' ;;\n");
    append_cases(out);
    g_string_append(out, "    *) words= ;;\n"
                         "    esac\n"
                         "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
                         "}\n"
                         "complete -o default -F _zaguan zaguan\n");
    fputs(out->str, stdout);
    fflush(stdout);
    return 0;
}

const ZgCommand zg_cmd_completion = {
    .name = "completion", .usage = "bash",
    .help = "Print what makes the Tab key complete commands and options.",
    .min_args = 1, .max_args = 1, .run = completion_run,
};
