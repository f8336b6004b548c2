/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/consoles.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/fd.h"
#include "common/base/log.h"
#include "common/proto/json.h"
#include "display/worker_link.h"

#define GATE_SWEEP_MS 1000
/* A worker that dies young: the next console is asked for after a pause that doubles. */
#define YOUNG_WORKER_US (10 * 1000 * 1000)
#define RETRY_MAX_MS 30000
#define WORKER_UIDS 1024

typedef struct {
    ZgConsoles *consoles;
    char *id;
    char *name;
    char *title;
    char *profile;
    uint64_t generation;
    uint64_t epoch;
    ZgWorkerLink *worker; /* NULL while there is none */
    int64_t worker_since_us;
    const char *state; /* running, console-lost */
    char *reason;
    int64_t width, height;
    unsigned n_young; /* workers in a row that died young */
    guint retry_timer;
} Console;

typedef struct {
    ZgViewer *viewer;
    int64_t wait_until_us; /* for a worker; 0 once attached */
    bool first_frame;
} Seat;

struct ZgConsoles {
    char *program;
    uid_t uid_base;
    ZgReportFunc report;
    void *user;
    ZgGate *gate;
    GHashTable *consoles; /* id -> Console */
    GHashTable *seats;    /* viewer's number -> Seat */
    uint64_t last_number;
    guint sweep;
};

static void
free_console(gpointer data)
{
    Console *console = data;

    g_clear_handle_id(&console->retry_timer, g_source_remove);
    zg_worker_link_free(console->worker);
    g_free(console->id);
    g_free(console->name);
    g_free(console->title);
    g_free(console->profile);
    g_free(console->reason);
    g_free(console);
}

/* Reports. */

static void
report_worker(Console *console, const char *state)
{
    console->consoles->report(
        json_pack("{s:s, s:s, s:I, s:I, s:s, s:i, s:I, s:I, s:s}", "type", "worker", "desktop",
                  console->id, "generation", (json_int_t)console->generation, "epoch",
                  (json_int_t)console->epoch, "state", state, "pid",
                  console->worker != NULL ? (int)zg_worker_link_pid(console->worker) : 0, "width",
                  (json_int_t)console->width, "height", (json_int_t)console->height, "reason",
                  console->reason != NULL ? console->reason : ""),
        console->consoles->user);
}

static void
report_viewer(ZgConsoles *consoles, const ZgGrant *grant, ZgViewer *viewer, const char *event,
              const char *reason)
{
    const char *protocol = "wss";

    if (viewer != NULL && zg_viewer_kind(viewer) == ZG_VIEWER_RFB) {
        protocol = "vnc";
    }
    zg_log_info("viewer", grant->session, "viewer of %s on desktop %s: %s%s%s", grant->user,
                grant->desktop, event, *reason != '\0' ? ": " : "", reason);
    consoles->report(json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:s, s:s}", "type", "viewer",
                               "desktop", grant->desktop, "session", grant->session, "user",
                               grant->user, "event", event, "viewers",
                               (int)zg_gate_count(consoles->gate, grant->session), "terminal",
                               viewer != NULL ? zg_viewer_terminal(viewer) : "", "protocol",
                               protocol, "reason", reason),
                     consoles->user);
}

/* Viewers. */

static Seat *
find_seat(ZgConsoles *consoles, uint64_t number)
{
    return g_hash_table_lookup(consoles->seats, &number);
}

/* The worker knows viewers by ids of 32 hex digits, like everything else that has an id. */
static void
viewer_id(uint64_t number, char out[ZG_ID_CHARS + 1])
{
    g_snprintf(out, ZG_ID_CHARS + 1, "%032" G_GINT64_MODIFIER "x", number);
}

/* Takes the viewer out of the table; the caller ends it. */
static ZgViewer *
steal_viewer(ZgConsoles *consoles, uint64_t number)
{
    Seat *seat = find_seat(consoles, number);
    ZgViewer *viewer = seat != NULL ? seat->viewer : NULL;

    g_hash_table_remove(consoles->seats, &number);
    return viewer;
}

static bool
ask_worker_to_cut(ZgConsoles *consoles, ZgViewer *viewer, const char *reason, const char *text)
{
    Console *console =
        g_hash_table_lookup(consoles->consoles, zg_viewer_grant(viewer)->desktop);
    char id[ZG_ID_CHARS + 1];

    if (console == NULL || console->worker == NULL || !zg_viewer_is_attached(viewer)) {
        return false;
    }
    viewer_id(zg_viewer_number(viewer), id);
    return zg_worker_link_send(console->worker,
                               json_pack("{s:s, s:s, s:s, s:s}", "type", "cut", "id", id, "reason",
                                         reason, "text", text),
                               -1);
}

/* @event: for the record; @reason: short word; @text: for the person. */
static void
cut_viewers(ZgConsoles *consoles, GArray *numbers, ZgCloseCode code, const char *event,
            const char *reason, const char *text)
{
    for (guint i = 0; i < numbers->len; i++) {
        ZgViewer *viewer = steal_viewer(consoles, g_array_index(numbers, uint64_t, i));

        if (viewer != NULL) {
            bool linger = zg_viewer_kind(viewer) == ZG_VIEWER_RFB &&
                          ask_worker_to_cut(consoles, viewer, reason, text);

            report_viewer(consoles, zg_viewer_grant(viewer), viewer, event, reason);
            zg_viewer_cut(viewer, code, text, linger);
        }
    }
}

static GArray *
numbers_new(void)
{
    return g_array_new(FALSE, FALSE, sizeof(uint64_t));
}

static void
leave(ZgConsoles *consoles, ZgViewer *viewer, bool lost, const char *reason)
{
    unsigned n_left;

    zg_gate_leave(consoles->gate, zg_viewer_number(viewer), lost, zg_clock_mono_us(), &n_left);
    report_viewer(consoles, zg_viewer_grant(viewer), viewer, lost ? "lost" : "out", reason);
}

static void
on_viewer_gone(ZgViewer *viewer, bool lost, const char *reason, void *user)
{
    ZgConsoles *consoles = user;

    steal_viewer(consoles, zg_viewer_number(viewer));
    leave(consoles, viewer, lost, reason);
    zg_viewer_free(viewer);
}

static const ZgViewerHandlers viewer_handlers = {.on_gone = on_viewer_gone};

/* The worker died or its desktop is late: the person may come back with the resume secret. */
static void
let_go(ZgConsoles *consoles, uint64_t number, const char *reason)
{
    ZgViewer *viewer = steal_viewer(consoles, number);

    if (viewer != NULL) {
        leave(consoles, viewer, true, reason);
        zg_viewer_cut(viewer, ZG_CLOSE_STOPPING, reason, false);
    }
}

static GArray *
numbers_of_desktop(ZgConsoles *consoles, const char *desktop)
{
    GArray *numbers = numbers_new();
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, consoles->seats);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const Seat *seat = value;
        uint64_t number = zg_viewer_number(seat->viewer);

        if (g_str_equal(zg_viewer_grant(seat->viewer)->desktop, desktop)) {
            g_array_append_val(numbers, number);
        }
    }
    return numbers;
}

/* Hands the viewer to the worker, or lets it go. */
static void
attach(ZgConsoles *consoles, Console *console, Seat *seat)
{
    uint64_t number = zg_viewer_number(seat->viewer);
    g_autoptr(GError) error = NULL;
    g_auto(ZgFd) far_end = zg_viewer_attach(seat->viewer, &error);
    char id[ZG_ID_CHARS + 1];
    json_t *message;

    if (far_end < 0) {
        let_go(consoles, number, error->message);
        return;
    }
    if (find_seat(consoles, number) == NULL) {
        return; /* what it had sent early was wrong, and it is gone */
    }
    seat->wait_until_us = 0;
    viewer_id(number, id);
    message = json_pack(
        "{s:s, s:s, s:s, s:b, s:s}", "type", "viewer", "id", id, "start",
        zg_viewer_kind(seat->viewer) == ZG_VIEWER_RFB ? "client-init" : "version", "view_only",
        (int)zg_viewer_grant(seat->viewer)->view_only, "label", zg_viewer_terminal(seat->viewer));
    if (!zg_worker_link_send(console->worker, message, far_end)) {
        let_go(consoles, number, "the desktop's worker does not answer");
    }
}

static void
attach_waiting(ZgConsoles *consoles, Console *console)
{
    g_autoptr(GArray) numbers = numbers_of_desktop(consoles, console->id);

    for (guint i = 0; i < numbers->len; i++) {
        Seat *seat = find_seat(consoles, g_array_index(numbers, uint64_t, i));

        if (seat != NULL && seat->wait_until_us != 0) {
            attach(consoles, console, seat);
        }
    }
}

/* Workers. */

static gboolean
on_retry(gpointer data)
{
    Console *console = data;

    console->retry_timer = 0;
    report_worker(console, "console-lost");
    return G_SOURCE_REMOVE;
}

static void
ask_for_console(Console *console)
{
    int64_t life_us = zg_clock_mono_us() - console->worker_since_us;
    unsigned pause_ms;

    console->n_young = life_us < YOUNG_WORKER_US ? console->n_young + 1 : 0;
    pause_ms = console->n_young < 2 ? 0 : 500U << MIN(console->n_young - 2, 6U);
    g_clear_handle_id(&console->retry_timer, g_source_remove);
    console->retry_timer = g_timeout_add(MIN(pause_ms, RETRY_MAX_MS), on_retry, console);
}

static void
on_worker_ended(ZgWorkerLink *link, const char *reason, void *user)
{
    Console *console = user;
    ZgConsoles *consoles = console->consoles;
    g_autoptr(GArray) numbers = numbers_of_desktop(consoles, console->id);

    zg_log_warning("worker-ended", console->id, "%s", reason);
    g_free(console->reason);
    console->reason = g_strdup(reason);
    console->worker = NULL;
    console->state = "console-lost";
    zg_worker_link_free(link);
    for (guint i = 0; i < numbers->len; i++) {
        Seat *seat = find_seat(consoles, g_array_index(numbers, uint64_t, i));

        if (seat != NULL && seat->wait_until_us == 0) {
            let_go(consoles, g_array_index(numbers, uint64_t, i),
                   "The connection to the desktop is being restored.");
        }
    }
    ask_for_console(console);
}

/* Only viewers of that worker's own desktop. */
static Seat *
seat_of_report(Console *console, const ZgWorkerReport *report)
{
    Seat *seat =
        find_seat(console->consoles, g_ascii_strtoull(report->viewer + ZG_ID_CHARS / 2, NULL, 16));

    return seat != NULL && g_str_equal(zg_viewer_grant(seat->viewer)->desktop, console->id)
               ? seat
               : NULL;
}

/* For the page, and with what the front adds for hostd. */
static void
take_stats(Console *console, Seat *seat, const ZgWorkerReport *report)
{
    const ZgGrant *grant = zg_viewer_grant(seat->viewer);
    json_t *encodings = json_array();
    g_autoptr(json_t) page = NULL;
    json_t *up;

    for (char **word = report->encodings; word != NULL && *word != NULL; word++) {
        json_array_append_new(encodings, json_string(*word));
    }
    page = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:o}", "type", "stats",
                     "bytes_out", (json_int_t)zg_viewer_bytes_out(seat->viewer), "frames",
                     (json_int_t)report->frames, "rtt_us", (json_int_t)report->rtt_us,
                     "rate_kbit", (json_int_t)report->rate_kbit, "fps", (json_int_t)report->fps,
                     "queued_bytes", (json_int_t)report->queued_bytes, "idle_s",
                     (json_int_t)report->idle_s, "bottleneck", report->bottleneck, "encodings",
                     encodings);
    up = json_copy(page);
    json_object_set_new(up, "desktop", json_string(grant->desktop));
    json_object_set_new(up, "session", json_string(grant->session));
    json_object_set_new(
        up, "viewers",
        json_integer((json_int_t)zg_gate_count(console->consoles->gate, grant->session)));
    console->consoles->report(up, console->consoles->user);
    zg_viewer_tell(seat->viewer, page);
}

static void
take_viewer_report(Console *console, Seat *seat, const ZgWorkerReport *report)
{
    if (report->kind == ZG_WORKER_SAYS_STATS) {
        take_stats(console, seat, report);
    } else if (report->kind == ZG_WORKER_SAYS_VIEWER_GONE) {
        zg_viewer_worker_says_gone(seat->viewer, report->reason);
    } else if (!seat->first_frame) {
        seat->first_frame = true;
        report_viewer(console->consoles, zg_viewer_grant(seat->viewer), seat->viewer,
                      "first-frame", "");
    }
}

static void
on_worker_report(ZgWorkerLink *link, const ZgWorkerReport *report, void *user)
{
    Console *console = user;
    Seat *seat;

    (void)link;
    switch (report->kind) {
    case ZG_WORKER_SAYS_READY:
        report_worker(console, console->state);
        break;
    case ZG_WORKER_SAYS_SIZE:
        console->width = report->width;
        console->height = report->height;
        report_worker(console, console->state);
        break;
    case ZG_WORKER_SAYS_CONSOLE_LOST:
        g_free(console->reason);
        console->reason = g_strdup(report->reason);
        console->state = "console-lost";
        report_worker(console, console->state);
        break;
    case ZG_WORKER_SAYS_FIRST_FRAME:
    case ZG_WORKER_SAYS_VIEWER_GONE:
    case ZG_WORKER_SAYS_STATS:
        seat = seat_of_report(console, report);
        if (seat != NULL) {
            take_viewer_report(console, seat, report);
        }
        break;
    case ZG_WORKER_SAYS_SOMETHING_ELSE:
        break;
    }
}

static const ZgWorkerHandlers worker_handlers = {
    .on_report = on_worker_report,
    .on_ended = on_worker_ended,
};

/* A uid that no running worker has, so that they cannot reach one another. */
static uid_t
free_uid(ZgConsoles *consoles)
{
    g_autofree bool *taken = g_new0(bool, WORKER_UIDS);
    GHashTableIter iter;
    gpointer value;

    if (consoles->uid_base == 0 || geteuid() != 0) {
        return 0;
    }
    g_hash_table_iter_init(&iter, consoles->consoles);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const Console *console = value;
        uid_t uid = console->worker != NULL ? zg_worker_link_uid(console->worker) : 0;

        if (uid >= consoles->uid_base && uid < consoles->uid_base + WORKER_UIDS) {
            taken[uid - consoles->uid_base] = true;
        }
    }
    for (uid_t i = 0; i < WORKER_UIDS; i++) {
        if (!taken[i]) {
            return consoles->uid_base + i;
        }
    }
    return consoles->uid_base; /* cannot be: there are at most ZG_CONSOLES_MAX workers */
}

/* Who the desktop is; a worker that runs takes it again when something of it changes. */
static bool
tell_start(Console *console)
{
    return zg_worker_link_send(console->worker,
                               json_pack("{s:s, s:s, s:s, s:s, s:s}", "type", "start", "desktop",
                                         console->id, "name", console->name, "title",
                                         console->title, "profile", console->profile),
                               -1);
}

static bool
start_worker(ZgConsoles *consoles, Console *console, GError **error)
{
    ZgWorkerSettings settings = {.program = consoles->program, .uid = free_uid(consoles)};

    console->worker = zg_worker_link_new(&settings, &worker_handlers, console, error);
    if (console->worker == NULL) {
        return false;
    }
    console->worker_since_us = zg_clock_mono_us();
    return true;
}

static Console *
get_console(ZgConsoles *consoles, const ZgConsoleOrder *order)
{
    Console *console = g_hash_table_lookup(consoles->consoles, order->desktop);

    if (console == NULL) {
        console = g_new0(Console, 1);
        console->consoles = consoles;
        console->id = g_strdup(order->desktop);
        console->state = "console-lost";
        g_hash_table_insert(consoles->consoles, console->id, console);
    }
    if (order->generation > console->generation) {
        /* Another person may come: nothing of the former worker stays. */
        g_clear_pointer(&console->worker, zg_worker_link_free);
        console->width = console->height = 0;
    }
    g_free(console->name);
    g_free(console->title);
    g_free(console->profile);
    console->name = g_strdup(order->name);
    console->title = g_strdup(order->title);
    console->profile = g_strdup(order->profile);
    console->generation = order->generation;
    console->epoch = order->epoch;
    return console;
}

bool
zg_consoles_set_console(ZgConsoles *consoles, const ZgConsoleOrder *order, int fd, GError **error)
{
    g_autoptr(GArray) numbers = numbers_new();
    Console *console;

    if (g_hash_table_size(consoles->consoles) >= ZG_CONSOLES_MAX &&
        !g_hash_table_contains(consoles->consoles, order->desktop)) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_UNAVAILABLE, "this front holds %d consoles already",
                    ZG_CONSOLES_MAX);
        return false;
    }
    if (!zg_gate_set_desktop(consoles->gate, order->desktop, order->generation, order->epoch,
                             numbers, error)) {
        return false;
    }
    cut_viewers(consoles, numbers, ZG_CLOSE_GONE, "out", "new-generation",
                "This desktop was renewed. Open your desktop again.");
    console = get_console(consoles, order);
    g_clear_handle_id(&console->retry_timer, g_source_remove);
    if (console->worker == NULL && !start_worker(consoles, console, error)) {
        return false;
    }
    if (!tell_start(console) ||
        !zg_worker_link_send(console->worker,
                             json_pack("{s:s, s:I}", "type", "console", "epoch",
                                       (json_int_t)console->epoch),
                             fd)) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_UNAVAILABLE, "the desktop's worker does not answer");
        return false;
    }
    g_clear_pointer(&console->reason, g_free);
    console->state = "running";
    if (zg_worker_link_is_ready(console->worker)) {
        report_worker(console, console->state);
    }
    attach_waiting(consoles, console);
    return true;
}

void
zg_consoles_set_profile(ZgConsoles *consoles, const char *desktop, uint64_t generation,
                        const char *profile)
{
    Console *console = g_hash_table_lookup(consoles->consoles, desktop);

    if (console == NULL || console->generation != generation ||
        g_str_equal(console->profile, profile)) {
        return;
    }
    g_free(console->profile);
    console->profile = g_strdup(profile);
    if (console->worker != NULL) {
        tell_start(console);
    }
}

void
zg_consoles_set_pictures(ZgConsoles *consoles, const char *desktop, uint64_t generation,
                         uint64_t epoch, int fd)
{
    Console *console = g_hash_table_lookup(consoles->consoles, desktop);

    if (console != NULL && console->worker != NULL && console->generation == generation &&
        console->epoch == epoch) {
        zg_worker_link_send(console->worker,
                            json_pack("{s:s, s:I}", "type", "pictures", "epoch",
                                      (json_int_t)console->epoch),
                            fd);
    }
}

void
zg_consoles_set_absent(ZgConsoles *consoles, const char *desktop, const char *reason)
{
    Console *console = g_hash_table_lookup(consoles->consoles, desktop);
    g_autoptr(GArray) numbers = numbers_new();

    if (console == NULL) {
        return;
    }
    zg_gate_drop_desktop(consoles->gate, desktop, numbers);
    cut_viewers(consoles, numbers, ZG_CLOSE_GONE, "out", "absent", reason);
    g_free(console->reason);
    console->reason = g_strdup(reason);
    g_clear_pointer(&console->worker, zg_worker_link_free);
    report_worker(console, "gone");
    g_hash_table_remove(consoles->consoles, desktop);
}

bool
zg_consoles_expect(ZgConsoles *consoles, const uint8_t digest[ZG_SHA256_BYTES],
                   const ZgGrant *grant, uint64_t ttl_ms, GError **error)
{
    return zg_gate_expect(consoles->gate, digest, grant, ttl_ms, zg_clock_mono_us(), error);
}

void
zg_consoles_cut(ZgConsoles *consoles, const char *desktop, const char *session, const char *reason,
                const char *text)
{
    g_autoptr(GArray) numbers = numbers_new();

    zg_gate_cut(consoles->gate, desktop, session, numbers);
    cut_viewers(consoles, numbers, ZG_CLOSE_ENDED, "out", reason, text);
}

bool
zg_consoles_message(ZgConsoles *consoles, const char *desktop, const char *text, GError **error)
{
    Console *console = g_hash_table_lookup(consoles->consoles, desktop);
    g_autoptr(GArray) numbers = NULL;
    g_autoptr(json_t) message = json_pack("{s:s, s:s}", "type", "message", "text", text);

    if (console == NULL) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_NOT_FOUND, "this front has no console of desktop %s",
                    desktop);
        return false;
    }
    numbers = numbers_of_desktop(consoles, desktop);
    for (guint i = 0; i < numbers->len; i++) {
        Seat *seat = find_seat(consoles, g_array_index(numbers, uint64_t, i));

        if (seat != NULL) {
            zg_viewer_tell(seat->viewer, message);
        }
    }
    if (console->worker != NULL) {
        zg_worker_link_send(console->worker, json_incref(message), -1);
    }
    return true;
}

void
zg_consoles_list(ZgConsoles *consoles)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, consoles->consoles);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        report_worker(value, ((Console *)value)->state);
    }
    g_hash_table_iter_init(&iter, consoles->seats);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const Seat *seat = value;

        report_viewer(consoles, zg_viewer_grant(seat->viewer), seat->viewer,
                      seat->first_frame ? "first-frame" : "in", "");
    }
}

static void
fill_entry(ZgConsoles *consoles, ZgEntry *entry)
{
    const Console *console = g_hash_table_lookup(consoles->consoles, entry->grant.desktop);

    entry->title = g_strdup(console != NULL ? console->title : "");
}

bool
zg_consoles_redeem(ZgConsoles *consoles, const void *secret, size_t n_secret, bool resumable,
                   ZgEntry *out_entry, GError **error)
{
    g_autoptr(GArray) numbers = numbers_new();

    out_entry->number = ++consoles->last_number;
    if (!zg_gate_redeem(consoles->gate, secret, n_secret, out_entry->number, resumable,
                        zg_clock_mono_us(), &out_entry->grant, &out_entry->resume, numbers,
                        error)) {
        return false;
    }
    cut_viewers(consoles, numbers, ZG_CLOSE_TAKEN_OVER, "taken-over", "taken-over",
                "Your desktop was opened at another terminal.");
    fill_entry(consoles, out_entry);
    return true;
}

bool
zg_consoles_resume(ZgConsoles *consoles, const void *secret, size_t n_secret, ZgEntry *out_entry,
                   GError **error)
{
    g_autoptr(GArray) numbers = numbers_new();

    out_entry->number = ++consoles->last_number;
    if (!zg_gate_resume(consoles->gate, secret, n_secret, out_entry->number, zg_clock_mono_us(),
                        &out_entry->grant, &out_entry->resume, numbers, error)) {
        return false;
    }
    cut_viewers(consoles, numbers, ZG_CLOSE_TAKEN_OVER, "lost", "resumed",
                "This connection was replaced by a newer one.");
    fill_entry(consoles, out_entry);
    return true;
}

void
zg_consoles_add_viewer(ZgConsoles *consoles, ZgViewerKind kind, ZgStream *stream,
                       const ZgEntry *entry, const ZgWs *ws, const GByteArray *greeting,
                       const uint8_t *rest, size_t n_rest)
{
    Console *console = g_hash_table_lookup(consoles->consoles, entry->grant.desktop);
    uint64_t number = entry->number;
    Seat *seat = g_new0(Seat, 1);

    seat->viewer = zg_viewer_new(kind, stream, entry, ws, &viewer_handlers, consoles);
    seat->wait_until_us = zg_clock_mono_us() + (int64_t)ZG_CONSOLE_WAIT_MS * 1000;
    g_hash_table_insert(consoles->seats, g_memdup2(&number, sizeof number), seat);
    report_viewer(consoles, &entry->grant, seat->viewer, "in", "");
    zg_viewer_greet(seat->viewer, greeting);
    seat = find_seat(consoles, number);
    if (seat != NULL) {
        zg_viewer_feed(seat->viewer, rest, n_rest);
        seat = find_seat(consoles, number);
    }
    if (seat != NULL && console != NULL && console->worker != NULL) {
        attach(consoles, console, seat);
    }
}

static gboolean
on_sweep(gpointer data)
{
    ZgConsoles *consoles = data;
    g_autoptr(GArray) held = g_array_new(FALSE, FALSE, sizeof(ZgGrant));
    g_autoptr(GArray) late = numbers_new();
    int64_t now_us = zg_clock_mono_us();
    GHashTableIter iter;
    gpointer value;

    zg_gate_expire(consoles->gate, now_us, held);
    for (guint i = 0; i < held->len; i++) {
        report_viewer(consoles, &g_array_index(held, ZgGrant, i), NULL, "held-expired", "");
    }
    g_hash_table_iter_init(&iter, consoles->seats);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const Seat *seat = value;
        uint64_t number = zg_viewer_number(seat->viewer);

        if (seat->wait_until_us != 0 && now_us >= seat->wait_until_us) {
            g_array_append_val(late, number);
        }
    }
    for (guint i = 0; i < late->len; i++) {
        let_go(consoles, g_array_index(late, uint64_t, i),
               "Your desktop does not answer yet. Try again in a moment.");
    }
    return G_SOURCE_CONTINUE;
}

ZgConsoles *
zg_consoles_new(const char *program, uid_t uid_base, ZgReportFunc report, void *user)
{
    ZgConsoles *consoles = g_new0(ZgConsoles, 1);

    consoles->program = g_strdup(program);
    consoles->uid_base = uid_base;
    consoles->report = report;
    consoles->user = user;
    consoles->gate = zg_gate_new();
    consoles->consoles = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_console);
    consoles->seats = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    consoles->sweep = g_timeout_add(GATE_SWEEP_MS, on_sweep, consoles);
    return consoles;
}

void
zg_consoles_free(ZgConsoles *consoles)
{
    GHashTableIter iter;
    gpointer value;

    if (consoles == NULL) {
        return;
    }
    g_hash_table_iter_init(&iter, consoles->seats);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        zg_viewer_cut(((Seat *)value)->viewer, ZG_CLOSE_STOPPING,
                      "The server is stopping. Your desktop goes on.", false);
    }
    g_clear_handle_id(&consoles->sweep, g_source_remove);
    g_hash_table_destroy(consoles->seats);
    g_hash_table_destroy(consoles->consoles);
    zg_gate_free(consoles->gate);
    g_free(consoles->program);
    g_free(consoles);
}
