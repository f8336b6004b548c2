/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "broker/command.h"

#include <stdlib.h>
#include <string.h>
#include "broker/operation.h"
#include "broker/record.h"
#include "broker/session.h"
#include "broker/unix_name.h"
#include "common/base/error.h"
#include "common/base/id.h"
#include "common/base/log.h"
#include "common/proto/json.h"

#define SIGN_ON_TTL_MS 120000

static void
free_command(gpointer data)
{
    zg_host_command_free(data);
}

bool
zg_command_queue(ZgTx *tx, const ZgCommandWish *wish, json_t *fields, GError **error)
{
    g_autoptr(ZgHostCommand) command = g_new0(ZgHostCommand, 1);
    g_autoptr(json_t) owned = fields;
    char *text = zg_json_text(owned);

    command->id = wish->id != NULL ? g_strdup(wish->id) : zg_id_new();
    command->host = g_strdup(wish->host);
    command->kind = g_strdup(wish->kind);
    command->desktop = g_strdup(wish->desktop);
    command->session = g_strdup(wish->session);
    command->operation = g_strdup(wish->operation);
    command->fields = g_strdup(text);
    command->state = g_strdup("queued");
    command->created_us = zg_tx_now_us(tx);
    command->deadline_us = command->created_us +
                           1000 * (wish->ttl_ms > 0 ? wish->ttl_ms : ZG_COMMAND_TTL_MS);
    command->revision = 1;
    free(text);
    return zg_row_insert(tx, &zg_host_command_rows, command, error);
}

static const char *
first_text(const char *a, const char *b, const char *c)
{
    return a != NULL ? a : b != NULL ? b : c;
}

bool
zg_command_sign_on(ZgTx *tx, const ZgSession *session, const ZgDesktop *desktop, const ZgPool *pool,
                   GError **error)
{
    g_autofree char *unix_name = zg_unix_name(session->user_name);
    ZgCommandWish wish = {.host = desktop->host, .kind = "sign_on", .desktop = desktop->id,
                          .session = session->id, .ttl_ms = SIGN_ON_TTL_MS};
    json_t *fields = json_pack(
        "{s:s, s:I, s:s, s:s, s:s, s:I, s:s, s:s, s:s, s:s}", "desktop", desktop->id, "generation",
        (json_int_t)desktop->generation, "session", session->id, "user", session->user_name,
        "unix_name", unix_name, "uid", (json_int_t)zg_unix_uid(session->user_name), "full_name",
        first_text(session->full_name, session->user_name, ""), "locale",
        first_text(session->locale, pool->locale, "C.UTF-8"), "keyboard",
        first_text(session->keyboard, pool->keyboard, "us"), "time_zone",
        first_text(session->time_zone, pool->time_zone, "UTC"));

    if (fields == NULL) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_FAILED, "sign-on of '%s' is not valid text",
                    session->user_name);
        return false;
    }
    return zg_command_queue(tx, &wish, fields, error);
}

/* The operation of a command ends with the last of its commands. */
static bool
end_operation(ZgTx *tx, const ZgHostCommand *command, bool ok, GError **error)
{
    g_autoptr(ZgOperation) operation = NULL;
    g_autoptr(GPtrArray) others = NULL;

    if (command->operation == NULL) {
        return true;
    }
    operation = zg_row_find(tx, &zg_operation_rows, command->operation, error);
    others = operation == NULL ? NULL
                               : zg_row_select(tx, &zg_host_command_rows, free_command, error,
                                               "WHERE operation = $1 AND state = 'queued'", "t",
                                               command->operation);
    if (others == NULL) {
        return false;
    }
    if (!ok && others->len == 0) {
        return zg_operation_finish(tx, operation,
                                   command->code != NULL ? command->code : "failed",
                                   command->message, error);
    }
    return others->len > 0 || zg_operation_finish(tx, operation, NULL, NULL, error);
}

static bool
image_imported(ZgTx *tx, const ZgHostCommand *command, const json_t *fields, const json_t *result,
               GError **error)
{
    const char *name = json_string_value(json_object_get(fields, "template"));
    int64_t version = json_integer_value(json_object_get(fields, "version"));
    const char *sha256 = json_string_value(json_object_get(result, "sha256"));
    int64_t bytes = json_integer_value(json_object_get(result, "bytes"));
    int64_t virtual_mib = json_integer_value(json_object_get(result, "virtual_mib"));
    ZgCause cause = {.reason = "imported", .actor = "broker"};
    ZgAuditRow row = {.event = "template-version", .thing = "template", .thing_id = name,
                      .from = "importing", .to = "ready"};

    return zg_tx_run(tx, NULL, error,
                     "INSERT INTO host_images (host, template, version, sha256, bytes)"
                     " VALUES ($1, $2, $3, $4, $5)"
                     " ON CONFLICT (host, template, version) DO UPDATE SET sha256 = $4, bytes = $5",
                     "ttiti", command->host, name, version, sha256, bytes) &&
           zg_tx_run(tx, NULL, error,
                     "UPDATE template_versions SET state = 'ready', sha256 = $3, bytes = $4,"
                     " virtual_mib = $5, revision = revision + 1"
                     " WHERE template = $1 AND version = $2 AND state = 'importing'",
                     "titii", name, version, sha256, bytes, virtual_mib) &&
           zg_tx_run(tx, NULL, error,
                     "UPDATE templates SET current = $2, revision = revision + 1"
                     " WHERE name = $1 AND current < $2",
                     "ti", name, version) &&
           zg_record_audit(tx, &row, &cause, error) &&
           zg_record_event(tx, "template", name, NULL, false, error);
}

static bool
image_not_imported(ZgTx *tx, const ZgHostCommand *command, const json_t *fields, GError **error)
{
    const char *name = json_string_value(json_object_get(fields, "template"));
    int64_t version = json_integer_value(json_object_get(fields, "version"));

    return zg_tx_run(tx, NULL, error,
                     "UPDATE template_versions SET state = 'failed', revision = revision + 1"
                     " WHERE template = $1 AND version = $2 AND state = 'importing'"
                     " AND NOT EXISTS (SELECT 1 FROM commands WHERE operation = $3"
                     " AND state = 'queued')",
                     "tit", name, version, command->operation) &&
           zg_record_event(tx, "template", name, NULL, false, error);
}

static bool
image_removed(ZgTx *tx, const ZgHostCommand *command, const json_t *fields, GError **error)
{
    return zg_tx_run(tx, NULL, error,
                     "DELETE FROM host_images WHERE host = $1 AND template = $2 AND version = $3",
                     "tti", command->host, json_string_value(json_object_get(fields, "template")),
                     (int64_t)json_integer_value(json_object_get(fields, "version")));
}

/* What a finished command means for the rest. */
static bool
apply(ZgTx *tx, const ZgHostCommand *command, bool ok, const json_t *result, GError **error)
{
    g_autoptr(json_t) fields = zg_json_parse(command->fields, strlen(command->fields), error);

    if (fields == NULL) {
        return false;
    }
    if (strcmp(command->kind, "image_import") == 0) {
        return ok ? image_imported(tx, command, fields, result, error)
                  : image_not_imported(tx, command, fields, error);
    }
    if (strcmp(command->kind, "image_remove") == 0) {
        return !ok || image_removed(tx, command, fields, error);
    }
    if (strcmp(command->kind, "sign_on") == 0) {
        return zg_session_signed_on(tx, command->session, ok, command->message, error);
    }
    if (strcmp(command->kind, "sign_off") == 0) {
        return ok || zg_session_sign_off_failed(tx, command->session, command->message, error);
    }
    if (strcmp(command->kind, "restart") == 0) {
        return zg_session_restarted(tx, command->session, ok, error);
    }
    return true;
}

static bool
finish(ZgTx *tx, ZgHostCommand *command, const char *state, const char *code, const char *message,
       const json_t *result, GError **error)
{
    bool ok = strcmp(state, "done") == 0;

    zg_set_text(&command->state, state);
    zg_set_text(&command->code, code);
    zg_set_text(&command->message, message);
    command->finished_us = zg_tx_now_us(tx);
    if (!ok) {
        zg_log_warning("command-failed", command->desktop, "host '%s', %s: %s: %s", command->host,
                       command->kind, code != NULL ? code : state,
                       message != NULL ? message : "no answer");
    }
    return zg_row_save(tx, &zg_host_command_rows, command, "state", "queued", error) &&
           apply(tx, command, ok, result, error) && end_operation(tx, command, ok, error);
}

bool
zg_command_done(ZgTx *tx, const char *host, const ZgAgentDone *done, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(ZgHostCommand) command = zg_row_find(tx, &zg_host_command_rows, done->id, &failure);

    if (command == NULL) {
        if (g_error_matches(failure, ZG_ERROR, ZG_ERROR_NOT_FOUND)) {
            return true;
        }
        g_propagate_error(error, g_steal_pointer(&failure));
        return false;
    }
    if (strcmp(command->state, "queued") != 0 || strcmp(command->host, host) != 0) {
        return true;
    }
    return finish(tx, command, done->ok ? "done" : "failed",
                  done->ok || done->code != NULL ? done->code : "failed", done->message,
                  done->result, error);
}

static bool
is_for_all(const ZgHostCommand *command)
{
    return strcmp(command->host, ZG_COMMAND_ALL_HOSTS) == 0;
}

/* Names of hosts in this state. */
static GPtrArray *
hosts_in(ZgTx *tx, const char *state, GError **error)
{
    g_autoptr(ZgRows) rows =
        zg_tx_query(tx, error, "SELECT name FROM hosts WHERE state = $1 ORDER BY name", "t", state);
    GPtrArray *names = rows != NULL ? g_ptr_array_new_with_free_func(g_free) : NULL;

    while (rows != NULL && zg_rows_next(rows, NULL)) {
        g_ptr_array_add(names, g_strdup(zg_rows_text(rows, 0)));
    }
    return names;
}

static bool
tell_waiting(ZgTx *tx, const ZgHostCommand *command, const char *text, GError **error)
{
    g_autoptr(ZgOperation) operation =
        command->operation == NULL ? NULL
                                   : zg_row_find(tx, &zg_operation_rows, command->operation, error);

    if (operation == NULL) {
        return command->operation == NULL;
    }
    return g_strcmp0(operation->text, text) == 0 ||
           zg_operation_progress(tx, operation, operation->percent, text, error);
}

/* One of the same for each of @hosts; the original is over without having meant anything. */
static bool
spread(ZgTx *tx, ZgHostCommand *command, const GPtrArray *hosts, GError **error)
{
    for (guint i = 0; i < hosts->len; i++) {
        ZgCommandWish wish = {.host = g_ptr_array_index(hosts, i), .kind = command->kind,
                              .operation = command->operation,
                              .ttl_ms = ZG_COMMAND_IMPORT_TTL_MS};
        json_t *fields = zg_json_parse(command->fields, strlen(command->fields), error);

        if (fields == NULL || !zg_command_queue(tx, &wish, fields, error)) {
            return false;
        }
    }
    zg_set_text(&command->state, "done");
    command->finished_us = zg_tx_now_us(tx);
    return zg_row_save(tx, &zg_host_command_rows, command, "state", "queued", error) &&
           tell_waiting(tx, command, NULL, error);
}

bool
zg_commands_spread(ZgTx *tx, GError **error)
{
    g_autoptr(GPtrArray) all = zg_row_select(tx, &zg_host_command_rows, free_command, error,
                                             "WHERE host = $1 AND state = 'queued'", "t",
                                             ZG_COMMAND_ALL_HOSTS);
    g_autoptr(GPtrArray) linked = NULL;
    g_autoptr(GPtrArray) expected = NULL;

    if (all == NULL || all->len == 0) {
        return all != NULL;
    }
    linked = hosts_in(tx, "linked", error);
    expected = linked != NULL ? hosts_in(tx, "suspected", error) : NULL;
    for (guint i = 0; expected != NULL && i < all->len; i++) {
        ZgHostCommand *command = g_ptr_array_index(all, i);
        bool waits = linked->len == 0 || expected->len > 0;

        if (!(waits ? tell_waiting(tx, command, "waiting for a hypervisor host to connect", error)
                    : spread(tx, command, linked, error))) {
            return false;
        }
    }
    return expected != NULL;
}

/* Nobody waits longer: those that are linked take it, however many were expected too. */
static bool
expire(ZgTx *tx, ZgHostCommand *command, GError **error)
{
    g_autoptr(GPtrArray) linked = NULL;

    if (!is_for_all(command)) {
        return finish(tx, command, "expired", "timeout", "the host did not answer in time", NULL,
                      error);
    }
    linked = hosts_in(tx, "linked", error);
    if (linked != NULL && linked->len == 0) {
        return finish(tx, command, "expired", "no-host",
                      "no hypervisor host connected that could take the image", NULL, error);
    }
    return linked != NULL && spread(tx, command, linked, error);
}

bool
zg_commands_expire(ZgTx *tx, GError **error)
{
    g_autoptr(GPtrArray) late = zg_row_select(tx, &zg_host_command_rows, free_command, error,
                                              "WHERE state = 'queued' AND deadline_us <= $1", "i",
                                              zg_tx_now_us(tx));

    for (guint i = 0; late != NULL && i < late->len; i++) {
        if (!expire(tx, g_ptr_array_index(late, i), error)) {
            return false;
        }
    }
    return late != NULL;
}
