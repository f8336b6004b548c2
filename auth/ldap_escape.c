/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "auth/ldap_escape.h"

#include <glib.h>
#include <string.h>

char *
zg_ldap_escape_filter(const char *value)
{
    GString *out = g_string_sized_new(strlen(value) + 8);

    for (const char *at = value; *at != '\0'; at++) {
        unsigned char byte = (unsigned char)*at;

        /* RFC 4515 asks for * ( ) \ and NUL; controls are escaped too, so a log shows them. */
        if (strchr("*()\\", byte) != NULL || byte < 0x20 || byte == 0x7f) {
            g_string_append_printf(out, "\\%02x", byte);
        } else {
            g_string_append_c(out, *at);
        }
    }
    return g_string_free(out, FALSE);
}

char *
zg_ldap_escape_dn(const char *value)
{
    GString *out = g_string_sized_new(strlen(value) + 8);
    size_t n_value = strlen(value);

    for (size_t i = 0; i < n_value; i++) {
        unsigned char byte = (unsigned char)value[i];
        bool edge_space = byte == ' ' && (i == 0 || i == n_value - 1);

        if (byte < 0x20 || byte == 0x7f) {
            g_string_append_printf(out, "\\%02x", byte);
        } else if (strchr("\"+,;<>\\=", byte) != NULL || edge_space || (byte == '#' && i == 0)) {
            g_string_append_c(out, '\\');
            g_string_append_c(out, (char)byte);
        } else {
            g_string_append_c(out, (char)byte);
        }
    }
    return g_string_free(out, FALSE);
}

char *
zg_ldap_fill_filter(const char *pattern, const char *user, const char *dn)
{
    g_autoptr(GString) out = g_string_new(NULL);

    for (const char *at = pattern; *at != '\0';) {
        bool is_user = g_str_has_prefix(at, "{user}");
        bool is_dn = g_str_has_prefix(at, "{dn}");
        const char *value = is_user ? user : dn;

        if (!is_user && !is_dn) {
            g_string_append_c(out, *at++);
            continue;
        }
        if (value == NULL) {
            return NULL;
        }
        g_autofree char *escaped = zg_ldap_escape_filter(value);

        g_string_append(out, escaped);
        at += is_user ? strlen("{user}") : strlen("{dn}");
    }
    return g_strdup(out->str);
}

char *
zg_ldap_filter_attribute(const char *pattern)
{
    const char *mark = strstr(pattern, "={user}");
    const char *start = mark;

    if (mark == NULL) {
        return NULL;
    }
    while (start > pattern && (g_ascii_isalnum(start[-1]) || start[-1] == '-')) {
        start--;
    }
    return start == mark ? NULL : g_strndup(start, (gsize)(mark - start));
}
