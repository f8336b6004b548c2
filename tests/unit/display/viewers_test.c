/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A viewer that is not ours, libvncclient, sees what the console shows, whatever it asks for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <glib.h>
#include <poll.h>
#include <rfb/rfbclient.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "common/base/clock.h"
#include "common/base/fd.h"
#include "display/pipeline.h"
#include "display/rfb_wire.h"

#define WIDTH 333 /* no multiple of any tile */
#define HEIGHT 211
#define DEADLINE_US (20 * G_USEC_PER_SEC)

typedef struct {
    const char *encodings;
    int bits_per_sample, samples, bytes; /* as rfbGetClient() wants them */
    int fd;
    const uint32_t *expected;
    volatile gint n_matches; /* pictures that were seen whole */
    volatile gint stop;
} Seen;

static void
ignore(void *user, const char *a)
{
}
static void
ignore_id(void *user, const char *id, const char *reason)
{
}
static void
ignore_size(void *user, int width, int height)
{
}

static const ZgPipelineEvents events = {
    .console_lost = ignore,
    .size = ignore_size,
    .first_frame = ignore,
    .viewer_gone = ignore_id,
};

/* ---- pictures ---- */

/* Flat parts, text-like parts, few colours, many colours, runs: something for every form. */
static void
paint(uint32_t *pixels, uint32_t seed)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(seed);

    for (int y = 0; y < HEIGHT; y++) {
        for (int x = 0; x < WIDTH; x++) {
            uint32_t p = 0xffffff;
            if (y < 40) {
                p = x / 30 % 2 ? 0x203040 + seed : 0xd0d0d0;
            } else if (y < 80) {
                p = (x * 7 + y * 13) % 5 ? 0xffffff : 0x101010;
            } else if (y < 120) {
                p = (uint32_t)(x % 11) * 0x151413u;
            } else if (y < 160) {
                p = (uint32_t)(x / 17 + y * 3) * 0x010305u & 0xffffff;
            } else if (x < 200) {
                p = g_rand_int(random) & 0xffffff;
            }
            pixels[y * WIDTH + x] = p;
        }
    }
}

/* ---- the viewer, on a thread of its own ---- */

static rfbBool
make_room(rfbClient *client)
{
    free(client->frameBuffer);
    client->frameBuffer = calloc((size_t)client->width * (size_t)client->height, 4);
    return client->frameBuffer != NULL;
}

static uint32_t
in_format(const rfbPixelFormat *f, uint32_t p)
{
    uint32_t r = (p >> 16 & 255) * f->redMax, g = (p >> 8 & 255) * f->greenMax,
             b = (p & 255) * f->blueMax;

    return (r + 127) / 255 << f->redShift | (g + 127) / 255 << f->greenShift |
           (b + 127) / 255 << f->blueShift;
}

static bool
shows(const rfbClient *client, const uint32_t *expected)
{
    size_t n_bytes = (size_t)client->format.bitsPerPixel / 8;

    for (size_t i = 0; i < WIDTH * HEIGHT; i++) {
        uint32_t seen = 0;
        memcpy(&seen, client->frameBuffer + i * n_bytes, n_bytes);
        if (n_bytes == 4) {
            seen &= 0xffffff;
        }
        if (seen != in_format(&client->format, expected[i])) {
            return false;
        }
    }
    return true;
}

static gpointer
view(gpointer data)
{
    Seen *seen = data;
    rfbClient *client = rfbGetClient(seen->bits_per_sample, seen->samples, seen->bytes);

    client->MallocFrameBuffer = make_room;
    client->appData.encodingsString = seen->encodings;
    client->appData.enableJPEG = FALSE;
    client->appData.compressLevel = 6;
    client->sock = seen->fd;
    if (InitialiseRFBConnection(client)) {
        client->width = client->si.framebufferWidth;
        client->height = client->si.framebufferHeight;
        client->updateRect.w = client->width;
        client->updateRect.h = client->height;
        if (client->MallocFrameBuffer(client) && SetFormatAndEncodings(client) &&
            SendFramebufferUpdateRequest(client, 0, 0, client->width, client->height, FALSE)) {
            while (!g_atomic_int_get(&seen->stop)) {
                int n = WaitForMessage(client, 20000);
                if (n < 0 || (n > 0 && !HandleRFBServerMessage(client))) {
                    break;
                }
                if (client->width == WIDTH && client->height == HEIGHT &&
                    shows(client, g_atomic_pointer_get(&seen->expected))) {
                    g_atomic_int_inc(&seen->n_matches);
                    g_main_context_wakeup(NULL);
                }
            }
        }
    }
    free(client->frameBuffer);
    client->frameBuffer = NULL;
    rfbClientCleanup(client);
    return NULL;
}

/* ---- the console ---- */

static void
send_all(int fd, const GByteArray *bytes)
{
    for (guint at = 0; at < bytes->len;) {
        ssize_t n = send(fd, bytes->data + at, bytes->len - at, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0) {
            g_main_context_iteration(NULL, FALSE);
        } else {
            at += (guint)n;
        }
    }
}

static void
show(int console, const uint32_t *pixels)
{
    g_autoptr(GByteArray) out = g_byte_array_new();

    zg_rfb_put_update(out, 1);
    zg_rfb_put_rect(out, 0, 0, WIDTH, HEIGHT, ZG_RFB_RAW);
    g_byte_array_append(out, (const uint8_t *)pixels, WIDTH * HEIGHT * 4);
    send_all(console, out);
}

static int
open_console(ZgPipeline *p)
{
    g_autoptr(GByteArray) hello = g_byte_array_new();
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_true(zg_fd_set_nonblocking(pair[0], NULL));
    zg_pipeline_take_console(p, pair[0]);
    g_byte_array_append(hello, (const uint8_t *)"RFB 003.008\n\1\1\0\0\0\0", 18);
    zg_rfb_put_u16(hello, WIDTH);
    zg_rfb_put_u16(hello, HEIGHT);
    zg_rfb_put_pixel_format(hello, &zg_pixel_format_native);
    zg_rfb_put_u32(hello, 0);
    send_all(pair[1], hello);
    return pair[1];
}

static void
wait_for_match(Seen *seen, gint more_than)
{
    int64_t end_us = zg_clock_mono_us() + DEADLINE_US;

    while (g_atomic_int_get(&seen->n_matches) <= more_than) {
        assert_true(zg_clock_mono_us() < end_us);
        g_main_context_iteration(NULL, TRUE);
    }
}

static void
sees_everything(const char *encodings, int bits_per_sample, int bytes)
{
    ZgPipeline *p = zg_pipeline_new("test", &events, NULL);
    Seen seen = {.encodings = encodings, .bits_per_sample = bits_per_sample, .samples = 3,
                 .bytes = bytes};
    ZgViewerOptions options = {.id = "v"};
    ZgViewerStats stats;
    uint32_t *pictures[3];
    GThread *thread;
    int pair[2], console;

    for (unsigned i = 0; i < G_N_ELEMENTS(pictures); i++) {
        pictures[i] = g_new(uint32_t, WIDTH * HEIGHT);
        paint(pictures[i], i + 1);
    }
    seen.expected = pictures[0];
    console = open_console(p);
    show(console, pictures[0]);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_true(zg_fd_set_nonblocking(pair[0], NULL));
    assert_true(zg_pipeline_add_viewer(p, pair[0], &options, NULL));
    seen.fd = pair[1];
    thread = g_thread_new("viewer", view, &seen);
    for (unsigned i = 0; i < G_N_ELEMENTS(pictures); i++) {
        gint before = g_atomic_int_get(&seen.n_matches);
        if (i > 0) {
            g_atomic_pointer_set(&seen.expected, pictures[i]);
            show(console, pictures[i]);
        }
        wait_for_match(&seen, before);
    }
    assert_int_equal(zg_pipeline_get_stats(p, &stats, 1), 1);
    assert_true(g_str_has_suffix(encodings, stats.encoding));
    g_atomic_int_set(&seen.stop, 1);
    zg_pipeline_free(p); /* closes the viewer's stream */
    g_thread_join(thread);
    close(console);
    for (unsigned i = 0; i < G_N_ELEMENTS(pictures); i++) {
        g_free(pictures[i]);
    }
}

#define VIEWER_TEST(name, encodings)                                                               \
    static void name(void **state)                                                                 \
    {                                                                                              \
        sees_everything(encodings, 8, 4);                                                          \
        sees_everything(encodings, 5, 2);                                                          \
    }

VIEWER_TEST(with_zrle_a_viewer_sees_what_the_console_shows, "copyrect zrle")
VIEWER_TEST(with_hextile_a_viewer_sees_what_the_console_shows, "copyrect hextile")
VIEWER_TEST(with_tight_a_viewer_sees_what_the_console_shows, "copyrect tight")
VIEWER_TEST(with_raw_a_viewer_sees_what_the_console_shows, "raw")

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_zrle_a_viewer_sees_what_the_console_shows),
        cmocka_unit_test(with_hextile_a_viewer_sees_what_the_console_shows),
        cmocka_unit_test(with_tight_a_viewer_sees_what_the_console_shows),
        cmocka_unit_test(with_raw_a_viewer_sees_what_the_console_shows),
    };

    rfbEnableClientLogging = FALSE;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
