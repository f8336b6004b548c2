/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zaguan-broker: reads its configuration, wires store, hosts, sign-in and HTTP, and runs. */
#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "auth/local.h"
#include "auth/password.h"
#include "broker/api.h"
#include "broker/config.h"
#include "broker/http.h"
#include "broker/metrics.h"
#include "broker/portal.h"
#include "broker/route.h"
#include "broker/service.h"
#include "common/base/error.h"
#include "common/base/id.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/secret.h"
#include "common/net/lws_loop.h"

#define N_WORKERS 8
#define N_SIGN_IN_WORKERS 8
#define N_SIGN_INS_WAITING 256
#define N_CONNECTIONS 2048
#define N_THROTTLED 8192
#define PROBE_S 15

typedef struct {
    ZgBrokerConfig *config;
    ZgService *service;
    ZgApi api;
    ZgPortal *portal;
    ZgMetrics metrics;
    struct lws_context *context;
    ZgHttpServer *http;
    ZgHttpServer *metrics_http;
    GMainLoop *loop;
    guint probe;
    bool probing;
} Broker;

/* --- sign-in ----------------------------------------------------------------------------- */

static bool
find_local(void *data, const char *name, ZgLocalAccount *out_account, GError **error)
{
    out_account->enabled = true;
    out_account->name = g_strdup(name);
    return zg_service_find_local_user(data, name, &out_account->hash, &out_account->full_name,
                                      &out_account->admin, error);
}

typedef struct {
    Broker *broker;
    char *problem; /* NULL: the directory answers */
} Probe;

static void
probe_work(void *data)
{
    Probe *probe = data;
    g_autoptr(GError) error = NULL;

    if (!zg_provider_probe(probe->broker->api.ldap, &error)) {
        probe->problem = g_strdup(error->message);
    }
}

static void
probe_done(void *data)
{
    Probe *probe = data;
    Broker *broker = probe->broker;
    ZgPartFact fact = {.ok = probe->problem == NULL,
                       .name = broker->config->ldap.uris[0],
                       .text = probe->problem};

    broker->probing = false;
    if (broker->service != NULL) {
        zg_service_set_directory_fact(broker->service, &fact);
    }
    g_free(probe->problem);
    g_free(probe);
}

static gboolean
start_probe(gpointer data)
{
    Broker *broker = data;
    Probe *probe;

    if (broker->probing) {
        return G_SOURCE_CONTINUE;
    }
    probe = g_new0(Probe, 1);
    probe->broker = broker;
    broker->probing = true;
    if (!zg_worker_run(broker->api.sign_in_workers, probe_work, probe_done, probe, NULL)) {
        broker->probing = false;
        g_free(probe);
    }
    return G_SOURCE_CONTINUE;
}

static void
remember_place(const char *typed, const char *peer, void *data)
{
    zg_throttle_remember(data, typed, peer);
}

static bool
start_sign_in(Broker *broker, GError **error)
{
    ZgApi *api = &broker->api;

    api->sign_in_workers = zg_worker_pool_new(N_SIGN_IN_WORKERS, N_SIGN_INS_WAITING);
    api->throttle = zg_throttle_new(N_THROTTLED);
    if (!zg_service_known_places(broker->service, 2 * N_THROTTLED, remember_place, api->throttle,
                                 error)) {
        return false;
    }
    if (broker->config->local) {
        api->local = zg_local_provider_new(find_local, broker->service);
    }
    if (!broker->config->has_ldap) {
        return true;
    }
    api->ldap = zg_ldap_provider_new(&broker->config->ldap, error);
    if (api->ldap == NULL) {
        return false;
    }
    start_probe(broker);
    broker->probe = g_timeout_add_seconds(PROBE_S, start_probe, broker);
    return true;
}

/* --- HTTP -------------------------------------------------------------------------------- */

static void
on_request(ZgHttpRequest *request, void *data)
{
    Broker *broker = data;
    const char *path = zg_http_path(request);

    if (g_str_has_prefix(path, "/api/")) {
        zg_api_handle(request, &broker->api);
    } else if (strcmp(path, "/healthz") == 0) {
        zg_health_handle(&broker->api, request);
    } else {
        zg_portal_handle(broker->portal, request);
    }
}

static bool
start_http(Broker *broker, GError **error)
{
    const ZgBrokerConfig *config = broker->config;
    g_autofree char *csp = zg_portal_csp(config->portal_origins);

    broker->portal = zg_portal_new(config->web_directory, zg_service_workers(broker->service));
    broker->context = zg_lws_context_new(broker->loop, N_CONNECTIONS, error);
    if (broker->context == NULL) {
        return false;
    }
    broker->http =
        zg_http_listen_unix(broker->context, config->http_socket, on_request, broker, error);
    if (broker->http == NULL) {
        return false;
    }
    zg_http_set_csp(broker->http, csp);
    if (config->metrics_port == 0) {
        return true;
    }
    broker->metrics = (ZgMetrics){.api = &broker->api, .http = broker->http};
    broker->metrics_http =
        zg_http_listen_tcp(broker->context, config->metrics_address,
                           (uint16_t)config->metrics_port, zg_metrics_handle, &broker->metrics,
                           error);
    return broker->metrics_http != NULL;
}

/* --- the whole --------------------------------------------------------------------------- */

static ZgService *
open_service(const ZgBrokerConfig *config, GError **error)
{
    const ZgServiceOptions options = {
        .broker_name = config->name,
        .store_sqlite = config->store_sqlite,
        .link_unix = config->link_unix,
        .link_tcp_address = config->link_tcp_address,
        .link_tcp_port = (uint16_t)config->link_tcp_port,
        .certificate = config->certificate,
        .key = config->key,
        .ca = config->ca,
        .ca_key = config->ca_key,
        .program_version = ZAGUAN_VERSION,
        .n_workers = N_WORKERS,
    };

    return zg_service_new(&options, error);
}

static gboolean
on_stop(gpointer data)
{
    Broker *broker = data;

    zg_log_info("stopping", NULL, "asked to stop");
    g_main_loop_quit(broker->loop);
    return G_SOURCE_CONTINUE;
}

static bool
start(Broker *broker, GError **error)
{
    broker->loop = g_main_loop_new(NULL, FALSE);
    broker->service = open_service(broker->config, error);
    if (broker->service == NULL) {
        return false;
    }
    broker->api.service = broker->service;
    broker->api.config = broker->config;
    broker->api.streams = g_hash_table_new(NULL, NULL);
    broker->api.started_us = g_get_monotonic_time();
    g_unix_signal_add(SIGTERM, on_stop, broker);
    g_unix_signal_add(SIGINT, on_stop, broker);
    return start_sign_in(broker, error) && zg_service_start(broker->service, error) &&
           start_http(broker, error);
}

/* Connections first, then the threads that may still answer them, then what they used. */
static void
stop(Broker *broker)
{
    g_clear_handle_id(&broker->probe, g_source_remove);
    if (broker->api.streams != NULL) {
        zg_api_end_streams(&broker->api);
    }
    g_clear_pointer(&broker->context, zg_lws_context_free);
    g_clear_pointer(&broker->api.sign_in_workers, zg_worker_pool_free);
    while (g_main_context_iteration(NULL, FALSE)) {
    }
    g_clear_pointer(&broker->service, zg_service_free);
    while (g_main_context_iteration(NULL, FALSE)) {
    }
    zg_http_server_free(broker->http);
    zg_http_server_free(broker->metrics_http);
    zg_portal_free(broker->portal);
    zg_provider_free(broker->api.local);
    zg_provider_free(broker->api.ldap);
    zg_throttle_free(broker->api.throttle);
    g_clear_pointer(&broker->api.streams, g_hash_table_unref);
    g_clear_pointer(&broker->loop, g_main_loop_unref);
    if (broker->config != NULL) {
        unlink(broker->config->http_socket);
    }
    zg_broker_config_free(broker->config);
}

static int
run(ZgBrokerConfig *config)
{
    Broker broker = {.config = config};
    g_autoptr(GError) error = NULL;
    bool started = start(&broker, &error);

    if (started) {
        zg_log_info("started", config->name, "serving on '%s'", config->http_socket);
        g_main_loop_run(broker.loop);
    } else {
        zg_log_error("start", config->name, "%s", error->message);
    }
    stop(&broker);
    return started ? 0 : 1;
}

/* --- other uses of the program ----------------------------------------------------------- */

static int
list_routes(void)
{
    for (size_t i = 0; i < ZG_N_ROUTES; i++) {
        const ZgRoute *route = zg_route_at(i);
        g_autofree char *query = g_strchomp(g_strdup(route->query != NULL ? route->query : ""));

        printf("%s %s%s%s\n", zg_method_name(route->method), ZG_ROUTE_PREFIX, route->pattern,
               query);
    }
    printf("GET /healthz\n");
    return 0;
}

static bool
create_local_admin(const ZgBrokerConfig *config, const char *name, GError **error)
{
    g_autoptr(ZgService) service = NULL;
    g_autoptr(json_t) user = NULL;
    g_autofree char *hash = NULL;
    char password[ZG_LIMIT_PASSWORD_BYTES + 2];
    const ZgCaller caller = {.user = "local-administrator", .admin = true};

    if (!zg_name_is_valid(name)) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID,
                    "name '%s': lower-case letters, digits and hyphens, a letter first", name);
        return false;
    }
    if (fgets(password, sizeof password, stdin) == NULL) {
        g_set_error_literal(error, ZG_ERROR, ZG_ERROR_INVALID, "password: expected on stdin");
        return false;
    }
    password[strcspn(password, "\r\n")] = '\0';
    hash = zg_password_hash(password, strlen(password), error);
    zg_wipe(password, sizeof password);
    service = hash != NULL ? open_service(config, error) : NULL;
    return service != NULL &&
           zg_service_add_local_user(service, &caller, name, hash, NULL, true, &user, error);
}

int
main(int argc, char **argv)
{
    g_autofree char *path = NULL;
    g_autofree char *admin = NULL;
    gboolean routes = FALSE;
    gboolean version = FALSE;
    const GOptionEntry entries[] = {
        {"config", 'c', 0, G_OPTION_ARG_FILENAME, &path, "configuration file", "FILE"},
        {"create-local-admin", 0, 0, G_OPTION_ARG_STRING, &admin,
         "add a local administrator, password on stdin", "NAME"},
        {"list-routes", 0, 0, G_OPTION_ARG_NONE, &routes, "print routes and query keys", NULL},
        {"version", 0, 0, G_OPTION_ARG_NONE, &version, "print the version", NULL},
        G_OPTION_ENTRY_NULL,
    };
    g_autoptr(GOptionContext) options = g_option_context_new("- the broker of Zaguan");
    g_autoptr(GError) error = NULL;
    ZgBrokerConfig *config;

    zg_log_init("zaguan-broker");
    signal(SIGPIPE, SIG_IGN);
    g_option_context_add_main_entries(options, entries, NULL);
    if (!g_option_context_parse(options, &argc, &argv, &error) || argc > 1 ||
        (path == NULL && !routes && !version)) {
        fprintf(stderr, "zaguan-broker: %s\n",
                error != NULL ? error->message : "use --config FILE");
        return 2;
    }
    if (version) {
        printf("%s\n", ZAGUAN_VERSION);
        return 0;
    }
    if (routes) {
        return list_routes();
    }
    config = zg_broker_config_load(path, &error);
    if (config == NULL) {
        fprintf(stderr, "zaguan-broker: %s\n", error->message);
        return zg_error_exit_status(zg_error_code_of(error));
    }
    if (admin == NULL) {
        return run(config);
    }
    if (!create_local_admin(config, admin, &error)) {
        fprintf(stderr, "zaguan-broker: %s\n", error->message);
        zg_broker_config_free(config);
        return zg_error_exit_status(zg_error_code_of(error));
    }
    zg_broker_config_free(config);
    return 0;
}
