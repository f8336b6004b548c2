/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RFB 3.8 security with VeNCrypt 0.2 X509Plain, server side, around the TLS handshake. Pure. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/base/secret.h"

typedef enum {
    ZG_VENCRYPT_MORE,        /* send what was written and wait */
    ZG_VENCRYPT_START_TLS,   /* send what was written, then start TLS; later bytes come from it */
    ZG_VENCRYPT_CREDENTIALS, /* ask zg_vencrypt_user() and _password(), then accept or refuse */
    ZG_VENCRYPT_BROKEN,      /* send what was written (it may say why) and close */
} ZgVencryptStep;

typedef struct ZgVencrypt ZgVencrypt;

/** zg_vencrypt_new() - writes the server's ProtocolVersion to @out. */
ZgVencrypt *zg_vencrypt_new(GByteArray *out);

/** zg_vencrypt_free() - wipes the password; accepts NULL. */
void zg_vencrypt_free(ZgVencrypt *vencrypt);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgVencrypt, zg_vencrypt_free)

/**
 * zg_vencrypt_feed() - take bytes from the viewer, answer into @out
 * @out_n_used: bytes used; what is left after CREDENTIALS is the viewer's ClientInit. Clear text
 *              left over at START_TLS is an attack (injection) and comes back as BROKEN.
 * Source: RFC 6143 7.1; the VeNCrypt section of the community rfbproto document.
 */
ZgVencryptStep zg_vencrypt_feed(ZgVencrypt *vencrypt, const uint8_t *bytes, size_t n_bytes,
                                size_t *out_n_used, GByteArray *out);

/** zg_vencrypt_user() - valid UTF-8 without NUL, at most ZG_LIMIT_USER_BYTES; borrowed. */
const char *zg_vencrypt_user(const ZgVencrypt *vencrypt);

/** zg_vencrypt_password() - text without NUL, at most ZG_LIMIT_PASSWORD_BYTES; borrowed. */
const ZgSecret *zg_vencrypt_password(const ZgVencrypt *vencrypt);

/** zg_vencrypt_wipe() - forget the password now. */
void zg_vencrypt_wipe(ZgVencrypt *vencrypt);

/** zg_vencrypt_accept() - SecurityResult OK. */
void zg_vencrypt_accept(ZgVencrypt *vencrypt, GByteArray *out);

/** zg_vencrypt_refuse() - SecurityResult failed, with a reason that a person reads. */
void zg_vencrypt_refuse(ZgVencrypt *vencrypt, const char *reason, GByteArray *out);

/** zg_vencrypt_why() - after BROKEN: what was wrong; static text. */
const char *zg_vencrypt_why(const ZgVencrypt *vencrypt);
