/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hostd/session_channel.h"

#include <string.h>
#include <sys/socket.h>
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/fd.h"
#include "common/base/log.h"
#include "common/base/secret.h"
#include "common/net/stream.h"

#define RETRY_MS 500
#define REFUSED_RETRY_MS 5000 /* after a guest broke the protocol */
#define PING_S 10
#define SILENT_US (60 * G_USEC_PER_SEC) /* emulated guests under load answer late */
#define IDENTITY_AGAIN_US (4 * G_USEC_PER_SEC) /* a booting helper says hello twice */
#define BURST 200                       /* messages in one second; then the guest waits */

struct ZgSessionChannel {
    char *path;
    char *desktop;
    char *host_name;
    char *machine_id;
    char *seed;
    ZgSessionChannelOwner owner;
    ZgStream *stream;
    ZgSessionWire wire;
    guint retry_timer;
    guint ping_timer;
    guint burst_timer;
    unsigned n_burst;
    int64_t n_pings;
    int64_t identity_us; /* when identity was last sent */
    int64_t heard_us;    /* 0: the helper never spoke on this connection */
    bool reachable;
};

static gboolean try_connect(gpointer data);

static void
set_reachable(ZgSessionChannel *channel, bool reachable)
{
    if (channel->reachable != reachable) {
        channel->reachable = reachable;
        channel->owner.on_reachable(reachable, channel->owner.user);
    }
}

static void
drop(ZgSessionChannel *channel, unsigned retry_ms)
{
    g_clear_pointer(&channel->stream, zg_stream_free);
    zg_session_wire_clear(&channel->wire);
    g_clear_handle_id(&channel->burst_timer, g_source_remove);
    channel->heard_us = 0;
    if (channel->retry_timer == 0) {
        channel->retry_timer = g_timeout_add(retry_ms, try_connect, channel);
    }
}

bool
zg_session_channel_send(ZgSessionChannel *channel, const char *line)
{
    return channel->stream != NULL && zg_stream_write(channel->stream, line, strlen(line));
}

static void
send_identity(ZgSessionChannel *channel)
{
    g_autofree char *line = zg_session_wire_identity(&(ZgSessionIdentity){
        .host_name = channel->host_name,
        .machine_id = channel->machine_id,
        .seed = channel->seed,
    });

    channel->identity_us = zg_clock_mono_us();
    zg_session_channel_send(channel, line);
}

/* Does this hello ask for who the guest is? */
static bool
wants_identity(const ZgSessionChannel *channel, const ZgSessionMessage *message)
{
    return message->kind == ZG_SESSION_SAYS_HELLO &&
           g_strcmp0(message->identity, channel->machine_id) != 0 &&
           (channel->identity_us == 0 ||
            zg_clock_mono_us() - channel->identity_us > IDENTITY_AGAIN_US);
}

static gboolean
resume_reading(gpointer data)
{
    ZgSessionChannel *channel = data;

    channel->burst_timer = 0;
    channel->n_burst = 0;
    if (channel->stream != NULL) {
        zg_stream_set_reading(channel->stream, true);
    }
    return G_SOURCE_REMOVE;
}

/* Counts a message; a guest that talks without end is not listened to for the rest of a second. */
static void
count_message(ZgSessionChannel *channel)
{
    if (channel->burst_timer == 0) {
        channel->burst_timer = g_timeout_add_seconds(1, resume_reading, channel);
    }
    if (++channel->n_burst == BURST) {
        zg_log_warning("guest-talks-too-much", channel->desktop, "pausing its session port");
        zg_stream_set_reading(channel->stream, false);
    }
}

static void
on_message(const ZgSessionMessage *message, void *user)
{
    ZgSessionChannel *channel = user;

    count_message(channel);
    channel->heard_us = zg_clock_mono_us();
    set_reachable(channel, true);
    if (wants_identity(channel, message)) {
        send_identity(channel);
    }
    channel->owner.on_message(message, channel->owner.user);
}

static void
on_bytes(ZgStream *stream, const uint8_t *bytes, size_t n_bytes, void *user)
{
    ZgSessionChannel *channel = user;
    g_autoptr(GError) error = NULL;

    if (!zg_session_wire_feed(&channel->wire, bytes, n_bytes, on_message, channel, &error)) {
        zg_log_warning("guest-protocol", channel->desktop, "%s; connecting again later",
                       error->message);
        drop(channel, REFUSED_RETRY_MS);
    }
}

static void
on_closed(ZgStream *stream, const GError *error, void *user)
{
    ZgSessionChannel *channel = user;

    drop(channel, RETRY_MS);
}

static const ZgStreamHandlers handlers = {.on_bytes = on_bytes, .on_closed = on_closed};

static gboolean
try_connect(gpointer data)
{
    ZgSessionChannel *channel = data;
    g_autofree char *hello = zg_session_wire_hello();
    int fd = zg_unix_connect(channel->path, SOCK_STREAM, NULL);

    if (fd < 0) {
        return G_SOURCE_CONTINUE;
    }
    channel->retry_timer = 0;
    channel->stream = zg_stream_new(fd, &handlers, channel);
    zg_stream_set_queue_limit(channel->stream, (size_t)8 * ZG_SESSION_LINE_MAX_BYTES);
    zg_session_channel_send(channel, hello);
    return G_SOURCE_REMOVE;
}

static gboolean
on_ping(gpointer data)
{
    ZgSessionChannel *channel = data;
    g_autofree char *line = NULL;

    if (channel->heard_us == 0) {
        return G_SOURCE_CONTINUE; /* not booted yet; pings would only queue up */
    }
    line = zg_session_wire_ping(++channel->n_pings);
    zg_session_channel_send(channel, line);
    if (zg_clock_mono_us() - channel->heard_us > SILENT_US) {
        set_reachable(channel, false);
    }
    return G_SOURCE_CONTINUE;
}

ZgSessionChannel *
zg_session_channel_new(const char *path, const char *desktop, const ZgSessionIdentity *identity,
                       const ZgSessionChannelOwner *owner)
{
    ZgSessionChannel *channel = g_new0(ZgSessionChannel, 1);

    channel->path = g_strdup(path);
    channel->desktop = g_strdup(desktop);
    channel->host_name = g_strdup(identity->host_name);
    channel->machine_id = g_strdup(identity->machine_id);
    channel->seed = g_strdup(identity->seed);
    channel->owner = *owner;
    channel->retry_timer = g_timeout_add(RETRY_MS / 5, try_connect, channel);
    channel->ping_timer = g_timeout_add_seconds(PING_S, on_ping, channel);
    return channel;
}

void
zg_session_channel_free(ZgSessionChannel *channel)
{
    if (channel == NULL) {
        return;
    }
    g_clear_handle_id(&channel->retry_timer, g_source_remove);
    g_clear_handle_id(&channel->ping_timer, g_source_remove);
    g_clear_handle_id(&channel->burst_timer, g_source_remove);
    zg_stream_free(channel->stream);
    zg_session_wire_clear(&channel->wire);
    g_free(channel->path);
    g_free(channel->desktop);
    g_free(channel->host_name);
    g_free(channel->machine_id);
    zg_wipe_free_text(channel->seed);
    g_free(channel);
}
