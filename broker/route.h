/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The one table of API routes: method, pattern, who may, what query keys. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include "auth/role.h"

typedef enum {
    ZG_METHOD_GET,
    ZG_METHOD_POST,
    ZG_METHOD_PUT,
    ZG_METHOD_PATCH,
    ZG_METHOD_DELETE,
    ZG_N_METHODS
} ZgMethod;

typedef enum {
    ZG_ROUTE_SIGN_IN,
    ZG_ROUTE_SIGN_OUT,
    ZG_ROUTE_ME,
    ZG_ROUTE_MY_POOLS,
    ZG_ROUTE_MY_EVENTS,
    ZG_ROUTE_MY_SESSION_OPEN,
    ZG_ROUTE_MY_SESSIONS,
    ZG_ROUTE_MY_SESSION,
    ZG_ROUTE_MY_SESSION_TICKET,
    ZG_ROUTE_MY_SESSION_RESTART,
    ZG_ROUTE_MY_SESSION_LOG_OFF,
    ZG_ROUTE_POOLS,
    ZG_ROUTE_POOL_ADD,
    ZG_ROUTE_POOL,
    ZG_ROUTE_POOL_PUT,
    ZG_ROUTE_POOL_DELETE,
    ZG_ROUTE_TEMPLATES,
    ZG_ROUTE_TEMPLATE,
    ZG_ROUTE_TEMPLATE_DELETE,
    ZG_ROUTE_TEMPLATE_VERSION_ADD,
    ZG_ROUTE_DESKTOPS,
    ZG_ROUTE_DESKTOP,
    ZG_ROUTE_DESKTOP_DELETE,
    ZG_ROUTE_DESKTOP_REFRESH,
    ZG_ROUTE_DESKTOP_RESTART,
    ZG_ROUTE_DESKTOP_HISTORY,
    ZG_ROUTE_SESSIONS,
    ZG_ROUTE_SESSION,
    ZG_ROUTE_SESSION_DELETE,
    ZG_ROUTE_SESSION_MESSAGE,
    ZG_ROUTE_HOSTS,
    ZG_ROUTE_HOST_TOKEN_ADD,
    ZG_ROUTE_HOST,
    ZG_ROUTE_HOST_DELETE,
    ZG_ROUTE_HOST_PATCH,
    ZG_ROUTE_USERS,
    ZG_ROUTE_USER_ADD,
    ZG_ROUTE_USER_DELETE,
    ZG_ROUTE_USER_PASSWORD,
    ZG_ROUTE_USER_SIGN_INS,
    ZG_ROUTE_USER_SIGN_INS_DELETE,
    ZG_ROUTE_OPERATIONS,
    ZG_ROUTE_OPERATION,
    ZG_ROUTE_STATUS,
    ZG_ROUTE_WHY,
    ZG_ROUTE_AUDIT,
    ZG_ROUTE_EVENTS,
    ZG_N_ROUTES
} ZgRouteId;

#define ZG_ROUTE_MAX_PARAMS 2
#define ZG_ROUTE_MAX_PATH_BYTES 512
#define ZG_ROUTE_PREFIX "/api/v1"

#define ZG_ROUTE_PUBLIC (1u << 0) /* before sign-in */
#define ZG_ROUTE_SECRET (1u << 1) /* carries or answers a secret: never kept for Idempotency-Key */
#define ZG_ROUTE_STREAM (1u << 2) /* server-sent events */

typedef struct {
    ZgRouteId id;
    ZgMethod method;
    const char *pattern; /* below ZG_ROUTE_PREFIX; `{x}` stands for one segment */
    ZgAction action;
    unsigned flags;
    const char *query; /* allowed query keys, between spaces: " limit after "; NULL: none */
} ZgRoute;

typedef enum {
    ZG_ROUTE_FOUND,
    ZG_ROUTE_UNKNOWN,      /* no such path */
    ZG_ROUTE_WRONG_METHOD, /* the path is known with other methods: out_allow tells */
} ZgRouteResult;

typedef struct {
    const ZgRoute *route;
    char *params[ZG_ROUTE_MAX_PARAMS]; /* NULL where the pattern has none */
    unsigned n_params;
    unsigned allowed; /* methods of this path, as bits 1u << ZgMethod */
} ZgRouteMatch;

/**
 * zg_route_match() - find the route of a request
 * @path:      decoded path, starting with ZG_ROUTE_PREFIX; an empty, `.` or `..` segment, a control
 *             character and more than ZG_ROUTE_MAX_PATH_BYTES match nothing
 * @out_match: zeroed by the caller; zg_route_match_clear() in every case
 */
ZgRouteResult zg_route_match(ZgMethod method, const char *path, ZgRouteMatch *out_match);

/** zg_route_match_clear() - frees the parameters. */
void zg_route_match_clear(ZgRouteMatch *match);

/** zg_route_at() - row @index of the table, 0..ZG_N_ROUTES-1; static. */
const ZgRoute *zg_route_at(size_t index);

/** zg_method_name() - "GET". */
const char *zg_method_name(ZgMethod method);

/** zg_route_allows_query() - may the query carry this key? */
bool zg_route_allows_query(const ZgRoute *route, const char *key);
