/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "auth/ldap_groups.h"

#include <string.h>

struct ZgGroupWalk {
    GHashTable *dns;   /* seen */
    GHashTable *names; /* short names of them */
    GQueue waiting;    /* DNs (of dns) whose own groups are not known yet */
    unsigned n_queries;
    bool cut;
};

ZgGroupWalk *
zg_group_walk_new(void)
{
    ZgGroupWalk *walk = g_new0(ZgGroupWalk, 1);

    walk->dns = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    walk->names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_queue_init(&walk->waiting);
    return walk;
}

void
zg_group_walk_free(ZgGroupWalk *walk)
{
    if (walk != NULL) {
        g_queue_clear(&walk->waiting);
        g_hash_table_unref(walk->dns);
        g_hash_table_unref(walk->names);
        g_free(walk);
    }
}

bool
zg_group_walk_found(ZgGroupWalk *walk, const char *dn, const char *name)
{
    char *kept;

    if (!g_hash_table_contains(walk->dns, dn)) {
        if (g_hash_table_size(walk->dns) >= ZG_GROUPS_MAX) {
            walk->cut = true;
            return false;
        }
        kept = g_strdup(dn);
        g_hash_table_add(walk->dns, kept);
        g_queue_push_tail(&walk->waiting, kept);
    }
    if (name != NULL && name[0] != '\0') {
        g_hash_table_add(walk->names, g_strdup(name));
    }
    return true;
}

char **
zg_group_walk_next(ZgGroupWalk *walk, unsigned n_most)
{
    g_autoptr(GPtrArray) dns = NULL;

    if (g_queue_is_empty(&walk->waiting)) {
        return NULL;
    }
    if (walk->n_queries >= ZG_GROUP_QUERIES_MAX) {
        walk->cut = true;
        return NULL;
    }
    walk->n_queries++;
    dns = g_ptr_array_new();
    while (dns->len < n_most && !g_queue_is_empty(&walk->waiting)) {
        g_ptr_array_add(dns, g_strdup(g_queue_pop_head(&walk->waiting)));
    }
    g_ptr_array_add(dns, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&dns), FALSE);
}

bool
zg_group_walk_is_cut(const ZgGroupWalk *walk)
{
    return walk->cut;
}

static int
compare_text(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
add_all(GPtrArray *to, GHashTable *from, GHashTable *unless)
{
    GHashTableIter iter;
    gpointer key;

    g_hash_table_iter_init(&iter, from);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        if (unless == NULL || !g_hash_table_contains(unless, key)) {
            g_ptr_array_add(to, g_strdup(key));
        }
    }
}

char **
zg_group_walk_names(const ZgGroupWalk *walk)
{
    GPtrArray *all = g_ptr_array_new();

    add_all(all, walk->dns, NULL);
    add_all(all, walk->names, walk->dns);
    g_ptr_array_sort(all, compare_text);
    g_ptr_array_add(all, NULL);
    return (char **)g_ptr_array_free(all, FALSE);
}
