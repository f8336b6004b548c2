/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "broker/assign.h"

#include <stdlib.h>
#include <string.h>
#include "broker/reason.h"
#include "common/base/error.h"
#include "common/base/id.h"
#include "common/proto/agent.h"
#include "common/proto/json.h"

#define BEST 3

static void
free_desktop(gpointer data)
{
    zg_desktop_free(data);
}

static void
free_session(gpointer data)
{
    zg_session_free(data);
}

static bool
list_has(const char *list_json, const char *word)
{
    g_autoptr(json_t) list = zg_json_parse_any(list_json, strlen(list_json), NULL);
    size_t i;
    json_t *entry;

    json_array_foreach(list, i, entry)
    {
        if (g_strcmp0(json_string_value(entry), word) == 0) {
            return true;
        }
    }
    return false;
}

bool
zg_assign_is_entitled(const ZgPool *pool, const char *user, const char *const *groups)
{
    if (list_has(pool->entitled_users, "*") || list_has(pool->entitled_users, user)) {
        return true;
    }
    for (; groups != NULL && *groups != NULL; groups++) {
        if (list_has(pool->entitled_groups, *groups)) {
            return true;
        }
    }
    return false;
}

bool
zg_assign_may_take(const ZgDesktop *desktop)
{
    return zg_desktop_life(desktop) == ZG_LIFE_READY && !desktop->tainted &&
           desktop->session == NULL && !desktop->maintenance && !desktop->draining &&
           !desktop->quarantined;
}

/* Does it run with a console? A saved one may still be on its way back. */
static bool
is_there(const ZgDesktop *desktop)
{
    return desktop->seen_present && desktop->seen_console &&
           desktop->seen_generation == desktop->generation &&
           strcmp(desktop->seen_power, zg_power_name(ZG_POWER_ON)) == 0;
}

static int
by_merit(const void *a, const void *b)
{
    const ZgCandidate *x = a;
    const ZgCandidate *y = b;

    if (x->desktop->version != y->desktop->version) {
        return x->desktop->version > y->desktop->version ? -1 : 1;
    }
    if (x->headroom_mib != y->headroom_mib) {
        return x->headroom_mib > y->headroom_mib ? -1 : 1;
    }
    return strcmp(x->desktop->id, y->desktop->id);
}

int
zg_assign_choose(ZgCandidate *candidates, size_t n_candidates, unsigned random)
{
    size_t n_best = 1;

    if (n_candidates == 0) {
        return -1;
    }
    qsort(candidates, n_candidates, sizeof *candidates, by_merit);
    while (n_best < MIN(n_candidates, BEST) &&
           candidates[n_best].desktop->version == candidates[0].desktop->version) {
        n_best++;
    }
    return (int)(random % n_best);
}

bool
zg_assign_claim(ZgTx *tx, ZgSession *session, ZgDesktop *desktop, GError **error)
{
    g_autofree char *actor = g_strdup_printf("user:%s", session->user_name);
    ZgCause cause = {.reason = "assigned", .actor = actor};

    zg_set_text(&desktop->session, session->id);
    zg_set_text(&desktop->user_name, session->user_name);
    if (!zg_desktop_move(tx, desktop, ZG_LIFE_RESERVED, &cause, error)) {
        g_clear_pointer(&desktop->session, g_free);
        g_clear_pointer(&desktop->user_name, g_free);
        return false;
    }
    zg_set_text(&session->desktop, desktop->id);
    return zg_session_move(tx, session, ZG_SESSION_CONNECTING, &cause, error);
}

static bool
read_headroom(ZgTx *tx, const char *host, GHashTable *known, int64_t *out_mib, GError **error)
{
    int64_t *kept = g_hash_table_lookup(known, host);
    g_autoptr(ZgRows) rows = NULL;

    if (kept != NULL) {
        *out_mib = *kept;
        return true;
    }
    rows = zg_tx_query(
        tx, error,
        "SELECT memory_free_mib - COALESCE((SELECT SUM(memory_mib) FROM desktops"
        " WHERE host = $1 AND life = 'provisioning'), 0) FROM hosts WHERE name = $1",
        "t", host);

    if (rows == NULL) {
        return false;
    }
    kept = g_new(int64_t, 1);
    *out_mib = *kept = zg_rows_next(rows, NULL) ? zg_rows_int(rows, 0) : 0;
    g_hash_table_insert(known, g_strdup(host), kept);
    return true;
}

bool
zg_assign_try(ZgTx *tx, ZgSession *session, GError **error)
{
    g_autoptr(GPtrArray) found = zg_row_select(
        tx, &zg_desktop_rows, free_desktop, error,
        "WHERE pool = $1 AND life = 'ready' AND host IN"
        " (SELECT name FROM hosts WHERE state = 'linked' AND maintenance = 0)",
        "t", session->pool);
    g_autoptr(GArray) candidates = g_array_new(FALSE, TRUE, sizeof(ZgCandidate));
    g_autoptr(GHashTable) known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    int chosen;

    if (found == NULL) {
        return false;
    }
    for (guint i = 0; i < found->len; i++) {
        ZgCandidate candidate = {.desktop = g_ptr_array_index(found, i)};

        if (!zg_assign_may_take(candidate.desktop) || !is_there(candidate.desktop)) {
            continue;
        }
        if (!read_headroom(tx, candidate.desktop->host, known, &candidate.headroom_mib,
                           error)) {
            return false;
        }
        g_array_append_val(candidates, candidate);
    }
    chosen = zg_assign_choose((ZgCandidate *)(void *)candidates->data, candidates->len,
                              g_random_int());
    return chosen < 0 ||
           zg_assign_claim(tx, session, g_array_index(candidates, ZgCandidate, chosen).desktop,
                           error);
}

static bool
find_live(ZgTx *tx, const char *pool, const char *user, ZgSession **out_session, GError **error)
{
    g_autoptr(GPtrArray) found = zg_row_select(
        tx, &zg_session_rows, free_session, error,
        "WHERE pool = $1 AND user_name = $2 AND state <> 'ended'", "tt", pool, user);

    if (found == NULL) {
        return false;
    }
    *out_session = found->len > 0 ? g_ptr_array_steal_index(found, 0) : NULL;
    return true;
}

static ZgSession *
new_session(ZgTx *tx, const ZgCaller *caller, const ZgSessionRequest *request, GError **error)
{
    g_autoptr(ZgSession) session = g_new0(ZgSession, 1);
    g_autofree char *actor = g_strdup_printf("user:%s", caller->user);
    ZgCause cause = {.reason = "asked", .actor = actor, .text = caller->peer};
    ZgAuditRow row = {.event = "session-state", .thing = "session", .to = "pending"};

    session->id = zg_id_new();
    session->pool = g_strdup(request->pool);
    session->user_name = g_strdup(caller->user);
    session->full_name = g_strdup(caller->full_name);
    session->state = g_strdup(zg_session_state_name(ZG_SESSION_PENDING));
    session->terminal = g_strdup(request->terminal);
    session->locale = g_strdup(request->locale);
    session->keyboard = g_strdup(request->keyboard);
    session->time_zone = g_strdup(request->time_zone);
    session->reason = g_strdup(cause.reason);
    session->created_us = session->since_us = zg_tx_now_us(tx);
    session->revision = 1;
    row.thing_id = row.session = session->id;
    row.user = session->user_name;
    if (!zg_row_insert(tx, &zg_session_rows, session, error) ||
        !zg_record_audit(tx, &row, &cause, error) ||
        !zg_record_event(tx, "session", session->id, session->user_name, false, error)) {
        return NULL;
    }
    return g_steal_pointer(&session);
}

/* Could this pool ever serve one more? Checked before somebody is made to wait. */
static bool
can_wait(ZgTx *tx, const ZgPool *pool, GError **error)
{
    g_autoptr(ZgRows) rows = zg_tx_query(
        tx, error,
        "SELECT COUNT(*) FROM sessions WHERE pool = $1 AND state NOT IN ('ended', 'logging-off')",
        "t", pool->name);

    if (rows == NULL) {
        return false;
    }
    if (zg_rows_next(rows, NULL) && zg_rows_int(rows, 0) >= pool->max * 4) {
        zg_reason_set(error, ZG_ERROR_UNAVAILABLE, "pool-full");
        return false;
    }
    return true;
}

bool
zg_assign_open(ZgTx *tx, const ZgCaller *caller, const ZgSessionRequest *request, bool *out_created,
               ZgSession **out_session, GError **error)
{
    g_autoptr(ZgPool) pool = zg_row_find(tx, &zg_pool_rows, request->pool, error);
    g_autoptr(ZgSession) session = NULL;

    if (pool == NULL) {
        return false;
    }
    if (!zg_assign_is_entitled(pool, caller->user, caller->groups)) {
        zg_reason_set(error, ZG_ERROR_DENIED, "not-entitled");
        return false;
    }
    if (!find_live(tx, pool->name, caller->user, &session, error)) {
        return false;
    }
    *out_created = session == NULL;
    if (session == NULL) {
        if (!pool->enabled || pool->deleting) {
            zg_reason_set(error, ZG_ERROR_UNAVAILABLE, "pool-disabled");
            return false;
        }
        if (!can_wait(tx, pool, error)) {
            return false;
        }
        session = new_session(tx, caller, request, error);
        if (session == NULL || !zg_assign_try(tx, session, error)) {
            return false;
        }
    }
    *out_session = g_steal_pointer(&session);
    return true;
}
