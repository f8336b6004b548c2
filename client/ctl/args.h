/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Words of a command line into command, arguments and options. Pure. */
#pragma once

#include <stdbool.h>
#include "client/ctl/command.h"

/* What was typed. Texts are borrowed from argv and from the command table. */
typedef struct {
    const ZgCommand *command; /* NULL when only help or a noun was asked for */
    const char *noun;         /* first word, when @command is NULL; may be NULL */
    bool help;
    GPtrArray *args;     /* const char * */
    GHashTable *options; /* name → value ("" for a switch) */
} ZgArgs;

/* Options that every command takes. */
extern const ZgCtlOption zg_common_options[];

/**
 * zg_args_parse() - understand a command line
 * @commands: table that ends with NULL; borrowed
 * @argv:     words after the program's name; borrowed for the life of the result
 * @out_args: filled on success; zg_args_clear()
 * @error:    ZG_ERROR_INVALID naming the word at fault, with the nearest known one
 */
bool zg_args_parse(const ZgCommand *const *commands, int argc, char *const *argv, ZgArgs *out_args,
                   GError **error);

/** zg_args_clear() - release what zg_args_parse() filled. */
void zg_args_clear(ZgArgs *args);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ZgArgs, zg_args_clear)
