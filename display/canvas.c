/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/canvas.h"

#include "display/tile_class.h"

#define FILM_CELL 64

static void
drop_job(gpointer job)
{
    zg_encode_job_unref(job);
}

void
zg_canvas_init(ZgCanvas *c, int width, int height)
{
    *c = (ZgCanvas){.step = 2}; /* a new view, 0, does not have the one before */
    zg_shadow_init(&c->shadow, width, height);
    zg_damage_init(&c->since, width, height);
    zg_film_init(&c->film, width, height);
    c->areas = g_array_new(FALSE, FALSE, sizeof(ZgRect));
    c->moves = g_array_new(FALSE, FALSE, sizeof(ZgMove));
    c->jobs = g_ptr_array_new_with_free_func(drop_job);
}

void
zg_canvas_clear(ZgCanvas *c)
{
    g_ptr_array_unref(c->jobs);
    g_array_unref(c->areas);
    g_array_unref(c->moves);
    zg_damage_clear(&c->since);
    zg_film_clear(&c->film);
    zg_h264_unref(c->h264);
    zg_shadow_clear(&c->shadow);
}

/* A step of which nobody can have the one before. */
static void
forget_step(ZgCanvas *c)
{
    c->step += 2;
    g_ptr_array_set_size(c->jobs, 0);
    g_array_set_size(c->areas, 0);
    g_array_set_size(c->moves, 0);
}

void
zg_canvas_resize(ZgCanvas *c, int width, int height)
{
    zg_shadow_resize(&c->shadow, width, height);
    zg_damage_clear(&c->since);
    zg_damage_init(&c->since, width, height);
    zg_damage_add(&c->since, (ZgRect){0, 0, width, height});
    zg_film_clear(&c->film);
    zg_film_init(&c->film, width, height);
    g_clear_pointer(&c->h264, zg_h264_unref);
    c->film_in_step = false;
    c->n_readers = 0; /* they keep the old pixels */
    forget_step(c);
}

void
zg_canvas_note(ZgCanvas *c, const ZgDamage *fresh, int64_t now_us)
{
    c->changed_us = now_us;
    zg_damage_merge(&c->since, fresh);
}

/* ---- steps ---- */

static int64_t
count_pixels(const GArray *areas)
{
    int64_t n = 0;

    for (guint i = 0; i < areas->len; i++) {
        const ZgRect *r = &g_array_index(areas, ZgRect, i);
        n += (int64_t)r->width * r->height;
    }
    return n;
}

/* Text that scrolls by is no film: that is told by what it looks like. */
static bool
looks_like_film(const ZgCanvas *c, ZgRect area)
{
    g_autofree ZgPalette *scratch = g_new(ZgPalette, 1);
    int n_photo = 0, n = 0;

    for (int y = area.y; y + FILM_CELL <= area.y + area.height; y += FILM_CELL) {
        for (int x = area.x; x + FILM_CELL <= area.x + area.width; x += FILM_CELL, n++) {
            uint32_t colour;
            n_photo += zg_tile_classify(c->shadow.pixels + (size_t)y * (size_t)c->shadow.width + x,
                                        (size_t)c->shadow.width, FILM_CELL, FILM_CELL, scratch,
                                        &colour) == ZG_CLASS_PHOTO;
        }
    }
    return n_photo * 2 > n;
}

static void
follow_film(ZgCanvas *c, int64_t now_us)
{
    if (zg_film_note(&c->film, c->areas, now_us)) {
        g_clear_pointer(&c->h264, zg_h264_unref);
        if (!zg_rect_is_empty(c->film.area) && !looks_like_film(c, c->film.area)) {
            zg_film_reject(&c->film);
        }
    }
    c->film_in_step = false;
    for (guint i = 0; i < c->areas->len && !zg_rect_is_empty(c->film.area); i++) {
        c->film_in_step |= zg_rect_overlaps(c->film.area, g_array_index(c->areas, ZgRect, i));
    }
}

/* A film is sent as such: looking for what moved inside it would cost and gain nothing. */
static bool
is_worth_moves(const ZgCanvas *c)
{
    ZgRect film = c->film.area;
    int64_t n_beside = 0;

    for (int i = 0; i < c->since.columns * c->since.rows; i++) {
        const ZgBlockBox *box = &c->since.boxes[i];
        int x = i % c->since.columns * ZG_BLOCK_SIDE, y = i / c->since.columns * ZG_BLOCK_SIDE;
        bool inside = x + box->x0 >= film.x && x + box->x1 <= film.x + film.width &&
                      y + box->y0 >= film.y && y + box->y1 <= film.y + film.height;
        n_beside += inside ? 0 : (box->x1 - box->x0) * (box->y1 - box->y0);
    }
    return n_beside >= ZG_MOVES_PIXELS_LEAST;
}

/* The shadow becomes the frame. */
static void
advance(ZgCanvas *c, const ZgFrame *frame, bool with_moves)
{
    c->step++;
    g_ptr_array_set_size(c->jobs, 0);
    g_array_set_size(c->areas, 0);
    g_array_set_size(c->moves, 0);
    if (with_moves && is_worth_moves(c)) {
        zg_shadow_move(&c->shadow, frame->pixels, &c->since, c->moves);
    }
    zg_damage_take(&c->since, INT64_MAX, c->areas);
    zg_shadow_trim(&c->shadow, frame->pixels, c->areas);
    zg_shadow_take(&c->shadow, frame->pixels, c->areas);
    c->n_pixels = count_pixels(c->areas);
    follow_film(c, c->changed_us);
}

/* It is looked for again after a while. */
static void
give_film_up(ZgCanvas *c)
{
    g_clear_pointer(&c->h264, zg_h264_unref);
    zg_film_reject(&c->film);
    c->film_in_step = false;
}

static bool
start_film(ZgCanvas *c)
{
    if (c->h264 == NULL) {
        c->h264 = zg_h264_new(c->film.area);
        c->film_key = true;
    }
    if (c->h264 == NULL) {
        zg_encoder_say_fallback("h264", "tight");
        give_film_up(c);
        return false;
    }
    return true;
}

void
zg_canvas_rest(ZgCanvas *c)
{
    g_ptr_array_set_size(c->jobs, 0); /* encoded for a viewer who has not come */
    if (c->h264 != NULL) {
        give_film_up(c);
    }
}

/* The film as a frame, the rest as tiles. One job of a step can have the frame. */
static ZgEncodeJob *
new_job_of_step(ZgCanvas *c, const ZgView *view, const ZgEncodeWish *wish)
{
    g_autoptr(GArray) rest = NULL;
    ZgEncodeJob *job;

    if (!wish->h264 || wish->jpeg_quality < 0 || !c->film_in_step || !start_film(c)) {
        return zg_encode_job_new(wish, c->areas, &c->shadow);
    }
    rest = g_array_new(FALSE, FALSE, sizeof(ZgRect));
    zg_rects_subtract(c->areas, c->film.area, rest);
    job = zg_encode_job_new(wish, rest, &c->shadow);
    zg_encode_job_add_film(job, c->h264, c->film_no + 1, c->film_no,
                           c->film_key || view->film_no != c->film_no);
    c->film_no++;
    c->film_key = c->film_in_step = false;
    return job;
}

ZgBlob *
zg_canvas_take_film(ZgCanvas *c, ZgView *view, const ZgEncodeJob *job)
{
    if (job->film == NULL && job->h264 != NULL && job->h264 == c->h264) {
        give_film_up(c); /* its encoder failed */
    }
    if (job->film == NULL) {
        return NULL;
    }
    if (job->film->n_bytes > ZG_H264_BYTES_MAX ||
        (!job->film_key && view->film_no != job->film_before)) {
        zg_view_miss(view, zg_h264_area(job->h264));
        c->film_key = true;
        return NULL;
    }
    view->film_no = job->film_no;
    return job->film;
}

static ZgEncodeJob *
job_of_step(ZgCanvas *c, const ZgView *view, const ZgEncodeWish *wish)
{
    ZgEncodeJob *job;

    for (guint i = 0; i < c->jobs->len; i++) {
        job = g_ptr_array_index(c->jobs, i);
        if (zg_encode_wish_equal(&job->wish, wish)) {
            return zg_encode_job_ref(job);
        }
    }
    job = new_job_of_step(c, view, wish);
    if (c->moves->len > 0) {
        zg_encode_job_add_moves(job, c->moves);
    }
    g_ptr_array_add(c->jobs, zg_encode_job_ref(job));
    return job;
}

bool
zg_canvas_is_current(const ZgCanvas *c, const ZgView *view)
{
    return view->step == c->step && c->since.n_dirty == 0;
}

static bool
sees_all(const ZgCanvas *c, const ZgView *view)
{
    return view->width >= c->shadow.width && view->height >= c->shadow.height;
}

/* A viewer that cannot follow a new size sees the part that fits. */
static void
clip_areas(const ZgView *view, GArray *areas)
{
    for (guint i = areas->len; i-- > 0;) {
        ZgRect *r = &g_array_index(areas, ZgRect, i);
        *r = zg_rect_clip(*r, view->width, view->height);
        if (zg_rect_is_empty(*r)) {
            g_array_remove_index_fast(areas, i);
        }
    }
}

/* The film does not count: its quality follows the link. */
static int64_t
pixels_of_step(const ZgCanvas *c, const ZgEncodeWish *wish)
{
    ZgRect film = c->film.area;
    int64_t n = wish->h264 && !zg_rect_is_empty(film) ? (int64_t)film.width * film.height : 0;

    return MAX(c->n_pixels - n, 0);
}

static bool
can_take_step(const ZgCanvas *c, const ZgView *view, const ZgEncodeWish *wish, int64_t budget)
{
    return !view->overlaid && sees_all(c, view) && view->step == c->step - 1 &&
           pixels_of_step(c, wish) <= budget && (wish->copyrect || c->moves->len == 0);
}

ZgEncodeJob *
zg_canvas_next_job(ZgCanvas *c, const ZgFrame *frame, ZgView *view, const ZgEncodeWish *wish,
                   int64_t budget, bool with_moves)
{
    g_autoptr(GArray) areas = NULL;

    if (view->dirty.n_dirty == 0) {
        return NULL;
    }
    if (!can_take_step(c, view, wish, budget) && c->since.n_dirty > 0) {
        if (c->n_readers > 0) {
            return NULL;
        }
        advance(c, frame, with_moves);
    }
    if (can_take_step(c, view, wish, budget)) {
        zg_damage_copy(&view->dirty, &c->since);
        view->step = c->step;
        return c->areas->len == 0 && c->moves->len == 0 ? NULL : job_of_step(c, view, wish);
    }
    areas = g_array_new(FALSE, FALSE, sizeof(ZgRect));
    zg_damage_take(&view->dirty, budget, areas);
    view->step = view->dirty.n_dirty == 0 ? c->step : 0;
    clip_areas(view, areas);
    return areas->len == 0 ? NULL : zg_encode_job_new(wish, areas, &c->shadow);
}

ZgEncodeJob *
zg_canvas_urgent_job(ZgCanvas *c, const ZgFrame *frame, ZgView *view, const ZgEncodeWish *wish,
                     ZgDamage *urgent, bool with_moves)
{
    g_autoptr(GArray) areas = g_array_new(FALSE, FALSE, sizeof(ZgRect));

    if (c->since.n_dirty > 0) {
        if (c->n_readers > 0) {
            return NULL;
        }
        advance(c, frame, with_moves);
    }
    zg_damage_take(urgent, INT64_MAX, areas);
    for (guint i = 0; i < areas->len; i++) {
        zg_damage_subtract(&view->dirty, g_array_index(areas, ZgRect, i));
    }
    view->step = view->dirty.n_dirty == 0 ? c->step : 0;
    clip_areas(view, areas);
    return areas->len == 0 ? NULL : zg_encode_job_new(wish, areas, &c->shadow);
}

/* ---- views ---- */

void
zg_view_clear(ZgView *view)
{
    zg_damage_clear(&view->dirty);
    zg_damage_clear(&view->lossy);
}

void
zg_view_start_over(ZgView *view, int width, int height)
{
    zg_view_clear(view);
    zg_damage_init(&view->dirty, width, height);
    zg_damage_init(&view->lossy, width, height);
    zg_damage_add(&view->dirty, (ZgRect){0, 0, width, height});
    view->step = 0;
    view->film_no = 0;
    view->overlaid = false;
}

void
zg_view_miss(ZgView *view, ZgRect area)
{
    zg_damage_add(&view->dirty, area);
    view->step = 0;
}

void
zg_view_miss_job(ZgView *view, const ZgEncodeJob *job, unsigned n_blobs, bool moved)
{
    for (guint i = n_blobs; i < job->tiles->len; i++) {
        zg_view_miss(view, g_array_index(job->tiles, ZgRect, i));
    }
    if (!moved && job->h264 != NULL) {
        zg_view_miss(view, zg_h264_area(job->h264));
    }
    for (guint i = 0; !moved && job->moves != NULL && i < job->moves->len; i++) {
        zg_view_miss(view, g_array_index(job->moves, ZgMove, i).to);
    }
}

void
zg_view_note_job(ZgView *view, const ZgEncodeJob *job, unsigned n_blobs)
{
    for (guint i = 0; job->moves != NULL && i < job->moves->len; i++) {
        const ZgMove *m = &g_array_index(job->moves, ZgMove, i);
        zg_damage_carry(&view->lossy, m->to, m->from_x, m->from_y);
    }
    for (guint i = 0; i < n_blobs; i++) {
        const ZgBlob *blob = g_ptr_array_index(job->blobs, i);
        zg_damage_subtract(&view->lossy, g_array_index(job->tiles, ZgRect, i));
        if (!zg_rect_is_empty(blob->lossy)) {
            zg_damage_add(&view->lossy, blob->lossy);
        }
    }
    if (job->film != NULL && view->film_no == job->film_no) {
        zg_damage_add(&view->lossy, job->film->lossy);
    }
}
