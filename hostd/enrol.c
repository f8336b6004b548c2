/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hostd/enrol.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>
#include "common/base/error.h"
#include "common/base/id.h"
#include "common/base/secret.h"
#include "common/net/tls.h"

bool
zg_join_token_parse(const char *text, ZgJoinToken *out, GError **error)
{
    g_autofree char *copy = g_strstrip(g_strdup(text));
    g_auto(GStrv) parts = g_strsplit(copy, ".", 4);
    uint8_t bytes[32];

    zg_wipe(copy, strlen(copy));
    if (g_strv_length(parts) != 3 || !zg_name_is_valid(parts[0]) || strlen(parts[1]) != 64 ||
        !zg_hex_decode(parts[1], bytes, sizeof bytes) || strlen(parts[2]) != 64 ||
        !zg_hex_decode(parts[2], bytes, sizeof bytes)) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID,
                    "the join token is not NAME.SECRET.FINGERPRINT");
        return false;
    }
    *out = (ZgJoinToken){.host = g_strdup(parts[0]),
                         .secret = g_strdup(parts[1]),
                         .fingerprint = g_strdup(parts[2])};
    zg_wipe(parts[1], 64);
    return true;
}

void
zg_join_token_clear(ZgJoinToken *token)
{
    g_clear_pointer(&token->host, g_free);
    g_clear_pointer(&token->secret, zg_wipe_free_text);
    g_clear_pointer(&token->fingerprint, g_free);
}

static char *
bio_text(BIO *bio)
{
    char *bytes = NULL;
    long n_bytes = BIO_get_mem_data(bio, &bytes);

    return g_strndup(bytes, (gsize)n_bytes);
}

static bool
fill_request(X509_REQ *request, EVP_PKEY *key, const char *host)
{
    g_autofree char *uri = g_strconcat("URI:zaguan:host/", host, NULL);
    X509_NAME *name = X509_REQ_get_subject_name(request);
    STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
    X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, uri);
    bool ok = san != NULL && sk_X509_EXTENSION_push(extensions, san) > 0 &&
              X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)host, -1,
                                         -1, 0) == 1 &&
              X509_REQ_set_pubkey(request, key) == 1 &&
              X509_REQ_add_extensions(request, extensions) == 1 &&
              X509_REQ_sign(request, key, EVP_sha256()) > 0;

    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    return ok;
}

bool
zg_enrol_request(const char *host, char **out_key_pem, char **out_csr_pem, GError **error)
{
    g_autoptr(EVP_PKEY) key = EVP_EC_gen("P-256");
    X509_REQ *request = X509_REQ_new();
    BIO *key_bio = BIO_new(BIO_s_secmem());
    BIO *csr_bio = BIO_new(BIO_s_mem());
    bool ok = key != NULL && request != NULL && fill_request(request, key, host) &&
              PEM_write_bio_PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL) == 1 &&
              PEM_write_bio_X509_REQ(csr_bio, request) == 1;

    if (ok) {
        *out_key_pem = bio_text(key_bio);
        *out_csr_pem = bio_text(csr_bio);
    } else {
        g_set_error(error, ZG_ERROR, ZG_ERROR_FAILED, "a key and a request could not be made");
    }
    BIO_free(key_bio);
    BIO_free(csr_bio);
    X509_REQ_free(request);
    return ok;
}
