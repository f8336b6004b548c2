/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "broker/route.h"

#include <glib.h>
#include <string.h>

#define PAGE " limit after "

/* Short names keep one route on one line. */
#define GET ZG_METHOD_GET
#define POST ZG_METHOD_POST
#define PUT ZG_METHOD_PUT
#define PATCH ZG_METHOD_PATCH
#define DEL ZG_METHOD_DELETE
#define ROW(ID, METHOD, PATTERN, ACTION, FLAGS, QUERY)                                             \
    [ZG_ROUTE_##ID] = {ZG_ROUTE_##ID, METHOD, PATTERN, ZG_ACTION_##ACTION, FLAGS, QUERY}

/* clang-format off */
static const ZgRoute routes[ZG_N_ROUTES] = {
    ROW(SIGN_IN, POST, "/sign-in", SEE_SELF, ZG_ROUTE_PUBLIC | ZG_ROUTE_SECRET, NULL),
    ROW(SIGN_OUT, POST, "/sign-out", SEE_SELF, ZG_ROUTE_SECRET, NULL),
    ROW(ME, GET, "/me", SEE_SELF, 0, NULL),
    ROW(MY_POOLS, GET, "/my/pools", USE_OWN, 0, NULL),
    ROW(MY_EVENTS, GET, "/my/events", USE_OWN, ZG_ROUTE_STREAM, NULL),
    ROW(MY_SESSION_OPEN, POST, "/my/sessions", USE_OWN, 0, NULL),
    ROW(MY_SESSIONS, GET, "/my/sessions", USE_OWN, 0, PAGE),
    ROW(MY_SESSION, GET, "/my/sessions/{id}", USE_OWN, 0, NULL),
    ROW(MY_SESSION_TICKET, POST, "/my/sessions/{id}/ticket", USE_OWN, ZG_ROUTE_SECRET, NULL),
    ROW(MY_SESSION_RESTART, POST, "/my/sessions/{id}/restart", USE_OWN, 0, NULL),
    ROW(MY_SESSION_LOG_OFF, POST, "/my/sessions/{id}/log-off", USE_OWN, 0, NULL),
    ROW(POOLS, GET, "/pools", SEE_ALL, 0, PAGE),
    ROW(POOL_ADD, POST, "/pools", MANAGE_POOLS, 0, NULL),
    ROW(POOL, GET, "/pools/{name}", SEE_ALL, 0, NULL),
    ROW(POOL_PUT, PUT, "/pools/{name}", MANAGE_POOLS, 0, NULL),
    ROW(POOL_DELETE, DEL, "/pools/{name}", MANAGE_POOLS, 0, NULL),
    ROW(TEMPLATES, GET, "/templates", SEE_ALL, 0, PAGE),
    ROW(TEMPLATE, GET, "/templates/{name}", SEE_ALL, 0, NULL),
    ROW(TEMPLATE_DELETE, DEL, "/templates/{name}", MANAGE_TEMPLATES, 0, NULL),
    ROW(TEMPLATE_VERSION_ADD, POST, "/templates/{name}/versions", MANAGE_TEMPLATES, 0, NULL),
    ROW(DESKTOPS, GET, "/desktops", SEE_ALL, 0, " pool host life" PAGE),
    ROW(DESKTOP, GET, "/desktops/{id}", SEE_ALL, 0, NULL),
    ROW(DESKTOP_DELETE, DEL, "/desktops/{id}", MANAGE_DESKTOPS, 0, NULL),
    ROW(DESKTOP_REFRESH, POST, "/desktops/{id}/refresh", MANAGE_DESKTOPS, 0, NULL),
    ROW(DESKTOP_RESTART, POST, "/desktops/{id}/restart", MANAGE_DESKTOPS, 0, NULL),
    ROW(DESKTOP_HISTORY, GET, "/desktops/{id}/history", SEE_ALL, 0, PAGE),
    ROW(SESSIONS, GET, "/sessions", SEE_ALL, 0, " user" PAGE),
    ROW(SESSION, GET, "/sessions/{id}", SEE_ALL, 0, NULL),
    ROW(SESSION_DELETE, DEL, "/sessions/{id}", MANAGE_SESSIONS, 0, NULL),
    ROW(SESSION_MESSAGE, POST, "/sessions/{id}/message", MANAGE_SESSIONS, 0, NULL),
    ROW(HOSTS, GET, "/hosts", SEE_ALL, 0, PAGE),
    ROW(HOST_TOKEN_ADD, POST, "/hosts/tokens", MANAGE_HOSTS, ZG_ROUTE_SECRET, NULL),
    ROW(HOST, GET, "/hosts/{name}", SEE_ALL, 0, NULL),
    ROW(HOST_DELETE, DEL, "/hosts/{name}", MANAGE_HOSTS, 0, NULL),
    ROW(HOST_PATCH, PATCH, "/hosts/{name}", MANAGE_HOSTS, 0, NULL),
    ROW(USERS, GET, "/users", MANAGE_USERS, 0, PAGE),
    ROW(USER_ADD, POST, "/users", MANAGE_USERS, ZG_ROUTE_SECRET, NULL),
    ROW(USER_DELETE, DEL, "/users/{name}", MANAGE_USERS, 0, NULL),
    ROW(USER_PASSWORD, POST, "/users/{name}/password", MANAGE_USERS, ZG_ROUTE_SECRET, NULL),
    ROW(USER_SIGN_INS, GET, "/users/{name}/sign-ins", MANAGE_USERS, 0, NULL),
    ROW(USER_SIGN_INS_DELETE, DEL, "/users/{name}/sign-ins", MANAGE_USERS, 0, NULL),
    ROW(OPERATIONS, GET, "/operations", SEE_OPERATION, 0, PAGE),
    ROW(OPERATION, GET, "/operations/{id}", SEE_OPERATION, 0, NULL),
    ROW(STATUS, GET, "/status", SEE_ALL, 0, NULL),
    ROW(WHY, GET, "/why/{thing}/{id}", SEE_ALL, 0, PAGE),
    ROW(AUDIT, GET, "/audit", SEE_ALL, 0, PAGE),
    ROW(EVENTS, GET, "/events", SEE_ALL, ZG_ROUTE_STREAM, NULL),
};
/* clang-format on */

const ZgRoute *
zg_route_at(size_t index)
{
    g_assert(index < ZG_N_ROUTES);
    return &routes[index];
}

const char *
zg_method_name(ZgMethod method)
{
    static const char *const names[ZG_N_METHODS] = {"GET", "POST", "PUT", "PATCH", "DELETE"};

    return names[method];
}

bool
zg_route_allows_query(const ZgRoute *route, const char *key)
{
    g_autofree char *wanted = g_strconcat(" ", key, " ", NULL);

    return route->query != NULL && key[0] != '\0' && strchr(key, ' ') == NULL &&
           strstr(route->query, wanted) != NULL;
}

void
zg_route_match_clear(ZgRouteMatch *match)
{
    for (unsigned i = 0; i < ZG_ROUTE_MAX_PARAMS; i++) {
        g_clear_pointer(&match->params[i], g_free);
    }
    match->n_params = 0;
}

static bool
segment_is_sane(const char *segment, size_t n_segment)
{
    if (n_segment == 0 || (n_segment == 1 && segment[0] == '.') ||
        (n_segment == 2 && segment[0] == '.' && segment[1] == '.')) {
        return false;
    }
    for (size_t i = 0; i < n_segment; i++) {
        if ((unsigned char)segment[i] < 0x20 || segment[i] == 0x7f) {
            return false;
        }
    }
    return true;
}

/* Walks pattern and path together; parameters are borrowed as offsets until the whole matches. */
static bool
fits(const char *pattern, const char *path, const char *starts[], size_t lengths[],
     unsigned *out_n_params)
{
    unsigned n_params = 0;

    while (*pattern == '/' && *path == '/') {
        size_t n_wanted = strcspn(++pattern, "/");
        size_t n_given = strcspn(++path, "/");

        if (!segment_is_sane(path, n_given)) {
            return false;
        }
        if (pattern[0] == '{') {
            starts[n_params] = path;
            lengths[n_params++] = n_given;
        } else if (n_wanted != n_given || memcmp(pattern, path, n_wanted) != 0) {
            return false;
        }
        pattern += n_wanted;
        path += n_given;
    }
    *out_n_params = n_params;
    return *pattern == '\0' && *path == '\0';
}

ZgRouteResult
zg_route_match(ZgMethod method, const char *path, ZgRouteMatch *out_match)
{
    const char *starts[ZG_ROUTE_MAX_PARAMS];
    size_t lengths[ZG_ROUTE_MAX_PARAMS];
    unsigned n_params = 0;

    if (strlen(path) > ZG_ROUTE_MAX_PATH_BYTES || !g_str_has_prefix(path, ZG_ROUTE_PREFIX "/") ||
        !g_utf8_validate(path, -1, NULL)) {
        return ZG_ROUTE_UNKNOWN;
    }
    path += strlen(ZG_ROUTE_PREFIX);
    for (size_t i = 0; i < ZG_N_ROUTES; i++) {
        if (!fits(routes[i].pattern, path, starts, lengths, &n_params)) {
            continue;
        }
        out_match->allowed |= 1u << routes[i].method;
        if (routes[i].method == method && out_match->route == NULL) {
            out_match->route = &routes[i];
            for (unsigned at = 0; at < n_params; at++) {
                out_match->params[at] = g_strndup(starts[at], lengths[at]);
            }
            out_match->n_params = n_params;
        }
    }
    if (out_match->route != NULL) {
        return ZG_ROUTE_FOUND;
    }
    return out_match->allowed != 0 ? ZG_ROUTE_WRONG_METHOD : ZG_ROUTE_UNKNOWN;
}
