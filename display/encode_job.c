/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/encode_job.h"

#include <string.h>

static void
unref_blob(gpointer blob)
{
    zg_blob_unref(blob);
}

ZgEncodeJob *
zg_encode_job_new(const ZgEncodeWish *wish, const GArray *areas, const ZgShadow *picture)
{
    ZgEncodeJob *job = g_new0(ZgEncodeJob, 1);

    job->refs = 1;
    job->wish = *wish;
    job->tiles = g_array_new(FALSE, FALSE, sizeof(ZgRect));
    job->blobs = g_ptr_array_new_with_free_func(unref_blob);
    job->pixels = g_atomic_rc_box_acquire(picture->pixels);
    job->stride = (size_t)picture->width;
    for (guint i = 0; i < areas->len; i++) {
        ZgRect area = g_array_index(areas, ZgRect, i);
        job->n_pixels += (int64_t)area.width * area.height;
        zg_split_tiles(area, job->tiles);
    }
    return job;
}

ZgEncodeJob *
zg_encode_job_ref(ZgEncodeJob *job)
{
    job->refs++;
    return job;
}

void
zg_encode_job_unref(ZgEncodeJob *job)
{
    if (job == NULL || --job->refs > 0) {
        return;
    }
    if (job->moves != NULL) {
        g_array_unref(job->moves);
    }
    zg_blob_unref(job->first);
    zg_blob_unref(job->film);
    zg_h264_unref(job->h264);
    g_array_unref(job->tiles);
    g_ptr_array_unref(job->blobs);
    g_atomic_rc_box_release(job->pixels);
    g_free(job);
}

void
zg_encode_job_add_moves(ZgEncodeJob *job, const GArray *moves)
{
    job->first = zg_moves_to_blob(moves);
    job->moves = g_array_copy((GArray *)moves);
}

void
zg_encode_job_add_film(ZgEncodeJob *job, ZgH264 *h264, uint64_t no, uint64_t before, bool key)
{
    ZgRect area = zg_h264_area(h264);

    job->h264 = zg_h264_ref(h264);
    job->film_no = no;
    job->film_before = before;
    job->film_key = key;
    job->n_pixels += (int64_t)area.width * area.height;
}

static void
run_film(ZgEncodeJob *job)
{
    ZgRect area = zg_h264_area(job->h264);

    job->film = zg_h264_encode(job->h264,
                               job->pixels + (size_t)area.y * job->stride + (size_t)area.x,
                               job->stride, job->film_key, job->wish.jpeg_quality);
    if (job->film == NULL) {
        zg_encoder_say_fallback("h264", zg_encode_wish_name(&job->wish));
        zg_split_tiles(area, job->tiles);
    }
}

void
zg_encode_job_run(ZgEncodeJob *job, ZgEncoderSet *encoders)
{
    if (job->h264 != NULL) {
        run_film(job);
    }
    for (guint i = 0; i < job->tiles->len; i++) {
        ZgRect r = g_array_index(job->tiles, ZgRect, i);
        ZgTile tile = {.area = r,
                       .pixels = job->pixels + (size_t)r.y * job->stride + (size_t)r.x,
                       .stride = job->stride};
        g_ptr_array_add(job->blobs, zg_encoder_set_encode(encoders, &tile, &job->wish));
    }
}
