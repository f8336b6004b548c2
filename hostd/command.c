/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hostd/command.h"

#include <string.h>
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/worker.h"
#include "common/proto/json.h"
#include "hostd/image.h"
#include "hostd/journal.h"

#define PENDING_MAX 1000
#define DEADLINE_MAX_MS (3600 * 1000)
#define SWEEP_S 3600
#define PROGRESS_MS 1000

struct ZgCommands {
    const ZgCommandEnv *env;
    GHashTable *pending; /* id -> Pending, owned */
    ZgWorkerPool *records; /* one thread, so that a begin comes before its end */
    ZgWorkerPool *images;
    guint sweep_timer;
};

typedef struct {
    ZgCommands *commands;
    char *id;
    char *kind;
    json_t *message;
    int64_t deadline_ms; /* remaining when it came */
    guint timer;
    bool ended; /* its answer is being recorded */
} Pending;

/* One kind: reads its fields and acts; ends now or later with finish(). */
typedef struct {
    const char *kind;
    void (*run)(Pending *pending, ZgJsonReader *reader);
    bool again;   /* may run a second time when this program was killed in between */
    bool patient; /* has no deadline once it was begun */
} Kind;

static void
pending_free(gpointer data)
{
    Pending *pending = data;

    g_clear_handle_id(&pending->timer, g_source_remove);
    g_free(pending->id);
    g_free(pending->kind);
    json_decref(pending->message);
    g_free(pending);
}

/* ---- ending ---- */

typedef struct {
    ZgCommands *commands;
    const char *dir;
    ZgAgentDone *done;
    GError *error;
} EndJob;

static void
end_work(void *data)
{
    EndJob *job = data;

    zg_journal_end(job->dir, job->done, &job->error);
}

static void
end_done(void *data)
{
    EndJob *job = data;

    if (job->error != NULL) {
        zg_log_error("command-not-recorded", job->done->id, "%s", job->error->message);
    }
    job->commands->env->tell_broker(zg_agent_done_write(job->done), job->commands->env->user);
    g_hash_table_remove(job->commands->pending, job->done->id);
    zg_agent_done_free(job->done);
    g_clear_error(&job->error);
    g_free(job);
}

/* @result: handed over, may be NULL. Only the first end of a command counts. */
static void
finish(Pending *pending, json_t *result, const GError *error)
{
    EndJob *job;

    if (pending->ended) {
        json_decref(result);
        return;
    }
    pending->ended = true;
    g_clear_handle_id(&pending->timer, g_source_remove);
    job = g_new0(EndJob, 1);
    job->commands = pending->commands;
    job->dir = pending->commands->env->journal_dir;
    job->done = zg_agent_done_new(pending->id, error == NULL);
    if (error != NULL) {
        job->done->code = g_strdup(zg_error_name((int)zg_error_code_of(error)));
        job->done->message = g_strndup(error->message, ZG_LIMIT_TEXT_BYTES);
        zg_log_info("command-failed", pending->id, "%s: %s", pending->kind, error->message);
        json_decref(result);
    } else {
        job->done->result = result != NULL ? result : json_object();
        zg_log_debug("command-done", pending->id, "%s", pending->kind);
    }
    if (!zg_worker_run(pending->commands->records, end_work, end_done, job, NULL)) {
        end_work(job); /* the queue is full: rather late than lost */
        end_done(job);
    }
}

static void
fail(Pending *pending, ZgErrorCode code, const char *why)
{
    g_autoptr(GError) error = g_error_new_literal(ZG_ERROR, (int)code, why);

    finish(pending, NULL, error);
}

/* A desktop's answer may come after the command was given up: it is found again by its id. */
typedef struct {
    ZgCommands *commands;
    char *id;
} Ticket;

static Ticket *
ticket_for(Pending *pending)
{
    Ticket *ticket = g_new0(Ticket, 1);

    *ticket = (Ticket){.commands = pending->commands, .id = g_strdup(pending->id)};
    return ticket;
}

static void
on_desktop_done(const GError *error, void *user)
{
    Ticket *ticket = user;
    Pending *pending = g_hash_table_lookup(ticket->commands->pending, ticket->id);

    if (pending != NULL) {
        finish(pending, NULL, error);
    }
    g_free(ticket->id);
    g_free(ticket);
}

/* Ends the reading of fields; answers what was wrong. */
static bool
fields_ok(Pending *pending, ZgJsonReader *reader)
{
    g_autoptr(GError) error = NULL;

    if (zg_json_reader_finish(reader, ZG_JSON_SKIP_UNKNOWN, NULL, &error)) {
        return true;
    }
    finish(pending, NULL, error);
    return false;
}

static ZgDesktop *
desktop_or_fail(Pending *pending, const char *id)
{
    ZgDesktop *desktop = pending->commands->env->find_desktop(id, pending->commands->env->user);

    if (desktop == NULL) {
        fail(pending, ZG_ERROR_NOT_FOUND, "no such desktop on this host");
    }
    return desktop;
}

/* ---- kinds ---- */

/* ticket, cut, message: the front does them; our keys around theirs are left out. */
static void
run_by_front(Pending *pending, ZgJsonReader *reader)
{
    json_t *copy;
    const char *desktop = NULL;

    zg_json_take_id(reader, "desktop", ZG_JSON_REQUIRED, &desktop);
    if (!fields_ok(pending, reader) || desktop_or_fail(pending, desktop) == NULL) {
        return;
    }
    copy = json_copy(pending->message);
    json_object_del(copy, "kind");
    json_object_del(copy, "deadline_ms");
    json_object_set_new(copy, "type", json_string(pending->kind));
    if (!pending->commands->env->tell_front(copy, pending->commands->env->user)) {
        fail(pending, ZG_ERROR_UNAVAILABLE, "the front of this host is not running");
    }
}

static void
run_sign_on(Pending *pending, ZgJsonReader *reader)
{
    ZgSessionSignOn sign_on = {0};
    const char *id = NULL;
    int64_t generation = 0;
    ZgDesktop *desktop;

    zg_json_take_id(reader, "desktop", ZG_JSON_REQUIRED, &id);
    zg_json_take_int(reader, "generation", ZG_JSON_REQUIRED, 1, INT64_MAX, &generation);
    zg_json_take_text(reader, "user", ZG_JSON_REQUIRED, 1, ZG_LIMIT_USER_BYTES, &sign_on.user);
    zg_json_take_text(reader, "unix_name", ZG_JSON_REQUIRED, 1, ZG_SESSION_UNIX_NAME_MAX,
                      &sign_on.unix_name);
    zg_json_take_int(reader, "uid", ZG_JSON_REQUIRED, 1000, 0x7fffffff, &sign_on.uid);
    zg_json_take_text(reader, "full_name", ZG_JSON_OPTIONAL, 0, ZG_LIMIT_TEXT_BYTES,
                      &sign_on.full_name);
    zg_json_take_text(reader, "locale", ZG_JSON_OPTIONAL, 0, ZG_LIMIT_NAME_BYTES, &sign_on.locale);
    zg_json_take_text(reader, "keyboard", ZG_JSON_OPTIONAL, 0, ZG_LIMIT_NAME_BYTES,
                      &sign_on.keyboard);
    zg_json_take_text(reader, "time_zone", ZG_JSON_OPTIONAL, 0, ZG_LIMIT_NAME_BYTES,
                      &sign_on.time_zone);
    if (fields_ok(pending, reader) && (desktop = desktop_or_fail(pending, id)) != NULL) {
        zg_desktop_sign_on(desktop, generation, &sign_on, pending->deadline_ms, on_desktop_done,
                           ticket_for(pending));
    }
}

static void
run_sign_off(Pending *pending, ZgJsonReader *reader)
{
    const char *id = NULL;
    int64_t generation = 0;
    int64_t grace_ms = 0;
    ZgDesktop *desktop;

    zg_json_take_id(reader, "desktop", ZG_JSON_REQUIRED, &id);
    zg_json_take_int(reader, "generation", ZG_JSON_REQUIRED, 1, INT64_MAX, &generation);
    zg_json_take_int(reader, "grace_ms", ZG_JSON_OPTIONAL, 0, 600000, &grace_ms);
    if (fields_ok(pending, reader) && (desktop = desktop_or_fail(pending, id)) != NULL) {
        zg_desktop_sign_off(desktop, generation, grace_ms, on_desktop_done, ticket_for(pending));
    }
}

static void
run_restart(Pending *pending, ZgJsonReader *reader)
{
    const char *id = NULL;
    int64_t generation = 0;
    ZgDesktop *desktop;

    zg_json_take_id(reader, "desktop", ZG_JSON_REQUIRED, &id);
    zg_json_take_int(reader, "generation", ZG_JSON_REQUIRED, 1, INT64_MAX, &generation);
    if (fields_ok(pending, reader) && (desktop = desktop_or_fail(pending, id)) != NULL) {
        zg_desktop_restart(desktop, generation, on_desktop_done, ticket_for(pending));
    }
}

static void
run_suspend(Pending *pending, ZgJsonReader *reader)
{
    const char *id = NULL;
    ZgDesktop *desktop;

    zg_json_take_id(reader, "desktop", ZG_JSON_REQUIRED, &id);
    if (fields_ok(pending, reader) && (desktop = desktop_or_fail(pending, id)) != NULL) {
        zg_desktop_suspend(desktop, true, on_desktop_done, ticket_for(pending));
    }
}

typedef struct {
    Ticket *ticket;
    ZgImageImport import; /* its texts are borrowed from message */
    json_t *message;
    int percent; /* atomic */
    int told;
    guint timer;
    ZgImage *image;
    GError *error;
} ImportJob;

static void
import_work(void *data)
{
    ImportJob *job = data;

    job->image = zg_image_import(&job->import, &job->error);
}

static void
import_done(void *data)
{
    ImportJob *job = data;
    ZgCommands *commands = job->ticket->commands;
    Pending *pending = g_hash_table_lookup(commands->pending, job->ticket->id);

    g_source_remove(job->timer);
    if (job->image != NULL) {
        zg_log_info("image-imported", job->image->template_name, "version %" G_GINT64_FORMAT
                    ", %" G_GINT64_FORMAT " MiB", job->image->version, job->image->bytes >> 20);
        commands->env->on_images_changed(commands->env->user);
    }
    if (pending != NULL) {
        finish(pending,
               job->image == NULL
                   ? NULL
                   : json_pack("{s:s, s:I, s:I}", "sha256", job->image->sha256, "bytes",
                               (json_int_t)job->image->bytes, "virtual_mib",
                               (json_int_t)job->image->virtual_mib),
               job->error);
    }
    zg_image_free(job->image);
    g_clear_error(&job->error);
    json_decref(job->message);
    g_free(job->ticket->id);
    g_free(job->ticket);
    g_free(job);
}

static gboolean
on_progress(gpointer data)
{
    ImportJob *job = data;
    int percent = g_atomic_int_get(&job->percent);
    const ZgCommandEnv *env = job->ticket->commands->env;

    if (percent != job->told) {
        job->told = percent;
        env->tell_broker(json_pack("{s:s, s:s, s:i, s:s}", "type", "progress", "id",
                                   job->ticket->id, "percent", percent, "text",
                                   percent < 80 ? "copying the image" : "checking the image"),
                         env->user);
    }
    return G_SOURCE_CONTINUE;
}

static void
run_image_import(Pending *pending, ZgJsonReader *reader)
{
    const ZgCommandEnv *env = pending->commands->env;
    ImportJob *job = g_new0(ImportJob, 1);
    ZgImageImport *import = &job->import;
    g_autoptr(GError) error = NULL;

    *import = (ZgImageImport){.images_dir = env->images_dir,
                              .incoming = env->incoming,
                              .qemu_user = env->qemu_user,
                              .disk_reserve_mib = env->disk_reserve_mib,
                              .percent = &job->percent};
    zg_json_take_name(reader, "template", ZG_JSON_REQUIRED, &import->template_name);
    zg_json_take_int(reader, "version", ZG_JSON_REQUIRED, 1, INT64_MAX, &import->version);
    zg_json_take_text(reader, "path", ZG_JSON_REQUIRED, 1, 255, &import->path);
    zg_json_take_text(reader, "kernel", ZG_JSON_OPTIONAL, 1, 255, &import->kernel);
    zg_json_take_text(reader, "initrd", ZG_JSON_OPTIONAL, 1, 255, &import->initrd);
    zg_json_take_text(reader, "os", ZG_JSON_OPTIONAL, 0, ZG_LIMIT_TEXT_BYTES, &import->os);
    zg_json_take_text(reader, "cmdline", ZG_JSON_OPTIONAL, 1, ZG_LIMIT_TEXT_BYTES,
                      &import->cmdline);
    if (!fields_ok(pending, reader)) {
        g_free(job);
        return;
    }
    if (env->incoming == NULL) {
        fail(pending, ZG_ERROR_DENIED, "this host has no folder for incoming files");
        g_free(job);
        return;
    }
    job->ticket = ticket_for(pending);
    job->message = json_incref(pending->message);
    if (!zg_worker_run(pending->commands->images, import_work, import_done, job, &error)) {
        finish(pending, NULL, error);
        json_decref(job->message);
        g_free(job->ticket->id);
        g_free(job->ticket);
        g_free(job);
        return;
    }
    job->timer = g_timeout_add(PROGRESS_MS, on_progress, job);
}

static void
run_image_remove(Pending *pending, ZgJsonReader *reader)
{
    const ZgCommandEnv *env = pending->commands->env;
    const char *template_name = NULL;
    int64_t version = 0;
    g_autoptr(GError) error = NULL;

    zg_json_take_name(reader, "template", ZG_JSON_REQUIRED, &template_name);
    zg_json_take_int(reader, "version", ZG_JSON_REQUIRED, 1, INT64_MAX, &version);
    if (!fields_ok(pending, reader)) {
        return;
    }
    if (env->image_in_use(template_name, version, env->user)) {
        fail(pending, ZG_ERROR_CONFLICT, "desktops of this host still use this version");
        return;
    }
    if (!zg_image_remove(env->images_dir, template_name, version, &error)) {
        finish(pending, NULL, error);
        return;
    }
    env->on_images_changed(env->user);
    finish(pending, NULL, NULL);
}

static const Kind kinds[] = {
    {"ticket", run_by_front, false, false},
    {"cut", run_by_front, true, false},
    {"message", run_by_front, false, false},
    {"sign_on", run_sign_on, false, false},
    {"sign_off", run_sign_off, true, false},
    {"restart", run_restart, false, false},
    {"suspend", run_suspend, true, false},
    {"image_import", run_image_import, true, true},
    {"image_remove", run_image_remove, true, true},
};

static const Kind *
kind_of(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (g_str_equal(kinds[i].kind, name)) {
            return &kinds[i];
        }
    }
    return NULL;
}

/* ---- beginning ---- */

static gboolean
on_deadline(gpointer data)
{
    Pending *pending = data;

    pending->timer = 0;
    fail(pending, ZG_ERROR_TIMEOUT, "the command was not done before its deadline");
    return G_SOURCE_REMOVE;
}

typedef struct {
    ZgCommands *commands;
    const char *dir;
    char *id;
    ZgJournalState state;
    ZgAgentDone *done;
    GError *error;
} BeginJob;

static void
begin_work(void *data)
{
    BeginJob *job = data;

    zg_journal_begin(job->dir, job->id, &job->state, &job->done, &job->error);
}

static void
act(Pending *pending, ZgJournalState state)
{
    const Kind *kind = kind_of(pending->kind);
    ZgJsonReader reader;

    if (kind == NULL) {
        fail(pending, ZG_ERROR_INVALID, "this host does not know this kind of command");
    } else if (state == ZG_JOURNAL_BEGUN && !kind->again) {
        fail(pending, ZG_ERROR_UNAVAILABLE,
             "hostd was restarted while the command ran; give a new one");
    } else {
        if (kind->patient) {
            g_clear_handle_id(&pending->timer, g_source_remove);
        }
        zg_json_reader_init(&reader, pending->message, pending->kind);
        kind->run(pending, &reader);
    }
}

static void
begin_done(void *data)
{
    BeginJob *job = data;
    ZgCommands *commands = job->commands;
    Pending *pending = g_hash_table_lookup(commands->pending, job->id);

    if (pending == NULL || pending->ended) {
        /* Its deadline passed while it was being recorded. */
    } else if (job->error != NULL) {
        finish(pending, NULL, job->error);
    } else if (job->state == ZG_JOURNAL_DONE) {
        commands->env->tell_broker(zg_agent_done_write(job->done), commands->env->user);
        g_hash_table_remove(commands->pending, job->id);
    } else {
        act(pending, job->state);
    }
    zg_agent_done_free(job->done);
    g_clear_error(&job->error);
    g_free(job->id);
    g_free(job);
}

void
zg_commands_take(ZgCommands *commands, const json_t *message)
{
    ZgJsonReader reader;
    const char *id = NULL;
    const char *kind = NULL;
    int64_t deadline_ms = 0;
    Pending *pending;
    BeginJob *job;
    g_autoptr(GError) error = NULL;

    zg_json_reader_init(&reader, message, "command");
    zg_json_take_id(&reader, "id", ZG_JSON_REQUIRED, &id);
    zg_json_take_text(&reader, "kind", ZG_JSON_REQUIRED, 1, ZG_LIMIT_NAME_BYTES, &kind);
    zg_json_take_int(&reader, "deadline_ms", ZG_JSON_REQUIRED, 1, DEADLINE_MAX_MS, &deadline_ms);
    if (!zg_json_reader_finish(&reader, ZG_JSON_SKIP_UNKNOWN, NULL, &error)) {
        zg_log_warning("command-ignored", NULL, "%s", error->message);
        return;
    }
    if (g_hash_table_contains(commands->pending, id)) {
        return; /* sent twice; the answer is on its way */
    }
    if (g_hash_table_size(commands->pending) >= PENDING_MAX) {
        zg_log_warning("command-ignored", id, "too many at once");
        return; /* it stays in the broker's store and comes again, or expires */
    }
    pending = g_new0(Pending, 1);
    *pending = (Pending){.commands = commands,
                         .id = g_strdup(id),
                         .kind = g_strdup(kind),
                         .message = json_deep_copy(message),
                         .deadline_ms = deadline_ms};
    pending->timer = g_timeout_add((guint)deadline_ms, on_deadline, pending);
    g_hash_table_insert(commands->pending, pending->id, pending);
    job = g_new0(BeginJob, 1);
    *job = (BeginJob){
        .commands = commands, .dir = commands->env->journal_dir, .id = g_strdup(id)};
    if (!zg_worker_run(commands->records, begin_work, begin_done, job, &job->error)) {
        begin_done(job);
    }
}

void
zg_commands_front_done(ZgCommands *commands, const json_t *message)
{
    ZgJsonReader reader;
    const char *id = NULL;
    const char *code = "failed";
    const char *text = "the front refused";
    bool ok = false;
    Pending *pending;

    zg_json_reader_init(&reader, message, "done");
    zg_json_take_id(&reader, "id", ZG_JSON_REQUIRED, &id);
    zg_json_take_bool(&reader, "ok", ZG_JSON_REQUIRED, &ok);
    zg_json_take_text(&reader, "code", ZG_JSON_OPTIONAL, 0, ZG_LIMIT_NAME_BYTES, &code);
    zg_json_take_text(&reader, "message", ZG_JSON_OPTIONAL, 0, ZG_LIMIT_TEXT_BYTES, &text);
    if (!zg_json_reader_finish(&reader, ZG_JSON_SKIP_UNKNOWN, NULL, NULL)) {
        return;
    }
    pending = g_hash_table_lookup(commands->pending, id);
    if (pending != NULL && ok) {
        finish(pending, NULL, NULL);
    } else if (pending != NULL) {
        fail(pending, zg_error_from_name(code), text);
    }
}

static gboolean
on_sweep(gpointer data)
{
    ZgCommands *commands = data;

    zg_journal_sweep(commands->env->journal_dir, zg_clock_utc_us());
    return G_SOURCE_CONTINUE;
}

ZgCommands *
zg_commands_new(const ZgCommandEnv *env)
{
    ZgCommands *commands = g_new0(ZgCommands, 1);

    commands->env = env;
    commands->pending = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, pending_free);
    commands->records = zg_worker_pool_new(1, 2 * PENDING_MAX);
    commands->images = zg_worker_pool_new(1, 16);
    commands->sweep_timer = g_timeout_add_seconds(SWEEP_S, on_sweep, commands);
    on_sweep(commands);
    return commands;
}

void
zg_commands_free(ZgCommands *commands)
{
    if (commands == NULL) {
        return;
    }
    g_source_remove(commands->sweep_timer);
    zg_worker_pool_free(commands->records);
    zg_worker_pool_free(commands->images);
    g_hash_table_unref(commands->pending);
    g_free(commands);
}
