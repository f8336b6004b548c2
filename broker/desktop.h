/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One desktop: what was wished against what was seen. Worker threads. */
#pragma once

#include "broker/record.h"
#include "common/proto/agent.h"

/** zg_desktop_release() - its session is over: clean again, by a new generation where needed. */
bool zg_desktop_release(ZgTx *tx, ZgDesktop *desktop, const ZgCause *cause, GError **error);

/** zg_desktop_refresh() - the next generation: the overlay is dropped. */
bool zg_desktop_refresh(ZgTx *tx, ZgDesktop *desktop, const ZgCause *cause, GError **error);

/** zg_desktop_delete() - from a life without user. */
bool zg_desktop_delete(ZgTx *tx, ZgDesktop *desktop, const ZgCause *cause, GError **error);

/**
 * zg_desktop_observe() - take over what its host saw
 * @observed: NULL: a full report without it
 * Return: false with @error. Nothing is written when nothing changed that matters, or when the
 * report is about an older generation.
 */
bool zg_desktop_observe(ZgTx *tx, ZgDesktop *desktop, const ZgObserved *observed, GError **error);

typedef enum {
    ZG_HOST_LINKED,
    ZG_HOST_SUSPECTED, /* silent for 6 s, or its link ended just now */
    ZG_HOST_LOST,      /* silent for 15 s */
} ZgHostState;

const char *zg_host_state_name(ZgHostState state);

/**
 * zg_desktop_step() - one step of its life
 * @session: its session or NULL; may end here
 * @host:    state of its host
 * @silent_us: how long the host has been lost
 */
bool zg_desktop_step(ZgTx *tx, ZgDesktop *desktop, ZgSession *session, ZgHostState host,
                     int64_t silent_us, GError **error);

/** zg_desktop_is_idle() - can it be refreshed or deleted without asking anybody? */
bool zg_desktop_is_idle(const ZgDesktop *desktop);
