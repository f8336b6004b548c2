/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pages of resources: {items, next?}. Worker threads. */
#pragma once

#include "broker/service.h"
#include "broker/store/model.h"

typedef struct {
    const ZgRowType *type;
    GDestroyNotify free_row;
    const char *where; /* may use $1..$3, texts; '' where the caller does not care */
    const char *order; /* column that orders, unique; text ascending … */
    bool newest_first; /* … or a number descending */
    /* Return: a resource the caller owns, or NULL with @error. */
    json_t *(*view)(ZgTx *tx, const void *row, GError **error);
} ZgListKind;

/** zg_list_page() - one page; @a, @b, @c fill $1..$3 (NULL is ''). */
bool zg_list_page(ZgTx *tx, const ZgListKind *kind, const ZgPage *page, const char *a,
                  const char *b, const char *c, json_t **out_json, GError **error);
