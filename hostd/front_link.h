/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hostd's end of the front's control socket (docs/protocol/control.md). Loop thread only. */
#pragma once

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>

typedef struct ZgFrontLink ZgFrontLink;

typedef struct {
    /* The front said hello; it was asked to list what it holds. Or the socket was lost. */
    void (*on_connected)(bool connected, void *user);
    /* Any later message; @type and @message borrowed. */
    void (*on_message)(const char *type, const json_t *message, void *user);
    void *user;
} ZgFrontLinkOwner;

/** zg_front_link_new() - connect to @path for ever. @host: our name, copied */
ZgFrontLink *zg_front_link_new(const char *path, const char *host, const ZgFrontLinkOwner *owner);
void zg_front_link_free(ZgFrontLink *link);

/**
 * zg_front_link_send() - one packet
 * @message: handed over
 * @fd:      descriptor to pass (borrowed) or -1
 * Return: false when not connected. A front that does not read is cut and reached anew, which
 * replays everything.
 */
bool zg_front_link_send(ZgFrontLink *link, json_t *message, int fd);
