/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The walk over nested groups: which to ask for next, what was found; loops and size bounded. Pure.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#define ZG_GROUPS_MAX 256
#define ZG_GROUP_QUERIES_MAX 32
#define ZG_GROUPS_PER_QUERY 16

typedef struct ZgGroupWalk ZgGroupWalk;

ZgGroupWalk *zg_group_walk_new(void);
void zg_group_walk_free(ZgGroupWalk *walk);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgGroupWalk, zg_group_walk_free)

/**
 * zg_group_walk_found() - a group was seen
 * @dn:   normalised, lower-case DN; seen before: nothing happens (that ends loops)
 * @name: short name, or NULL
 * Return: false when the group is left out because ZG_GROUPS_MAX are known.
 */
bool zg_group_walk_found(ZgGroupWalk *walk, const char *dn, const char *name);

/**
 * zg_group_walk_next() - DNs to put into the next query
 * @n_most: 1..ZG_GROUPS_PER_QUERY
 * Return: NULL-terminated, owned by the caller; NULL when done or out of queries.
 */
char **zg_group_walk_next(ZgGroupWalk *walk, unsigned n_most);

/** zg_group_walk_is_cut() - was something left out because of a bound? */
bool zg_group_walk_is_cut(const ZgGroupWalk *walk);

/** zg_group_walk_names() - short names and DNs, sorted, each once; the caller frees. */
char **zg_group_walk_names(const ZgGroupWalk *walk);
