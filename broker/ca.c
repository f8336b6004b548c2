/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "broker/ca.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>
#include "common/base/error.h"
#include "common/net/tls.h"

#define LIFE_DAYS 730
#define BACKDATE_S 3600 /* the other clock may be a little behind */
#define SERIAL_BITS 127

G_DEFINE_AUTOPTR_CLEANUP_FUNC(BIO, BIO_free_all)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509_REQ, X509_REQ_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BIGNUM, BN_free)

static void
set_error(GError **error, int code, const char *what)
{
    const char *detail = ERR_reason_error_string(ERR_peek_last_error());

    g_set_error(error, ZG_ERROR, code, "%s: %s", what, detail != NULL ? detail : "refused");
    ERR_clear_error();
}

static X509 *
read_certificate(const char *path, GError **error)
{
    g_autoptr(BIO) bio = BIO_new_file(path, "r");
    X509 *certificate = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

    if (certificate == NULL) {
        set_error(error, ZG_ERROR_FAILED, path);
    }
    return certificate;
}

static EVP_PKEY *
read_key(const char *path, GError **error)
{
    g_autoptr(BIO) bio = BIO_new_file(path, "r");
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;

    if (key == NULL) {
        set_error(error, ZG_ERROR_FAILED, path);
    }
    return key;
}

/* The request's public key; the request must prove that its sender has the private one. */
static EVP_PKEY *
key_of_request(const char *csr_pem, GError **error)
{
    g_autoptr(BIO) bio = BIO_new_mem_buf(csr_pem, (int)strlen(csr_pem));
    g_autoptr(X509_REQ) request = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
    g_autoptr(EVP_PKEY) key = request != NULL ? X509_REQ_get_pubkey(request) : NULL;

    if (key == NULL || X509_REQ_verify(request, key) != 1) {
        set_error(error, ZG_ERROR_INVALID, "the signing request is not valid");
        return NULL;
    }
    if (EVP_PKEY_get_security_bits(key) < 112) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "the key of the signing request is weak");
        return NULL;
    }
    return g_steal_pointer(&key);
}

static bool
add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;
    bool added;

    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    added = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return added;
}

static bool
fill(X509 *certificate, X509 *issuer, EVP_PKEY *key, const char *host)
{
    g_autofree char *names = g_strdup_printf("DNS:%s, URI:zaguan:host/%s", host, host);
    g_autoptr(BIGNUM) serial = BN_new();

    return X509_set_version(certificate, X509_VERSION_3) == 1 &&
           BN_rand(serial, SERIAL_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
           BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(certificate)) != NULL &&
           X509_gmtime_adj(X509_getm_notBefore(certificate), -BACKDATE_S) != NULL &&
           X509_time_adj_ex(X509_getm_notAfter(certificate), LIFE_DAYS, 0, NULL) != NULL &&
           X509_set_pubkey(certificate, key) == 1 &&
           X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1 &&
           X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                                      (const unsigned char *)host, -1, -1, 0) == 1 &&
           add_extension(certificate, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(certificate, issuer, NID_key_usage, "critical,digitalSignature") &&
           add_extension(certificate, issuer, NID_ext_key_usage, "clientAuth,serverAuth") &&
           add_extension(certificate, issuer, NID_subject_alt_name, names) &&
           add_extension(certificate, issuer, NID_subject_key_identifier, "hash") &&
           add_extension(certificate, issuer, NID_authority_key_identifier, "keyid");
}

static char *
to_pem(X509 *certificate)
{
    g_autoptr(BIO) bio = BIO_new(BIO_s_mem());
    char *bytes = NULL;
    long n_bytes;

    if (PEM_write_bio_X509(bio, certificate) != 1) {
        return NULL;
    }
    n_bytes = BIO_get_mem_data(bio, &bytes);
    return g_strndup(bytes, (gsize)n_bytes);
}

char *
zg_ca_sign_host(const char *ca, const char *ca_key, const char *csr_pem, const char *host,
                GError **error)
{
    g_autoptr(EVP_PKEY) key = key_of_request(csr_pem, error);
    g_autoptr(X509) issuer = key != NULL ? read_certificate(ca, error) : NULL;
    g_autoptr(EVP_PKEY) issuer_key = issuer != NULL ? read_key(ca_key, error) : NULL;
    g_autoptr(X509) certificate = X509_new();
    const EVP_MD *digest;
    g_autofree char *pem = NULL;

    if (issuer_key == NULL) {
        return NULL;
    }
    digest = EVP_PKEY_get_base_id(issuer_key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();
    if (!fill(certificate, issuer, key, host) || X509_sign(certificate, issuer_key, digest) <= 0 ||
        (pem = to_pem(certificate)) == NULL) {
        set_error(error, ZG_ERROR_FAILED, "signing the certificate");
        return NULL;
    }
    return g_steal_pointer(&pem);
}

char *
zg_ca_fingerprint(const char *ca, GError **error)
{
    g_autoptr(X509) certificate = read_certificate(ca, error);

    return certificate != NULL ? zg_tls_fingerprint(certificate) : NULL;
}
