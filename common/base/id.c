/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/base/id.h"

#include <glib.h>
#include <string.h>
#include "common/base/limits.h"
#include "common/base/secret.h"

char *
zg_id_new(void)
{
    unsigned char bytes[ZG_ID_CHARS / 2];

    zg_random_bytes(bytes, sizeof bytes);
    return zg_hex_encode(bytes, sizeof bytes);
}

bool
zg_id_is_valid(const char *text)
{
    if (text == NULL || strlen(text) != ZG_ID_CHARS) {
        return false;
    }
    return strspn(text, "0123456789abcdef") == ZG_ID_CHARS;
}

bool
zg_name_is_valid(const char *text)
{
    size_t n = text != NULL ? strlen(text) : 0;

    if (n == 0 || n > ZG_LIMIT_NAME_BYTES || !g_ascii_islower(text[0]) || text[n - 1] == '-') {
        return false;
    }
    return strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}
