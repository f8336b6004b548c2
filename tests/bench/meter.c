/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A viewer that measures: it knows the scene and when it was shown, so it sees for every frame when
 * it (or a later one) was on the screen, how many bytes that took and how far the pixels are from
 * the scene's. Prints "begin" before the scene plays and "end" when its last frame is seen, both
 * answered by a line on its input (the runner reads CPU times meanwhile), and one line of JSON.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "common/base/clock.h"
#include "display/rfb_wire.h"
#include "tests/bench/decode.h"
#include "tests/bench/stage.h"

#define QUIET_US 1000000        /* before the scene begins: what is refined has been refined */
#define SETTLE_US 4000000       /* after the last frame, unless all is exact sooner */
#define GIVE_UP_US 20000000     /* the last frame never came */
#define CHECK_EVERY 4           /* frames whose pixels are compared: it takes the viewer's time */
#define SLOW_US 200000          /* from frame to frame: there is time to compare all */
#define COMPRESSION 2           /* as noVNC and TigerVNC ask by themselves */
#define US_PER_MS 1000.0
#define PSNR_EXACT 99.0

typedef enum {
    BEFORE,
    QUIET,
    PLAYING,
    SETTLING,
} Stage;

/* The command line. */
static char *address, *ticket, *scene_name, *stage_path, *encodings;
static double share = 1, window_from_s, window_to_s;
static int n_frames, quality = 8;
static gboolean light, list_delays;

static ZgPicture picture;
static BenchScene *scene; /* what the screen should show */
static int seen_k = -1;
static BenchStage *stage_file;
static Stage stage;
static int64_t stage_us, last_us, exact_us, first_usable_us;
static uint64_t bytes_before, bytes_at_end, n_seen, n_updates;
static bool continuous, exact;
static double *late_ms, error_sum, error_samples;
static unsigned n_late;

/* ---- what is said to the server ---- */

static void
say(GByteArray *message)
{
    zg_wire_write(picture.wire, message->data, message->len);
    g_byte_array_unref(message);
}

static void
ask(bool incremental)
{
    GByteArray *message = g_byte_array_new();

    zg_rfb_put_update_request(message, incremental, picture.width, picture.height);
    say(message);
}

static void
say_encodings(void)
{
    static const struct {
        const char *name;
        int32_t number;
    } known[] = {
        {"tight", ZG_RFB_TIGHT}, {"zrle", ZG_RFB_ZRLE},         {"hextile", ZG_RFB_HEXTILE},
        {"h264", ZG_RFB_H264},   {"copyrect", ZG_RFB_COPYRECT}, {"raw", ZG_RFB_RAW},
        {"zaguan", ZG_RFB_ZAGUAN},
        {"continuous", ZG_RFB_CONTINUOUS_UPDATES}, {"fence", ZG_RFB_FENCE},
    };
    g_auto(GStrv) names = g_strsplit(encodings, ",", 0);
    GByteArray *message = g_byte_array_new();
    unsigned n = 3;

    zg_rfb_put_u16(message, ZG_RFB_C_SET_ENCODINGS << 8);
    zg_rfb_put_u16(message, 0);
    for (int i = 0; names[i] != NULL; i++) {
        for (size_t j = 0; j < G_N_ELEMENTS(known); j++) {
            if (strcmp(names[i], known[j].name) == 0) {
                zg_rfb_put_s32(message, known[j].number);
                n++;
            }
        }
    }
    zg_rfb_put_s32(message, ZG_RFB_LAST_RECT);
    zg_rfb_put_s32(message, ZG_RFB_CURSOR); /* else it is painted into the picture */
    zg_rfb_put_s32(message, ZG_RFB_COMPRESS_0 + COMPRESSION);
    if (quality >= 0) {
        zg_rfb_put_s32(message, ZG_RFB_JPEG_QUALITY_0 + quality);
        n++;
    }
    message->data[3] = (uint8_t)n;
    say(message);
}

static void
shake_hands(void)
{
    uint8_t bytes[256];
    GByteArray *message = g_byte_array_new();
    uint32_t n_name;

    zg_wire_read(picture.wire, bytes, ZG_RFB_VERSION_BYTES);
    zg_wire_write(picture.wire, ZG_RFB_VERSION_TEXT, ZG_RFB_VERSION_BYTES);
    zg_wire_read(picture.wire, bytes, zg_wire_u8(picture.wire));
    zg_wire_write(picture.wire, "\1", 1);
    if (zg_wire_u32(picture.wire) != 0) {
        zg_wire_die("the server refuses viewers without password");
    }
    zg_wire_write(picture.wire, "\1", 1);
    if (zg_wire_u16(picture.wire) != picture.width || zg_wire_u16(picture.wire) != picture.height) {
        zg_wire_die("the server's screen has another size");
    }
    zg_wire_read(picture.wire, bytes, ZG_RFB_PIXEL_FORMAT_BYTES);
    n_name = zg_wire_u32(picture.wire);
    zg_wire_read(picture.wire, bytes, MIN(n_name, sizeof bytes));
    zg_rfb_put_u32(message, 0);
    zg_rfb_put_pixel_format(message, &zg_pixel_format_native);
    say(message);
    say_encodings();
    ask(false);
}

/* ---- what is measured ---- */

static void
runner_line(const char *word)
{
    char answer[16];

    printf("%s\n", word);
    fflush(stdout);
    if (fgets(answer, sizeof answer, stdin) == NULL) {
        exit(1);
    }
}

static void
advance_to(int k)
{
    while (scene->frame < k) {
        bench_scene_step(scene);
    }
}

/* The fourth byte of a pixel is nobody's. */
static double
error_in(const ZgRect *r)
{
    uint64_t sum = 0;

    for (int y = r->y; y < r->y + r->height; y++) {
        const uint32_t *a = picture.pixels + (size_t)y * (size_t)picture.width + r->x;
        const uint32_t *b = scene->picture + (size_t)y * (size_t)picture.width + r->x;

        for (int x = 0; x < r->width; x++) {
            for (int shift = 0; shift < 24; shift += 8) {
                int d = (int)(a[x] >> shift & 255) - (int)(b[x] >> shift & 255);
                sum += (uint64_t)(d * d);
            }
        }
    }
    return (double)sum;
}

static double
psnr(double sum, double n_samples)
{
    return sum > 0 ? MIN(PSNR_EXACT, 10 * log10(65025 * n_samples / sum)) : PSNR_EXACT;
}

static void
look_for_exact(int64_t now_us)
{
    ZgRect all = {0, 0, picture.width, picture.height};

    if (!exact && error_in(&all) == 0) {
        exact = true;
        exact_us = now_us;
    }
}

static void
compare_changed(void)
{
    for (int i = 0; i < scene->n_changed; i++) {
        error_sum += error_in(&scene->changed[i]);
        error_samples += 3.0 * scene->changed[i].width * scene->changed[i].height;
    }
}

static bool
in_window(int64_t shown_us)
{
    double after_s = (double)(shown_us - stage_file->begin_us) / 1e6;

    return !light || (after_s >= window_from_s && after_s < window_to_s);
}

/* Of the frames that count, the last was seen. */
static bool
is_last(int k)
{
    double after_s = (double)(stage_file->shown_us[k] - stage_file->begin_us) / 1e6;

    return k == n_frames - 1 || (light && after_s >= window_to_s);
}

static void
see(int k, int64_t now_us)
{
    for (int i = seen_k + 1; i <= k; i++) {
        if (in_window(stage_file->shown_us[i])) {
            late_ms[n_late++] = (double)(now_us - stage_file->shown_us[i]) / US_PER_MS;
        }
    }
    seen_k = k;
    n_seen++;
    last_us = now_us;
    if (!light) {
        advance_to(k);
        if (scene->frame_us >= SLOW_US || n_seen % CHECK_EVERY == 1) {
            compare_changed();
        }
    }
    if (is_last(k) && stage == PLAYING) {
        bytes_at_end = zg_wire_received(picture.wire);
        stage = SETTLING;
        stage_us = now_us;
        if (!light) {
            runner_line("end");
        }
    }
}

static void
on_update_end(void)
{
    int64_t now_us = zg_clock_mono_us();
    int k = bench_stripe_read(picture.pixels, picture.width);

    n_updates++;
    if (stage == BEFORE && k >= 0) {
        stage = QUIET;
        stage_us = first_usable_us = now_us;
        seen_k = k;
        if (!light) {
            advance_to(k);
        }
    } else if (stage == PLAYING && k > seen_k && k < n_frames) {
        see(k, now_us);
    }
    if (stage == SETTLING && !light) {
        look_for_exact(now_us);
    }
}

/* Return: false when the run is over. */
static bool
look_at_time(void)
{
    int64_t now_us = zg_clock_mono_us();

    if (stage == BEFORE && now_us - stage_us > GIVE_UP_US) {
        zg_wire_die("the first frame was not seen");
    }
    if (stage == QUIET && now_us - stage_us > QUIET_US) {
        stage = PLAYING;
        bytes_before = zg_wire_received(picture.wire);
        n_updates = 0;
        runner_line("begin");
        if (!light) {
            stage_file->begin_us = now_us;
        }
    }
    if (stage == PLAYING && stage_file->shown_us[n_frames - 1] != 0 &&
        now_us - stage_file->shown_us[n_frames - 1] > GIVE_UP_US) {
        zg_wire_die("the last frame was not seen, but %d of %d", seen_k, n_frames - 1);
    }
    return stage != SETTLING || (!light && !exact && now_us - stage_us < SETTLE_US);
}

/* ---- messages of the server ---- */

static void
take_rectangles(void)
{
    unsigned n;

    zg_wire_u8(picture.wire);
    n = zg_wire_u16(picture.wire);
    for (unsigned i = 0; i < n; i++) {
        int x = zg_wire_u16(picture.wire), y = zg_wire_u16(picture.wire);
        int width = zg_wire_u16(picture.wire), height = zg_wire_u16(picture.wire);
        ZgDecodeRect rect = {x, y, width, height};
        int32_t encoding = (int32_t)zg_wire_u32(picture.wire);

        if (encoding == ZG_RFB_LAST_RECT) {
            break;
        }
        if (!zg_decode(&picture, &rect, encoding)) {
            zg_wire_die("encoding %d was not asked for", encoding);
        }
        if (i == 0 && !continuous) {
            ask(true);
        }
    }
    on_update_end();
}

static void
take_fence(void)
{
    uint8_t bytes[ZG_RFB_FENCE_BYTES_MAX];
    GByteArray *answer = g_byte_array_new();
    uint32_t flags;
    unsigned n;

    zg_wire_read(picture.wire, bytes, 3);
    flags = zg_wire_u32(picture.wire);
    n = zg_wire_u8(picture.wire);
    if (n > sizeof bytes) {
        zg_wire_die("a fence of %u bytes", n);
    }
    zg_wire_read(picture.wire, bytes, n);
    if (flags & ZG_RFB_FENCE_REQUEST) {
        zg_rfb_put_u32(answer, (uint32_t)ZG_RFB_C_FENCE << 24);
        zg_rfb_put_u32(answer, flags & 7);
        zg_rfb_put_u8(answer, (uint8_t)n);
        g_byte_array_append(answer, bytes, n);
        say(answer);
    }
}

static void
take_continuous(void)
{
    GByteArray *message = g_byte_array_new();

    continuous = true;
    zg_rfb_put_u16(message, ZG_RFB_C_CONTINUOUS_UPDATES << 8 | 1);
    zg_rfb_put_u32(message, 0);
    zg_rfb_put_u16(message, (uint16_t)picture.width);
    zg_rfb_put_u16(message, (uint16_t)picture.height);
    say(message);
}

static void
take_text(void)
{
    uint8_t bytes[3];
    uint32_t n;

    zg_wire_read(picture.wire, bytes, 3);
    n = zg_wire_u32(picture.wire);
    zg_decode_packed(&picture, (size_t)ABS((int32_t)n));
}

static void
take_message(void)
{
    unsigned kind = zg_wire_u8(picture.wire);

    switch (kind) {
    case ZG_RFB_S_UPDATE:
        take_rectangles();
        break;
    case ZG_RFB_S_BELL:
        break;
    case ZG_RFB_S_CUT_TEXT:
        take_text();
        break;
    case ZG_RFB_S_END_OF_CONTINUOUS_UPDATES:
        if (!continuous) {
            take_continuous();
        }
        break;
    case ZG_RFB_S_FENCE:
        take_fence();
        break;
    default:
        zg_wire_die("message %u is unknown", kind);
    }
}

/* ---- the report ---- */

static int
compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static void
report(int64_t start_us)
{
    ZgRect all = {0, 0, picture.width, picture.height};
    double seconds = (double)(last_us - stage_file->shown_us[1]) / 1e6;

    qsort(late_ms, n_late, sizeof *late_ms, compare);
    if (!light) {
        advance_to(n_frames - 1);
    }
    printf("{\"frames\":%d,\"seen\":%" G_GUINT64_FORMAT ",\"updates\":%" G_GUINT64_FORMAT ","
           "\"bytes\":%" G_GUINT64_FORMAT ",\"bytes_settle\":%" G_GUINT64_FORMAT ","
           "\"fps\":%.2f,\"play_s\":%.3f,\"p50_ms\":%.3f,"
           "\"p99_ms\":%.3f,\"psnr_db\":%.2f,\"settled_psnr\":%.2f,"
           "\"exact_ms\":%.1f,\"first_ms\":%.1f",
           n_frames - 1, n_seen, n_updates, bytes_at_end - bytes_before,
           zg_wire_received(picture.wire) - bytes_at_end,
           (double)n_seen / MAX(seconds, 1e-3), seconds,
           n_late > 0 ? late_ms[n_late / 2] : -1, n_late > 0 ? late_ms[n_late * 99 / 100] : -1,
           psnr(error_sum, error_samples),
           light ? 0 : psnr(error_in(&all), 3.0 * picture.width * picture.height),
           exact ? (double)(exact_us - stage_file->shown_us[n_frames - 1]) / US_PER_MS : -1,
           (double)(first_usable_us - start_us) / US_PER_MS);
    for (unsigned i = 0; list_delays && i < n_late; i++) {
        printf("%s%.2f", i == 0 ? ",\"delays_ms\":[" : ",", late_ms[i]);
    }
    printf("%s}\n", list_delays && n_late > 0 ? "]" : "");
}

static void
read_options(int argc, char **argv)
{
    const GOptionEntry entries[] = {
        {"address", 0, 0, G_OPTION_ARG_STRING, &address, "the server", "KIND:WHERE"},
        {"ticket", 0, 0, G_OPTION_ARG_STRING, &ticket, "for a front", "HEX"},
        {"scene", 0, 0, G_OPTION_ARG_STRING, &scene_name, "what plays", "NAME"},
        {"share", 0, 0, G_OPTION_ARG_DOUBLE, &share, "a part of the scene: 3 for a third", "N"},
        {"stage", 0, 0, G_OPTION_ARG_STRING, &stage_path, "shared with the player", "PATH"},
        {"encodings", 0, 0, G_OPTION_ARG_STRING, &encodings, "asked for", "A,B"},
        {"quality", 0, 0, G_OPTION_ARG_INT, &quality, "of JPEG; -1: exact only", "0..9"},
        {"light", 0, 0, G_OPTION_ARG_NONE, &light,
         "put the pixels that tell the frame, compare none; the runner begins the scene", NULL},
        {"from", 0, 0, G_OPTION_ARG_DOUBLE, &window_from_s, "with --light: frames shown from", "S"},
        {"to", 0, 0, G_OPTION_ARG_DOUBLE, &window_to_s, "and up to so long after the begin", "S"},
        {"delays", 0, 0, G_OPTION_ARG_NONE, &list_delays, "list every frame's delay", NULL},
        {NULL},
    };
    g_autoptr(GOptionContext) context = g_option_context_new("- a viewer that measures");
    g_autoptr(GError) error = NULL;

    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error)) {
        zg_wire_die("%s", error->message);
    }
    if (address == NULL || scene_name == NULL || stage_path == NULL || encodings == NULL) {
        zg_wire_die("an option is missing or wrong; see --help");
    }
}

int
main(int argc, char **argv)
{
    int64_t start_us = zg_clock_mono_us();

    read_options(argc, argv);
    scene = bench_scene_new(scene_name, share);
    if (scene == NULL) {
        zg_wire_die("there is no scene '%s'", scene_name);
    }
    n_frames = scene->n_frames;
    picture.width = scene->width;
    picture.height = scene->height;
    picture.pixels = g_new0(uint32_t, (gsize)scene->width * (gsize)scene->height);
    if (light) {
        picture.wanted = (ZgDecodeRect){0, 0, BENCH_STRIPE_WIDTH, BENCH_STRIPE_CELL};
    }
    picture.packed = g_byte_array_new();
    picture.plain = g_byte_array_new();
    late_ms = g_new0(double, n_frames);
    stage_file = bench_stage_open(stage_path, false);
    picture.wire = zg_wire_open(address, ticket);
    shake_hands();
    stage_us = start_us;
    while (look_at_time()) {
        if (zg_wire_ready(picture.wire, 50)) {
            take_message();
        }
    }
    report(start_us);
    return 0;
}
