/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/pipeline_priv.h"

#include <malloc.h>
#include <unistd.h>

#include "common/base/clock.h"

#define FIRST_WIDTH 800 /* until the console has told its size */
#define FIRST_HEIGHT 600
#define TICK_MS 1000
#define BURST_OVER_US 3000000
#define URGENT_AFTER_INPUT_US 500000 /* what changes so soon is an echo, */
#define URGENT_PIXELS_MOST 40000     /* when it is as small as this */

/* ---- the console ---- */

static void
note_changes(ZgPipeline *p)
{
    int64_t now_us = zg_clock_mono_us();
    const ZgDamage *fresh = &p->frame.fresh;

    zg_browsing_note(&p->browsing, (int)fresh->n_dirty, now_us);
    for (int i = 0; i < fresh->columns * fresh->rows; i++) {
        if (fresh->boxes[i].x1 != 0) {
            p->changed_us[i] = now_us;
        }
    }
    for (unsigned i = 0; i < p->n_viewers; i++) {
        zg_damage_merge(&p->viewers[i]->view.dirty, fresh);
        if (now_us - p->input_us < URGENT_AFTER_INPUT_US &&
            zg_damage_pixels(fresh) <= URGENT_PIXELS_MOST) {
            zg_damage_merge(&p->viewers[i]->urgent, fresh);
        }
    }
    zg_canvas_note(&p->canvas, fresh, now_us);
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
        zg_pipeline_start_over(p, p->viewers[i]);
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
    zg_pipeline_kick(p);
    for (unsigned i = 0; i < p->n_viewers; i++) {
        if (p->viewers[i]->view.dirty.n_dirty == 0 && !p->viewers[i]->busy) {
            zg_pipeline_tell_first_frame(p, p->viewers[i]);
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
    GRefString *shared = g_ref_string_new(text);

    for (unsigned i = 0; i < p->n_viewers; i++) {
        if (!p->viewers[i]->view_only) {
            p->viewers[i]->output->ops->offer_text(p->viewers[i]->output, shared);
        }
    }
    g_ref_string_release(shared);
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
    g_clear_pointer(&p->source, zg_source_free);
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

/* ---- life ---- */

/* What encoders needed for a burst stays in the heaps of both threads until it is trimmed. */
static void
give_memory_back(ZgPipeline *p)
{
    p->burst_us = 0;
    zg_canvas_rest(&p->canvas);
    zg_encoder_set_clear(&p->encoders);
    if (p->thread_encoders != NULL && p->flights->len == 0) {
        zg_encoder_set_clear(p->thread_encoders); /* nobody works with them */
    }
    malloc_trim(0);
}

static gboolean
on_tick(gpointer data)
{
    ZgPipeline *p = data;
    int64_t now_us = zg_clock_mono_us();

    for (unsigned i = 0; i < p->n_viewers; i++) {
        p->viewers[i]->output->ops->tick(p->viewers[i]->output, now_us);
    }
    if (p->burst_us != 0 && now_us - p->burst_us > BURST_OVER_US) {
        give_memory_back(p);
    }
    if (p->source != NULL) {
        zg_source_request(p->source); /* nobody watches: the picture is kept about fresh */
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
    p->flights = g_ptr_array_new_with_free_func(zg_pipeline_flight_free);
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
        zg_pipeline_viewer_free(p->viewers[--p->n_viewers]);
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
    g_clear_handle_id(&p->wish_timer, g_source_remove);
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
    p->source = zg_source_new(fd, &source_events, p);
    zg_pipeline_tell_source(p);
}

void
zg_pipeline_take_pictures(ZgPipeline *p, int fd)
{
    if (p->source != NULL) {
        zg_source_take_pictures(p->source, fd);
    } else {
        close(fd); /* the console it belonged to has just gone */
    }
}

void
zg_pipeline_tell_source(ZgPipeline *p)
{
    if (p->source != NULL) {
        zg_source_watch(p->source, p->n_viewers > 0);
    }
}

bool
zg_pipeline_has_console(const ZgPipeline *p)
{
    return p->source != NULL;
}
