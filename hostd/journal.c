/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hostd/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/base/error.h"
#include "common/base/fd.h"
#include "common/base/id.h"
#include "common/proto/json.h"

#define SUFFIX ".json"

static char *
path_of(const char *dir, const char *id)
{
    return g_strconcat(dir, "/", id, SUFFIX, NULL);
}

static bool
sync_folder(const char *dir, GError **error)
{
    g_auto(ZgFd) fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || fsync(fd) != 0) {
        zg_set_errno(error, errno, "write '%s' to disk", dir);
        return false;
    }
    return true;
}

/* An empty file: begun. Text: the answer. */
static bool
read_known(const char *path, ZgJournalState *out_state, ZgAgentDone **out_done)
{
    g_autofree char *text = NULL;
    gsize n_text = 0;
    g_autoptr(json_t) object = NULL;
    ZgAgentDone *done = NULL;

    if (!g_file_get_contents(path, &text, &n_text, NULL)) {
        return false;
    }
    object = n_text > 0 ? zg_json_parse(text, n_text, NULL) : NULL;
    done = object != NULL ? zg_agent_done_read(object, NULL) : NULL;
    *out_state = done != NULL ? ZG_JOURNAL_DONE : ZG_JOURNAL_BEGUN;
    if (done != NULL) {
        *out_done = done;
    }
    return true;
}

bool
zg_journal_begin(const char *dir, const char *id, ZgJournalState *out_state,
                 ZgAgentDone **out_done, GError **error)
{
    g_autofree char *path = path_of(dir, id);
    g_auto(ZgFd) fd = -1;

    if (!zg_id_is_valid(id)) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "not a command id");
        return false;
    }
    if (read_known(path, out_state, out_done)) {
        return true;
    }
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || fsync(fd) != 0) {
        zg_set_errno(error, errno, "record a command in '%s'", dir);
        return false;
    }
    *out_state = ZG_JOURNAL_NEW;
    return sync_folder(dir, error);
}

bool
zg_journal_end(const char *dir, const ZgAgentDone *done, GError **error)
{
    g_autofree char *path = path_of(dir, done->id);
    g_autoptr(json_t) object = zg_agent_done_write(done);
    char *text = zg_json_text(object);
    bool ok = g_file_set_contents_full(path, text, -1,
                                       G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE,
                                       0600, error);

    free(text);
    return ok;
}

void
zg_journal_sweep(const char *dir, int64_t now_utc_us)
{
    g_autoptr(GDir) folder = g_dir_open(dir, 0, NULL);
    const char *entry;

    while (folder != NULL && (entry = g_dir_read_name(folder)) != NULL) {
        g_autofree char *path = g_strconcat(dir, "/", entry, NULL);
        struct stat about;

        if (g_str_has_suffix(entry, SUFFIX) && stat(path, &about) == 0 &&
            now_utc_us / G_USEC_PER_SEC - about.st_mtime > ZG_JOURNAL_KEEP_S) {
            unlink(path);
        }
    }
}
