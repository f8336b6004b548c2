/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Bytes on the wire: frames of a scene or a recorded trace through damage, moves and encoder, once
 * as Tight and once in our own encoding, which is decoded again and compared.
 * Usage: bench-wire [--quality N] SCENE|FILE.rdt...
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zstd.h>

#include "display/canvas.h"
#include "display/out_tight.h"
#include "display/out_zaguan.h"
#include "tests/bench/scene.h"
#include "tests/bench/zaguan_decoder.h"

/* One viewer of its own picture. */
typedef struct {
    ZgFrame frame;
    ZgCanvas canvas;
    ZgView view;
    ZgEncoderSet encoders;
    ZgEncodeWish wish;
    ZgOutZaguan *zaguan;
    ZgOutTight *tight;
    ZaguanPicture picture;
    uint64_t n_bytes, n_plain, n_guess;
    double encode_s, pack_s;
} Side;

static double
cpu_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
side_init(Side *s, int width, int height, bool zaguan, int quality)
{
    *s = (Side){.wish = {.format = zg_pixel_format_native, .zaguan = zaguan, .tight = true,
                         .copyrect = true, .jpeg_quality = quality}};
    zg_frame_init(&s->frame, width, height);
    zg_canvas_init(&s->canvas, width, height);
    zg_view_start_over(&s->view, width, height);
    s->view.width = width;
    s->view.height = height;
    s->tight = zg_out_tight_new(true);
    if (zaguan) {
        s->zaguan = zg_out_zaguan_new();
        s->picture = (ZaguanPicture){
            .pixels = g_new0(uint32_t, (size_t)width * (size_t)height), width, height};
    }
}

static void
side_clear(Side *s)
{
    zg_out_zaguan_free(s->zaguan);
    zg_out_tight_free(s->tight);
    zaguan_picture_end(&s->picture);
    g_free(s->picture.pixels);
    zg_encoder_set_clear(&s->encoders);
    zg_view_clear(&s->view);
    zg_canvas_clear(&s->canvas);
    zg_frame_clear(&s->frame);
}

static void
die(const char *what)
{
    fprintf(stderr, "bench-wire: %s\n", what);
    exit(1);
}

/* The viewer's side: moves, then parts. */
static void
show(Side *s, const ZgEncodeJob *job, const GByteArray *packed, unsigned n_rects)
{
    ZgRfbReader in = {.bytes = packed->data, .n_bytes = packed->len};

    for (guint i = 0; job->moves != NULL && i < job->moves->len; i++) {
        const ZgMove *m = &g_array_index(job->moves, ZgMove, i);
        bool down = m->to.y > m->from_y;
        for (int k = 0; k < m->to.height; k++) {
            int row = down ? m->to.height - 1 - k : k;
            memmove(s->picture.pixels + (m->to.y + row) * s->picture.width + m->to.x,
                    s->picture.pixels + (m->from_y + row) * s->picture.width + m->from_x,
                    (size_t)m->to.width * 4);
        }
    }
    for (; n_rects > 0; n_rects--) {
        zg_rfb_read_bytes(&in, ZG_RFB_RECT_HEAD_BYTES);
        if (!zaguan_picture_draw(&s->picture, &in)) {
            die("a rectangle does not decode");
        }
    }
    if (in.at != in.n_bytes) {
        die("bytes are left");
    }
}

static void
send_blobs(Side *s, const ZgEncodeJob *job)
{
    g_autoptr(GByteArray) packed = g_byte_array_new();
    unsigned n_rects = 0;
    double begun_s = cpu_s();

    for (guint i = 0, n; s->zaguan != NULL && i < job->blobs->len; i = n) {
        size_t n_parts = 0;
        for (n = i; n < job->blobs->len; n++) {
            const ZgBlob *blob = g_ptr_array_index(job->blobs, n);
            if (n > i && n_parts + blob->n_parts > ZG_ZAGUAN_UPDATE_MAX) {
                break;
            }
            n_parts += blob->n_parts;
        }
        n_rects += zg_out_zaguan_put(s->zaguan, (ZgBlob *const *)job->blobs->pdata + i, n - i,
                                     s->frame.width, s->frame.height, SIZE_MAX, packed, NULL);
    }
    for (guint i = 0; i < job->blobs->len; i++) {
        const ZgBlob *blob = g_ptr_array_index(job->blobs, i);
        if (blob->n_open > 0) {
            zg_out_tight_put(s->tight, blob, packed);
        }
    }
    s->pack_s += cpu_s() - begun_s;
    s->n_bytes += packed->len + 4 + (job->first != NULL ? job->first->n_bytes : 0);
    for (guint i = 0; i < job->blobs->len; i++) {
        const ZgBlob *blob = g_ptr_array_index(job->blobs, i);
        s->n_bytes += blob->n_open > 0 ? 0 : blob->n_bytes - blob->n_parts;
        s->n_plain += blob->n_parts;
        s->n_guess += blob->n_wire - (blob->n_bytes - blob->n_parts);
    }
    if (s->zaguan != NULL) {
        show(s, job, packed, n_rects);
    }
}

/* The frame has been painted: bring the viewer on. */
static void
step(Side *s, int64_t now_us)
{
    double begun_s;
    ZgEncodeJob *job;

    zg_canvas_note(&s->canvas, &s->frame.fresh, now_us);
    zg_damage_merge(&s->view.dirty, &s->frame.fresh);
    zg_damage_reset(&s->frame.fresh);
    s->frame.generation++;
    begun_s = cpu_s();
    while ((job = zg_canvas_next_job(&s->canvas, &s->frame, &s->view, &s->wish, G_MAXINT64,
                                     true)) != NULL) {
        zg_encode_job_run(job, &s->encoders);
        job->done = true;
        zg_view_note_job(&s->view, job, job->blobs->len);
        s->encode_s += cpu_s() - begun_s;
        send_blobs(s, job);
        zg_encode_job_unref(job);
        begun_s = cpu_s();
    }
}

static void
check(const Side *s)
{
    for (int i = 0; i < s->frame.width * s->frame.height; i++) {
        if (((s->frame.pixels[i] ^ s->picture.pixels[i]) & 0xffffff) != 0) {
            die("the picture is not exact");
        }
    }
}

static void
paint(Side sides[2], ZgRect area, const uint32_t *pixels, size_t stride)
{
    g_autofree uint32_t *block = g_new(uint32_t, (size_t)area.width * (size_t)area.height);

    for (int y = 0; y < area.height; y++) {
        memcpy(block + (size_t)y * (size_t)area.width, pixels + (size_t)y * stride,
               (size_t)area.width * 4);
    }
    zg_frame_put(&sides[0].frame, area, (const uint8_t *)block);
    zg_frame_put(&sides[1].frame, area, (const uint8_t *)block);
}

static void
play_scene(BenchScene *scene, Side sides[2])
{
    paint(sides, (ZgRect){0, 0, scene->width, scene->height}, scene->picture,
          (size_t)scene->width);
    for (int i = 0;;) {
        step(&sides[0], i * scene->frame_us);
        step(&sides[1], i * scene->frame_us);
        if (++i >= scene->n_frames) {
            return;
        }
        bench_scene_step(scene);
        for (int k = 0; k < scene->n_changed; k++) {
            ZgRect r = scene->changed[k];
            paint(sides, r, scene->picture + (size_t)r.y * (size_t)scene->width + (size_t)r.x,
                  (size_t)scene->width);
        }
    }
}

/* A recorded trace: head, then frames of rectangles and their pixels, zstd each. */
typedef struct {
    char magic[8];
    uint32_t width, height, n_frames, unused;
} TraceHead;

typedef struct __attribute__((packed)) {
    uint64_t at_us;
    uint32_t n_rects, n_plain, n_packed;
} TraceFrame;

static void
play_trace(const uint8_t *bytes, size_t n_bytes, const TraceHead *head, Side sides[2])
{
    size_t at = sizeof *head;

    for (uint32_t i = 0; i < head->n_frames; i++) {
        TraceFrame f;
        g_autofree uint8_t *plain = NULL;
        if (n_bytes - at < sizeof f) {
            die("the trace is cut short");
        }
        memcpy(&f, bytes + at, sizeof f);
        at += sizeof f;
        plain = g_malloc(f.n_plain);
        if (n_bytes - at < f.n_packed ||
            ZSTD_decompress(plain, f.n_plain, bytes + at, f.n_packed) != f.n_plain) {
            die("the trace is broken");
        }
        at += f.n_packed;
        const uint32_t *pixels = (const uint32_t *)(plain + f.n_rects * 8);
        for (uint32_t k = 0; k < f.n_rects; k++) {
            uint16_t r[4];
            memcpy(r, plain + k * 8, 8);
            paint(sides, (ZgRect){r[0], r[1], r[2], r[3]}, pixels, r[2]);
            pixels += (size_t)r[2] * r[3];
        }
        step(&sides[0], (int64_t)f.at_us);
        step(&sides[1], (int64_t)f.at_us);
    }
}

static void
report(const char *name, int n_frames, const Side sides[2])
{
    const Side *t = &sides[0], *z = &sides[1];
    g_autofree char *base = g_path_get_basename(name);

    printf("%-20s %6d %9.2f %9.2f %6.2f %8.2f %8.2f %8.2f %8.1f %6.2f\n", base, n_frames,
           (double)t->n_bytes / 1e3 / n_frames, (double)z->n_bytes / 1e3 / n_frames,
           (double)t->n_bytes / (double)z->n_bytes, t->encode_s * 1e3 / n_frames,
           z->encode_s * 1e3 / n_frames, z->pack_s * 1e3 / n_frames,
           (double)z->n_plain / 1e3 / n_frames,
           (double)z->n_guess / (double)MAX(z->n_bytes, 1));
    fflush(stdout);
}

static void
play(const char *name, int quality)
{
    Side sides[2];
    g_autofree char *bytes = NULL;
    size_t n_bytes;
    TraceHead head;
    BenchScene *scene = bench_scene_new(name, 1);
    int width, height, n_frames;

    if (scene != NULL) {
        width = scene->width, height = scene->height, n_frames = scene->n_frames;
    } else if (g_file_get_contents(name, &bytes, &n_bytes, NULL) && n_bytes > sizeof head &&
               memcmp(bytes, "RDTRACE1", 8) == 0) {
        memcpy(&head, bytes, sizeof head);
        width = (int)head.width, height = (int)head.height, n_frames = (int)head.n_frames;
    } else {
        die("not a scene and not a trace");
        return;
    }
    side_init(&sides[0], width, height, false, quality);
    side_init(&sides[1], width, height, true, quality);
    if (scene != NULL) {
        play_scene(scene, sides);
        bench_scene_free(scene);
    } else {
        play_trace((const uint8_t *)bytes, n_bytes, &head, sides);
    }
    if (quality < 0) {
        check(&sides[1]);
    }
    report(name, n_frames, sides);
    side_clear(&sides[0]);
    side_clear(&sides[1]);
}

int
main(int argc, char **argv)
{
    int quality = -1, i = 1;

    if (argc > 2 && strcmp(argv[1], "--quality") == 0) {
        quality = atoi(argv[2]);
        i = 3;
    }
    printf("%-20s %6s %9s %9s %6s %8s %8s %8s %8s %6s\n", "", "frames", "tight KB", "ours KB",
           "ratio", "tight ms", "ours ms", "+pack ms", "plain KB", "guess");
    for (; i < argc; i++) {
        play(argv[i], quality);
    }
    return 0;
}
