/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keeps each pool at its stock: makes and removes desktops. Worker threads. */
#pragma once

#include "broker/store/model.h"

/* All rows of the sweep, borrowed. */
typedef struct {
    GPtrArray *pools;    /* ZgPool */
    GPtrArray *hosts;    /* ZgHost */
    GPtrArray *desktops; /* ZgDesktop; new ones are added */
    GPtrArray *sessions; /* ZgSession, live ones */
} ZgSweepRows;

/** zg_capacity_check() - one step for every pool. */
bool zg_capacity_check(ZgTx *tx, const ZgSweepRows *rows, GError **error);

/** zg_capacity_version() - template version for new desktops of @pool; 0: none is ready. */
bool zg_capacity_version(ZgTx *tx, const ZgPool *pool, int64_t *out_version, GError **error);

/**
 * zg_capacity_keep() - write what the broker notes in a pool: counter, breaker, speed, reason
 *
 * Not the administrator's part, so the revision that they compare with stays as it is.
 */
bool zg_capacity_keep(ZgTx *tx, const ZgPool *pool, GError **error);

/** zg_capacity_made() - a desktop of @pool got ready that was asked for at @asked_us. */
bool zg_capacity_made(ZgTx *tx, ZgPool *pool, int64_t asked_us, GError **error);

/** zg_capacity_usable() - ready desktops of @pool whose machine runs now, on a linked host. */
bool zg_capacity_usable(ZgTx *tx, const char *pool, int64_t *out_n, GError **error);

/** zg_capacity_breaker() - does the pool's breaker stand open at @now_us? */
bool zg_capacity_breaker(const ZgPool *pool, int64_t now_us);
