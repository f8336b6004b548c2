/* SPDX-License-Identifier: GPL-3.0-or-later */
/* broker.conf, read once; see docs/INSTALLATION.md. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include "auth/ldap.h"

typedef struct {
    char *name;
    char *state_directory;
    char *http_socket;
    char *web_directory;   /* NULL: no portal */
    char **portal_origins; /* "https://HOST:PORT"; never NULL */
    char *link_unix;       /* NULL: none */
    char *link_tcp_address;
    int64_t link_tcp_port; /* 0: none */
    char *certificate;
    char *key;
    char *ca;
    char *ca_key; /* NULL: this broker enrols no hosts */
    char *store_sqlite;
    char **admin_groups; /* never NULL */
    int64_t session_hours;
    bool local;
    bool has_ldap;
    ZgLdapConfig ldap;
    char *metrics_address;
    int64_t metrics_port; /* 0: none */
} ZgBrokerConfig;

/** zg_broker_config_load() - relative paths start in the file's own folder. */
ZgBrokerConfig *zg_broker_config_load(const char *path, GError **error);

void zg_broker_config_free(ZgBrokerConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgBrokerConfig, zg_broker_config_free)
