/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hostd/link.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/secret.h"
#include "common/net/channel.h"
#include "common/net/dial.h"
#include "common/net/tls.h"
#include "common/proto/agent.h"
#include "common/proto/json.h"
#include "hostd/enrol.h"

#define BROKER_URI "zaguan:broker"
#define GREETING_LIMIT_MS 10000
#define HEARTBEAT_FALLBACK_MS 5000
#define HEARTBEATS_MISSED 3
#define MAX_PEM_BYTES 65536

typedef enum {
    STATE_IDLE,     /* dialling */
    STATE_GREETING, /* TLS, hello sent or to be sent */
    STATE_ENROLLING,
    STATE_UP,
} LinkState;

struct ZgLink {
    ZgLinkOptions options;
    ZgLinkOwner owner;
    ZgDial *dial;
    ZgChannel *channel;
    LinkState state;
    ZgJoinToken token;
    char *key_pem; /* while enrolling */
    guint timer;   /* limit of the greeting, or heartbeat */
    int64_t heartbeat_ms;
    int64_t heard_us;
    int64_t n_pings;
};

static void
drop(ZgLink *link, const char *why)
{
    bool was_up = link->state == STATE_UP;

    g_clear_handle_id(&link->timer, g_source_remove);
    g_clear_pointer(&link->channel, zg_channel_free);
    g_clear_pointer(&link->key_pem, zg_wipe_free_text);
    zg_join_token_clear(&link->token);
    link->state = STATE_IDLE;
    if (why != NULL) {
        zg_log_warning(was_up ? "broker-lost" : "broker-refused", NULL,
                       "desktops run on, dialling again: %s", why);
    }
    if (was_up) {
        link->owner.on_lost(link->owner.user);
    }
    zg_dial_again(link->dial);
}

static gboolean
on_greeting_late(gpointer data)
{
    ZgLink *link = data;

    link->timer = 0;
    drop(link, "the broker did not welcome us in time");
    return G_SOURCE_REMOVE;
}

static gboolean
on_heartbeat(gpointer data)
{
    ZgLink *link = data;
    int64_t silent_us = zg_clock_mono_us() - link->heard_us;

    if (silent_us > HEARTBEATS_MISSED * link->heartbeat_ms * 1000) {
        link->timer = 0;
        drop(link, "the broker is silent");
        return G_SOURCE_REMOVE;
    }
    zg_link_send(link,
                 json_pack("{s:s, s:I}", "type", "ping", "n", (json_int_t)++link->n_pings));
    return link->state == STATE_UP ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

bool
zg_link_send(ZgLink *link, json_t *message)
{
    if (link->state != STATE_UP) {
        json_decref(message);
        return false;
    }
    /* A broker that does not read is noticed by its silence; the heartbeat drops it. */
    return zg_channel_send(link->channel, message);
}

static void
on_welcome(ZgLink *link, const json_t *message)
{
    ZgJsonReader reader;
    int64_t version = 0;
    int64_t epoch = 0;
    int64_t heartbeat_ms = HEARTBEAT_FALLBACK_MS;
    g_autoptr(GError) error = NULL;

    zg_json_reader_init(&reader, message, "welcome");
    zg_json_take_int(&reader, "version", ZG_JSON_REQUIRED, ZG_AGENT_VERSION, ZG_AGENT_VERSION,
                     &version);
    zg_json_take_int(&reader, "epoch", ZG_JSON_REQUIRED, 1, INT64_MAX, &epoch);
    zg_json_take_int(&reader, "heartbeat_ms", ZG_JSON_OPTIONAL, 500, 60000, &heartbeat_ms);
    if (!zg_json_reader_finish(&reader, ZG_JSON_SKIP_UNKNOWN, NULL, &error)) {
        drop(link, error->message);
        return;
    }
    g_clear_handle_id(&link->timer, g_source_remove);
    link->state = STATE_UP;
    link->heartbeat_ms = heartbeat_ms;
    link->timer = g_timeout_add((guint)heartbeat_ms, on_heartbeat, link);
    zg_log_info("broker-connected", NULL, "welcome, epoch %" G_GINT64_FORMAT, epoch);
    link->owner.on_welcome(epoch, link->owner.user);
}

/* ---- enrolment ---- */

static bool
write_file(const char *path, const char *text, int mode, GError **error)
{
    return g_file_set_contents_full(path, text, -1,
                                    G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE,
                                    mode, error);
}

static void
on_enrolled(ZgLink *link, const json_t *message)
{
    ZgJsonReader reader;
    const char *certificate = NULL;
    const char *ca = NULL;
    g_autoptr(GError) error = NULL;

    zg_json_reader_init(&reader, message, "enrolled");
    zg_json_take_long_text(&reader, "certificate", ZG_JSON_REQUIRED, 1, MAX_PEM_BYTES,
                           &certificate);
    zg_json_take_long_text(&reader, "ca", ZG_JSON_REQUIRED, 1, MAX_PEM_BYTES, &ca);
    /* The certificate last: its presence means that all three are there. */
    if (!zg_json_reader_finish(&reader, ZG_JSON_SKIP_UNKNOWN, NULL, &error) ||
        !write_file(link->options.key, link->key_pem, 0600, &error) ||
        !write_file(link->options.ca, ca, 0644, &error) ||
        !write_file(link->options.certificate, certificate, 0644, &error)) {
        drop(link, error->message);
        return;
    }
    unlink(link->options.join_token_file); /* used up; best effort */
    zg_log_info("enrolled", link->options.host, "this host has its certificate");
    drop(link, NULL);
}

static void
send_enrol(ZgLink *link)
{
    SSL *ssl = zg_stream_ssl(zg_channel_stream(link->channel));
    g_autofree char *csr = NULL;
    g_autoptr(GError) error = NULL;

    if (!zg_tls_peer_has_ca(ssl, link->token.fingerprint)) {
        drop(link, "the broker's certificate is not of the CA that the join token names");
        return;
    }
    if (!zg_enrol_request(link->options.host, &link->key_pem, &csr, &error)) {
        drop(link, error->message);
        return;
    }
    zg_channel_send(link->channel,
                    json_pack("{s:s, s:i, s:s, s:s, s:s}", "type", "enrol", "version",
                              ZG_AGENT_VERSION, "token_secret", link->token.secret, "host",
                              link->options.host, "csr", csr));
}

static bool
load_token(ZgLink *link, GError **error)
{
    g_autofree char *text = NULL;
    bool ok;

    if (link->options.join_token_file == NULL) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_NOT_FOUND,
                    "there is neither '%s' nor a join token; make one with 'zaguan host token %s'",
                    link->options.certificate, link->options.host);
        return false;
    }
    if (!g_file_get_contents(link->options.join_token_file, &text, NULL, error)) {
        return false;
    }
    ok = zg_join_token_parse(text, &link->token, error);
    zg_wipe(text, strlen(text));
    if (ok && !g_str_equal(link->token.host, link->options.host)) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "the join token is for host '%s'",
                    link->token.host);
        return false;
    }
    return ok;
}

/* ---- the channel ---- */

static void
on_error_message(ZgLink *link, const json_t *message)
{
    const char *text = json_string_value(json_object_get(message, "message"));
    g_autofree char *why = g_strconcat("the broker says: ", text != NULL ? text : "", NULL);

    drop(link, why);
}

static void
on_message(ZgChannel *channel, const char *type, const json_t *message, void *user)
{
    ZgLink *link = user;

    link->heard_us = zg_clock_mono_us();
    if (g_str_equal(type, "error")) {
        on_error_message(link, message);
    } else if (link->state == STATE_ENROLLING) {
        if (g_str_equal(type, "enrolled") && link->key_pem != NULL) {
            on_enrolled(link, message);
        }
    } else if (link->state == STATE_GREETING) {
        if (g_str_equal(type, "welcome")) {
            on_welcome(link, message);
        } else {
            drop(link, "its first message is no welcome");
        }
    } else if (!g_str_equal(type, "pong")) {
        link->owner.on_message(type, message, link->owner.user);
    }
}

static void
on_closed(ZgChannel *channel, const GError *error, void *user)
{
    drop(user, error != NULL ? error->message : "it closed");
}

static void
on_secured(ZgChannel *channel, void *user)
{
    ZgLink *link = user;

    link->heard_us = zg_clock_mono_us();
    if (link->state == STATE_ENROLLING) {
        send_enrol(link);
    } else {
        zg_channel_send(channel, link->owner.make_hello(link->owner.user));
    }
}

static const ZgChannelHandlers handlers = {
    .on_message = on_message, .on_closed = on_closed, .on_secured = on_secured};
static const ZgStreamHandlers no_handlers = {0};

static void
on_connected(int fd, void *user)
{
    ZgLink *link = user;
    bool known = access(link->options.certificate, F_OK) == 0;
    g_autoptr(GError) error = NULL;
    g_autoptr(SSL_CTX) context = NULL;
    ZgStream *stream = zg_stream_new(fd, &no_handlers, NULL);

    link->channel = zg_channel_new(stream, &handlers, link);
    link->state = known ? STATE_GREETING : STATE_ENROLLING;
    if (known || load_token(link, &error)) {
        context = known ? zg_tls_client_context(link->options.ca, link->options.certificate,
                                                link->options.key, &error)
                        : zg_tls_client_context(NULL, NULL, NULL, &error);
    }
    if (context == NULL) {
        drop(link, error->message);
        return;
    }
    link->timer = g_timeout_add(GREETING_LIMIT_MS, on_greeting_late, link);
    zg_stream_start_tls(stream, context, ZG_STREAM_CLIENT, known ? BROKER_URI : NULL);
}

ZgLink *
zg_link_new(const ZgLinkOptions *options, const ZgLinkOwner *owner, GError **error)
{
    ZgLink *link = g_new0(ZgLink, 1);

    link->options = *options;
    link->owner = *owner;
    link->dial = zg_dial_new(options->address, on_connected, link, error);
    if (link->dial == NULL) {
        zg_link_free(link);
        return NULL;
    }
    return link;
}

void
zg_link_free(ZgLink *link)
{
    if (link == NULL) {
        return;
    }
    g_clear_handle_id(&link->timer, g_source_remove);
    zg_channel_free(link->channel);
    zg_dial_free(link->dial);
    zg_join_token_clear(&link->token);
    g_clear_pointer(&link->key_pem, zg_wipe_free_text);
    g_free(link);
}
