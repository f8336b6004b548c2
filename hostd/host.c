/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hostd/host.h"

#include <string.h>
#include "common/base/error.h"
#include "common/base/id.h"
#include "common/base/log.h"
#include "common/proto/agent.h"
#include "common/proto/json.h"
#include "common/proto/line.h"
#include "hostd/admission.h"
#include "hostd/command.h"
#include "hostd/desktop.h"
#include "hostd/folder.h"
#include "hostd/front_link.h"
#include "hostd/hypervisor.h"
#include "hostd/image.h"
#include "hostd/inventory.h"
#include "hostd/link.h"

#define REPORT_SOON_MS 50
#define REPORT_FULL_S 5
#define REOPEN_MS 3000
#define VIEWERS_KEPT 256 /* news of viewers while no broker is there; older ones are dropped */
#define PROGRAM_VERSION "0.1.0"

struct ZgHost {
    ZgHostOptions options;
    ZgDesktopEnv env;
    ZgCommandEnv command_env;
    char *journal_dir;
    GHashTable *desktops; /* id -> ZgDesktop */
    GHashTable *changed;  /* ids worth a report */
    ZgFrontLink *front;
    ZgLink *link;
    ZgCommands *commands;
    GQueue viewer_news; /* of json_t */
    unsigned n_starting;
    bool front_connected;
    bool listed; /* the hypervisor told what runs: only now the broker is dialled */
    bool suspending;
    guint soon_timer;
    guint full_timer;
    guint reopen_timer;
    void (*suspended)(void *user);
    void *suspended_user;
    unsigned n_suspending;
};

static void open_hypervisor(ZgHost *host);

/* ---- reports ---- */

static void
fill_host_figures(ZgHost *host, ZgAgentReport *report)
{
    ZgInventory now = zg_inventory_take(host->env.desktops_dir);
    GHashTableIter iter;
    gpointer desktop;

    report->memory_free_mib = now.memory_free_mib;
    report->disk_free_mib = now.disk_free_mib;
    report->load_milli = now.load_milli;
    g_hash_table_iter_init(&iter, host->desktops);
    while (g_hash_table_iter_next(&iter, NULL, &desktop)) {
        int64_t memory;
        int64_t disk;

        zg_desktop_promised(desktop, &memory, &disk);
        report->disk_promised_mib += disk;
    }
}

static void
send_report(ZgHost *host, bool full)
{
    g_autoptr(ZgAgentReport) report = zg_agent_report_new();
    GHashTableIter iter;
    gpointer id;
    gpointer desktop;

    report->full = full;
    fill_host_figures(host, report);
    g_hash_table_iter_init(&iter, host->desktops);
    while (g_hash_table_iter_next(&iter, &id, &desktop)) {
        if (full || g_hash_table_contains(host->changed, id)) {
            g_ptr_array_add(report->desktops, zg_desktop_observe(desktop));
        }
    }
    g_hash_table_remove_all(host->changed);
    if (host->link != NULL) {
        zg_link_send(host->link, zg_agent_report_write(report));
    }
}

static gboolean
on_report_soon(gpointer data)
{
    ZgHost *host = data;

    host->soon_timer = 0;
    send_report(host, false);
    return G_SOURCE_REMOVE;
}

static gboolean
on_report_full(gpointer data)
{
    ZgHost *host = data;
    GHashTableIter iter;
    gpointer desktop;

    send_report(host, true);
    g_hash_table_iter_init(&iter, host->desktops);
    while (g_hash_table_iter_next(&iter, NULL, &desktop)) {
        zg_desktop_measure(desktop);
    }
    return G_SOURCE_CONTINUE;
}

static void
report_soon(ZgHost *host)
{
    if (host->soon_timer == 0) {
        host->soon_timer = g_timeout_add(REPORT_SOON_MS, on_report_soon, host);
    }
}

/* ---- what desktops ask of us ---- */

static bool
admit(int64_t memory_mib, int64_t disk_mib, GError **error, void *user)
{
    ZgHost *host = user;
    const ZgHostdConfig *config = host->options.config;
    ZgInventory now = zg_inventory_take(host->env.desktops_dir);
    ZgAdmission facts = {.memory_free = now.memory_free_mib,
                         .memory_reserve = config->memory_reserve_mib,
                         .memory_wanted = memory_mib,
                         .disk_free = now.disk_free_mib,
                         .disk_reserve = config->disk_reserve_mib,
                         .disk_wanted = disk_mib};
    GHashTableIter iter;
    gpointer desktop;

    g_hash_table_iter_init(&iter, host->desktops);
    while (g_hash_table_iter_next(&iter, NULL, &desktop)) {
        int64_t memory;
        int64_t disk;

        zg_desktop_promised(desktop, &memory, &disk);
        facts.memory_promised += memory;
        facts.disk_promised += disk;
    }
    return zg_admission_check(&facts, error);
}

static bool
take_slot(ZgDesktop *desktop, void *user)
{
    ZgHost *host = user;

    if (host->n_starting >= host->options.config->starts_at_once || host->suspending) {
        return false;
    }
    host->n_starting++;
    return true;
}

static void
look_at_all(ZgHost *host)
{
    g_autoptr(GList) all = g_hash_table_get_values(host->desktops);

    for (GList *at = all; at != NULL && !host->suspending; at = at->next) {
        zg_desktop_look(at->data);
    }
}

static gboolean
on_slot_free(gpointer data)
{
    look_at_all(data);
    return G_SOURCE_REMOVE;
}

static void
give_slot(ZgDesktop *desktop, void *user)
{
    ZgHost *host = user;

    host->n_starting--;
    g_idle_add(on_slot_free, host); /* not from inside a desktop's own step */
}

static bool
tell_front(json_t *message, int fd, void *user)
{
    ZgHost *host = user;

    if (host->front == NULL) {
        json_decref(message);
        return false;
    }
    return zg_front_link_send(host->front, message, fd);
}

static void
on_desktop_changed(ZgDesktop *desktop, void *user)
{
    ZgHost *host = user;

    g_hash_table_add(host->changed, g_strdup(zg_desktop_id(desktop)));
    report_soon(host);
}

static gboolean
on_gone_later(gpointer data)
{
    send_report(data, true); /* what is not in a full report is gone */
    return G_SOURCE_REMOVE;
}

static void
on_desktop_gone(ZgDesktop *desktop, void *user)
{
    ZgHost *host = user;

    g_hash_table_remove(host->desktops, zg_desktop_id(desktop));
    g_idle_add(on_gone_later, host);
}

static ZgDesktop *
find_desktop(const char *id, void *user)
{
    ZgHost *host = user;

    return g_hash_table_lookup(host->desktops, id);
}

static void
add_desktop(ZgHost *host, ZgDesktop *desktop)
{
    g_hash_table_insert(host->desktops, (gpointer)zg_desktop_id(desktop), desktop);
    if (host->front_connected) {
        zg_desktop_front_connected(desktop, true);
    }
}

/* ---- the hypervisor ---- */

static const ZgHypDomain *
find_domain(const GPtrArray *domains, const char *id)
{
    for (guint i = 0; i < domains->len; i++) {
        const ZgHypDomain *domain = g_ptr_array_index(domains, i);

        if (g_str_equal(domain->id, id)) {
            return domain;
        }
    }
    return NULL;
}

static gboolean
on_reopen(gpointer data)
{
    ZgHost *host = data;

    host->reopen_timer = 0;
    open_hypervisor(host);
    return G_SOURCE_REMOVE;
}

static void
reopen_later(ZgHost *host, const GError *error)
{
    zg_log_error("hypervisor-down", NULL, "trying again: %s", error->message);
    if (host->reopen_timer == 0) {
        host->reopen_timer = g_timeout_add(REOPEN_MS, on_reopen, host);
    }
}

static void dial_broker(ZgHost *host);

static void
on_list(const GPtrArray *domains, const GError *error, void *user)
{
    ZgHost *host = user;
    g_autoptr(GList) all = NULL;

    if (error != NULL) {
        reopen_later(host, error);
        return;
    }
    for (guint i = 0; i < domains->len; i++) {
        const ZgHypDomain *domain = g_ptr_array_index(domains, i);

        if (find_desktop(domain->id, host) == NULL) {
            ZgDesktop *stray = zg_desktop_new(&host->env, domain->id);

            zg_log_warning("stray-domain", domain->id, "nobody knows it: removing");
            add_desktop(host, stray);
            zg_desktop_want_absent(stray);
        }
    }
    all = g_hash_table_get_values(host->desktops);
    for (GList *at = all; at != NULL; at = at->next) {
        zg_desktop_found(at->data, find_domain(domains, zg_desktop_id(at->data)));
    }
    look_at_all(host);
    if (!host->listed) {
        host->listed = true;
        dial_broker(host);
    }
}

static void
on_opened(const GError *error, void *user)
{
    ZgHost *host = user;

    if (error != NULL && g_str_has_prefix(host->options.uri, "qemu:///embed")) {
        /* libvirt's drivers start once in a process: what failed is tried by the next one. */
        zg_log_error("hypervisor-down", NULL, "ending, to be started again: %s", error->message);
        host->options.failed(host->options.user);
        return;
    }
    if (error != NULL) {
        reopen_later(host, error);
        return;
    }
    zg_log_info("hypervisor-open", NULL, "%s", host->options.uri);
    zg_hypervisor_list(host->env.hyp, on_list, host);
}

static void
open_hypervisor(ZgHost *host)
{
    zg_hypervisor_open(host->env.hyp, on_opened, host);
}

static void
on_hyp_event(const char *id, ZgHypEvent event, bool powered_off, void *user)
{
    ZgHost *host = user;
    ZgDesktop *desktop;

    if (event == ZG_HYP_EVENT_GONE_AWAY) {
        g_autoptr(GError) error =
            g_error_new_literal(ZG_ERROR, ZG_ERROR_UNAVAILABLE, "the hypervisor's daemon left");

        reopen_later(host, error);
        return;
    }
    desktop = find_desktop(id, host);
    if (desktop != NULL) {
        zg_desktop_on_event(desktop, event, powered_off);
    }
}

/* ---- the front ---- */

static void
on_front_connected(bool connected, void *user)
{
    ZgHost *host = user;
    GHashTableIter iter;
    gpointer desktop;

    host->front_connected = connected;
    g_hash_table_iter_init(&iter, host->desktops);
    while (g_hash_table_iter_next(&iter, NULL, &desktop)) {
        zg_desktop_front_connected(desktop, connected);
    }
}

static void
on_worker(ZgHost *host, const json_t *message)
{
    ZgJsonReader reader;
    const char *id = NULL;
    const char *state = NULL;
    int64_t generation = 0;
    ZgDesktop *desktop;

    zg_json_reader_init(&reader, message, "worker");
    zg_json_take_id(&reader, "desktop", ZG_JSON_REQUIRED, &id);
    zg_json_take_int(&reader, "generation", ZG_JSON_REQUIRED, 0, INT64_MAX, &generation);
    zg_json_take_text(&reader, "state", ZG_JSON_REQUIRED, 1, 64, &state);
    if (!zg_json_reader_finish(&reader, ZG_JSON_SKIP_UNKNOWN, NULL, NULL)) {
        zg_log_warning("front-message-ignored", NULL, "a worker report that is not understood");
        return;
    }
    desktop = find_desktop(id, host);
    if (desktop != NULL) {
        zg_desktop_on_worker(desktop, state, generation);
    } else if (g_str_equal(state, "running")) {
        tell_front(json_pack("{s:s, s:s, s:s}", "type", "absent", "desktop", id, "reason",
                             "the desktop is gone"),
                   -1, host);
    }
}

static void
on_viewer(ZgHost *host, const json_t *message)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ZgAgentViewer) viewer = zg_agent_viewer_read(message, &error);
    ZgDesktop *desktop;
    json_t *news;

    if (viewer == NULL) {
        zg_log_warning("front-message-ignored", NULL, "%s", error->message);
        return;
    }
    desktop = find_desktop(viewer->desktop, host);
    if (desktop != NULL) {
        zg_desktop_on_viewers(desktop, viewer->viewers);
    }
    news = zg_agent_viewer_write(viewer);
    if (host->link != NULL && zg_link_send(host->link, json_incref(news))) {
        json_decref(news);
        return;
    }
    g_queue_push_tail(&host->viewer_news, news);
    if (host->viewer_news.length > VIEWERS_KEPT) {
        json_decref(g_queue_pop_head(&host->viewer_news));
    }
}

/* Old after seconds: while no broker is there it is not kept. */
static void
on_stats(ZgHost *host, const json_t *message)
{
    g_autoptr(ZgLine) line = zg_line_read(message, NULL);

    if (line != NULL && host->link != NULL) {
        zg_link_send(host->link, zg_line_write(line));
    }
}

static void
on_front_message(const char *type, const json_t *message, void *user)
{
    ZgHost *host = user;

    if (g_str_equal(type, "done")) {
        zg_commands_front_done(host->commands, message);
    } else if (g_str_equal(type, "worker")) {
        on_worker(host, message);
    } else if (g_str_equal(type, "viewer")) {
        on_viewer(host, message);
    } else if (g_str_equal(type, "stats")) {
        on_stats(host, message);
    } else if (g_str_equal(type, "refused")) {
        const char *why = json_string_value(json_object_get(message, "message"));

        zg_log_warning("console-refused", json_string_value(json_object_get(message, "desktop")),
                       "%s", why != NULL ? why : "the front gave no reason");
    }
}

/* ---- the broker ---- */

static json_t *
make_hello(void *user)
{
    ZgHost *host = user;
    const ZgHostOptions *options = &host->options;
    g_autoptr(ZgAgentHello) hello = zg_agent_hello_new();
    ZgInventory now = zg_inventory_take(host->env.desktops_dir);
    g_autoptr(GPtrArray) images = zg_image_list(host->env.images_dir);
    g_autoptr(GStrvBuilder) capabilities = g_strv_builder_new();

    g_strv_builder_add_many(capabilities, "save", "clipboard", "isolated", NULL);
    if (options->nat) {
        g_strv_builder_add(capabilities, "nat");
    }
    if (zg_hypervisor_has_dbus_display(host->env.hyp)) {
        g_strv_builder_add(capabilities, "dbus-display");
    }
    hello->host = g_strdup(options->config->name);
    hello->boot_id = zg_inventory_boot_id();
    hello->program_version = g_strdup(PROGRAM_VERSION);
    hello->driver = g_strdup(zg_hypervisor_kind(host->env.hyp));
    hello->accel = g_strdup(options->kvm ? "kvm" : "tcg");
    hello->accel_reason = g_strdup(options->accel_reason);
    hello->cpus = now.cpus;
    hello->memory_mib = now.memory_mib;
    hello->disk_mib = now.disk_mib;
    g_strfreev(hello->capabilities);
    hello->capabilities = g_strv_builder_end(capabilities);
    for (guint i = 0; i < images->len; i++) {
        const ZgImage *image = g_ptr_array_index(images, i);

        g_ptr_array_add(hello->images, zg_agent_image_new(image->template_name, image->version,
                                                          image->sha256, image->bytes));
    }
    return zg_agent_hello_write(hello);
}

static void
on_welcome(int64_t epoch, void *user)
{
    ZgHost *host = user;
    json_t *news;

    send_report(host, true);
    while ((news = g_queue_pop_head(&host->viewer_news)) != NULL) {
        zg_link_send(host->link, news);
    }
}

static void
on_desired(ZgHost *host, const json_t *message)
{
    g_autoptr(GError) error = NULL;
    ZgDesired *wish = zg_desired_read(message, &error);
    ZgDesktop *desktop;

    if (wish == NULL) {
        zg_log_warning("wish-ignored", NULL, "%s", error->message);
        return;
    }
    desktop = find_desktop(wish->desktop, host);
    if (desktop == NULL && wish->power == ZG_WISH_ABSENT) {
        zg_desired_free(wish);
        on_gone_later(host);
        return;
    }
    if (desktop == NULL) {
        desktop = zg_desktop_new(&host->env, wish->desktop);
        add_desktop(host, desktop);
    }
    zg_desktop_want(desktop, wish);
}

static void
on_desired_all(ZgHost *host, const json_t *message)
{
    const json_t *ids = json_object_get(message, "desktops");
    g_autoptr(GHashTable) known = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GList) all = g_hash_table_get_values(host->desktops);

    if (!json_is_array(ids)) {
        zg_log_warning("wish-ignored", NULL, "desired_all without a list");
        return;
    }
    for (size_t i = 0; i < json_array_size(ids); i++) {
        const char *id = json_string_value(json_array_get(ids, i));

        if (id != NULL) {
            g_hash_table_add(known, (gpointer)id);
        }
    }
    for (GList *at = all; at != NULL; at = at->next) {
        if (!g_hash_table_contains(known, zg_desktop_id(at->data))) {
            zg_desktop_want_absent(at->data);
        }
    }
}

static void
on_broker_message(const char *type, const json_t *message, void *user)
{
    ZgHost *host = user;

    if (g_str_equal(type, "desired")) {
        on_desired(host, message);
    } else if (g_str_equal(type, "desired_all")) {
        on_desired_all(host, message);
    } else if (g_str_equal(type, "command")) {
        zg_commands_take(host->commands, message);
    }
}

static void
on_broker_lost(void *user)
{
    /* Nothing: desktops run on, the next welcome gets a full report. */
}

static void
dial_broker(ZgHost *host)
{
    const ZgHostdConfig *config = host->options.config;
    ZgLinkOptions options = {.address = host->options.broker,
                             .host = config->name,
                             .certificate = config->certificate,
                             .key = config->key,
                             .ca = config->ca,
                             .join_token_file = config->join_token_file};
    ZgLinkOwner owner = {.make_hello = make_hello,
                         .on_welcome = on_welcome,
                         .on_message = on_broker_message,
                         .on_lost = on_broker_lost,
                         .user = host};
    g_autoptr(GError) error = NULL;

    if (host->options.broker == NULL) {
        return;
    }
    host->link = zg_link_new(&options, &owner, &error);
    if (host->link == NULL) {
        zg_log_error("broker-address", NULL, "%s", error->message);
    }
}

/* ---- what commands ask of us ---- */

static bool
command_tell_front(json_t *message, void *user)
{
    return tell_front(message, -1, user);
}

static void
command_tell_broker(json_t *message, void *user)
{
    ZgHost *host = user;

    if (host->link == NULL) {
        json_decref(message);
        return;
    }
    zg_link_send(host->link, message); /* lost with the link: the broker asks again by the id */
}

static bool
image_in_use(const char *template_name, int64_t version, void *user)
{
    ZgHost *host = user;
    GHashTableIter iter;
    gpointer desktop;

    g_hash_table_iter_init(&iter, host->desktops);
    while (g_hash_table_iter_next(&iter, NULL, &desktop)) {
        if (zg_desktop_uses_image(desktop, template_name, version)) {
            return true;
        }
    }
    return false;
}

static void
on_images_changed(void *user)
{
    look_at_all(user);
}

/* ---- life ---- */

static void
free_desktop(gpointer desktop)
{
    zg_desktop_free(desktop);
}

static void
load_desktops(ZgHost *host)
{
    g_autoptr(GDir) dir = g_dir_open(host->env.desktops_dir, 0, NULL);
    const char *entry;

    while (dir != NULL && (entry = g_dir_read_name(dir)) != NULL) {
        g_autoptr(GError) error = NULL;
        ZgDesktop *desktop;

        if (!zg_id_is_valid(entry)) {
            continue;
        }
        desktop = zg_desktop_load(&host->env, entry, &error);
        if (desktop == NULL) {
            zg_log_warning("desktop-ignored", entry, "its state is unusable: %s", error->message);
            continue;
        }
        add_desktop(host, desktop);
    }
}

static bool
make_folders(ZgHost *host, GError **error)
{
    return zg_folder_make(host->env.images_dir, error) &&
           zg_folder_make(host->env.desktops_dir, error) &&
           zg_folder_make(host->env.sockets_dir, error) && zg_folder_make(host->journal_dir, error);
}

static void
fill_envs(ZgHost *host)
{
    const ZgHostOptions *options = &host->options;

    host->journal_dir = g_strconcat(options->state_dir, "/commands", NULL);
    host->env = (ZgDesktopEnv){
        .disks = zg_worker_pool_new(2, 4096),
        .images_dir = g_strconcat(options->state_dir, "/images", NULL),
        .desktops_dir = g_strconcat(options->state_dir, "/desktops", NULL),
        .sockets_dir = g_strconcat(options->state_dir, "/run/session", NULL),
        .emulator = g_strdup(options->emulator),
        .qemu_user = options->config->qemu_user,
        .kvm = options->kvm,
        .nat = options->nat,
        .has_front = options->config->front != NULL,
        .admit = admit,
        .take_slot = take_slot,
        .give_slot = give_slot,
        .tell_front = tell_front,
        .on_changed = on_desktop_changed,
        .on_gone = on_desktop_gone,
        .user = host,
    };
    host->command_env = (ZgCommandEnv){
        .journal_dir = host->journal_dir,
        .images_dir = host->env.images_dir,
        .incoming = options->config->incoming,
        .qemu_user = options->config->qemu_user,
        .disk_reserve_mib = options->config->disk_reserve_mib,
        .find_desktop = find_desktop,
        .tell_front = command_tell_front,
        .tell_broker = command_tell_broker,
        .image_in_use = image_in_use,
        .on_images_changed = on_images_changed,
        .user = host,
    };
}

ZgHost *
zg_host_new(const ZgHostOptions *options, GError **error)
{
    ZgHost *host = g_new0(ZgHost, 1);
    ZgHypListener listener = {.on_event = on_hyp_event, .user = host};
    ZgFrontLinkOwner front = {
        .on_connected = on_front_connected, .on_message = on_front_message, .user = host};

    host->options = *options;
    host->desktops = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_desktop);
    host->changed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_queue_init(&host->viewer_news);
    fill_envs(host);
    if (!make_folders(host, error)) {
        zg_host_free(host);
        return NULL;
    }
    host->env.hyp = zg_hypervisor_new(
        &(ZgHypervisorOptions){
            .uri = options->uri,
            .qemu_user = options->config->qemu_user,
            .dbus_display = options->config->dbus_display,
        },
        &listener, error);
    if (host->env.hyp == NULL) {
        zg_host_free(host);
        return NULL;
    }
    zg_image_sweep(host->env.images_dir);
    load_desktops(host);
    host->commands = zg_commands_new(&host->command_env);
    if (options->config->front != NULL) {
        host->front = zg_front_link_new(options->config->front, options->config->name, &front);
    }
    host->full_timer = g_timeout_add_seconds(REPORT_FULL_S, on_report_full, host);
    open_hypervisor(host);
    return host;
}

void
zg_host_free(ZgHost *host)
{
    if (host == NULL) {
        return;
    }
    g_clear_handle_id(&host->soon_timer, g_source_remove);
    g_clear_handle_id(&host->full_timer, g_source_remove);
    g_clear_handle_id(&host->reopen_timer, g_source_remove);
    zg_link_free(host->link);
    zg_front_link_free(host->front);
    zg_commands_free(host->commands);
    zg_worker_pool_free(host->env.disks);
    zg_hypervisor_free(host->env.hyp);
    g_queue_clear_full(&host->viewer_news, (GDestroyNotify)json_decref);
    g_hash_table_unref(host->desktops);
    g_hash_table_unref(host->changed);
    g_free(host->journal_dir);
    g_free(host->env.images_dir);
    g_free(host->env.desktops_dir);
    g_free(host->env.sockets_dir);
    g_free(host->env.emulator);
    g_free(host);
}

unsigned
zg_host_n_running(const ZgHost *host)
{
    GHashTableIter iter;
    gpointer desktop;
    unsigned n_running = 0;

    g_hash_table_iter_init(&iter, host->desktops);
    while (g_hash_table_iter_next(&iter, NULL, &desktop)) {
        n_running += zg_desktop_is_running(desktop) ? 1 : 0;
    }
    return n_running;
}

static void
suspend_ended(ZgHost *host)
{
    if (--host->n_suspending == 0) {
        host->suspended(host->suspended_user);
    }
}

static void
on_one_suspended(const GError *error, void *user)
{
    if (error != NULL) {
        zg_log_warning("not-suspended", NULL, "a desktop runs on: %s", error->message);
    }
    suspend_ended(user);
}

void
zg_host_suspend_all(ZgHost *host, void (*done)(void *user), void *user)
{
    g_autoptr(GList) all = g_hash_table_get_values(host->desktops);

    host->suspending = true;
    host->suspended = done;
    host->suspended_user = user;
    host->n_suspending = 1;
    for (GList *at = all; at != NULL; at = at->next) {
        if (zg_desktop_is_running(at->data)) {
            host->n_suspending++;
            zg_desktop_suspend(at->data, false, on_one_suspended, host);
        }
    }
    suspend_ended(host);
}
