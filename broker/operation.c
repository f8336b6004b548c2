/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "broker/operation.h"

#include <string.h>
#include "broker/record.h"
#include "common/base/error.h"
#include "common/base/id.h"

static void
free_operation(gpointer data)
{
    zg_operation_free(data);
}

ZgOperation *
zg_operation_start(ZgTx *tx, const char *kind, const char *subject, int64_t goal, const char *user,
                   int64_t limit_s, GError **error)
{
    g_autoptr(ZgOperation) operation = g_new0(ZgOperation, 1);

    operation->id = zg_id_new();
    operation->kind = g_strdup(kind);
    operation->state = g_strdup("running");
    operation->subject = g_strdup(subject);
    operation->goal = goal;
    operation->user_name = g_strdup(user);
    operation->created_us = zg_tx_now_us(tx);
    operation->deadline_us = operation->created_us + limit_s * G_USEC_PER_SEC;
    operation->revision = 1;
    if (!zg_row_insert(tx, &zg_operation_rows, operation, error) ||
        !zg_record_event(tx, "operation", operation->id, user, false, error)) {
        return NULL;
    }
    return g_steal_pointer(&operation);
}

static bool
save(ZgTx *tx, ZgOperation *operation, GError **error)
{
    return zg_row_save(tx, &zg_operation_rows, operation, "state", "running", error) &&
           zg_record_event(tx, "operation", operation->id, operation->user_name, false, error);
}

bool
zg_operation_finish(ZgTx *tx, ZgOperation *operation, const char *code, const char *text,
                    GError **error)
{
    if (strcmp(operation->state, "running") != 0) {
        return true;
    }
    zg_set_text(&operation->state, code != NULL ? "failed" : "done");
    zg_set_text(&operation->error_code, code);
    zg_set_text(&operation->error_text, code != NULL ? text : NULL);
    operation->percent = code != NULL ? operation->percent : 100;
    operation->finished_us = zg_tx_now_us(tx);
    return save(tx, operation, error);
}

bool
zg_operation_progress(ZgTx *tx, ZgOperation *operation, int64_t percent, const char *text,
                      GError **error)
{
    if (strcmp(operation->state, "running") != 0) {
        return true;
    }
    operation->percent = CLAMP(percent, 0, 100);
    zg_set_text(&operation->text, text);
    return save(tx, operation, error);
}

/* What ends the kinds that wait for a state: `SELECT 1 …` with $1 subject and $2 goal. */
static const struct {
    const char *kind;
    const char *over_when;
} goals[] = {
    {ZG_OP_LOG_OFF, "SELECT 1 FROM sessions WHERE id = $1 AND state = 'ended'"},
    {ZG_OP_REFRESH,
     "SELECT 1 FROM desktops WHERE id = $1 AND generation >= $2 AND life <> 'refreshing'"},
    {ZG_OP_DELETE,
     "SELECT 1 FROM counters WHERE NOT EXISTS (SELECT 1 FROM desktops WHERE id = $1)"},
    {ZG_OP_POOL_DELETE,
     "SELECT 1 FROM counters WHERE NOT EXISTS (SELECT 1 FROM pools WHERE name = $1)"},
    {ZG_OP_TEMPLATE_DELETE,
     "SELECT 1 FROM counters WHERE NOT EXISTS (SELECT 1 FROM templates WHERE name = $1)"},
};

static bool
is_over(ZgTx *tx, const ZgOperation *operation, bool *out_over, GError **error)
{
    g_autoptr(GError) failure = NULL;

    *out_over = false;
    for (unsigned i = 0; i < G_N_ELEMENTS(goals); i++) {
        if (strcmp(operation->kind, goals[i].kind) == 0) {
            g_autoptr(ZgRows) rows = zg_tx_query(tx, error, goals[i].over_when, "ti",
                                                 operation->subject, operation->goal);

            if (rows == NULL) {
                return false;
            }
            *out_over = zg_rows_next(rows, &failure);
            if (failure != NULL) {
                g_propagate_error(error, g_steal_pointer(&failure));
                return false;
            }
        }
    }
    return true;
}

bool
zg_operations_check(ZgTx *tx, GError **error)
{
    g_autoptr(GPtrArray) running = zg_row_select(tx, &zg_operation_rows, free_operation, error,
                                                 "WHERE state = 'running'", "");

    for (guint i = 0; running != NULL && i < running->len; i++) {
        ZgOperation *operation = g_ptr_array_index(running, i);
        bool over = false;

        if (!is_over(tx, operation, &over, error)) {
            return false;
        }
        if (over && !zg_operation_finish(tx, operation, NULL, NULL, error)) {
            return false;
        }
        if (!over && operation->deadline_us <= zg_tx_now_us(tx) &&
            !zg_operation_finish(tx, operation, "timeout", "it was not over in time", error)) {
            return false;
        }
    }
    return running != NULL;
}
