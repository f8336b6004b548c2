/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A scripted RFB console: paints patterns, takes input, writes down what it got; may misbehave. */
#include <errno.h>
#include <glib.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/fd.h"
#include "common/base/limits.h"
#include "display/clipboard.h"
#include "display/font.h"
#include "display/rfb_wire.h"

#define MAX_CLIENTS 16
#define MAX_RESIZES 256

typedef enum { IN_VERSION, IN_SECURITY, IN_INIT, IN_MESSAGES } Phase;

typedef struct {
    int fd;
    Phase phase;
    GByteArray *in, *out;
    bool asked, full, extended_size, plain_size, cursor, qemu_key, clip;
    bool tell_size, tell_cursor, tell_key;
    unsigned seen; /* generation of the picture that was sent */
} Client;

typedef struct {
    int64_t at_us;
    int width, height;
} Resize;

static char *opt_unix, *opt_size, *opt_pattern, *opt_events, *opt_clipboard, *opt_misbehave;
static char **opt_resizes;
static int opt_tcp = -1, opt_fps = 10;
static gboolean opt_cursor, opt_once;

static uint32_t *picture; /* 0x00RRGGBB, little-endian: bytes B G R X */
static int width = 800, height = 600;
static unsigned generation = 1;
static GString *typed;
static FILE *events;
static Client clients[MAX_CLIENTS];
static unsigned n_clients, n_served;
static Resize resizes[MAX_RESIZES];
static unsigned n_resizes, next_resize;
static int64_t started_us;

static void G_GNUC_PRINTF(1, 2)
event(const char *format, ...)
{
    va_list args;

    if (events == NULL) {
        return;
    }
    va_start(args, format);
    vfprintf(events, format, args);
    va_end(args);
    fputc('\n', events);
    fflush(events);
}

static void
fill(int x, int y, int w, int h, uint32_t colour)
{
    for (int r = MAX(y, 0); r < MIN(y + h, height); r++) {
        for (int c = MAX(x, 0); c < MIN(x + w, width); c++) {
            picture[(size_t)r * (size_t)width + (size_t)c] = colour;
        }
    }
}

static void
write_text(int x, int y, int scale, uint32_t colour, const char *text)
{
    for (const char *p = text; *p != '\0'; p = g_utf8_next_char(p), x += ZG_FONT_WIDTH * scale) {
        const uint8_t *glyph = zg_font_glyph(g_utf8_get_char(p));
        for (int r = 0; r < ZG_FONT_HEIGHT; r++) {
            for (int c = 0; c < ZG_FONT_WIDTH; c++) {
                if (glyph[r] & (0x80 >> c)) {
                    fill(x + c * scale, y + r * scale, scale, scale, colour);
                }
            }
        }
    }
}

static void
paint_clock(void)
{
    int64_t ms = (zg_clock_mono_us() - started_us) / 1000;
    g_autofree char *text = g_strdup_printf("%02d:%02d.%d", (int)(ms / 60000),
                                            (int)(ms / 1000 % 60), (int)(ms / 100 % 10));

    fill(0, 0, width, height, 0x204060);
    write_text(20, 20, 4, 0xffffff, text);
    fill((int)(ms / 5 % width), 100, 40, 20, 0xffc000);
}

static void
paint_page(void)
{
    static const char *lines[] = {"The quick brown fox jumps over the lazy dog.",
                                  "El pingüino Wenceslao hizo kilómetros bajo exhaustiva lluvia.",
                                  "0123456789 {}[]()<> ~!@#$%^&*_+-=|;:',./?"};

    fill(0, 0, width, height, 0xffffff);
    for (int y = 4, n = 0; y + 13 < height - 40; y += 15, n++) {
        write_text(8, y, 1, 0x101010, lines[n % 3]);
    }
}

static void
paint_noise(void)
{
    for (size_t i = 0, n = (size_t)width * (size_t)height; i < n; i++) {
        picture[i] = g_random_int() & 0xffffff;
    }
}

/* @phase moves it. */
static void
paint_photo(unsigned phase)
{
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
            uint32_t noise = (uint32_t)(x * 7919 + y * 104729) >> 3 & 7;
            uint32_t r = (uint32_t)(x * 200 / width) + noise + phase % 48;
            uint32_t g = (uint32_t)(y * 200 / height) + noise;
            uint32_t b = (uint32_t)((x + y) * 120 / (width + height)) + noise;
            picture[(size_t)y * (size_t)width + (size_t)x] = r << 16 | g << 8 | b;
        }
    }
}

static void
paint(void)
{
    if (g_str_has_prefix(opt_pattern, "solid:")) {
        fill(0, 0, width, height, (uint32_t)g_ascii_strtoull(opt_pattern + 6, NULL, 16));
    } else if (g_str_equal(opt_pattern, "text")) {
        paint_page();
    } else if (g_str_equal(opt_pattern, "noise")) {
        paint_noise();
    } else if (g_str_equal(opt_pattern, "photo")) {
        paint_photo(0);
    } else if (g_str_equal(opt_pattern, "film")) {
        paint_photo(generation);
    } else {
        paint_clock();
    }
    if (typed->len > 0) {
        fill(0, height - 34, width, 34, 0x000000);
        write_text(4, height - 30, 2, 0x00ff00, typed->str);
    }
    generation++;
}

static void
resize(int new_width, int new_height)
{
    width = new_width;
    height = new_height;
    g_free(picture);
    picture = g_new0(uint32_t, (size_t)width * (size_t)height);
    paint();
    for (unsigned i = 0; i < n_clients; i++) {
        clients[i].tell_size = clients[i].full = true;
    }
    event("resized %d %d", width, height);
}

static void
type_key(uint32_t keysym)
{
    if (keysym == 0xff08 && typed->len > 0) {
        g_string_truncate(typed, (gsize)(g_utf8_prev_char(typed->str + typed->len) - typed->str));
    } else if (keysym == 0xff0d) {
        g_string_truncate(typed, 0);
    } else if ((keysym >= 0x20 && keysym < 0x7f) || (keysym >= 0xa0 && keysym < 0x100)) {
        g_string_append_unichar(typed, keysym);
    } else if (keysym > 0x1000000 && keysym < 0x1010000) {
        g_string_append_unichar(typed, keysym - 0x1000000);
    }
    paint();
}

static void
put_cursor(GByteArray *out)
{
    zg_rfb_put_rect(out, 1, 1, 16, 16, ZG_RFB_CURSOR_ALPHA);
    zg_rfb_put_s32(out, ZG_RFB_RAW);
    for (int y = 0; y < 16; y++) {
        for (int x = 0; x < 16; x++) {
            bool inside = x <= y && x + y < 20;
            zg_rfb_put_u32(out, inside ? 0xff8000ffu : 0); /* R G B A: orange */
        }
    }
}

/* The picture, or what --misbehave puts in its place. */
static void
put_picture(Client *c)
{
    GByteArray *out = c->out;

    if (g_strcmp0(opt_misbehave, "huge") == 0) {
        zg_rfb_put_rect(out, 0, 0, 65535, 65535, ZG_RFB_DESKTOP_SIZE);
    } else if (g_strcmp0(opt_misbehave, "outside") == 0) {
        zg_rfb_put_rect(out, width - 1, height - 1, 64, 64, ZG_RFB_RAW);
        zg_rfb_put_zeroes(out, 64 * 64 * 4);
    } else if (g_strcmp0(opt_misbehave, "encoding") == 0) {
        zg_rfb_put_rect(out, 0, 0, width, height, 16);
    } else {
        zg_rfb_put_rect(out, 0, 0, width, height, ZG_RFB_RAW);
        size_t n = (size_t)width * (size_t)height * 4;
        if (g_strcmp0(opt_misbehave, "short") == 0) {
            n /= 2; /* and then nothing more */
        }
        g_byte_array_append(out, (const uint8_t *)picture, (guint)n);
    }
}

static void
send_update(Client *c)
{
    bool size = c->tell_size && (c->extended_size || c->plain_size);
    bool fresh = c->full || c->seen != generation;

    if (!c->asked || !(fresh || size || c->tell_cursor || c->tell_key) || c->out->len > 0) {
        return;
    }
    zg_rfb_put_update(c->out, (unsigned)fresh + size + c->tell_cursor + c->tell_key);
    if (size && c->extended_size) {
        zg_rfb_put_extended_size(c->out, 0, 0, width, height);
    } else if (size) {
        zg_rfb_put_rect(c->out, 0, 0, width, height, ZG_RFB_DESKTOP_SIZE);
    }
    if (c->tell_key) {
        zg_rfb_put_rect(c->out, 0, 0, 0, 0, ZG_RFB_QEMU_KEY);
    }
    if (c->tell_cursor) {
        put_cursor(c->out);
    }
    if (fresh) {
        put_picture(c);
    }
    c->tell_size = c->tell_cursor = c->tell_key = c->asked = c->full = false;
    c->seen = generation;
}

static void
on_encodings(Client *c, ZgRfbReader *in, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        int32_t e = zg_rfb_read_s32(in);
        event("encoding %d", (int)e);
        c->extended_size |= e == ZG_RFB_EXTENDED_DESKTOP_SIZE;
        c->plain_size |= e == ZG_RFB_DESKTOP_SIZE;
        c->cursor |= e == ZG_RFB_CURSOR_ALPHA;
        c->qemu_key |= e == ZG_RFB_QEMU_KEY;
        c->clip |= e == ZG_RFB_EXTENDED_CLIPBOARD;
    }
    c->tell_size = c->extended_size;
    c->tell_key = c->qemu_key;
    c->tell_cursor = c->cursor && opt_cursor;
    if (c->clip) {
        zg_clip_put_caps(c->out, ZG_RFB_S_CUT_TEXT);
        if (opt_clipboard != NULL) {
            zg_clip_put(c->out, ZG_RFB_S_CUT_TEXT, ZG_CLIP_NOTIFY | ZG_CLIP_TEXT);
        }
    }
}

static void
on_cut_text(Client *c, const uint8_t *body, int32_t length)
{
    g_autofree char *text = NULL;
    ZgRfbReader in = {.bytes = body, .n_bytes = (size_t)ABS(length)};
    uint32_t flags;

    if (length >= 0) {
        text = zg_clip_from_latin1(body, (size_t)length);
        event("text %s", text);
        return;
    }
    flags = zg_rfb_read_u32(&in);
    if (flags & ZG_CLIP_NOTIFY) {
        zg_clip_put(c->out, ZG_RFB_S_CUT_TEXT, ZG_CLIP_REQUEST | ZG_CLIP_TEXT);
    } else if (flags & ZG_CLIP_REQUEST && opt_clipboard != NULL) {
        zg_clip_put_provide(c->out, ZG_RFB_S_CUT_TEXT, opt_clipboard, ZG_CLIP_FOR_VIEWER);
    } else if (flags & ZG_CLIP_PROVIDE) {
        text = zg_clip_parse_provide(body + 4, in.n_bytes - 4);
        event("text %s", text == NULL ? "?" : text);
    }
}

static void
on_key(bool down, uint32_t keysym, uint32_t scancode)
{
    event("key %s 0x%x scancode %u", down ? "down" : "up", keysym, scancode);
    if (down) {
        type_key(keysym);
    }
}

/* One message. Returns the bytes used, 0 for more, -1 to end. */
static ssize_t
on_message(Client *c, const uint8_t *bytes, size_t n_bytes)
{
    ZgRfbReader in = {.bytes = bytes, .n_bytes = n_bytes};
    ZgPixelFormat format;
    unsigned n, x, y, type = zg_rfb_read_u8(&in);
    int32_t length;

    switch (type) {
    case ZG_RFB_C_SET_PIXEL_FORMAT:
        zg_rfb_read_bytes(&in, 3);
        zg_rfb_read_pixel_format(&in, &format);
        if (!in.short_of_bytes && !zg_pixel_format_equal(&format, &zg_pixel_format_native)) {
            event("foreign pixel format");
            return -1;
        }
        break;
    case ZG_RFB_C_SET_ENCODINGS:
        zg_rfb_read_u8(&in);
        n = zg_rfb_read_u16(&in);
        if (n_bytes < 4 + 4 * (size_t)n) {
            return 0;
        }
        on_encodings(c, &in, n);
        break;
    case ZG_RFB_C_UPDATE_REQUEST:
        n = zg_rfb_read_u8(&in);
        zg_rfb_read_bytes(&in, 8);
        if (!in.short_of_bytes) {
            c->asked = true;
            c->full |= n == 0;
        }
        break;
    case ZG_RFB_C_KEY:
        n = zg_rfb_read_u8(&in);
        zg_rfb_read_u16(&in);
        x = zg_rfb_read_u32(&in);
        if (!in.short_of_bytes) {
            on_key(n != 0, x, 0);
        }
        break;
    case ZG_RFB_C_POINTER:
        n = zg_rfb_read_u8(&in);
        x = zg_rfb_read_u16(&in);
        y = zg_rfb_read_u16(&in);
        if (!in.short_of_bytes) {
            event("pointer %u %u %u", x, y, n);
        }
        break;
    case ZG_RFB_C_CUT_TEXT:
        zg_rfb_read_bytes(&in, 3);
        length = zg_rfb_read_s32(&in);
        if (!in.short_of_bytes && ABS((int64_t)length) > ZG_CLIP_BODY_MAX) {
            return -1;
        }
        bytes = zg_rfb_read_bytes(&in, (size_t)ABS((int64_t)length));
        if (bytes != NULL) {
            on_cut_text(c, bytes, length);
        }
        break;
    case ZG_RFB_C_SET_DESKTOP_SIZE:
        zg_rfb_read_u8(&in);
        x = zg_rfb_read_u16(&in);
        y = zg_rfb_read_u16(&in);
        n = zg_rfb_read_u8(&in);
        zg_rfb_read_bytes(&in, 1 + 16 * (size_t)n);
        if (!in.short_of_bytes && x > 0 && y > 0 && x <= 4096 && y <= 4096) {
            event("size %u %u", x, y);
            resize((int)x, (int)y);
        }
        break;
    case ZG_RFB_C_QEMU:
        x = zg_rfb_read_u8(&in);
        n = zg_rfb_read_u16(&in);
        type = zg_rfb_read_u32(&in);
        y = zg_rfb_read_u32(&in);
        if (!in.short_of_bytes && x == 0) {
            on_key(n != 0, type, y);
        }
        break;
    default:
        event("unknown message %u", type);
        return -1;
    }
    return in.short_of_bytes ? 0 : (ssize_t)in.at;
}

static ssize_t
on_handshake(Client *c, const uint8_t *bytes, size_t n_bytes)
{
    static const char name[] = "rfb-console";

    switch (c->phase) {
    case IN_VERSION:
        if (n_bytes < ZG_RFB_VERSION_BYTES) {
            return 0;
        }
        zg_rfb_put_u8(c->out, 1);
        zg_rfb_put_u8(c->out, g_strcmp0(opt_misbehave, "security") == 0 ? 2 : ZG_RFB_SECURITY_NONE);
        c->phase = IN_SECURITY;
        return ZG_RFB_VERSION_BYTES;
    case IN_SECURITY:
        zg_rfb_put_u32(c->out, 0);
        c->phase = IN_INIT;
        return 1;
    default:
        zg_rfb_put_u16(c->out, (uint16_t)width);
        zg_rfb_put_u16(c->out, (uint16_t)height);
        zg_rfb_put_pixel_format(c->out, &zg_pixel_format_native);
        zg_rfb_put_u32(c->out, sizeof name - 1);
        g_byte_array_append(c->out, (const uint8_t *)name, sizeof name - 1);
        c->phase = IN_MESSAGES;
        return 1;
    }
}

static bool
read_client(Client *c)
{
    uint8_t buffer[65536];
    ssize_t n = read(c->fd, buffer, sizeof buffer);

    if (n <= 0) {
        return n < 0 && (errno == EAGAIN || errno == EINTR);
    }
    g_byte_array_append(c->in, buffer, (guint)n);
    while (c->in->len > 0) {
        n = c->phase == IN_MESSAGES ? on_message(c, c->in->data, c->in->len)
                                    : on_handshake(c, c->in->data, c->in->len);
        if (n <= 0) {
            return n == 0;
        }
        g_byte_array_remove_range(c->in, 0, (guint)n);
    }
    return true;
}

static bool
write_client(Client *c)
{
    ssize_t n = send(c->fd, c->out->data, c->out->len, MSG_NOSIGNAL);

    if (n < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    g_byte_array_remove_range(c->out, 0, (guint)n);
    return !(c->out->len == 0 && c->phase == IN_MESSAGES && generation > 3 &&
             g_strcmp0(opt_misbehave, "close") == 0);
}

static void
add_client(int fd)
{
    Client *c = &clients[n_clients];

    if (n_clients == MAX_CLIENTS) {
        close(fd);
        return;
    }
    *c = (Client){.fd = fd, .in = g_byte_array_new(), .out = g_byte_array_new(), .full = true};
    n_clients++;
    n_served++;
    zg_fd_set_nonblocking(fd, NULL);
    g_byte_array_append(c->out,
                        (const uint8_t *)(g_strcmp0(opt_misbehave, "version") == 0
                                              ? "HTTP/1.0 400"
                                              : ZG_RFB_VERSION_TEXT),
                        ZG_RFB_VERSION_BYTES);
    event("connect");
}

static void
drop_client(unsigned i)
{
    close(clients[i].fd);
    g_byte_array_unref(clients[i].in);
    g_byte_array_unref(clients[i].out);
    clients[i] = clients[--n_clients];
    event("disconnect");
}

static bool
parse_size(const char *text, int *out_width, int *out_height)
{
    return text != NULL && sscanf(text, "%dx%d", out_width, out_height) == 2 && *out_width > 0 &&
           *out_height > 0 && *out_width <= 4096 && *out_height <= 4096;
}

static bool
parse_options(int argc, char **argv, GError **error)
{
    const GOptionEntry entries[] = {
        {"unix", 0, 0, G_OPTION_ARG_FILENAME, &opt_unix, "listen on a unix socket", "PATH"},
        {"tcp", 0, 0, G_OPTION_ARG_INT, &opt_tcp, "listen on 127.0.0.1 (0: any; printed)", "PORT"},
        {"size", 0, 0, G_OPTION_ARG_STRING, &opt_size, "first size", "WxH"},
        {"pattern", 0, 0, G_OPTION_ARG_STRING, &opt_pattern,
         "clock, solid:RRGGBB, text, noise, photo or film", "NAME"},
        {"fps", 0, 0, G_OPTION_ARG_INT, &opt_fps, "repaints a second of what moves", "N"},
        {"resize", 0, 0, G_OPTION_ARG_STRING_ARRAY, &opt_resizes, "resize after MS", "MS:WxH"},
        {"cursor", 0, 0, G_OPTION_ARG_NONE, &opt_cursor, "send a cursor shape", NULL},
        {"clipboard", 0, 0, G_OPTION_ARG_STRING, &opt_clipboard, "own the clipboard", "TEXT"},
        {"events", 0, 0, G_OPTION_ARG_FILENAME, &opt_events, "write down what came", "FILE"},
        {"misbehave", 0, 0, G_OPTION_ARG_STRING, &opt_misbehave,
         "version, security, huge, outside, encoding, short or close", "HOW"},
        {"once", 0, 0, G_OPTION_ARG_NONE, &opt_once, "end after the last client left", NULL},
        {NULL},
    };
    g_autoptr(GOptionContext) context = g_option_context_new("- a scripted RFB console");

    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, error)) {
        return false;
    }
    if ((opt_unix == NULL) == (opt_tcp < 0) ||
        (opt_size != NULL && !parse_size(opt_size, &width, &height))) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                    "give --unix PATH or --tcp PORT, and --size WxH up to 4096x4096");
        return false;
    }
    for (char **r = opt_resizes; r != NULL && *r != NULL && n_resizes < MAX_RESIZES; r++) {
        char *colon = strchr(*r, ':');
        Resize *to = &resizes[n_resizes];
        if (colon == NULL || !parse_size(colon + 1, &to->width, &to->height)) {
            g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--resize: MS:WxH");
            return false;
        }
        to->at_us = started_us + g_ascii_strtoll(*r, NULL, 10) * 1000;
        n_resizes++;
    }
    opt_pattern = opt_pattern == NULL ? g_strdup("clock") : opt_pattern;
    opt_fps = CLAMP(opt_fps, 1, 100);
    return true;
}

static int
wait_ms(int64_t next_paint_us)
{
    int64_t until = next_paint_us;

    if (next_resize < n_resizes) {
        until = MIN(until, resizes[next_resize].at_us);
    }
    return (int)CLAMP((until - zg_clock_mono_us()) / 1000 + 1, 0, 1000);
}

static void
poll_once(int listener, int timeout_ms)
{
    struct pollfd fds[MAX_CLIENTS + 1] = {{.fd = listener, .events = POLLIN}};

    for (unsigned i = 0; i < n_clients; i++) {
        fds[i + 1] = (struct pollfd){.fd = clients[i].fd, .events = POLLIN};
        fds[i + 1].events |= clients[i].out->len > 0 ? POLLOUT : 0;
    }
    if (poll(fds, n_clients + 1, timeout_ms) <= 0) {
        return;
    }
    for (unsigned i = n_clients; i-- > 0;) {
        bool ok = true;
        if (fds[i + 1].revents & (POLLIN | POLLHUP | POLLERR)) {
            ok = read_client(&clients[i]);
        }
        if (ok && clients[i].out->len > 0) {
            ok = write_client(&clients[i]);
        }
        if (!ok) {
            drop_client(i);
        }
    }
    if (fds[0].revents & POLLIN) {
        int fd = accept(listener, NULL, NULL);
        if (fd >= 0) {
            add_client(fd);
        }
    }
}

static void
serve(int listener)
{
    bool moves = g_str_equal(opt_pattern, "clock") || g_str_equal(opt_pattern, "noise") ||
                 g_str_equal(opt_pattern, "film");
    int64_t next_paint_us = started_us;

    while (!(opt_once && n_served > 0 && n_clients == 0)) {
        int64_t now_us = zg_clock_mono_us();
        if (next_resize < n_resizes && resizes[next_resize].at_us <= now_us) {
            Resize *to = &resizes[next_resize++];
            resize(to->width, to->height);
        }
        if (now_us >= next_paint_us) {
            next_paint_us = now_us + (moves ? 1000000 / opt_fps : 1000000);
            if (moves) {
                paint();
            }
        }
        for (unsigned i = 0; i < n_clients; i++) {
            if (clients[i].phase == IN_MESSAGES) {
                send_update(&clients[i]);
            }
        }
        poll_once(listener, wait_ms(next_paint_us));
    }
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_auto(ZgFd) listener = -1;

    signal(SIGPIPE, SIG_IGN);
    started_us = zg_clock_mono_us();
    typed = g_string_new(NULL);
    if (!parse_options(argc, argv, &error)) {
        fprintf(stderr, "rfb-console: %s\n", error->message);
        return 2;
    }
    events = opt_events == NULL ? NULL : fopen(opt_events, "ae");
    listener = opt_unix != NULL ? zg_unix_listen(opt_unix, SOCK_STREAM, 0600, &error)
                                : zg_tcp_listen("127.0.0.1", (uint16_t)opt_tcp, &error);
    if (listener < 0) {
        fprintf(stderr, "rfb-console: %s\n", error->message);
        return 1;
    }
    if (opt_unix == NULL) {
        printf("%u\n", zg_tcp_port_of(listener));
        fflush(stdout);
    }
    picture = g_new0(uint32_t, (size_t)width * (size_t)height);
    paint();
    serve(listener);
    return 0;
}
