/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/pipeline.h"

#include <string.h>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/fd.h"
#include "common/base/limits.h"
#include "display/banner.h"
#include "display/canvas.h"
#include "display/encode_job.h"
#include "display/frame.h"
#include "display/input.h"
#include "display/out_queue.h"
#include "display/pace.h"
#include "display/quality.h"

#define FIRST_WIDTH 800 /* until the console has told its size */
#define FIRST_HEIGHT 600
#define TICK_MS 1000
#define REFINE_STEP_MS 40
#define REFINE_PIXELS 131072   /* made exact at once at most */
#define REFINE_PIXELS_LEAST 16384
#define REFINE_LINK_US 80000   /* and about so much of the link, so that new pictures wait little */
#define REFINE_BYTES_PER_PIXEL 2.0
#define BUDGET_PIXELS_MAX ((int64_t)ZG_LIMIT_SCREEN_PIXELS)
#define BUDGET_PIXELS_LEAST 65536
#define MESSAGE_SHOWN_MS 8000

typedef struct {
    ZgPipeline *pipeline;
    char *id;
    ZgOutput *output;
    bool view_only;
    bool has_update, told_first_frame; /* something was sent; the owner knows */
    ZgView view;
    bool busy;      /* a job for it is on the encode thread */
    unsigned serial; /* +1 when what is being encoded no longer fits */
    int64_t budget_pixels; /* of one update, so that the queue stays bounded */
    double bytes_per_pixel; /* of late; 0 unknown */
    ZgQuality quality;
    ZgEffort effort;
} Viewer;

typedef struct {
    Viewer *viewer; /* compared with the living ones before use */
    unsigned serial;
} JobTarget;

typedef struct {
    ZgPipeline *pipeline; /* NULL once it is gone */
    ZgEncodeJob *job;
    JobTarget targets[ZG_VIEWERS_MAX];
    unsigned n_targets;
} Flight;

struct ZgPipeline {
    const ZgPipelineEvents *events;
    void *user;
    char *title;
    const ZgQualityRules *rules;
    ZgSource *source;
    ZgFrame frame;
    ZgCanvas canvas;
    bool has_picture; /* a console has painted at least once */
    int64_t *changed_us; /* of each block of the frame */
    ZgCursor cursor;
    uint8_t led;
    Viewer *viewers[ZG_VIEWERS_MAX];
    unsigned n_viewers;
    ZgEncoderSet encoders; /* of the loop thread */
    ZgEncoderSet *thread_encoders; /* of the encode thread; freed with the pool */
    ZgWorkerPool *pool;
    GPtrArray *flights; /* Flight; owned by the pool until done */
    guint tick, refine, message_timer;
};

static void kick(ZgPipeline *p);

/* ---- pictures out ---- */

static void
start_over(ZgPipeline *p, Viewer *v)
{
    zg_view_start_over(&v->view, p->frame.width, p->frame.height);
    v->serial++;
}

/* Before a console has painted, viewers are sent black; it counts once the console agrees. */
static void
tell_first_frame(ZgPipeline *p, Viewer *v)
{
    if (p->has_picture && v->has_update && !v->told_first_frame) {
        v->told_first_frame = true;
        p->events->first_frame(p->user, v->id);
    }
}

/* How long the link needs for so much; 0 unknown. */
static int64_t
link_us(const Viewer *v, size_t n_bytes)
{
    ZgOutputStats stats;

    v->output->ops->get_stats(v->output, &stats);
    return stats.bytes_per_s == 0 ? 0 : (int64_t)n_bytes * G_USEC_PER_SEC / stats.bytes_per_s;
}

static void
note_lossy(ZgPipeline *p, Viewer *v, const ZgEncodeJob *job, guint n_blobs, size_t n_bytes)
{
    ZgEncodeWish wish;

    for (guint i = 0; i < n_blobs; i++) {
        const ZgBlob *blob = g_ptr_array_index(job->blobs, i);
        if (!zg_rect_is_empty(blob->lossy)) {
            v->output->ops->get_wish(v->output, &wish);
            zg_quality_note(&v->quality, p->rules, wish.jpeg_quality, link_us(v, n_bytes),
                            zg_clock_mono_us());
            return;
        }
    }
}

/* Sends what fits into a bounded queue; the rest is dirty again and the next update is smaller. */
static void
deliver(ZgPipeline *p, Viewer *v, const ZgEncodeJob *job)
{
    g_autoptr(GPtrArray) blobs = g_ptr_array_new();
    size_t n_bytes = 0, most_bytes = v->output->ops->get_budget(v->output);
    int64_t n_pixels = 0;
    guint n = 0;

    if (job->first != NULL) {
        g_ptr_array_add(blobs, job->first);
    }
    for (; n < job->blobs->len; n++) {
        ZgBlob *blob = g_ptr_array_index(job->blobs, n);
        ZgRect tile = g_array_index(job->tiles, ZgRect, n);
        if (n > 0 && n_bytes + blob->n_bytes > most_bytes) {
            break;
        }
        n_bytes += blob->n_bytes;
        n_pixels += (int64_t)tile.width * tile.height;
        g_ptr_array_add(blobs, blob);
    }
    zg_view_note_job(&v->view, job, n);
    zg_view_miss_job(&v->view, job, n, true);
    v->bytes_per_pixel = zg_pace_cost(v->bytes_per_pixel, n_bytes, n_pixels);
    note_lossy(p, v, job, n, n_bytes);
    zg_effort_sent(&v->effort);
    if (n < job->blobs->len) {
        v->budget_pixels = MAX(n_pixels, BUDGET_PIXELS_LEAST);
    } else {
        v->budget_pixels = MIN(v->budget_pixels * 2, BUDGET_PIXELS_MAX);
    }
    v->output->ops->send(v->output, (ZgBlob *const *)blobs->pdata, blobs->len);
    v->has_update = true;
    tell_first_frame(p, v);
}

static Viewer *
find_target(ZgPipeline *p, const JobTarget *target)
{
    for (unsigned i = 0; i < p->n_viewers; i++) {
        if (p->viewers[i] == target->viewer && p->viewers[i]->serial == target->serial) {
            return p->viewers[i];
        }
    }
    return NULL;
}

/* Pixel format or encodings may have been changed while the thread worked. */
static bool
still_fits(const Viewer *v, const ZgEncodeJob *job)
{
    ZgEncodeWish wish;

    v->output->ops->get_wish(v->output, &wish);
    return zg_encode_wish_same_kind(&wish, &job->wish) && (job->first == NULL || wish.copyrect) &&
           zg_pixel_format_equal(&wish.format, &job->wish.format) &&
           (job->wish.jpeg_quality < 0 || wish.jpeg_quality >= 0);
}

static void
encode_work(void *data)
{
    Flight *flight = data;

    /* Only the one encode thread touches these encoders. */
    zg_encode_job_run(flight->job, flight->pipeline->thread_encoders);
}

static void
encode_done(void *data)
{
    Flight *flight = data;
    ZgPipeline *p = flight->pipeline;

    flight->job->done = true;
    if (flight->job->pixels == p->canvas.shadow.pixels) {
        p->canvas.n_readers--;
    }
    for (unsigned i = 0; i < flight->n_targets; i++) {
        for (unsigned k = 0; k < p->n_viewers; k++) {
            if (p->viewers[k] == flight->targets[i].viewer) {
                p->viewers[k]->busy = false;
            }
        }
        Viewer *v = find_target(p, &flight->targets[i]);
        if (v != NULL && still_fits(v, flight->job)) {
            deliver(p, v, flight->job);
        } else if (v != NULL) {
            zg_view_miss_job(&v->view, flight->job, 0, false);
        }
    }
    g_ptr_array_remove_fast(p->flights, flight); /* frees it */
    kick(p);
}

static void
flight_free(gpointer data)
{
    Flight *flight = data;

    zg_encode_job_unref(flight->job);
    g_free(flight);
}

static Flight *
find_flight(ZgPipeline *p, const ZgEncodeJob *job)
{
    for (guint i = 0; i < p->flights->len; i++) {
        Flight *flight = g_ptr_array_index(p->flights, i);
        if (flight->job == job) {
            return flight;
        }
    }
    return NULL;
}

static Flight *
take_off(ZgPipeline *p, ZgEncodeJob *job)
{
    Flight *flight = g_new0(Flight, 1);

    if (p->pool == NULL) {
        p->pool = zg_worker_pool_new(1, ZG_VIEWERS_MAX);
        p->thread_encoders = g_new0(ZgEncoderSet, 1);
    }
    flight->pipeline = p;
    flight->job = job;
    if (!zg_worker_run(p->pool, encode_work, encode_done, flight, NULL)) {
        g_free(flight);
        return NULL;
    }
    zg_encode_job_ref(job);
    g_ptr_array_add(p->flights, flight);
    p->canvas.n_readers++;
    return flight;
}

/* Small updates are encoded at once, large ones on the thread; both once for all that want them. */
static void
encode_for(ZgPipeline *p, ZgEncodeJob *job, Viewer *v)
{
    Flight *flight = job->done ? NULL : find_flight(p, job);

    if (flight == NULL && !job->done && job->n_pixels > ZG_ENCODE_ON_LOOP_PIXELS) {
        flight = take_off(p, job);
    }
    if (flight != NULL) {
        flight->targets[flight->n_targets++] = (JobTarget){v, v->serial};
        v->busy = true;
        return;
    }
    if (!job->done) {
        zg_encode_job_run(job, &p->encoders);
        job->done = true;
    }
    deliver(p, v, job);
}

static bool
is_idle(const Viewer *v)
{
    return !v->busy && v->output->ops->wants_picture(v->output);
}

static bool
somebody_takes_moves(const ZgPipeline *p)
{
    for (unsigned i = 0; i < p->n_viewers; i++) {
        const Viewer *v = p->viewers[i];
        ZgEncodeWish wish;
        v->output->ops->get_wish(v->output, &wish);
        if (wish.copyrect && v->view.step == p->canvas.step) {
            return true;
        }
    }
    return false;
}

static void
feed_viewer(ZgPipeline *p, Viewer *v)
{
    g_autoptr(ZgEncodeJob) job = NULL;
    int64_t budget = v->budget_pixels;
    ZgEncodeWish wish;

    v->output->ops->get_wish(v->output, &wish);
    wish.jpeg_quality = zg_quality_level(&v->quality, p->rules, wish.jpeg_quality);
    v->output->ops->get_size(v->output, &v->view.width, &v->view.height);
    budget = MIN(budget, zg_pace_pixels(v->output->ops->get_budget(v->output),
                                        v->bytes_per_pixel));
    if (!wish.tight) {
        budget = MIN(budget, ZG_OUT_QUEUE_BYTES_MAX / (wish.format.bits_per_pixel / 8));
    }
    job = zg_canvas_next_job(&p->canvas, &p->frame, &v->view, &wish, budget,
                             somebody_takes_moves(p));
    if (job != NULL) {
        encode_for(p, job, v);
    }
}

/* Is somebody waiting for something newer than what is already on its way? */
static bool
somebody_keeps_up(const ZgPipeline *p)
{
    for (unsigned i = 0; i < p->n_viewers; i++) {
        const Viewer *v = p->viewers[i];
        if (v->view.dirty.n_dirty == 0 || (!v->busy && v->output->ops->wants_soon(v->output))) {
            return true;
        }
    }
    return false;
}

static gboolean refine(gpointer data);
static bool refine_viewer(ZgPipeline *p, Viewer *v, int64_t now_us);

static void
note_effort(Viewer *v, int64_t now_us)
{
    ZgEffortKind kind = v->busy                       ? ZG_EFFORT_ENCODER
                        : v->view.dirty.n_dirty == 0 ||
                                v->output->ops->wants_picture(v->output)
                            ? ZG_EFFORT_GUEST
                            : v->output->ops->waits_for(v->output);

    zg_effort_enter(&v->effort, kind, now_us);
}

static void
arm_refine(ZgPipeline *p)
{
    for (unsigned i = 0; i < p->n_viewers && p->refine == 0; i++) {
        if (p->viewers[i]->view.lossy.n_dirty > 0) {
            p->refine = g_timeout_add(REFINE_STEP_MS, refine, p);
        }
    }
}

static void
kick(ZgPipeline *p)
{
    int64_t now_us = zg_clock_mono_us();

    for (unsigned i = 0; i < p->n_viewers; i++) {
        Viewer *v = p->viewers[i];
        if (!v->busy) {
            if (v->view.dirty.n_dirty > 0 && v->output->ops->wants_picture(v->output)) {
                feed_viewer(p, v);
            } else if (v->view.lossy.n_dirty == 0 || !refine_viewer(p, v, now_us)) {
                v->output->ops->flush_news(v->output);
            }
        }
        note_effort(v, now_us);
    }
    if (p->source != NULL && somebody_keeps_up(p)) {
        p->source->ops->request(p->source);
    }
    arm_refine(p);
}

/* ---- exact again, once an area rests ---- */

/* From spare bandwidth only: there is nothing new, and the link is free. */
static bool
refine_viewer(ZgPipeline *p, Viewer *v, int64_t now_us)
{
    g_autoptr(GArray) areas = g_array_new(FALSE, FALSE, sizeof(ZgRect));
    g_autoptr(ZgEncodeJob) job = NULL;
    const ZgDamage *lossy = &v->view.lossy;
    ZgEncodeWish wish;
    ZgOutputStats stats;
    ZgDamage resting;
    int64_t n_pixels = REFINE_PIXELS;
    bool any;

    if (v->view.dirty.n_dirty > 0 || !zg_canvas_is_current(&p->canvas, &v->view) || !is_idle(v)) {
        return false;
    }
    v->output->ops->get_stats(v->output, &stats);
    if (stats.bytes_per_s > 0) {
        double n_bytes = (double)stats.bytes_per_s * REFINE_LINK_US / G_USEC_PER_SEC;
        n_pixels = (int64_t)CLAMP(n_bytes / REFINE_BYTES_PER_PIXEL, REFINE_PIXELS_LEAST,
                                  REFINE_PIXELS);
    }
    zg_damage_init(&resting, p->frame.width, p->frame.height);
    for (int i = 0; i < lossy->columns * lossy->rows; i++) {
        if (lossy->boxes[i].x1 != 0 &&
            now_us - p->changed_us[i] >= (int64_t)p->rules->refine_after_ms * 1000) {
            resting.boxes[i] = lossy->boxes[i];
            resting.n_dirty++;
        }
    }
    zg_damage_take(&resting, n_pixels, areas);
    zg_damage_clear(&resting);
    any = areas->len > 0;
    if (any) {
        v->output->ops->get_wish(v->output, &wish);
        wish.jpeg_quality = -1;
        job = zg_encode_job_new(&wish, areas, &p->canvas.shadow);
        encode_for(p, job, v);
    }
    return any;
}

static gboolean
refine(gpointer data)
{
    ZgPipeline *p = data;
    int64_t now_us = zg_clock_mono_us();

    p->refine = 0;
    for (unsigned i = 0; i < p->n_viewers; i++) {
        Viewer *v = p->viewers[i];
        if (v->view.lossy.n_dirty > 0) {
            refine_viewer(p, v, now_us);
        }
    }
    arm_refine(p);
    return G_SOURCE_REMOVE;
}

/* ---- the console ---- */

static void
note_changes(ZgPipeline *p)
{
    int64_t now_us = zg_clock_mono_us();
    const ZgDamage *fresh = &p->frame.fresh;

    for (int i = 0; i < fresh->columns * fresh->rows; i++) {
        if (fresh->boxes[i].x1 != 0) {
            p->changed_us[i] = now_us;
        }
    }
    for (unsigned i = 0; i < p->n_viewers; i++) {
        zg_damage_merge(&p->viewers[i]->view.dirty, fresh);
    }
    zg_canvas_note(&p->canvas, fresh);
    p->frame.generation++;
    zg_damage_reset(&p->frame.fresh);
}

static void
on_source_resize(void *user, int width, int height)
{
    ZgPipeline *p = user;

    if (width == p->frame.width && height == p->frame.height) {
        return; /* the same picture goes on, after another console was taken */
    }
    zg_frame_resize(&p->frame, width, height);
    zg_canvas_resize(&p->canvas, width, height);
    g_free(p->changed_us);
    p->changed_us = g_new0(int64_t, (size_t)p->frame.fresh.columns * (size_t)p->frame.fresh.rows);
    zg_damage_reset(&p->frame.fresh);
    for (unsigned i = 0; i < p->n_viewers; i++) {
        start_over(p, p->viewers[i]);
        p->viewers[i]->output->ops->resize(p->viewers[i]->output, width, height);
    }
    p->events->size(p->user, width, height);
}

static void
on_source_pixels(void *user, ZgRect area, const uint8_t *bgrx)
{
    ZgPipeline *p = user;

    p->has_picture = true;
    zg_frame_put(&p->frame, area, bgrx);
}

static void
on_source_copy(void *user, ZgRect to, int from_x, int from_y)
{
    zg_frame_copy(&((ZgPipeline *)user)->frame, to, from_x, from_y);
}

static void
on_source_update(void *user)
{
    ZgPipeline *p = user;

    if (p->frame.fresh.n_dirty > 0) {
        note_changes(p);
    }
    kick(p);
    for (unsigned i = 0; i < p->n_viewers; i++) {
        if (p->viewers[i]->view.dirty.n_dirty == 0 && !p->viewers[i]->busy) {
            tell_first_frame(p, p->viewers[i]);
        }
    }
}

static void
on_source_cursor(void *user, const ZgCursor *cursor)
{
    ZgPipeline *p = user;

    zg_cursor_clear(&p->cursor);
    p->cursor = *cursor;
    if (cursor->rgba != NULL) {
        g_bytes_ref(cursor->rgba);
    }
    for (unsigned i = 0; i < p->n_viewers; i++) {
        p->viewers[i]->output->ops->cursor(p->viewers[i]->output, cursor);
    }
}

static void
on_source_led(void *user, uint8_t state)
{
    ZgPipeline *p = user;

    p->led = state;
    for (unsigned i = 0; i < p->n_viewers; i++) {
        p->viewers[i]->output->ops->led(p->viewers[i]->output, state);
    }
}

static void
on_source_text(void *user, const char *text)
{
    ZgPipeline *p = user;

    for (unsigned i = 0; i < p->n_viewers; i++) {
        if (!p->viewers[i]->view_only) {
            p->viewers[i]->output->ops->offer_text(p->viewers[i]->output, text);
        }
    }
}

static void
on_source_bell(void *user)
{
    ZgPipeline *p = user;

    for (unsigned i = 0; i < p->n_viewers; i++) {
        p->viewers[i]->output->ops->bell(p->viewers[i]->output);
    }
}

static void
drop_source(ZgPipeline *p)
{
    if (p->source != NULL) {
        p->source->ops->free(p->source);
        p->source = NULL;
    }
}

static void
on_source_lost(void *user, const char *reason)
{
    ZgPipeline *p = user;
    g_autofree char *kept = g_strdup(reason);

    drop_source(p);
    p->events->console_lost(p->user, kept);
}

static const ZgSourceEvents source_events = {
    .picture = {
        .resize = on_source_resize,
        .pixels = on_source_pixels,
        .copy = on_source_copy,
        .update = on_source_update,
        .cursor = on_source_cursor,
        .led = on_source_led,
        .text = on_source_text,
        .bell = on_source_bell,
    },
    .lost = on_source_lost,
};

/* ---- viewers ---- */

static void
viewer_free(Viewer *v)
{
    v->output->ops->free(v->output);
    zg_view_clear(&v->view);
    g_free(v->id);
    g_free(v);
}

static void
on_output_changed(void *user, ZgOutput *output)
{
    Viewer *v = user;

    kick(v->pipeline);
}

static void
on_output_repaint(void *user, ZgOutput *output, ZgRect area)
{
    Viewer *v = user;

    zg_view_miss(&v->view, area); /* it may have forgotten what it had */
}

static void
on_wished_size(Viewer *v, int width, int height)
{
    ZgSource *source = v->pipeline->source;

    if (v->view_only || source == NULL || !source->ops->wish_size(source, width, height)) {
        v->output->ops->answer_size(v->output, 1); /* prohibited */
    } else {
        v->output->ops->answer_size(v->output, 4); /* forwarded; the new size comes when it does */
    }
}

static void
on_output_input(void *user, ZgOutput *output, const ZgRfbEvent *event)
{
    Viewer *v = user;
    ZgSource *source = v->pipeline->source;

    if (event->kind == ZG_RFB_EVENT_SIZE) {
        on_wished_size(v, event->area.width, event->area.height);
    } else if (v->view_only || source == NULL) {
        return;
    } else if (event->kind == ZG_RFB_EVENT_CLIPBOARD) {
        source->ops->offer_text(source, event->text);
    } else {
        zg_input_pass(source, event);
    }
}

static void
on_output_gone(void *user, ZgOutput *output, const char *reason)
{
    Viewer *v = user;
    ZgPipeline *p = v->pipeline;
    g_autofree char *id = g_strdup(v->id), *kept = g_strdup(reason);

    for (unsigned i = 0; i < p->n_viewers; i++) {
        if (p->viewers[i] == v) {
            p->viewers[i] = p->viewers[--p->n_viewers];
            break;
        }
    }
    if (!v->view_only) {
        zg_input_release(p->source, output);
    }
    p->events->viewer_gone(p->user, id, kept); /* before its stream is closed */
    viewer_free(v);
}

static const ZgOutputEvents output_events = {
    .changed = on_output_changed,
    .repaint = on_output_repaint,
    .input = on_output_input,
    .gone = on_output_gone,
};

static Viewer *
find_viewer(const ZgPipeline *p, const char *id)
{
    for (unsigned i = 0; i < p->n_viewers; i++) {
        if (g_str_equal(p->viewers[i]->id, id)) {
            return p->viewers[i];
        }
    }
    return NULL;
}

static bool
may_add(const ZgPipeline *p, const char *id, GError **error)
{
    if (find_viewer(p, id) != NULL) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_CONFLICT, "viewer '%s' is here already", id);
        return false;
    }
    if (p->n_viewers == ZG_VIEWERS_MAX) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_UNAVAILABLE, "%d viewers are watching already",
                    ZG_VIEWERS_MAX);
        return false;
    }
    return true;
}

bool
zg_pipeline_add_viewer(ZgPipeline *p, int fd, const ZgViewerOptions *options, GError **error)
{
    g_auto(ZgFd) held = fd;
    Viewer *v;
    ZgOutputRfbOptions output_options = {
        .start = options->start,
        .title = p->title,
        .width = p->frame.width,
        .height = p->frame.height,
        .state = options->state,
        .n_state = options->n_state,
    };

    if (!may_add(p, options->id, error)) {
        return false;
    }
    v = g_new0(Viewer, 1);
    v->output = zg_output_rfb_new(zg_fd_steal(&held), &output_options, &output_events, v, error);
    if (v->output == NULL) {
        g_free(v);
        return false;
    }
    v->pipeline = p;
    v->id = g_strdup(options->id);
    v->view_only = options->view_only;
    v->budget_pixels = BUDGET_PIXELS_MAX;
    zg_effort_init(&v->effort, zg_clock_mono_us());
    v->output->ops->set_interval(v->output, p->rules->min_interval_us);
    start_over(p, v);
    v->output->ops->cursor(v->output, &p->cursor);
    v->output->ops->led(v->output, p->led);
    p->viewers[p->n_viewers++] = v;
    kick(p);
    return true;
}

/* An update that was not asked for: viewers take it, and what follows is the real picture. */
static void
send_banner(ZgPipeline *p, Viewer *v, const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    g_autofree uint32_t *pixels = NULL;
    ZgBlob *blob;
    ZgTile tile;
    ZgEncodeWish wish;
    int width, height;

    if (!v->output->ops->is_ready(v->output)) {
        return;
    }
    v->output->ops->bell(v->output);
    v->output->ops->get_size(v->output, &width, &height);
    pixels = zg_banner_draw(MIN(width, p->frame.width), MIN(height, p->frame.height), valid,
                            &tile.area);
    if (pixels == NULL || tile.area.width * tile.area.height > ZG_TILE_PIXELS_MAX) {
        return;
    }
    tile.pixels = pixels;
    tile.stride = (size_t)tile.area.width;
    v->output->ops->get_wish(v->output, &wish);
    blob = zg_encoder_set_encode(&p->encoders, &tile, &wish);
    v->output->ops->send(v->output, &blob, 1);
    v->view.overlaid = true; /* until remove_message() */
    zg_blob_unref(blob);
}

bool
zg_pipeline_cut(ZgPipeline *p, const char *id, const char *reason, const char *text)
{
    Viewer *v = find_viewer(p, id);

    if (v == NULL) {
        return false;
    }
    if (text != NULL && text[0] != '\0') {
        send_banner(p, v, text);
    }
    if (!v->view_only) {
        zg_input_release(p->source, v->output);
    }
    v->view_only = true;
    v->output->ops->finish(v->output, reason);
    return true;
}

static gboolean
remove_message(gpointer data)
{
    ZgPipeline *p = data;

    p->message_timer = 0;
    for (unsigned i = 0; i < p->n_viewers; i++) {
        start_over(p, p->viewers[i]);
    }
    kick(p);
    return G_SOURCE_REMOVE;
}

void
zg_pipeline_message(ZgPipeline *p, const char *text)
{
    for (unsigned i = 0; i < p->n_viewers; i++) {
        send_banner(p, p->viewers[i], text);
    }
    g_clear_handle_id(&p->message_timer, g_source_remove);
    p->message_timer = g_timeout_add(MESSAGE_SHOWN_MS, remove_message, p);
}

GBytes *
zg_pipeline_export(ZgPipeline *p, const char *id)
{
    Viewer *v = find_viewer(p, id);
    GBytes *state = v == NULL ? NULL : v->output->ops->export_state(v->output);

    if (state != NULL) {
        v->view_only = true; /* held keys stay held: the next worker knows them */
        v->output->ops->finish(v->output, "exported");
    }
    return state;
}

/* ---- life ---- */

static gboolean
on_tick(gpointer data)
{
    ZgPipeline *p = data;
    int64_t now_us = zg_clock_mono_us();

    for (unsigned i = 0; i < p->n_viewers; i++) {
        p->viewers[i]->output->ops->tick(p->viewers[i]->output, now_us);
    }
    if (p->source != NULL) {
        p->source->ops->request(p->source); /* nobody watches: the picture is kept about fresh */
    }
    return G_SOURCE_CONTINUE;
}

ZgPipeline *
zg_pipeline_new(const char *title, const ZgPipelineEvents *events, void *user)
{
    ZgPipeline *p = g_new0(ZgPipeline, 1);

    p->title = g_strdup(title);
    p->rules = zg_quality_rules(ZG_PROFILE_LAN);
    p->events = events;
    p->user = user;
    zg_frame_init(&p->frame, FIRST_WIDTH, FIRST_HEIGHT);
    zg_canvas_init(&p->canvas, FIRST_WIDTH, FIRST_HEIGHT);
    p->changed_us = g_new0(int64_t, (size_t)p->frame.fresh.columns * (size_t)p->frame.fresh.rows);
    p->flights = g_ptr_array_new_with_free_func(flight_free);
    p->tick = g_timeout_add(TICK_MS, on_tick, p);
    return p;
}

void
zg_pipeline_free(ZgPipeline *p)
{
    if (p == NULL) {
        return;
    }
    while (p->n_viewers > 0) {
        viewer_free(p->viewers[--p->n_viewers]);
    }
    zg_worker_pool_free(p->pool);
    while (p->flights->len > 0) { /* encoded already; their `done` waits on the loop */
        g_main_context_iteration(NULL, TRUE);
    }
    if (p->thread_encoders != NULL) {
        zg_encoder_set_clear(p->thread_encoders);
        g_free(p->thread_encoders);
    }
    g_clear_handle_id(&p->tick, g_source_remove);
    g_clear_handle_id(&p->refine, g_source_remove);
    g_clear_handle_id(&p->message_timer, g_source_remove);
    drop_source(p);
    g_ptr_array_unref(p->flights);
    zg_encoder_set_clear(&p->encoders);
    zg_canvas_clear(&p->canvas);
    zg_frame_clear(&p->frame);
    zg_cursor_clear(&p->cursor);
    g_free(p->changed_us);
    g_free(p->title);
    g_free(p);
}

void
zg_pipeline_set_title(ZgPipeline *p, const char *title)
{
    g_free(p->title);
    p->title = g_strdup(title);
}

void
zg_pipeline_set_profile(ZgPipeline *p, ZgProfile profile)
{
    p->rules = zg_quality_rules(profile);
    for (unsigned i = 0; i < p->n_viewers; i++) {
        p->viewers[i]->output->ops->set_interval(p->viewers[i]->output, p->rules->min_interval_us);
    }
}

void
zg_pipeline_take_console(ZgPipeline *p, int fd)
{
    drop_source(p);
    p->source = zg_source_vnc_new(fd, &source_events, p);
}

bool
zg_pipeline_has_console(const ZgPipeline *p)
{
    return p->source != NULL;
}

unsigned
zg_pipeline_count_viewers(const ZgPipeline *p)
{
    return p->n_viewers;
}

unsigned
zg_pipeline_get_stats(ZgPipeline *p, ZgViewerStats *out_stats, unsigned n)
{
    n = MIN(n, p->n_viewers);
    for (unsigned i = 0; i < n; i++) {
        Viewer *v = p->viewers[i];
        ZgEncodeWish wish;
        v->output->ops->get_wish(v->output, &wish);
        out_stats[i] = (ZgViewerStats){
            .id = v->id,
            .encoding = zg_encode_wish_name(&wish),
            .jpeg = wish.tight && zg_quality_level(&v->quality, p->rules, wish.jpeg_quality) >= 0,
        };
        out_stats[i].bottleneck =
            zg_effort_judge(&v->effort, zg_clock_mono_us(), &out_stats[i].fps);
        v->output->ops->get_stats(v->output, &out_stats[i].output);
    }
    return n;
}
