/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signed-in sessions are opaque tokens; only their SHA-256 is stored. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define ZG_TOKEN_RANDOM_BYTES 32
#define ZG_TOKEN_CHARS (2 * ZG_TOKEN_RANDOM_BYTES) /* lower-case hex */

/**
 * zg_token_text() - the token that carries @random
 * Return: text the caller frees with zg_wipe_free_text().
 */
char *zg_token_text(const uint8_t random[ZG_TOKEN_RANDOM_BYTES]);

/**
 * zg_token_digest() - what is stored and looked up
 * @token: what a client sent; anything, may be NULL
 * Return: 64 hex digits the caller frees, or NULL when @token does not have a token's form.
 */
char *zg_token_digest(const char *token);

/**
 * zg_token_is_alive() - may a stored sign-in still be used?
 * @now_us, @expires_us: UTC microseconds
 * @idle_us, @seen_us:   longest time without use (0: no limit), and the last use
 */
bool zg_token_is_alive(int64_t now_us, int64_t expires_us, int64_t idle_us, int64_t seen_us,
                       bool revoked);
