/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Lines between hostd and the guest's session helper, seen from the guest
 * (docs/protocol/session.md). Pure: bytes in, messages out, and messages in, lines out. No GLib:
 * the helper is one static program for any guest.
 */

enum {
    ZG_GUEST_LINE_MAX = 8192, /* bytes of one line, newline included */
    ZG_GUEST_PROTOCOL_VERSION = 1,
    ZG_GUEST_SEED_BYTES = 32,
    ZG_GUEST_GRACE_MAX_MS = 60000,
};

typedef enum {
    ZG_GUEST_HELLO,
    ZG_GUEST_IDENTITY,
    ZG_GUEST_SIGN_ON,
    ZG_GUEST_SIGN_OFF,
    ZG_GUEST_PING,
} ZgGuestKind;

typedef struct {
    char host_name[64];  /* RFC 1123 label */
    char machine_id[33]; /* 32 lower-case hex digits */
    uint8_t seed[ZG_GUEST_SEED_BYTES];
    bool ssh_host_keys; /* make new ones */
} ZgGuestIdentity;

typedef struct {
    char unix_name[33];  /* [a-z][a-z0-9_.-]*, at most 32 bytes */
    uint32_t uid;        /* 1000..65533: never a system account */
    char full_name[128]; /* UTF-8 without control characters, ':' and ',' */
    char locale[32];     /* like es_ES.UTF-8; empty: the template's own */
    char keyboard[64];   /* XKB layout[:variant]; empty: the template's own */
    char time_zone[64];  /* Olson name; empty: the template's own */
} ZgGuestSignOn;

typedef struct {
    ZgGuestKind kind;
    union {
        int version; /* hello */
        ZgGuestIdentity identity;
        ZgGuestSignOn sign_on;
        int grace_ms; /* sign_off: 0..ZG_GUEST_GRACE_MAX_MS */
        int64_t n;    /* ping */
    };
} ZgGuestMessage;

/* What zg_guest_lines_next() found in the bytes it was fed. */
typedef enum {
    ZG_GUEST_STEP_MORE, /* no whole line is left */
    ZG_GUEST_STEP_MESSAGE,
    ZG_GUEST_STEP_BAD, /* a line was refused; the next one may be good */
} ZgGuestStep;

/* Collects bytes into lines. Plain data: zero it to start, no clearing needed. */
typedef struct {
    char bytes[ZG_GUEST_LINE_MAX];
    size_t n_bytes;
    bool skipping; /* inside a line that was too long */
} ZgGuestLines;

/**
 * zg_guest_lines_next() - read the next message out of a stream of bytes
 * @lines:   the collector of this connection
 * @data:    bytes from the port; borrowed
 * @n_data:  how many, any number
 * @n_used:  out: how many were consumed; call again with the rest until ZG_GUEST_STEP_MORE
 * @message: out: filled for ZG_GUEST_STEP_MESSAGE only
 * @why:     out: for ZG_GUEST_STEP_BAD, a constant sentence naming what was wrong; never frees
 *
 * Empty lines are skipped. Unknown keys are skipped, everything else must be as the protocol says.
 */
ZgGuestStep zg_guest_lines_next(ZgGuestLines *lines, const char *data, size_t n_data,
                                size_t *n_used, ZgGuestMessage *message, const char **why);

/**
 * zg_guest_parse() - read one line without its newline
 * Return: true and @message, or false and a constant sentence in @why.
 */
bool zg_guest_parse(const char *line, size_t n_line, ZgGuestMessage *message, const char **why);

/*
 * Writers: each makes one line with its newline in a buffer of the caller and returns its length,
 * or 0 when it does not fit. @machine_id may be NULL. Texts are escaped; they need not be clean.
 */
size_t zg_guest_format_hello(char *buf, size_t n_buf, const char *helper, const char *state,
                             const char *machine_id);
size_t zg_guest_format_plain(char *buf, size_t n_buf, const char *type);
size_t zg_guest_format_signed_on(char *buf, size_t n_buf, const char *unix_name);
size_t zg_guest_format_resized(char *buf, size_t n_buf, int width, int height);
size_t zg_guest_format_pong(char *buf, size_t n_buf, int64_t n);
size_t zg_guest_format_error(char *buf, size_t n_buf, const char *code, const char *text);
