/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/enc_h264.h"

#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <x264.h>

#define FPS 30 /* only what rate control reckons with: frames are sent when they come */
#define MATRIX_BT601 5
#define CRF_FIRST 18.0f
#define CRF_LEAST 11.0f
#define CRF_MOST 32.0f
#define CRF_STEP 0.5f

/* What is aimed at, by quality level: the luma and chroma PSNR that x264 reports, in dB. */
static const float targets_db[10] = {32, 33, 35, 37, 39, 41, 44, 44, 44, 46};

struct ZgH264 {
    int refs; /* atomic */
    ZgRect area;
    bool quick;
    x264_t *x264;
    x264_param_t params;
    x264_picture_t picture;
    int64_t n_frames;
    GByteArray *out;
};

static void
say_nothing(void *user, int level, const char *format, va_list args)
{
}

/* Zero latency, one thread, full range as the frame has it, headers with every key frame. */
static bool
open_x264(ZgH264 *h)
{
    x264_param_t *p = &h->params;

    if (x264_param_default_preset(p, h->quick ? "ultrafast" : "superfast", "zerolatency") != 0) {
        return false;
    }
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
    p->rc.i_rc_method = X264_RC_CRF;
    p->rc.f_rf_constant = CRF_FIRST;
    p->rc.i_aq_mode = X264_AQ_NONE;
    p->vui.b_fullrange = 1;
    p->vui.i_colmatrix = MATRIX_BT601;
    p->analyse.b_psnr = 1;
    p->b_full_recon = 1;
    p->i_log_level = X264_LOG_INFO; /* it counts no PSNR else */
    p->pf_log = say_nothing;
    if (x264_param_apply_profile(p, "high") != 0) {
        return false;
    }
    h->x264 = x264_encoder_open(p);
    return h->x264 != NULL &&
           x264_picture_alloc(&h->picture, X264_CSP_I420, p->i_width, p->i_height) == 0;
}

ZgH264 *
zg_h264_new(ZgRect area, bool quick)
{
    ZgH264 *h = g_new0(ZgH264, 1);

    h->refs = 1;
    h->area = area;
    h->quick = quick;
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

bool
zg_h264_is_quick(const ZgH264 *h)
{
    return h->quick;
}

/* BT.601, full range, in fixed point. */
static void
convert_luma(const uint32_t *restrict pixels, int n, uint8_t *restrict y)
{
    for (int i = 0; i < n; i++) {
        uint32_t r = pixels[i] >> 16 & 255, g = pixels[i] >> 8 & 255, b = pixels[i] & 255;
        y[i] = (uint8_t)((19595 * r + 38470 * g + 7471 * b + 32768) >> 16);
    }
}

/* The mean of two by two pixels. */
static void
convert_chroma(const uint32_t *restrict above, const uint32_t *restrict below, int n,
               uint8_t *restrict u, uint8_t *restrict v)
{
    for (int i = 0; i < n; i++) {
        uint32_t p0 = above[2 * i], p1 = above[2 * i + 1], p2 = below[2 * i], p3 = below[2 * i + 1];
        int r = (int)((p0 >> 16 & 255) + (p1 >> 16 & 255) + (p2 >> 16 & 255) + (p3 >> 16 & 255));
        int g = (int)((p0 >> 8 & 255) + (p1 >> 8 & 255) + (p2 >> 8 & 255) + (p3 >> 8 & 255));
        int b = (int)((p0 & 255) + (p1 & 255) + (p2 & 255) + (p3 & 255));
        u[i] = (uint8_t)((-11056 * r - 21712 * g + 32768 * b + (512 << 16) + 131071) >> 18);
        v[i] = (uint8_t)((32768 * r - 27440 * g - 5328 * b + (512 << 16) + 131071) >> 18);
    }
}

static void
convert(ZgH264 *h, const uint32_t *pixels, size_t stride)
{
    const x264_image_t *img = &h->picture.img;
    int width = h->area.width;

    for (int row = 0; row < h->area.height; row += 2, pixels += 2 * stride) {
        uint8_t *y = img->plane[0] + row * img->i_stride[0];
        convert_luma(pixels, width, y);
        convert_luma(pixels + stride, width, y + img->i_stride[0]);
        convert_chroma(pixels, pixels + stride, width / 2,
                       img->plane[1] + row / 2 * img->i_stride[1],
                       img->plane[2] + row / 2 * img->i_stride[2]);
    }
}

/* As good as is aimed at, and no better: noise costs what it must, a clean film nearly nothing. */
static void
aim(ZgH264 *h, float psnr_db, int level)
{
    float crf = h->params.rc.f_rf_constant;
    float step = CLAMP((psnr_db - targets_db[level]) / 2, -2 * CRF_STEP, 2 * CRF_STEP);

    crf = CLAMP(crf + step, CRF_LEAST, CRF_MOST);
    if (crf != h->params.rc.f_rf_constant) {
        h->params.rc.f_rf_constant = crf;
        x264_encoder_reconfig(h->x264, &h->params);
    }
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
    aim(h, (float)shown.prop.f_psnr_avg, level);
    return zg_blob_new(h->out->data, h->out->len, 1, a);
}
