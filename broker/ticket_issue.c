/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Console tickets: the secret stays here until the host's front has its digest, then goes to the
 * person and nowhere else. The first ticket of a session also queues the sign-on and marks the
 * desktop as tainted, in the same transaction. No ticket is given while a sign-on is under way, so
 * that the first picture is the person's own and nothing they type is lost.
 */
#include <string.h>
#include "broker/command.h"
#include "broker/reason.h"
#include "broker/service_priv.h"
#include "broker/session.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/id.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/secret.h"

#define ANSWER_MS 10000
#define SIGN_ON_MS 8000 /* from the wish; who asks has 15 s for a call, and asks again */
#define TICKET_TTL_MS 60000
#define WAITING_MAX 1000

/* One ticket on its way. */
typedef struct {
    ZgTickets *tickets;
    char *command; /* id */
    char *session;
    char *user;
    bool share;
    bool view_only;
    char *secret; /* hex; wiped */
    char *desktop;
    char *title;
    ZgTicketFunc done;
    void *data;
    guint timer;
    bool answered;
    bool job_running;
    bool heard, taken; /* the display has answered; it took it. May be before the job has ended */
    char *refusal;     /* why it did not */
    bool shown;       /* the front has it */
    char *sign_on;    /* id of the command to wait for, or NULL; set by the job */
    int64_t begun_us; /* monotonic */
    GError *error;    /* of the job */
} Ticket;

struct ZgTickets {
    ZgService *service;
    GHashTable *waiting;  /* command id → Ticket, owned when no job runs on it */
    GHashTable *done_ids; /* of commands that ended while jobs run: a job may have read too early */
};

static void
free_ticket(Ticket *ticket)
{
    if (ticket->timer != 0) {
        g_source_remove(ticket->timer);
    }
    zg_wipe_free_text(ticket->secret);
    g_free(ticket->command);
    g_free(ticket->session);
    g_free(ticket->user);
    g_free(ticket->desktop);
    g_free(ticket->title);
    g_free(ticket->sign_on);
    g_free(ticket->refusal);
    g_clear_error(&ticket->error);
    g_free(ticket);
}

/* Answers once; the ticket lives on while its job runs, which then is read by nobody else. */
static void
answer(Ticket *ticket, const GError *error)
{
    int64_t held_ms = (zg_clock_mono_us() - ticket->begun_us) / 1000;
    ZgTicketAnswer given = {0};

    if (error == NULL) {
        given = (ZgTicketAnswer){
            .secret = ticket->secret,
            .expires_in_s = (int)((TICKET_TTL_MS - held_ms) / 1000),
            .desktop = ticket->desktop,
            .title = ticket->title,
        };
    }

    ticket->answered = true;
    if (ticket->tickets != NULL) {
        g_hash_table_remove(ticket->tickets->waiting, ticket->command);
    }
    ticket->done(error == NULL ? &given : NULL, error, ticket->data);
    if (!ticket->job_running) {
        free_ticket(ticket);
    }
}

static gboolean
on_deadline(gpointer data)
{
    Ticket *ticket = data;
    g_autoptr(GError) error = NULL;

    ticket->timer = 0;
    if (ticket->shown) {
        zg_reason_set(&error, ZG_ERROR_CONFLICT, "signing-on");
    } else {
        zg_reason_set(&error, ZG_ERROR_TIMEOUT, "display-silent");
    }
    answer(ticket, error);
    return G_SOURCE_REMOVE;
}

/* The front has the ticket: it goes to the person as soon as the guest has taken them. */
static void
answer_when_signed_on(Ticket *ticket)
{
    int64_t left_ms = SIGN_ON_MS - (zg_clock_mono_us() - ticket->begun_us) / 1000;

    ticket->shown = true;
    if (ticket->sign_on == NULL) {
        answer(ticket, NULL);
        return;
    }
    g_source_remove(ticket->timer);
    ticket->timer = g_timeout_add((guint)MAX(left_ms, 0), on_deadline, ticket);
}

static bool
host_is_linked(ZgTx *tx, const char *name, GError **error)
{
    g_autoptr(ZgHost) host = zg_row_find(tx, &zg_host_rows, name, error);

    if (host == NULL) {
        return false;
    }
    if (strcmp(host->state, zg_host_state_name(ZG_HOST_LINKED)) != 0) {
        zg_reason_set(error, ZG_ERROR_UNAVAILABLE, "host-unreachable");
        return false;
    }
    return true;
}

static bool
may_have_ticket(const ZgSession *session, const char *user, GError **error)
{
    ZgSessionState state = zg_session_state(session);

    if (strcmp(session->user_name, user) != 0) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_NOT_FOUND, "no such session: '%s'", session->id);
        return false;
    }
    if (state == ZG_SESSION_PENDING) {
        zg_reason_set(error, ZG_ERROR_CONFLICT, "not-ready");
        return false;
    }
    if (state == ZG_SESSION_LOGGING_OFF || state == ZG_SESSION_ENDED) {
        zg_reason_set(error, ZG_ERROR_CONFLICT, "session-ended");
        return false;
    }
    return true;
}

/* Before somebody may be signed on the desktop counts as used: it never goes back to ready. */
static bool
sign_on_first(ZgTx *tx, ZgSession *session, ZgDesktop *desktop, const ZgPool *pool, GError **error)
{
    if (session->signing_on == ZG_SIGNING_NONE) {
        session->signing_on = ZG_SIGNING_QUEUED;
        desktop->tainted = true;
        if (!zg_desktop_save(tx, desktop, error) ||
            !zg_command_sign_on(tx, session, desktop, pool, error)) {
            return false;
        }
    }
    if (zg_session_state(session) == ZG_SESSION_CONNECTING) {
        session->since_us = zg_tx_now_us(tx); /* the person is at it */
    }
    return zg_session_save(tx, session, error);
}

static void
free_command(gpointer data)
{
    zg_host_command_free(data);
}

/* The sign-on that the guest has not answered yet, if there is one. */
static bool
find_sign_on(ZgTx *tx, const ZgSession *session, char **out_command, GError **error)
{
    g_autoptr(GPtrArray) commands = NULL;

    if (session->signing_on != ZG_SIGNING_QUEUED) {
        return true;
    }
    commands = zg_row_select(tx, &zg_host_command_rows, free_command, error,
                             "WHERE session = $1 AND kind = 'sign_on' AND state = 'queued'", "t",
                             session->id);
    if (commands == NULL) {
        return false;
    }
    if (commands->len > 0) {
        const ZgHostCommand *command = g_ptr_array_index(commands, commands->len - 1);

        *out_command = g_strdup(command->id);
    }
    return true;
}

static bool
queue_ticket(ZgTx *tx, const Ticket *ticket, const ZgSession *session, const ZgDesktop *desktop,
             GError **error)
{
    g_autofree char *sha256 = zg_sha256_hex(ticket->secret, strlen(ticket->secret));
    ZgCommandWish wish = {.id = ticket->command, .host = desktop->host, .kind = "ticket",
                          .desktop = desktop->id, .session = session->id, .ttl_ms = ANSWER_MS};
    json_t *fields = json_pack("{s:s, s:I, s:I, s:s, s:I, s:s, s:s, s:b, s:b}", "desktop",
                               desktop->id, "generation", (json_int_t)desktop->generation, "epoch",
                               (json_int_t)desktop->epoch, "sha256", sha256, "ttl_ms",
                               (json_int_t)TICKET_TTL_MS, "session", session->id, "user",
                               session->user_name, "share", ticket->share, "view_only",
                               ticket->view_only);
    g_autofree char *actor = g_strdup_printf("user:%s", session->user_name);
    ZgCause cause = {.reason = "ticket", .actor = actor};
    ZgAuditRow row = {.event = "ticket", .thing = "session", .thing_id = session->id,
                      .desktop = desktop->id, .session = session->id, .user = session->user_name};

    return zg_command_queue(tx, &wish, fields, error) && zg_record_audit(tx, &row, &cause, error);
}

static bool
issue(Ticket *ticket, ZgStore *store, GError **error)
{
    g_autoptr(ZgTx) tx = zg_tx_begin(store, ZG_TX_WRITE, error);
    g_autoptr(ZgSession) session = NULL;
    g_autoptr(ZgDesktop) desktop = NULL;
    g_autoptr(ZgPool) pool = NULL;

    if (tx == NULL) {
        return false;
    }
    session = zg_row_find(tx, &zg_session_rows, ticket->session, error);
    if (session == NULL || !may_have_ticket(session, ticket->user, error) ||
        !zg_session_find_desktop(tx, session, &desktop, error)) {
        return false;
    }
    if (desktop == NULL) {
        zg_reason_set(error, ZG_ERROR_CONFLICT, "not-ready");
        return false;
    }
    pool = zg_row_find(tx, &zg_pool_rows, session->pool, error);
    if (pool == NULL || !host_is_linked(tx, desktop->host, error) ||
        !sign_on_first(tx, session, desktop, pool, error) ||
        !find_sign_on(tx, session, &ticket->sign_on, error) ||
        !queue_ticket(tx, ticket, session, desktop, error) || !zg_tx_commit(tx, error)) {
        return false;
    }
    ticket->desktop = g_strdup(desktop->id);
    ticket->title = g_strdup(pool->title);
    return true;
}

static void
issue_work(void *data)
{
    Ticket *ticket = data;

    issue(ticket, ticket->tickets->service->store, &ticket->error);
}

/* The display has answered, and the job has ended. */
static void
take_display_answer(Ticket *ticket)
{
    g_autoptr(GError) error = NULL;

    if (ticket->taken) {
        answer_when_signed_on(ticket);
        return;
    }
    g_set_error(&error, ZG_ERROR, ZG_ERROR_UNAVAILABLE, "host-unreachable: %s",
                ticket->refusal != NULL ? ticket->refusal : "the display refused the ticket");
    answer(ticket, error);
}

static bool
any_job_runs(ZgTickets *tickets)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, tickets->waiting);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        if (((Ticket *)value)->job_running) {
            return true;
        }
    }
    return false;
}

static void
issue_done(void *data)
{
    Ticket *ticket = data;
    ZgTickets *tickets = ticket->tickets;

    ticket->job_running = false;
    if (!ticket->answered && ticket->sign_on != NULL &&
        g_hash_table_contains(tickets->done_ids, ticket->sign_on)) {
        g_clear_pointer(&ticket->sign_on, g_free);
    }
    if (!ticket->answered && !any_job_runs(tickets)) {
        g_hash_table_remove_all(tickets->done_ids);
    }
    if (ticket->answered) {
        free_ticket(ticket);
    } else if (ticket->error != NULL) {
        g_autoptr(GError) error = g_steal_pointer(&ticket->error);

        answer(ticket, error);
    } else if (ticket->heard) {
        take_display_answer(ticket);
    } else {
        zg_service_kick(ticket->tickets->service);
    }
}

ZgTickets *
zg_tickets_new(ZgService *service)
{
    ZgTickets *tickets = g_new0(ZgTickets, 1);

    tickets->service = service;
    tickets->waiting = g_hash_table_new(g_str_hash, g_str_equal);
    tickets->done_ids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return tickets;
}

void
zg_tickets_free(ZgTickets *tickets)
{
    g_autoptr(GList) left = NULL;
    g_autoptr(GError) error = g_error_new(ZG_ERROR, ZG_ERROR_UNAVAILABLE, "the broker stops");

    if (tickets == NULL) {
        return;
    }
    left = g_hash_table_get_values(tickets->waiting);
    for (GList *entry = left; entry != NULL; entry = entry->next) {
        answer(entry->data, error);
    }
    g_hash_table_unref(tickets->waiting);
    g_hash_table_unref(tickets->done_ids);
    g_free(tickets);
}

/* A sign-on ended, well or not: who waits for it need not wait longer. */
static void
sign_on_ended(ZgTickets *tickets, const char *command)
{
    g_autoptr(GList) all = g_hash_table_get_values(tickets->waiting);

    if (any_job_runs(tickets)) {
        g_hash_table_add(tickets->done_ids, g_strdup(command));
    }
    for (GList *entry = all; entry != NULL; entry = entry->next) {
        Ticket *ticket = entry->data;

        if (ticket->job_running || g_strcmp0(ticket->sign_on, command) != 0) {
            continue;
        }
        g_clear_pointer(&ticket->sign_on, g_free);
        if (ticket->shown) {
            answer(ticket, NULL);
        }
    }
}

void
zg_tickets_done(ZgTickets *tickets, const ZgAgentDone *done)
{
    Ticket *ticket = g_hash_table_lookup(tickets->waiting, done->id);

    if (ticket == NULL) {
        sign_on_ended(tickets, done->id);
        return;
    }
    if (ticket->heard) {
        return;
    }
    ticket->heard = true;
    ticket->taken = done->ok;
    ticket->refusal = g_strdup(done->message);
    if (!ticket->job_running) {
        take_display_answer(ticket);
    }
}

void
zg_tickets_issue(ZgTickets *tickets, const ZgCaller *caller, const char *session_id, bool share,
                 bool view_only, ZgTicketFunc done, void *data)
{
    g_autoptr(GError) error = NULL;
    uint8_t secret[ZG_TICKET_BYTES];
    Ticket *ticket;

    if (g_hash_table_size(tickets->waiting) >= WAITING_MAX) {
        g_set_error(&error, ZG_ERROR, ZG_ERROR_UNAVAILABLE, "too many tickets are on their way");
        done(NULL, error, data);
        return;
    }
    ticket = g_new0(Ticket, 1);
    zg_random_bytes(secret, sizeof secret);
    ticket->tickets = tickets;
    ticket->command = zg_id_new();
    ticket->session = g_strdup(session_id);
    ticket->user = g_strdup(caller->user);
    ticket->share = share;
    ticket->view_only = view_only;
    ticket->begun_us = zg_clock_mono_us();
    ticket->secret = zg_hex_encode(secret, sizeof secret);
    ticket->done = done;
    ticket->data = data;
    zg_wipe(secret, sizeof secret);
    if (!zg_worker_run(tickets->service->workers, issue_work, issue_done, ticket, &error)) {
        done(NULL, error, data);
        free_ticket(ticket);
        return;
    }
    ticket->job_running = true;
    ticket->timer = g_timeout_add(ANSWER_MS, on_deadline, ticket);
    g_hash_table_insert(tickets->waiting, ticket->command, ticket);
}
