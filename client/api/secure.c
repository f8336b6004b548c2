/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/api/secure.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <sys/time.h>
#include "common/base/error.h"
#include "common/base/fd.h"
#include "common/net/tls.h"

#define CONNECT_TIMEOUT_S 5

bool
zg_secure_split(const char *url, char **out_host, unsigned *out_port, GError **error)
{
    g_autoptr(GUri) uri = g_uri_parse(url, G_URI_FLAGS_NONE, NULL);
    const char *host = uri ? g_uri_get_host(uri) : NULL;
    int port = uri ? g_uri_get_port(uri) : -1;

    if (uri == NULL || !g_str_equal(g_uri_get_scheme(uri), "https") || host == NULL ||
        host[0] == '\0' || port == 0) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID,
                    "address '%s': must be https://HOST or https://HOST:PORT", url);
        return false;
    }
    *out_host = g_strdup(host);
    *out_port = port > 0 ? (unsigned)port : 443;
    return true;
}

int
zg_secure_connect(const char *url, GError **error)
{
    g_autofree char *host = NULL;
    unsigned port = 0;
    g_autoptr(GSocketClient) dialler = g_socket_client_new();
    g_autoptr(GSocketConnection) connection = NULL;
    g_autoptr(GError) cause = NULL;
    int fd;

    if (!zg_secure_split(url, &host, &port, error)) {
        return -1;
    }
    g_socket_client_set_timeout(dialler, CONNECT_TIMEOUT_S);
    g_socket_client_set_enable_proxy(dialler, FALSE);
    connection = g_socket_client_connect_to_host(dialler, host, (guint16)port, NULL, &cause);
    if (connection == NULL) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_UNAVAILABLE, "%s: %s", url, cause->message);
        return -1;
    }
    fd = fcntl(g_socket_get_fd(g_socket_connection_get_socket(connection)), F_DUPFD_CLOEXEC, 3);
    if (fd < 0) {
        zg_set_errno(error, errno, "keep the connection to %s", url);
    }
    return fd;
}

static bool
trust_pem(SSL_CTX *context, const char *ca_pem, GError **error)
{
    BIO *bio = BIO_new_mem_buf(ca_pem, -1);
    X509_STORE *store = SSL_CTX_get_cert_store(context);
    int n_certificates = 0;

    for (;;) {
        g_autoptr(X509) certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);

        if (certificate == NULL) {
            break;
        }
        X509_STORE_add_cert(store, certificate);
        n_certificates++;
    }
    BIO_free(bio);
    ERR_clear_error();
    if (n_certificates == 0) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "no certificate to trust the server by");
    }
    return n_certificates > 0;
}

/* The name or address that the server's certificate must carry. */
static void
expect_name(SSL_CTX *context, const char *host)
{
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(context);

    if (g_hostname_is_ip_address(host)) {
        X509_VERIFY_PARAM_set1_ip_asc(param, host);
    } else {
        X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        X509_VERIFY_PARAM_set1_host(param, host, 0);
    }
}

SSL_CTX *
zg_secure_context(const char *url, const char *ca_pem, GError **error)
{
    g_autofree char *host = NULL;
    unsigned port = 0;
    g_autoptr(SSL_CTX) context = SSL_CTX_new(TLS_client_method());

    if (!zg_secure_split(url, &host, &port, error)) {
        return NULL;
    }
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    /* Reads and writes meet partial records and moving buffers on a non-blocking socket. */
    SSL_CTX_set_mode(context,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    expect_name(context, host);
    if (ca_pem == NULL) {
        SSL_CTX_set_default_verify_paths(context);
    } else if (!trust_pem(context, ca_pem, error)) {
        return NULL;
    }
    return g_steal_pointer(&context);
}

SSL *
zg_secure_look(const char *url, GError **error)
{
    g_autoptr(SSL_CTX) context = zg_secure_context(url, NULL, error);
    g_auto(ZgFd) fd = context ? zg_secure_connect(url, error) : -1;
    struct timeval patience = {.tv_sec = CONNECT_TIMEOUT_S};
    g_autoptr(SSL) ssl = NULL;

    if (fd < 0) {
        return NULL;
    }
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    ssl = SSL_new(context);
    SSL_set_fd(ssl, fd);
    if (SSL_connect(ssl) != 1) {
        ERR_clear_error();
        g_set_error(error, ZG_ERROR, ZG_ERROR_UNAVAILABLE, "%s: no TLS there", url);
        return NULL;
    }
    return g_steal_pointer(&ssl);
}
