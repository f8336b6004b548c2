/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/enc_h264.h"

#include <libyuv.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <x264.h>

#define FPS 30 /* only what rate control reckons with: frames are sent when they come */
#define PRIMARIES_BT709 1
#define TRANSFER_SRGB 13
#define MATRIX_BT601 5
#define QP_FIRST 22.0
#define QP_LEAST 10
#define QP_MOST 38
#define QP_STEP 1.0 /* a frame, at most */
#define QP_STEP_TOO_LARGE 6.0 /* halves it */

#define CHROMA_QP_OFFSET (-4) /* 0.2 dB of RGB more for the same PSNR, bytes and time */
#define DEBLOCK 3             /* what is smooth predicts better, and the quantizer rises */

#define ROW_STEP 7 /* of every so many rows the fidelity is measured; not always at blocks' edges */

/* What is aimed at, by quality level: PSNR of luma and chroma together, in dB. */
static const double targets_db[10] = {32, 33, 34, 36, 37, 38.5, 40.2, 40.2, 40.2, 44};

struct ZgH264 {
    int refs; /* atomic */
    ZgRect area;
    x264_t *x264;
    x264_picture_t picture;
    double qp; /* of the next frame; rounded for x264 */
    int64_t n_frames;
    GByteArray *out;
};

static void
say_nothing(void *user, int level, const char *format, va_list args)
{
}

/* x264 clips the quantizer to what it would have for key and B frames: these are moved apart. */
static void
allow_any_qp(x264_param_t *p)
{
    p->rc.i_rc_method = X264_RC_CQP; /* each frame says its own; no lookahead is kept for it */
    p->rc.i_qp_constant = (QP_LEAST + QP_MOST) / 2;
    p->rc.f_ip_factor = exp2f((QP_MOST - QP_LEAST) / 12.0F);
    p->rc.f_pb_factor = p->rc.f_ip_factor;
}

/* Zero latency, one thread, full range as the frame has it, headers with every key frame. */
static bool
open_x264(ZgH264 *h)
{
    x264_param_t params, *p = &params;

    if (x264_param_default_preset(p, "ultrafast", "zerolatency") != 0) {
        return false;
    }
    p->b_deblocking_filter = 1; /* half the bytes at the same fidelity, for less time */
    p->i_deblocking_filter_alphac0 = DEBLOCK;
    p->i_deblocking_filter_beta = DEBLOCK;
    p->analyse.i_chroma_qp_offset = CHROMA_QP_OFFSET;
    p->analyse.b_dct_decimate = 0; /* a tenth less time */
    p->i_width = h->area.width;
    p->i_height = h->area.height;
    p->i_csp = X264_CSP_I420; /* what every decoder takes */
    p->i_threads = 1;
    p->b_sliced_threads = 0;
    p->i_fps_num = FPS;
    p->i_fps_den = 1;
    p->b_vfr_input = 0;
    p->i_keyint_max = X264_KEYINT_MAX_INFINITE;
    p->i_scenecut_threshold = 0;
    p->b_repeat_headers = 1;
    p->b_annexb = 1;
    allow_any_qp(p);
    p->rc.i_aq_mode = X264_AQ_NONE;
    p->vui.b_fullrange = 1; /* Chromium believes none of these four without the others */
    p->vui.i_colorprim = PRIMARIES_BT709;
    p->vui.i_transfer = TRANSFER_SRGB;
    p->vui.i_colmatrix = MATRIX_BT601;
    p->pf_log = say_nothing;
    if (x264_param_apply_profile(p, "high") != 0) {
        return false;
    }
    h->x264 = x264_encoder_open(p);
    return h->x264 != NULL &&
           x264_picture_alloc(&h->picture, X264_CSP_I420, p->i_width, p->i_height) == 0;
}

ZgH264 *
zg_h264_new(ZgRect area)
{
    ZgH264 *h = g_new0(ZgH264, 1);

    h->refs = 1;
    h->area = area;
    h->qp = QP_FIRST;
    h->out = g_byte_array_new();
    if (!open_x264(h)) {
        zg_h264_unref(h);
        return NULL;
    }
    return h;
}

ZgH264 *
zg_h264_ref(ZgH264 *h)
{
    g_atomic_int_inc(&h->refs);
    return h;
}

void
zg_h264_unref(ZgH264 *h)
{
    if (h == NULL || !g_atomic_int_dec_and_test(&h->refs)) {
        return;
    }
    if (h->x264 != NULL) {
        x264_encoder_close(h->x264);
    }
    x264_picture_clean(&h->picture);
    g_byte_array_unref(h->out);
    g_free(h);
}

ZgRect
zg_h264_area(const ZgH264 *h)
{
    return h->area;
}

static uint64_t
square_error(const uint8_t *restrict a, const uint8_t *restrict b, int n)
{
    uint32_t sum = 0; /* 66051 samples at most fit */

    for (int i = 0; i < n; i++) {
        int d = a[i] - b[i];
        sum += (uint32_t)(d * d);
    }
    return sum;
}

/* Chroma of what x264 shows is interleaved. */
static uint64_t
square_error_chroma(const uint8_t *restrict u, const uint8_t *restrict v,
                    const uint8_t *restrict uv, int n)
{
    uint32_t sum = 0;

    for (int i = 0; i < n; i++) {
        int du = u[i] - uv[2 * i], dv = v[i] - uv[2 * i + 1];
        sum += (uint32_t)(du * du) + (uint32_t)(dv * dv);
    }
    return sum;
}

/* PSNR of what the viewer will see, from a part of the rows. */
static double
measure_db(const ZgH264 *h, const x264_image_t *shown)
{
    const x264_image_t *given = &h->picture.img;
    int width = h->area.width, n_rows = 0; /* of @width samples */
    uint64_t sum = 0;

    for (int y = 0; y < h->area.height; y += ROW_STEP, n_rows++) {
        sum += square_error(given->plane[0] + y * given->i_stride[0],
                            shown->plane[0] + y * shown->i_stride[0], width);
    }
    for (int y = 0; y < h->area.height / 2; y += ROW_STEP, n_rows++) {
        sum += square_error_chroma(given->plane[1] + y * given->i_stride[1],
                                   given->plane[2] + y * given->i_stride[2],
                                   shown->plane[1] + y * shown->i_stride[1], width / 2);
    }
    return 10 * log10(255.0 * 255 * n_rows * width / (double)MAX(sum, 1));
}

/* As good as is aimed at, and no better: noise costs what it must, a clean film nearly nothing. */
static void
aim(ZgH264 *h, double psnr_db, int level)
{
    double step = CLAMP((psnr_db - targets_db[level]) / 2, -QP_STEP, QP_STEP);

    h->qp = CLAMP(h->qp + step, QP_LEAST, QP_MOST);
}

/* BT.601 in full range, as JPEG has it. */
static void
convert(ZgH264 *h, const uint32_t *pixels, size_t stride)
{
    const x264_image_t *img = &h->picture.img;

    ARGBToJ420((const uint8_t *)pixels, (int)(stride * 4), img->plane[0], img->i_stride[0],
               img->plane[1], img->i_stride[1], img->plane[2], img->i_stride[2], h->area.width,
               h->area.height);
}

ZgBlob *
zg_h264_encode(ZgH264 *h, const uint32_t *pixels, size_t stride, bool key,
               int level)
{
    x264_picture_t shown;
    x264_nal_t *nals = NULL;
    int n_nals, n_bytes;
    ZgRect a = h->area;

    convert(h, pixels, stride);
    h->picture.i_type = key ? X264_TYPE_IDR : X264_TYPE_AUTO;
    h->picture.i_pts = h->n_frames;
    h->picture.i_qpplus1 = 1 + (int)lround(h->qp);
    n_bytes = x264_encoder_encode(h->x264, &nals, &n_nals, &h->picture, &shown);
    if (n_bytes <= 0) {
        return NULL;
    }
    g_byte_array_set_size(h->out, 0);
    zg_rfb_put_rect(h->out, a.x, a.y, a.width, a.height, ZG_RFB_H264);
    zg_rfb_put_u32(h->out, (uint32_t)n_bytes);
    zg_rfb_put_u32(h->out, h->n_frames == 0 ? ZG_H264_RESET_ALL : key ? ZG_H264_RESET_CONTEXT : 0);
    g_byte_array_append(h->out, nals[0].p_payload, (guint)n_bytes); /* they lie one after another */
    h->n_frames++;
    if (h->out->len <= ZG_H264_BYTES_MAX) {
        aim(h, measure_db(h, &shown.img), level);
    } else {
        h->qp = MIN(h->qp + QP_STEP_TOO_LARGE, QP_MOST);
    }
    return zg_blob_new(h->out->data, h->out->len, 1, a);
}
