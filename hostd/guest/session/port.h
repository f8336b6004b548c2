/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "hostd/guest/session/session_lines.h"

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The virtio port to hostd. The kernel reports "nobody listens on the host" as a hang-up that
 * stays, so a port in that state is looked at a few times a second instead of being polled.
 */

enum { ZG_PORT_QUEUE_MAX = 16384, ZG_PORT_RETRY_MS = 250 };

typedef struct {
    const char *path;
    int fd;         /* -1: not open */
    bool connected; /* somebody is at the host's end */
    int64_t retry_at_ms;
    ZgGuestLines lines;
    char queue[ZG_PORT_QUEUE_MAX]; /* waits for the host to read; a line that does not fit is
                                      dropped */
    size_t n_queued;
} ZgPort;

typedef struct {
    void (*connected)(void *data);
    void (*message)(const ZgGuestMessage *message, void *data);
    void (*bad_line)(const char *why, void *data);
    void *data;
} ZgPortEvents;

void zg_port_init(ZgPort *port, const char *path);

/* What poll() should watch; .fd is -1 while nobody is connected. */
struct pollfd zg_port_pollfd(const ZgPort *port);

/* When the port wants zg_port_work() called without an event; INT64_MAX for never. */
int64_t zg_port_deadline_ms(const ZgPort *port);

/* Does what @revents and the clock ask for, and calls back. */
void zg_port_work(ZgPort *port, short revents, const ZgPortEvents *events);

/* Sends one line made by zg_guest_format_*(); quietly drops it when nobody is connected. */
void zg_port_send(ZgPort *port, const char *line, size_t n_line);
