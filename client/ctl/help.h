/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Help and the manual, both made from the command table. */
#pragma once

#include <glib.h>
#include "client/ctl/command.h"

/**
 * zg_help_text() - usage of one command, of one noun, or of everything
 * @command: or NULL
 * @noun:    first word of several commands, or NULL
 * Return: text the caller frees.
 */
char *zg_help_text(const ZgCommand *const *commands, const ZgCommand *command, const char *noun);

/** zg_help_markdown() - the manual, docs/man/zaguan.md; the caller frees. */
char *zg_help_markdown(const ZgCommand *const *commands);

/** zg_help_roff() - the manual for man(1); the caller frees. */
char *zg_help_roff(const ZgCommand *const *commands);

/** zg_help_print() - zg_help_text() on stdout. */
void zg_help_print(const ZgCommand *const *commands, const ZgCommand *command, const char *noun);

extern const ZgCommand zg_cmd_help;
