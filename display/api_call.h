/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One JSON request to the broker's unix socket. Loop thread only. */
#pragma once

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define ZG_API_CALL_MS 15000

typedef struct ZgApiCall ZgApiCall;

/* @status: 0 when the broker did not answer; @body: an object or NULL; borrowed. Freeing the call
 * here is allowed. Called once, on the loop. */
typedef void (*ZgApiCallFunc)(int status, const json_t *body, void *user);

typedef struct {
    const char *socket;
    const char *peer;   /* sent as X-Zaguan-Peer */
    const char *method;
    const char *path;   /* below /api/v1 */
    const char *token;  /* bearer, or NULL */
    const char *body;   /* JSON text or NULL; may be secret, is not kept */
} ZgApiRequest;

/** zg_api_call_new() - send @request, read during the call; @done comes in ZG_API_CALL_MS. */
ZgApiCall *zg_api_call_new(const ZgApiRequest *request, ZgApiCallFunc done, void *user);

/** zg_api_call_free() - no further callback; accepts NULL. */
void zg_api_call_free(ZgApiCall *call);
