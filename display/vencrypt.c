/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/vencrypt.h"

#include <string.h>
#include "common/base/limits.h"

#define SECURITY_VENCRYPT 19
#define SUBTYPE_X509_PLAIN 262

typedef enum {
    WAIT_VERSION,
    WAIT_SECURITY_TYPE,
    WAIT_VENCRYPT_VERSION,
    WAIT_SUBTYPE,
    WAIT_LENGTHS, /* inside TLS from here */
    WAIT_USER,
    WAIT_PASSWORD,
    WAIT_DECISION,
    FINISHED,
} State;

struct ZgVencrypt {
    State state;
    uint8_t have[ZG_LIMIT_PASSWORD_BYTES]; /* bytes of the item being read */
    size_t n_have;
    size_t n_user;
    size_t n_password;
    char *user;
    ZgSecret *password;
    const char *why;
};

static void
put_u32(GByteArray *out, uint32_t value)
{
    guint32 wire = GUINT32_TO_BE(value);

    g_byte_array_append(out, (const guint8 *)&wire, sizeof wire);
}

static void
put_text(GByteArray *out, const char *text)
{
    put_u32(out, (uint32_t)strlen(text));
    g_byte_array_append(out, (const guint8 *)text, (guint)strlen(text));
}

static uint32_t
get_u32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

ZgVencrypt *
zg_vencrypt_new(GByteArray *out)
{
    ZgVencrypt *vencrypt = g_new0(ZgVencrypt, 1);

    g_byte_array_append(out, (const guint8 *)"RFB 003.008\n", 12);
    return vencrypt;
}

void
zg_vencrypt_wipe(ZgVencrypt *vencrypt)
{
    zg_wipe(vencrypt->have, sizeof vencrypt->have);
    g_clear_pointer(&vencrypt->password, zg_secret_free);
}

void
zg_vencrypt_free(ZgVencrypt *vencrypt)
{
    if (vencrypt != NULL) {
        zg_vencrypt_wipe(vencrypt);
        g_free(vencrypt->user);
        g_free(vencrypt);
    }
}

static ZgVencryptStep
broken(ZgVencrypt *vencrypt, const char *why)
{
    vencrypt->state = FINISHED;
    vencrypt->why = why;
    return ZG_VENCRYPT_BROKEN;
}

static ZgVencryptStep
on_version(ZgVencrypt *vencrypt, const uint8_t *bytes, GByteArray *out)
{
    static const guint8 offer[] = {1, SECURITY_VENCRYPT};
    static const char too_old[] = "This server needs a viewer that speaks RFB 3.8 with TLS.";
    char text[13] = {0};
    int minor;

    memcpy(text, bytes, 12);
    if (strncmp(text, "RFB 003.", 8) != 0 || strspn(text + 8, "0123456789") != 3 ||
        text[11] != '\n') {
        return broken(vencrypt, "the viewer does not speak RFB");
    }
    minor = (int)g_ascii_strtoll(text + 8, NULL, 10);
    if (minor < 8) {
        if (minor == 7) {
            g_byte_array_append(out, (const guint8 *)"", 1);
        } else {
            put_u32(out, 0);
        }
        put_text(out, too_old);
        return broken(vencrypt, "the viewer is older than RFB 3.8");
    }
    g_byte_array_append(out, offer, sizeof offer);
    vencrypt->state = WAIT_SECURITY_TYPE;
    return ZG_VENCRYPT_MORE;
}

static ZgVencryptStep
on_security_type(ZgVencrypt *vencrypt, const uint8_t *bytes, GByteArray *out)
{
    static const guint8 version[] = {0, 2};

    if (bytes[0] != SECURITY_VENCRYPT) {
        put_u32(out, 1);
        put_text(out, "This server is reached over TLS only (VeNCrypt X509Plain).");
        return broken(vencrypt, "the viewer chose a security type that was not offered");
    }
    g_byte_array_append(out, version, sizeof version);
    vencrypt->state = WAIT_VENCRYPT_VERSION;
    return ZG_VENCRYPT_MORE;
}

static ZgVencryptStep
on_vencrypt_version(ZgVencrypt *vencrypt, const uint8_t *bytes, GByteArray *out)
{
    static const guint8 refused[] = {255};
    static const guint8 agreed[] = {0, 1}; /* version is fine, one subtype */

    if (bytes[0] != 0 || bytes[1] != 2) {
        g_byte_array_append(out, refused, sizeof refused);
        return broken(vencrypt, "the viewer does not speak VeNCrypt 0.2");
    }
    g_byte_array_append(out, agreed, sizeof agreed);
    put_u32(out, SUBTYPE_X509_PLAIN);
    vencrypt->state = WAIT_SUBTYPE;
    return ZG_VENCRYPT_MORE;
}

static ZgVencryptStep
on_subtype(ZgVencrypt *vencrypt, const uint8_t *bytes, GByteArray *out)
{
    static const guint8 no = 0, yes = 1;

    if (get_u32(bytes) != SUBTYPE_X509_PLAIN) {
        g_byte_array_append(out, &no, 1);
        return broken(vencrypt, "the viewer chose a subtype that was not offered");
    }
    g_byte_array_append(out, &yes, 1);
    vencrypt->state = WAIT_LENGTHS;
    return ZG_VENCRYPT_START_TLS;
}

static ZgVencryptStep
on_lengths(ZgVencrypt *vencrypt, const uint8_t *bytes, GByteArray *out)
{
    vencrypt->n_user = get_u32(bytes);
    vencrypt->n_password = get_u32(bytes + 4);
    if (vencrypt->n_user > ZG_LIMIT_USER_BYTES || vencrypt->n_password > ZG_LIMIT_PASSWORD_BYTES) {
        zg_vencrypt_refuse(vencrypt, "The user name or the password is too long.", out);
        return broken(vencrypt, "the user name or the password is too long");
    }
    vencrypt->state = WAIT_USER;
    return ZG_VENCRYPT_MORE;
}

static ZgVencryptStep
on_user(ZgVencrypt *vencrypt, const uint8_t *bytes, GByteArray *out)
{
    if (memchr(bytes, 0, vencrypt->n_user) != NULL ||
        !g_utf8_validate((const char *)bytes, (gssize)vencrypt->n_user, NULL)) {
        zg_vencrypt_refuse(vencrypt, "The user name has characters that cannot be used.", out);
        return broken(vencrypt, "the user name is not text");
    }
    vencrypt->user = g_strndup((const char *)bytes, vencrypt->n_user);
    vencrypt->state = WAIT_PASSWORD;
    return ZG_VENCRYPT_MORE;
}

static ZgVencryptStep
on_password(ZgVencrypt *vencrypt, const uint8_t *bytes, GByteArray *out)
{
    if (memchr(bytes, 0, vencrypt->n_password) != NULL) {
        zg_vencrypt_refuse(vencrypt, "The password has characters that cannot be used.", out);
        return broken(vencrypt, "the password has a NUL");
    }
    vencrypt->password = zg_secret_new(bytes, vencrypt->n_password);
    vencrypt->state = WAIT_DECISION;
    return ZG_VENCRYPT_CREDENTIALS;
}

typedef ZgVencryptStep (*OnItem)(ZgVencrypt *vencrypt, const uint8_t *bytes, GByteArray *out);

/* What each state waits for; 0 bytes: the length was announced. */
static const struct {
    size_t n_bytes;
    OnItem take;
} items[] = {
    [WAIT_VERSION] = {12, on_version},
    [WAIT_SECURITY_TYPE] = {1, on_security_type},
    [WAIT_VENCRYPT_VERSION] = {2, on_vencrypt_version},
    [WAIT_SUBTYPE] = {4, on_subtype},
    [WAIT_LENGTHS] = {8, on_lengths},
    [WAIT_USER] = {0, on_user},
    [WAIT_PASSWORD] = {0, on_password},
};

static size_t
wanted(const ZgVencrypt *vencrypt)
{
    if (vencrypt->state == WAIT_USER) {
        return vencrypt->n_user;
    }
    return vencrypt->state == WAIT_PASSWORD ? vencrypt->n_password : items[vencrypt->state].n_bytes;
}

ZgVencryptStep
zg_vencrypt_feed(ZgVencrypt *vencrypt, const uint8_t *bytes, size_t n_bytes, size_t *out_n_used,
                 GByteArray *out)
{
    ZgVencryptStep step = ZG_VENCRYPT_MORE;
    size_t at = 0;

    *out_n_used = 0;
    if (vencrypt->state >= FINISHED) {
        return ZG_VENCRYPT_BROKEN;
    }
    while (step == ZG_VENCRYPT_MORE && vencrypt->state < WAIT_DECISION) {
        size_t n = MIN(n_bytes - at, wanted(vencrypt) - vencrypt->n_have);

        if (n > 0) {
            memcpy(vencrypt->have + vencrypt->n_have, bytes + at, n);
        }
        vencrypt->n_have += n;
        at += n;
        if (vencrypt->n_have < wanted(vencrypt)) {
            break;
        }
        vencrypt->n_have = 0;
        step = items[vencrypt->state].take(vencrypt, vencrypt->have, out);
    }
    *out_n_used = at;
    if (step == ZG_VENCRYPT_START_TLS && at < n_bytes) {
        return broken(vencrypt, "clear text followed where TLS should start");
    }
    return step;
}

const char *
zg_vencrypt_user(const ZgVencrypt *vencrypt)
{
    return vencrypt->user;
}

const ZgSecret *
zg_vencrypt_password(const ZgVencrypt *vencrypt)
{
    return vencrypt->password;
}

void
zg_vencrypt_accept(ZgVencrypt *vencrypt, GByteArray *out)
{
    put_u32(out, 0);
    vencrypt->state = FINISHED;
}

void
zg_vencrypt_refuse(ZgVencrypt *vencrypt, const char *reason, GByteArray *out)
{
    put_u32(out, 1);
    put_text(out, reason);
    vencrypt->state = FINISHED;
}

const char *
zg_vencrypt_why(const ZgVencrypt *vencrypt)
{
    return vencrypt->why != NULL ? vencrypt->why : "the handshake is over";
}
