/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "broker/portal.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/base/error.h"
#include "common/base/fd.h"
#include "common/base/secret.h"

#define MAX_FILE_BYTES (8 * 1024 * 1024)
#define MAX_DEPTH 8

struct ZgPortal {
    char *directory;
    ZgWorkerPool *workers;
};

typedef struct {
    ZgPortal *portal;
    ZgHttpRequest *request;
    char *file;
    GBytes *bytes;
    char *etag;
} Job;

ZgPortal *
zg_portal_new(const char *directory, ZgWorkerPool *workers)
{
    ZgPortal *portal = g_new0(ZgPortal, 1);

    portal->directory = g_strdup(directory);
    portal->workers = workers;
    return portal;
}

void
zg_portal_free(ZgPortal *portal)
{
    if (portal != NULL) {
        g_free(portal->directory);
        g_free(portal);
    }
}

char *
zg_portal_file_of(const char *path)
{
    g_auto(GStrv) segments = NULL;
    unsigned n_segments = 0;

    if (strcmp(path, "/") == 0) {
        return g_strdup("index.html");
    }
    if (path[0] != '/' || strlen(path) > 512) {
        return NULL;
    }
    segments = g_strsplit(path + 1, "/", MAX_DEPTH + 1);
    for (char **segment = segments; *segment != NULL; segment++) {
        size_t n = strspn(*segment, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "._-@");

        if (n == 0 || (*segment)[n] != '\0' || (*segment)[0] == '.' ||
            ++n_segments > MAX_DEPTH) {
            return NULL;
        }
    }
    return g_strdup(path + 1);
}

const char *
zg_portal_type_of(const char *file)
{
    static const struct {
        const char *extension;
        const char *type;
    } types[] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".mjs", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".json", "application/json"},
        {".webmanifest", "application/manifest+json"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".jpg", "image/jpeg"},
        {".webp", "image/webp"},
        {".ico", "image/x-icon"},
        {".woff2", "font/woff2"},
        {".wasm", "application/wasm"},
        {".txt", "text/plain; charset=utf-8"},
        {".oga", "audio/ogg"},
        {".mp3", "audio/mpeg"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
        if (g_str_has_suffix(file, types[i].extension)) {
            return types[i].type;
        }
    }
    return NULL;
}

bool
zg_portal_is_immutable(const char *file)
{
    const char *name = strrchr(file, '/');
    size_t n_hash;

    if (!g_str_has_prefix(file, "assets/") || name == NULL) {
        return false;
    }
    /* NAME-HASH.EXT or NAME.HASH.EXT */
    for (const char *at = name + 1; (at = strpbrk(at, "-.")) != NULL; at++) {
        n_hash = strspn(at + 1, "0123456789abcdef");
        if (n_hash >= 8 && at[1 + n_hash] == '.') {
            return true;
        }
    }
    return false;
}

char *
zg_portal_csp(char **origins)
{
    g_autoptr(GString) policy = g_string_new(
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "
        "img-src 'self' data: blob:; font-src 'self'; media-src 'self' blob: data:; "
        "worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'; connect-src 'self'");

    for (char **origin = origins; origin != NULL && *origin != NULL; origin++) {
        /* Some browsers do not count wss: of the same host as 'self'. */
        if (g_str_has_prefix(*origin, "https://")) {
            g_string_append_printf(policy, " wss://%s", *origin + strlen("https://"));
        }
    }
    return g_strdup(policy->str);
}

/* Opens segment by segment without following links, so nothing outside the folder is reached. */
static int
open_beneath(const char *directory, const char *file)
{
    g_auto(GStrv) segments = g_strsplit(file, "/", -1);
    g_auto(ZgFd) at = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);

    for (char **segment = segments; at >= 0 && *segment != NULL; segment++) {
        bool last = segment[1] == NULL;
        int next = openat(at, *segment,
                          O_NOFOLLOW | O_CLOEXEC |
                              (last ? O_RDONLY | O_NONBLOCK : O_PATH | O_DIRECTORY));

        zg_fd_clear(&at);
        at = next;
    }
    return zg_fd_steal(&at);
}

static void
read_work(void *data)
{
    Job *job = data;
    g_auto(ZgFd) fd = open_beneath(job->portal->directory, job->file);
    struct stat info;
    g_autofree char *bytes = NULL;
    g_autofree char *digest = NULL;
    size_t n_bytes = 0;

    if (fd < 0 || fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) ||
        info.st_size > MAX_FILE_BYTES) {
        return;
    }
    bytes = g_malloc((gsize)info.st_size + 1);
    while (n_bytes < (size_t)info.st_size) {
        ssize_t n = read(fd, bytes + n_bytes, (size_t)info.st_size - n_bytes);

        if (n <= 0) {
            return;
        }
        n_bytes += (size_t)n;
    }
    digest = zg_sha256_hex(bytes, n_bytes);
    job->etag = g_strdup_printf("\"%.32s\"", digest);
    job->bytes = g_bytes_new_take(g_steal_pointer(&bytes), n_bytes);
}

static void
not_found(ZgHttpRequest *request)
{
    static const char *const headers[] = {"Cache-Control", "no-cache", NULL};
    static const char text[] = "There is no such page.\n";

    zg_http_answer(request, 404, headers, "text/plain; charset=utf-8", text, strlen(text));
}

static void
read_done(void *data)
{
    Job *job = data;
    const char *known = zg_http_header(job->request, ZG_HEADER_IF_NONE_MATCH);
    const char *headers[] = {"Cache-Control",
                             zg_portal_is_immutable(job->file)
                                 ? "public, max-age=31536000, immutable"
                                 : "no-cache",
                             "ETag", job->etag, NULL};

    if (job->bytes == NULL) {
        not_found(job->request);
    } else if (known != NULL && strcmp(known, job->etag) == 0) {
        zg_http_answer(job->request, 304, headers, NULL, NULL, 0);
    } else {
        gsize n_bytes = 0;
        const void *bytes = g_bytes_get_data(job->bytes, &n_bytes);

        zg_http_answer(job->request, 200, headers, zg_portal_type_of(job->file), bytes, n_bytes);
    }
    zg_http_request_unref(job->request);
    g_clear_pointer(&job->bytes, g_bytes_unref);
    g_free(job->file);
    g_free(job->etag);
    g_free(job);
}

void
zg_portal_handle(ZgPortal *portal, ZgHttpRequest *request)
{
    g_autofree char *file = zg_portal_file_of(zg_http_path(request));
    Job *job;

    if (strcmp(zg_http_method(request), "GET") != 0) {
        static const char *const headers[] = {"Allow", "GET", NULL};

        zg_http_answer(request, 405, headers, NULL, NULL, 0);
        return;
    }
    if (portal->directory == NULL || file == NULL || zg_portal_type_of(file) == NULL) {
        not_found(request);
        return;
    }
    job = g_new0(Job, 1);
    job->portal = portal;
    job->request = zg_http_request_ref(request);
    job->file = g_steal_pointer(&file);
    if (!zg_worker_run(portal->workers, read_work, read_done, job, NULL)) {
        static const char *const headers[] = {"Retry-After", "2", NULL};

        zg_http_answer(request, 503, headers, NULL, NULL, 0);
        zg_http_request_unref(job->request);
        g_free(job->file);
        g_free(job);
    }
}
