/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "broker/unix_name.h"

#include <glib.h>
#include <string.h>
#include "common/base/secret.h"

#define STEM_CHARS 28
#define HASH_DIGITS 3

static const char *const system_names[] = {
    "root",   "daemon",   "bin",        "sys",  "sync", "games", "man",  "lp",  "mail",
    "news",   "uucp",     "proxy",      "www-data", "backup", "list", "irc", "nobody",
    "messagebus", "sshd", "user",       "_apt",
};

static bool
is_system_name(const char *name)
{
    if (g_str_has_prefix(name, "systemd-")) {
        return true;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(system_names); i++) {
        if (strcmp(name, system_names[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Lower-case NFKD without marks; what is not a letter, digit, `-`, `_` or `.` becomes `_`. */
static char *
stem_of(const char *user)
{
    g_autofree char *valid = g_utf8_make_valid(user, -1);
    g_autofree char *apart = g_utf8_normalize(valid, -1, G_NORMALIZE_ALL);
    GString *stem = g_string_new(NULL);

    for (const char *p = apart; *p != '\0' && stem->len < STEM_CHARS; p = g_utf8_next_char(p)) {
        gunichar c = g_unichar_tolower(g_utf8_get_char(p));

        if (g_unichar_ismark(c)) {
            continue;
        }
        if (stem->len == 0 && !(c < 128 && g_ascii_isalpha((char)c))) {
            g_string_append_c(stem, 'u');
        }
        g_string_append_c(stem, c < 128 && (g_ascii_isalnum((char)c) || strchr("-_.", (int)c))
                                    ? (char)c
                                    : '_');
    }
    if (stem->len == 0) {
        g_string_append_c(stem, 'u');
    }
    g_string_truncate(stem, MIN(stem->len, STEM_CHARS));
    return g_string_free(stem, FALSE);
}

char *
zg_unix_name(const char *user)
{
    g_autofree char *stem = stem_of(user);
    g_autofree char *hash = NULL;

    if (strcmp(stem, user) == 0 && !is_system_name(stem)) {
        return g_steal_pointer(&stem);
    }
    hash = zg_sha256_hex(user, strlen(user));
    return g_strdup_printf("%s-%.*s", stem, HASH_DIGITS, hash);
}

int64_t
zg_unix_uid(const char *user)
{
    uint8_t digest[ZG_SHA256_BYTES];

    zg_sha256(user, strlen(user), digest);
    return ZG_UNIX_UID_FIRST +
           (((int64_t)digest[0] << 16 | (int64_t)digest[1] << 8 | digest[2]) % ZG_UNIX_UIDS);
}
