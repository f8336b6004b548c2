/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An RFB viewer: rfb_session on a descriptor of the loop, and a bounded queue towards it. */
#include "display/output.h"

#include <errno.h>
#include <glib-unix.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/fd.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/loop.h"
#include "display/out_news.h"
#include "display/out_queue.h"
#include "display/out_update.h"
#include "display/rate.h"

#define READ_BYTES (16 * 1024)
#define QUEUE_NEARLY_EMPTY (16 * 1024)
#define UNSENT_IN_KERNEL (32 * 1024)
#define OPEN_BYTES_LEAST 3000  /* an update so large stands between two fences */
#define UPDATE_LINK_US 300000  /* what one update may take of the link: others wait so long */
#define UPDATE_BYTES_LEAST (16 * 1024)
#define FINISH_US (2 * G_USEC_PER_SEC)
#define HELD_WHEN_FREE (ZG_OUT_UPDATE_BYTES_MAX - ZG_OUTPUT_BYTES_SURE)
#define ANSWERS_AT_ONCE (16 * 1024)

typedef struct {
    ZgOutput base;
    ZgFd fd;
    ZgRfbSession *session;
    const ZgOutputEvents *events;
    void *user;
    GByteArray *in;
    ZgOutQueue queue;
    ZgOutUpdate update;
    guint in_watch, out_watch, gone_idle;
    char *gone_reason, *finish_reason;
    int64_t created_us, finish_us; /* finish_us: 0 while it lives */
    int width, height;             /* of the picture; the viewer may not know it yet */
    ZgOutNews news;
    uint64_t n_updates;
    bool rings; /* a bell is in the queue: one is enough */
    ZgRate rate;
    uint64_t rate_position;       /* bytes of the queue that the rate knows of */
    int64_t interval_us, large_us; /* between large updates; when the last one was sent */
    guint pace_timer, probe_timer; /* the link is free; the last packet may be lost */
} RfbOutput;

static gboolean
report_gone(gpointer data)
{
    RfbOutput *o = data;

    o->gone_idle = 0;
    o->events->gone(o->user, &o->base, o->gone_reason);
    return G_SOURCE_REMOVE;
}

/* From anywhere: the owner hears of it from the loop, never inside its own call. */
static void
end(RfbOutput *o, const char *reason)
{
    if (o->gone_reason != NULL) {
        return;
    }
    o->gone_reason = g_strdup(reason);
    g_clear_handle_id(&o->in_watch, g_source_remove);
    g_clear_handle_id(&o->out_watch, g_source_remove);
    g_clear_handle_id(&o->pace_timer, g_source_remove);
    g_clear_handle_id(&o->probe_timer, g_source_remove);
    o->gone_idle = g_idle_add_full(G_PRIORITY_DEFAULT, report_gone, o, NULL);
}

/* ---- what is held for the viewer: never more than ZG_OUT_QUEUE_BYTES_MAX ---- */

/* Also what it has begun to say. */
static size_t
held(const RfbOutput *o)
{
    return zg_out_queue_held(&o->queue) +
           MAX(o->in->len, zg_rfb_session_expected(o->session));
}

static size_t
room(const RfbOutput *o)
{
    return ZG_OUT_UPDATE_BYTES_MAX - MIN(held(o), ZG_OUT_UPDATE_BYTES_MAX);
}

/* Text that is owed goes before the next picture, and alone. */
static bool
is_free(const RfbOutput *o)
{
    return o->queue.n_bytes <= QUEUE_NEARLY_EMPTY && held(o) <= HELD_WHEN_FREE &&
           !zg_rfb_session_owes_text(o->session);
}

static void write_queue(RfbOutput *o);

static void
put_text(RfbOutput *o)
{
    if (o->queue.n_bytes > 0 || o->finish_us != 0 || !zg_rfb_session_owes_text(o->session) ||
        zg_rfb_session_expected(o->session) > 0) {
        return;
    }
    if (!zg_rfb_session_put_text(o->session, room(o), zg_out_queue_tail(&o->queue))) {
        zg_log_info("clipboard-too-long", NULL, "the desktop's clipboard is too long for a viewer; "
                                                "it was not given");
    }
    write_queue(o);
}

static gboolean
on_writable(gint fd, GIOCondition condition, gpointer data)
{
    RfbOutput *o = data;
    bool was_free = is_free(o);

    write_queue(o);
    put_text(o);
    if (o->gone_reason != NULL) {
        return G_SOURCE_REMOVE;
    }
    if (!was_free && is_free(o) && o->finish_us == 0) {
        o->events->changed(o->user, &o->base);
    }
    if (o->queue.n_bytes == 0) {
        o->out_watch = 0;
        return G_SOURCE_REMOVE;
    }
    return G_SOURCE_CONTINUE;
}

static void
write_queue(RfbOutput *o)
{
    bool fine;

    zg_out_queue_added(&o->queue);
    if (o->gone_reason != NULL) {
        return;
    }
    fine = zg_out_queue_write(&o->queue, o->fd, zg_clock_mono_us());
    o->rings &= o->queue.n_bytes > 0;
    if (!fine) {
        end(o, "the viewer closed its connection");
    } else if (zg_out_queue_held(&o->queue) > ZG_OUT_QUEUE_BYTES_MAX) {
        end(o, "the viewer does not read");
    } else if (o->queue.n_bytes == 0 && o->finish_us != 0) {
        end(o, o->finish_reason);
    } else if (o->queue.n_bytes > 0 && o->out_watch == 0) {
        o->out_watch = g_unix_fd_add(o->fd, G_IO_OUT, on_writable, o);
    }
}

/* ---- pacing ---- */

/* Tells the rate what was queued since, whatever it was. */
static void
note_queued(RfbOutput *o, int64_t now_us)
{
    uint64_t position;

    zg_out_queue_added(&o->queue);
    position = o->queue.n_sent + o->queue.n_bytes;
    zg_rate_sent(&o->rate, (size_t)(position - o->rate_position), now_us);
    o->rate_position = position;
}

static void
put_fence(RfbOutput *o, bool opens)
{
    int64_t now_us = zg_clock_mono_us();
    uint32_t number = zg_rfb_session_put_fence(o->session, zg_out_queue_tail(&o->queue));

    if (number != 0) {
        note_queued(o, now_us);
        zg_rate_ping(&o->rate, number, opens, now_us);
    }
}

static gboolean
on_probe(gpointer data)
{
    RfbOutput *o = data;

    o->probe_timer = 0;
    put_fence(o, false);
    write_queue(o);
    return G_SOURCE_REMOVE;
}

/* After an update: should it be the last for a while, a few bytes follow it. */
static void
arm_probe(RfbOutput *o)
{
    int64_t after_us = zg_rate_probe_us(&o->rate);

    g_clear_handle_id(&o->probe_timer, g_source_remove);
    if (after_us > 0 && zg_rfb_session_look(o->session)->fence) {
        o->probe_timer = g_timeout_add((guint)(after_us / 1000), on_probe, o);
    }
}

static int64_t
wait_us(const RfbOutput *o)
{
    int64_t now_us = zg_clock_mono_us();
    int64_t link_us = zg_rfb_session_is_continuous(o->session)
                          ? zg_rate_wait_us(&o->rate, now_us)
                          : 0; /* it asks for each update, which paces well enough */

    return MAX(link_us, o->interval_us == 0 ? 0 : o->large_us + o->interval_us - now_us);
}

static gboolean on_pace(gpointer data);

/* Wakes twice: when the console should be asked for a fresh picture, and when the link is free. */
static void
arm_pace(RfbOutput *o)
{
    int64_t us = wait_us(o);

    if (us == 0 || us == ZG_RATE_WAIT_FOR_ANSWER || o->gone_reason != NULL) {
        return;
    }
    us = us > ZG_OUTPUT_SOON_US ? us - ZG_OUTPUT_SOON_US : us;
    g_clear_handle_id(&o->pace_timer, g_source_remove);
    o->pace_timer = g_timeout_add((guint)((us + 999) / 1000), on_pace, o);
}

static gboolean
on_pace(gpointer data)
{
    RfbOutput *o = data;

    o->pace_timer = 0;
    o->events->changed(o->user, &o->base);
    if (o->pace_timer == 0) {
        arm_pace(o);
    }
    return G_SOURCE_REMOVE;
}

static void
rfb_set_interval(ZgOutput *output, int64_t us)
{
    ((RfbOutput *)output)->interval_us = us;
}

static ZgEffortKind
rfb_waits_for(const ZgOutput *output)
{
    const RfbOutput *o = (const RfbOutput *)output;
    bool plenty = o->rate.bytes_per_s > ZG_OUTPUT_BYTES_PER_S_PLENTY;

    if (!zg_rfb_session_is_ready(o->session)) {
        return ZG_EFFORT_GUEST;
    }
    return zg_rfb_session_is_requested(o->session) && !plenty ? ZG_EFFORT_LINK : ZG_EFFORT_VIEWER;
}

static size_t
rfb_get_budget(const ZgOutput *output)
{
    const RfbOutput *o = (const RfbOutput *)output;

    return MIN(MAX(zg_rate_bytes_in(&o->rate, UPDATE_LINK_US), UPDATE_BYTES_LEAST), room(o));
}

/* ---- what the viewer says ---- */

static void
on_look(RfbOutput *o)
{
    zg_out_news_look(&o->news, zg_rfb_session_look(o->session));
    o->events->changed(o->user, &o->base);
}

static void
on_event(RfbOutput *o, const ZgRfbEvent *event)
{
    switch (event->kind) {
    case ZG_RFB_EVENT_READY:
        break;
    case ZG_RFB_EVENT_LOOK:
        on_look(o);
        break;
    case ZG_RFB_EVENT_REQUEST:
        if (!event->incremental) {
            o->events->repaint(o->user, &o->base, event->area);
        } else if (!zg_rfb_session_look(o->session)->fence) {
            zg_rate_asked(&o->rate, zg_clock_mono_us());
        }
        o->events->changed(o->user, &o->base);
        break;
    case ZG_RFB_EVENT_CONTINUOUS:
        o->events->changed(o->user, &o->base);
        break;
    case ZG_RFB_EVENT_FENCE:
        if (zg_rate_pong(&o->rate, event->fence, zg_clock_mono_us())) {
            o->events->changed(o->user, &o->base);
            arm_pace(o);
        }
        break;
    case ZG_RFB_EVENT_KEY:
    case ZG_RFB_EVENT_POINTER:
    case ZG_RFB_EVENT_CLIPBOARD:
    case ZG_RFB_EVENT_SIZE:
        o->events->input(o->user, &o->base, event);
        break;
    }
}

static void
take_input(RfbOutput *o)
{
    size_t at = 0, n_used;

    while (o->gone_reason == NULL) {
        g_autoptr(GError) error = NULL;
        ZgRfbEvent event;
        size_t queued = zg_out_queue_held(&o->queue);
        zg_rfb_session_set_text_room(o->session,
                                     ZG_OUT_QUEUE_BYTES_MAX - MIN(queued, ZG_OUT_QUEUE_BYTES_MAX));
        ZgRfbStep step = zg_rfb_session_feed(o->session, o->in->data + at, o->in->len - at,
                                             &n_used, zg_out_queue_tail(&o->queue), &event, &error);
        at += n_used;
        if (step == ZG_RFB_STEP_FAILED) {
            end(o, error->message);
        } else if (step == ZG_RFB_STEP_EVENT) {
            on_event(o, &event);
        } else if (step == ZG_RFB_STEP_MORE) {
            break;
        }
        if (zg_out_queue_tail(&o->queue)->len > ANSWERS_AT_ONCE) {
            write_queue(o); /* or it is found not to read them */
        }
    }
    g_byte_array_remove_range(o->in, 0, (guint)at);
    if (at > ZG_RFB_SESSION_INPUT_MAX / 4 && o->in->len == 0) { /* a long text's memory */
        g_byte_array_unref(o->in);
        o->in = g_byte_array_new();
    }
}

static ssize_t
read_some(RfbOutput *o)
{
    guint at = o->in->len;
    ssize_t n;

    g_byte_array_set_size(o->in, at + READ_BYTES);
    n = recv(o->fd, o->in->data + at, READ_BYTES, MSG_DONTWAIT);
    g_byte_array_set_size(o->in, at + (guint)MAX(n, 0));
    return n;
}

static gboolean
on_readable(gint fd, GIOCondition condition, gpointer data)
{
    RfbOutput *o = data;
    bool was_free = is_free(o);
    ssize_t n = read_some(o);

    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return G_SOURCE_CONTINUE;
    }
    if (n <= 0) {
        end(o, "the viewer closed its connection");
        return G_SOURCE_REMOVE;
    }
    if (o->finish_us != 0) {
        g_byte_array_set_size(o->in, 0);
        return G_SOURCE_CONTINUE;
    }
    take_input(o);
    if (o->gone_reason == NULL && o->in->len > ZG_RFB_SESSION_INPUT_MAX) {
        end(o, "the viewer's message is too long");
    }
    write_queue(o);
    put_text(o);
    if (!was_free && is_free(o) && o->gone_reason == NULL) {
        o->events->changed(o->user, &o->base);
    }
    return o->gone_reason == NULL ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

/* ---- what the viewer is told ---- */

static bool
can_tell_size(const RfbOutput *o)
{
    const ZgRfbLook *look = zg_rfb_session_look(o->session);

    return look->extended_size || look->desktop_size;
}

static bool
can_send(const RfbOutput *o)
{
    return o->gone_reason == NULL && o->finish_us == 0 && zg_rfb_session_is_ready(o->session) &&
           zg_rfb_session_is_requested(o->session) && is_free(o);
}

static bool
may_send(const RfbOutput *o)
{
    return can_send(o) && wait_us(o) == 0;
}

/* A new size travels alone: what follows in the same update would be on the old picture. */
static bool
send_size(RfbOutput *o)
{
    GByteArray *out = zg_out_queue_tail(&o->queue);

    if (!o->news.size || !can_tell_size(o)) {
        return false;
    }
    o->news.size = false;
    zg_rfb_put_update(out, 1);
    zg_rfb_session_put_size(o->session, 0, 0, o->width, o->height, out);
    return true;
}

static void
rfb_flush_news(ZgOutput *output)
{
    RfbOutput *o = (RfbOutput *)output;
    g_autoptr(GByteArray) news = NULL;
    unsigned n;

    if (!may_send(o)) {
        return;
    }
    if (!send_size(o)) {
        news = g_byte_array_new();
        n = zg_out_news_put(&o->news, zg_rfb_session_look(o->session), news);
        if (n == 0) {
            return;
        }
        zg_rfb_put_update(zg_out_queue_tail(&o->queue), n);
        g_byte_array_append(zg_out_queue_tail(&o->queue), news->data, news->len);
    }
    zg_rfb_session_set_requested(o->session, false);
    write_queue(o);
}

static size_t
rfb_send(ZgOutput *output, ZgBlob *const *blobs, size_t n_blobs)
{
    RfbOutput *o = (RfbOutput *)output;
    g_autoptr(GByteArray) news = g_byte_array_new();
    int64_t now_us = zg_clock_mono_us();
    unsigned n_news;
    size_t n_bytes = 0, n_fits;

    if (o->finish_us != 0 || room(o) < 2 * QUEUE_NEARLY_EMPTY) {
        return 0;
    }
    n_news = zg_out_news_put(&o->news, zg_rfb_session_look(o->session), news);
    for (size_t i = 0; i < n_blobs; i++) {
        n_bytes += blobs[i]->n_wire;
    }
    if (n_bytes >= OPEN_BYTES_LEAST) {
        o->large_us = now_us;
        put_fence(o, true);
    }
    n_fits = zg_out_update_put(&o->update, news, n_news, blobs, n_blobs, room(o), &n_bytes);
    if (n_fits == 0 && n_blobs > 0 && n_news == 0) {
        return 0;
    }
    zg_rfb_session_set_requested(o->session, false);
    o->n_updates++;
    note_queued(o, now_us);
    if (!zg_rfb_session_look(o->session)->fence) {
        zg_rate_update(&o->rate, n_bytes, now_us);
    } else if (zg_rate_wants_ping(&o->rate, now_us)) {
        put_fence(o, false);
    }
    write_queue(o);
    arm_probe(o);
    arm_pace(o);
    return n_fits;
}

static bool
rfb_wants_picture(const ZgOutput *output)
{
    const RfbOutput *o = (const RfbOutput *)output;

    return may_send(o) && !(o->news.size && can_tell_size(o));
}

static bool
rfb_wants_soon(const ZgOutput *output)
{
    const RfbOutput *o = (const RfbOutput *)output;

    return can_send(o) && wait_us(o) <= ZG_OUTPUT_SOON_US;
}

static bool
rfb_is_ready(const ZgOutput *output)
{
    return zg_rfb_session_is_ready(((const RfbOutput *)output)->session);
}

static void
rfb_get_wish(const ZgOutput *output, ZgEncodeWish *out_wish)
{
    const ZgRfbLook *look = zg_rfb_session_look(((const RfbOutput *)output)->session);

    *out_wish = (ZgEncodeWish){.format = look->format,
                               .zaguan = look->zaguan && look->tight,
                               .tight = look->tight,
                               .zrle = !look->tight && look->zrle,
                               .hextile = !look->tight && !look->zrle && look->hextile,
                               .h264 = look->h264 && look->jpeg_quality >= 0,
                               .copyrect = look->copyrect,
                               .jpeg_quality = look->jpeg_quality};
}

static void
rfb_get_size(const ZgOutput *output, int *out_width, int *out_height)
{
    zg_rfb_session_get_size(((const RfbOutput *)output)->session, out_width, out_height);
}

static void
rfb_resize(ZgOutput *output, int width, int height)
{
    RfbOutput *o = (RfbOutput *)output;
    int told_width, told_height;

    o->width = width;
    o->height = height;
    zg_rfb_session_get_size(o->session, &told_width, &told_height);
    o->news.size = told_width != width || told_height != height;
    rfb_flush_news(output);
}

static void
rfb_cursor(ZgOutput *output, const ZgCursor *cursor)
{
    RfbOutput *o = (RfbOutput *)output;

    zg_out_news_cursor(&o->news, cursor);
    rfb_flush_news(output);
}

static void
rfb_led(ZgOutput *output, uint8_t state)
{
    RfbOutput *o = (RfbOutput *)output;

    o->news.led_state = state;
    o->news.led = true;
    rfb_flush_news(output);
}

static void
rfb_offer_text(ZgOutput *output, GRefString *text)
{
    RfbOutput *o = (RfbOutput *)output;

    zg_rfb_session_offer_text(o->session, text);
    put_text(o);
}

static void
rfb_bell(ZgOutput *output)
{
    RfbOutput *o = (RfbOutput *)output;

    if (zg_rfb_session_is_ready(o->session) && !o->rings) {
        o->rings = true;
        zg_rfb_put_u8(zg_out_queue_tail(&o->queue), ZG_RFB_S_BELL);
        write_queue(o);
    }
}

static void
rfb_answer_size(ZgOutput *output, int status)
{
    RfbOutput *o = (RfbOutput *)output;
    int width, height;

    if (!zg_rfb_session_look(o->session)->extended_size) {
        return;
    }
    zg_rfb_session_get_size(o->session, &width, &height);
    zg_rfb_put_update(zg_out_queue_tail(&o->queue), 1);
    zg_rfb_session_put_size(o->session, 1, status, width, height, zg_out_queue_tail(&o->queue));
    write_queue(o);
}

static bool
rfb_release(ZgOutput *output, ZgRfbEvent *out_event)
{
    return zg_rfb_session_release(((RfbOutput *)output)->session, out_event);
}

static void
rfb_finish(ZgOutput *output, const char *reason)
{
    RfbOutput *o = (RfbOutput *)output;

    if (o->finish_us == 0) {
        o->finish_reason = g_strdup(reason);
        o->finish_us = zg_clock_mono_us() + FINISH_US;
        write_queue(o);
    }
}

static void
rfb_tick(ZgOutput *output, int64_t now_us)
{
    RfbOutput *o = (RfbOutput *)output;

    if (o->finish_us != 0 && now_us > o->finish_us) {
        end(o, o->finish_reason);
    } else if (!zg_rfb_session_is_ready(o->session) &&
               now_us - o->created_us > (int64_t)ZG_LIMIT_UNAUTHENTICATED_MS * 1000) {
        end(o, "the viewer did not finish its handshake in time");
    } else if (o->queue.n_bytes > 0 &&
               now_us - o->queue.progress_us > (int64_t)ZG_OUT_STALLED_MS * 1000) {
        end(o, "the viewer did not read for 30 seconds");
    } else if (o->rate.rtt_us != 0 && /* it has answered before */
               zg_rate_is_silent(&o->rate, (int64_t)ZG_OUT_STALLED_MS * 1000, now_us)) {
        end(o, "the viewer did not take a picture for 30 seconds");
    }
}

/* The session's state, then what was read and is not a whole message yet. */
static GBytes *
rfb_export_state(ZgOutput *output)
{
    RfbOutput *o = (RfbOutput *)output;
    g_autoptr(GBytes) session = NULL;
    GByteArray *out;

    while (o->gone_reason == NULL && o->in->len < ZG_RFB_SESSION_INPUT_MAX && read_some(o) > 0) {
        take_input(o);
    }
    zg_rfb_session_put_text(o->session, room(o), zg_out_queue_tail(&o->queue));
    session = zg_rfb_session_export(o->session);
    if (session == NULL) {
        return NULL;
    }
    out = g_byte_array_new();
    zg_rfb_put_u32(out, (uint32_t)g_bytes_get_size(session));
    g_byte_array_append(out, g_bytes_get_data(session, NULL), (guint)g_bytes_get_size(session));
    g_byte_array_append(out, o->in->data, o->in->len);
    return g_byte_array_free_to_bytes(out);
}

static ZgRfbSession *
import_state(RfbOutput *o, const uint8_t *state, size_t n_state, GError **error)
{
    ZgRfbReader in = {.bytes = state, .n_bytes = n_state};
    uint32_t n_session = zg_rfb_read_u32(&in);
    const uint8_t *session = zg_rfb_read_bytes(&in, n_session);

    if (session == NULL) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "the viewer's exported state is not whole");
        return NULL;
    }
    g_byte_array_append(o->in, state + in.at, (guint)(n_state - in.at));
    return zg_rfb_session_import(session, n_session, error);
}

static void
rfb_get_stats(const ZgOutput *output, ZgOutputStats *out_stats)
{
    const RfbOutput *o = (const RfbOutput *)output;

    *out_stats = (ZgOutputStats){.bytes_out = o->queue.n_sent,
                                 .updates = o->n_updates,
                                 .queued_bytes = o->queue.n_bytes,
                                 .rtt_us = o->rate.base_rtt_us,
                                 .bytes_per_s = (int64_t)o->rate.bytes_per_s};
}

static void
rfb_free(ZgOutput *output)
{
    RfbOutput *o = (RfbOutput *)output;

    g_clear_handle_id(&o->in_watch, g_source_remove);
    g_clear_handle_id(&o->out_watch, g_source_remove);
    g_clear_handle_id(&o->pace_timer, g_source_remove);
    g_clear_handle_id(&o->probe_timer, g_source_remove);
    g_clear_handle_id(&o->gone_idle, g_source_remove);
    zg_fd_clear(&o->fd);
    zg_rfb_session_free(o->session);
    zg_out_news_clear(&o->news);
    zg_out_queue_clear(&o->queue);
    zg_out_update_clear(&o->update);
    g_byte_array_unref(o->in);
    g_free(o->gone_reason);
    g_free(o->finish_reason);
    g_free(o);
}

static const ZgOutputOps rfb_ops = {
    .name = "rfb",
    .free = rfb_free,
    .wants_picture = rfb_wants_picture,
    .wants_soon = rfb_wants_soon,
    .waits_for = rfb_waits_for,
    .set_interval = rfb_set_interval,
    .get_budget = rfb_get_budget,
    .is_ready = rfb_is_ready,
    .get_wish = rfb_get_wish,
    .get_size = rfb_get_size,
    .send = rfb_send,
    .flush_news = rfb_flush_news,
    .resize = rfb_resize,
    .cursor = rfb_cursor,
    .led = rfb_led,
    .offer_text = rfb_offer_text,
    .bell = rfb_bell,
    .answer_size = rfb_answer_size,
    .release = rfb_release,
    .finish = rfb_finish,
    .tick = rfb_tick,
    .export_state = rfb_export_state,
    .get_stats = rfb_get_stats,
};

ZgOutput *
zg_output_rfb_new(int fd, const ZgOutputRfbOptions *options, const ZgOutputEvents *events,
                  void *user, GError **error)
{
    RfbOutput *o = g_new0(RfbOutput, 1);
    int on = 1, unsent = UNSENT_IN_KERNEL;

    o->base.ops = &rfb_ops;
    o->fd = fd;
    o->events = events;
    o->user = user;
    o->in = g_byte_array_new();
    o->created_us = zg_clock_mono_us();
    o->width = options->width;
    o->height = options->height;
    zg_out_queue_init(&o->queue, o->created_us);
    zg_rate_init(&o->rate, o->created_us);
    o->session = options->state == NULL
                     ? zg_rfb_session_new(options->start, options->width, options->height,
                                          options->title, zg_out_queue_tail(&o->queue))
                     : import_state(o, options->state, options->n_state, error);
    if (o->session == NULL) {
        rfb_free(&o->base);
        return NULL;
    }
    zg_out_update_init(&o->update, &o->queue, o->session, options->state != NULL);
    /* Both fail on unix sockets, where they are not needed. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
    o->in_watch = zg_loop_watch_fd(fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable, o);
    if (options->state != NULL) {
        rfb_resize(&o->base, options->width, options->height);
        o->news.told_qemu_key = zg_rfb_session_look(o->session)->qemu_key;
        o->news.cursor = true;
    }
    write_queue(o);
    return &o->base;
}
