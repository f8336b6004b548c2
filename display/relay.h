/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One HTTP request through the broker's unix socket, both bodies streamed. Loop thread only. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "display/http_head.h"

typedef struct ZgRelay ZgRelay;

typedef struct {
    /* The head of the response, to be sent on with zg_http_write_downstream(); borrowed. */
    void (*on_head)(const ZgHttpHead *head, bool has_end, void *user);
    /* Bytes of the response's body. */
    void (*on_bytes)(const uint8_t *bytes, size_t n_bytes, void *user);
    /* The broker takes request bytes again. */
    void (*on_room)(void *user);
    /* The response is over. @whole: as its framing promised. Freeing the relay is allowed. */
    void (*on_end)(bool whole, void *user);
    /* No response came. @error: ZG_ERROR_UNAVAILABLE, _PROTOCOL. Freeing is allowed. */
    void (*on_failed)(const GError *error, void *user);
} ZgRelayHandlers;

/**
 * zg_relay_new() - connect and send the head
 * @path: of the broker's socket
 * @peer: the viewer's address
 * Return: NULL with ZG_ERROR_UNAVAILABLE when the broker is not there.
 */
ZgRelay *zg_relay_new(const char *path, const ZgHttpHead *request, const char *peer,
                      const ZgRelayHandlers *handlers, void *user, GError **error);

/** zg_relay_free() - no further callbacks; accepts NULL. */
void zg_relay_free(ZgRelay *relay);

/** zg_relay_send() - bytes of the request's body; false: stop reading until on_room. */
bool zg_relay_send(ZgRelay *relay, const uint8_t *bytes, size_t n_bytes);

/** zg_relay_set_reading() - false while the client does not take what comes. */
void zg_relay_set_reading(ZgRelay *relay, bool reading);
