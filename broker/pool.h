/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How many desktops a pool needs: given counts, what to make and what to remove. Pure. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* 3 errors in 600 s stop the making of new ones for 600 s. */
#define ZG_BREAKER_ERRORS 3
#define ZG_BREAKER_WINDOW_US (600 * G_USEC_PER_SEC)
#define ZG_BREAKER_OPEN_US (600 * G_USEC_PER_SEC)

/* Desktops of one pool. Those on silent hosts count as lost. */
typedef struct {
    int making;     /* provisioning, customizing */
    int refreshing;
    int ready;      /* free, also the outdated ones */
    int outdated;   /* of ready: not of the wished template version */
    int used;       /* reserved, in use */
    int leaving;    /* error, deleting: they still hold memory and disk */
    int lost;
    int waiting;    /* sessions that have no desktop yet */
} ZgPoolCounts;

typedef struct {
    int ready; /* free ones wished at any time */
    int max;
    bool enabled;
    bool deleting;
    bool breaker_open;
} ZgPoolWish;

typedef struct {
    int n_create;
    int n_delete_outdated;
    int n_delete_ready; /* beyond the outdated ones */
    const char *reason; /* why fewer are made than needed, or NULL; a reason code */
} ZgPoolPlan;

/** zg_pool_plan() - one step towards the wish; never more than max in all. */
ZgPoolPlan zg_pool_plan(const ZgPoolWish *wish, const ZgPoolCounts *counts);

/**
 * zg_pool_breaker_opens() - do these errors open the breaker?
 * @errors_us: times of errors, newest first
 */
bool zg_pool_breaker_opens(const int64_t *errors_us, size_t n_errors, int64_t now_us);

/**
 * zg_pool_estimate_s() - seconds until the @position-th waiting session has a desktop
 * @position: from 1
 * @make_ms: how long making one took lately
 * @n_coming: desktops being made or refreshed
 */
int64_t zg_pool_estimate_s(int position, int64_t make_ms, int n_coming);
