/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/bench/scene.h"

#include <string.h>

#include "display/font.h"
#include "tests/bench/paint.h"

#define WIDTH 1280
#define HEIGHT 800
#define LINE 16 /* pixels from one line of text to the next */

#define PAGE_HEIGHT 7000
#define HEADER 64 /* stays while the page scrolls */
#define SCROLL_BAR 14
#define SECTION 720 /* of a site's page: heading, and what fills most of a screen */

#define TERM_X 96
#define TERM_Y 64
#define TERM_WIDTH 1000
#define TERM_HEIGHT 672

#define FILM_X 320
#define FILM_Y 180
#define FILM_WIDTH 640
#define FILM_HEIGHT 360

#define DRAG_WIDTH 560
#define DRAG_HEIGHT 400

static BenchPaper
paper_of(BenchScene *s)
{
    return (BenchPaper){s->picture, s->width, s->height};
}

static BenchPaper
stock_of(BenchScene *s)
{
    return (BenchPaper){s->stock, s->stock_width, s->stock_height};
}

static void
note_change(BenchScene *s, int x, int y, int w, int h)
{
    g_assert(s->n_changed < BENCH_CHANGED_MAX + 1);
    s->changed[s->n_changed++] = (ZgRect){x, y, w, h};
}

static void
set_stock(BenchScene *s, int width, int height)
{
    s->stock_width = width;
    s->stock_height = height;
    s->stock = g_new0(uint32_t, (size_t)width * (size_t)height);
}

/* ---- windows ---- */

static void
draw_backdrop(const BenchPaper *on)
{
    for (int y = 0; y < on->height; y++) {
        bench_fill(on, 0, y, on->width, 1, 0x204060u + (uint32_t)(y * 64 / on->height));
    }
    bench_fill(on, 0, on->height - 36, on->width, 36, 0x22262a);
    bench_text(on, 12, on->height - 24, 1, 0xf0f0f0, "Applications   Places   Mail   12:47");
}

static void
draw_window(const BenchPaper *on, int x, int y, int w, int h, uint32_t ground, const char *title)
{
    bench_fill(on, x - 1, y - 25, w + 2, h + 26, 0x707880);
    bench_fill(on, x, y - 24, w, 24, 0xd8dce0);
    bench_text(on, x + 10, y - 18, 1, 0x202428, title);
    bench_fill(on, x, y, w, h, ground);
}

static void
draw_lines(const BenchPaper *on, int x, int y, int w, int h, uint32_t ink, uint32_t *seed)
{
    for (int line = 0; (line + 1) * LINE <= h; line++) {
        if (bench_random(seed) % 7 != 0) {
            int n_max = w / ZG_FONT_WIDTH - (int)(bench_random(seed) % 24);
            g_autofree char *text = bench_words(seed, n_max);
            bench_text(on, x, y + line * LINE, 1, ink, text);
        }
    }
}

/* ---- typing ---- */

static void
draw_caret(BenchScene *s, bool shown)
{
    BenchPaper on = paper_of(s);
    int x = TERM_X + 8 + s->column * ZG_FONT_WIDTH, y = TERM_Y + s->line * LINE;

    bench_fill(&on, x, y, 2, ZG_FONT_HEIGHT, shown ? 0x101010 : 0xffffff);
    note_change(s, x, y, 2, ZG_FONT_HEIGHT);
}

static void
draw_typing(BenchScene *s)
{
    BenchPaper on = paper_of(s);
    char letter[2] = {(char)('a' + bench_random(&s->seed) % 26), '\0'};

    if (s->frame == 0) {
        draw_backdrop(&on);
        draw_window(&on, TERM_X, TERM_Y, TERM_WIDTH, TERM_HEIGHT, 0xffffff, "Letter - Editor");
        draw_lines(&on, TERM_X + 8, TERM_Y, TERM_WIDTH - 32, 30 * LINE, 0x101010, &s->seed);
        s->line = 31;
        return;
    }
    draw_caret(s, false);
    if (bench_random(&s->seed) % 6 != 0) {
        int x = TERM_X + 8 + s->column * ZG_FONT_WIDTH, y = TERM_Y + s->line * LINE;
        bench_text(&on, x, y, 1, 0x101010, letter);
        note_change(s, x, y, ZG_FONT_WIDTH, ZG_FONT_HEIGHT);
    }
    s->column++;
    if (s->column >= 100) {
        s->column = 0;
        s->line++;
    }
    draw_caret(s, true);
}

static void
draw_idle(BenchScene *s)
{
    if (s->frame == 0) {
        draw_typing(s);
        return;
    }
    draw_caret(s, s->frame % 2 == 1);
}

/* ---- a terminal that scrolls ---- */

static void
draw_terminal_line(BenchScene *s, int y)
{
    static const uint32_t inks[] = {0xd0d0d0, 0xd0d0d0, 0x60d060, 0x6090ff, 0xe0c060, 0xff6060};
    BenchPaper on = paper_of(s);
    g_autofree char *text = bench_words(&s->seed, 20 + (int)(bench_random(&s->seed) % 90));
    g_autofree char *number = g_strdup_printf("%08x", bench_random(&s->seed));

    bench_fill(&on, TERM_X, y, TERM_WIDTH, LINE, 0x101418);
    bench_text(&on, TERM_X + 4, y, 1, 0x808890, number);
    bench_text(&on, TERM_X + 84, y, 1, inks[bench_random(&s->seed) % G_N_ELEMENTS(inks)], text);
}

static void
draw_terminal(BenchScene *s)
{
    BenchPaper on = paper_of(s);
    int n_new = 1 + (int)(bench_random(&s->seed) % 3);

    if (s->frame == 0) {
        draw_backdrop(&on);
        draw_window(&on, TERM_X, TERM_Y, TERM_WIDTH, TERM_HEIGHT, 0x101418, "Terminal");
        n_new = TERM_HEIGHT / LINE;
    } else {
        bench_copy(&on, TERM_X, TERM_Y, &on, TERM_X, TERM_Y + n_new * LINE, TERM_WIDTH,
                   TERM_HEIGHT - n_new * LINE);
    }
    for (int i = n_new; i > 0; i--) {
        draw_terminal_line(s, TERM_Y + TERM_HEIGHT - i * LINE);
    }
    note_change(s, TERM_X, TERM_Y, TERM_WIDTH, TERM_HEIGHT);
}

/* ---- a page that scrolls ---- */

static void
draw_page(const BenchPaper *page, uint32_t *seed)
{
    bench_fill(page, 0, 0, page->width, page->height, 0xffffff);
    for (int y = 24; y + 700 < page->height; y += 700) {
        g_autofree char *heading = bench_words(seed, 36);
        bench_text(page, 80, y, 2, 0x203060, heading);
        draw_lines(page, 80, y + 48, 700, 620, 0x303030, seed);
        bench_photo(page, 840, y + 40, 360, 250, *seed);
        bench_fill(page, 840, y + 330, 360, 200, 0xf2f4f6);
        draw_lines(page, 852, y + 342, 336, 176, 0x205080, seed);
    }
}

static void
draw_scroll(BenchScene *s)
{
    BenchPaper on = paper_of(s), page;
    int thumb;

    if (s->frame == 0) {
        set_stock(s, WIDTH - SCROLL_BAR, PAGE_HEIGHT);
        page = stock_of(s);
        draw_page(&page, &s->seed);
        bench_fill(&on, 0, 0, WIDTH, HEADER, 0x2a4d7c);
        bench_text(&on, 200, 20, 2, 0xffffff, "Intranet   News   People   Orders");
    }
    page = stock_of(s);
    /* slow, fast, slow: as a wheel with smooth scrolling does */
    s->line += s->frame == 0 ? 0 : 6 + (s->frame % 12) * 4;
    if (s->line > PAGE_HEIGHT - HEIGHT) {
        s->line = 0;
    }
    bench_copy(&on, 0, HEADER, &page, 0, s->line, page.width, HEIGHT - HEADER);
    thumb = HEADER + s->line * (HEIGHT - HEADER - 80) / (PAGE_HEIGHT - HEIGHT);
    bench_fill(&on, page.width, HEADER, SCROLL_BAR, HEIGHT - HEADER, 0xe8e8e8);
    bench_fill(&on, page.width + 2, thumb, SCROLL_BAR - 4, 80, 0xa0a0a0);
    note_change(s, 0, HEADER, WIDTH, HEIGHT - HEADER);
}

/* ---- page after page of a site ---- */

static void
draw_story(const BenchPaper *on, int y, uint32_t *seed)
{
    bench_photo(on, 60, y + 56, 620, 420, *seed);
    draw_lines(on, 60, y + 492, 620, 170, 0x404040, seed);
    draw_lines(on, 720, y + 56, 500, 606, 0x202020, seed);
}

static void
draw_table(const BenchPaper *on, int y, uint32_t *seed)
{
    for (int row = 0; row < 24; row++) {
        int top = y + 56 + row * 25;
        bench_fill(on, 60, top, 1160, 25, row == 0 ? 0x3a5f8a : row % 2 ? 0xffffff : 0xeef2f6);
        for (int column = 0; column < 8; column++) {
            g_autofree char *text = column == 1 || row == 0
                                        ? bench_words(seed, 16)
                                        : g_strdup_printf("%u.%02u", bench_random(seed) % 9000,
                                                          bench_random(seed) % 100);
            bench_fill(on, 60 + column * 145, top, 1, 25, 0xc8d0d8);
            bench_text(on, 70 + column * 145, top + 5, 1, row == 0 ? 0xffffff : 0x202020, text);
        }
    }
}

static void
draw_cards(const BenchPaper *on, int y, uint32_t *seed)
{
    for (int i = 0; i < 6; i++) {
        int x = 60 + i % 3 * 395, top = y + 56 + i / 3 * 310;
        bench_fill(on, x, top, 370, 290, 0xf4f4f0);
        bench_photo(on, x, top, 370, 180, *seed + (uint32_t)i * 7);
        draw_lines(on, x + 12, top + 192, 346, 90, 0x303030, seed);
    }
}

/* One screen down each time: a new section, and the end of the one before. */
static void
draw_web(BenchScene *s)
{
    static void (*const sections[])(const BenchPaper *, int, uint32_t *) = {draw_story, draw_table,
                                                                            draw_cards};
    BenchPaper on = paper_of(s);

    bench_fill(&on, 0, HEADER, WIDTH, HEIGHT - HEADER, 0xffffff);
    s->line += s->frame == 0 ? 0 : HEIGHT - HEADER - 2 * LINE;
    for (int i = s->line / SECTION; i * SECTION < s->line + HEIGHT - HEADER; i++) {
        uint32_t seed = (uint32_t)i + 1000;
        int y = HEADER + i * SECTION - s->line;
        g_autofree char *heading = bench_words(&seed, 40);
        sections[i % 3](&on, y, &seed);
        bench_text(&on, 60, y + 16, 2, 0x602020, heading);
    }
    bench_fill(&on, 0, 0, WIDTH, HEADER, 0x2a4d7c);
    bench_text(&on, 200, 20, 2, 0xffffff, "Market   Prices   Sport   Weather");
    note_change(s, 0, 0, WIDTH, HEIGHT);
}

/* ---- two windows, raised in turn ---- */

static void
draw_desktop(const BenchPaper *on, bool letter_on_top, uint32_t seed)
{
    draw_backdrop(on);
    for (int i = 0; i < 2; i++) {
        if ((i == 1) == letter_on_top) {
            uint32_t own = 77;
            draw_window(on, 60, 90, 780, 560, 0xffffff, "Letter - Editor");
            draw_lines(on, 68, 98, 740, 540, 0x101010, &own);
        } else {
            draw_window(on, 380, 130, 820, 590, 0xf6f6f8, "Pictures");
            for (int k = 0; k < 6; k++) {
                bench_photo(on, 396 + k % 3 * 266, 150 + k / 3 * 280, 250, 220, seed + (uint32_t)k);
                bench_text(on, 396 + k % 3 * 266, 376 + k / 3 * 280, 1, 0x404040, "IMG_2031.JPG");
            }
        }
    }
}

static void
draw_switch(BenchScene *s)
{
    BenchPaper on = paper_of(s);

    if (s->frame == 0) {
        BenchPaper other = {g_new0(uint32_t, WIDTH * HEIGHT), WIDTH, HEIGHT};
        set_stock(s, WIDTH, HEIGHT);
        s->more_stock = other.pixels;
        draw_desktop(&other, false, 40);
        BenchPaper first = stock_of(s);
        draw_desktop(&first, true, 40);
    }
    memcpy(on.pixels, s->frame % 2 == 0 ? s->stock : s->more_stock,
           sizeof(uint32_t) * WIDTH * HEIGHT);
    note_change(s, 59, 65, 782, 586);
    note_change(s, 379, 105, 822, 616);
}

/* ---- a film in a window ---- */

static int
wave(int angle)
{
    int x = angle & 255, y = x & 127;

    y = y * (128 - y) / 64; /* 0..64, a parabola for a sine */
    return x < 128 ? y : -y;
}

static void
draw_film(BenchScene *s)
{
    BenchPaper on = paper_of(s);
    int t = s->frame;

    if (t == 0) {
        draw_backdrop(&on);
        draw_window(&on, FILM_X, FILM_Y, FILM_WIDTH, FILM_HEIGHT, 0, "Film");
        set_stock(s, FILM_WIDTH + 192, FILM_HEIGHT + 192);
        BenchPaper photo = stock_of(s);
        bench_photo(&photo, 0, 0, photo.width, photo.height, 5);
    }
    for (int y = 0; y < FILM_HEIGHT; y++) {
        uint32_t *row = on.pixels + (size_t)(FILM_Y + y) * WIDTH + FILM_X;
        int sway = 96 + wave(t * 2 + y / 3) / 4 + wave(t) / 2;
        for (int x = 0; x < FILM_WIDTH; x++) {
            int from_y = 96 + y + wave(t * 3 + x / 4) / 5 + wave(t + 64) / 2;
            uint32_t pixel = s->stock[(size_t)from_y * (size_t)s->stock_width + (size_t)(x + sway)];
            uint32_t grain = (bench_random(&s->seed) & 1) * 0x010101u; /* as cameras have */
            row[x] = (pixel & 0xfefefeu) | grain;
        }
    }
    bench_fill(&on, FILM_X + 290 + wave(t * 4) * 3, FILM_Y + 150 + wave(t * 5) * 2, 48, 48,
               0xd8b090);
    note_change(s, FILM_X, FILM_Y, FILM_WIDTH, FILM_HEIGHT);
}

/* ---- a window dragged over a photo ---- */

static void
draw_drag(BenchScene *s)
{
    BenchPaper on = paper_of(s), ground, window = {s->more_stock, DRAG_WIDTH, DRAG_HEIGHT};

    if (s->frame == 0) {
        set_stock(s, WIDTH, HEIGHT);
        ground = stock_of(s);
        bench_photo(&ground, 0, 0, WIDTH, HEIGHT, 11);
        s->more_stock = window.pixels = g_new0(uint32_t, DRAG_WIDTH * DRAG_HEIGHT);
        draw_window(&window, 1, 25, DRAG_WIDTH - 2, DRAG_HEIGHT - 26, 0xfafafa, "Orders");
        draw_lines(&window, 12, 36, DRAG_WIDTH - 30, DRAG_HEIGHT - 60, 0x202020, &s->seed);
        memcpy(s->picture, s->stock, sizeof(uint32_t) * WIDTH * HEIGHT);
    }
    ground = stock_of(s);
    if (s->frame > 0) {
        bench_copy(&on, s->column, s->line, &ground, s->column, s->line, DRAG_WIDTH, DRAG_HEIGHT);
        note_change(s, s->column, s->line, DRAG_WIDTH, DRAG_HEIGHT);
    }
    s->column = 360 + wave(s->frame * 3) * 5;
    s->line = 200 + wave(s->frame * 2 + 40) * 5 / 2;
    bench_copy(&on, s->column, s->line, &window, 0, 0, DRAG_WIDTH, DRAG_HEIGHT);
    note_change(s, s->column, s->line, DRAG_WIDTH, DRAG_HEIGHT);
}

/* ---- all scenes ---- */

static const struct {
    const char *name;
    int n_frames;
    int frame_ms;
    void (*draw)(BenchScene *scene);
} scenes[] = {
    {"type", 81, 75, draw_typing},    {"terminal", 151, 40, draw_terminal},
    {"scroll", 181, 33, draw_scroll}, {"drag", 181, 33, draw_drag},
    {"switch", 19, 330, draw_switch}, {"film", 151, 40, draw_film},
    {"idle", 25, 500, draw_idle},     {"web", 15, 500, draw_web},
};

const char *const bench_scene_names[] = {"type", "terminal", "scroll", "drag", "switch",
                                         "film", "idle",     "web",    NULL};

static void
stripe_write(BenchScene *s)
{
    BenchPaper on = paper_of(s);
    unsigned k = (unsigned)s->frame, bits = k | ((k ^ k >> 4 ^ k >> 8 ^ 5) & 15) << 12;

    for (int bit = 0; bit < BENCH_STRIPE_BITS; bit++) {
        bench_fill(&on, bit * BENCH_STRIPE_CELL, 0, BENCH_STRIPE_CELL, BENCH_STRIPE_CELL,
                   bits >> bit & 1 ? 0xffffff : 0);
    }
    note_change(s, 0, 0, BENCH_STRIPE_WIDTH, BENCH_STRIPE_CELL);
}

int
bench_stripe_read(const uint32_t *picture, int width)
{
    unsigned bits = 0, k;

    for (int bit = 0; bit < BENCH_STRIPE_BITS; bit++) {
        uint32_t middle = picture[(size_t)width * 4 + (size_t)(bit * BENCH_STRIPE_CELL + 4)];
        bits |= (middle >> 8 & 255) > 128 ? 1u << bit : 0;
    }
    k = bits & 0xfff;
    return bits >> 12 == ((k ^ k >> 4 ^ k >> 8 ^ 5) & 15) ? (int)k : -1;
}

BenchScene *
bench_scene_new(const char *name, double share)
{
    for (size_t i = 0; i < G_N_ELEMENTS(scenes); i++) {
        if (strcmp(scenes[i].name, name) == 0) {
            BenchScene *s = g_new0(BenchScene, 1);
            *s = (BenchScene){.width = WIDTH,
                              .height = HEIGHT,
                              .draw = scenes[i].draw,
                              .seed = 1,
                              .n_frames = 1 + (int)((scenes[i].n_frames - 1) / share),
                              .frame_us = scenes[i].frame_ms * 1000};
            g_assert(s->n_frames <= BENCH_FRAMES_MAX);
            s->picture = g_new0(uint32_t, WIDTH * HEIGHT);
            s->draw(s);
            s->n_changed = 0;
            stripe_write(s);
            s->n_changed = 0;
            note_change(s, 0, 0, WIDTH, HEIGHT);
            return s;
        }
    }
    return NULL;
}

void
bench_scene_free(BenchScene *s)
{
    if (s != NULL) {
        g_free(s->picture);
        g_free(s->stock);
        g_free(s->more_stock);
        g_free(s);
    }
}

void
bench_scene_step(BenchScene *s)
{
    g_assert(s->frame + 1 < s->n_frames);
    s->frame++;
    s->n_changed = 0;
    s->draw(s);
    stripe_write(s);
}

void
bench_scene_copy_changed(const BenchScene *s, uint32_t *to)
{
    for (int i = 0; i < s->n_changed; i++) {
        ZgRect r = s->changed[i];
        for (int y = r.y; y < r.y + r.height; y++) {
            size_t at = (size_t)y * (size_t)s->width + (size_t)r.x;
            memcpy(to + at, s->picture + at, (size_t)r.width * sizeof(uint32_t));
        }
    }
}
