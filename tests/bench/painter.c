/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plays a scene into an X display. Usage: bench-painter SCENE SHARE STAGE, with DISPLAY set */
#include <X11/Xlib.h>
#include <X11/Xutil.h>
#include <X11/extensions/XShm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>

#include "tests/bench/stage.h"

typedef struct {
    Display *display;
    Window window;
    GC gc;
    XImage *image;
} Painter;

static void
show(BenchScene *scene, void *user)
{
    Painter *p = user;

    for (int i = 0; i < scene->n_changed; i++) {
        ZgRect r = scene->changed[i];
        XShmPutImage(p->display, p->window, p->gc, p->image, r.x, r.y, r.x, r.y,
                     (unsigned)r.width, (unsigned)r.height, False);
    }
    XSync(p->display, False); /* the next frame is drawn into the same memory */
}

static void
open_window(Painter *p, const BenchScene *scene)
{
    XSetWindowAttributes attributes = {.override_redirect = True};
    XEvent event;

    p->display = XOpenDisplay(NULL);
    if (p->display == NULL) {
        bench_fail("no X display");
    }
    p->window = XCreateWindow(p->display, DefaultRootWindow(p->display), 0, 0,
                              (unsigned)scene->width, (unsigned)scene->height, 0, CopyFromParent,
                              InputOutput, CopyFromParent, CWOverrideRedirect, &attributes);
    XSelectInput(p->display, p->window, ExposureMask);
    XMapRaised(p->display, p->window);
    p->gc = XCreateGC(p->display, p->window, 0, NULL);
    do {
        XNextEvent(p->display, &event);
    } while (event.type != Expose);
}

/* The scene draws into memory that the X server reads, so that nothing is sent through a socket. */
static void
share_picture(Painter *p, BenchScene *scene)
{
    static XShmSegmentInfo segment;
    size_t n_bytes = (size_t)scene->width * (size_t)scene->height * 4;

    p->image = XShmCreateImage(p->display, DefaultVisual(p->display, 0), 24, ZPixmap, NULL,
                               &segment, (unsigned)scene->width, (unsigned)scene->height);
    segment.shmid = shmget(IPC_PRIVATE, n_bytes, IPC_CREAT | 0600);
    segment.shmaddr = p->image->data = shmat(segment.shmid, NULL, 0);
    if (p->image->data == (char *)-1 || !XShmAttach(p->display, &segment)) {
        bench_fail("no memory to share with the X server");
    }
    XSync(p->display, False);
    shmctl(segment.shmid, IPC_RMID, NULL);
    memcpy(p->image->data, scene->picture, n_bytes);
    g_free(scene->picture);
    scene->picture = (uint32_t *)(void *)p->image->data;
}

int
main(int argc, char **argv)
{
    Painter p = {0};
    BenchPlayer player = {.show = show, .wait = bench_wait, .user = &p};
    BenchScene *scene;
    BenchStage *stage;

    if (argc != 4 || (scene = bench_scene_new(argv[1], g_ascii_strtod(argv[2], NULL))) == NULL) {
        bench_fail("usage: bench-painter SCENE SHARE STAGE");
    }
    stage = bench_stage_open(argv[3], true);
    open_window(&p, scene);
    share_picture(&p, scene);
    bench_play(scene, stage, &player);
}
