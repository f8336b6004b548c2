/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "broker/agent_store.h"

#include <stdlib.h>
#include <string.h>
#include "broker/ca.h"
#include "broker/command.h"
#include "broker/desktop.h"
#include "broker/operation.h"
#include "broker/session.h"
#include "common/base/error.h"
#include "common/base/secret.h"

static void
free_desktop(gpointer data)
{
    zg_desktop_free(data);
}

/* NULL without an error when there is no such row. */
static void *
find_or_null(ZgTx *tx, const ZgRowType *type, const char *key, bool *out_ok, GError **error)
{
    g_autoptr(GError) failure = NULL;
    void *row = zg_row_find(tx, type, key, &failure);

    *out_ok = row != NULL || g_error_matches(failure, ZG_ERROR, ZG_ERROR_NOT_FOUND);
    if (!*out_ok) {
        g_propagate_error(error, g_steal_pointer(&failure));
    }
    return row;
}

static ZgHost *
new_host(ZgTx *tx, const char *name)
{
    ZgHost *host = g_new0(ZgHost, 1);

    host->name = g_strdup(name);
    host->state = g_strdup(zg_host_state_name(ZG_HOST_LOST));
    host->epoch = 1;
    host->capabilities = g_strdup(" ");
    host->created_us = host->since_us = zg_tx_now_us(tx);
    host->revision = 1;
    return host;
}

/* The host's row; made when this is its first time. */
static ZgHost *
take_host(ZgTx *tx, const char *name, GError **error)
{
    bool ok;
    g_autoptr(ZgHost) host = find_or_null(tx, &zg_host_rows, name, &ok, error);

    if (host == NULL && ok) {
        host = new_host(tx, name);
        ok = zg_row_insert(tx, &zg_host_rows, host, error);
    }
    return ok ? g_steal_pointer(&host) : NULL;
}

static char *
words_of(char **list)
{
    g_autofree char *words = list != NULL ? g_strjoinv(" ", list) : g_strdup("");

    return g_strdup_printf(" %s ", words);
}

static bool
replace_images(ZgTx *tx, const ZgAgentHello *hello, GError **error)
{
    if (!zg_tx_run(tx, NULL, error, "DELETE FROM host_images WHERE host = $1", "t", hello->host)) {
        return false;
    }
    for (guint i = 0; i < hello->images->len; i++) {
        const ZgAgentImage *image = g_ptr_array_index(hello->images, i);

        if (!zg_tx_run(tx, NULL, error,
                       "INSERT INTO host_images (host, template, version, sha256, bytes)"
                       " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (host, template, version)"
                       " DO NOTHING",
                       "ttiti", hello->host, image->template_name, image->version, image->sha256,
                       image->bytes)) {
            return false;
        }
    }
    return true;
}

/* What was seen over an older link says nothing of now: the first report tells anew. */
static bool
forget_seen(ZgTx *tx, const char *host, GError **error)
{
    return zg_tx_run(tx, NULL, error,
                     "UPDATE desktops SET seen_power = $2, revision = revision + 1"
                     " WHERE host = $1 AND seen_power <> $2",
                     "tt", host, zg_power_name(ZG_POWER_UNKNOWN));
}

bool
zg_agent_store_hello(ZgStore *store, const ZgAgentHello *hello, int64_t *out_epoch, GError **error)
{
    g_autoptr(ZgTx) tx = zg_tx_begin(store, ZG_TX_WRITE, error);
    g_autoptr(ZgHost) host = tx != NULL ? take_host(tx, hello->host, error) : NULL;
    ZgCause cause = {.reason = "hello"};
    ZgAuditRow row = {.event = "host-hello", .thing = "host", .thing_id = hello->host};
    g_autofree char *actor = g_strdup_printf("host:%s", hello->host);

    if (host == NULL) {
        return false;
    }
    cause.actor = actor;
    cause.text = hello->boot_id;
    zg_set_text(&host->boot_id, hello->boot_id);
    zg_set_text(&host->program_version, hello->program_version);
    zg_set_text(&host->driver, hello->driver);
    zg_set_text(&host->accel, hello->accel);
    zg_set_text(&host->accel_reason, hello->accel_reason);
    g_free(host->capabilities);
    host->capabilities = words_of(hello->capabilities);
    host->cpus = hello->cpus;
    host->memory_mib = hello->memory_mib;
    host->disk_mib = hello->disk_mib;
    *out_epoch = host->epoch;
    return zg_row_save(tx, &zg_host_rows, host, NULL, NULL, error) &&
           replace_images(tx, hello, error) && forget_seen(tx, host->name, error) &&
           zg_record_audit(tx, &row, &cause, error) &&
           zg_record_event(tx, "host", host->name, NULL, false, error) && zg_tx_commit(tx, error);
}

static bool
store_load(ZgTx *tx, const char *name, const ZgAgentReport *load, GError **error)
{
    bool ok;
    g_autoptr(ZgHost) host = find_or_null(tx, &zg_host_rows, name, &ok, error);

    if (host == NULL) {
        return ok;
    }
    host->memory_free_mib = load->memory_free_mib;
    host->disk_free_mib = load->disk_free_mib;
    host->disk_promised_mib = load->disk_promised_mib;
    host->load_milli = load->load_milli;
    return zg_row_save(tx, &zg_host_rows, host, NULL, NULL, error) &&
           zg_record_event(tx, "host", name, NULL, false, error);
}

static bool
store_absent(ZgTx *tx, const char *host, GHashTable *present, GError **error)
{
    g_autoptr(GPtrArray) known = zg_row_select(tx, &zg_desktop_rows, free_desktop, error,
                                               "WHERE host = $1 AND seen_present = 1", "t", host);

    for (guint i = 0; known != NULL && i < known->len; i++) {
        ZgDesktop *desktop = g_ptr_array_index(known, i);

        if (!g_hash_table_contains(present, desktop->id) &&
            !zg_desktop_observe(tx, desktop, NULL, error)) {
            return false;
        }
    }
    return known != NULL;
}

bool
zg_agent_store_report(ZgStore *store, const char *host, const ZgAgentReport *load,
                      GPtrArray *observed, GHashTable *present, GError **error)
{
    g_autoptr(ZgTx) tx = zg_tx_begin(store, ZG_TX_WRITE, error);

    if (tx == NULL || (load != NULL && !store_load(tx, host, load, error))) {
        return false;
    }
    for (guint i = 0; i < observed->len; i++) {
        const ZgObserved *seen = g_ptr_array_index(observed, i);
        bool ok;
        g_autoptr(ZgDesktop) desktop = find_or_null(tx, &zg_desktop_rows, seen->desktop, &ok,
                                                    error);

        if (!ok || (desktop != NULL && strcmp(desktop->host, host) == 0 &&
                    !zg_desktop_observe(tx, desktop, seen, error))) {
            return false;
        }
    }
    return (present == NULL || store_absent(tx, host, present, error)) && zg_tx_commit(tx, error);
}

bool
zg_agent_store_viewer(ZgStore *store, const char *host, const ZgAgentViewer *viewer, GError **error)
{
    g_autoptr(ZgTx) tx = zg_tx_begin(store, ZG_TX_WRITE, error);

    return tx != NULL && zg_session_viewer(tx, host, viewer, error) && zg_tx_commit(tx, error);
}

bool
zg_agent_store_done(ZgStore *store, const char *host, const ZgAgentDone *done, GError **error)
{
    g_autoptr(ZgTx) tx = zg_tx_begin(store, ZG_TX_WRITE, error);

    return tx != NULL && zg_command_done(tx, host, done, error) && zg_tx_commit(tx, error);
}

bool
zg_agent_store_progress(ZgStore *store, const char *host, const char *id, int64_t percent,
                        const char *text, GError **error)
{
    g_autoptr(ZgTx) tx = zg_tx_begin(store, ZG_TX_WRITE, error);
    g_autoptr(ZgHostCommand) command = NULL;
    g_autoptr(ZgOperation) operation = NULL;
    bool ok;

    if (tx == NULL) {
        return false;
    }
    command = find_or_null(tx, &zg_host_command_rows, id, &ok, error);
    if (command == NULL || command->operation == NULL || strcmp(command->host, host) != 0) {
        return ok;
    }
    operation = find_or_null(tx, &zg_operation_rows, command->operation, &ok, error);
    if (operation == NULL) {
        return ok;
    }
    return zg_operation_progress(tx, operation, percent, text, error) && zg_tx_commit(tx, error);
}

static bool
spend_token(ZgTx *tx, const char *host, const char *token_secret, GError **error)
{
    g_autofree char *sha256 = zg_sha256_hex(token_secret, strlen(token_secret));
    int64_t n_changed = 0;

    if (!zg_tx_run(tx, &n_changed, error,
                   "UPDATE join_tokens SET used_us = $3"
                   " WHERE secret_sha256 = $1 AND host = $2 AND used_us = 0 AND expires_us > $3",
                   "tti", sha256, host, zg_tx_now_us(tx))) {
        return false;
    }
    if (n_changed != 1) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_DENIED,
                    "this join token is not valid any more; make a new one");
        return false;
    }
    return true;
}

bool
zg_agent_store_enrol(ZgStore *store, const ZgAuthority *authority, const char *host,
                     const char *token_secret, const char *csr_pem, char **out_certificate,
                     GError **error)
{
    g_autoptr(ZgTx) tx = NULL;
    g_autoptr(ZgHost) row = NULL;
    g_autofree char *certificate = NULL;
    ZgCause cause = {.reason = "joined", .actor = "broker"};
    ZgAuditRow audit = {.event = "host-enrolled", .thing = "host", .thing_id = host};

    if (authority->ca_key == NULL) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_UNAVAILABLE, "this broker cannot enrol hosts");
        return false;
    }
    tx = zg_tx_begin(store, ZG_TX_WRITE, error);
    if (tx == NULL || !spend_token(tx, host, token_secret, error)) {
        return false;
    }
    row = take_host(tx, host, error);
    certificate = row == NULL ? NULL
                              : zg_ca_sign_host(authority->ca, authority->ca_key, csr_pem, host,
                                                error);
    if (certificate == NULL || !zg_record_audit(tx, &audit, &cause, error) ||
        !zg_record_event(tx, "host", host, NULL, false, error) || !zg_tx_commit(tx, error)) {
        return false;
    }
    *out_certificate = g_steal_pointer(&certificate);
    return true;
}
