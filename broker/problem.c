/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "broker/problem.h"

#include <stdlib.h>
#include <string.h>
#include "auth/provider.h"
#include "broker/reason.h"
#include "broker/words.h"
#include "common/base/error.h"
#include "common/proto/json.h"

/* The part of "CODE: sentence" behind the reason code. */
static const char *
without_reason(const char *message, const char *reason)
{
    size_t n_reason = reason != NULL ? strlen(reason) : 0;

    if (n_reason > 0 && strncmp(message, reason, n_reason) == 0 && message[n_reason] == ':') {
        return message + n_reason + 1 + strspn(message + n_reason + 1, " ");
    }
    return message;
}

static const char *
detail_of(const GError *error, const char *reason, const char *language)
{
    if (reason != NULL && strcmp(language, "en") != 0) {
        return zg_reason_text(reason, language);
    }
    if (zg_error_code_of(error) == ZG_ERROR_FAILED) {
        return zg_word(ZG_WORDS_DETAIL, "failed", language);
    }
    if (strcmp(error->message, ZG_SIGN_IN_UNAVAILABLE) == 0) {
        return zg_word(ZG_WORDS_DETAIL, "sign-in-unavailable", language);
    }
    if (strcmp(error->message, ZG_SIGN_IN_REFUSED) == 0) {
        return zg_word(ZG_WORDS_DETAIL, "sign-in-refused", language);
    }
    return without_reason(error->message, reason);
}

char *
zg_problem_text(const GError *error, const char *language, const char *trace_id,
                const char *field, int *out_status)
{
    ZgErrorCode kind = zg_error_code_of(error);
    const char *reason = error->domain == ZG_ERROR ? zg_reason_of_error(error) : NULL;
    const char *code = reason != NULL ? reason : zg_error_name(kind);
    const char *detail = detail_of(error, reason, language);
    const char *hint = zg_word(ZG_WORDS_HINT, code, language);
    g_autofree char *type = g_strconcat("urn:zaguan:problem:", code, NULL);
    g_autofree char *valid = g_utf8_make_valid(detail, -1);
    g_autoptr(json_t) problem = json_object();
    char *text;
    char *copy;

    if (hint == NULL) {
        hint = zg_word(ZG_WORDS_HINT, zg_error_name(kind), language);
    }
    *out_status = zg_error_http_status(kind);
    json_object_set_new(problem, "type", json_string(type));
    json_object_set_new(problem, "title",
                        json_string(zg_word(ZG_WORDS_TITLE, zg_error_name(kind), language)));
    json_object_set_new(problem, "status", json_integer(*out_status));
    json_object_set_new(problem, "code", json_string(code));
    json_object_set_new(problem, "detail", json_string(valid));
    json_object_set_new(problem, "hint", json_string(hint != NULL ? hint : ""));
    json_object_set_new(problem, "trace_id", json_string(trace_id));
    if (field != NULL) {
        json_object_set_new(problem, "errors",
                            json_pack("[{s:s, s:s}]", "field", field, "message", valid));
    }
    text = zg_json_text(problem);
    copy = g_strdup(text);
    free(text);
    return copy;
}
