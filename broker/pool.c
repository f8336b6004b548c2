/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "broker/pool.h"

static int
at_least_zero(int n)
{
    return MAX(n, 0);
}

/* Outdated ones go at once, but not all of a bigger stock before new ones stand ready. */
static int
removable_outdated(const ZgPoolWish *wish, const ZgPoolCounts *counts)
{
    int keep = wish->enabled && wish->ready > 1 ? wish->ready / 2 : 0;

    return MIN(counts->outdated, at_least_zero(counts->ready - keep));
}

ZgPoolPlan
zg_pool_plan(const ZgPoolWish *wish, const ZgPoolCounts *counts)
{
    ZgPoolPlan plan = {0};
    int in_all = counts->making + counts->refreshing + counts->ready + counts->used +
                 counts->leaving;
    int wished = wish->enabled ? wish->ready + counts->waiting : 0;
    int coming = counts->making + counts->refreshing;
    int current = counts->ready - counts->outdated;

    if (wish->deleting) {
        plan.n_delete_ready = counts->ready;
        return plan;
    }
    plan.n_delete_outdated = removable_outdated(wish, counts);
    plan.n_delete_ready = MIN(at_least_zero(counts->ready - plan.n_delete_outdated - wished),
                              current);
    plan.n_create = at_least_zero(wished - current - coming);
    if (plan.n_create > at_least_zero(wish->max - in_all)) {
        plan.n_create = at_least_zero(wish->max - in_all);
        plan.reason = counts->waiting > 0 ? "pool-full" : NULL;
    }
    if (plan.n_create > 0 && wish->breaker_open) {
        plan.n_create = 0;
        plan.reason = "breaker-open";
    }
    return plan;
}

bool
zg_pool_breaker_opens(const int64_t *errors_us, size_t n_errors, int64_t now_us)
{
    return n_errors >= ZG_BREAKER_ERRORS &&
           now_us - errors_us[ZG_BREAKER_ERRORS - 1] <= ZG_BREAKER_WINDOW_US;
}

int64_t
zg_pool_estimate_s(int position, int64_t make_ms, int n_coming)
{
    int64_t one_s = MAX(make_ms / 1000, 1);

    return n_coming >= position ? one_s : one_s * (1 + (position - n_coming));
}
