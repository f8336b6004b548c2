/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/ctl/context.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "client/ctl/files.h"
#include "common/base/error.h"
#include "common/base/fd.h"
#include "common/base/limits.h"
#include "common/base/secret.h"
#include "common/proto/json.h"

#define HINT_LOGIN "nobody is signed in here; use: zaguan login https://HOST:8443"

char *
zg_context_default_path(void)
{
    return g_build_filename(g_get_user_config_dir(), "zaguan", "context.json", NULL);
}

static ZgContext *
context_from_json(const json_t *object, const char *path, GError **error)
{
    g_autoptr(ZgContext) context = g_new0(ZgContext, 1);
    ZgJsonReader reader;
    const char *url = NULL, *ca_pem = NULL, *user = NULL, *token = NULL, *expires_at = NULL,
               *dir = NULL;

    zg_json_reader_init(&reader, object, path);
    zg_json_take_text(&reader, "url", ZG_JSON_REQUIRED, 1, ZG_LIMIT_TEXT_BYTES, &url);
    zg_json_take_long_text(&reader, "ca_pem", ZG_JSON_OPTIONAL, 1, ZG_LIMIT_CONTROL_BYTES,
                           &ca_pem);
    zg_json_take_text(&reader, "user", ZG_JSON_REQUIRED, 1, ZG_LIMIT_USER_BYTES, &user);
    zg_json_take_text(&reader, "token", ZG_JSON_REQUIRED, 1, ZG_LIMIT_TEXT_BYTES, &token);
    zg_json_take_text(&reader, "expires_at", ZG_JSON_OPTIONAL, 1, 64, &expires_at);
    zg_json_take_text(&reader, "dir", ZG_JSON_OPTIONAL, 1, ZG_LIMIT_TEXT_BYTES, &dir);
    if (!zg_json_reader_finish(&reader, ZG_JSON_SKIP_UNKNOWN, NULL, error)) {
        return NULL;
    }
    context->url = g_strdup(url);
    context->ca_pem = g_strdup(ca_pem);
    context->user = g_strdup(user);
    context->token = g_strdup(token);
    context->expires_at = g_strdup(expires_at);
    context->dir = g_strdup(dir);
    return g_steal_pointer(&context);
}

ZgContext *
zg_context_load(const char *path, GError **error)
{
    g_auto(ZgFd) fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat info;
    g_autoptr(ZgSecret) text = NULL;
    g_autoptr(json_t) object = NULL;

    if (fd < 0 && errno == ENOENT) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_UNAUTHENTICATED, HINT_LOGIN);
        return NULL;
    }
    if (fd < 0 || fstat(fd, &info) != 0) {
        zg_set_errno(error, errno, "open '%s'", path);
        return NULL;
    }
    if ((info.st_mode & 077) != 0) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_DENIED,
                    "'%s' keeps a secret but others may read it; use: chmod 600 '%s'", path, path);
        return NULL;
    }
    text = zg_file_read_secret(fd, path, ZG_LIMIT_CONTROL_BYTES, error);
    if (text == NULL) {
        return NULL;
    }
    object = zg_json_parse(text->bytes, text->n_bytes, error);
    if (object == NULL) {
        g_prefix_error(error, "'%s': ", path);
        return NULL;
    }
    return context_from_json(object, path, error);
}

bool
zg_context_save(const ZgContext *context, const char *path, GError **error)
{
    g_autoptr(json_t) object =
        json_pack("{s:s, s:s*, s:s, s:s, s:s*, s:s*}", "url", context->url, "ca_pem",
                  context->ca_pem, "user", context->user, "token", context->token, "expires_at",
                  context->expires_at, "dir", context->dir);
    g_autofree char *folder = g_path_get_dirname(path);
    char *text = zg_json_text(object);
    bool ok;

    if (g_mkdir_with_parents(folder, 0700) != 0) {
        zg_set_errno(error, errno, "make folder '%s'", folder);
        ok = false;
    } else {
        ok = zg_file_write(path, text, strlen(text), 0600, error);
    }
    zg_wipe(text, strlen(text));
    free(text);
    return ok;
}

void
zg_context_free(ZgContext *context)
{
    if (context != NULL) {
        g_free(context->url);
        g_free(context->ca_pem);
        g_free(context->user);
        zg_wipe_free_text(context->token);
        g_free(context->expires_at);
        g_free(context->dir);
        g_free(context);
    }
}
