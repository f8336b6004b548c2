/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/ctl/api.h"

#include <stdio.h>
#include <string.h>
#include "common/base/error.h"
#include "common/base/id.h"
#include "common/proto/json.h"

#define LONGEST_WAIT_S 86400
#define USUAL_WAIT_S 600

char *
zg_api_path(const char *prefix, const char *part, const char *suffix)
{
    g_autofree char *escaped = zg_broker_client_escape(part);

    return g_strconcat(prefix, escaped, suffix, NULL);
}

int
zg_api_print_list(ZgCtl *ctl, const char *path, const ZgColumn *columns, GError **error)
{
    g_autoptr(json_t) items = zg_broker_client_list(zg_ctl_client(ctl), path, error);

    if (items == NULL) {
        return -1;
    }
    zg_print_items(zg_ctl_json(ctl), columns, items);
    return 0;
}

int
zg_api_print_newest(ZgCtl *ctl, const char *path, const ZgColumn *columns, GError **error)
{
    int64_t limit = 0;
    g_autofree char *page_path = NULL;
    g_autoptr(json_t) page = NULL;

    if (!zg_ctl_option_int(ctl, "limit", 1, 500, 50, &limit, error)) {
        return -1;
    }
    page_path = g_strdup_printf("%s?limit=%" G_GINT64_FORMAT, path, limit);
    if (!zg_broker_client_call(zg_ctl_client(ctl), "GET", page_path, NULL, &page, error)) {
        return -1;
    }
    if (!json_is_array(json_object_get(page, "items"))) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_PROTOCOL, "%s: the answer has no items", path);
        return -1;
    }
    zg_print_items(zg_ctl_json(ctl), columns, json_object_get(page, "items"));
    return 0;
}

int
zg_api_print_one(ZgCtl *ctl, const char *path, GError **error)
{
    g_autoptr(json_t) object = NULL;

    if (!zg_broker_client_call(zg_ctl_client(ctl), "GET", path, NULL, &object, error)) {
        return -1;
    }
    zg_print_object(zg_ctl_json(ctl), object);
    return 0;
}

int
zg_api_call(ZgCtl *ctl, const char *method, const char *path, const json_t *body,
            const char *done, GError **error)
{
    g_autoptr(json_t) reply = NULL;

    if (!zg_broker_client_call(zg_ctl_client(ctl), method, path, body, &reply, error)) {
        return -1;
    }
    zg_api_done(ctl, reply, done);
    return 0;
}

void
zg_api_done(ZgCtl *ctl, const json_t *reply, const char *done)
{
    if (zg_ctl_json(ctl)) {
        g_autoptr(json_t) text = reply == NULL ? json_pack("{s:s}", "done", done) : NULL;

        zg_print_json(reply != NULL ? reply : text);
    } else {
        zg_say("%s", done);
    }
}

static bool
show_progress(const json_t *operation, void *data)
{
    const json_t *percent = json_object_get(operation, "percent");
    const char *text = json_string_value(json_object_get(operation, "text"));

    zg_progress_update(data, json_is_integer(percent) ? (int)json_integer_value(percent) : -1,
                       text);
    return true;
}

bool
zg_api_follow(ZgCtl *ctl, const char *id, const char *title, int64_t timeout_s, GError **error)
{
    g_autoptr(ZgProgress) progress = zg_progress_new(title);
    g_autoptr(json_t) operation = zg_broker_client_follow(zg_ctl_client(ctl), id, timeout_s,
                                                          show_progress, progress, error);
    g_autofree char *done = g_strdup_printf("%s: done", title);

    if (operation == NULL) {
        return false;
    }
    g_clear_pointer(&progress, zg_progress_free);
    zg_api_done(ctl, operation, done);
    return true;
}

/* {"operation": {…}}, {"operation": "id"} or the operation itself. */
static const char *
operation_id(const json_t *reply)
{
    const json_t *operation = json_object_get(reply, "operation");

    if (json_is_string(operation)) {
        return json_string_value(operation);
    }
    return json_string_value(json_object_get(operation ? operation : reply, "id"));
}

int
zg_api_operation(ZgCtl *ctl, const char *method, const char *path, const json_t *body,
                 const char *title, GError **error)
{
    g_autoptr(json_t) reply = NULL;
    const char *id;
    int64_t timeout_s;

    if (!zg_ctl_option_int(ctl, "timeout", 1, LONGEST_WAIT_S, USUAL_WAIT_S, &timeout_s, error) ||
        !zg_broker_client_call(zg_ctl_client(ctl), method, path, body, &reply, error)) {
        return -1;
    }
    id = operation_id(reply);
    if (id == NULL) {
        g_autofree char *done = g_strdup_printf("%s: done", title);

        zg_api_done(ctl, reply, done);
        return 0;
    }
    if (zg_ctl_option(ctl, "no-wait") != NULL) {
        if (zg_ctl_json(ctl)) {
            zg_print_json(reply);
        } else {
            printf("%s\n", id);
        }
        return 0;
    }
    return zg_api_follow(ctl, id, title, timeout_s, error) ? 0 : -1;
}

static bool
is_meant(const json_t *item, const char *typed)
{
    const char *id = json_string_value(json_object_get(item, "id"));
    const char *name = json_string_value(json_object_get(item, "name"));

    return g_strcmp0(name, typed) == 0 ||
           (id != NULL && strlen(typed) >= 4 && g_str_has_prefix(id, typed));
}

char *
zg_api_resolve(ZgCtl *ctl, const char *list_path, const char *what, const char *typed,
               GError **error)
{
    g_autoptr(json_t) items = NULL;
    const char *found = NULL;
    size_t i;
    json_t *item;

    if (zg_id_is_valid(typed)) {
        return g_strdup(typed);
    }
    items = zg_broker_client_list(zg_ctl_client(ctl), list_path, error);
    if (items == NULL) {
        return NULL;
    }
    json_array_foreach(items, i, item)
    {
        if (is_meant(item, typed)) {
            if (found != NULL) {
                g_set_error(error, ZG_ERROR, ZG_ERROR_CONFLICT, "%s '%s': more than one begins so",
                            what, typed);
                return NULL;
            }
            found = json_string_value(json_object_get(item, "id"));
        }
    }
    if (found == NULL) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_NOT_FOUND, "there is no %s '%s'", what, typed);
    }
    return g_strdup(found);
}
