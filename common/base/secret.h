/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Secrets: bytes that are wiped when released; random bytes, digests, constant-time comparison. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Reference-free owner of secret bytes. A NUL follows the bytes but is not counted. */
typedef struct {
    uint8_t *bytes;
    size_t n_bytes;
} ZgSecret;

#define ZG_SHA256_BYTES 32
#define ZG_SHA256_HEX_CHARS 64

/** zg_secret_new() - copy @n_bytes bytes. Return: owned by the caller, zg_secret_free(). */
ZgSecret *zg_secret_new(const void *bytes, size_t n_bytes);

/** zg_secret_new_random() - @n_bytes from the kernel's generator; aborts if there is none. */
ZgSecret *zg_secret_new_random(size_t n_bytes);

/** zg_secret_text() - the bytes as NUL-terminated text; borrowed from @secret. */
const char *zg_secret_text(const ZgSecret *secret);

/** zg_secret_free() - wipe and free; accepts NULL. */
void zg_secret_free(ZgSecret *secret);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgSecret, zg_secret_free)

/** zg_wipe() - overwrite memory in a way the compiler keeps; accepts NULL with 0. */
void zg_wipe(void *bytes, size_t n_bytes);

/** zg_wipe_free_text() - wipe a NUL-terminated heap string and free it; accepts NULL. */
void zg_wipe_free_text(char *text);

/** zg_random_bytes() - fill from the kernel's generator; aborts if there is none. */
void zg_random_bytes(void *bytes, size_t n_bytes);

/** zg_sha256() - SHA-256 of @bytes into @out. */
void zg_sha256(const void *bytes, size_t n_bytes, uint8_t out[ZG_SHA256_BYTES]);

/** zg_sha256_hex() - SHA-256 as 64 lower-case hex digits; the caller frees. */
char *zg_sha256_hex(const void *bytes, size_t n_bytes);

/** zg_hex_encode() - lower-case hex; the caller frees (with zg_wipe_free_text() if secret). */
char *zg_hex_encode(const void *bytes, size_t n_bytes);

/** zg_hex_decode() - exactly @n_out bytes from 2*@n_out hex digits; false when it is not that. */
bool zg_hex_decode(const char *hex, uint8_t *out, size_t n_out);

/** zg_equal_constant_time() - compare without telling where they differ. */
bool zg_equal_constant_time(const void *a, const void *b, size_t n_bytes);
