/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "broker/life.h"

#include <glib.h>

static const struct {
    const char *name;
    int64_t limit_s;
} lives[ZG_N_LIVES] = {
    [ZG_LIFE_PROVISIONING] = {"provisioning", 120},
    [ZG_LIFE_CUSTOMIZING] = {"customizing", 600},
    [ZG_LIFE_READY] = {"ready", 24 * 3600},
    [ZG_LIFE_RESERVED] = {"reserved", 0}, /* its session has the limit */
    [ZG_LIFE_IN_USE] = {"in-use", 0},
    [ZG_LIFE_REFRESHING] = {"refreshing", 720}, /* 120 s to drop the overlay, then as customizing */
    [ZG_LIFE_DELETING] = {"deleting", 600},
    [ZG_LIFE_ERROR] = {"error", 30},
    [ZG_LIFE_LOST] = {"lost", 0},
};

static const struct {
    ZgLife from;
    ZgLife to;
    bool also_tainted;
} moves[] = {
    {ZG_LIFE_PROVISIONING, ZG_LIFE_CUSTOMIZING, true}, /* its machine runs */
    {ZG_LIFE_PROVISIONING, ZG_LIFE_ERROR, true},
    {ZG_LIFE_PROVISIONING, ZG_LIFE_DELETING, true},
    {ZG_LIFE_PROVISIONING, ZG_LIFE_LOST, true},
    {ZG_LIFE_CUSTOMIZING, ZG_LIFE_READY, false}, /* prepared */
    {ZG_LIFE_CUSTOMIZING, ZG_LIFE_ERROR, true},
    {ZG_LIFE_CUSTOMIZING, ZG_LIFE_DELETING, true},
    {ZG_LIFE_CUSTOMIZING, ZG_LIFE_LOST, true},
    {ZG_LIFE_READY, ZG_LIFE_RESERVED, false},  /* assigned */
    {ZG_LIFE_READY, ZG_LIFE_REFRESHING, true}, /* stopped by itself, old, or asked */
    {ZG_LIFE_READY, ZG_LIFE_DELETING, true},   /* too many, outdated, or asked */
    {ZG_LIFE_READY, ZG_LIFE_ERROR, true},
    {ZG_LIFE_READY, ZG_LIFE_LOST, true},
    {ZG_LIFE_RESERVED, ZG_LIFE_IN_USE, true}, /* first viewer */
    {ZG_LIFE_RESERVED, ZG_LIFE_READY, false}, /* nobody came, nobody was signed on */
    {ZG_LIFE_RESERVED, ZG_LIFE_REFRESHING, true},
    {ZG_LIFE_RESERVED, ZG_LIFE_LOST, true},
    {ZG_LIFE_IN_USE, ZG_LIFE_REFRESHING, true}, /* session over */
    {ZG_LIFE_IN_USE, ZG_LIFE_LOST, true},
    {ZG_LIFE_REFRESHING, ZG_LIFE_READY, false},
    {ZG_LIFE_REFRESHING, ZG_LIFE_DELETING, true}, /* outdated or retired */
    {ZG_LIFE_REFRESHING, ZG_LIFE_ERROR, true},
    {ZG_LIFE_REFRESHING, ZG_LIFE_LOST, true},
    {ZG_LIFE_ERROR, ZG_LIFE_DELETING, true},
    {ZG_LIFE_ERROR, ZG_LIFE_LOST, true},
    {ZG_LIFE_DELETING, ZG_LIFE_LOST, true}, /* not confirmed in time */
    {ZG_LIFE_LOST, ZG_LIFE_DELETING, true}, /* its host is back and obeys */
};

const char *
zg_life_name(ZgLife life)
{
    g_assert((unsigned)life < ZG_N_LIVES);
    return lives[life].name;
}

bool
zg_life_from_name(const char *name, ZgLife *out_life)
{
    for (int life = 0; life < ZG_N_LIVES; life++) {
        if (g_strcmp0(name, lives[life].name) == 0) {
            *out_life = (ZgLife)life;
            return true;
        }
    }
    return false;
}

bool
zg_life_may_move(ZgLife from, ZgLife to, bool tainted)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(moves); i++) {
        if (moves[i].from == from && moves[i].to == to) {
            return !tainted || moves[i].also_tainted;
        }
    }
    return false;
}

int64_t
zg_life_limit_s(ZgLife life)
{
    g_assert((unsigned)life < ZG_N_LIVES);
    return lives[life].limit_s;
}
