/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LibVNCServer showing a scene, which a second process draws, so that only serving counts.
 * Usage: bench-libvncserver SCENE SHARE STAGE PORT; prints the pid that serves */
#include <poll.h>
#include <rfb/rfb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "tests/bench/stage.h"

#define SERVE_US 2000

typedef struct {
    uint32_t *shared; /* what is served */
    int changes;      /* pipe of ZgRect */
} Painter;

static void
show(BenchScene *scene, void *user)
{
    Painter *p = user;

    bench_scene_copy_changed(scene, p->shared);
    if (write(p->changes, scene->changed, sizeof(ZgRect) * (size_t)scene->n_changed) < 0) {
        exit(0);
    }
}

G_NORETURN static void
serve(const BenchScene *scene, uint32_t *shared, int changes, int port)
{
    int n_args = 1;
    char *args[] = {(char *)"bench-libvncserver", NULL};
    rfbScreenInfoPtr screen = rfbGetScreen(&n_args, args, scene->width, scene->height, 8, 3, 4);

    screen->frameBuffer = (char *)shared;
    screen->serverFormat.redShift = 16;
    screen->serverFormat.greenShift = 8;
    screen->serverFormat.blueShift = 0;
    screen->port = port;
    screen->ipv6port = 0;
    screen->listenInterface = htonl(INADDR_LOOPBACK);
    screen->alwaysShared = TRUE;
    screen->cursor = NULL;
    rfbInitServer(screen);
    for (;;) {
        struct pollfd fd = {.fd = changes, .events = POLLIN};
        ZgRect r;
        while (poll(&fd, 1, 0) > 0) {
            if (read(changes, &r, sizeof r) != sizeof r) {
                exit(0);
            }
            rfbMarkRectAsModified(screen, r.x, r.y, r.x + r.width, r.y + r.height);
        }
        rfbProcessEvents(screen, SERVE_US);
    }
}

int
main(int argc, char **argv)
{
    Painter p;
    BenchPlayer player = {.show = show, .wait = bench_wait, .user = &p};
    BenchScene *scene;
    BenchStage *stage;
    int changes[2];
    pid_t child, parent = getpid();

    if (argc != 5 || (scene = bench_scene_new(argv[1], g_ascii_strtod(argv[2], NULL))) == NULL) {
        bench_fail("usage: bench-libvncserver SCENE SHARE STAGE PORT");
    }
    stage = bench_stage_open(argv[3], true);
    p.shared = mmap(NULL, (size_t)scene->width * (size_t)scene->height * 4, PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p.shared == MAP_FAILED || pipe(changes) < 0 || (child = fork()) < 0) {
        bench_fail("no memory or no process");
    }
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent) {
            close(changes[1]);
            serve(scene, p.shared, changes[0], atoi(argv[4]));
        }
        return 1;
    }
    close(changes[0]);
    p.changes = changes[1];
    printf("%d\n", child);
    fflush(stdout);
    bench_play(scene, stage, &player);
}
