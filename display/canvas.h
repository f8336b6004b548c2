/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The picture goes on in steps: what moved, then what else differs. A view is what one viewer has
 * of it. A viewer that has the picture of the step before gets the step, encoded once for all with
 * the same wish; any other gets what is dirty for it, without moves. Loop thread only; a job that
 * is being encoded on another thread reads the shadow, which then must not be written.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "display/damage.h"
#include "display/enc_h264.h"
#include "display/encode_job.h"
#include "display/film.h"
#include "display/frame.h"
#include "display/shadow.h"

typedef struct {
    ZgDamage dirty; /* may differ from the frame */
    ZgDamage lossy; /* was sent, but not exactly */
    int width, height; /* what the viewer can show of it, set by the owner */
    uint64_t step;  /* it has the shadow's picture as of this step; 0: of none */
    uint64_t film_no; /* the last frame of the film that it has */
    bool overlaid;  /* something else was drawn over it; until zg_view_start_over() */
} ZgView;

typedef struct {
    ZgShadow shadow;
    uint64_t step;
    unsigned n_readers; /* jobs on another thread that read the shadow */
    ZgDamage since;     /* changed on the frame since the last step */
    int64_t changed_us;
    GArray *areas;      /* ZgRect, of the last step, after its moves */
    GArray *moves;      /* ZgMove */
    int64_t n_pixels;   /* of @areas */
    GPtrArray *jobs;    /* ZgEncodeJob of the last step, one a wish */
    ZgFilm film;
    ZgH264 *h264;       /* of the film, while somebody wants it so */
    uint64_t film_no;   /* the last frame given to it; unique for the life of the canvas */
    bool film_in_step;  /* the film changed and no job of the last step has its frame yet */
    bool film_key;      /* somebody lacks the frame before */
} ZgCanvas;

void zg_canvas_init(ZgCanvas *canvas, int width, int height);
void zg_canvas_clear(ZgCanvas *canvas);
void zg_canvas_resize(ZgCanvas *canvas, int width, int height);

/** zg_canvas_note() - @fresh has changed on the frame; views are told by zg_damage_merge(). */
void zg_canvas_note(ZgCanvas *canvas, const ZgDamage *fresh, int64_t now_us);

/**
 * zg_canvas_next_job() - what brings @view on
 * @frame:  the picture now
 * @wish:   of the viewer
 * @budget: pixels of one update at most, but for what moves
 * @with_moves: somebody with the shadow's picture would take a step with moves
 * Return: a reference, `done` or not, which the view counts as having; or NULL: nothing to
 * send, or the shadow is being read (come again when that job is done).
 */
ZgEncodeJob *zg_canvas_next_job(ZgCanvas *canvas, const ZgFrame *frame, ZgView *view,
                                const ZgEncodeWish *wish, int64_t budget, bool with_moves);

/**
 * zg_canvas_urgent_job() - only what is in @urgent, which is emptied, before all else that is dirty
 * Return: as zg_canvas_next_job(); NULL also when nothing of it can be seen.
 */
ZgEncodeJob *zg_canvas_urgent_job(ZgCanvas *canvas, const ZgFrame *frame, ZgView *view,
                                  const ZgEncodeWish *wish, ZgDamage *urgent, bool with_moves);

/** zg_canvas_is_current() - has the view the shadow's picture, and the shadow the frame's? */
bool zg_canvas_is_current(const ZgCanvas *canvas, const ZgView *view);

/** zg_canvas_rest() - nothing large was encoded for long: what is only kept ready is given back. */
void zg_canvas_rest(ZgCanvas *canvas);

/**
 * zg_canvas_take_film() - can the view show the job's frame of the film?
 * Return: the frame (borrowed, at most ZG_H264_BYTES_MAX) to send first, which it counts as having;
 * NULL: it has none, or the view cannot, and then misses the area.
 */
ZgBlob *zg_canvas_take_film(ZgCanvas *canvas, ZgView *view, const ZgEncodeJob *job);

void zg_view_clear(ZgView *view);

/** zg_view_start_over() - it has nothing of a picture of this size. */
void zg_view_start_over(ZgView *view, int width, int height);

/** zg_view_miss() - it does not have @area after all. */
void zg_view_miss(ZgView *view, ZgRect area);

/** zg_view_miss_job() - it has of @job only the first @n_blobs blobs, and the moves if @moved. */
void zg_view_miss_job(ZgView *view, const ZgEncodeJob *job, unsigned n_blobs, bool moved);

/** zg_view_note_job() - it was sent the moves and the first @n_blobs blobs: what is exact now? */
void zg_view_note_job(ZgView *view, const ZgEncodeJob *job, unsigned n_blobs);
