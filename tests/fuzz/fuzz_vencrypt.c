/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The security phase of a viewer, in pieces cut by the data itself. */
#include <stdlib.h>
#include <string.h>
#include "common/base/limits.h"
#include "display/vencrypt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autoptr(ZgVencrypt) vencrypt = zg_vencrypt_new(out);
    bool tls = false;
    size_t piece = n > 0 ? data[0] % 31U + 1 : 1;

    for (size_t at = MIN(n, (size_t)1); at < n;) {
        /* Nothing may stand behind the choice of the subtype in one piece, so cut there. */
        size_t n_used, n_now = tls || at > 20 ? MIN(piece, n - at) : 1;
        ZgVencryptStep step = zg_vencrypt_feed(vencrypt, data + at, n_now, &n_used, out);

        if (n_used > n_now || out->len > 4096) {
            abort();
        }
        at += n_now;
        if (step == ZG_VENCRYPT_BROKEN) {
            zg_vencrypt_why(vencrypt);
            return 0;
        }
        if (step == ZG_VENCRYPT_START_TLS) {
            tls = true;
        }
        if (step == ZG_VENCRYPT_CREDENTIALS) {
            if (!tls || strlen(zg_vencrypt_user(vencrypt)) > ZG_LIMIT_USER_BYTES ||
                zg_vencrypt_password(vencrypt)->n_bytes > ZG_LIMIT_PASSWORD_BYTES) {
                abort();
            }
            zg_vencrypt_refuse(vencrypt, "no", out);
            return 0;
        }
    }
    return 0;
}
