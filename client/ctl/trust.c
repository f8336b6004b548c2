/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/ctl/trust.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <string.h>
#include "client/api/secure.h"
#include "client/ctl/files.h"
#include "common/base/error.h"
#include "common/net/tls.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(BIO, BIO_free_all)

static X509 *
first_certificate(const char *pem)
{
    g_autoptr(BIO) bio = BIO_new_mem_buf(pem, -1);

    return PEM_read_bio_X509(bio, NULL, NULL, NULL);
}

bool
zg_trust_check_pem(const char *pem, const char *what, GError **error)
{
    g_autoptr(X509) certificate = first_certificate(pem);

    if (certificate == NULL) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "'%s' holds no PEM certificate", what);
    }
    return certificate != NULL;
}

char *
zg_trust_fingerprint(const char *pem, GError **error)
{
    g_autoptr(X509) certificate = first_certificate(pem);

    if (certificate == NULL) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "not a PEM certificate");
        return NULL;
    }
    return zg_tls_fingerprint(certificate);
}

static char *
to_pem(X509 *certificate)
{
    g_autoptr(BIO) bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    long n;

    PEM_write_bio_X509(bio, certificate);
    n = BIO_get_mem_data(bio, &text);
    return g_strndup(text, (gsize)n);
}

/* "AA:bb" and "aabb" are the same fingerprint. */
static bool
same_fingerprint(const char *typed, const char *actual)
{
    g_autoptr(GString) plain = g_string_new(NULL);

    for (; *typed != '\0'; typed++) {
        if (*typed != ':' && *typed != ' ') {
            g_string_append_c(plain, g_ascii_tolower(*typed));
        }
    }
    return g_str_equal(plain->str, actual);
}

static bool
person_agrees(const char *url, X509 *authority, const char *fingerprint)
{
    g_autoptr(BIO) bio = BIO_new(BIO_s_mem());
    g_autofree char *question = NULL;
    char *name = NULL;
    long n;

    X509_NAME_print_ex(bio, X509_get_subject_name(authority), 0, XN_FLAG_ONELINE);
    n = BIO_get_mem_data(bio, &name);
    question = g_strdup_printf("%s is unknown. Its authority is '%.*s',\n"
                               "SHA-256 %s\nIs that what `zaguan init` printed?",
                               url, (int)n, name, fingerprint);
    return zg_confirm(question);
}

bool
zg_trust_on_first_use(const char *url, const char *expected, char **out_ca_pem, GError **error)
{
    g_autoptr(SSL) ssl = zg_secure_look(url, error);
    STACK_OF(X509) * chain;
    X509 *authority;
    g_autofree char *fingerprint = NULL;

    if (ssl == NULL) {
        return false;
    }
    if (expected == NULL && SSL_get_verify_result(ssl) == X509_V_OK) {
        *out_ca_pem = NULL;
        return true;
    }
    chain = SSL_get_peer_cert_chain(ssl);
    if (chain == NULL || sk_X509_num(chain) == 0) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_PROTOCOL, "%s presents no certificate", url);
        return false;
    }
    authority = sk_X509_value(chain, sk_X509_num(chain) - 1);
    fingerprint = zg_tls_fingerprint(authority);
    if (expected != NULL && !same_fingerprint(expected, fingerprint)) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_DENIED,
                    "%s presents another authority: its SHA-256 is %s", url, fingerprint);
        return false;
    }
    if (expected == NULL && !person_agrees(url, authority, fingerprint)) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_DENIED,
                    "%s is not trusted\nhint: give --ca DIR/ca/ca.pem, or --fingerprint HEX as "
                    "`zaguan init` printed it", url);
        return false;
    }
    *out_ca_pem = to_pem(authority);
    return true;
}
