/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * D-Bus on the wire, as far as a console needs it: authentication, heads of messages, numbers and
 * texts. Pure. Numbers are in the machine's order only: both ends are on one machine. Source:
 * D-Bus Specification 0.43, "Message Protocol" and "Authentication Protocol".
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum {
    ZG_DBUS_CALL = 1,
    ZG_DBUS_RETURN = 2,
    ZG_DBUS_ERROR = 3,
    ZG_DBUS_SIGNAL = 4,
} ZgDbusType;

typedef enum {
    ZG_DBUS_MORE, /* come again with more bytes */
    ZG_DBUS_DONE,
    ZG_DBUS_BROKEN, /* @error is set: ZG_ERROR_PROTOCOL or ZG_ERROR_TOO_LARGE */
} ZgDbusResult;

#define ZG_DBUS_HEAD_BYTES_MAX 4096
#define ZG_DBUS_BODY_BYTES_MAX (128 * 1024 * 1024)
#define ZG_DBUS_LINE_BYTES_MAX 512

/* ---- reading ---- */

/* Numbers and texts, each at its alignment from the beginning; past the end they are 0 and "". */
typedef struct {
    const uint8_t *bytes;
    size_t n_bytes, at;
    bool is_broken; /* past the end, or not a text */
} ZgDbusReader;

uint32_t zg_dbus_read_u32(ZgDbusReader *reader);

/** zg_dbus_read_text() - of type s or o; borrowed from the bytes, ends with NUL. */
const char *zg_dbus_read_text(ZgDbusReader *reader);

/* The head of a message; texts are borrowed from the bytes, "" when there is none. */
typedef struct {
    ZgDbusType type;
    bool wants_answer;
    uint32_t serial, answers; /* @answers: the serial of what this returns, or 0 */
    size_t n_head, n_body;    /* bytes, padding included */
    const char *interface, *member, *signature, *error_name;
} ZgDbusHead;

/** zg_dbus_read_head() - of the message that begins at @bytes. */
ZgDbusResult zg_dbus_read_head(const uint8_t *bytes, size_t n_bytes, ZgDbusHead *out,
                               GError **error);

/* ---- writing ---- */

/* Bodies (and heads): numbers and texts at their alignment from the beginning of @body. */
void zg_dbus_pad(GByteArray *body, size_t alignment);
void zg_dbus_put_u32(GByteArray *body, uint32_t value);
void zg_dbus_put_text(GByteArray *body, const char *text);

/** zg_dbus_set_u32() - a number that was put before, such as the length of what followed. */
void zg_dbus_set_u32(GByteArray *body, guint at, uint32_t value);

typedef struct {
    const char *path, *interface, *member, *signature; /* @signature: "" for no body */
    unsigned n_fds;                                    /* that go along */
} ZgDbusCall;

/** zg_dbus_put_call() - appends; @body is aligned from its own beginning. */
void zg_dbus_put_call(GByteArray *out, uint32_t serial, const ZgDbusCall *call, const void *body,
                      size_t n_body);

/** zg_dbus_put_return() - the answer to message @answers. */
void zg_dbus_put_return(GByteArray *out, uint32_t serial, uint32_t answers, const char *signature,
                        const void *body, size_t n_body);

/** zg_dbus_put_error() - message @answers cannot be done. */
void zg_dbus_put_error(GByteArray *out, uint32_t serial, uint32_t answers, const char *name);

/* ---- authentication, client side: EXTERNAL, as whoever the kernel says made the socket ---- */

typedef struct {
    enum {
        ZG_DBUS_AUTH_BEGUN,
        ZG_DBUS_AUTH_NAMED,
        ZG_DBUS_AUTH_FDS,
        ZG_DBUS_AUTH_DONE,
    } state;
} ZgDbusAuth;

/** zg_dbus_auth_begin() - appends the first bytes of a connection on which descriptors pass. */
void zg_dbus_auth_begin(ZgDbusAuth *auth, GByteArray *out);

/** zg_dbus_auth_feed() - one line of the other end's; messages follow once `state` is done. */
ZgDbusResult zg_dbus_auth_feed(ZgDbusAuth *auth, const uint8_t *bytes, size_t n_bytes,
                               size_t *out_used, GByteArray *out, GError **error);
