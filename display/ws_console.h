/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A WebSocket console until its ticket was accepted (docs/protocol/console.md). Loop thread. */
#pragma once

#include "common/net/stream.h"
#include "display/front.h"

/**
 * zg_ws_console_start() - the handshake was answered: wait for the first message
 * @stream: handed over
 * @peer:   address; counted among the strangers by the caller already
 * @rest:   bytes behind the request's head
 */
void zg_ws_console_start(ZgFront *front, ZgStream *stream, const char *peer, const uint8_t *rest,
                         size_t n_rest);
