/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What of a desktop outlives hostd: its last wish and what is on disk. DESKTOPS/ID/state.json. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include "common/proto/agent.h"

typedef struct {
    ZgDesired *wish;  /* owned */
    int64_t have;     /* generation whose overlay is complete; 0 none */
    char *template_name; /* what that overlay stands on, or NULL; owned */
    int64_t version;
    int64_t size_mib; /* that overlay's virtual size */
    bool ended;
    bool rests;
    char *signed_on; /* directory user whose session it is or was, or NULL; owned */
} ZgDesktopState;

bool zg_desktop_state_load(const char *path, ZgDesktopState *out, GError **error);
bool zg_desktop_state_save(const char *path, const ZgDesktopState *state, GError **error);
void zg_desktop_state_clear(ZgDesktopState *state);
