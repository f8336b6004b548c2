/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the broker can do, as called by its API.
 *
 * Threads. Functions marked WORKER block: run them on zg_service_workers() (ZgWorkerPool), never on
 * the loop. Functions marked LOOP are called on the loop and answer there through a callback.
 * Resources come as JSON objects in exactly the shape of docs/api/README.md; `out_json` is owned
 * by the caller (json_decref). Times in JSON are RFC 3339 text, fields marked `?` are absent when
 * they have no value.
 *
 * Errors carry a ZgErrorCode and a sentence; where a refusal has a stable reason code
 * (broker/reason.h)
 * the message starts with it and ": ", see zg_reason_of_error().
 */
#pragma once

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/worker.h"

typedef struct ZgService ZgService;

/* ---- life of the service --------------------------------------------------------------------- */

/* All borrowed by zg_service_new(); NULL where marked. */
typedef struct {
    const char *broker_name;
    const char *store_sqlite;     /* file */
    const char *link_unix;        /* path of the hostd link socket, or NULL */
    const char *link_tcp_address; /* numeric, or NULL */
    uint16_t link_tcp_port;       /* 0: no TCP listener */
    const char *certificate;      /* PEM files of the link's TLS */
    const char *key;
    const char *ca;
    const char *ca_key; /* NULL: this broker cannot enrol hosts */
    const char *program_version;
    unsigned n_workers; /* threads for the store and for API work, 2..64 */
} ZgServiceOptions;

/** zg_service_new() - open the store, migrate. Loop thread, before the loop runs (it blocks). */
ZgService *zg_service_new(const ZgServiceOptions *options, GError **error);

/** zg_service_start() - listen for hosts, start the reconciler. LOOP. */
bool zg_service_start(ZgService *service, GError **error);

/** zg_service_free() - stop everything; waits for running jobs. LOOP. Accepts NULL. */
void zg_service_free(ZgService *service);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgService, zg_service_free)

/** zg_service_workers() - the pool on which WORKER functions run; borrowed. */
ZgWorkerPool *zg_service_workers(ZgService *service);

/* Facts about parts the service does not run itself, shown by status; LOOP. */
typedef struct {
    bool ok;
    const char *name; /* e.g. "ldaps://dc1.example.com" */
    const char *text; /* what is wrong, or NULL */
} ZgPartFact;

/** zg_service_set_directory_fact() - last known state of the directory (copied); LOOP. */
void zg_service_set_directory_fact(ZgService *service, const ZgPartFact *fact);

/* ---- who asks -------------------------------------------------------------------------------- */

/* The signed-in person; borrowed for the call. Recorded as actor in the audit. */
typedef struct {
    const char *user;
    const char *full_name;           /* or NULL */
    const char *const *groups;       /* names and DNs of all groups, NULL-terminated; or NULL */
    bool admin;
    const char *peer;                /* viewer's address, or NULL */
} ZgCaller;

/* One page of a list: {items, next?}. */
typedef struct {
    unsigned limit;    /* 1..500; 0 means 100 */
    const char *after; /* cursor from `next`, or NULL */
} ZgPage;

/* ---- sign-ins (tokens are kept as SHA-256 only) ---------------------------------------------- */

typedef struct {
    char *id;         /* shown in lists, no secret */
    char *user;
    char *full_name;
    char **groups;
    bool admin;           /* the account itself says so */
    bool administers;     /* by account or group, when signing in; not kept with the sign-in */
    char *provider;   /* "local" or "ldap" */
    char *peer;
    char *typed;      /* name as it was typed; NULL: as user */
    char *terminal;   /* or NULL */
    int64_t created_us;
    int64_t expires_us;
} ZgSignIn;

void zg_sign_in_free(ZgSignIn *sign_in);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgSignIn, zg_sign_in_free)

/**
 * zg_service_add_sign_in() - remember a sign-in; also audits it and notes the user as seen. WORKER.
 * @sign_in:      id, created_us and expires_us are filled in by the call
 * @token_sha256: 64 hex digits of the token's text
 * @ttl_s:        life in seconds
 */
bool zg_service_add_sign_in(ZgService *service, ZgSignIn *sign_in, const char *token_sha256,
                            int64_t ttl_s, GError **error);

/**
 * zg_service_find_sign_in() - by token hash; ZG_ERROR_UNAUTHENTICATED when unknown or over.
 * WORKER.
 */
bool zg_service_find_sign_in(ZgService *service, const char *token_sha256, ZgSignIn **out_sign_in,
                             GError **error);

/** zg_service_end_sign_in() - sign out. WORKER. */
bool zg_service_end_sign_in(ZgService *service, const ZgCaller *caller, const char *token_sha256,
                            GError **error);

/**
 * zg_service_list_sign_ins() - {items: [{id, user, provider, peer, terminal?, created_at,
 * expires_at}]}. WORKER.
 */
bool zg_service_list_sign_ins(ZgService *service, const char *user, json_t **out_json,
                              GError **error);

/** zg_service_revoke_sign_ins() - all of a user. WORKER. */
bool zg_service_revoke_sign_ins(ZgService *service, const ZgCaller *caller, const char *user,
                                GError **error);

/** zg_service_audit_sign_in_refused() - the record of a failed try; @reason is a code. WORKER. */
bool zg_service_audit_sign_in_refused(ZgService *service, const char *user, const char *peer,
                                      const char *reason, GError **error);

typedef void (*ZgPlaceFunc)(const char *typed, const char *peer, void *data);

/**
 * zg_service_known_places() - where people have signed in and by which name, the latest last
 * @n_most: most to be told
 * WORKER, or before the loop runs. From the audit, so that the throttle survives a restart.
 */
bool zg_service_known_places(ZgService *service, unsigned n_most, ZgPlaceFunc func, void *data,
                             GError **error);

/* ---- local accounts -------------------------------------------------------------------------- */

/**
 * zg_service_find_local_user() - for the local provider; ZG_ERROR_NOT_FOUND. WORKER. g_free() all.
 */
bool zg_service_find_local_user(ZgService *service, const char *name, char **out_password_hash,
                                char **out_full_name, bool *out_admin, GError **error);

/** zg_service_has_local_users() - for the first start. WORKER. */
bool zg_service_has_local_users(ZgService *service, bool *out_any, GError **error);

/**
 * zg_service_add_local_user() - user = {name, full_name?, admin, provider, seen_at?}; CONFLICT.
 * WORKER.
 */
bool zg_service_add_local_user(ZgService *service, const ZgCaller *caller, const char *name,
                               const char *password_hash, const char *full_name, bool admin,
                               json_t **out_json, GError **error);

/** zg_service_set_local_password() - also ends the user's sign-ins. WORKER. */
bool zg_service_set_local_password(ZgService *service, const ZgCaller *caller, const char *name,
                                   const char *password_hash, GError **error);

bool zg_service_delete_local_user(ZgService *service, const ZgCaller *caller, const char *name,
                                  GError **error);

/** zg_service_list_users() - local accounts and everybody seen. WORKER. */
bool zg_service_list_users(ZgService *service, const ZgPage *page, json_t **out_json,
                           GError **error);

/* ---- Idempotency-Key ------------------------------------------------------------------------- */

typedef enum {
    ZG_IDEMPOTENCY_FRESH,  /* yours: do the work, then finish (or forget on 5xx) */
    ZG_IDEMPOTENCY_STORED, /* answer *out_status and *out_body */
} ZgIdempotency;

/**
 * zg_service_idempotency_begin() - claim (user, key). WORKER.
 * @body_sha256: of method, path and body
 * Errors: ZG_ERROR_CONFLICT (other body, or the first one is still running: claims of a broker that
 * died are free again after 60 s).
 */
bool zg_service_idempotency_begin(ZgService *service, const char *user, const char *key,
                                  const char *body_sha256, ZgIdempotency *out_kind,
                                  int *out_status, char **out_body, GError **error);

/**
 * zg_service_idempotency_finish() - store the answer; kept 24 h. @status 0 forgets the claim.
 * WORKER.
 */
bool zg_service_idempotency_finish(ZgService *service, const char *user, const char *key,
                                   int status, const char *body, GError **error);

/* ---- pools ----------------------------------------------------------------------------------- */

/* Borrowed for the call. NULL or 0 where marked. */
typedef struct {
    const char *name;
    const char *title;
    const char *description; /* or NULL */
    const char *template_name;
    int64_t version; /* 0: the template's current one */
    const char *kind; /* "floating" */
    int ready;        /* 0..500 */
    int max;          /* 1..500 */
    int memory_mib;   /* 64..1048576 */
    int vcpus;        /* 1..128 */
    int disk_mib;     /* 64..16777216 */
    const char *network; /* "isolated" or "nat" */
    const char *profile; /* one of zg_profile_names */
    const char *const *entitled_users;  /* NULL-terminated, or NULL */
    const char *const *entitled_groups; /* "*" among the users: everybody */
    const char *locale;    /* or NULL */
    const char *keyboard;  /* or NULL */
    const char *time_zone; /* or NULL */
    int idle_disconnect_min;
    int disconnected_log_off_min;
    bool enabled;
} ZgPoolSpec;

/**
 * zg_service_put_pool() - create or replace. WORKER.
 * @if_revision: 0 any; -1 must be new (POST); >0 must be this revision (If-Match);
 *               ZG_REVISION_ANY must be there (If-Match: *)
 * Errors: ZG_ERROR_INVALID (names the field as "field: what"), ZG_ERROR_NOT_FOUND (template),
 * ZG_ERROR_CONFLICT, ZG_ERROR_STALE (If-Match does not hold).
 */
#define ZG_REVISION_ANY (-2)
bool zg_service_put_pool(ZgService *service, const ZgCaller *caller, const ZgPoolSpec *spec,
                         int64_t if_revision, bool *out_created, json_t **out_json,
                         GError **error);
bool zg_service_get_pool(ZgService *service, const char *name, json_t **out_json, GError **error);
bool zg_service_list_pools(ZgService *service, const ZgPage *page, json_t **out_json,
                           GError **error);

/** zg_service_delete_pool() - ends its sessions and deletes its desktops: 202 operation. WORKER. */
bool zg_service_delete_pool(ZgService *service, const ZgCaller *caller, const char *name,
                            int64_t if_revision, json_t **out_operation, GError **error);

/**
 * zg_service_my_pools() - pools the caller may use, with state and session (without state_text).
 * WORKER.
 */
bool zg_service_my_pools(ZgService *service, const ZgCaller *caller, json_t **out_json,
                         GError **error);

/* ---- templates ------------------------------------------------------------------------------- */

bool zg_service_list_templates(ZgService *service, const ZgPage *page, json_t **out_json,
                               GError **error);
bool zg_service_get_template(ZgService *service, const char *name, json_t **out_json,
                             GError **error);

/** zg_service_delete_template() - CONFLICT while a pool uses it; 202 operation. WORKER. */
bool zg_service_delete_template(ZgService *service, const ZgCaller *caller, const char *name,
                                json_t **out_operation, GError **error);

/**
 * zg_service_import_template() - a new version (creates the template); 202 operation. WORKER.
 * @path, @kernel, @initrd: names inside `incoming/` of the hosts; the last two and @os may be NULL
 */
bool zg_service_import_template(ZgService *service, const ZgCaller *caller, const char *name,
                                const char *path, const char *kernel, const char *initrd,
                                const char *os, json_t **out_operation, GError **error);

/* ---- desktops -------------------------------------------------------------------------------- */

/** zg_service_list_desktops() - each filter may be NULL. WORKER. */
bool zg_service_list_desktops(ZgService *service, const ZgPage *page, const char *pool,
                              const char *host, const char *life, json_t **out_json,
                              GError **error);
bool zg_service_get_desktop(ZgService *service, const char *id, json_t **out_json, GError **error);
bool zg_service_desktop_history(ZgService *service, const char *id, const ZgPage *page,
                                json_t **out_json, GError **error);

/** The three below answer a 202 operation. WORKER. An id or a desktop's name is taken. */
bool zg_service_refresh_desktop(ZgService *service, const ZgCaller *caller, const char *id,
                                json_t **out_operation, GError **error);
bool zg_service_restart_desktop(ZgService *service, const ZgCaller *caller, const char *id,
                                json_t **out_operation, GError **error);
bool zg_service_delete_desktop(ZgService *service, const ZgCaller *caller, const char *id,
                               json_t **out_operation, GError **error);

/* ---- sessions -------------------------------------------------------------------------------- */

typedef struct {
    const char *pool;
    const char *terminal;  /* or NULL */
    const char *locale;    /* the person's; or NULL for the pool's */
    const char *keyboard;
    const char *time_zone;
} ZgSessionRequest;

/**
 * zg_service_open_session() - the caller's live session of this pool, or a new one. WORKER.
 * @out_created: true → 201
 * Errors: ZG_ERROR_DENIED `not-entitled`, ZG_ERROR_NOT_FOUND, ZG_ERROR_UNAVAILABLE `pool-disabled`,
 * `pool-full`.
 * A session in state `pending` has position and estimate_s; later changes come as events.
 */
bool zg_service_open_session(ZgService *service, const ZgCaller *caller,
                             const ZgSessionRequest *request, bool *out_created,
                             json_t **out_json, GError **error);

/**
 * zg_service_list_sessions() - @user NULL: everybody's (admin). Live ones and those of the last
 * day. WORKER.
 */
bool zg_service_list_sessions(ZgService *service, const ZgPage *page, const char *user,
                              json_t **out_json, GError **error);

/**
 * zg_service_get_session() - @user: only if it is theirs (else NOT_FOUND); NULL for admin. WORKER.
 */
bool zg_service_get_session(ZgService *service, const char *id, const char *user,
                            json_t **out_json, GError **error);

/**
 * zg_service_log_off() - the person's own (@forced false) or an administrator's; 202 operation.
 * WORKER.
 */
bool zg_service_log_off(ZgService *service, const ZgCaller *caller, const char *id, bool forced,
                        json_t **out_operation, GError **error);

/**
 * zg_service_restart_session() - "restart my desktop": reboot, same overlay; 202 operation.
 * WORKER.
 */
bool zg_service_restart_session(ZgService *service, const ZgCaller *caller, const char *id,
                                json_t **out_operation, GError **error);

/** zg_service_message() - show text to the session's viewers; 202 operation. WORKER. */
bool zg_service_message(ZgService *service, const ZgCaller *caller, const char *id,
                        const char *text, json_t **out_operation, GError **error);

typedef struct {
    const char *secret; /* 64 hex; wiped after the callback: copy it straight into the answer */
    int expires_in_s;
    const char *desktop; /* id */
    const char *title;
} ZgTicketAnswer;

/* Exactly one call, on the loop, within 10 s; one of @answer and @error is NULL; both borrowed. */
typedef void (*ZgTicketFunc)(const ZgTicketAnswer *answer, const GError *error, void *data);

/**
 * zg_service_issue_ticket() - a console ticket, answered once the front of the host has it. LOOP.
 * @share, @view_only: as in docs/protocol/ticket.md
 * Errors to @done: ZG_ERROR_CONFLICT `not-ready` (pending) or `signing-on` (the guest has not
 * answered the sign-on for 8 s: ask again), ZG_ERROR_NOT_FOUND, ZG_ERROR_UNAVAILABLE
 * `host-unreachable`, ZG_ERROR_TIMEOUT `display-silent`.
 */
void zg_service_issue_ticket(ZgService *service, const ZgCaller *caller, const char *session_id,
                             bool share, bool view_only, ZgTicketFunc done, void *data);

/* ---- hosts, operations, status --------------------------------------------------------------- */

bool zg_service_list_hosts(ZgService *service, const ZgPage *page, json_t **out_json,
                           GError **error);
bool zg_service_get_host(ZgService *service, const char *name, json_t **out_json, GError **error);

/** zg_service_delete_host() - CONFLICT while it has desktops. WORKER. */
bool zg_service_delete_host(ZgService *service, const ZgCaller *caller, const char *name,
                            GError **error);
bool zg_service_set_host_maintenance(ZgService *service, const ZgCaller *caller, const char *name,
                                     bool maintenance, json_t **out_json, GError **error);

/** zg_service_new_join_token() - {token, expires_at}; the token is a secret, shown once. WORKER. */
bool zg_service_new_join_token(ZgService *service, const ZgCaller *caller, const char *host,
                               json_t **out_json, GError **error);

/** zg_service_list_operations() / _get_ - @user NULL: everybody's. WORKER. */
bool zg_service_list_operations(ZgService *service, const ZgPage *page, const char *user,
                                json_t **out_json, GError **error);
bool zg_service_get_operation(ZgService *service, const char *id, const char *user,
                              json_t **out_json, GError **error);

/**
 * zg_service_status() - as in docs/api. WORKER. Never fails because something is wrong: it says
 * so.
 */
bool zg_service_status(ZgService *service, json_t **out_json, GError **error);

/** zg_service_healthy() - can the store be written? for /healthz. WORKER. */
bool zg_service_healthy(ZgService *service, GError **error);

/** zg_service_why() - @thing: "desktop", "session" or "user"; newest first. WORKER. */
bool zg_service_why(ZgService *service, const char *thing, const char *id, const ZgPage *page,
                    json_t **out_json, GError **error);
bool zg_service_list_audit(ZgService *service, const ZgPage *page, json_t **out_json,
                           GError **error);

/* ---- live changes ---------------------------------------------------------------------------- */

typedef struct {
    int64_t id;           /* the change counter */
    /* "desktop", "session", "pool", "host", "operation", "template" or "reset" */
    const char *type;
    const char *user;     /* whose it is, or NULL; the filter of /my/events has been applied */
    /* the resource as JSON text; {"id"|"name": …, "deleted": true} when it is gone */
    const char *data;
} ZgEvent;

typedef struct ZgSubscription ZgSubscription;
typedef void (*ZgEventFunc)(const ZgEvent *event, void *data);

/**
 * zg_service_subscribe() - changes after commit, in counter order, on the loop. LOOP.
 * @user:     only this user's things (sessions, own operations, and pools as in /my/pools), or NULL
 * @after_id: Last-Event-ID, or -1 for "from now". Too old: one `reset` event first.
 * Return: owned by the caller; NULL with ZG_ERROR_UNAVAILABLE past 1000 subscriptions.
 */
ZgSubscription *zg_service_subscribe(ZgService *service, const char *user, int64_t after_id,
                                     ZgEventFunc func, void *data, GError **error);

/** zg_subscription_free() - no call after it. LOOP. Accepts NULL. */
void zg_subscription_free(ZgSubscription *subscription);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgSubscription, zg_subscription_free)
