/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The language between hostd and a guest's session helper (docs/protocol/session.md). Pure: bytes
 * in, messages out. The guest is hostile: everything is bounded, nothing is believed further.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include "common/base/id.h"

#define ZG_SESSION_LINE_MAX_BYTES 8192
#define ZG_SESSION_UNIX_NAME_MAX 32

typedef enum {
    ZG_SESSION_SAYS_HELLO,
    ZG_SESSION_SAYS_IDENTIFIED,
    ZG_SESSION_SAYS_SIGNED_ON,
    ZG_SESSION_SAYS_SIGNED_OFF,
    ZG_SESSION_SAYS_RESIZED,
    ZG_SESSION_SAYS_PONG,
    ZG_SESSION_SAYS_ERROR,
} ZgSessionSays;

typedef enum {
    ZG_GUEST_WAITING,    /* the helper runs, identity not taken yet */
    ZG_GUEST_IDENTIFIED, /* X is up, nobody is signed in */
    ZG_GUEST_IN_SESSION,
    ZG_GUEST_SIGNED_OFF,
    ZG_N_GUEST_STATES
} ZgGuestState;

/* Texts are borrowed while the handler runs. */
typedef struct {
    ZgSessionSays kind;
    ZgGuestState state;    /* hello */
    const char *identity;  /* hello: machine id taken, or NULL */
    const char *unix_name; /* signed_on */
    int64_t width, height; /* resized */
    int64_t n;             /* pong */
    const char *code;      /* error */
    const char *message;   /* error; shown to operators, may be any text */
} ZgSessionMessage;

typedef void (*ZgSessionHandler)(const ZgSessionMessage *message, void *user);

/* Collects lines. Zero it to begin; zg_session_wire_clear() to end or to begin anew. */
typedef struct {
    GString *line;
} ZgSessionWire;

/**
 * zg_session_wire_feed() - take bytes from the guest
 * @handler: called for each whole message; unknown types are skipped
 * Return: false with ZG_ERROR_PROTOCOL for what is too long, not JSON or out of range; then the
 * port is to be closed.
 */
bool zg_session_wire_feed(ZgSessionWire *wire, const void *bytes, size_t n_bytes,
                          ZgSessionHandler handler, void *user, GError **error);
void zg_session_wire_clear(ZgSessionWire *wire);

typedef struct {
    const char *host_name;
    const char *machine_id;
    const char *seed; /* 64 hex digits */
} ZgSessionIdentity;

typedef struct {
    const char *user;
    const char *unix_name;
    int64_t uid;
    const char *full_name; /* the rest may be NULL */
    const char *locale;
    const char *keyboard;
    const char *time_zone;
} ZgSessionSignOn;

/* Lines to the guest, newline included; the caller frees with g_free(). */
char *zg_session_wire_hello(void);
char *zg_session_wire_identity(const ZgSessionIdentity *identity);
char *zg_session_wire_sign_on(const ZgSessionSignOn *sign_on);
char *zg_session_wire_sign_off(int64_t grace_ms);
char *zg_session_wire_ping(int64_t n);
