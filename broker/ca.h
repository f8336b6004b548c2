/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The installation's certificate authority: signs the certificates of joining hosts. */
#pragma once

#include <glib.h>

/**
 * zg_ca_sign_host() - a certificate for the key of a signing request
 * @ca, @ca_key: PEM files
 * @csr_pem: the request; only its public key is taken over, after its signature was checked
 * @host:    valid name; becomes CN, DNS name and `URI:zaguan:host/HOST`
 * Return: PEM text the caller frees; NULL with ZG_ERROR_INVALID (request) or ZG_ERROR_FAILED.
 * Any thread.
 */
char *zg_ca_sign_host(const char *ca, const char *ca_key, const char *csr_pem, const char *host,
                      GError **error);

/** zg_ca_fingerprint() - SHA-256 of the CA certificate's DER as hex; the caller frees. */
char *zg_ca_fingerprint(const char *ca, GError **error);
