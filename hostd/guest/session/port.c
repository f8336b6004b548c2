/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hostd/guest/session/port.h"

#include "hostd/guest/session/run.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

void
zg_port_init(ZgPort *port, const char *path)
{
    memset(port, 0, sizeof *port);
    port->path = path;
    port->fd = -1;
}

struct pollfd
zg_port_pollfd(const ZgPort *port)
{
    short events = (short)(POLLIN | (port->n_queued > 0 ? POLLOUT : 0));

    return (struct pollfd){ .fd = port->connected ? port->fd : -1, .events = events };
}

int64_t
zg_port_deadline_ms(const ZgPort *port)
{
    return port->connected ? INT64_MAX : port->retry_at_ms;
}

static void
disconnect(ZgPort *port)
{
    if (port->fd >= 0) {
        close(port->fd);
    }
    port->fd = -1;
    port->connected = false;
    port->n_queued = 0;
    memset(&port->lines, 0, sizeof port->lines);
    port->retry_at_ms = zg_now_ms() + ZG_PORT_RETRY_MS;
}

static void
flush(ZgPort *port)
{
    while (port->n_queued > 0) {
        ssize_t n = write(port->fd, port->queue, port->n_queued);

        if (n <= 0) {
            return;
        }
        memmove(port->queue, port->queue + n, port->n_queued - (size_t)n);
        port->n_queued -= (size_t)n;
    }
}

void
zg_port_send(ZgPort *port, const char *line, size_t n_line)
{
    if (port->connected && n_line > 0 && n_line <= sizeof port->queue - port->n_queued) {
        memcpy(port->queue + port->n_queued, line, n_line);
        port->n_queued += n_line;
        flush(port);
    }
}

/* Opens the port and looks whether the host's end is held by somebody. */
static void
try_connect(ZgPort *port, const ZgPortEvents *events)
{
    if (port->fd < 0) {
        port->fd = open(port->path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    }

    struct pollfd look = { .fd = port->fd, .events = POLLOUT };

    if (port->fd < 0 || poll(&look, 1, 0) < 0 || (look.revents & (POLLHUP | POLLERR | POLLNVAL))) {
        port->retry_at_ms = zg_now_ms() + ZG_PORT_RETRY_MS;
        return;
    }
    port->connected = true;
    events->connected(events->data);
}

static void
take_bytes(ZgPort *port, const char *data, size_t n_data, const ZgPortEvents *events)
{
    while (n_data > 0 && port->connected) {
        ZgGuestMessage message;
        const char *why = NULL;
        size_t n_used = 0;
        ZgGuestStep step = zg_guest_lines_next(&port->lines, data, n_data, &n_used, &message, &why);

        if (step == ZG_GUEST_STEP_MESSAGE) {
            events->message(&message, events->data);
        } else if (step == ZG_GUEST_STEP_BAD) {
            events->bad_line(why, events->data);
        }
        explicit_bzero(&message, sizeof message);
        data += n_used;
        n_data -= n_used;
    }
}

void
zg_port_work(ZgPort *port, short revents, const ZgPortEvents *events)
{
    char data[4096];

    if (!port->connected) {
        if (zg_now_ms() >= port->retry_at_ms) {
            try_connect(port, events);
        }
        return;
    }
    if (revents & POLLIN) {
        ssize_t n = read(port->fd, data, sizeof data);

        if (n > 0) {
            take_bytes(port, data, (size_t)n, events);
        } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
            disconnect(port);
            return;
        }
    } else if (revents & (POLLHUP | POLLERR | POLLNVAL)) {
        disconnect(port);
        return;
    }
    if (revents & POLLOUT) {
        flush(port);
    }
}
