/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "broker/clean.h"

#define DAY_US (24 * 3600 * (int64_t)G_USEC_PER_SEC)
#define KEEP_EVENTS 20000 /* who resumes from an older one is told to start anew */

/* Each statement gets $1: now less the days. */
static const struct {
    const char *sql;
    int days;
} rules[] = {
    {"DELETE FROM sign_ins WHERE expires_us < $1", 0},
    {"DELETE FROM idempotency WHERE created_us < $1", 1},
    {"DELETE FROM commands WHERE state <> 'queued' AND finished_us < $1", 1},
    {"DELETE FROM pool_errors WHERE at_us < $1", 1},
    {"DELETE FROM join_tokens WHERE expires_us < $1", 7},
    {"DELETE FROM operations WHERE state <> 'running' AND finished_us < $1", 7},
    {"DELETE FROM sessions WHERE state = 'ended' AND ended_us < $1"
     " AND NOT EXISTS (SELECT 1 FROM desktops WHERE desktops.session = sessions.id)",
     30},
};

bool
zg_clean_store(ZgStore *store, GError **error)
{
    g_autoptr(ZgTx) tx = zg_tx_begin(store, ZG_TX_WRITE, error);

    if (tx == NULL) {
        return false;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(rules); i++) {
        if (!zg_tx_run(tx, NULL, error, rules[i].sql, "i",
                       zg_tx_now_us(tx) - rules[i].days * DAY_US)) {
            return false;
        }
    }
    return zg_tx_run(tx, NULL, error,
                     "DELETE FROM events WHERE id <= (SELECT value FROM counters"
                     " WHERE name = 'event') - $1",
                     "i", (int64_t)KEEP_EVENTS) &&
           zg_tx_commit(tx, error);
}
