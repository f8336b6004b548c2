/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zaguan apply: makes the installation what the manifests describe */
#include <stdio.h>
#include <string.h>
#include "client/ctl/api.h"
#include "client/ctl/commands.h"
#include "client/ctl/files.h"
#include "client/ctl/manifest.h"
#include "common/base/error.h"
#include "common/proto/json.h"

static const ZgColumn outcome_columns[] = {
    {"KIND", "kind", false}, {"NAME", "name", false}, {"RESULT", "result", false},
    {NULL, NULL, false},
};

/* The broker's pool, NULL in *out_pool when there is none. */
static bool
find_pool(ZgCtl *ctl, const char *path, json_t **out_pool, GError **error)
{
    g_autoptr(GError) cause = NULL;

    if (!zg_broker_client_call(zg_ctl_client(ctl), "GET", path, NULL, out_pool, &cause) &&
        !g_error_matches(cause, ZG_ERROR, ZG_ERROR_NOT_FOUND)) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    return true;
}

/* What a pool had and the manifest does not mention stays: absent means "as it is". */
static json_t *
merge(const json_t *wanted, const json_t *actual)
{
    json_t *all = actual ? json_deep_copy(actual) : json_object();

    json_object_del(all, "revision");
    json_object_del(all, "counts");
    json_object_del(all, "usable");
    json_object_update_recursive(all, (json_t *)wanted);
    return all;
}

/* Return: "created", "changed", "unchanged"; NULL with @error. */
static const char *
apply_one(ZgCtl *ctl, const ZgManifest *manifest, bool dry_run, GError **error)
{
    g_autofree char *path = zg_api_path("/pools/", manifest->name, "");
    g_autoptr(json_t) actual = NULL;
    g_autoptr(json_t) body = NULL;
    int64_t revision;

    if (!find_pool(ctl, path, &actual, error)) {
        return NULL;
    }
    if (actual != NULL && !zg_manifest_differs(manifest->object, actual)) {
        return "unchanged";
    }
    body = merge(manifest->object, actual);
    revision = json_integer_value(json_object_get(actual, "revision"));
    if (!dry_run && !zg_broker_client_call_if(zg_ctl_client(ctl), "PUT", path, revision, body, NULL,
                                              error)) {
        return NULL;
    }
    return actual ? "changed" : "created";
}

static int
apply_run(ZgCtl *ctl, GError **error)
{
    const char *file = zg_ctl_option(ctl, "file");
    bool dry_run = zg_ctl_option(ctl, "dry-run") != NULL;
    g_autofree char *text = NULL;
    g_autoptr(GPtrArray) manifests = NULL;
    g_autoptr(json_t) outcomes = json_array();
    size_t n_text = 0;

    if (file == NULL) {
        return zg_misuse(error, "which file? use: zaguan apply -f FILE (- is standard input)");
    }
    text = zg_file_read_text(file, ZG_MANIFEST_MOST_BYTES, &n_text, error);
    manifests = text ? zg_manifest_parse(file, text, n_text, error) : NULL;
    if (manifests == NULL) {
        return -1;
    }
    for (guint i = 0; i < manifests->len; i++) {
        const ZgManifest *manifest = manifests->pdata[i];
        const char *result = apply_one(ctl, manifest, dry_run, error);

        if (result == NULL) {
            if (i > 0) {
                zg_print_items(zg_ctl_json(ctl), outcome_columns, outcomes);
            }
            g_prefix_error(error, "%s:%zu: %s '%s': ", file, manifest->line, manifest->kind,
                           manifest->name);
            return -1;
        }
        json_array_append_new(outcomes, json_pack("{s:s, s:s, s:s}", "kind", manifest->kind, "name",
                                                  manifest->name, "result", result));
    }
    zg_print_items(zg_ctl_json(ctl), outcome_columns, outcomes);
    if (dry_run) {
        zg_say("nothing was changed: --dry-run");
    }
    return 0;
}

static const ZgCtlOption apply_options[] = {
    {"file", "FILE", "manifests to apply, - is standard input (short: -f)"},
    {"dry-run", NULL, "only say what would happen"},
    {NULL, NULL, NULL},
};

const ZgCommand zg_cmd_apply = {
    .name = "apply", .usage = "-f FILE [--dry-run]",
    .help = "Make the installation what the manifests in a file describe.",
    .flags = ZG_CMD_NEEDS_LOGIN, .options = apply_options, .run = apply_run,
};
