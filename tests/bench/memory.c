/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plays a scene into a mapped file: the memory of a machine, whose screen lies in it.
 * Usage: bench-memory SCENE SHARE STAGE FILE OFFSET */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "tests/bench/stage.h"

static void
show(BenchScene *scene, void *user)
{
    bench_scene_copy_changed(scene, user);
}

int
main(int argc, char **argv)
{
    BenchScene *scene;
    BenchPlayer player = {.show = show, .wait = bench_wait};
    int fd;

    if (argc != 6 || (scene = bench_scene_new(argv[1], g_ascii_strtod(argv[2], NULL))) == NULL) {
        bench_fail("usage: bench-memory SCENE SHARE STAGE FILE OFFSET");
    }
    fd = open(argv[4], O_RDWR | O_CLOEXEC);
    player.user = mmap(NULL, (size_t)scene->width * (size_t)scene->height * 4,
                       PROT_READ | PROT_WRITE, MAP_SHARED, fd, atoll(argv[5]));
    if (player.user == MAP_FAILED) {
        bench_fail("'%s' is not mapped", argv[4]);
    }
    bench_play(scene, bench_stage_open(argv[3], true), &player);
}
