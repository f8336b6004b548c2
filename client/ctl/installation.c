/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/ctl/installation.h"

#include <gio/gio.h>
#include <string.h>
#include "common/base/error.h"

/* Adds "key = DIR/below". */
static void
set_path(GKeyFile *file, const char *group, const char *key, const ZgInstallation *installation,
         const char *below)
{
    g_autofree char *path = g_build_filename(installation->dir, below, NULL);

    g_key_file_set_string(file, group, key, path);
}

static void
set_optional(GKeyFile *file, const char *group, const char *key, const char *value)
{
    if (value != NULL) {
        g_key_file_set_string(file, group, key, value);
    }
}

static void
set_list(GKeyFile *file, const char *group, const char *key, char *const *values)
{
    g_key_file_set_string_list(file, group, key, (const char *const *)values,
                               g_strv_length((char **)values));
}

/* "https://HOST:PORT" for every address; IPv6 in brackets, the usual port left out. */
static char **
origins(const ZgInstallation *installation)
{
    GPtrArray *list = g_ptr_array_new();

    for (size_t i = 0; installation->addresses[i] != NULL; i++) {
        const char *address = installation->addresses[i];
        bool six = strchr(address, ':') != NULL;
        g_autofree char *port =
            installation->https_port == 443
                ? g_strdup("")
                : g_strdup_printf(":%" G_GINT64_FORMAT, installation->https_port);

        g_ptr_array_add(list, g_strdup_printf("https://%s%s%s%s", six ? "[" : "", address,
                                              six ? "]" : "", port));
    }
    g_ptr_array_add(list, NULL);
    return (char **)g_ptr_array_free(list, FALSE);
}

static void
set_ldap(GKeyFile *file, const ZgInstallation *installation)
{
    if (installation->ldap_uris == NULL || installation->ldap_uris[0] == NULL) {
        return;
    }
    set_list(file, "ldap", "uris", installation->ldap_uris);
    g_key_file_set_boolean(file, "ldap", "start-tls", installation->ldap_start_tls);
    set_optional(file, "ldap", "ca-file", installation->ldap_ca_file);
    set_optional(file, "ldap", "bind-dn", installation->ldap_bind_dn);
    set_optional(file, "ldap", "bind-password-file", installation->ldap_bind_password_file);
    set_optional(file, "ldap", "user-base", installation->ldap_base);
    set_optional(file, "ldap", "group-base", installation->ldap_base);
    set_optional(file, "ldap", "user-filter", installation->ldap_user_filter);
}

char *
zg_installation_broker_conf(const ZgInstallation *installation)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_auto(GStrv) portal = origins(installation);

    g_key_file_set_string(file, "broker", "name", installation->host);
    set_path(file, "broker", "state-directory", installation, "store");
    set_path(file, "http", "socket", installation, "run/broker.sock");
    g_key_file_set_string(file, "http", "web-directory", installation->web_dir);
    set_list(file, "http", "portal-origin", portal);
    set_path(file, "link", "unix", installation, "run/link.sock");
    g_key_file_set_integer(file, "link", "tcp-port", 0);
    set_path(file, "link", "certificate", installation, "tls/broker.pem");
    set_path(file, "link", "key", installation, "tls/broker.key");
    set_path(file, "link", "ca", installation, "ca/ca.pem");
    set_path(file, "link", "ca-key", installation, "ca/ca.key");
    set_path(file, "store", "sqlite", installation, "store/zaguan.sqlite");
    set_list(file, "sign-in", "admin-groups", installation->admin_groups);
    g_key_file_set_integer(file, "sign-in", "session-hours", 12);
    g_key_file_set_boolean(file, "sign-in", "local", TRUE);
    set_ldap(file, installation);
    g_key_file_set_string(file, "metrics", "address", "127.0.0.1");
    g_key_file_set_int64(file, "metrics", "port", installation->metrics_port);
    return g_key_file_to_data(file, NULL, NULL);
}

char *
zg_installation_hostd_conf(const ZgInstallation *installation)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autofree char *link = g_strdup_printf("unix:%s/run/link.sock", installation->dir);
    g_autofree char *uri =
        g_strdup_printf("qemu:///embed?root=%s/hostd/libvirt", installation->dir);

    g_key_file_set_string(file, "hostd", "name", installation->host);
    set_path(file, "hostd", "state-directory", installation, "hostd");
    g_key_file_set_string(file, "hostd", "broker", link);
    set_path(file, "hostd", "front", installation, "run/front.sock");
    set_path(file, "hostd", "certificate", installation, "tls/host.pem");
    set_path(file, "hostd", "key", installation, "tls/host.key");
    set_path(file, "hostd", "ca", installation, "ca/ca.pem");
    set_path(file, "hostd", "incoming", installation, "incoming");
    g_key_file_set_string(file, "libvirt", "uri", uri);
    set_optional(file, "libvirt", "qemu-user", installation->qemu_user);
    g_key_file_set_boolean(file, "network", "nat", installation->nat);
    return g_key_file_to_data(file, NULL, NULL);
}

char *
zg_installation_front_conf(const ZgInstallation *installation)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_auto(GStrv) portal = origins(installation);

    g_key_file_set_string(file, "front", "name", installation->host);
    g_key_file_set_string(file, "front", "https-address", installation->https_address);
    g_key_file_set_int64(file, "front", "https-port", installation->https_port);
    g_key_file_set_string(file, "front", "rfb-address", installation->rfb_address);
    g_key_file_set_int64(file, "front", "rfb-port", installation->rfb_port);
    set_path(file, "front", "certificate", installation, "tls/front.pem");
    set_path(file, "front", "key", installation, "tls/front.key");
    set_path(file, "front", "broker", installation, "run/broker.sock");
    set_path(file, "front", "control", installation, "run/front.sock");
    set_list(file, "front", "portal-origin", portal);
    if (installation->worker_uid_base > 0) {
        g_key_file_set_int64(file, "front", "worker-uid-base", installation->worker_uid_base);
    }
    return g_key_file_to_data(file, NULL, NULL);
}

char *
zg_installation_alternative(char *const *addresses)
{
    GString *text = g_string_new(NULL);

    for (size_t i = 0; addresses[i] != NULL; i++) {
        g_string_append_printf(text, "%s%s:%s", i > 0 ? "," : "",
                               g_hostname_is_ip_address(addresses[i]) ? "IP" : "DNS",
                               addresses[i]);
    }
    return g_string_free(text, FALSE);
}

bool
zg_installation_check_address(const char *address, GError **error)
{
    bool ok = address[0] != '\0' && address[0] != '-' && address[0] != '.' &&
              strlen(address) <= 253;

    for (const char *p = address; *p != '\0'; p++) {
        ok = ok && (g_ascii_isalnum(*p) || *p == '.' || *p == '-');
    }
    if (!ok && !g_hostname_is_ip_address(address)) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID,
                    "address '%s': must be a host name or a numeric address", address);
        return false;
    }
    return true;
}
