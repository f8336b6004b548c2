/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/proto/json.h"

#include <string.h>
#include "common/base/error.h"
#include "common/base/id.h"
#include "common/base/limits.h"

/*
 * jansson recurses once per level; counting brackets first keeps a hostile document from reaching
 * that. Brackets inside texts do not count.
 */
static bool
depth_is_bounded(const char *text, size_t n_text)
{
    bool in_text = false;
    unsigned depth = 0;

    for (size_t i = 0; i < n_text; i++) {
        char c = text[i];

        if (in_text) {
            if (c == '\\') {
                i++;
            } else if (c == '"') {
                in_text = false;
            }
        } else if (c == '"') {
            in_text = true;
        } else if (c == '[' || c == '{') {
            if (++depth > ZG_LIMIT_JSON_DEPTH) {
                return false;
            }
        } else if ((c == ']' || c == '}') && depth > 0) {
            depth--;
        }
    }
    return true;
}

json_t *
zg_json_parse_any(const void *bytes, size_t n_bytes, GError **error)
{
    json_error_t where;
    json_t *value;

    if (!depth_is_bounded(bytes, n_bytes)) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "JSON is nested deeper than %d levels",
                    ZG_LIMIT_JSON_DEPTH);
        return NULL;
    }
    value = json_loadb(n_bytes > 0 ? bytes : "", n_bytes, JSON_REJECT_DUPLICATES, &where);
    if (value == NULL) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "not JSON, line %d column %d: %s",
                    where.line, where.column, where.text);
    }
    return value;
}

json_t *
zg_json_parse(const void *bytes, size_t n_bytes, GError **error)
{
    g_autoptr(json_t) value = zg_json_parse_any(bytes, n_bytes, error);

    if (value == NULL) {
        return NULL;
    }
    if (!json_is_object(value)) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "a JSON object {…} was expected");
        return NULL;
    }
    return g_steal_pointer(&value);
}

char *
zg_json_text(const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);

    g_assert(text != NULL); /* fails only for values that jansson itself refuses to hold */
    return text;
}

static void G_GNUC_PRINTF(3, 4)
refuse(ZgJsonReader *reader, const char *key, const char *format, ...)
{
    g_autofree char *what = NULL;
    va_list args;

    if (reader->error != NULL) {
        return;
    }
    va_start(args, format);
    what = g_strdup_vprintf(format, args);
    va_end(args);
    reader->field = g_strdup(key);
    g_set_error(&reader->error, ZG_ERROR, ZG_ERROR_INVALID, "%s%s%s: %s",
                reader->where != NULL ? reader->where : "", reader->where != NULL ? "." : "", key,
                what);
}

void
zg_json_reader_init(ZgJsonReader *reader, const json_t *object, const char *where)
{
    *reader = (ZgJsonReader){.object = object, .where = where};
    reader->taken = g_hash_table_new(g_str_hash, g_str_equal);
    if (!json_is_object(object)) {
        g_set_error(&reader->error, ZG_ERROR, ZG_ERROR_INVALID, "%s: a JSON object was expected",
                    where != NULL ? where : "message");
    }
}

/* The value of @key, or NULL when it is absent (then a required one is refused). */
static const json_t *
take(ZgJsonReader *reader, const char *key, ZgJsonNeed need)
{
    const json_t *value;

    if (reader->error != NULL) {
        return NULL;
    }
    g_hash_table_add(reader->taken, (char *)key);
    value = json_object_get(reader->object, key);
    if (value == NULL || json_is_null(value)) {
        if (need == ZG_JSON_REQUIRED) {
            refuse(reader, key, "is missing");
        }
        return NULL;
    }
    return value;
}

static const char *
text_of(ZgJsonReader *reader, const char *key, const json_t *value, size_t least, size_t most,
        bool line_breaks)
{
    const char *text = json_string_value(value);
    size_t n = text != NULL ? json_string_length(value) : 0;

    if (text == NULL) {
        refuse(reader, key, "must be text");
        return NULL;
    }
    if (n < least || n > most) {
        refuse(reader, key, "must have %zu to %zu bytes, not %zu", least, most, n);
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];

        if ((c < 0x20 && !(line_breaks && (c == '\n' || c == '\r' || c == '\t'))) || c == 0x7f) {
            refuse(reader, key, "must not contain control characters");
            return NULL;
        }
    }
    return text;
}

static void
take_text(ZgJsonReader *reader, const char *key, ZgJsonNeed need, size_t least, size_t most,
          bool line_breaks, const char **out_text)
{
    const json_t *value = take(reader, key, need);
    const char *text = value != NULL ? text_of(reader, key, value, least, most, line_breaks) : NULL;

    if (text != NULL) {
        *out_text = text;
    }
}

void
zg_json_take_text(ZgJsonReader *reader, const char *key, ZgJsonNeed need, size_t least, size_t most,
                  const char **out_text)
{
    take_text(reader, key, need, least, most, false, out_text);
}

void
zg_json_take_long_text(ZgJsonReader *reader, const char *key, ZgJsonNeed need, size_t least,
                       size_t most, const char **out_text)
{
    take_text(reader, key, need, least, most, true, out_text);
}

void
zg_json_take_id(ZgJsonReader *reader, const char *key, ZgJsonNeed need, const char **out_id)
{
    zg_json_take_hex(reader, key, need, ZG_ID_CHARS, out_id);
}

void
zg_json_take_name(ZgJsonReader *reader, const char *key, ZgJsonNeed need, const char **out_name)
{
    const json_t *value = take(reader, key, need);

    if (value == NULL) {
        return;
    }
    if (!zg_name_is_valid(json_string_value(value))) {
        refuse(reader, key,
               "must be a name: lower-case letters, digits and inner hyphens, a letter first, "
               "at most %d characters",
               ZG_LIMIT_NAME_BYTES);
        return;
    }
    *out_name = json_string_value(value);
}

void
zg_json_take_hex(ZgJsonReader *reader, const char *key, ZgJsonNeed need, size_t n_digits,
                 const char **out_hex)
{
    const json_t *value = take(reader, key, need);
    const char *text = json_string_value(value);

    if (value == NULL) {
        return;
    }
    if (text == NULL || strlen(text) != n_digits ||
        strspn(text, "0123456789abcdef") != n_digits) {
        refuse(reader, key, "must be %zu lower-case hex digits", n_digits);
        return;
    }
    *out_hex = text;
}

void
zg_json_take_int(ZgJsonReader *reader, const char *key, ZgJsonNeed need, int64_t least,
                 int64_t most, int64_t *out_value)
{
    const json_t *value = take(reader, key, need);

    if (value == NULL) {
        return;
    }
    if (!json_is_integer(value) || json_integer_value(value) < least ||
        json_integer_value(value) > most) {
        refuse(reader, key,
               "must be a whole number from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT, least,
               most);
        return;
    }
    *out_value = json_integer_value(value);
}

void
zg_json_take_bool(ZgJsonReader *reader, const char *key, ZgJsonNeed need, bool *out_value)
{
    const json_t *value = take(reader, key, need);

    if (value == NULL) {
        return;
    }
    if (!json_is_boolean(value)) {
        refuse(reader, key, "must be true or false");
        return;
    }
    *out_value = json_is_true(value);
}

void
zg_json_take_word(ZgJsonReader *reader, const char *key, ZgJsonNeed need, const char *const *words,
                  size_t n_words, int *out_word)
{
    const json_t *value = take(reader, key, need);
    g_autoptr(GString) known = NULL;

    if (value == NULL) {
        return;
    }
    known = g_string_new(NULL);
    for (size_t i = 0; i < n_words; i++) {
        if (words[i] == NULL) {
            continue;
        }
        if (g_strcmp0(json_string_value(value), words[i]) == 0) {
            *out_word = (int)i;
            return;
        }
        g_string_append_printf(known, "%s%s", known->len > 0 ? ", " : "", words[i]);
    }
    refuse(reader, key, "must be one of: %s", known->str);
}

void
zg_json_take_object(ZgJsonReader *reader, const char *key, ZgJsonNeed need,
                    const json_t **out_object)
{
    const json_t *value = take(reader, key, need);

    if (value == NULL) {
        return;
    }
    if (!json_is_object(value)) {
        refuse(reader, key, "must be an object");
        return;
    }
    *out_object = value;
}

void
zg_json_take_array(ZgJsonReader *reader, const char *key, ZgJsonNeed need, size_t most,
                   const json_t **out_array)
{
    const json_t *value = take(reader, key, need);

    if (value == NULL) {
        return;
    }
    if (!json_is_array(value) || json_array_size(value) > most) {
        refuse(reader, key, "must be a list of at most %zu entries", most);
        return;
    }
    *out_array = value;
}

void
zg_json_take_texts(ZgJsonReader *reader, const char *key, ZgJsonNeed need, size_t most,
                   size_t most_bytes, char ***out_texts)
{
    const json_t *array = NULL;
    g_autoptr(GStrvBuilder) builder = NULL;

    zg_json_take_array(reader, key, need, most, &array);
    if (array == NULL) {
        return;
    }
    builder = g_strv_builder_new();
    for (size_t i = 0; i < json_array_size(array); i++) {
        const char *text = text_of(reader, key, json_array_get(array, i), 1, most_bytes, false);

        if (text == NULL) {
            return;
        }
        g_strv_builder_add(builder, text);
    }
    *out_texts = g_strv_builder_end(builder);
}

bool
zg_json_reader_finish(ZgJsonReader *reader, ZgJsonUnknown unknown, char **out_field,
                      GError **error)
{
    const char *key;
    json_t *value;

    if (reader->error == NULL && unknown == ZG_JSON_REFUSE_UNKNOWN) {
        json_object_foreach ((json_t *)reader->object, key, value) {
            if (!g_hash_table_contains(reader->taken, key)) {
                refuse(reader, key, "is not known here");
                break;
            }
        }
    }
    g_hash_table_unref(reader->taken);
    reader->taken = NULL;
    if (out_field != NULL) {
        *out_field = g_steal_pointer(&reader->field);
    }
    g_clear_pointer(&reader->field, g_free);
    if (reader->error != NULL) {
        g_propagate_error(error, g_steal_pointer(&reader->error));
        return false;
    }
    return true;
}
