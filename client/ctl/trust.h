/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Trust on first use: show whose certificate it is, and let the person decide. OpenSSL. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/** zg_trust_check_pem() - at least one certificate in @pem; @what names it in errors. */
bool zg_trust_check_pem(const char *pem, const char *what, GError **error);

/**
 * zg_trust_fingerprint() - SHA-256 of the first certificate in @pem as 64 lower-case hex digits
 * Return: the caller frees; NULL with ZG_ERROR_INVALID.
 */
char *zg_trust_fingerprint(const char *pem, GError **error);

/**
 * zg_trust_on_first_use() - certificates to trust for a server that was never met
 * @url:        https://HOST:PORT
 * @expected:   fingerprint that the person gave (colons allowed), or NULL: they are asked
 * @out_ca_pem: the authority the server presented; NULL when the system trusts it already
 * @error:      ZG_ERROR_DENIED when the person, or the fingerprint, said no
 *
 * The last certificate of the presented chain is taken as the authority.
 */
bool zg_trust_on_first_use(const char *url, const char *expected, char **out_ca_pem,
                           GError **error);
