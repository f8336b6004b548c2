/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The front's side of docs/protocol/control.md: orders from hostd, reports to it. Loop thread. */
#pragma once

#include <glib.h>
#include <jansson.h>
#include "display/consoles.h"

typedef struct ZgControl ZgControl;

/**
 * zg_control_new() - listen for hostd
 * @path: socket file, made 0600
 * @name: of this front, for the hello
 */
ZgControl *zg_control_new(const char *path, const char *name, GError **error);

/** zg_control_free() - accepts NULL. */
void zg_control_free(ZgControl *control);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgControl, zg_control_free)

/** zg_control_set_consoles() - whom orders are for; borrowed. Before the loop runs. */
void zg_control_set_consoles(ZgControl *control, ZgConsoles *consoles);

/**
 * zg_control_report() - a ZgReportFunc: send @report to hostd
 * Without a hostd it is dropped: hostd asks with `list` when it is back.
 */
void zg_control_report(json_t *report, void *control);
