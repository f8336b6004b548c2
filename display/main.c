/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zaguan-display: the front of a machine, the worker of one desktop, or both in small. */
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "display/front.h"
#include "display/standalone.h"
#include "display/worker.h"

static int
front_main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "zaguan-display --front: give one configuration file\n");
        return 2;
    }
    return zg_front_main(argv[1]);
}

static const struct {
    const char *mode, *usage;
    int (*run)(int argc, char **argv); /* argv[0] is the mode */
} modes[] = {
    {"--front", "CONFIG", front_main},
    {"--worker", "(started by the front)", zg_worker_main},
    {"--standalone", "--console unix:PATH|tcp:HOST:PORT --rfb 127.0.0.1:PORT --security none",
     zg_standalone_main},
};

int
main(int argc, char **argv)
{
    zg_log_init("zaguan-display");
    mallopt(M_ARENA_MAX, 1); /* of a second arena, malloc_trim() cannot give the top back */
    for (size_t i = 0; argc > 1 && i < G_N_ELEMENTS(modes); i++) {
        if (strcmp(argv[1], modes[i].mode) == 0) {
            return modes[i].run(argc - 1, argv + 1);
        }
    }
    if (argc > 1 && strcmp(argv[1], "--help") != 0) {
        fprintf(stderr, "zaguan-display: '%s' is not a mode\n", argv[1]);
        return 2;
    }
    printf("Usage:\n");
    for (size_t i = 0; i < G_N_ELEMENTS(modes); i++) {
        printf("  zaguan-display %s %s\n", modes[i].mode, modes[i].usage);
    }
    return argc > 1 ? 0 : 2;
}
