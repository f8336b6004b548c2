/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Frames of a scene as they should look: rows of red, green, blue, one frame after the other.
 * Usage: bench-still SCENE N... (ascending); without N: how many frames there are
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/scene.h"
#include "tests/bench/stage.h"

static void
write_picture(const BenchScene *scene)
{
    for (int i = 0; i < scene->width * scene->height; i++) {
        uint32_t pixel = scene->picture[i];

        putchar((int)(pixel >> 16 & 0xff));
        putchar((int)(pixel >> 8 & 0xff));
        putchar((int)(pixel & 0xff));
    }
}

int
main(int argc, char **argv)
{
    BenchScene *scene = argc > 1 ? bench_scene_new(argv[1], 1) : NULL;

    if (scene == NULL) {
        bench_fail("bench-still: the first word is no scene");
    }
    if (argc == 2) {
        printf("%d\n", scene->n_frames);
    }
    for (int i = 2; i < argc; i++) {
        int wanted = atoi(argv[i]);

        if (wanted < scene->frame || wanted >= scene->n_frames) {
            bench_fail("bench-still: '%s' is not a frame after those before", argv[i]);
        }
        while (scene->frame < wanted) {
            bench_scene_step(scene);
        }
        write_picture(scene);
    }
    bench_scene_free(scene);
    return fflush(stdout) == 0 ? 0 : 1;
}
