/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hostd/config.h"

#include <pwd.h>
#include "common/base/config.h"
#include "common/base/error.h"
#include "common/base/id.h"
#include "hostd/confine.h"

/* Debian's reserved number of libvirt-qemu; works where the account itself is not installed. */
#define QEMU_UID_TEXT "+64055"

static const char *
default_qemu_user(void)
{
    return getpwnam("libvirt-qemu") != NULL ? "libvirt-qemu" : QEMU_UID_TEXT;
}

static bool
check(const char *path, ZgHostdConfig *config, GError **error)
{
    const char *wrong = NULL;
    uint32_t address, mask;

    if (!zg_name_is_valid(config->name)) {
        wrong = "[hostd] name: must be lower-case letters, digits and hyphens, at most 63";
    } else if (config->state_dir == NULL || config->state_dir[0] != '/') {
        wrong = "[hostd] state-directory: must be an absolute path";
    } else if (config->incoming != NULL && config->incoming[0] != '/') {
        wrong = "[hostd] incoming: must be an absolute path";
    } else if (config->broker != NULL && !g_str_has_prefix(config->broker, "unix:/") &&
               !g_str_has_prefix(config->broker, "tcp:")) {
        wrong = "[hostd] broker: must be unix:/PATH or tcp:HOST:PORT";
    } else if (config->broker != NULL && (config->certificate == NULL || config->key == NULL ||
                                          config->ca == NULL)) {
        wrong = "[hostd] certificate, key and ca: needed to reach the broker";
    } else if (g_str_equal(config->qemu_user, "root") || g_str_equal(config->qemu_user, "+0")) {
        wrong = "[libvirt] qemu-user: guests never run as root";
    }
    if (wrong != NULL) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "%s: %s", path, wrong);
        return false;
    }
    for (char **at = config->deny; at != NULL && *at != NULL; at++) {
        if (!zg_confine_parse_route(*at, &address, &mask)) {
            g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID,
                        "%s: [network] deny: '%s' is not an IPv4 address or network", path, *at);
            return false;
        }
    }
    return true;
}

static bool
take_all(ZgConfigFile *file, ZgHostdConfig *out, GError **error)
{
    return zg_config_take_text(file, "hostd", "name", NULL, &out->name, error) &&
           zg_config_take_text(file, "hostd", "state-directory", NULL, &out->state_dir, error) &&
           zg_config_take_text(file, "hostd", "broker", NULL, &out->broker, error) &&
           zg_config_take_text(file, "hostd", "front", NULL, &out->front, error) &&
           zg_config_take_text(file, "hostd", "join-token-file", NULL, &out->join_token_file,
                               error) &&
           zg_config_take_text(file, "hostd", "certificate", NULL, &out->certificate, error) &&
           zg_config_take_text(file, "hostd", "key", NULL, &out->key, error) &&
           zg_config_take_text(file, "hostd", "ca", NULL, &out->ca, error) &&
           zg_config_take_text(file, "hostd", "incoming", NULL, &out->incoming, error) &&
           zg_config_take_text(file, "libvirt", "uri", NULL, &out->uri, error) &&
           zg_config_take_text(file, "libvirt", "qemu-user", default_qemu_user(), &out->qemu_user,
                               error) &&
           zg_config_take_bool(file, "libvirt", "dbus-display", true, &out->dbus_display, error) &&
           zg_config_take_bool(file, "network", "nat", true, &out->nat, error) &&
           zg_config_take_int(file, "network", "mtu", 1280, 65520, 1500, &out->mtu, error) &&
           zg_config_take_list(file, "network", "deny", &out->deny, error) &&
           zg_config_take_int(file, "limits", "memory-reserve-mib", 0, 1 << 20, 512,
                              &out->memory_reserve_mib, error) &&
           zg_config_take_int(file, "limits", "disk-reserve-mib", 0, 1 << 24, 2048,
                              &out->disk_reserve_mib, error) &&
           zg_config_take_int(file, "limits", "starts-at-once", 1, 64, 2, &out->starts_at_once,
                              error) &&
           zg_config_finish(file, error);
}

ZgHostdConfig *
zg_hostd_config_load(const char *path, GError **error)
{
    g_autoptr(ZgConfigFile) file = zg_config_load(path, error);
    g_autoptr(ZgHostdConfig) config = g_new0(ZgHostdConfig, 1);

    if (file == NULL || !take_all(file, config, error) || !check(path, config, error)) {
        return NULL;
    }
    if (config->uri == NULL) {
        config->uri = g_strdup_printf("qemu:///embed?root=%s/libvirt", config->state_dir);
    }
    if (g_str_has_prefix(config->uri, "fake:")) {
        g_clear_pointer(&config->qemu_user, g_free); /* nobody else has to read the disks */
    }
    return g_steal_pointer(&config);
}

void
zg_hostd_config_free(ZgHostdConfig *config)
{
    if (config == NULL) {
        return;
    }
    g_free(config->name);
    g_free(config->state_dir);
    g_free(config->broker);
    g_free(config->front);
    g_free(config->join_token_file);
    g_free(config->certificate);
    g_free(config->key);
    g_free(config->ca);
    g_free(config->incoming);
    g_free(config->uri);
    g_free(config->qemu_user);
    g_strfreev(config->deny);
    g_free(config);
}
