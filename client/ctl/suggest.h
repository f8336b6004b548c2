/* SPDX-License-Identifier: GPL-3.0-or-later */
/* "Did you mean …": the nearest known word to a misspelt one. Pure. */
#pragma once

#include <stddef.h>

/**
 * zg_suggest() - the word most like @typed
 * @typed:   what the person wrote; only its first 64 bytes are looked at
 * @words:   candidates; NULL entries are skipped
 * @n_words: how many
 *
 * Return: borrowed from @words; NULL when nothing is near enough (a third of the letters).
 */
const char *zg_suggest(const char *typed, const char *const *words, size_t n_words);
