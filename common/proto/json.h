/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON from outside: bounded parsing, and a reader that takes fields with their bounds. Pure. */
#pragma once

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_t, json_decref)

/**
 * zg_json_parse() - one JSON object and nothing after it
 * @bytes:   UTF-8 text, not NUL-terminated; nested at most ZG_LIMIT_JSON_DEPTH deep
 * @n_bytes: length; the caller has compared it with its own limit already
 * @error:   ZG_ERROR_INVALID with line and column; duplicate keys, NUL in text and anything that is
 *           not an object are refused
 * Return: a new reference the caller owns, or NULL.
 */
json_t *zg_json_parse(const void *bytes, size_t n_bytes, GError **error);

/** zg_json_parse_any() - the same for any JSON value at the top (object or array). */
json_t *zg_json_parse_any(const void *bytes, size_t n_bytes, GError **error);

/** zg_json_text() - compact text with sorted keys; the caller frees with free(). */
char *zg_json_text(const json_t *value);

typedef enum {
    ZG_JSON_OPTIONAL, /* absent or null: the out value stays as it was */
    ZG_JSON_REQUIRED,
} ZgJsonNeed;

typedef enum {
    ZG_JSON_SKIP_UNKNOWN,   /* between our own programs: they may be one version apart */
    ZG_JSON_REFUSE_UNKNOWN, /* API requests: a misspelt key must not be lost silently */
} ZgJsonUnknown;

/*
 * Takes fields out of one object. The first error sticks: later takes do nothing, so that a codec
 * is a plain list of takes and one zg_json_reader_finish(). Texts given out are borrowed from the
 * object and contain no control characters except in zg_json_take_long_text().
 */
typedef struct {
    const json_t *object;
    const char *where; /* prefix of error messages, e.g. "ticket"; borrowed; may be NULL */
    GHashTable *taken; /* keys, borrowed from the callers */
    GError *error;
    char *field; /* name of the field at fault, for API errors */
} ZgJsonReader;

/** zg_json_reader_init() - begin; @object may be any JSON value, an error sticks if no object. */
void zg_json_reader_init(ZgJsonReader *reader, const json_t *object, const char *where);

/** zg_json_take_text() - text of @least..@most bytes without control characters. */
void zg_json_take_text(ZgJsonReader *reader, const char *key, ZgJsonNeed need, size_t least,
                       size_t most, const char **out_text);

/** zg_json_take_long_text() - the same, line breaks and tabs allowed. */
void zg_json_take_long_text(ZgJsonReader *reader, const char *key, ZgJsonNeed need, size_t least,
                            size_t most, const char **out_text);

/** zg_json_take_id() - an id of common/base/id.h. */
void zg_json_take_id(ZgJsonReader *reader, const char *key, ZgJsonNeed need, const char **out_id);

/** zg_json_take_name() - a name of common/base/id.h. */
void zg_json_take_name(ZgJsonReader *reader, const char *key, ZgJsonNeed need,
                       const char **out_name);

/** zg_json_take_hex() - exactly @n_digits lower-case hex digits. */
void zg_json_take_hex(ZgJsonReader *reader, const char *key, ZgJsonNeed need, size_t n_digits,
                      const char **out_hex);

/** zg_json_take_int() - a whole number in @least..@most. */
void zg_json_take_int(ZgJsonReader *reader, const char *key, ZgJsonNeed need, int64_t least,
                      int64_t most, int64_t *out_value);

/** zg_json_take_bool() - true or false. */
void zg_json_take_bool(ZgJsonReader *reader, const char *key, ZgJsonNeed need, bool *out_value);

/**
 * zg_json_take_word() - one of @n_words words
 * @words:    NULL entries are skipped
 * @out_word: index into @words
 */
void zg_json_take_word(ZgJsonReader *reader, const char *key, ZgJsonNeed need,
                       const char *const *words, size_t n_words, int *out_word);

/** zg_json_take_object() - a nested object, borrowed. */
void zg_json_take_object(ZgJsonReader *reader, const char *key, ZgJsonNeed need,
                         const json_t **out_object);

/** zg_json_take_array() - an array of at most @most entries, borrowed. */
void zg_json_take_array(ZgJsonReader *reader, const char *key, ZgJsonNeed need, size_t most,
                        const json_t **out_array);

/**
 * zg_json_take_texts() - an array of at most @most texts of 1..@most_bytes bytes
 * @out_texts: new NULL-terminated vector, g_strfreev(); untouched when absent
 */
void zg_json_take_texts(ZgJsonReader *reader, const char *key, ZgJsonNeed need, size_t most,
                        size_t most_bytes, char ***out_texts);

/**
 * zg_json_reader_finish() - end of reading; must be called once
 * @error: ZG_ERROR_INVALID "where.key: what is wrong"
 * @out_field: if not NULL, name of the field at fault (caller frees) or NULL
 * Return: true when every take succeeded and no unknown key is left (if refused).
 */
bool zg_json_reader_finish(ZgJsonReader *reader, ZgJsonUnknown unknown, char **out_field,
                           GError **error);
