/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The front: owner of the public ports. What its parts share. Loop thread only. */
#pragma once

#include <glib.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include "display/admission.h"
#include "display/consoles.h"

/* front.conf (docs/INSTALLATION.md). */
typedef struct {
    char *name;
    char *https_address;
    char *rfb_address;
    int64_t https_port;
    int64_t rfb_port;
    char *certificate;
    char *key;
    char *broker;
    char *control;
    char **portal_origins;
    char *worker;
    int64_t worker_uid_base;
} ZgFrontConfig;

/** zg_front_config_load() - false with ZG_ERROR_INVALID naming file and key. */
bool zg_front_config_load(const char *path, ZgFrontConfig *out_config, GError **error);

void zg_front_config_clear(ZgFrontConfig *config);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ZgFrontConfig, zg_front_config_clear)

typedef struct {
    ZgFrontConfig config;
    SSL_CTX *tls; /* replaced on SIGHUP; connections keep a reference to theirs */
    ZgAdmission *strangers;
    ZgAdmission *typists; /* VNC viewers behind whose TLS a person types a password */
    ZgConsoles *consoles; /* NULL while the front is stopping */
} ZgFront;

/** zg_https_accept() - a ZgAcceptFunc for the HTTPS port; @user is the ZgFront. */
void zg_https_accept(int fd, const char *peer, void *user);

/** zg_rfb_accept() - a ZgAcceptFunc for the RFB port; @user is the ZgFront. */
void zg_rfb_accept(int fd, const char *peer, void *user);

/**
 * zg_front_main() - run the front until SIGTERM or SIGINT; SIGHUP reads certificate and key anew
 * @config_path: front.conf
 * Return: exit status.
 */
int zg_front_main(const char *config_path);
