/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zaguan renew: new certificates of the installation's own authority, before the old ones end */
#include "client/ctl/api.h"
#include "client/ctl/commands.h"
#include "client/ctl/pki.h"
#include "client/ctl/supervisor.h"
#include "common/base/error.h"
#include "common/proto/json.h"

static const ZgColumn renewed_columns[] = {
    {"CERTIFICATE", "certificate", false}, {"RESULT", "result", false}, {NULL, NULL, false},
};

static bool
renew_one(ZgPki *pki, const char *directory, const char *name, json_t *results, GError **error)
{
    g_autofree char *certificate = g_strdup_printf("%s/tls/%s.pem", directory, name);
    g_autofree char *key = g_strdup_printf("%s/tls/%s.key", directory, name);
    bool renewed = false;

    if (!zg_pki_renew(pki, certificate, key, &renewed, error)) {
        return false;
    }
    json_array_append_new(results, json_pack("{s:s, s:s}", "certificate", certificate, "result",
                                             renewed ? "renewed" : "another authority's, left"));
    return true;
}

static int
renew_run(ZgCtl *ctl, GError **error)
{
    static const char *const names[] = {"broker", "host", "front"};
    g_autofree char *directory = g_canonicalize_filename(zg_ctl_arg(ctl, 0), NULL);
    g_autofree char *ca = g_build_filename(directory, "ca/ca.pem", NULL);
    g_autofree char *ca_key = g_build_filename(directory, "ca/ca.key", NULL);
    g_autoptr(json_t) results = json_array();
    g_autoptr(ZgPki) pki = NULL;

    if (!g_file_test(ca_key, G_FILE_TEST_EXISTS)) {
        return zg_misuse(error, "'%s' has no ca/ca.key; is it the folder that `zaguan init` made?",
                         directory);
    }
    pki = zg_pki_load(ca, ca_key, error);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (pki == NULL || !renew_one(pki, directory, names[i], results, error)) {
            return -1;
        }
    }
    zg_print_items(zg_ctl_json(ctl), renewed_columns, results);
    if (zg_supervisor_pid(directory) != 0) {
        zg_say("in use after: zaguan down %s --keep-desktops; zaguan up %s --detach", directory,
               directory);
    }
    return 0;
}

const ZgCommand zg_cmd_renew = {
    .name = "renew", .usage = "DIR",
    .help = "Make new certificates for broker, host and front of an installation.",
    .min_args = 1, .max_args = 1, .run = renew_run,
};
