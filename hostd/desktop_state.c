/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hostd/desktop_state.h"

#include <stdlib.h>
#include "common/base/error.h"
#include "common/base/limits.h"
#include "common/proto/json.h"

bool
zg_desktop_state_load(const char *path, ZgDesktopState *out, GError **error)
{
    g_autofree char *text = NULL;
    gsize n_text = 0;
    g_autoptr(json_t) object = NULL;
    const json_t *wish = NULL;
    const char *signed_on = NULL;
    const char *template_name = NULL;
    ZgJsonReader reader;
    ZgDesktopState state = {0};

    if (!g_file_get_contents(path, &text, &n_text, error)) {
        return false;
    }
    object = zg_json_parse(text, n_text, error);
    if (object == NULL) {
        g_prefix_error(error, "'%s': ", path);
        return false;
    }
    zg_json_reader_init(&reader, object, path);
    zg_json_take_object(&reader, "wish", ZG_JSON_REQUIRED, &wish);
    zg_json_take_int(&reader, "have", ZG_JSON_REQUIRED, 0, INT64_MAX, &state.have);
    zg_json_take_int(&reader, "size_mib", ZG_JSON_REQUIRED, 0, INT64_MAX, &state.size_mib);
    zg_json_take_int(&reader, "version", ZG_JSON_OPTIONAL, 0, INT64_MAX, &state.version);
    zg_json_take_name(&reader, "template", ZG_JSON_OPTIONAL, &template_name);
    zg_json_take_bool(&reader, "ended", ZG_JSON_REQUIRED, &state.ended);
    zg_json_take_bool(&reader, "rests", ZG_JSON_OPTIONAL, &state.rests);
    zg_json_take_text(&reader, "signed_on", ZG_JSON_OPTIONAL, 1, ZG_LIMIT_USER_BYTES, &signed_on);
    if (!zg_json_reader_finish(&reader, ZG_JSON_SKIP_UNKNOWN, NULL, error)) {
        return false;
    }
    state.wish = zg_desired_read(wish, error);
    if (state.wish == NULL) {
        return false;
    }
    state.signed_on = g_strdup(signed_on);
    state.template_name = g_strdup(template_name);
    *out = state;
    return true;
}

bool
zg_desktop_state_save(const char *path, const ZgDesktopState *state, GError **error)
{
    g_autoptr(json_t) object = json_pack(
        "{s:o, s:I, s:s?, s:I, s:I, s:b, s:b, s:s?}", "wish", zg_desired_write(state->wish), "have",
        (json_int_t)state->have, "template", state->template_name, "version",
        (json_int_t)state->version, "size_mib", (json_int_t)state->size_mib, "ended", state->ended,
        "rests", state->rests, "signed_on", state->signed_on);
    char *text = zg_json_text(object);
    bool ok = g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, error);

    free(text);
    return ok;
}

void
zg_desktop_state_clear(ZgDesktopState *state)
{
    g_clear_pointer(&state->wish, zg_desired_free);
    g_clear_pointer(&state->signed_on, g_free);
    g_clear_pointer(&state->template_name, g_free);
}
