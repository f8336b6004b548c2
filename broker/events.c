/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Live changes as server-sent events. A stream has a bounded queue (a reader too slow is cut and
 * resumes with Last-Event-ID), a comment every 15 s, and ends when its sign-in does.
 */
#include "broker/api.h"

#include <stdlib.h>
#include <string.h>
#include "common/base/error.h"

#define HEARTBEAT_S 15

typedef struct {
    ZgApi *api;
    ZgApiCall *call; /* keeps the request and who it is */
    ZgSubscription *subscription;
    guint heartbeat;
    int refs; /* the open stream, and a check under way */
    bool over;
} Stream;

static void
stream_unref(Stream *stream)
{
    if (--stream->refs == 0) {
        zg_api_call_free(stream->call);
        g_free(stream);
    }
}

static void
on_closed(ZgHttpRequest *request, void *data)
{
    Stream *stream = data;

    (void)request;
    if (stream->over) {
        return;
    }
    stream->over = true;
    g_clear_handle_id(&stream->heartbeat, g_source_remove);
    g_clear_pointer(&stream->subscription, zg_subscription_free);
    g_hash_table_remove(stream->api->streams, stream);
    stream_unref(stream);
}

/* The resource in the person's language, where it says something to a person. */
static char *
localised(const ZgEvent *event, const char *language)
{
    g_autoptr(json_t) resource = NULL;
    char *text;
    char *copy;
    bool pool = strcmp(event->type, "pool") == 0;

    if (!pool && strcmp(event->type, "session") != 0) {
        return g_strdup(event->data != NULL ? event->data : "{}");
    }
    resource = json_loads(event->data, 0, NULL);
    if (resource == NULL) {
        return g_strdup("{}");
    }
    (pool ? zg_api_localise_pool : zg_api_localise_session)(resource, language);
    text = zg_json_text(resource);
    copy = g_strdup(text);
    free(text);
    return copy;
}

static void
on_change(const ZgEvent *event, void *data)
{
    Stream *stream = data;
    g_autofree char *resource = localised(event, stream->call->language);
    g_autofree char *text = g_strdup_printf("id: %" G_GINT64_FORMAT "\nevent: %s\ndata: %s\n\n",
                                            event->id, event->type, resource);

    zg_http_stream_write(stream->call->request, text, strlen(text));
}

static void
check_work(void *data)
{
    Stream *stream = data;
    ZgApiCall *call = stream->call;
    g_autoptr(ZgSignIn) sign_in = NULL;
    g_autoptr(GError) error = NULL;

    if (!zg_service_find_sign_in(call->service, call->token_sha256, &sign_in, &error) &&
        zg_error_code_of(error) == ZG_ERROR_UNAUTHENTICATED) {
        call->status = 401; /* read by check_done */
    }
}

static void
check_done(void *data)
{
    Stream *stream = data;

    if (stream->call->status == 401 && !stream->over) {
        zg_http_stream_end(stream->call->request);
    }
    stream_unref(stream);
}

static gboolean
on_heartbeat(gpointer data)
{
    Stream *stream = data;

    if (!zg_http_stream_write(stream->call->request, ": \n\n", 4)) {
        stream->heartbeat = 0;
        return G_SOURCE_REMOVE; /* the connection is being closed */
    }
    if (stream->refs == 1) {
        stream->refs++;
        if (!zg_worker_run(zg_service_workers(stream->api->service), check_work, check_done,
                           stream, NULL)) {
            stream->refs--; /* busy: next time */
        }
    }
    return G_SOURCE_CONTINUE;
}

void
zg_api_events(ZgApiCall *call)
{
    const char *last = zg_http_header(call->request, ZG_HEADER_LAST_EVENT_ID);
    const char *user = call->match.route->id == ZG_ROUTE_MY_EVENTS ? call->caller.user : NULL;
    gint64 after = -1;
    GError *error = NULL;
    Stream *stream;

    if (last != NULL && !g_ascii_string_to_signed(last, 10, 0, G_MAXINT64, &after, NULL)) {
        g_set_error_literal(&error, ZG_ERROR, ZG_ERROR_INVALID,
                            "Last-Event-ID: must be an id of this stream");
        zg_api_fail(call, error);
        return;
    }
    stream = g_new0(Stream, 1);
    *stream = (Stream){.api = call->api, .call = call, .refs = 1};
    /* First the head of the answer, because changes since Last-Event-ID may come at once. */
    if (!zg_http_stream_begin(call->request, on_closed, stream)) {
        stream_unref(stream);
        return;
    }
    g_hash_table_add(call->api->streams, stream);
    stream->heartbeat = g_timeout_add_seconds(HEARTBEAT_S, on_heartbeat, stream);
    zg_http_stream_write(call->request, ": \n\n", 4);
    stream->subscription =
        zg_service_subscribe(call->service, user, after, on_change, stream, &error);
    if (stream->subscription == NULL) {
        g_clear_error(&error);
        zg_http_stream_end(call->request);
    }
}

void
zg_api_end_streams(ZgApi *api)
{
    GHashTableIter iter;
    gpointer key;

    g_hash_table_iter_init(&iter, api->streams);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        Stream *stream = key;

        g_clear_pointer(&stream->subscription, zg_subscription_free);
        zg_http_stream_end(stream->call->request);
    }
}
