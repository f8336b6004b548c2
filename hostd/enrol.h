/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a host needs to get its certificate: join token, key and request. No I/O. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct {
    char *host;
    char *secret;      /* 64 hex digits */
    char *fingerprint; /* of the CA certificate, 64 hex digits */
} ZgJoinToken;

/** zg_join_token_parse() - `NAME.SECRET.FINGERPRINT`; white space around it is fine. */
bool zg_join_token_parse(const char *text, ZgJoinToken *out, GError **error);
void zg_join_token_clear(ZgJoinToken *token);

/**
 * zg_enrol_request() - a new P-256 key and a request for `URI:zaguan:host/NAME`
 * @out_key_pem: wipe it with zg_wipe_free_text()
 */
bool zg_enrol_request(const char *host, char **out_key_pem, char **out_csr_pem, GError **error);
