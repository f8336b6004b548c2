/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/base/secret.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

void
zg_wipe(void *bytes, size_t n_bytes)
{
    if (bytes != NULL) {
        explicit_bzero(bytes, n_bytes);
    }
}

void
zg_wipe_free_text(char *text)
{
    if (text != NULL) {
        zg_wipe(text, strlen(text));
        g_free(text);
    }
}

void
zg_random_bytes(void *bytes, size_t n_bytes)
{
    uint8_t *at = bytes;

    while (n_bytes > 0) {
        ssize_t n = getrandom(at, n_bytes, 0);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        g_assert(n > 0); /* without a generator no secret can be made: stop here */
        at += n;
        n_bytes -= (size_t)n;
    }
}

ZgSecret *
zg_secret_new(const void *bytes, size_t n_bytes)
{
    ZgSecret *secret = g_new(ZgSecret, 1);

    secret->bytes = g_malloc(n_bytes + 1);
    secret->n_bytes = n_bytes;
    if (n_bytes > 0) {
        memcpy(secret->bytes, bytes, n_bytes);
    }
    secret->bytes[n_bytes] = 0;
    return secret;
}

ZgSecret *
zg_secret_new_random(size_t n_bytes)
{
    ZgSecret *secret = g_new(ZgSecret, 1);

    secret->bytes = g_malloc0(n_bytes + 1);
    secret->n_bytes = n_bytes;
    zg_random_bytes(secret->bytes, n_bytes);
    return secret;
}

const char *
zg_secret_text(const ZgSecret *secret)
{
    return (const char *)secret->bytes;
}

void
zg_secret_free(ZgSecret *secret)
{
    if (secret != NULL) {
        zg_wipe(secret->bytes, secret->n_bytes);
        g_free(secret->bytes);
        g_free(secret);
    }
}

void
zg_sha256(const void *bytes, size_t n_bytes, uint8_t out[ZG_SHA256_BYTES])
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    gsize n_out = ZG_SHA256_BYTES;

    g_checksum_update(sum, bytes, (gssize)n_bytes);
    g_checksum_get_digest(sum, out, &n_out);
}

char *
zg_hex_encode(const void *bytes, size_t n_bytes)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *at = bytes;
    char *hex = g_malloc(2 * n_bytes + 1);

    for (size_t i = 0; i < n_bytes; i++) {
        hex[2 * i] = digits[at[i] >> 4];
        hex[2 * i + 1] = digits[at[i] & 15];
    }
    hex[2 * n_bytes] = '\0';
    return hex;
}

char *
zg_sha256_hex(const void *bytes, size_t n_bytes)
{
    uint8_t digest[ZG_SHA256_BYTES];

    zg_sha256(bytes, n_bytes, digest);
    return zg_hex_encode(digest, sizeof digest);
}

bool
zg_hex_decode(const char *hex, uint8_t *out, size_t n_out)
{
    if (hex == NULL || strlen(hex) != 2 * n_out) {
        return false;
    }
    for (size_t i = 0; i < n_out; i++) {
        int high = g_ascii_xdigit_value(hex[2 * i]);
        int low = g_ascii_xdigit_value(hex[2 * i + 1]);

        if (high < 0 || low < 0) {
            return false;
        }
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

bool
zg_equal_constant_time(const void *a, const void *b, size_t n_bytes)
{
    const volatile uint8_t *left = a;
    const volatile uint8_t *right = b;
    uint8_t differs = 0;

    for (size_t i = 0; i < n_bytes; i++) {
        differs |= (uint8_t)(left[i] ^ right[i]);
    }
    return differs == 0;
}
