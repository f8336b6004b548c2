/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/encode_job.h"

#include <string.h>

static void
unref_blob(gpointer blob)
{
    zg_blob_unref(blob);
}

ZgEncodeJob *
zg_encode_job_new(const ZgEncodeWish *wish, const GArray *areas)
{
    ZgEncodeJob *job = g_new0(ZgEncodeJob, 1);

    job->wish = *wish;
    job->tiles = g_array_new(FALSE, FALSE, sizeof(ZgRect));
    job->blobs = g_ptr_array_new_with_free_func(unref_blob);
    for (guint i = 0; i < areas->len; i++) {
        ZgRect area = g_array_index(areas, ZgRect, i);
        job->n_pixels += (int64_t)area.width * area.height;
        zg_split_tiles(area, job->tiles);
    }
    return job;
}

void
zg_encode_job_free(ZgEncodeJob *job)
{
    if (job != NULL) {
        g_array_unref(job->tiles);
        g_ptr_array_unref(job->blobs);
        g_free(job->copy);
        g_free(job);
    }
}

static const uint32_t *
frame_at(const ZgFrame *frame, int x, int y)
{
    return frame->pixels + (size_t)y * (size_t)frame->width + (size_t)x;
}

void
zg_encode_job_copy(ZgEncodeJob *job, const ZgFrame *frame)
{
    uint32_t *to = g_new(uint32_t, (size_t)job->n_pixels);

    job->copy = to;
    for (guint i = 0; i < job->tiles->len; i++) {
        ZgRect r = g_array_index(job->tiles, ZgRect, i);
        for (int y = 0; y < r.height; y++, to += r.width) {
            memcpy(to, frame_at(frame, r.x, r.y + y), (size_t)r.width * 4);
        }
    }
}

void
zg_encode_job_run(ZgEncodeJob *job, const ZgFrame *frame, ZgEncoderSet *encoders)
{
    const uint32_t *from = job->copy;

    for (guint i = 0; i < job->tiles->len; i++) {
        ZgRect r = g_array_index(job->tiles, ZgRect, i);
        ZgTile tile = {.area = r, .pixels = from, .stride = (size_t)r.width};
        if (job->copy == NULL) {
            tile.pixels = frame_at(frame, r.x, r.y);
            tile.stride = (size_t)frame->width;
        } else {
            from += (size_t)r.width * (size_t)r.height;
        }
        g_ptr_array_add(job->blobs, zg_encoder_set_encode(encoders, &tile, &job->wish));
    }
}
