/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/effort.h"

#include <string.h>

#define BUSY_FPS_LEAST 3  /* below, nobody waits for pictures */
#define FLUENT_FPS 24     /* as many are not held up */
#define SHARE_LEAST_PCT 20

void
zg_effort_init(ZgEffort *effort, int64_t now_us)
{
    memset(effort, 0, sizeof *effort);
    effort->since_us = effort->period_us = now_us;
}

void
zg_effort_enter(ZgEffort *effort, ZgEffortKind kind, int64_t now_us)
{
    effort->spent_us[effort->now] += now_us - effort->since_us;
    effort->since_us = now_us;
    effort->now = kind;
}

void
zg_effort_sent(ZgEffort *effort)
{
    effort->n_updates++;
}

/* Where pictures move, fewer than fluent: what took most of the time; the guest comes last. */
static const char *
word_of(const ZgEffort *effort, int64_t period_us, unsigned fps)
{
    static const char *const words[ZG_N_EFFORTS] = {"guest", "link", "encoder", "viewer"};
    ZgEffortKind worst = ZG_EFFORT_GUEST;
    int64_t waited_us = 0;

    for (int i = ZG_EFFORT_LINK; i < ZG_N_EFFORTS; i++) {
        waited_us += effort->spent_us[i];
        if (worst == ZG_EFFORT_GUEST || effort->spent_us[i] > effort->spent_us[worst]) {
            worst = (ZgEffortKind)i;
        }
    }
    if (fps >= FLUENT_FPS || period_us <= 0) {
        return "none";
    }
    if (effort->spent_us[worst] * 100 >= period_us * SHARE_LEAST_PCT) {
        return words[worst];
    }
    return fps >= BUSY_FPS_LEAST && waited_us * 100 < period_us * SHARE_LEAST_PCT ? "guest"
                                                                                  : "none";
}

const char *
zg_effort_judge(ZgEffort *effort, int64_t now_us, unsigned *out_fps)
{
    int64_t period_us = now_us - effort->period_us;
    const char *word;

    zg_effort_enter(effort, effort->now, now_us);
    *out_fps = period_us <= 0
                   ? 0
                   : (unsigned)(((int64_t)effort->n_updates * 1000000 + period_us / 2) / period_us);
    word = word_of(effort, period_us, *out_fps);
    memset(effort->spent_us, 0, sizeof effort->spent_us);
    effort->n_updates = 0;
    effort->period_us = now_us;
    return word;
}
