/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reason codes: stable kebab-case words stored at every transition, and their sentences. Pure. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/**
 * zg_reason_text() - the sentence of a code for a person
 * @code:     e.g. "not-entitled"
 * @language: "es" or "en" (anything else reads as "en")
 * Return: static text; the code itself when unknown (borrowed from @code).
 */
const char *zg_reason_text(const char *code, const char *language);

/** zg_reason_is_known() - is there a row for it? */
bool zg_reason_is_known(const char *code);

/**
 * zg_reason_set() - set a GError "CODE: sentence in English"
 * @error_code: a ZgErrorCode
 */
void zg_reason_set(GError **error, int error_code, const char *code);

/** zg_reason_of_error() - the reason code at the start of a message, or NULL; static text. */
const char *zg_reason_of_error(const GError *error);
