/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What most nouns do: get and print, change and follow. */
#pragma once

#include "client/ctl/command.h"
#include "client/ctl/print.h"

/** zg_api_path() - prefix + escaped part + suffix, e.g. "/pools/" "office" ""; g_free(). */
char *zg_api_path(const char *prefix, const char *part, const char *suffix);

/** zg_api_print_list() - every page of a list as a table or JSON. Return: as ZgCommand.run. */
int zg_api_print_list(ZgCtl *ctl, const char *path, const ZgColumn *columns, GError **error);

/** zg_api_print_one() - one resource, field by field or JSON. */
int zg_api_print_one(ZgCtl *ctl, const char *path, GError **error);

/** zg_api_call() - a change whose answer is not shown; says @done on stderr. */
int zg_api_call(ZgCtl *ctl, const char *method, const char *path, const json_t *body,
                const char *done, GError **error);

/**
 * zg_api_operation() - a change that answers 202, followed with progress until it ends
 * @title: shown before the bar, e.g. "refresh desktop office-3"
 * Obeys --no-wait (prints the operation's id) and --timeout SECONDS.
 */
int zg_api_operation(ZgCtl *ctl, const char *method, const char *path, const json_t *body,
                     const char *title, GError **error);

/** zg_api_follow() - follow an operation with progress; @title as above. */
bool zg_api_follow(ZgCtl *ctl, const char *id, const char *title, int64_t timeout_s,
                   GError **error);

/**
 * zg_api_resolve() - id of a desktop or session from its id, the start of it, or its name
 * @list_path: "/desktops" or "/sessions"
 * @what:      "desktop" or "session", for errors
 * Return: id the caller frees, or NULL with ZG_ERROR_NOT_FOUND or _CONFLICT (several).
 */
char *zg_api_resolve(ZgCtl *ctl, const char *list_path, const char *what, const char *typed,
                     GError **error);

/* Options of commands that follow an operation; part of their rows. */
#define ZG_OPERATION_OPTIONS                                                                       \
    {"no-wait", NULL, "return at once and print the operation's id"},                              \
        {"timeout", "SECONDS", "longest wait (default 600)"}
