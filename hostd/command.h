/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands from the broker: recorded, done once, answered. Loop thread only. */
#pragma once

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include "hostd/desktop.h"

typedef struct ZgCommands ZgCommands;

/* Borrowed for the life of the commands. */
typedef struct {
    const char *journal_dir;
    const char *images_dir;
    const char *incoming; /* or NULL: no import */
    const char *qemu_user;
    int64_t disk_reserve_mib;
    ZgDesktop *(*find_desktop)(const char *id, void *user); /* or NULL */
    bool (*tell_front)(json_t *message, void *user);        /* handed over */
    void (*tell_broker)(json_t *message, void *user);       /* handed over */
    bool (*image_in_use)(const char *template_name, int64_t version, void *user);
    void (*on_images_changed)(void *user);
    void *user;
} ZgCommandEnv;

ZgCommands *zg_commands_new(const ZgCommandEnv *env);
void zg_commands_free(ZgCommands *commands);

/** zg_commands_take() - a `command` message */
void zg_commands_take(ZgCommands *commands, const json_t *message);

/** zg_commands_front_done() - the front's `done` */
void zg_commands_front_done(ZgCommands *commands, const json_t *message);
