/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One table maps each error code to its API name, HTTP status and exit status. */
#include "common/base/error.h"

#include <errno.h>

G_DEFINE_QUARK(zg-error, zg_error)

static const struct {
    const char *name;
    int http_status;
    int exit_status;
} codes[ZG_N_ERRORS] = {
    [ZG_ERROR_INVALID] = {"invalid", 400, 2},
    [ZG_ERROR_UNAUTHENTICATED] = {"unauthenticated", 401, 1},
    [ZG_ERROR_DENIED] = {"denied", 403, 1},
    [ZG_ERROR_NOT_FOUND] = {"not-found", 404, 1},
    [ZG_ERROR_CONFLICT] = {"conflict", 409, 1},
    [ZG_ERROR_STALE] = {"stale", 412, 1},
    [ZG_ERROR_EXPIRED] = {"expired", 410, 1},
    [ZG_ERROR_TOO_LARGE] = {"too-large", 413, 1},
    [ZG_ERROR_THROTTLED] = {"throttled", 429, 1},
    [ZG_ERROR_PROTOCOL] = {"protocol", 502, 1},
    [ZG_ERROR_UNAVAILABLE] = {"unavailable", 503, 1},
    [ZG_ERROR_TIMEOUT] = {"timeout", 504, 1},
    [ZG_ERROR_FAILED] = {"failed", 500, 1},
};

static int
known(int code)
{
    return code >= 0 && code < ZG_N_ERRORS ? code : ZG_ERROR_FAILED;
}

const char *
zg_error_name(int code)
{
    return codes[known(code)].name;
}

int
zg_error_http_status(int code)
{
    return codes[known(code)].http_status;
}

int
zg_error_exit_status(int code)
{
    return codes[known(code)].exit_status;
}

ZgErrorCode
zg_error_code_of(const GError *error)
{
    return error != NULL && error->domain == ZG_ERROR ? (ZgErrorCode)known(error->code)
                                                      : ZG_ERROR_FAILED;
}

ZgErrorCode
zg_error_from_name(const char *name)
{
    for (int code = 0; code < ZG_N_ERRORS; code++) {
        if (g_strcmp0(name, codes[code].name) == 0) {
            return (ZgErrorCode)code;
        }
    }
    return ZG_ERROR_FAILED;
}

void
zg_set_errno(GError **error, int err, const char *format, ...)
{
    ZgErrorCode code = ZG_ERROR_FAILED;
    g_autofree char *what = NULL;
    va_list args;

    va_start(args, format);
    what = g_strdup_vprintf(format, args);
    va_end(args);
    if (err == ENOENT) {
        code = ZG_ERROR_NOT_FOUND;
    } else if (err == EACCES || err == EPERM) {
        code = ZG_ERROR_DENIED;
    } else if (err == ENOSPC || err == EDQUOT || err == ECONNREFUSED) {
        code = ZG_ERROR_UNAVAILABLE;
    } else if (err == ETIMEDOUT) {
        code = ZG_ERROR_TIMEOUT;
    }
    g_set_error(error, ZG_ERROR, code, "%s: %s", what, g_strerror(err));
}
