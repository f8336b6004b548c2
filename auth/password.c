/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "auth/password.h"

#include <argon2.h>
#include <string.h>
#include "common/base/error.h"
#include "common/base/limits.h"
#include "common/base/secret.h"

/* OWASP's first recommendation for argon2id; one lane, so that a check costs one core. */
#define PASSES 2
#define MEMORY_KIB 19456
#define LANES 1
#define SALT_BYTES 16
#define HASH_BYTES 32
#define ENCODED_BYTES 160

char *
zg_password_hash(const char *password, size_t n_password, GError **error)
{
    uint8_t salt[SALT_BYTES];
    char encoded[ENCODED_BYTES];
    int rc;

    if (!g_utf8_validate(password, (gssize)n_password, NULL) ||
        g_utf8_strlen(password, (gssize)n_password) < ZG_PASSWORD_MIN_CHARS ||
        n_password > ZG_LIMIT_PASSWORD_BYTES) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID,
                    "password: must be %d characters or more, and at most %d bytes of UTF-8",
                    ZG_PASSWORD_MIN_CHARS, ZG_LIMIT_PASSWORD_BYTES);
        return NULL;
    }
    zg_random_bytes(salt, sizeof salt);
    rc = argon2id_hash_encoded(PASSES, MEMORY_KIB, LANES, password, n_password, salt, sizeof salt,
                               HASH_BYTES, encoded, sizeof encoded);
    if (rc != ARGON2_OK) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_FAILED, "argon2: %s", argon2_error_message(rc));
        return NULL;
    }
    return g_strdup(encoded);
}

/* Burns what a real check burns, so that the time tells nothing. */
static void
burn(const char *password, size_t n_password)
{
    static const uint8_t salt[SALT_BYTES] = {1};
    uint8_t hash[HASH_BYTES];

    argon2id_hash_raw(PASSES, MEMORY_KIB, LANES, password, n_password, salt, sizeof salt, hash,
                      sizeof hash);
    zg_wipe(hash, sizeof hash);
}

bool
zg_password_verify(const char *hash, const char *password, size_t n_password)
{
    if (hash == NULL || !g_str_has_prefix(hash, "$argon2id$")) {
        burn(password, n_password);
        return false;
    }
    return argon2id_verify(hash, password, n_password) == ARGON2_OK;
}
