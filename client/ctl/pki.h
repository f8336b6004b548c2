/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The certificates of an installation: its own authority and what that signs. OpenSSL. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/*
 * An authority with its key in memory. Certificates live 825 days, the authority ten years; keys
 * are EC P-256.
 */
typedef struct ZgPki ZgPki;

typedef enum {
    ZG_PKI_SERVER = 1 << 0, /* may accept connections */
    ZG_PKI_CLIENT = 1 << 1, /* may dial */
} ZgPkiUse;

/** zg_pki_new() - a fresh authority; @name becomes its common name. */
ZgPki *zg_pki_new(const char *name, GError **error);

/** zg_pki_free() - accepts NULL. */
void zg_pki_free(ZgPki *pki);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgPki, zg_pki_free)

/** zg_pki_save() - write the authority's certificate (0644) and key (0600). */
bool zg_pki_save(ZgPki *pki, const char *certificate_path, const char *key_path, GError **error);

/** zg_pki_fingerprint() - SHA-256 of the authority's DER as hex; the caller frees. */
char *zg_pki_fingerprint(ZgPki *pki);

/**
 * zg_pki_issue() - a new key and a certificate for it, with the authority's behind it
 * @name:             common name
 * @alternative:      subjectAltName as OpenSSL writes it: "DNS:a,IP:127.0.0.1,URI:zaguan:broker"
 * @use:              ZgPkiUse bits
 * @certificate_path: written 0644
 * @key_path:         written 0600
 */
bool zg_pki_issue(ZgPki *pki, const char *name, const char *alternative, unsigned use,
                  const char *certificate_path, const char *key_path, GError **error);

/** zg_pki_load() - the authority that zg_pki_save() wrote. */
ZgPki *zg_pki_load(const char *certificate_path, const char *key_path, GError **error);

/**
 * zg_pki_renew() - a new key and certificate in the place of an old one, for the same names and use
 * @out_renewed: false when the certificate is another authority's and was left alone
 */
bool zg_pki_renew(ZgPki *pki, const char *certificate_path, const char *key_path,
                  bool *out_renewed, GError **error);
