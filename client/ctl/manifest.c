/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/ctl/manifest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>
#include "client/ctl/suggest.h"
#include "common/base/error.h"
#include "common/base/id.h"
#include "common/base/limits.h"
#include "common/proto/json.h"

#define MOST_COMPLAINTS 20
#define MOST_LIST 256

typedef enum {
    AS_NAME,  /* a label of common/base/id.h */
    AS_TEXT,  /* 1..most bytes without control characters */
    AS_INT,   /* least..most */
    AS_BOOL,
    AS_WORD,  /* one of words, separated by '|' */
    AS_TEXTS, /* a list of texts */
    AS_MAP,   /* fields of its own */
} FieldType;

typedef struct Field {
    const char *name; /* as in YAML; the API has underscores instead of hyphens */
    FieldType type;
    bool required;
    int64_t least;
    int64_t most;
    const char *words;
    const struct Field *fields; /* of AS_MAP */
} Field;

static const Field entitle_fields[] = {
    {.name = "users", .type = AS_TEXTS, .most = ZG_LIMIT_USER_BYTES},
    {.name = "groups", .type = AS_TEXTS, .most = ZG_LIMIT_TEXT_BYTES},
    {.name = NULL},
};

static const Field session_fields[] = {
    {.name = "locale", .type = AS_TEXT, .most = 32},
    {.name = "keyboard", .type = AS_TEXT, .most = 64},
    {.name = "time-zone", .type = AS_TEXT, .most = 64},
    {.name = "idle-disconnect-min", .type = AS_INT, .least = 0, .most = 10080},
    {.name = "disconnected-log-off-min", .type = AS_INT, .least = 0, .most = 10080},
    {.name = NULL},
};

static const Field pool_fields[] = {
    {.name = "name", .type = AS_NAME, .required = true},
    {.name = "title", .type = AS_TEXT, .most = 128},
    {.name = "description", .type = AS_TEXT, .most = ZG_LIMIT_TEXT_BYTES},
    {.name = "template", .type = AS_NAME, .required = true},
    {.name = "version", .type = AS_INT, .least = 1, .most = 1000000},
    {.name = "type", .type = AS_WORD, .words = "floating"},
    {.name = "ready", .type = AS_INT, .least = 0, .most = 500},
    {.name = "max", .type = AS_INT, .least = 1, .most = 500},
    {.name = "memory-mib", .type = AS_INT, .least = 64, .most = 1048576},
    {.name = "vcpus", .type = AS_INT, .least = 1, .most = 128},
    {.name = "disk-mib", .type = AS_INT, .least = 64, .most = 16777216},
    {.name = "network", .type = AS_WORD, .words = "isolated|nat"},
    {.name = "entitle", .type = AS_MAP, .fields = entitle_fields},
    {.name = "session", .type = AS_MAP, .fields = session_fields},
    {.name = "profile", .type = AS_WORD, .words = "lan|branch-5mbit|branch-2mbit|lossless"},
    {.name = "enabled", .type = AS_BOOL},
    {.name = NULL},
};

static const struct {
    const char *kind;
    const Field *fields;
} kinds[] = {{"Pool", pool_fields}};

/* One file on its way. */
typedef struct {
    const char *file;
    yaml_document_t *document;
    GString *complaints;
    unsigned n_complaints;
} Reader;

static void complain(Reader *reader, const yaml_node_t *node, const char *field,
                     const char *format, ...) G_GNUC_PRINTF(4, 5);

static void
complain(Reader *reader, const yaml_node_t *node, const char *field, const char *format, ...)
{
    va_list args;

    if (reader->n_complaints++ >= MOST_COMPLAINTS) {
        return;
    }
    g_string_append_printf(reader->complaints, "%s%s:%zu:%zu: ",
                           reader->complaints->len > 0 ? "\n" : "", reader->file,
                           node->start_mark.line + 1, node->start_mark.column + 1);
    if (field[0] != '\0') {
        g_string_append_printf(reader->complaints, "%s: ", field);
    }
    va_start(args, format);
    g_string_append_vprintf(reader->complaints, format, args);
    va_end(args);
}

static yaml_node_t *
node_of(Reader *reader, int index)
{
    return yaml_document_get_node(reader->document, index);
}

/* The text of a scalar; NULL with a complaint when it is no scalar or holds what no field may. */
static const char *
scalar_text(Reader *reader, const yaml_node_t *node, const char *field)
{
    const char *text;
    size_t n;

    if (node->type != YAML_SCALAR_NODE) {
        complain(reader, node, field, "must be one value, not a %s",
                 node->type == YAML_SEQUENCE_NODE ? "list" : "group of fields");
        return NULL;
    }
    text = (const char *)node->data.scalar.value;
    n = node->data.scalar.length;
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
            complain(reader, node, field, "holds a control character");
            return NULL;
        }
    }
    return text;
}

static bool
is_plain(const yaml_node_t *node)
{
    return node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static json_t *
read_text(Reader *reader, const yaml_node_t *node, const char *field, int64_t most)
{
    const char *text = scalar_text(reader, node, field);
    size_t n = text ? strlen(text) : 0;

    if (text == NULL) {
        return NULL;
    }
    if (n < 1 || n > (size_t)most) {
        complain(reader, node, field, "must have 1 to %" G_GINT64_FORMAT " bytes", most);
        return NULL;
    }
    return json_stringn(text, n);
}

static json_t *
read_name(Reader *reader, const yaml_node_t *node, const char *field)
{
    const char *text = scalar_text(reader, node, field);

    if (text != NULL && !zg_name_is_valid(text)) {
        complain(reader, node, field,
                 "'%.80s' is no name: lower-case letters, digits and inner hyphens, a letter "
                 "first, at most 63", text);
        return NULL;
    }
    return text ? json_string(text) : NULL;
}

static json_t *
read_int(Reader *reader, const yaml_node_t *node, const char *field, const Field *rule)
{
    const char *text = scalar_text(reader, node, field);
    gint64 value = 0;

    if (text == NULL) {
        return NULL;
    }
    if (!is_plain(node) ||
        !g_ascii_string_to_signed(text, 10, rule->least, rule->most, &value, NULL)) {
        complain(reader, node, field,
                 "'%.80s' must be a whole number from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT,
                 text, rule->least, rule->most);
        return NULL;
    }
    return json_integer(value);
}

static json_t *
read_bool(Reader *reader, const yaml_node_t *node, const char *field)
{
    const char *text = scalar_text(reader, node, field);

    if (text == NULL) {
        return NULL;
    }
    if (!is_plain(node) || (!g_str_equal(text, "true") && !g_str_equal(text, "false"))) {
        complain(reader, node, field, "'%.80s' must be true or false", text);
        return NULL;
    }
    return json_boolean(text[0] == 't');
}

static json_t *
read_word(Reader *reader, const yaml_node_t *node, const char *field, const char *words)
{
    const char *text = scalar_text(reader, node, field);
    g_auto(GStrv) list = g_strsplit(words, "|", -1);
    g_autofree char *all = g_strjoinv(" or ", list);
    const char *near;

    if (text == NULL) {
        return NULL;
    }
    if (g_strv_contains((const char *const *)list, text)) {
        return json_string(text);
    }
    near = zg_suggest(text, (const char *const *)list, g_strv_length(list));
    complain(reader, node, field, "'%.80s' must be %s%s%s%s", text, all,
             near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
    return NULL;
}

static json_t *
read_texts(Reader *reader, const yaml_node_t *node, const char *field, int64_t most)
{
    g_autoptr(json_t) list = json_array();

    if (node->type != YAML_SEQUENCE_NODE) {
        complain(reader, node, field, "must be a list, e.g. [a, b]");
        return NULL;
    }
    if (node->data.sequence.items.top - node->data.sequence.items.start > MOST_LIST) {
        complain(reader, node, field, "has more than %d entries", MOST_LIST);
        return NULL;
    }
    for (const yaml_node_item_t *item = node->data.sequence.items.start;
         item < node->data.sequence.items.top; item++) {
        json_t *text = read_text(reader, node_of(reader, *item), field, most);

        if (text != NULL) {
            json_array_append_new(list, text);
        }
    }
    return g_steal_pointer(&list);
}

static json_t *read_map(Reader *reader, const yaml_node_t *node, const char *prefix,
                        const Field *fields);

static json_t *
read_value(Reader *reader, const yaml_node_t *node, const char *field, const Field *rule)
{
    switch (rule->type) {
    case AS_NAME:
        return read_name(reader, node, field);
    case AS_TEXT:
        return read_text(reader, node, field, rule->most);
    case AS_INT:
        return read_int(reader, node, field, rule);
    case AS_BOOL:
        return read_bool(reader, node, field);
    case AS_WORD:
        return read_word(reader, node, field, rule->words);
    case AS_TEXTS:
        return read_texts(reader, node, field, rule->most);
    case AS_MAP:
        return read_map(reader, node, field, rule->fields);
    }
    g_assert_not_reached();
}

static const Field *
find_field(const Field *fields, const char *name)
{
    for (; fields->name != NULL; fields++) {
        if (g_str_equal(fields->name, name)) {
            return fields;
        }
    }
    return NULL;
}

static void
unknown_field(Reader *reader, const yaml_node_t *node, const char *field, const char *name,
              const Field *fields)
{
    const char *names[G_N_ELEMENTS(pool_fields) + 1];
    size_t n_names = 0;
    const char *near;

    for (; fields->name != NULL; fields++) {
        names[n_names++] = fields->name;
    }
    near = zg_suggest(name, names, n_names);
    complain(reader, node, field, "unknown field%s%s%s", near ? " (did you mean '" : "",
             near ? near : "", near ? "'?)" : "");
}

/* "memory-mib" → "memory_mib"; a pool's `type` is the API's `kind`, which YAML uses for itself. */
static char *
api_key(const char *name)
{
    return g_str_equal(name, "type") ? g_strdup("kind") : g_strdelimit(g_strdup(name), "-", '_');
}

static void
read_pair(Reader *reader, const yaml_node_pair_t *pair, const char *prefix, const Field *fields,
          json_t *map)
{
    const yaml_node_t *key_node = node_of(reader, pair->key);
    const yaml_node_t *value_node = node_of(reader, pair->value);
    const char *name = scalar_text(reader, key_node, prefix);
    g_autofree char *field = NULL;
    g_autofree char *key = NULL;
    const Field *rule;
    json_t *value;

    if (name == NULL || (prefix[0] == '\0' && g_str_equal(name, "kind"))) {
        return;
    }
    field = prefix[0] ? g_strdup_printf("%s.%.80s", prefix, name) : g_strdup_printf("%.80s", name);
    rule = find_field(fields, name);
    if (rule == NULL) {
        unknown_field(reader, key_node, field, name, fields);
        return;
    }
    key = api_key(name);
    if (json_object_get(map, key) != NULL) {
        complain(reader, key_node, field, "is given twice");
        return;
    }
    value = read_value(reader, value_node, field, rule);
    if (value != NULL) {
        json_object_set_new(map, key, value);
    }
}

static json_t *
read_map(Reader *reader, const yaml_node_t *node, const char *prefix, const Field *fields)
{
    g_autoptr(json_t) map = json_object();
    unsigned n_before = reader->n_complaints;

    if (node->type != YAML_MAPPING_NODE) {
        complain(reader, node, prefix, "must be a group of fields");
        return NULL;
    }
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        read_pair(reader, pair, prefix, fields, map);
    }
    for (; fields->name != NULL; fields++) {
        if (fields->required && reader->n_complaints == n_before &&
            json_object_get(map, fields->name) == NULL) {
            complain(reader, node, fields->name, "is missing");
        }
    }
    return g_steal_pointer(&map);
}

/* Index into kinds of the document's `kind`; -1 with a complaint. */
static int
read_kind(Reader *reader, const yaml_node_t *root)
{
    const char *names[G_N_ELEMENTS(kinds)];

    for (const yaml_node_pair_t *pair = root->data.mapping.pairs.start;
         pair < root->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = node_of(reader, pair->key);
        const yaml_node_t *value = node_of(reader, pair->value);
        const char *text;
        const char *near;

        if (key->type != YAML_SCALAR_NODE ||
            strcmp((const char *)key->data.scalar.value, "kind") != 0) {
            continue;
        }
        text = scalar_text(reader, value, "kind");
        if (text == NULL) {
            return -1;
        }
        for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
            names[i] = kinds[i].kind;
            if (g_str_equal(text, kinds[i].kind)) {
                return (int)i;
            }
        }
        near = zg_suggest(text, names, G_N_ELEMENTS(names));
        complain(reader, value, "kind", "'%.80s' is unknown%s%s%s", text,
                 near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
        return -1;
    }
    complain(reader, root, "kind", "is missing; a document begins with kind: Pool");
    return -1;
}

/* Who may use a pool is always told whole: a group that was taken out of the file is out. */
static void
complete_entitle(json_t *entitle)
{
    static const char *const keys[] = {"users", "groups"};

    for (size_t i = 0; entitle != NULL && i < G_N_ELEMENTS(keys); i++) {
        if (json_object_get(entitle, keys[i]) == NULL) {
            json_object_set_new(entitle, keys[i], json_array());
        }
    }
}

static ZgManifest *
read_document(Reader *reader, const yaml_node_t *root)
{
    g_autoptr(ZgManifest) manifest = g_new0(ZgManifest, 1);
    int kind;

    if (root->type != YAML_MAPPING_NODE) {
        complain(reader, root, "", "a document must be a group of fields");
        return NULL;
    }
    kind = read_kind(reader, root);
    if (kind < 0) {
        return NULL;
    }
    manifest->kind = kinds[kind].kind;
    manifest->line = root->start_mark.line + 1;
    manifest->object = read_map(reader, root, "", kinds[kind].fields);
    manifest->name = g_strdup(json_string_value(json_object_get(manifest->object, "name")));
    complete_entitle(json_object_get(manifest->object, "entitle"));
    return g_steal_pointer(&manifest);
}

static void
check_twice(Reader *reader, const GPtrArray *found, const ZgManifest *fresh,
            const yaml_node_t *root)
{
    for (guint i = 0; fresh->name != NULL && i < found->len; i++) {
        const ZgManifest *other = found->pdata[i];

        if (g_strcmp0(other->name, fresh->name) == 0 && g_str_equal(other->kind, fresh->kind)) {
            complain(reader, root, "name", "'%s' is already described at line %zu", fresh->name,
                     other->line);
        }
    }
}

static bool
syntax_error(const char *file, const yaml_parser_t *parser, GError **error)
{
    /* The scanner marks the spot; the reader (encoding) knows only an offset. */
    g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "%s:%zu:%zu: %s", file,
                parser->problem_mark.line + 1, parser->problem_mark.column + 1,
                parser->problem ? parser->problem : "not YAML");
    return false;
}

static bool
read_all(yaml_parser_t *parser, Reader *reader, GPtrArray *found, GError **error)
{
    for (;;) {
        yaml_document_t document;
        yaml_node_t *root;
        ZgManifest *manifest;

        if (!yaml_parser_load(parser, &document)) {
            return syntax_error(reader->file, parser, error);
        }
        root = yaml_document_get_root_node(&document);
        if (root == NULL) {
            yaml_document_delete(&document);
            return true; /* end of the stream */
        }
        reader->document = &document;
        if (found->len >= ZG_MANIFEST_MOST_DOCUMENTS) {
            complain(reader, root, "", "more than %d documents", ZG_MANIFEST_MOST_DOCUMENTS);
            yaml_document_delete(&document);
            return true;
        }
        /* An empty document between two '---' says nothing and is nothing. */
        if (root->type != YAML_SCALAR_NODE || root->data.scalar.length > 0) {
            manifest = read_document(reader, root);
            if (manifest != NULL) {
                check_twice(reader, found, manifest, root);
                g_ptr_array_add(found, manifest);
            }
        }
        yaml_document_delete(&document);
        if (reader->n_complaints >= MOST_COMPLAINTS) {
            return true;
        }
    }
}

GPtrArray *
zg_manifest_parse(const char *file, const char *text, size_t n_text, GError **error)
{
    g_autoptr(GPtrArray) found =
        g_ptr_array_new_with_free_func((GDestroyNotify)zg_manifest_free);
    g_autoptr(GString) complaints = g_string_new(NULL);
    Reader reader = {.file = file, .complaints = complaints};
    yaml_parser_t parser;
    bool ok;

    if (n_text > ZG_MANIFEST_MOST_BYTES) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_TOO_LARGE, "%s: larger than %d bytes", file,
                    ZG_MANIFEST_MOST_BYTES);
        return NULL;
    }
    if (!yaml_parser_initialize(&parser)) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_FAILED, "libyaml could not be started");
        return NULL;
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, n_text);
    ok = read_all(&parser, &reader, found, error);
    yaml_parser_delete(&parser);
    if (!ok) {
        return NULL;
    }
    if (reader.n_complaints > MOST_COMPLAINTS) {
        g_string_append(complaints, "\nand more");
    }
    if (reader.n_complaints > 0) {
        g_set_error_literal(error, ZG_ERROR, ZG_ERROR_INVALID, complaints->str);
        return NULL;
    }
    if (found->len == 0) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "%s:1:1: nothing is described here", file);
        return NULL;
    }
    return g_steal_pointer(&found);
}

void
zg_manifest_free(ZgManifest *manifest)
{
    if (manifest != NULL) {
        g_free(manifest->name);
        json_decref(manifest->object);
        g_free(manifest);
    }
}

bool
zg_manifest_differs(const json_t *wanted, const json_t *actual)
{
    const char *key;
    json_t *value;

    if (!json_is_object(wanted) || !json_is_object(actual)) {
        return !json_equal(wanted, actual);
    }
    json_object_foreach((json_t *)wanted, key, value)
    {
        if (zg_manifest_differs(value, json_object_get(actual, key))) {
            return true;
        }
    }
    return false;
}
