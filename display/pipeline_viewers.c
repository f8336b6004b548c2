/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Viewers of a pipeline: they come, speak, are told things and go. */
#include "display/pipeline_priv.h"

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/fd.h"
#include "display/banner.h"
#include "display/input.h"

#define MESSAGE_SHOWN_MS 8000
#define WISH_MS 200 /* a guest needs about so long to change its mode */

void
zg_pipeline_viewer_free(ZgPipelineViewer *v)
{
    v->output->ops->free(v->output);
    zg_view_clear(&v->view);
    zg_damage_clear(&v->urgent);
    g_free(v->id);
    g_free(v);
}

static void
on_output_changed(void *user, ZgOutput *output)
{
    ZgPipelineViewer *v = user;

    zg_pipeline_kick(v->pipeline);
}

static void
on_output_repaint(void *user, ZgOutput *output, ZgRect area)
{
    ZgPipelineViewer *v = user;

    zg_view_miss(&v->view, area); /* it may have forgotten what it had */
}

static gboolean
pass_wish(gpointer data)
{
    ZgPipeline *p = data;

    p->wish_timer = 0;
    if (p->wished_width != 0 && p->source != NULL) {
        zg_source_wish_size(p->source, p->wished_width, p->wished_height);
        p->wish_timer = g_timeout_add(WISH_MS, pass_wish, p);
    }
    p->wished_width = p->wished_height = 0;
    return G_SOURCE_REMOVE;
}

/* A window's edge that is dragged wishes a size with each pixel: the newest one counts. */
static bool
wish_size(ZgPipeline *p, int width, int height)
{
    if (p->source == NULL || !zg_screen_is_allowed(width, height)) {
        return false;
    }
    if (p->wish_timer != 0) {
        p->wished_width = width;
        p->wished_height = height;
        return true;
    }
    p->wish_timer = g_timeout_add(WISH_MS, pass_wish, p);
    return zg_source_wish_size(p->source, width, height);
}

static void
on_wished_size(ZgPipelineViewer *v, int width, int height)
{
    if (v->view_only || !wish_size(v->pipeline, width, height)) {
        v->output->ops->answer_size(v->output, 1); /* prohibited */
    } else {
        v->output->ops->answer_size(v->output, 4); /* forwarded; the new size comes when it does */
    }
}

static void
on_output_input(void *user, ZgOutput *output, const ZgRfbEvent *event)
{
    ZgPipelineViewer *v = user;
    ZgSource *source = v->pipeline->source;

    if (event->kind == ZG_RFB_EVENT_SIZE) {
        on_wished_size(v, event->area.width, event->area.height);
        return;
    }
    if (v->view_only || source == NULL) {
        return;
    }
    v->pipeline->touched_us = zg_clock_mono_us();
    if (event->kind == ZG_RFB_EVENT_CLIPBOARD) {
        zg_source_offer_text(source, event->text);
    } else {
        v->pipeline->input_us = zg_clock_mono_us();
        zg_input_pass(source, event);
    }
}

static void
on_output_gone(void *user, ZgOutput *output, const char *reason)
{
    ZgPipelineViewer *v = user;
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
    zg_pipeline_viewer_free(v);
    zg_pipeline_tell_source(p);
}

static const ZgOutputEvents output_events = {
    .changed = on_output_changed,
    .repaint = on_output_repaint,
    .input = on_output_input,
    .gone = on_output_gone,
};

static ZgPipelineViewer *
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
    ZgPipelineViewer *v;
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
    v = g_new0(ZgPipelineViewer, 1);
    v->output = zg_output_rfb_new(zg_fd_steal(&held), &output_options, &output_events, v, error);
    if (v->output == NULL) {
        g_free(v);
        return false;
    }
    v->pipeline = p;
    v->id = g_strdup(options->id);
    v->view_only = options->view_only;
    v->budget_pixels = ZG_BUDGET_PIXELS_MAX;
    zg_effort_init(&v->effort, zg_clock_mono_us());
    v->output->ops->set_interval(v->output, p->rules->min_interval_us);
    zg_pipeline_start_over(p, v);
    v->output->ops->cursor(v->output, &p->cursor);
    v->output->ops->led(v->output, p->led);
    p->viewers[p->n_viewers++] = v;
    p->touched_us = zg_clock_mono_us();
    zg_pipeline_tell_source(p);
    zg_pipeline_kick(p);
    return true;
}

/* An update that was not asked for: viewers take it, and what follows is the real picture. */
static void
send_banner(ZgPipeline *p, ZgPipelineViewer *v, const char *text)
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
    ZgPipelineViewer *v = find_viewer(p, id);

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
        zg_pipeline_start_over(p, p->viewers[i]);
    }
    zg_pipeline_kick(p);
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
    ZgPipelineViewer *v = find_viewer(p, id);
    GBytes *state = v == NULL ? NULL : v->output->ops->export_state(v->output);

    if (state != NULL) {
        v->view_only = true; /* held keys stay held: the next worker knows them */
        v->output->ops->finish(v->output, "exported");
    }
    return state;
}

unsigned
zg_pipeline_count_viewers(const ZgPipeline *p)
{
    return p->n_viewers;
}

static ZgSent
end_of_period(ZgPipelineViewer *v)
{
    if (v->effort.n_updates > 0) {
        v->in_use = v->sent;
        v->sent = (ZgSent){0};
    }
    return v->in_use;
}

unsigned
zg_pipeline_get_stats(ZgPipeline *p, ZgViewerStats *out_stats, unsigned n)
{
    n = MIN(n, p->n_viewers);
    for (unsigned i = 0; i < n; i++) {
        ZgPipelineViewer *v = p->viewers[i];
        ZgEncodeWish wish;
        v->output->ops->get_wish(v->output, &wish);
        out_stats[i] = (ZgViewerStats){
            .id = v->id,
            .encoding = zg_encode_wish_name(&wish),
            .in_use = end_of_period(v),
        };
        out_stats[i].idle_s = (zg_clock_mono_us() - p->touched_us) / G_USEC_PER_SEC;
        out_stats[i].bottleneck =
            zg_effort_judge(&v->effort, zg_clock_mono_us(), &out_stats[i].fps);
        v->output->ops->get_stats(v->output, &out_stats[i].output);
    }
    return n;
}
