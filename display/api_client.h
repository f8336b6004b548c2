/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The one request that starts in the display: a stock VNC viewer's user name and password become a
 * console ticket, through the broker's API like any client's. Loop thread only.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include "common/base/secret.h"

#define ZG_API_LOGIN_MS 300000 /* from the password to the ticket; the viewer waits */

typedef struct ZgApiLogin ZgApiLogin;

typedef struct {
    /* The password was right. Optional. */
    void (*on_signed_in)(void *user);
    /* The end: @ticket (borrowed, 64 hex digits), or NULL and @text for the person. Freeing the
     * login here is allowed. */
    void (*on_done)(const char *ticket, const char *text, void *user);
} ZgApiLoginHandlers;

/**
 * zg_api_login_new() - begin
 * @socket:   of the broker
 * @peer:     the viewer's address, for the sign-in throttle
 * @name:     user name, UTF-8
 * @password: used during the call only
 */
ZgApiLogin *zg_api_login_new(const char *socket, const char *peer, const char *name,
                             const ZgSecret *password, const ZgApiLoginHandlers *handlers,
                             void *user);

/** zg_api_login_free() - no further callbacks; the API session is signed out; accepts NULL. */
void zg_api_login_free(ZgApiLogin *login);
