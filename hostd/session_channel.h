/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One guest's session port: connects the virtio unix socket, keeps it connected, gives identity,
 * asks for life signs. Loop thread only.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include "hostd/session_wire.h"

typedef struct ZgSessionChannel ZgSessionChannel;

typedef struct {
    /* Any message; the channel has done its own part already. */
    void (*on_message)(const ZgSessionMessage *message, void *user);
    /* The helper stopped answering, or answers again. */
    void (*on_reachable)(bool reachable, void *user);
    void *user;
} ZgSessionChannelOwner;

/**
 * zg_session_channel_new() - begin to connect, for ever
 * @path:     unix socket that QEMU listens on
 * @identity: copied; sent when the helper says that it has none
 */
ZgSessionChannel *zg_session_channel_new(const char *path, const char *desktop,
                                         const ZgSessionIdentity *identity,
                                         const ZgSessionChannelOwner *owner);

/** zg_session_channel_free() - accepts NULL; not from inside its own callbacks. */
void zg_session_channel_free(ZgSessionChannel *channel);

/** zg_session_channel_send() - false when the port is not connected or its queue is full. */
bool zg_session_channel_send(ZgSessionChannel *channel, const char *line);
