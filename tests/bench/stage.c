/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/bench/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/clock.h"

#define WAIT_FOR_GO_US 2000

void
bench_fail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fprintf(stderr, "%s: ", program_invocation_short_name);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

BenchStage *
bench_stage_open(const char *path, bool create)
{
    int fd = open(path, O_RDWR | O_CLOEXEC | (create ? O_CREAT : 0), 0600);
    BenchStage *stage;

    if (fd < 0 || (create && ftruncate(fd, sizeof(BenchStage)) < 0)) {
        bench_fail("'%s': %s", path, g_strerror(errno));
    }
    stage = mmap(NULL, sizeof(BenchStage), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (stage == MAP_FAILED) {
        bench_fail("'%s': %s", path, g_strerror(errno));
    }
    close(fd);
    return stage;
}

void
bench_wait(int64_t until_us, void *user)
{
    int64_t left = MAX(until_us - zg_clock_mono_us(), 0);
    struct timespec timeout = {left / G_USEC_PER_SEC, left % G_USEC_PER_SEC * 1000};

    ppoll(NULL, 0, &timeout, NULL);
}

void
bench_play(BenchScene *scene, BenchStage *stage, const BenchPlayer *player)
{
    int64_t due;

    stage->shown_us[0] = zg_clock_mono_us();
    player->show(scene, player->user);
    stage->ready = true;
    while (stage->begin_us == 0) {
        player->wait(zg_clock_mono_us() + WAIT_FOR_GO_US, player->user);
    }
    due = stage->begin_us;
    while (scene->frame + 1 < scene->n_frames) {
        bench_scene_step(scene); /* drawn before its time: drawing is not part of any delay */
        due += scene->frame_us;
        while (zg_clock_mono_us() < due) {
            player->wait(due, player->user);
        }
        stage->shown_us[scene->frame] = zg_clock_mono_us();
        player->show(scene, player->user);
    }
    for (;;) {
        player->wait(zg_clock_mono_us() + G_USEC_PER_SEC, player->user);
    }
}
