/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Errors as RFC 9457 problem documents, in the person's language. Pure. */
#pragma once

#include <glib.h>

/**
 * zg_problem_text() - the JSON text that tells an error to an API client
 * @error:      any error; ZG_ERROR_FAILED says nothing of its inside
 * @language:   "es" or "en"
 * @trace_id:   shown to the person and in the log
 * @field:      request field at fault, or NULL
 * @out_status: HTTP status
 * Return: text the caller frees with g_free().
 */
char *zg_problem_text(const GError *error, const char *language, const char *trace_id,
                      const char *field, int *out_status);
