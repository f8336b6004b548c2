/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hostd.conf as a struct. Keys: docs/INSTALLATION.md. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    char *name;
    char *state_dir;
    char *broker;          /* `unix:PATH` or `tcp:HOST:PORT`; NULL: no broker, desktops run on */
    char *front;           /* path of the front's socket; NULL: no front on this machine */
    char *join_token_file; /* or NULL */
    char *certificate;
    char *key;
    char *ca;
    char *incoming;
    char *uri;
    char *qemu_user; /* name or `+UID`; NULL where no QEMU runs */
    bool dbus_display; /* pictures by QEMU's D-Bus display where it has one */
    bool nat;
    int64_t mtu;
    char **deny; /* IPv4 addresses or networks that no guest may reach */
    int64_t memory_reserve_mib;
    int64_t disk_reserve_mib;
    int64_t starts_at_once;
} ZgHostdConfig;

/** zg_hostd_config_load() - read and check; NULL with an error that names file, group and key. */
ZgHostdConfig *zg_hostd_config_load(const char *path, GError **error);

void zg_hostd_config_free(ZgHostdConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgHostdConfig, zg_hostd_config_free)
