/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What most nouns do: get and print, change and follow. */
#pragma once

#include "client/ctl/command.h"
#include "client/ctl/print.h"

/** zg_api_path() - prefix + escaped part + suffix, e.g. "/pools/" "office" ""; g_free(). */
char *zg_api_path(const char *prefix, const char *part, const char *suffix);

/** zg_api_print_list() - every page of a list as a table or JSON. Return: as ZgCommand.run. */
int zg_api_print_list(ZgCtl *ctl, const char *path, const ZgColumn *columns, GError **error);

/** zg_api_print_newest() - the newest of a record, as many as --limit says (50). */
int zg_api_print_newest(ZgCtl *ctl, const char *path, const ZgColumn *columns, GError **error);

/* The option for it; part of the rows. */
#define ZG_LIMIT_OPTION {"limit", "N", "how many, the newest first (default 50)"}

/** zg_api_print_one() - one resource, field by field or JSON. */
int zg_api_print_one(ZgCtl *ctl, const char *path, GError **error);

/** zg_api_done() - says @done on stderr, or prints @reply (NULL: {"done": …}) as JSON. */
void zg_api_done(ZgCtl *ctl, const json_t *reply, const char *done);

/** zg_api_call() - a change; then as zg_api_done(). */
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
 * @list_path: "/desktops", "/sessions" or "/operations"
 * @what:      "desktop", "session" or "operation", for errors
 * Return: id the caller frees, or NULL with ZG_ERROR_NOT_FOUND or _CONFLICT (several).
 */
char *zg_api_resolve(ZgCtl *ctl, const char *list_path, const char *what, const char *typed,
                     GError **error);

/* Options of commands that follow an operation; part of their rows. */
#define ZG_OPERATION_OPTIONS                                                                       \
    {"no-wait", NULL, "return at once and print the operation's id"},                              \
        {"timeout", "SECONDS", "longest wait (default 600)"}
