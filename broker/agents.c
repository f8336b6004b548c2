/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "broker/agents.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "broker/agents_priv.h"
#include "broker/reconcile.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/fd.h"
#include "common/base/id.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/proto/json.h"

#define HOST_URI "zaguan:host/"
#define FINISH_MS 2000
/* A hostd that has just started may not have looked at everything that runs. */
#define TRUST_ABSENCE_US (10 * G_USEC_PER_SEC)
/* How much of a report's memory and disk figures must change to be worth a write. */
#define LOAD_STEP_MIB 64
#define LOAD_STEP_MILLI 500

void
zg_agents_ref(ZgAgents *agents)
{
    agents->refs++;
}

void
zg_agents_unref(ZgAgents *agents)
{
    if (--agents->refs == 0) {
        g_free(agents);
    }
}

static void
free_link(gpointer data)
{
    Link *link = data;

    zg_channel_free(link->channel);
    g_hash_table_unref(link->seen);
    g_hash_table_unref(link->sent);
    g_hash_table_unref(link->sent_commands);
    g_free(link->peer);
    g_free(link->certified);
    g_free(link->host);
    g_free(link->load);
    g_free(link);
}

Link *
zg_link_find(ZgAgents *agents, guint64 id)
{
    return g_hash_table_lookup(agents->links, &id);
}

static void
remove_link(Link *link)
{
    ZgAgents *agents = link->agents;
    bool was_up = link->state == LINK_UP;

    g_hash_table_remove(agents->links, &link->id);
    if (was_up) {
        agents->handlers->on_change(agents->user);
    }
}

void
zg_link_close(Link *link, const GError *error)
{
    if (error != NULL) {
        zg_channel_send(link->channel, json_pack("{s:s, s:s, s:s}", "type", "error", "code",
                                                 zg_error_name(zg_error_code_of(error)),
                                                 "message", error->message));
    }
    zg_channel_finish(link->channel, FINISH_MS);
}

static void
refuse(Link *link, int code, const char *text)
{
    g_autoptr(GError) error = g_error_new_literal(ZG_ERROR, code, text);

    zg_log_warning("link-refused", link->peer, "%s", text);
    zg_link_close(link, error);
}

static Link *
find_up(ZgAgents *agents, const char *host)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, agents->links);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        Link *link = value;

        if (link->state == LINK_UP && strcmp(link->host, host) == 0) {
            return link;
        }
    }
    return NULL;
}

static void
heard(Link *link)
{
    int64_t *when = g_new(int64_t, 1);

    *when = link->heard_us = zg_clock_mono_us();
    g_hash_table_insert(link->agents->hosts, g_strdup(link->host), when);
}

void
zg_link_up(Link *link, const char *host, int64_t epoch)
{
    Link *old = find_up(link->agents, host);

    if (old != NULL) {
        zg_log_info("link-replaced", host, "the host dialled again");
        remove_link(old);
    }
    link->state = LINK_UP;
    link->host = g_strdup(host);
    link->since_us = zg_clock_mono_us();
    heard(link);
    zg_log_info("link-up", host, "host linked from %s", link->peer);
    zg_channel_send(link->channel,
                    json_pack("{s:s, s:i, s:I, s:i}", "type", "welcome", "version",
                              ZG_AGENT_VERSION, "epoch", (json_int_t)epoch, "heartbeat_ms",
                              ZG_HEARTBEAT_MS));
}

void
zg_link_enrolled(Link *link, const char *certificate)
{
    g_autofree char *ca = NULL;

    if (!g_file_get_contents(link->agents->authority.ca, &ca, NULL, NULL)) {
        refuse(link, ZG_ERROR_FAILED, "the certificate authority cannot be read");
        return;
    }
    zg_channel_send(link->channel, json_pack("{s:s, s:s, s:s}", "type", "enrolled", "certificate",
                                             certificate, "ca", ca));
    zg_channel_finish(link->channel, FINISH_MS);
}

static void
on_hello(Link *link, const json_t *message)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ZgAgentHello) hello = zg_agent_hello_read(message, &error);

    if (hello == NULL) {
        refuse(link, ZG_ERROR_INVALID, error->message);
    } else if (g_strcmp0(hello->host, link->certified) != 0) {
        refuse(link, ZG_ERROR_DENIED, "the certificate is not this host's");
    } else {
        link->state = LINK_GREETING;
        zg_agents_job_hello(link, g_steal_pointer(&hello));
    }
}

static void
on_enrol(Link *link, const json_t *message)
{
    const char *host = NULL;
    const char *token_secret = NULL;
    const char *csr = NULL;
    int64_t version = 0;
    g_autoptr(GError) error = NULL;
    ZgJsonReader reader;

    zg_json_reader_init(&reader, message, "enrol");
    zg_json_take_int(&reader, "version", ZG_JSON_REQUIRED, 1, 1, &version);
    zg_json_take_name(&reader, "host", ZG_JSON_REQUIRED, &host);
    zg_json_take_hex(&reader, "token_secret", ZG_JSON_REQUIRED, 64, &token_secret);
    zg_json_take_long_text(&reader, "csr", ZG_JSON_REQUIRED, 1, 16384, &csr);
    if (!zg_json_reader_finish(&reader, ZG_JSON_SKIP_UNKNOWN, NULL, &error)) {
        refuse(link, ZG_ERROR_INVALID, error->message);
        return;
    }
    link->state = LINK_GREETING;
    zg_agents_job_enrol(link, host, token_secret, csr);
}

static char *
digest_of(const ZgObserved *seen)
{
    return g_strdup_printf("%" G_GINT64_FORMAT " %d %d %d %d %s %d %" G_GINT64_FORMAT
                           " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %s %s",
                           seen->generation, seen->power, seen->agent, seen->prepared,
                           seen->console, seen->signed_on, seen->signed_off, seen->viewers,
                           seen->memory_mib / 64, seen->overlay_mib / 64, seen->error_code,
                           seen->error_message);
}

static bool
load_changed(Link *link, const ZgAgentReport *report)
{
    g_autofree char *digest = g_strdup_printf(
        "%" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT,
        report->memory_free_mib / LOAD_STEP_MIB, report->disk_free_mib / LOAD_STEP_MIB,
        report->disk_promised_mib / LOAD_STEP_MIB, report->load_milli / LOAD_STEP_MILLI);

    if (g_strcmp0(digest, link->load) == 0) {
        return false;
    }
    g_free(link->load);
    link->load = g_steal_pointer(&digest);
    return true;
}

/* Moves out of @report what is news, and notes it as seen. */
static GPtrArray *
take_news(Link *link, ZgAgentReport *report, GHashTable *present)
{
    GPtrArray *news = g_ptr_array_new_with_free_func((GDestroyNotify)zg_observed_free);

    while (report->desktops->len > 0) {
        ZgObserved *seen = g_ptr_array_steal_index_fast(report->desktops, 0);
        char *digest = digest_of(seen);

        g_hash_table_add(present, g_strdup(seen->desktop));
        if (g_strcmp0(g_hash_table_lookup(link->seen, seen->desktop), digest) == 0) {
            g_free(digest);
            zg_observed_free(seen);
            continue;
        }
        g_hash_table_insert(link->seen, g_strdup(seen->desktop), digest);
        g_ptr_array_add(news, seen);
    }
    return news;
}

static gboolean
is_absent(gpointer id, gpointer digest, gpointer present)
{
    (void)digest;
    return !g_hash_table_contains(present, id);
}

static void
on_report(Link *link, const json_t *message)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ZgAgentReport) report = zg_agent_report_read(message, &error);
    g_autoptr(GHashTable) present = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GPtrArray) news = NULL;
    bool load, missing;

    if (report == NULL) {
        refuse(link, ZG_ERROR_INVALID, error->message);
        return;
    }
    load = load_changed(link, report);
    news = take_news(link, report, present);
    missing = report->full && g_hash_table_foreach_remove(link->seen, is_absent, present) > 0;
    missing = missing || (report->full && link->heard_us - link->since_us > TRUST_ABSENCE_US);
    if (load || news->len > 0 || missing) {
        zg_agents_job_report(link, load ? g_steal_pointer(&report) : NULL, g_steal_pointer(&news),
                             missing ? g_steal_pointer(&present) : NULL);
    }
}

static void
on_viewer(Link *link, const json_t *message)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ZgAgentViewer) viewer = zg_agent_viewer_read(message, &error);

    if (viewer == NULL) {
        refuse(link, ZG_ERROR_INVALID, error->message);
        return;
    }
    zg_agents_job_viewer(link, g_steal_pointer(&viewer));
}

/* A report that is not understood costs itself: nothing depends on it. */
static void
on_stats(Link *link, const json_t *message)
{
    ZgLine *line = zg_line_read(message, NULL);

    if (line != NULL) {
        link->agents->handlers->on_line(line, link->agents->user);
    }
}

static void
on_done(Link *link, const json_t *message)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ZgAgentDone) done = zg_agent_done_read(message, &error);

    if (done == NULL) {
        refuse(link, ZG_ERROR_INVALID, error->message);
        return;
    }
    link->agents->handlers->on_done(done, link->agents->user);
    zg_agents_job_done(link, g_steal_pointer(&done));
}

static void
on_progress(Link *link, const json_t *message)
{
    const char *id = NULL;
    const char *text = NULL;
    int64_t percent = 0;
    g_autoptr(GError) error = NULL;
    ZgJsonReader reader;

    zg_json_reader_init(&reader, message, "progress");
    zg_json_take_id(&reader, "id", ZG_JSON_REQUIRED, &id);
    zg_json_take_int(&reader, "percent", ZG_JSON_REQUIRED, 0, 100, &percent);
    zg_json_take_text(&reader, "text", ZG_JSON_OPTIONAL, 0, ZG_LIMIT_TEXT_BYTES, &text);
    if (!zg_json_reader_finish(&reader, ZG_JSON_SKIP_UNKNOWN, NULL, &error)) {
        refuse(link, ZG_ERROR_INVALID, error->message);
        return;
    }
    zg_agents_job_progress(link, id, percent, text);
}

static void
on_ping(Link *link, const json_t *message)
{
    zg_channel_send(link->channel,
                    json_pack("{s:s, s:I}", "type", "pong", "n",
                              (json_int_t)json_integer_value(json_object_get(message, "n"))));
}

/* Which message is taken in which state; anything else ends the link. */
static const struct {
    const char *type;
    LinkState state;
    bool certified;
    void (*take)(Link *link, const json_t *message);
} messages[] = {
    {"hello", LINK_NEW, true, on_hello},   {"enrol", LINK_NEW, false, on_enrol},
    {"report", LINK_UP, true, on_report},  {"viewer", LINK_UP, true, on_viewer},
    {"done", LINK_UP, true, on_done},      {"progress", LINK_UP, true, on_progress},
    {"ping", LINK_UP, true, on_ping},      {"stats", LINK_UP, true, on_stats},
};

static void
on_message(ZgChannel *channel, const char *type, const json_t *message, void *user)
{
    Link *link = user;

    (void)channel;
    for (unsigned i = 0; i < G_N_ELEMENTS(messages); i++) {
        if (strcmp(messages[i].type, type) == 0) {
            if (messages[i].state != link->state ||
                (messages[i].certified && link->certified == NULL)) {
                refuse(link, ZG_ERROR_PROTOCOL, "not now, or not without a certificate");
                return;
            }
            if (link->host != NULL) {
                heard(link);
            }
            messages[i].take(link, message);
            return;
        }
    }
    zg_log_debug("link-unknown", link->peer, "message '%s' skipped", type);
}

static void
on_closed(ZgChannel *channel, const GError *error, void *user)
{
    Link *link = user;

    (void)channel;
    zg_log_info("link-down", link->host != NULL ? link->host : link->peer, "%s",
                error != NULL ? error->message : "the link ended");
    remove_link(link);
}

static void
on_secured(ZgChannel *channel, void *user)
{
    Link *link = user;
    SSL *ssl = zg_stream_ssl(zg_channel_stream(channel));
    g_autofree char *uri = zg_tls_peer_uri(ssl);

    if (uri != NULL && g_str_has_prefix(uri, HOST_URI)) {
        link->certified = g_strdup(uri + strlen(HOST_URI));
    } else if (uri != NULL) {
        refuse(link, ZG_ERROR_DENIED, "this certificate is not a host's");
    }
}

static const ZgChannelHandlers channel_handlers = {
    .on_message = on_message,
    .on_closed = on_closed,
    .on_secured = on_secured,
};

static const ZgStreamHandlers no_handlers;

static unsigned
n_unproven(ZgAgents *agents)
{
    GHashTableIter iter;
    gpointer value;
    unsigned n = 0;

    g_hash_table_iter_init(&iter, agents->links);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        n += ((Link *)value)->state != LINK_UP;
    }
    return n;
}

static void
on_accept(int fd, const char *peer, void *user)
{
    ZgAgents *agents = user;
    ZgStream *stream;
    Link *link;

    if (n_unproven(agents) >= ZG_LIMIT_UNAUTHENTICATED_CONNECTIONS) {
        ZgFd refused = fd;

        zg_fd_clear(&refused);
        return;
    }
    link = g_new0(Link, 1);
    link->agents = agents;
    link->id = agents->next_id++;
    link->peer = g_strdup(peer);
    link->since_us = link->heard_us = zg_clock_mono_us();
    link->seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    link->sent = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    link->sent_commands = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    stream = zg_stream_new(fd, &no_handlers, NULL);
    link->channel = zg_channel_new(stream, &channel_handlers, link);
    g_hash_table_insert(agents->links, &link->id, link);
    zg_stream_start_tls(stream, agents->tls, ZG_STREAM_SERVER, NULL);
}

static ZgHostState
state_after(int64_t silent_us)
{
    return silent_us >= ZG_LOST_US ? ZG_HOST_LOST
           : silent_us >= ZG_SUSPECTED_US ? ZG_HOST_SUSPECTED : ZG_HOST_LINKED;
}

GHashTable *
zg_agents_states(ZgAgents *agents)
{
    GHashTable *states = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    int64_t now_us = zg_clock_mono_us();
    GHashTableIter iter;
    gpointer name, when;

    g_hash_table_iter_init(&iter, agents->hosts);
    while (g_hash_table_iter_next(&iter, &name, &when)) {
        ZgHostState state = state_after(now_us - *(int64_t *)when);

        if (state == ZG_HOST_LINKED && find_up(agents, name) == NULL) {
            state = ZG_HOST_SUSPECTED;
        }
        g_hash_table_insert(states, g_strdup(name), GINT_TO_POINTER((int)state));
    }
    return states;
}

ZgHostState
zg_agents_absent(ZgAgents *agents)
{
    return zg_clock_mono_us() - agents->started_us < ZG_LOST_US ? ZG_HOST_SUSPECTED : ZG_HOST_LOST;
}

static void
close_silent(ZgAgents *agents, int64_t now_us)
{
    g_autoptr(GPtrArray) silent = g_ptr_array_new();
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, agents->links);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        Link *link = value;
        int64_t limit_us = link->state == LINK_UP ? ZG_LOST_US
                                                  : ZG_LIMIT_UNAUTHENTICATED_MS * 1000;

        if (now_us - link->heard_us > limit_us) {
            g_ptr_array_add(silent, link);
        }
    }
    for (guint i = 0; i < silent->len; i++) {
        Link *link = g_ptr_array_index(silent, i);

        zg_log_warning("link-silent", link->host != NULL ? link->host : link->peer,
                       "nothing was heard in time; the link ends");
        remove_link(link);
    }
}

static bool
same_states(GHashTable *a, GHashTable *b)
{
    GHashTableIter iter;
    gpointer name, state, other;

    if (g_hash_table_size(a) != g_hash_table_size(b)) {
        return false;
    }
    g_hash_table_iter_init(&iter, a);
    while (g_hash_table_iter_next(&iter, &name, &state)) {
        if (!g_hash_table_lookup_extended(b, name, NULL, &other) || state != other) {
            return false;
        }
    }
    return true;
}

static gboolean
on_tick(gpointer data)
{
    ZgAgents *agents = data;
    GHashTable *states;

    close_silent(agents, zg_clock_mono_us());
    states = zg_agents_states(agents);
    if (!same_states(states, agents->told)) {
        agents->handlers->on_change(agents->user);
    }
    g_hash_table_unref(agents->told);
    agents->told = states;
    return G_SOURCE_CONTINUE;
}

/* Ids that were sent once and are not wished any more: the whole list tells the host. */
static bool
drop_stale(Link *link, const ZgHostOrders *orders)
{
    g_autoptr(GHashTable) wished = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < orders->desired->len; i++) {
        const ZgDesired *desired = g_ptr_array_index(orders->desired, i);

        g_hash_table_add(wished, desired->desktop);
    }
    return g_hash_table_foreach_remove(link->sent, is_absent, wished) > 0;
}

static bool
send_all_ids(Link *link, const ZgHostOrders *orders)
{
    json_t *ids = json_array();

    for (guint i = 0; i < orders->desired->len; i++) {
        const ZgDesired *desired = g_ptr_array_index(orders->desired, i);

        if (desired->power != ZG_WISH_ABSENT) {
            json_array_append_new(ids, json_string(desired->desktop));
        }
    }
    return zg_channel_send(link->channel,
                           json_pack("{s:s, s:o}", "type", "desired_all", "desktops", ids));
}

static bool
send_desired(Link *link, const ZgDesired *desired)
{
    json_t *message = zg_desired_write(desired);
    char *text = zg_json_text(message);
    bool sent = true;

    if (g_strcmp0(g_hash_table_lookup(link->sent, desired->desktop), text) != 0) {
        g_hash_table_insert(link->sent, g_strdup(desired->desktop), g_strdup(text));
        sent = zg_channel_send(link->channel, json_incref(message));
    }
    json_decref(message);
    free(text);
    return sent;
}

static bool
send_command(Link *link, const ZgHostCommand *command, int64_t now_us)
{
    g_autoptr(json_t) fields = zg_json_parse(command->fields, strlen(command->fields), NULL);
    int64_t remaining_ms = (command->deadline_us - now_us) / 1000;

    if (fields == NULL || remaining_ms <= 0 ||
        !g_hash_table_add(link->sent_commands, g_strdup(command->id))) {
        return true;
    }
    return zg_channel_send(link->channel, zg_agent_command_write(command->id, remaining_ms,
                                                                 command->kind, fields));
}

/* Commands go first: a `cut` tells viewers why before their desktop is taken away. */
static bool
give_link(Link *link, const ZgHostOrders *orders)
{
    bool first = !link->told_all;
    bool stale = drop_stale(link, orders);

    for (guint i = 0; i < orders->commands->len; i++) {
        if (!send_command(link, g_ptr_array_index(orders->commands, i), orders->now_us)) {
            return false;
        }
    }
    for (guint i = 0; i < orders->desired->len; i++) {
        if (!send_desired(link, g_ptr_array_index(orders->desired, i))) {
            return false;
        }
    }
    link->told_all = true;
    return (!first && !stale) || send_all_ids(link, orders);
}

void
zg_agents_give(ZgAgents *agents, GPtrArray *orders)
{
    for (guint i = 0; i < orders->len; i++) {
        const ZgHostOrders *of_host = g_ptr_array_index(orders, i);
        Link *link = find_up(agents, of_host->host);

        if (link != NULL && !give_link(link, of_host)) {
            zg_log_warning("link-slow", of_host->host, "the host does not read; the link ends");
            remove_link(link);
        }
    }
}

uint16_t
zg_agents_tcp_port(ZgAgents *agents)
{
    return agents->tcp_port;
}

static bool
listen_all(ZgAgents *agents, const ZgAgentsOptions *options, GError **error)
{
    if (options->unix_path != NULL) {
        int fd = zg_unix_listen(options->unix_path, SOCK_STREAM, 0600, error);

        if (fd < 0) {
            return false;
        }
        agents->unix_listener = zg_listener_new(fd, on_accept, agents);
    }
    if (options->tcp_address != NULL) {
        int fd = zg_tcp_listen(options->tcp_address, options->tcp_port, error);

        if (fd < 0) {
            return false;
        }
        agents->tcp_port = zg_tcp_port_of(fd);
        agents->tcp_listener = zg_listener_new(fd, on_accept, agents);
    }
    return true;
}

ZgAgents *
zg_agents_new(const ZgAgentsOptions *options, const ZgAgentsHandlers *handlers, void *user,
              GError **error)
{
    ZgAgents *agents = g_new0(ZgAgents, 1);

    agents->refs = 1;
    agents->store = options->store;
    agents->serial = options->serial;
    agents->authority = options->authority;
    agents->handlers = handlers;
    agents->user = user;
    agents->next_id = 1;
    agents->started_us = zg_clock_mono_us();
    agents->links = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, free_link);
    agents->hosts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    agents->told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    agents->timer = g_timeout_add(ZG_HEARTBEAT_MS, on_tick, agents);
    agents->tls = zg_tls_server_context(options->certificate, options->key, options->authority.ca,
                                        ZG_TLS_CLIENT_CERTIFICATE_OPTIONAL, error);
    if (agents->tls == NULL || !listen_all(agents, options, error)) {
        zg_agents_free(agents);
        return NULL;
    }
    return agents;
}

void
zg_agents_free(ZgAgents *agents)
{
    if (agents == NULL) {
        return;
    }
    agents->closed = true;
    g_source_remove(agents->timer);
    zg_listener_free(agents->unix_listener);
    zg_listener_free(agents->tcp_listener);
    g_hash_table_unref(agents->links);
    g_hash_table_unref(agents->hosts);
    g_hash_table_unref(agents->told);
    SSL_CTX_free(agents->tls);
    zg_agents_unref(agents);
}
