/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The rows of the store as structs. Ids are 32 hex digits, times are UTC microseconds (0: never),
 * texts are owned by the struct; NULL where the schema allows it.
 */
#pragma once

#include "broker/store/row.h"

/* How far the guest's session of a desktop is. */
typedef enum {
    ZG_SIGNING_NONE,    /* nobody was signed on: the desktop is clean */
    ZG_SIGNING_QUEUED,  /* the command is on its way */
    ZG_SIGNING_DONE,    /* the guest took it */
    ZG_SIGNING_RESTART,   /* a reboot was asked for: a sign-off does not count */
    ZG_SIGNING_RESTARTED, /* it reboots: sign-on follows when it is prepared again */
} ZgSigningOn;

typedef struct {
    char *name;
    char *title;
    char *description;
    char *template_name;
    int64_t version;
    char *kind;
    int64_t ready;
    int64_t max;
    int64_t memory_mib;
    int64_t vcpus;
    int64_t disk_mib;
    char *network;
    char *profile;
    char *entitled_users;
    char *entitled_groups;
    char *locale;
    char *keyboard;
    char *time_zone;
    int64_t idle_disconnect_min;
    int64_t disconnected_log_off_min;
    bool enabled;
    bool deleting;
    int64_t next_number;
    int64_t breaker_until_us;
    int64_t make_ms;
    char *reason;
    int64_t created_us;
    int64_t revision;
} ZgPool;

extern const ZgRowType zg_pool_rows;
void zg_pool_free(ZgPool *row);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgPool, zg_pool_free)

typedef struct {
    char *name;
    char *os;
    int64_t current;
    bool deleting;
    int64_t created_us;
    int64_t revision;
} ZgTemplate;

extern const ZgRowType zg_template_rows;
void zg_template_free(ZgTemplate *row);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgTemplate, zg_template_free)

typedef struct {
    char *id;
    char *template_name;
    int64_t version;
    char *state;
    char *sha256;
    int64_t bytes;
    int64_t virtual_mib;
    int64_t created_us;
    int64_t revision;
} ZgTemplateVersion;

extern const ZgRowType zg_template_version_rows;
void zg_template_version_free(ZgTemplateVersion *row);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgTemplateVersion, zg_template_version_free)

typedef struct {
    char *name;
    char *state;
    int64_t epoch;
    char *boot_id;
    char *program_version;
    char *driver;
    char *accel;
    char *accel_reason;
    int64_t cpus;
    int64_t memory_mib;
    int64_t disk_mib;
    int64_t memory_free_mib;
    int64_t disk_free_mib;
    int64_t disk_promised_mib;
    int64_t load_milli;
    char *capabilities;
    bool maintenance;
    int64_t since_us;
    int64_t created_us;
    int64_t revision;
} ZgHost;

extern const ZgRowType zg_host_rows;
void zg_host_free(ZgHost *row);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgHost, zg_host_free)

typedef struct {
    char *id;
    char *name;
    char *pool;
    char *host;
    char *template_name;
    int64_t version;
    int64_t generation;
    int64_t epoch;
    char *life;
    char *wished;
    int64_t memory_mib;
    int64_t vcpus;
    int64_t disk_mib;
    char *network;
    bool maintenance;
    bool draining;
    bool tainted;
    bool image_outdated;
    bool quarantined;
    char *user_name;
    char *session;
    char *reason;
    int64_t retries;
    int64_t since_us;
    int64_t created_us;
    bool seen_present;
    int64_t seen_generation;
    char *seen_power;
    char *seen_agent;
    bool seen_prepared;
    bool seen_console;
    char *seen_signed_on;
    bool seen_signed_off;
    int64_t seen_viewers;
    int64_t seen_memory_mib;
    int64_t seen_overlay_mib;
    char *error_code;
    char *error_message;
    int64_t revision;
} ZgDesktop;

extern const ZgRowType zg_desktop_rows;
void zg_desktop_free(ZgDesktop *row);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgDesktop, zg_desktop_free)

typedef struct {
    char *id;
    char *pool;
    char *user_name;
    char *full_name;
    char *state;
    char *desktop;
    char *terminal;
    char *locale;
    char *keyboard;
    char *time_zone;
    char *reason;
    int64_t signing_on; /* ZgSigningOn */
    int64_t viewers;
    int64_t since_us;
    int64_t created_us;
    int64_t ended_us;
    int64_t revision;
} ZgSession;

extern const ZgRowType zg_session_rows;
void zg_session_free(ZgSession *row);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgSession, zg_session_free)

typedef struct {
    char *id;
    char *kind;
    char *state;
    int64_t percent;
    char *text;
    char *subject;
    int64_t goal;
    char *user_name;
    char *error_code;
    char *error_text;
    int64_t created_us;
    int64_t finished_us;
    int64_t deadline_us;
    int64_t revision;
} ZgOperation;

extern const ZgRowType zg_operation_rows;
void zg_operation_free(ZgOperation *row);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgOperation, zg_operation_free)

typedef struct {
    char *id;
    char *host;
    char *kind;
    char *desktop;
    char *session;
    char *operation;
    char *fields;
    char *state;
    char *code;
    char *message;
    int64_t created_us;
    int64_t deadline_us;
    int64_t finished_us;
    int64_t revision;
} ZgHostCommand;

extern const ZgRowType zg_host_command_rows;
void zg_host_command_free(ZgHostCommand *row);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgHostCommand, zg_host_command_free)
