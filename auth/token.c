/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "auth/token.h"

#include <string.h>
#include "common/base/secret.h"

char *
zg_token_text(const uint8_t random[ZG_TOKEN_RANDOM_BYTES])
{
    return zg_hex_encode(random, ZG_TOKEN_RANDOM_BYTES);
}

char *
zg_token_digest(const char *token)
{
    uint8_t random[ZG_TOKEN_RANDOM_BYTES];

    if (token == NULL || strlen(token) != ZG_TOKEN_CHARS ||
        strspn(token, "0123456789abcdef") != ZG_TOKEN_CHARS ||
        !zg_hex_decode(token, random, sizeof random)) {
        return NULL;
    }
    zg_wipe(random, sizeof random);
    return zg_sha256_hex(token, ZG_TOKEN_CHARS);
}

bool
zg_token_is_alive(int64_t now_us, int64_t expires_us, int64_t idle_us, int64_t seen_us,
                  bool revoked)
{
    return !revoked && now_us < expires_us && (idle_us <= 0 || now_us - seen_us < idle_us);
}
