/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the API says to people, in Spanish and English, in one table. Pure. */
#pragma once

typedef enum {
    ZG_WORDS_POOL_STATE,
    ZG_WORDS_SESSION_STATE,
    ZG_WORDS_BOTTLENECK,
    ZG_WORDS_TITLE,  /* of an error, by zg_error_name() */
    ZG_WORDS_DETAIL,
    ZG_WORDS_HINT,   /* by reason code or zg_error_name() */
} ZgWords;

/**
 * zg_word() - the text for a word
 * @language: "es", or anything else for English
 * Return: static text, or NULL when the table has none.
 */
const char *zg_word(ZgWords kind, const char *word, const char *language);

/**
 * zg_language_of() - "es" or "en" from an Accept-Language header (may be NULL)
 * The language with the highest quality that we have; English when none is.
 */
const char *zg_language_of(const char *accept_language);
