/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Asks the LDAP provider from a test: `ldap_probe CONF`, one JSON object {user, password} a line on
 * stdin, one answer {ok, ms, user, full_name, groups} or {ok, ms, code, message} a line on stdout.
 * An object without `user` probes the directory.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "auth/ldap.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/proto/json.h"

static json_t *
answer_of(bool ok, const ZgIdentity *identity, const GError *error, int64_t ms)
{
    json_t *answer = json_pack("{s:b, s:I}", "ok", ok, "ms", (json_int_t)ms);
    json_t *groups = json_array();

    for (char **group = identity != NULL ? identity->groups : NULL;
         group != NULL && *group != NULL; group++) {
        json_array_append_new(groups, json_string(*group));
    }
    json_object_set_new(answer, "groups", groups);
    if (identity != NULL) {
        json_object_set_new(answer, "user", json_string(identity->user));
        json_object_set_new(answer, "full_name", json_string(identity->full_name));
    }
    if (error != NULL) {
        json_object_set_new(answer, "code", json_string(zg_error_name(error->code)));
        json_object_set_new(answer, "message", json_string(error->message));
    }
    return answer;
}

static void
ask(ZgProvider *provider, const char *line)
{
    g_autoptr(json_t) question = zg_json_parse(line, strlen(line), NULL);
    const char *user = json_string_value(json_object_get(question, "user"));
    const char *password = json_string_value(json_object_get(question, "password"));
    g_autoptr(ZgIdentity) identity = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) answer = NULL;
    int64_t began_us = zg_clock_mono_us();
    bool ok = user != NULL
                  ? zg_provider_check(provider, user, password, strlen(password), &identity, &error)
                  : zg_provider_probe(provider, &error);
    char *text;

    answer = answer_of(ok, identity, error, (zg_clock_mono_us() - began_us) / 1000);
    text = zg_json_text(answer);
    puts(text);
    fflush(stdout);
    free(text);
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ZgConfigFile) file = argc == 2 ? zg_config_load(argv[1], &error) : NULL;
    g_auto(ZgLdapConfig) config = {0};
    g_autoptr(ZgProvider) provider = NULL;
    char line[8192];

    zg_log_init("ldap_probe");
    if (file == NULL || !zg_ldap_config_take(file, &config, &error) ||
        !zg_config_finish(file, &error)) {
        fprintf(stderr, "ldap_probe: %s\n", error != NULL ? error->message : "ldap_probe CONF");
        return 2;
    }
    provider = zg_ldap_provider_new(&config, &error);
    if (provider == NULL) {
        fprintf(stderr, "ldap_probe: %s\n", error->message);
        return 1;
    }
    while (fgets(line, sizeof line, stdin) != NULL) {
        ask(provider, line);
    }
    return 0;
}
