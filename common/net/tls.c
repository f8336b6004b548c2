/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/net/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <string.h>
#include "common/base/error.h"
#include "common/base/secret.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(GENERAL_NAMES, GENERAL_NAMES_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509_STORE, X509_STORE_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509_STORE_CTX, X509_STORE_CTX_free)

static bool
refuse_file(GError **error, const char *what, const char *path)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "%s '%s' cannot be used: %s", what, path,
                reason != NULL ? reason : "unreadable");
    ERR_clear_error();
    return false;
}

static bool
load_own(SSL_CTX *context, const char *certificate, const char *key, GError **error)
{
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1) {
        return refuse_file(error, "certificate", certificate);
    }
    if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1) {
        return refuse_file(error, "private key", key);
    }
    return true;
}

static SSL_CTX *
new_context(const SSL_METHOD *method, int least_version)
{
    SSL_CTX *context = SSL_CTX_new(method);

    g_assert(context != NULL);
    /* OpenSSL's socket BIO writes without MSG_NOSIGNAL; a vanished peer must not end us. */
    signal(SIGPIPE, SIG_IGN);
    SSL_CTX_set_min_proto_version(context, least_version);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_RELEASE_BUFFERS |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    return context;
}

SSL_CTX *
zg_tls_server_context(const char *certificate, const char *key, const char *ca,
                      ZgTlsClientCertificate client, GError **error)
{
    bool people = client == ZG_TLS_NO_CLIENT_CERTIFICATE;
    g_autoptr(SSL_CTX) context =
        new_context(TLS_server_method(), people ? TLS1_2_VERSION : TLS1_3_VERSION);

    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE);
    if (!load_own(context, certificate, key, error)) {
        return NULL;
    }
    if (!people) {
        if (SSL_CTX_load_verify_file(context, ca) != 1) {
            refuse_file(error, "CA", ca);
            return NULL;
        }
        SSL_CTX_set_verify(context,
                           SSL_VERIFY_PEER | (client == ZG_TLS_CLIENT_CERTIFICATE_REQUIRED
                                                  ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT
                                                  : 0),
                           NULL);
    }
    return g_steal_pointer(&context);
}

SSL_CTX *
zg_tls_client_context(const char *ca, const char *certificate, const char *key, GError **error)
{
    g_autoptr(SSL_CTX) context = new_context(TLS_client_method(), TLS1_3_VERSION);

    if (certificate != NULL && !load_own(context, certificate, key, error)) {
        return NULL;
    }
    if (ca != NULL) {
        if (SSL_CTX_load_verify_file(context, ca) != 1) {
            refuse_file(error, "CA", ca);
            return NULL;
        }
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    }
    return g_steal_pointer(&context);
}

char *
zg_tls_peer_uri(SSL *ssl)
{
    g_autoptr(X509) peer = SSL_get1_peer_certificate(ssl);
    g_autoptr(GENERAL_NAMES) names = NULL;

    if (peer == NULL || SSL_get_verify_result(ssl) != X509_V_OK) {
        return NULL;
    }
    names = X509_get_ext_d2i(peer, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; names != NULL && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        if (name->type == GEN_URI) {
            const ASN1_IA5STRING *uri = name->d.uniformResourceIdentifier;
            int n = ASN1_STRING_length(uri);
            const char *text = (const char *)ASN1_STRING_get0_data(uri);

            /* A NUL inside would make two different names look alike. */
            return memchr(text, '\0', (size_t)n) == NULL ? g_strndup(text, (gsize)n) : NULL;
        }
    }
    return NULL;
}

char *
zg_tls_fingerprint(X509 *certificate)
{
    unsigned char *der = NULL;
    int n_der = i2d_X509(certificate, &der);
    char *hex;

    g_assert(n_der > 0);
    hex = zg_sha256_hex(der, (size_t)n_der);
    OPENSSL_free(der);
    return hex;
}

bool
zg_tls_peer_has_ca(SSL *ssl, const char *sha256_hex)
{
    STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ssl);
    g_autoptr(X509) leaf = SSL_get1_peer_certificate(ssl);

    for (int i = 0; leaf != NULL && chain != NULL && i < sk_X509_num(chain); i++) {
        X509 *candidate = sk_X509_value(chain, i);
        g_autofree char *fingerprint = zg_tls_fingerprint(candidate);

        if (g_strcmp0(fingerprint, sha256_hex) == 0) {
            g_autoptr(X509_STORE) store = X509_STORE_new();
            g_autoptr(X509_STORE_CTX) check = X509_STORE_CTX_new();

            X509_STORE_add_cert(store, candidate);
            X509_STORE_CTX_init(check, store, leaf, chain);
            return X509_verify_cert(check) == 1;
        }
    }
    return false;
}

bool
zg_tls_days_left(const char *path, int *out_days, GError **error)
{
    BIO *bio = BIO_new_file(path, "r");
    g_autoptr(X509) certificate = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    int days = 0;
    int seconds = 0;

    BIO_free(bio);
    if (certificate == NULL ||
        ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(certificate)) != 1) {
        ERR_clear_error();
        g_set_error(error, ZG_ERROR, ZG_ERROR_NOT_FOUND, "'%s' has no certificate to read", path);
        return false;
    }
    *out_days = seconds < 0 ? days - 1 : days;
    return true;
}
