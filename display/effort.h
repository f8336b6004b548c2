/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a viewer's pictures wait for, and in words what holds them up most. Pure. */
#pragma once

#include <stdint.h>

typedef enum {
    ZG_EFFORT_GUEST,   /* nothing to send: the console has not changed */
    ZG_EFFORT_LINK,    /* the link is full */
    ZG_EFFORT_ENCODER, /* being encoded */
    ZG_EFFORT_VIEWER,  /* the viewer has not asked, or not answered */
    ZG_N_EFFORTS,
} ZgEffortKind;

typedef struct {
    ZgEffortKind now;
    int64_t since_us;            /* of @now */
    int64_t spent_us[ZG_N_EFFORTS];
    int64_t period_us;           /* beginning of the period */
    unsigned n_updates;          /* of the period */
} ZgEffort;

void zg_effort_init(ZgEffort *effort, int64_t now_us);

/** zg_effort_enter() - from now on it waits for @kind. */
void zg_effort_enter(ZgEffort *effort, ZgEffortKind kind, int64_t now_us);

/** zg_effort_sent() - an update went out. */
void zg_effort_sent(ZgEffort *effort);

/**
 * zg_effort_judge() - the period ends and a new one begins
 * @out_fps: updates a second, rounded
 * Return: "none", "link", "encoder", "viewer" or "guest"; static.
 */
const char *zg_effort_judge(ZgEffort *effort, int64_t now_us, unsigned *out_fps);
