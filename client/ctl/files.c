/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/ctl/files.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include "common/base/error.h"
#include "common/base/fd.h"
#include "common/base/limits.h"

static bool
write_all(int fd, const char *bytes, size_t n_bytes)
{
    while (n_bytes > 0) {
        ssize_t n = write(fd, bytes, n_bytes);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return false;
        }
        bytes += n;
        n_bytes -= (size_t)n;
    }
    return true;
}

bool
zg_file_write(const char *path, const void *bytes, size_t n_bytes, mode_t mode, GError **error)
{
    g_autofree char *fresh = g_strdup_printf("%s.new-XXXXXX", path);
    g_auto(ZgFd) fd = g_mkstemp_full(fresh, O_RDWR | O_CLOEXEC, 0600);

    if (fd < 0) {
        zg_set_errno(error, errno, "create '%s'", fresh);
        return false;
    }
    if (!write_all(fd, bytes, n_bytes) || fchmod(fd, mode) != 0 || fsync(fd) != 0 ||
        g_rename(fresh, path) != 0) {
        zg_set_errno(error, errno, "write '%s'", path);
        g_unlink(fresh);
        return false;
    }
    return true;
}

ZgSecret *
zg_file_read_secret(int fd, const char *what, size_t most, GError **error)
{
    g_autoptr(ZgSecret) room = zg_secret_new_random(most + 1);
    size_t n_read = 0;

    for (;;) {
        ssize_t n = read(fd, room->bytes + n_read, most + 1 - n_read);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            zg_set_errno(error, errno, "read '%s'", what);
            return NULL;
        }
        n_read += (size_t)n;
        if (n_read > most) {
            g_set_error(error, ZG_ERROR, ZG_ERROR_TOO_LARGE, "'%s': more than %zu bytes", what,
                        most);
            return NULL;
        }
        if (n == 0) {
            return zg_secret_new(room->bytes, n_read);
        }
    }
}

char *
zg_file_read_text(const char *path, size_t most, size_t *out_n_bytes, GError **error)
{
    bool standard = g_str_equal(path, "-");
    g_auto(ZgFd) fd = standard ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    g_autoptr(ZgSecret) text = NULL;

    if (fd < 0) {
        zg_set_errno(error, errno, "open '%s'", path);
        return NULL;
    }
    text = zg_file_read_secret(fd, standard ? "standard input" : path, most, error);
    if (text == NULL) {
        return NULL;
    }
    *out_n_bytes = text->n_bytes;
    return g_strndup(zg_secret_text(text), text->n_bytes);
}

/* The first line of what a file holds. */
static ZgSecret *
first_line(const ZgSecret *text)
{
    const uint8_t *end = memchr(text->bytes, '\n', text->n_bytes);

    return zg_secret_new(text->bytes, end ? (size_t)(end - text->bytes) : text->n_bytes);
}

static ZgSecret *
ask_terminal(const char *prompt, GError **error)
{
    g_auto(ZgFd) fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    struct termios usual, quiet;
    char line[ZG_LIMIT_PASSWORD_BYTES + 2];
    ZgSecret *secret = NULL;
    ssize_t n;

    if (fd < 0 || tcgetattr(fd, &usual) != 0) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID,
                    "there is no terminal to ask for a password; use --password-file FILE");
        return NULL;
    }
    quiet = usual;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(fd, TCSAFLUSH, &quiet);
    dprintf(fd, "%s: ", prompt);
    n = read(fd, line, sizeof line);
    tcsetattr(fd, TCSAFLUSH, &usual);
    dprintf(fd, "\n");
    if (n > 0 && line[n - 1] == '\n') {
        secret = zg_secret_new(line, (size_t)n - 1);
    }
    zg_wipe(line, sizeof line);
    if (secret == NULL) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "no password was given");
    }
    return secret;
}

ZgSecret *
zg_password_ask(const char *file, const char *prompt, GError **error)
{
    g_autoptr(ZgSecret) password = NULL;

    if (file == NULL) {
        password = ask_terminal(prompt, error);
    } else {
        g_auto(ZgFd) fd =
            g_str_equal(file, "-") ? dup(STDIN_FILENO) : open(file, O_RDONLY | O_CLOEXEC);
        g_autoptr(ZgSecret) text = NULL;

        if (fd < 0) {
            zg_set_errno(error, errno, "open '%s'", file);
            return NULL;
        }
        text = zg_file_read_secret(fd, file, 2 * ZG_LIMIT_PASSWORD_BYTES, error);
        password = text ? first_line(text) : NULL;
    }
    if (password == NULL) {
        return NULL;
    }
    if (password->n_bytes == 0 || password->n_bytes > ZG_LIMIT_PASSWORD_BYTES ||
        memchr(password->bytes, '\0', password->n_bytes) != NULL) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID,
                    "a password has 1 to %d bytes and no NUL byte", ZG_LIMIT_PASSWORD_BYTES);
        return NULL;
    }
    return g_steal_pointer(&password);
}

ZgSecret *
zg_password_generate(void)
{
    /* 32, so that there is no bias; without l, o, 0 and 1. */
    static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";
    g_autoptr(ZgSecret) secret = zg_secret_new_random(20);

    G_STATIC_ASSERT(sizeof letters == 33);
    for (size_t i = 0; i < secret->n_bytes; i++) {
        secret->bytes[i] = (uint8_t)letters[secret->bytes[i] % 32];
    }
    return g_steal_pointer(&secret);
}

bool
zg_confirm(const char *question)
{
    g_auto(ZgFd) fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    char line[16] = "";
    ssize_t n;

    if (fd < 0) {
        return false;
    }
    dprintf(fd, "%s (type yes): ", question);
    n = read(fd, line, sizeof line - 1);
    return n == 4 && memcmp(line, "yes\n", 4) == 0;
}

/* The folder of this program, e.g. /usr/bin or BUILD/client/ctl. */
static char *
own_folder(void)
{
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);

    return self ? g_path_get_dirname(self) : g_strdup("/usr/bin");
}

/* The build folder when this program was not installed; NULL otherwise. */
static char *
build_folder(const char *own)
{
    g_autofree char *top = g_canonicalize_filename("../..", own);
    g_autofree char *mark = g_build_filename(top, "meson-info", NULL);

    return g_file_test(mark, G_FILE_TEST_IS_DIR) ? g_steal_pointer(&top) : NULL;
}

char *
zg_data_find(const char *installed, const char *built, const char *source, GError **error)
{
    g_autofree char *own = own_folder();
    g_autofree char *build = build_folder(own);
    g_autofree char *found = NULL;

    if (build == NULL) {
        g_autofree char *prefix = g_path_get_dirname(own);

        found = g_build_filename(prefix, "share", "zaguan", installed, NULL);
    } else if (built != NULL) {
        found = g_build_filename(build, built, NULL);
    }
    if (found != NULL && g_file_test(found, G_FILE_TEST_EXISTS)) {
        return g_steal_pointer(&found);
    }
    if (build != NULL && source != NULL) {
        g_autofree char *top = g_path_get_dirname(build);
        g_autofree char *there = g_build_filename(top, source, NULL);

        if (g_file_test(there, G_FILE_TEST_EXISTS)) {
            return g_steal_pointer(&there);
        }
    }
    g_set_error(error, ZG_ERROR, ZG_ERROR_NOT_FOUND, "'%s' is not installed with '%s'", installed,
                own);
    return NULL;
}
