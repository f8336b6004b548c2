/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One command of `zaguan`: its row, and what a running command may ask of its surroundings. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include "client/api/broker_client.h"
#include "client/ctl/context.h"

typedef struct ZgCtl ZgCtl;

/* One option of a command; a table of them ends with a row without name. */
typedef struct {
    const char *name;  /* without the two hyphens */
    const char *value; /* what the value is called in the help; NULL for a switch */
    const char *help;  /* begins in lower case, no full stop */
} ZgCtlOption;

enum {
    ZG_CMD_NEEDS_LOGIN = 1 << 0, /* zg_ctl_client() is signed in when run is called */
};

typedef struct {
    const char *name;           /* noun and verb: "pool list", or one word: "apply" */
    const char *usage;          /* what follows the name: "POOL [--ready N]" */
    const char *help;           /* one sentence with a full stop */
    unsigned flags;             /* ZG_CMD_… */
    unsigned min_args;          /* words that are not options */
    unsigned max_args;
    const ZgCtlOption *options; /* may be NULL */
    /* Return: exit status 0, 1 or 2; or -1 with @error set (its code gives the exit status). */
    int (*run)(ZgCtl *ctl, GError **error);
} ZgCommand;

/** zg_ctl_arg() - the word at @index (0 is the first after the command's name), or NULL. */
const char *zg_ctl_arg(const ZgCtl *ctl, unsigned index);

/** zg_ctl_option() - value of an option ("" for a switch), or NULL when it was not given. */
const char *zg_ctl_option(const ZgCtl *ctl, const char *name);

/**
 * zg_ctl_option_int() - a whole number in @least..@most; @fallback when the option is not given
 * Return: false with ZG_ERROR_INVALID naming the option.
 */
bool zg_ctl_option_int(const ZgCtl *ctl, const char *name, int64_t least, int64_t most,
                       int64_t fallback, int64_t *out_value, GError **error);

/** zg_ctl_json() - does the person want JSON? */
bool zg_ctl_json(const ZgCtl *ctl);

/** zg_ctl_client() - the signed-in connection of a ZG_CMD_NEEDS_LOGIN command; borrowed. */
ZgBrokerClient *zg_ctl_client(ZgCtl *ctl);

/** zg_ctl_context() - the sign-in of a ZG_CMD_NEEDS_LOGIN command; borrowed. */
const ZgContext *zg_ctl_context(const ZgCtl *ctl);

/** zg_ctl_context_path() - file that keeps the sign-in; borrowed. */
const char *zg_ctl_context_path(const ZgCtl *ctl);

/** zg_ctl_commands() - every command, in the order of the manual; ends with NULL. */
const ZgCommand *const *zg_ctl_commands(void);

/** zg_misuse() - set ZG_ERROR_INVALID with a sentence naming the argument. Return: -1. */
int zg_misuse(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

/**
 * zg_ctl_main() - parse, run, print the error
 * @commands: table ending with NULL
 * Return: exit status.
 */
int zg_ctl_main(int argc, char **argv);
