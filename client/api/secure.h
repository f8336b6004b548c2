/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A server by its address: connected socket, TLS settings that check its name. */
#pragma once

#include <glib.h>
#include <openssl/ssl.h>
#include <stdbool.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SSL, SSL_free)

/**
 * zg_secure_split() - host and port of "https://HOST[:PORT]" (IPv6 in brackets)
 * @out_host: the caller frees; without brackets
 * @out_port: 1..65535, 443 when absent
 */
bool zg_secure_split(const char *url, char **out_host, unsigned *out_port, GError **error);

/** zg_secure_connect() - TCP connection to the server of @url within 5 s; blocks. -1 on failure. */
int zg_secure_connect(const char *url, GError **error);

/**
 * zg_secure_context() - TLS ≥ 1.2 for @url: its certificate must carry its name or address
 * @ca_pem: certificates trusted, and no others; NULL: the system's
 */
SSL_CTX *zg_secure_context(const char *url, const char *ca_pem, GError **error);

/**
 * zg_secure_look() - shake hands without trusting, to see what the server presents
 * Blocks for at most 10 s; nothing is sent beyond the handshake. SSL_get_verify_result() tells
 * whether the system trusts the server for this name.
 */
SSL *zg_secure_look(const char *url, GError **error);
