/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/ctl/suggest.h"

#include <glib.h>
#include <string.h>

#define MOST_LETTERS 64

/* Edits between two words: a letter more, less or different, or two neighbours swapped. */
static size_t
distance(const char *a, size_t n_a, const char *b, size_t n_b)
{
    size_t rows[3][MOST_LETTERS + 1];

    for (size_t j = 0; j <= n_b; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= n_a; i++) {
        size_t *now = rows[i % 3];
        const size_t *last = rows[(i + 2) % 3];
        const size_t *before = rows[(i + 1) % 3];

        now[0] = i;
        for (size_t j = 1; j <= n_b; j++) {
            size_t change = last[j - 1] + (a[i - 1] != b[j - 1]);

            now[j] = MIN(MIN(last[j], now[j - 1]) + 1, change);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                now[j] = MIN(now[j], before[j - 2] + 1);
            }
        }
    }
    return rows[n_a % 3][n_b];
}

const char *
zg_suggest(const char *typed, const char *const *words, size_t n_words)
{
    size_t n_typed = strnlen(typed, MOST_LETTERS);
    size_t best = MAX(n_typed / 3, 1) + 1;
    const char *found = NULL;

    for (size_t i = 0; i < n_words; i++) {
        size_t edits;

        if (words[i] == NULL) {
            continue;
        }
        edits = distance(typed, n_typed, words[i], strnlen(words[i], MOST_LETTERS));
        if (edits < best) {
            best = edits;
            found = words[i];
        }
    }
    return found;
}
