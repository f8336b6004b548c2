/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What `zaguan init` writes into the folder of an installation (docs/INSTALLATION.md). */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    const char *dir;       /* absolute */
    const char *host;      /* name of this machine as a host: a label */
    char **addresses;      /* names and addresses people reach the portal by; at least one */
    const char *https_address;
    int64_t https_port;    /* 1..65535 */
    const char *rfb_address;
    int64_t rfb_port;      /* 0: the system chooses */
    int64_t metrics_port;  /* on loopback */
    const char *web_dir;   /* files of the portal */
    bool nat;              /* may pools give their guests a way out? */
    const char *qemu_user; /* NULL: what hostd chooses */
    int64_t worker_uid_base; /* 0: workers run as whoever runs the front */
    char **ldap_uris;      /* empty: no directory */
    const char *ldap_base;
    const char *ldap_ca_file;
    const char *ldap_bind_dn;
    const char *ldap_bind_password_file;
    const char *ldap_user_filter;
    bool ldap_start_tls;
    char **admin_groups;
} ZgInstallation;

/** zg_installation_broker_conf() - text of broker.conf; the caller frees. Pure. */
char *zg_installation_broker_conf(const ZgInstallation *installation);

/** zg_installation_hostd_conf() - text of hostd.conf; the caller frees. Pure. */
char *zg_installation_hostd_conf(const ZgInstallation *installation);

/** zg_installation_front_conf() - text of front.conf; the caller frees. Pure. */
char *zg_installation_front_conf(const ZgInstallation *installation);

/** zg_installation_alternative() - subjectAltName of the portal's certificate; the caller frees. */
char *zg_installation_alternative(char *const *addresses);

/**
 * zg_installation_check_address() - a host name or a numeric address, nothing else
 * Return: false with ZG_ERROR_INVALID.
 */
bool zg_installation_check_address(const char *address, GError **error);
