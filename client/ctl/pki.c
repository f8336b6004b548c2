/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/ctl/pki.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include "client/ctl/files.h"
#include "common/base/error.h"
#include "common/base/secret.h"
#include "common/net/tls.h"

#define AUTHORITY_DAYS 3650
#define CERTIFICATE_DAYS 825
#define BACKDATE_S (-300) /* the other machine's clock may be a little behind */

struct ZgPki {
    EVP_PKEY *key;
    X509 *certificate;
};

static bool
fail(GError **error, const char *what)
{
    unsigned long code = ERR_get_error();

    g_set_error(error, ZG_ERROR, ZG_ERROR_FAILED, "%s: %s", what,
                code ? ERR_reason_error_string(code) : "failed");
    ERR_clear_error();
    return false;
}

static bool
add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;
    bool ok;

    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    ok = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return ok;
}

/* A certificate without extensions and signature. */
static X509 *
draft(const char *name, EVP_PKEY *key, const X509_NAME *issuer, int days)
{
    g_autoptr(X509) certificate = X509_new();
    X509_NAME *subject = X509_get_subject_name(certificate);
    unsigned char serial[16];
    BIGNUM *number = NULL;

    RAND_bytes(serial, sizeof serial);
    serial[0] = (serial[0] & 0x7f) | 0x40; /* positive, and always 16 bytes */
    number = BN_bin2bn(serial, sizeof serial, NULL);
    BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
    BN_free(number);
    X509_set_version(certificate, X509_VERSION_3);
    X509_gmtime_adj(X509_getm_notBefore(certificate), BACKDATE_S);
    X509_time_adj_ex(X509_getm_notAfter(certificate), days, 0, NULL);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1,
                               0);
    X509_set_issuer_name(certificate, issuer ? issuer : subject);
    return X509_set_pubkey(certificate, key) == 1 ? g_steal_pointer(&certificate) : NULL;
}

ZgPki *
zg_pki_new(const char *name, GError **error)
{
    g_autoptr(ZgPki) pki = g_new0(ZgPki, 1);

    pki->key = EVP_EC_gen("P-256");
    pki->certificate = pki->key ? draft(name, pki->key, NULL, AUTHORITY_DAYS) : NULL;
    if (pki->certificate == NULL ||
        !add_extension(pki->certificate, pki->certificate, NID_basic_constraints,
                       "critical,CA:TRUE,pathlen:0") ||
        !add_extension(pki->certificate, pki->certificate, NID_key_usage,
                       "critical,keyCertSign,cRLSign") ||
        !add_extension(pki->certificate, pki->certificate, NID_subject_key_identifier, "hash") ||
        X509_sign(pki->certificate, pki->key, EVP_sha256()) == 0) {
        fail(error, "make the authority");
        return NULL;
    }
    return g_steal_pointer(&pki);
}

void
zg_pki_free(ZgPki *pki)
{
    if (pki != NULL) {
        X509_free(pki->certificate);
        EVP_PKEY_free(pki->key);
        g_free(pki);
    }
}

static bool
write_bio(BIO *bio, const char *path, mode_t mode, GError **error)
{
    char *text = NULL;
    long n = BIO_get_mem_data(bio, &text);

    return zg_file_write(path, text, (size_t)n, mode, error);
}

static bool
save_key(EVP_PKEY *key, const char *path, GError **error)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    bool ok = PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1
                  ? write_bio(bio, path, 0600, error)
                  : fail(error, path);

    BIO_free(bio);
    return ok;
}

/* @second may be NULL. */
static bool
save_certificates(X509 *first, X509 *second, const char *path, GError **error)
{
    BIO *bio = BIO_new(BIO_s_mem());
    bool ok = PEM_write_bio_X509(bio, first) == 1 &&
              (second == NULL || PEM_write_bio_X509(bio, second) == 1);

    ok = ok ? write_bio(bio, path, 0644, error) : fail(error, path);
    BIO_free(bio);
    return ok;
}

bool
zg_pki_save(ZgPki *pki, const char *certificate_path, const char *key_path, GError **error)
{
    return save_key(pki->key, key_path, error) &&
           save_certificates(pki->certificate, NULL, certificate_path, error);
}

char *
zg_pki_fingerprint(ZgPki *pki)
{
    return zg_tls_fingerprint(pki->certificate);
}

static const char *
extended_use(unsigned use)
{
    if ((use & ZG_PKI_SERVER) != 0 && (use & ZG_PKI_CLIENT) != 0) {
        return "serverAuth,clientAuth";
    }
    return (use & ZG_PKI_SERVER) != 0 ? "serverAuth" : "clientAuth";
}

bool
zg_pki_issue(ZgPki *pki, const char *name, const char *alternative, unsigned use,
             const char *certificate_path, const char *key_path, GError **error)
{
    g_autoptr(EVP_PKEY) key = EVP_EC_gen("P-256");
    g_autoptr(X509) certificate =
        key ? draft(name, key, X509_get_subject_name(pki->certificate), CERTIFICATE_DAYS) : NULL;

    if (certificate == NULL ||
        !add_extension(certificate, pki->certificate, NID_basic_constraints,
                       "critical,CA:FALSE") ||
        !add_extension(certificate, pki->certificate, NID_key_usage,
                       "critical,digitalSignature") ||
        !add_extension(certificate, pki->certificate, NID_ext_key_usage, extended_use(use)) ||
        !add_extension(certificate, pki->certificate, NID_subject_key_identifier, "hash") ||
        !add_extension(certificate, pki->certificate, NID_authority_key_identifier, "keyid") ||
        !add_extension(certificate, pki->certificate, NID_subject_alt_name, alternative) ||
        X509_sign(certificate, pki->key, EVP_sha256()) == 0) {
        return fail(error, name);
    }
    return save_key(key, key_path, error) &&
           save_certificates(certificate, pki->certificate, certificate_path, error);
}

static X509 *
load_certificate(const char *path, GError **error)
{
    BIO *bio = BIO_new_file(path, "r");
    X509 *certificate = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

    BIO_free(bio);
    if (certificate == NULL) {
        fail(error, path);
    }
    return certificate;
}

ZgPki *
zg_pki_load(const char *certificate_path, const char *key_path, GError **error)
{
    g_autoptr(ZgPki) pki = g_new0(ZgPki, 1);
    BIO *bio = NULL;

    pki->certificate = load_certificate(certificate_path, error);
    if (pki->certificate == NULL) {
        return NULL;
    }
    bio = BIO_new_file(key_path, "r");
    pki->key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    if (pki->key == NULL || X509_check_private_key(pki->certificate, pki->key) != 1) {
        fail(error, key_path);
        return NULL;
    }
    return g_steal_pointer(&pki);
}

/* Names and uses; what depends on a key is made anew. */
static bool
copy_extensions(X509 *to, const X509 *from)
{
    for (int i = 0; i < X509_get_ext_count(from); i++) {
        X509_EXTENSION *extension = X509_get_ext(from, i);
        int nid = OBJ_obj2nid(X509_EXTENSION_get_object(extension));

        if (nid != NID_subject_key_identifier && nid != NID_authority_key_identifier &&
            X509_add_ext(to, extension, -1) != 1) {
            return false;
        }
    }
    return true;
}

bool
zg_pki_renew(ZgPki *pki, const char *certificate_path, const char *key_path, bool *out_renewed,
             GError **error)
{
    g_autoptr(X509) old = load_certificate(certificate_path, error);
    g_autoptr(EVP_PKEY) key = NULL;
    g_autoptr(X509) fresh = NULL;

    if (old == NULL) {
        return false;
    }
    *out_renewed = X509_check_issued(pki->certificate, old) == X509_V_OK;
    if (!*out_renewed) {
        return true;
    }
    key = EVP_EC_gen("P-256");
    fresh = key ? draft("", key, X509_get_subject_name(pki->certificate), CERTIFICATE_DAYS) : NULL;
    if (fresh == NULL || X509_set_subject_name(fresh, X509_get_subject_name(old)) != 1 ||
        !copy_extensions(fresh, old) ||
        !add_extension(fresh, pki->certificate, NID_subject_key_identifier, "hash") ||
        !add_extension(fresh, pki->certificate, NID_authority_key_identifier, "keyid") ||
        X509_sign(fresh, pki->key, EVP_sha256()) == 0) {
        return fail(error, certificate_path);
    }
    return save_key(key, key_path, error) &&
           save_certificates(fresh, pki->certificate, certificate_path, error);
}
