/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Messages of the link between broker and hostd (docs/protocol/hostd.md) as plain structs. Pure.
 *
 * `_read` functions take one parsed object (borrowed), skip unknown keys, and refuse wrong types
 * and ranges with ZG_ERROR_INVALID naming the field; what they return is the caller's. `_write`
 * functions return a new object the caller owns (json_decref), its `type` included.
 */
#pragma once

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define ZG_AGENT_VERSION 1
#define ZG_AGENT_DESKTOPS_MAX 1000 /* in one report or desired_all */

typedef enum {
    ZG_POWER_UNKNOWN,
    ZG_POWER_OFF,
    ZG_POWER_STARTING,
    ZG_POWER_ON,
    ZG_POWER_SUSPENDED,
    ZG_POWER_STOPPING,
    ZG_N_POWERS
} ZgPower;

typedef enum {
    ZG_AGENT_WAITING,
    ZG_AGENT_READY,
    ZG_AGENT_UNREACHABLE,
    ZG_N_AGENTS
} ZgAgentState;

typedef enum {
    ZG_WISH_ON,
    ZG_WISH_OFF,
    ZG_WISH_ABSENT,
    ZG_N_WISHES
} ZgWish;

const char *zg_power_name(ZgPower power);
ZgPower zg_power_from_name(const char *name); /* ZG_POWER_UNKNOWN when it is none */
const char *zg_agent_state_name(ZgAgentState state);
const char *zg_wish_name(ZgWish wish);
bool zg_wish_from_name(const char *name, ZgWish *out_wish);

/* ---- hello ---- */

typedef struct {
    char *template_name;
    int64_t version; /* from 1 */
    char *sha256;
    int64_t bytes;
} ZgAgentImage;

typedef struct {
    char *host;
    char *boot_id;
    char *program_version;
    char *driver; /* embed, system, fake */
    char *accel;  /* kvm, tcg */
    char *accel_reason;
    int64_t cpus;
    int64_t memory_mib;
    int64_t disk_mib;
    char **capabilities; /* NULL-terminated */
    GPtrArray *images;   /* of ZgAgentImage, owned */
} ZgAgentHello;

ZgAgentImage *zg_agent_image_new(const char *template_name, int64_t version, const char *sha256,
                                 int64_t bytes);
void zg_agent_image_free(ZgAgentImage *image);

ZgAgentHello *zg_agent_hello_new(void);
void zg_agent_hello_free(ZgAgentHello *hello);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgAgentHello, zg_agent_hello_free)
ZgAgentHello *zg_agent_hello_read(const json_t *message, GError **error);
json_t *zg_agent_hello_write(const ZgAgentHello *hello);

/* ---- report ---- */

typedef struct {
    char *desktop; /* id */
    int64_t generation;
    int64_t epoch;
    ZgPower power;
    ZgAgentState agent;
    bool prepared;
    bool console;
    char *signed_on; /* user or NULL */
    bool signed_off;
    int64_t viewers;
    int64_t memory_mib;
    int64_t overlay_mib;
    char *error_code; /* or NULL */
    char *error_message;
} ZgObserved;

typedef struct {
    bool full;
    int64_t memory_free_mib;
    int64_t disk_free_mib;
    int64_t disk_promised_mib;
    int64_t load_milli;
    GPtrArray *desktops; /* of ZgObserved, owned */
} ZgAgentReport;

void zg_observed_free(ZgObserved *observed);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgObserved, zg_observed_free)
ZgAgentReport *zg_agent_report_new(void);
void zg_agent_report_free(ZgAgentReport *report);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgAgentReport, zg_agent_report_free)
ZgAgentReport *zg_agent_report_read(const json_t *message, GError **error);
json_t *zg_agent_report_write(const ZgAgentReport *report);

/* ---- desired ---- */

typedef struct {
    char *name;
    char *pool;
    char *template_name;
    int64_t version;
    int64_t memory_mib;
    int64_t vcpus;
    int64_t disk_mib;
    char *network; /* isolated, nat */
    char *profile; /* see profile.h */
    char *locale;  /* the rest may be NULL */
    char *keyboard;
    char *time_zone;
    char *title;
} ZgSpec;

typedef struct {
    char *desktop;
    int64_t generation;
    int64_t epoch;
    ZgWish power;
    ZgSpec *spec; /* NULL for absent */
} ZgDesired;

ZgSpec *zg_spec_new(void);
void zg_spec_free(ZgSpec *spec);
ZgDesired *zg_desired_new(void);
void zg_desired_free(ZgDesired *desired);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgDesired, zg_desired_free)
ZgDesired *zg_desired_read(const json_t *message, GError **error);
json_t *zg_desired_write(const ZgDesired *desired);

/* ---- done, viewer, command ---- */

typedef struct {
    char *id;
    bool ok;
    char *code;     /* or NULL */
    char *message;  /* or NULL */
    json_t *result; /* object or NULL; owned */
} ZgAgentDone;

ZgAgentDone *zg_agent_done_new(const char *id, bool ok);
void zg_agent_done_free(ZgAgentDone *done);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgAgentDone, zg_agent_done_free)
ZgAgentDone *zg_agent_done_read(const json_t *message, GError **error);
json_t *zg_agent_done_write(const ZgAgentDone *done);

typedef struct {
    char *desktop;
    char *session;
    char *user;
    char *event; /* in, first-frame, lost, taken-over, held-expired, out */
    int64_t viewers;
    char *terminal; /* the rest may be NULL */
    char *protocol;
    char *reason;
} ZgAgentViewer;

void zg_agent_viewer_free(ZgAgentViewer *viewer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgAgentViewer, zg_agent_viewer_free)
ZgAgentViewer *zg_agent_viewer_read(const json_t *message, GError **error);
json_t *zg_agent_viewer_write(const ZgAgentViewer *viewer);

/**
 * zg_agent_command_write() - {type: command, id, deadline_ms, kind} and every key of @fields
 * @fields: object, borrowed
 */
json_t *zg_agent_command_write(const char *id, int64_t deadline_ms, const char *kind,
                               const json_t *fields);
