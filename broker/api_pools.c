/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pools: what desktops there shall be, and who may have one. */
#include "broker/api.h"

#include <string.h>
#include "common/base/error.h"
#include "common/base/limits.h"
#include "common/proto/profile.h"

#define MAX_ENTITLED 1000

/* What a ZgPoolSpec borrows from, beside the body. */
typedef struct {
    char **users;
    char **groups;
} Lists;

static void
lists_clear(Lists *lists)
{
    g_strfreev(lists->users);
    g_strfreev(lists->groups);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Lists, lists_clear)

static void
take_whole(ZgJsonReader *reader, const char *key, int least, int most, int *out_value)
{
    int64_t value = *out_value;

    zg_json_take_int(reader, key, ZG_JSON_OPTIONAL, least, most, &value);
    *out_value = (int)value;
}

static const char *
take_choice(ZgJsonReader *reader, const char *key, const char *const *words, size_t n_words)
{
    int at = 0; /* the first is the default */

    zg_json_take_word(reader, key, ZG_JSON_OPTIONAL, words, n_words, &at);
    return words[at];
}

static bool
read_entitle(ZgApiCall *call, const json_t *object, Lists *lists, GError **error)
{
    ZgJsonReader reader;

    if (object == NULL) {
        return true;
    }
    zg_json_reader_init(&reader, object, "entitle");
    zg_json_take_texts(&reader, "users", ZG_JSON_OPTIONAL, MAX_ENTITLED, ZG_LIMIT_USER_BYTES,
                       &lists->users);
    zg_json_take_texts(&reader, "groups", ZG_JSON_OPTIONAL, MAX_ENTITLED, ZG_LIMIT_TEXT_BYTES,
                       &lists->groups);
    return zg_api_reader_finish(call, &reader, error);
}

static bool
read_session_rules(ZgApiCall *call, const json_t *object, ZgPoolSpec *spec, GError **error)
{
    ZgJsonReader reader;

    if (object == NULL) {
        return true;
    }
    zg_json_reader_init(&reader, object, "session");
    zg_json_take_text(&reader, "locale", ZG_JSON_OPTIONAL, 2, 32, &spec->locale);
    zg_json_take_text(&reader, "keyboard", ZG_JSON_OPTIONAL, 2, 64, &spec->keyboard);
    zg_json_take_text(&reader, "time_zone", ZG_JSON_OPTIONAL, 1, 64, &spec->time_zone);
    take_whole(&reader, "idle_disconnect_min", 0, 10080, &spec->idle_disconnect_min);
    take_whole(&reader, "disconnected_log_off_min", 0, 10080, &spec->disconnected_log_off_min);
    return zg_api_reader_finish(call, &reader, error);
}

/* Fields that only answers have; a client may send back what it read. */
static void
skip_answer_fields(ZgJsonReader *reader)
{
    const json_t *unused = NULL;
    int64_t revision = 0, usable = 0;

    zg_json_take_object(reader, "counts", ZG_JSON_OPTIONAL, &unused);
    zg_json_take_int(reader, "usable", ZG_JSON_OPTIONAL, 0, INT32_MAX, &usable);
    zg_json_take_int(reader, "revision", ZG_JSON_OPTIONAL, 0, INT64_MAX, &revision);
}

/* @name: of the path, or NULL where the body must have it */
static bool
read_spec(ZgApiCall *call, const char *name, ZgPoolSpec *spec, Lists *lists, GError **error)
{
    static const char *const kinds[] = {"floating"};
    static const char *const networks[] = {"isolated", "nat"};
    const json_t *entitle = NULL;
    const json_t *rules = NULL;
    ZgJsonReader reader;

    *spec = (ZgPoolSpec){.ready = 1, .max = 10, .memory_mib = 1024, .vcpus = 1, .disk_mib = 8192,
                         .idle_disconnect_min = 60,
                         .disconnected_log_off_min = 60, .enabled = true, .name = name};
    zg_api_reader_init(call, &reader);
    zg_json_take_name(&reader, "name", name != NULL ? ZG_JSON_OPTIONAL : ZG_JSON_REQUIRED,
                      &spec->name);
    zg_json_take_text(&reader, "title", ZG_JSON_OPTIONAL, 1, 128, &spec->title);
    zg_json_take_long_text(&reader, "description", ZG_JSON_OPTIONAL, 0, ZG_LIMIT_TEXT_BYTES,
                           &spec->description);
    zg_json_take_name(&reader, "template", ZG_JSON_REQUIRED, &spec->template_name);
    zg_json_take_int(&reader, "version", ZG_JSON_OPTIONAL, 0, INT32_MAX, &spec->version);
    spec->kind = take_choice(&reader, "kind", kinds, G_N_ELEMENTS(kinds));
    take_whole(&reader, "ready", 0, 500, &spec->ready);
    take_whole(&reader, "max", 1, 500, &spec->max);
    take_whole(&reader, "memory_mib", 64, 1048576, &spec->memory_mib);
    take_whole(&reader, "vcpus", 1, 128, &spec->vcpus);
    take_whole(&reader, "disk_mib", 64, 16777216, &spec->disk_mib);
    spec->network = take_choice(&reader, "network", networks, G_N_ELEMENTS(networks));
    spec->profile = take_choice(&reader, "profile", zg_profile_names, ZG_N_PROFILES);
    zg_json_take_bool(&reader, "enabled", ZG_JSON_OPTIONAL, &spec->enabled);
    zg_json_take_object(&reader, "entitle", ZG_JSON_OPTIONAL, &entitle);
    zg_json_take_object(&reader, "session", ZG_JSON_OPTIONAL, &rules);
    skip_answer_fields(&reader);
    if (!zg_api_reader_finish(call, &reader, error) ||
        !read_entitle(call, entitle, lists, error) ||
        !read_session_rules(call, rules, spec, error)) {
        return false;
    }
    if (name != NULL && strcmp(name, spec->name) != 0) {
        call->field = g_strdup("name");
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "name: must be '%s', as in the path", name);
        return false;
    }
    spec->title = spec->title != NULL ? spec->title : spec->name;
    spec->entitled_users = (const char *const *)lists->users;
    spec->entitled_groups = (const char *const *)lists->groups;
    return true;
}

static bool
put(ZgApiCall *call, const char *name, int64_t if_revision, GError **error)
{
    g_auto(Lists) lists = {0};
    ZgPoolSpec spec;
    bool created = false;
    json_t *pool = NULL;

    if (!read_spec(call, name, &spec, &lists, error) ||
        !zg_service_put_pool(call->service, &call->caller, &spec, if_revision, &created, &pool,
                             error)) {
        return false;
    }
    if (created) {
        call->location = g_strdup_printf(ZG_ROUTE_PREFIX "/pools/%s", spec.name);
    }
    return zg_api_answer(call, created ? 201 : 200, pool);
}

bool
zg_api_pool_add(ZgApiCall *call, GError **error)
{
    return put(call, NULL, -1, error);
}

bool
zg_api_pool_put(ZgApiCall *call, GError **error)
{
    return put(call, zg_api_param(call, 0), call->if_revision, error);
}

bool
zg_api_pools(ZgApiCall *call, GError **error)
{
    ZgPage page;
    json_t *pools = NULL;

    return zg_api_page(call, &page, error) &&
           zg_service_list_pools(call->service, &page, &pools, error) &&
           zg_api_answer(call, 200, pools);
}

bool
zg_api_pool(ZgApiCall *call, GError **error)
{
    json_t *pool = NULL;

    return zg_service_get_pool(call->service, zg_api_param(call, 0), &pool, error) &&
           zg_api_answer(call, 200, pool);
}

bool
zg_api_pool_delete(ZgApiCall *call, GError **error)
{
    json_t *operation = NULL;

    return zg_api_no_body(call, error) &&
           zg_service_delete_pool(call->service, &call->caller, zg_api_param(call, 0),
                                  call->if_revision, &operation, error) &&
           zg_api_operation(call, operation);
}
