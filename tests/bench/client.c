/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The viewer that measures. Its decoders are LibVNCClient's: nobody's opinion of himself.
 * Usage: bench-client SCENE SHARE STAGE PORT ENCODINGS QUALITY PID[,PID…]; one JSON line
 * QUALITY 0..9 asks for JPEG of that quality, -1 for none. */
#include <inttypes.h>
#include <linux/tcp.h>
#include <math.h>
#include <netinet/in.h>
#include <rfb/rfbclient.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/clock.h"
#include "tests/bench/stage.h"

#define CALM_US 700000       /* quiet before the start: the first picture is refined by then */
#define EXACT_WITHIN_US 4000000
#define GIVE_UP_US 20000000
#define CHECK_EVERY 4        /* frames whose pixels are compared: it takes the client's time */
#define PIDS_MAX 8

typedef enum { CONNECTING, CALM, PLAYING, SETTLING, OVER } Phase;

typedef struct {
    rfbClient *rfb;
    BenchScene *truth; /* drawn here too, to compare with */
    BenchStage *stage;
    clockid_t clocks[PIDS_MAX];
    int n_clocks;
    Phase phase;
    int64_t since_us; /* of the phase */
    int last;         /* newest frame seen */
    int n_seen;
    int64_t *delays_us;
    int n_delays;
    uint64_t bytes_first, bytes_start, bytes_last, bytes_exact;
    double cpu_start_s, cpu_last_s, cpu_exact_s;
    int64_t exact_us; /* after the last frame was shown; -1: not within the time */
    double error, n_samples;
} Bench;

static int tag;

static uint64_t
bytes_received(const Bench *b)
{
    struct tcp_info info = {0};
    socklen_t n = sizeof info;

    getsockopt(b->rfb->sock, IPPROTO_TCP, TCP_INFO, &info, &n);
    return info.tcpi_bytes_received;
}

static double
cpu_s(const Bench *b)
{
    double sum = 0;

    for (int i = 0; i < b->n_clocks; i++) {
        struct timespec t = {0};
        clock_gettime(b->clocks[i], &t);
        sum += (double)t.tv_sec + (double)t.tv_nsec / 1e9;
    }
    return sum;
}

static void
enter(Bench *b, Phase phase)
{
    b->phase = phase;
    b->since_us = zg_clock_mono_us();
}

/* ---- fidelity ---- */

static double
squared_error(const uint8_t *a, const uint8_t *b, int n_pixels)
{
    uint64_t sum = 0;

    for (int i = 0; i < n_pixels * 4; i++) {
        int d = i % 4 == 3 ? 0 : a[i] - b[i];
        sum += (uint64_t)(d * d);
    }
    return (double)sum;
}

static void
compare(Bench *b, ZgRect r)
{
    for (int y = r.y; y < r.y + r.height; y++) {
        size_t at = (size_t)y * (size_t)b->truth->width + (size_t)r.x;
        b->error += squared_error(b->rfb->frameBuffer + at * 4,
                                  (const uint8_t *)(b->truth->picture + at), r.width);
    }
    b->n_samples += 3.0 * r.width * r.height;
}

static void
advance_truth(Bench *b, int frame)
{
    while (b->truth->frame < frame) {
        bench_scene_step(b->truth);
    }
}

static void
check_fidelity(Bench *b)
{
    advance_truth(b, b->last);
    for (int i = 0; i < b->truth->n_changed; i++) {
        compare(b, b->truth->changed[i]);
    }
}

static bool
is_exact(Bench *b)
{
    const uint32_t *seen = (const uint32_t *)(const void *)b->rfb->frameBuffer;

    advance_truth(b, b->truth->n_frames - 1);
    for (size_t i = 0; i < (size_t)b->truth->width * (size_t)b->truth->height; i++) {
        if ((seen[i] ^ b->truth->picture[i]) & 0xffffff) {
            return false;
        }
    }
    return true;
}

/* ---- what the server sent ---- */

static void
on_newer_frame(Bench *b, int frame, int64_t now_us)
{
    for (int k = b->last + 1; k <= frame; k++) {
        b->delays_us[b->n_delays++] = now_us - b->stage->shown_us[k];
    }
    b->last = frame;
    b->n_seen++;
    b->bytes_last = bytes_received(b);
    b->cpu_last_s = cpu_s(b);
    if (frame == b->truth->n_frames - 1) {
        enter(b, SETTLING);
    } else if (b->n_seen % CHECK_EVERY == 0) {
        check_fidelity(b);
    }
}

static void
look_if_exact(Bench *b, int64_t now_us)
{
    if (is_exact(b)) {
        b->exact_us = now_us - b->stage->shown_us[b->truth->n_frames - 1];
        b->bytes_exact = bytes_received(b);
        b->cpu_exact_s = cpu_s(b);
        enter(b, OVER);
    }
}

static void
on_update(rfbClient *rfb)
{
    Bench *b = rfbClientGetClientData(rfb, &tag);
    int64_t now_us = zg_clock_mono_us();
    int frame = bench_stripe_read((const uint32_t *)(const void *)rfb->frameBuffer, rfb->width);

    if (b->phase == CONNECTING && frame == 0) {
        b->bytes_first = bytes_received(b);
        enter(b, CALM);
    } else if (b->phase == PLAYING && frame > b->last && frame < b->truth->n_frames) {
        on_newer_frame(b, frame, now_us);
    }
    if (b->phase == SETTLING) {
        look_if_exact(b, now_us);
    }
}

static void
on_time(Bench *b)
{
    int64_t here_us = zg_clock_mono_us() - b->since_us;

    if (b->phase == CALM && here_us > CALM_US) {
        b->bytes_start = bytes_received(b);
        b->cpu_start_s = cpu_s(b);
        enter(b, PLAYING);
        b->stage->begin_us = zg_clock_mono_us();
    } else if (b->phase == SETTLING && here_us > EXACT_WITHIN_US) {
        enter(b, OVER);
    } else if (here_us > GIVE_UP_US) {
        bench_fail("the server showed nothing new for 20 seconds");
    }
}

/* ---- report ---- */

static int
by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

static double
percentile_ms(const Bench *b, double part)
{
    return b->n_delays == 0 ? -1
                            : (double)b->delays_us[(int)((b->n_delays - 1) * part + 0.5)] / 1000;
}

static void
report(Bench *b)
{
    bool exact = b->exact_us >= 0;
    double psnr = b->error > 0 ? MIN(10 * log10(65025 * b->n_samples / b->error), 99) : 99;

    qsort(b->delays_us, (size_t)b->n_delays, sizeof(int64_t), by_size);
    printf("{\"frames\": %d, \"seen\": %d, \"bytes\": %" PRIu64 ", \"bytes_first\": %" PRIu64
           ", \"bytes_to_exact\": %" PRIu64 ", \"cpu_s\": %.4f, \"cpu_to_exact_s\": %.4f, ",
           b->truth->n_frames - 1, b->n_seen, b->bytes_last - b->bytes_start, b->bytes_first,
           exact ? b->bytes_exact - b->bytes_start : 0, b->cpu_last_s - b->cpu_start_s,
           exact ? b->cpu_exact_s - b->cpu_start_s : 0);
    printf("\"p50_ms\": %.2f, \"p99_ms\": %.2f, \"psnr_db\": %.1f, \"exact_ms\": %.1f, "
           "\"play_s\": %.2f}\n",
           percentile_ms(b, 0.5), percentile_ms(b, 0.99), psnr,
           exact ? (double)b->exact_us / 1000 : -1,
           (double)(b->truth->n_frames - 1) * (double)b->truth->frame_us / 1e6);
}

/* ---- */

static void
connect_to(Bench *b, int port, const char *encodings, int quality)
{
    rfbClient *rfb = rfbGetClient(8, 3, 4);

    rfb->appData.encodingsString = encodings;
    rfb->appData.enableJPEG = quality >= 0;
    rfb->appData.qualityLevel = quality;
    rfb->appData.shareDesktop = TRUE;
    rfb->appData.useRemoteCursor = TRUE; /* else it is painted into the picture */
    rfb->format.redShift = 16;
    rfb->format.greenShift = 8;
    rfb->format.blueShift = 0;
    rfb->FinishedFrameBufferUpdate = on_update;
    rfb->serverHost = strdup("127.0.0.1");
    rfb->serverPort = port;
    rfbClientSetClientData(rfb, &tag, b);
    b->rfb = rfb;
    if (!rfbInitClient(rfb, NULL, NULL)) {
        bench_fail("no server on port %d", port);
    }
    if (rfb->width != b->truth->width || rfb->height != b->truth->height) {
        bench_fail("the server shows %dx%d", rfb->width, rfb->height);
    }
}

static void
take_pids(Bench *b, const char *list)
{
    g_auto(GStrv) pids = g_strsplit(list, ",", PIDS_MAX);

    for (char **pid = pids; *pid != NULL; pid++) {
        if (clock_getcpuclockid(atoi(*pid), &b->clocks[b->n_clocks]) != 0) {
            bench_fail("no process '%s'", *pid);
        }
        b->n_clocks++;
    }
}

static void
be_quiet(const char *format, ...)
{
}

int
main(int argc, char **argv)
{
    Bench b = {.exact_us = -1};

    rfbClientLog = be_quiet;
    if (argc != 8 || (b.truth = bench_scene_new(argv[1], g_ascii_strtod(argv[2], NULL))) == NULL) {
        bench_fail("usage: bench-client SCENE SHARE STAGE PORT ENCODINGS QUALITY PID,…");
    }
    b.stage = bench_stage_open(argv[3], false);
    b.delays_us = g_new0(int64_t, (size_t)b.truth->n_frames);
    take_pids(&b, argv[7]);
    connect_to(&b, atoi(argv[4]), argv[5], atoi(argv[6]));
    enter(&b, CONNECTING);
    while (b.phase != OVER) {
        int ready = WaitForMessage(b.rfb, 20000);
        if (ready < 0 || (ready > 0 && !HandleRFBServerMessage(b.rfb))) {
            bench_fail("the server closed the connection");
        }
        on_time(&b);
    }
    report(&b);
    return 0;
}
