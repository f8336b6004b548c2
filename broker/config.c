/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "broker/config.h"

#include <string.h>
#include "common/base/error.h"
#include "common/base/id.h"

static bool
take_texts(ZgConfigFile *file, ZgBrokerConfig *c, GError **error)
{
    const struct {
        const char *group;
        const char *key;
        const char *fallback;
        char **out;
    } texts[] = {
        {"broker", "name", "broker", &c->name},
        {"broker", "state-directory", ".", &c->state_directory},
        {"http", "socket", "run/broker.sock", &c->http_socket},
        {"http", "web-directory", NULL, &c->web_directory},
        {"link", "unix", NULL, &c->link_unix},
        {"link", "tcp-address", NULL, &c->link_tcp_address},
        {"link", "certificate", NULL, &c->certificate},
        {"link", "key", NULL, &c->key},
        {"link", "ca", NULL, &c->ca},
        {"link", "ca-key", NULL, &c->ca_key},
        {"store", "sqlite", "store/zaguan.sqlite", &c->store_sqlite},
        {"metrics", "address", "127.0.0.1", &c->metrics_address},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        if (!zg_config_take_text(file, texts[i].group, texts[i].key, texts[i].fallback,
                                 texts[i].out, error)) {
            return false;
        }
    }
    return true;
}

static bool
take_all(ZgConfigFile *file, ZgBrokerConfig *c, GError **error)
{
    return take_texts(file, c, error) &&
           zg_config_take_list(file, "http", "portal-origin", &c->portal_origins, error) &&
           zg_config_take_int(file, "link", "tcp-port", 0, 65535, 0, &c->link_tcp_port, error) &&
           zg_config_take_list(file, "sign-in", "admin-groups", &c->admin_groups, error) &&
           zg_config_take_int(file, "sign-in", "session-hours", 1, 168, 12, &c->session_hours,
                              error) &&
           zg_config_take_bool(file, "sign-in", "local", true, &c->local, error) &&
           zg_ldap_config_take(file, &c->ldap, error) &&
           zg_config_take_int(file, "metrics", "port", 0, 65535, 0, &c->metrics_port, error) &&
           zg_config_finish(file, error);
}

static bool
invalid(GError **error, const char *path, const char *what)
{
    g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "%s: %s", path, what);
    return false;
}

static bool
origin_is_sane(const char *origin)
{
    const char *host = strstr(origin, "://");

    return (g_str_has_prefix(origin, "https://") || g_str_has_prefix(origin, "http://")) &&
           host[3] != '\0' && strpbrk(host + 3, "/ ;,'\"") == NULL;
}

static bool
check(const char *path, const ZgBrokerConfig *c, GError **error)
{
    if (!zg_name_is_valid(c->name)) {
        return invalid(error, path, "[broker] name: must be a label as in a host name");
    }
    for (char **origin = c->portal_origins; *origin != NULL; origin++) {
        if (!origin_is_sane(*origin)) {
            return invalid(error, path, "[http] portal-origin: must be https://HOST[:PORT]");
        }
    }
    if (c->certificate == NULL || c->key == NULL || c->ca == NULL) {
        return invalid(error, path, "[link]: certificate, key and ca are needed");
    }
    if (c->link_tcp_port > 0 && c->link_tcp_address == NULL) {
        return invalid(error, path, "[link] tcp-address: is missing");
    }
    if (!c->local && !c->has_ldap) {
        return invalid(error, path, "nobody could sign in: [ldap] has no uris and local = false");
    }
    return true;
}

static void
make_absolute(const char *folder, char **path)
{
    if (*path != NULL && !g_path_is_absolute(*path)) {
        char *whole = g_canonicalize_filename(*path, folder);

        g_free(*path);
        *path = whole;
    }
}

static void
make_paths_absolute(const char *path, ZgBrokerConfig *c)
{
    g_autofree char *whole = g_canonicalize_filename(path, NULL);
    g_autofree char *folder = g_path_get_dirname(whole);
    char **paths[] = {&c->http_socket, &c->web_directory, &c->link_unix,    &c->certificate,
                      &c->key,         &c->ca,            &c->ca_key,       &c->store_sqlite,
                      &c->ldap.ca_file, &c->ldap.bind_password_file};

    make_absolute(folder, &c->state_directory);
    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
        make_absolute(folder, paths[i]);
    }
}

ZgBrokerConfig *
zg_broker_config_load(const char *path, GError **error)
{
    g_autoptr(ZgConfigFile) file = zg_config_load(path, error);
    g_autoptr(ZgBrokerConfig) config = NULL;

    if (file == NULL) {
        return NULL;
    }
    config = g_new0(ZgBrokerConfig, 1);
    if (!take_all(file, config, error)) {
        return NULL;
    }
    config->has_ldap = config->ldap.uris[0] != NULL;
    if (!check(path, config, error)) {
        return NULL;
    }
    make_paths_absolute(path, config);
    return g_steal_pointer(&config);
}

void
zg_broker_config_free(ZgBrokerConfig *config)
{
    if (config == NULL) {
        return;
    }
    g_free(config->name);
    g_free(config->state_directory);
    g_free(config->http_socket);
    g_free(config->web_directory);
    g_strfreev(config->portal_origins);
    g_free(config->link_unix);
    g_free(config->link_tcp_address);
    g_free(config->certificate);
    g_free(config->key);
    g_free(config->ca);
    g_free(config->ca_key);
    g_free(config->store_sqlite);
    g_strfreev(config->admin_groups);
    zg_ldap_config_clear(&config->ldap);
    g_free(config->metrics_address);
    g_free(config);
}
