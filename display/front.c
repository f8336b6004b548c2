/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/front.h"

#include <glib-unix.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "common/base/config.h"
#include "common/base/error.h"
#include "common/base/fd.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/net/listener.h"
#include "common/net/tls.h"
#include "display/control.h"

/* A branch sits behind one address; a quarter of all places is plenty for one. */
#define STRANGERS_PER_ADDRESS (ZG_LIMIT_UNAUTHENTICATED_CONNECTIONS / 4)
#define TYPISTS (ZG_LIMIT_UNAUTHENTICATED_CONNECTIONS / 2)
#define TYPISTS_PER_ADDRESS (TYPISTS / 4)
#define DESCRIPTORS_WANTED 65536
#define LAST_WORDS_MS 500
#define ROOTS_UID_BASE 1900000000 /* as `zaguan init` writes it: above all that anybody hands out */

bool
zg_front_config_load(const char *path, ZgFrontConfig *out_config, GError **error)
{
    g_autoptr(ZgConfigFile) file = zg_config_load(path, error);
    g_auto(ZgFrontConfig) config = {0};
    const struct {
        const char *key;
        const char *fallback;
        char **value;
    } texts[] = {
        {"name", "front", &config.name},
        {"https-address", "0.0.0.0", &config.https_address},
        {"rfb-address", "0.0.0.0", &config.rfb_address},
        {"certificate", NULL, &config.certificate},
        {"key", NULL, &config.key},
        {"broker", NULL, &config.broker},
        {"control", NULL, &config.control},
        {"worker", "/proc/self/exe", &config.worker},
    };

    for (gsize i = 0; file != NULL && i < G_N_ELEMENTS(texts); i++) {
        if (!zg_config_take_text(file, "front", texts[i].key, texts[i].fallback, texts[i].value,
                                 error)) {
            return false;
        }
        if (*texts[i].value == NULL) {
            g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "%s: [front] %s is missing", path,
                        texts[i].key);
            return false;
        }
    }
    if (file == NULL ||
        !zg_config_take_int(file, "front", "https-port", 0, 65535, 8443, &config.https_port,
                            error) ||
        !zg_config_take_int(file, "front", "rfb-port", 0, 65535, 5900, &config.rfb_port, error) ||
        !zg_config_take_int(file, "front", "worker-uid-base", 0, 2000000000,
                            geteuid() == 0 ? ROOTS_UID_BASE : 0, &config.worker_uid_base, error) ||
        !zg_config_take_list(file, "front", "portal-origin", &config.portal_origins, error) ||
        !zg_config_finish(file, error)) {
        return false;
    }
    *out_config = config;
    memset(&config, 0, sizeof config);
    return true;
}

void
zg_front_config_clear(ZgFrontConfig *config)
{
    g_free(config->name);
    g_free(config->https_address);
    g_free(config->rfb_address);
    g_free(config->certificate);
    g_free(config->key);
    g_free(config->broker);
    g_free(config->control);
    g_strfreev(config->portal_origins);
    g_free(config->worker);
    memset(config, 0, sizeof *config);
}

static bool
load_tls(ZgFront *front, GError **error)
{
    SSL_CTX *tls = zg_tls_server_context(front->config.certificate, front->config.key, NULL,
                                         ZG_TLS_NO_CLIENT_CERTIFICATE, error);

    if (tls == NULL) {
        return false;
    }
    SSL_CTX_free(front->tls);
    front->tls = tls;
    return true;
}

static gboolean
on_reload(gpointer data)
{
    g_autoptr(GError) error = NULL;

    if (load_tls(data, &error)) {
        zg_log_info("certificate-loaded", NULL, "certificate and key were read anew");
    } else {
        zg_log_warning("certificate-kept", NULL, "ignoring the new certificate: %s",
                       error->message);
    }
    return G_SOURCE_CONTINUE;
}

static gboolean
on_stop(gpointer loop)
{
    g_main_loop_quit(loop);
    return G_SOURCE_CONTINUE;
}

static ZgListener *
listen_on(ZgFront *front, const char *what, const char *address, int64_t port,
          ZgAcceptFunc on_accept, GError **error)
{
    int fd = zg_tcp_listen(address, (uint16_t)port, error);

    if (fd < 0) {
        return NULL;
    }
    zg_log_info("listening", what, "%s on %s port %u", what, address, zg_tcp_port_of(fd));
    return zg_listener_new(fd, on_accept, front);
}

static void
raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = MIN((rlim_t)DESCRIPTORS_WANTED, limit.rlim_max);
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Lets last words leave; connections end by themselves or with the process. */
static void
say_last_words(GMainLoop *loop)
{
    g_timeout_add(LAST_WORDS_MS, on_stop, loop);
    g_main_loop_run(loop);
}

static bool
run(ZgFront *front, GError **error)
{
    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
    g_autoptr(ZgControl) control = NULL;
    g_autoptr(ZgListener) https = NULL;
    g_autoptr(ZgListener) rfb = NULL;

    if (!load_tls(front, error)) {
        return false;
    }
    https = listen_on(front, "https", front->config.https_address, front->config.https_port,
                      zg_https_accept, error);
    if (https != NULL) {
        rfb = listen_on(front, "rfb", front->config.rfb_address, front->config.rfb_port,
                        zg_rfb_accept, error);
    }
    /* Last: who can reach hostd's socket knows that the public ports are ours. */
    control = rfb == NULL ? NULL
                          : zg_control_new(front->config.control, front->config.name, error);
    if (control == NULL) {
        return false;
    }
    front->consoles = zg_consoles_new(front->config.worker, (uid_t)front->config.worker_uid_base,
                                      zg_control_report, control);
    zg_control_set_consoles(control, front->consoles);
    g_unix_signal_add(SIGTERM, on_stop, loop);
    g_unix_signal_add(SIGINT, on_stop, loop);
    g_unix_signal_add(SIGHUP, on_reload, front);
    g_main_loop_run(loop);
    g_clear_pointer(&https, zg_listener_free);
    g_clear_pointer(&rfb, zg_listener_free);
    g_clear_pointer(&front->consoles, zg_consoles_free);
    say_last_words(loop);
    return true;
}

int
zg_front_main(const char *config_path)
{
    g_autoptr(GError) error = NULL;
    ZgFront front = {0};
    bool good;

    zg_log_init("front");
    raise_descriptor_limit();
    front.strangers =
        zg_admission_new(ZG_LIMIT_UNAUTHENTICATED_CONNECTIONS, STRANGERS_PER_ADDRESS);
    front.typists = zg_admission_new(TYPISTS, TYPISTS_PER_ADDRESS);
    good = zg_front_config_load(config_path, &front.config, &error) && run(&front, &error);
    if (!good) {
        zg_log_error("front-failed", NULL, "%s", error->message);
    }
    zg_admission_free(front.strangers);
    zg_admission_free(front.typists);
    SSL_CTX_free(front.tls);
    zg_front_config_clear(&front.config);
    return good ? EXIT_SUCCESS : zg_error_exit_status(zg_error_code_of(error));
}
