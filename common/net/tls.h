/* SPDX-License-Identifier: GPL-3.0-or-later */
/* OpenSSL contexts and what we ask certificates: minimum TLS 1.2 for people, 1.3 for links. */
#pragma once

#include <glib.h>
#include <openssl/ssl.h>
#include <stdbool.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SSL_CTX, SSL_CTX_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509, X509_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_PKEY, EVP_PKEY_free)

typedef enum {
    ZG_TLS_NO_CLIENT_CERTIFICATE,       /* people: browsers and viewers */
    ZG_TLS_CLIENT_CERTIFICATE_OPTIONAL, /* links: a host that enrols has none yet */
    ZG_TLS_CLIENT_CERTIFICATE_REQUIRED,
} ZgTlsClientCertificate;

/**
 * zg_tls_server_context() - context for accepting
 * @certificate: PEM file, leaf first and then its issuers
 * @key:         PEM file
 * @ca:          PEM file that client certificates are checked against; NULL with _NO_
 *
 * No session tickets: TigerVNC 1.12 hangs when they arrive behind the handshake, and nothing
 * here resumes. TLS 1.2 for people, 1.3 where client certificates are asked for.
 * Return: the caller owns it; NULL with an error that names the file.
 */
SSL_CTX *zg_tls_server_context(const char *certificate, const char *key, const char *ca,
                               ZgTlsClientCertificate client, GError **error);

/**
 * zg_tls_client_context() - context for dialling
 * @ca:          PEM file the server is checked against; NULL accepts any server, for enrolment
 *               only, which then compares the CA with zg_tls_peer_has_ca()
 * @certificate: our own, or NULL
 * @key:         its key, or NULL
 */
SSL_CTX *zg_tls_client_context(const char *ca, const char *certificate, const char *key,
                               GError **error);

/** zg_tls_peer_uri() - first subjectAltName URI of the verified peer, caller frees; or NULL. */
char *zg_tls_peer_uri(SSL *ssl);

/**
 * zg_tls_peer_has_ca() - is the presented chain issued by the CA with this fingerprint?
 * @sha256_hex: SHA-256 of the CA certificate's DER, 64 hex digits
 */
bool zg_tls_peer_has_ca(SSL *ssl, const char *sha256_hex);

/** zg_tls_fingerprint() - SHA-256 of the certificate's DER as hex; caller frees. */
char *zg_tls_fingerprint(X509 *certificate);

/**
 * zg_tls_days_left() - days until the first certificate of a PEM file ends; negative: it has ended
 * @error: ZG_ERROR_NOT_FOUND (no such file, or no certificate in it)
 */
bool zg_tls_days_left(const char *path, int *out_days, GError **error);
