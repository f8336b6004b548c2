/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The one error domain of Zaguan: a few codes that name what the caller can do about it. */
#pragma once

#include <glib.h>

#define ZG_ERROR (zg_error_quark())
GQuark zg_error_quark(void);

typedef enum {
    ZG_ERROR_INVALID,         /* what the caller sent is wrong; sending it again will not help */
    ZG_ERROR_UNAUTHENTICATED, /* nobody has proved who they are */
    ZG_ERROR_DENIED,          /* known, but not allowed */
    ZG_ERROR_NOT_FOUND,       /* no such thing */
    ZG_ERROR_CONFLICT,        /* it does not fit the present state, or it exists already */
    ZG_ERROR_STALE,           /* somebody else changed it first: read again, then decide */
    ZG_ERROR_EXPIRED,         /* was good once */
    ZG_ERROR_TOO_LARGE,       /* over a limit of common/base/limits.h */
    ZG_ERROR_THROTTLED,       /* too many tries; wait and repeat */
    ZG_ERROR_PROTOCOL,        /* a peer broke its protocol; its connection ends */
    ZG_ERROR_UNAVAILABLE,     /* something needed is down or full; repeating later may help */
    ZG_ERROR_TIMEOUT,         /* a deadline passed */
    ZG_ERROR_FAILED,          /* our own fault or the machine's */
    ZG_N_ERRORS
} ZgErrorCode;

/**
 * zg_error_name() - stable, lower-case name of a code, as used in the API's `code`
 * Return: static text; "failed" for a code outside the enumeration.
 */
const char *zg_error_name(int code);

/** zg_error_http_status() - HTTP status (400..504) that tells this code to an API client. */
int zg_error_http_status(int code);

/** zg_error_exit_status() - exit status of a command line: 2 for misuse, else 1. */
int zg_error_exit_status(int code);

/** zg_error_code_of() - the ZgErrorCode of any GError; ZG_ERROR_FAILED for foreign domains. */
ZgErrorCode zg_error_code_of(const GError *error);

/** zg_error_from_name() - inverse of zg_error_name(); ZG_ERROR_FAILED for an unknown name. */
ZgErrorCode zg_error_from_name(const char *name);

/**
 * zg_set_errno() - set a ZG_ERROR_FAILED (or _NOT_FOUND, _DENIED) from an errno value
 * @error: where to; may be NULL
 * @err:   errno as it was right after the failing call
 * @format: what was tried and on what, e.g. "open '%s'"
 */
void zg_set_errno(GError **error, int err, const char *format, ...) G_GNUC_PRINTF(3, 4);
