/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/base/config.h"

#include <errno.h>
#include "common/base/error.h"

#define MAX_CONFIG_BYTES (256 * 1024)

struct ZgConfigFile {
    GKeyFile *keys; /* a taken key is removed; what is left at the end nobody knew */
    GHashTable *known_groups;
    char *name;
};

ZgConfigFile *
zg_config_parse(const char *name, const char *text, size_t n_text, GError **error)
{
    g_autoptr(ZgConfigFile) file = g_new0(ZgConfigFile, 1);
    g_autoptr(GError) cause = NULL;

    file->name = g_strdup(name);
    file->keys = g_key_file_new();
    file->known_groups = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    if (n_text > MAX_CONFIG_BYTES) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_TOO_LARGE, "%s: larger than %d bytes", name,
                    MAX_CONFIG_BYTES);
        return NULL;
    }
    if (n_text > 0 &&
        !g_key_file_load_from_data(file->keys, text, n_text, G_KEY_FILE_NONE, &cause)) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "%s: %s", name, cause->message);
        return NULL;
    }
    return g_steal_pointer(&file);
}

ZgConfigFile *
zg_config_load(const char *path, GError **error)
{
    g_autofree char *text = NULL;
    gsize n_text = 0;
    g_autoptr(GError) cause = NULL;

    if (!g_file_get_contents(path, &text, &n_text, &cause)) {
        g_set_error(error, ZG_ERROR,
                    g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_NOENT) ? ZG_ERROR_NOT_FOUND
                                                                            : ZG_ERROR_FAILED,
                    "configuration: %s", cause->message);
        return NULL;
    }
    return zg_config_parse(path, text, n_text, error);
}

void
zg_config_free(ZgConfigFile *file)
{
    if (file != NULL) {
        g_clear_pointer(&file->keys, g_key_file_free);
        g_clear_pointer(&file->known_groups, g_hash_table_unref);
        g_free(file->name);
        g_free(file);
    }
}

/* Removes the key and gives its text, or NULL when it is absent. */
static char *
take(ZgConfigFile *file, const char *group, const char *key)
{
    char *text = g_key_file_get_string(file->keys, group, key, NULL);

    g_hash_table_add(file->known_groups, g_strdup(group));
    if (text != NULL) {
        g_key_file_remove_key(file->keys, group, key, NULL);
    }
    return text;
}

static bool
refuse(ZgConfigFile *file, const char *group, const char *key, const char *text, const char *wanted,
       GError **error)
{
    g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "%s: [%s] %s = %s: must be %s", file->name,
                group, key, text, wanted);
    return false;
}

bool
zg_config_take_int(ZgConfigFile *file, const char *group, const char *key, int64_t least,
                   int64_t most, int64_t fallback, int64_t *out_value, GError **error)
{
    g_autofree char *text = take(file, group, key);
    gint64 value = fallback;

    if (text != NULL && !g_ascii_string_to_signed(text, 10, least, most, &value, NULL)) {
        g_autofree char *wanted = g_strdup_printf(
            "a whole number from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT, least, most);

        return refuse(file, group, key, text, wanted, error);
    }
    *out_value = value;
    return true;
}

bool
zg_config_take_bool(ZgConfigFile *file, const char *group, const char *key, bool fallback,
                    bool *out_value, GError **error)
{
    g_autofree char *text = take(file, group, key);

    if (text == NULL) {
        *out_value = fallback;
    } else if (g_str_equal(text, "true") || g_str_equal(text, "false")) {
        *out_value = text[0] == 't';
    } else {
        return refuse(file, group, key, text, "true or false", error);
    }
    return true;
}

bool
zg_config_take_text(ZgConfigFile *file, const char *group, const char *key, const char *fallback,
                    char **out_value, GError **error)
{
    g_autofree char *text = take(file, group, key);

    if (text != NULL && text[0] == '\0') {
        return refuse(file, group, key, text, "not empty (leave the key out instead)", error);
    }
    *out_value = text != NULL ? g_steal_pointer(&text) : g_strdup(fallback);
    return true;
}

bool
zg_config_take_list(ZgConfigFile *file, const char *group, const char *key, char ***out_value,
                    GError **error)
{
    char **list = g_key_file_get_string_list(file->keys, group, key, NULL, NULL);
    g_autofree char *text = take(file, group, key);

    (void)error; /* any text is a list; the parameter keeps the shape of the family */
    *out_value = list != NULL ? list : g_new0(char *, 1);
    return true;
}

char **
zg_config_groups(ZgConfigFile *file)
{
    return g_key_file_get_groups(file->keys, NULL);
}

bool
zg_config_finish(ZgConfigFile *file, GError **error)
{
    g_auto(GStrv) groups = g_key_file_get_groups(file->keys, NULL);

    for (char **group = groups; *group != NULL; group++) {
        g_auto(GStrv) keys = g_key_file_get_keys(file->keys, *group, NULL, NULL);

        if (!g_hash_table_contains(file->known_groups, *group)) {
            g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "%s: unknown group [%s]", file->name,
                        *group);
            return false;
        }
        if (keys != NULL && keys[0] != NULL) {
            g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "%s: [%s] unknown key '%s'", file->name,
                        *group, keys[0]);
            return false;
        }
    }
    return true;
}
