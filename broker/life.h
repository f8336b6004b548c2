/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lives of a desktop, their names, the only moves between them and their time limits. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef enum {
    ZG_LIFE_PROVISIONING, /* asked of its host */
    ZG_LIFE_CUSTOMIZING,  /* runs; identity and first picture are awaited */
    ZG_LIFE_READY,
    ZG_LIFE_RESERVED, /* a session has it; no viewer yet */
    ZG_LIFE_IN_USE,
    ZG_LIFE_REFRESHING, /* the next generation is being made */
    ZG_LIFE_DELETING,
    ZG_LIFE_ERROR,
    ZG_LIFE_LOST, /* its host is silent; nobody knows whether it runs */
    ZG_N_LIVES
} ZgLife;

/** zg_life_name() - as in the API: "provisioning" … "lost". */
const char *zg_life_name(ZgLife life);

/** zg_life_from_name() - false when it is none. */
bool zg_life_from_name(const char *name, ZgLife *out_life);

/**
 * zg_life_may_move() - is the move in the table?
 * @tainted: somebody was signed on in this generation: never back to ready
 */
bool zg_life_may_move(ZgLife from, ZgLife to, bool tainted);

/** zg_life_limit_s() - longest stay in seconds; 0: none. */
int64_t zg_life_limit_s(ZgLife life);
