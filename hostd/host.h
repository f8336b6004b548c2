/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One host: its desktops, the front and the broker, and what passes between them. Loop only. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include "hostd/config.h"

typedef struct ZgHost ZgHost;

/* Borrowed for the life of the host. */
typedef struct {
    const ZgHostdConfig *config;
    const char *state_dir; /* as seen from here, inside the room */
    const char *uri;       /* hypervisor, its paths as seen from here */
    const char *emulator;
    const char *broker; /* address to dial, or NULL */
    bool kvm;
    const char *accel_reason;
    bool nat;
    void (*failed)(void *user); /* this process can open the hypervisor no more: end it */
    void *user;
} ZgHostOptions;

ZgHost *zg_host_new(const ZgHostOptions *options, GError **error);
void zg_host_free(ZgHost *host);

/** zg_host_suspend_all() - save every running guest; @done when each was saved or refused. */
void zg_host_suspend_all(ZgHost *host, void (*done)(void *user), void *user);

/** zg_host_n_running() - guests with a process. */
unsigned zg_host_n_running(const ZgHost *host);
