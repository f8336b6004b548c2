/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pictures out: for whom, how much, on which thread; and exact again once an area rests. */
#include "display/pipeline_priv.h"

#include "common/base/clock.h"
#include "display/encode_job.h"
#include "display/out_queue.h"
#include "display/out_zaguan.h"
#include "display/pace.h"

#define REFINE_MS_LEAST 20 /* from one look for areas that have rested to the next */
#define REFINE_MS_MOST 100 /* by then something may have become clear */
#define REFINE_PIXELS 131072   /* made exact at once at most */
#define REFINE_PIXELS_LEAST 16384
#define REFINE_LINK_US 80000   /* and about so much of the link, so that new pictures wait little */
#define REFINE_BYTES_PER_PIXEL 2.0
#define REFINE_SOON_US 700000  /* a link with plenty is done within a second all the same */
#define BUDGET_PIXELS_LEAST 65536
#define INTERACTIVE_US 1000000 /* after input */

typedef struct {
    ZgPipelineViewer *viewer; /* compared with the living ones before use */
    unsigned serial;
} JobTarget;

typedef struct {
    ZgPipeline *pipeline; /* NULL once it is gone */
    ZgEncodeJob *job;
    JobTarget targets[ZG_VIEWERS_MAX];
    unsigned n_targets;
} Flight;

/* ---- pictures out ---- */

void
zg_pipeline_start_over(ZgPipeline *p, ZgPipelineViewer *v)
{
    zg_view_start_over(&v->view, p->frame.width, p->frame.height);
    v->serial++;
    zg_damage_clear(&v->urgent);
    zg_damage_init(&v->urgent, p->frame.width, p->frame.height);
    v->behind = false;
}

/* Before a console has painted, viewers are sent black; it counts once the console agrees. */
void
zg_pipeline_tell_first_frame(ZgPipeline *p, ZgPipelineViewer *v)
{
    if (p->has_picture && v->has_update && !v->told_first_frame) {
        v->told_first_frame = true;
        p->events->first_frame(p->user, v->id);
    }
}

/* Somebody who types or clicks waits for an answer: updates are cut smaller, so that it passes. */
static size_t
get_budget(const ZgPipeline *p, const ZgPipelineViewer *v)
{
    size_t n_bytes = v->output->ops->get_budget(v->output);

    return zg_clock_mono_us() - p->input_us < INTERACTIVE_US ? n_bytes / 2 : n_bytes;
}

/* How long the link needs for so much; 0 unknown. */
static int64_t
link_us(const ZgPipelineViewer *v, size_t n_bytes)
{
    ZgOutputStats stats;

    v->output->ops->get_stats(v->output, &stats);
    return stats.bytes_per_s == 0 ? 0 : (int64_t)n_bytes * G_USEC_PER_SEC / stats.bytes_per_s;
}

static bool
has_plenty(const ZgPipelineViewer *v)
{
    ZgOutputStats stats;

    v->output->ops->get_stats(v->output, &stats);
    return stats.bytes_per_s > ZG_OUTPUT_BYTES_PER_S_PLENTY;
}

static void
note_lossy(ZgPipeline *p, ZgPipelineViewer *v, const GPtrArray *blobs, size_t n_bytes)
{
    ZgEncodeWish wish;

    for (guint i = 0; i < blobs->len; i++) {
        const ZgBlob *blob = g_ptr_array_index(blobs, i);
        if (!zg_rect_is_empty(blob->lossy)) {
            v->output->ops->get_wish(v->output, &wish);
            zg_quality_note(&v->quality, p->rules, wish.jpeg_quality, link_us(v, n_bytes),
                            zg_clock_mono_us());
            return;
        }
    }
}

/* What the next update may hold; exact pixels tell nothing of that, they cost many times more. */
static void
note_cost(ZgPipelineViewer *v, size_t n_bytes, int64_t n_pixels, bool was_cut)
{
    v->bytes_per_pixel = zg_pace_cost(v->bytes_per_pixel, n_bytes, n_pixels);
    if (was_cut) {
        v->budget_pixels = MAX(n_pixels, BUDGET_PIXELS_LEAST);
    } else {
        v->budget_pixels = MIN(v->budget_pixels * 2, ZG_BUDGET_PIXELS_MAX);
    }
}

/* Adds the blobs that about fit what one update may take. */
static void
add_tiles(const ZgEncodeJob *job, size_t n_bytes, size_t most_bytes, GPtrArray *blobs)
{
    size_t n_parts = 0;

    for (guint n = 0; n < job->blobs->len; n++) {
        ZgBlob *blob = g_ptr_array_index(job->blobs, n);
        n_bytes += blob->n_wire;
        n_parts += blob->n_parts;
        if (n > 0 && (n_bytes > most_bytes || n_parts > ZG_ZAGUAN_UPDATE_MAX)) {
            return;
        }
        g_ptr_array_add(blobs, blob);
    }
}

/* Sends what fits into a bounded queue; the rest is dirty again and the next update is smaller. */
static void
deliver(ZgPipeline *p, ZgPipelineViewer *v, const ZgEncodeJob *job)
{
    g_autoptr(GPtrArray) blobs = g_ptr_array_new();
    size_t n_bytes = 0;
    int64_t n_pixels = 0;
    guint n_first, n;
    ZgBlob *film = zg_canvas_take_film(&p->canvas, &v->view, job);

    if (job->first != NULL) {
        g_ptr_array_add(blobs, job->first);
    }
    if (film != NULL) {
        g_ptr_array_add(blobs, film);
        n_bytes += film->n_bytes;
    }
    n_first = blobs->len;
    add_tiles(job, n_bytes, get_budget(p, v), blobs);
    n = (guint)v->output->ops->send(v->output, (ZgBlob *const *)blobs->pdata, blobs->len);
    if (n < n_first || n == 0) { /* it has said much meanwhile */
        v->view.film_no = 0;
        zg_view_miss_job(&v->view, job, 0, false);
        return;
    }
    g_ptr_array_set_size(blobs, (gint)n);
    n -= n_first;
    v->sent.copyrect |= job->first != NULL;
    v->sent.h264 |= film != NULL;
    for (guint i = 0; i < n; i++) {
        const ZgBlob *blob = g_ptr_array_index(job->blobs, i);
        ZgRect tile = g_array_index(job->tiles, ZgRect, i);
        v->sent.jpeg |= !zg_rect_is_empty(blob->lossy);
        n_bytes += blob->n_wire;
        n_pixels += (int64_t)tile.width * tile.height;
    }
    zg_view_note_job(&v->view, job, n);
    zg_view_miss_job(&v->view, job, n, true);
    note_lossy(p, v, blobs, n_bytes);
    zg_effort_sent(&v->effort);
    v->behind |= n < job->blobs->len;
    if (!job->refines) {
        note_cost(v, n_bytes - (film != NULL ? film->n_bytes : 0), n_pixels, n < job->blobs->len);
    }
    v->has_update = true;
    zg_pipeline_tell_first_frame(p, v);
}

static ZgPipelineViewer *
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
still_fits(const ZgPipelineViewer *v, const ZgEncodeJob *job)
{
    ZgEncodeWish wish;

    v->output->ops->get_wish(v->output, &wish);
    return zg_encode_wish_same_kind(&wish, &job->wish) && (job->first == NULL || wish.copyrect) &&
           (job->h264 == NULL || wish.h264) &&
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
        ZgPipelineViewer *v = find_target(p, &flight->targets[i]);
        if (v != NULL && still_fits(v, flight->job)) {
            deliver(p, v, flight->job);
        } else if (v != NULL) {
            zg_view_miss_job(&v->view, flight->job, 0, false);
        }
    }
    g_ptr_array_remove_fast(p->flights, flight); /* frees it */
    zg_pipeline_kick(p);
}

void
zg_pipeline_flight_free(gpointer data)
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
encode_for(ZgPipeline *p, ZgEncodeJob *job, ZgPipelineViewer *v)
{
    Flight *flight = job->done ? NULL : find_flight(p, job);

    if (job->h264 != NULL || job->n_pixels > ZG_ENCODE_ON_LOOP_PIXELS) {
        p->burst_us = zg_clock_mono_us();
    }
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
is_idle(const ZgPipelineViewer *v)
{
    return !v->busy && v->output->ops->wants_picture(v->output);
}

static bool
somebody_takes_moves(const ZgPipeline *p)
{
    for (unsigned i = 0; i < p->n_viewers; i++) {
        const ZgPipelineViewer *v = p->viewers[i];
        ZgEncodeWish wish;
        v->output->ops->get_wish(v->output, &wish);
        if (wish.copyrect && v->view.step == p->canvas.step) {
            return true;
        }
    }
    return false;
}

static void
feed_viewer(ZgPipeline *p, ZgPipelineViewer *v)
{
    g_autoptr(ZgEncodeJob) job = NULL;
    int64_t budget = v->budget_pixels;
    ZgEncodeWish wish;

    v->output->ops->get_wish(v->output, &wish);
    wish.jpeg_quality = zg_quality_level(&v->quality, p->rules, wish.jpeg_quality);
    v->output->ops->get_size(v->output, &v->view.width, &v->view.height);
    budget = MIN(budget, zg_pace_pixels(get_budget(p, v), v->bytes_per_pixel));
    if (!wish.tight) {
        budget = MIN(budget, ZG_OUT_UPDATE_BYTES_MAX / (wish.format.bits_per_pixel / 8));
    }
    if (v->behind && v->urgent.n_dirty > 0) {
        job = zg_canvas_urgent_job(&p->canvas, &p->frame, &v->view, &wish, &v->urgent,
                                   somebody_takes_moves(p));
        if (job == NULL && v->urgent.n_dirty > 0) {
            return; /* the shadow is being read; its reader kicks us */
        }
    }
    if (job == NULL) {
        zg_damage_reset(&v->urgent);
        job = zg_canvas_next_job(&p->canvas, &p->frame, &v->view, &wish, budget,
                                 somebody_takes_moves(p));
        v->behind = job != NULL && v->view.dirty.n_dirty > 0;
    }
    if (job != NULL) {
        encode_for(p, job, v);
    }
}

/* Is somebody waiting for something newer than what is already on its way? */
static bool
somebody_keeps_up(const ZgPipeline *p)
{
    for (unsigned i = 0; i < p->n_viewers; i++) {
        const ZgPipelineViewer *v = p->viewers[i];
        if (v->view.dirty.n_dirty == 0 || (!v->busy && v->output->ops->wants_soon(v->output))) {
            return true;
        }
    }
    return false;
}

static gboolean refine(gpointer data);
static bool refine_viewer(ZgPipeline *p, ZgPipelineViewer *v, int64_t now_us);

static void
note_effort(ZgPipelineViewer *v, int64_t now_us)
{
    ZgEffortKind kind = v->busy                       ? ZG_EFFORT_ENCODER
                        : v->view.dirty.n_dirty == 0 ||
                                v->output->ops->wants_picture(v->output)
                            ? ZG_EFFORT_GUEST
                            : v->output->ops->waits_for(v->output);

    zg_effort_enter(&v->effort, kind, now_us);
}

static void
arm_refine(ZgPipeline *p, int64_t now_us)
{
    int64_t rested_us = INT64_MAX;

    for (unsigned i = 0; i < p->n_viewers; i++) {
        if (p->viewers[i]->view.lossy.n_dirty > 0) {
            rested_us = MIN(rested_us, p->viewers[i]->rested_us);
        }
    }
    if (rested_us != INT64_MAX && p->refine == 0) {
        int64_t ms = (rested_us - now_us) / 1000 + 1;
        p->refine = g_timeout_add((guint)CLAMP(ms, REFINE_MS_LEAST, REFINE_MS_MOST), refine, p);
    }
}

void
zg_pipeline_kick(ZgPipeline *p)
{
    int64_t now_us = zg_clock_mono_us();

    for (unsigned i = 0; i < p->n_viewers; i++) {
        ZgPipelineViewer *v = p->viewers[i];
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
        zg_source_request(p->source);
    }
    arm_refine(p, now_us);
}

/* ---- exact again, once an area rests ---- */

/* From spare bandwidth only: there is nothing new, and the link is free. */
static bool
refine_viewer(ZgPipeline *p, ZgPipelineViewer *v, int64_t now_us)
{
    g_autoptr(GArray) areas = g_array_new(FALSE, FALSE, sizeof(ZgRect));
    g_autoptr(ZgEncodeJob) job = NULL;
    const ZgDamage *lossy = &v->view.lossy;
    ZgEncodeWish wish;
    ZgOutputStats stats;
    ZgDamage resting;
    int64_t n_pixels = REFINE_PIXELS;
    int64_t rest_us = (int64_t)p->rules->refine_after_ms * 1000;
    bool any;

    v->rested_us = now_us; /* look again soon, unless more is known */
    if (v->view.dirty.n_dirty > 0 || !zg_canvas_is_current(&p->canvas, &v->view) || !is_idle(v)) {
        return false;
    }
    v->output->ops->get_stats(v->output, &stats);
    if (stats.bytes_per_s > 0) {
        double n_bytes = (double)stats.bytes_per_s * REFINE_LINK_US / G_USEC_PER_SEC;
        n_pixels = (int64_t)CLAMP(n_bytes / REFINE_BYTES_PER_PIXEL, REFINE_PIXELS_LEAST,
                                  REFINE_PIXELS);
    }
    rest_us = zg_browsing_rest_us(
        &p->browsing, has_plenty(v) ? MAX(rest_us, REFINE_SOON_US) : rest_us, now_us);
    zg_damage_init(&resting, p->frame.width, p->frame.height);
    v->rested_us = INT64_MAX;
    for (int i = 0; i < lossy->columns * lossy->rows; i++) {
        int64_t over_us = zg_browsing_over_us(&p->browsing, p->changed_us[i], rest_us);
        if (lossy->boxes[i].x1 != 0 && over_us <= now_us) {
            resting.boxes[i] = lossy->boxes[i];
            resting.n_dirty++;
        } else if (lossy->boxes[i].x1 != 0) {
            v->rested_us = MIN(v->rested_us, over_us);
        }
    }
    zg_damage_take(&resting, n_pixels, areas);
    zg_damage_clear(&resting);
    any = areas->len > 0;
    if (any) {
        v->rested_us = now_us;
        v->output->ops->get_wish(v->output, &wish);
        wish.jpeg_quality = -1;
        job = zg_encode_job_new(&wish, areas, &p->canvas.shadow);
        job->refines = true;
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
        ZgPipelineViewer *v = p->viewers[i];
        if (v->view.lossy.n_dirty > 0) {
            refine_viewer(p, v, now_us);
        }
    }
    arm_refine(p, now_us);
    return G_SOURCE_REMOVE;
}
