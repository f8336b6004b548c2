/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A hypervisor without guests, for tests of everything around it (`fake:///FOLDER`): a desktop is a
 * file in FOLDER, its console a picture of one colour that a key changes, and its session helper
 * says what a well-behaved guest says. Guests survive a restart of hostd as files do.
 */
#include "hostd/hypervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "common/base/error.h"
#include "common/base/id.h"
#include "common/proto/json.h"
#include "hostd/folder.h"
#include "hostd/rfb_fake.h"

#define LINE_MAX_BYTES 8192

typedef struct {
    char *path; /* of the session socket */
    int listen_fd;
    int peer_fd; /* atomic; -1 without one */
    GThread *thread;
    char *memory; /* file: what the helper would remember */
    char *state;
    char *identity;
} Guest;

typedef struct {
    char *dir;
    ZgHypervisor *owner;
    GMutex lock; /* guards guests */
    GHashTable *guests;
} Fake;

/* ---- the guest's session helper ---- */

static void
say(int fd, json_t *message)
{
    char *text = zg_json_text(message);
    g_autofree char *line = g_strconcat(text, "\n", NULL);

    if (send(fd, line, strlen(line), MSG_NOSIGNAL) < 0) {
        shutdown(fd, SHUT_RDWR); /* the reader sees the end */
    }
    free(text);
    json_decref(message);
}

static void
say_hello(Guest *guest, int fd)
{
    say(fd, json_pack("{s:s, s:i, s:s, s:s, s:s?}", "type", "hello", "version", 1, "helper", "fake",
                      "state", guest->state, "identity", guest->identity));
}

static void
remember(Guest *guest, const char *state)
{
    g_autofree char *text = g_strdup_printf("%s\n%s", state, guest->identity);
    g_autofree char *old = guest->state;

    guest->state = g_strdup(state);
    if (!g_file_set_contents(guest->memory, text, -1, NULL)) {
        guest->state[0] = '\0'; /* an unusable helper is seen at once */
    }
}

static void
recall(Guest *guest)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;

    if (g_file_get_contents(guest->memory, &text, NULL, NULL)) {
        lines = g_strsplit(text, "\n", 2);
    }
    guest->state = g_strdup(lines != NULL ? lines[0] : "waiting");
    guest->identity = lines != NULL ? g_strdup(lines[1]) : NULL;
}

static void
answer_line(Guest *guest, int fd, const json_t *message)
{
    const char *type = json_string_value(json_object_get(message, "type"));

    if (g_strcmp0(type, "hello") == 0) {
        say_hello(guest, fd);
    } else if (g_strcmp0(type, "identity") == 0) {
        g_free(guest->identity);
        guest->identity = g_strdup(json_string_value(json_object_get(message, "machine_id")));
        remember(guest, "identified");
        say(fd, json_pack("{s:s}", "type", "identified"));
    } else if (g_strcmp0(type, "sign_on") == 0) {
        remember(guest, "in-session");
        say(fd, json_pack("{s:s, s:O?}", "type", "signed_on", "unix_name",
                          json_object_get(message, "unix_name")));
    } else if (g_strcmp0(type, "sign_off") == 0) {
        remember(guest, "signed-off");
        say(fd, json_pack("{s:s}", "type", "signed_off"));
    } else if (g_strcmp0(type, "ping") == 0) {
        say(fd, json_pack("{s:s, s:O?}", "type", "pong", "n", json_object_get(message, "n")));
    }
}

static void
talk(Guest *guest, int fd)
{
    FILE *stream = fdopen(dup(fd), "r");
    char *line = g_malloc(LINE_MAX_BYTES);

    while (stream != NULL && fgets(line, LINE_MAX_BYTES, stream) != NULL) {
        g_autoptr(json_t) message = zg_json_parse(line, strlen(line), NULL);

        if (message != NULL) {
            answer_line(guest, fd, message);
        }
    }
    if (stream != NULL) {
        fclose(stream);
    }
    g_free(line);
}

static gpointer
guest_main(gpointer data)
{
    Guest *guest = data;
    int fd;

    while ((fd = accept4(guest->listen_fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        g_atomic_int_set(&guest->peer_fd, fd);
        talk(guest, fd);
        g_atomic_int_set(&guest->peer_fd, -1);
        close(fd);
    }
    return NULL;
}

static void
guest_free(gpointer data)
{
    Guest *guest = data;
    int peer_fd = g_atomic_int_get(&guest->peer_fd);

    shutdown(guest->listen_fd, SHUT_RDWR);
    if (peer_fd >= 0) {
        shutdown(peer_fd, SHUT_RDWR);
    }
    g_thread_join(guest->thread);
    close(guest->listen_fd);
    unlink(guest->path);
    g_free(guest->path);
    g_free(guest->memory);
    g_free(guest->state);
    g_free(guest->identity);
    g_free(guest);
}

/* The session socket that the XML names. */
static char *
session_path(const char *xml)
{
    static const char mark[] = "mode='bind' path='";
    const char *at = strstr(xml, mark);

    return at != NULL ? g_strndup(at + strlen(mark), strcspn(at + strlen(mark), "'")) : NULL;
}

static Guest *
guest_new(const char *xml, const char *memory, GError **error)
{
    g_autofree char *path = session_path(xml);
    Guest *guest;
    int fd;

    fd = path != NULL ? zg_unix_listen(path, SOCK_STREAM, 0600, error) : -1;
    if (fd < 0) {
        return NULL;
    }
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    guest = g_new0(Guest, 1);
    *guest = (Guest){.path = g_steal_pointer(&path), .memory = g_strdup(memory), .listen_fd = fd,
                     .peer_fd = -1};
    recall(guest);
    guest->thread = g_thread_new("fake-guest", guest_main, guest);
    return guest;
}

/* ---- files ---- */

static char *
file_of(const Fake *fake, const char *id, const char *what)
{
    return g_strconcat(fake->dir, "/", id, what, NULL);
}

static bool
has_file(const Fake *fake, const char *id, const char *what)
{
    g_autofree char *path = file_of(fake, id, what);

    return g_file_test(path, G_FILE_TEST_EXISTS);
}

static void
drop_file(const Fake *fake, const char *id, const char *what)
{
    g_autofree char *path = file_of(fake, id, what);

    unlink(path);
}

static bool
put_file(const Fake *fake, const char *id, const char *what, const char *text, GError **error)
{
    g_autofree char *path = file_of(fake, id, what);

    return g_file_set_contents(path, text, -1, error);
}

/* ---- the table ---- */

static void *
fake_create(const ZgHypervisorOptions *options, ZgHypervisor *owner, GError **error)
{
    Fake *fake = g_new0(Fake, 1);

    fake->dir = g_strdup(options->uri + strlen("fake://"));
    fake->owner = owner;
    g_mutex_init(&fake->lock);
    fake->guests = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, guest_free);
    return fake;
}

static bool
fake_open(void *impl, GError **error)
{
    return zg_folder_make(((Fake *)impl)->dir, error);
}

static bool
run_guest(Fake *fake, const char *id, const char *xml, GError **error)
{
    g_autofree char *memory = file_of(fake, id, ".memory");
    Guest *guest;
    bool runs;

    g_mutex_lock(&fake->lock);
    runs = g_hash_table_contains(fake->guests, id);
    if (!runs && (guest = guest_new(xml, memory, error)) != NULL) {
        g_hash_table_insert(fake->guests, g_strdup(id), guest);
        runs = true;
    }
    g_mutex_unlock(&fake->lock);
    return runs;
}

static bool
fake_start(void *impl, const char *id, const char *xml, GError **error)
{
    Fake *fake = impl;

    if (!has_file(fake, id, ".saved")) {
        drop_file(fake, id, ".memory");
    }
    if (!put_file(fake, id, ".xml", xml, error) || !run_guest(fake, id, xml, error) ||
        !put_file(fake, id, ".on", "", error)) {
        return false;
    }
    drop_file(fake, id, ".saved");
    zg_hypervisor_emit(fake->owner, id, ZG_HYP_EVENT_STARTED, false);
    return true;
}

static void
end_guest(Fake *fake, const char *id)
{
    g_mutex_lock(&fake->lock);
    g_hash_table_remove(fake->guests, id);
    g_mutex_unlock(&fake->lock);
    drop_file(fake, id, ".on");
}

static bool
fake_stop(void *impl, const char *id, GError **error)
{
    Fake *fake = impl;

    end_guest(fake, id);
    zg_hypervisor_emit(fake->owner, id, ZG_HYP_EVENT_STOPPED, false);
    return true;
}

static bool
fake_remove(void *impl, const char *id, GError **error)
{
    Fake *fake = impl;

    end_guest(fake, id);
    drop_file(fake, id, ".saved");
    drop_file(fake, id, ".memory");
    drop_file(fake, id, ".xml");
    return true;
}

static bool
fake_save(void *impl, const char *id, GError **error)
{
    Fake *fake = impl;

    if (!put_file(fake, id, ".saved", "", error)) {
        return false;
    }
    end_guest(fake, id);
    return true;
}

static bool
fake_reset(void *impl, const char *id, GError **error)
{
    Fake *fake = impl;
    g_autofree char *path = file_of(fake, id, ".xml");
    g_autofree char *xml = NULL;

    if (!g_file_get_contents(path, &xml, NULL, error)) {
        return false;
    }
    end_guest(fake, id);
    drop_file(fake, id, ".memory");
    return run_guest(fake, id, xml, error) && put_file(fake, id, ".on", "", error);
}

static int64_t
generation_in(const char *xml)
{
    const char *at = strstr(xml, "generation='");

    return at != NULL ? g_ascii_strtoll(at + strlen("generation='"), NULL, 10) : 0;
}

static void
list_one(Fake *fake, const char *id, GPtrArray *out)
{
    g_autofree char *path = file_of(fake, id, ".xml");
    g_autofree char *xml = NULL;
    bool active = has_file(fake, id, ".on");

    if (!g_file_get_contents(path, &xml, NULL, NULL)) {
        return;
    }
    active = active && run_guest(fake, id, xml, NULL);
    g_ptr_array_add(out, zg_hyp_domain_new(id, generation_in(xml), active,
                                           has_file(fake, id, ".saved")));
}

static bool
fake_list(void *impl, GPtrArray *out_domains, GError **error)
{
    Fake *fake = impl;
    g_autoptr(GDir) dir = g_dir_open(fake->dir, 0, error);
    const char *entry;

    while (dir != NULL && (entry = g_dir_read_name(dir)) != NULL) {
        g_autofree char *id = g_strndup(entry, ZG_ID_CHARS);

        if (zg_id_is_valid(id) && g_str_equal(entry + ZG_ID_CHARS, ".xml")) {
            list_one(fake, id, out_domains);
        }
    }
    return dir != NULL;
}

static int
fake_open_console(void *impl, const char *id, int *out_pictures, GError **error)
{
    Fake *fake = impl;
    bool runs;

    g_mutex_lock(&fake->lock);
    runs = g_hash_table_contains(fake->guests, id);
    g_mutex_unlock(&fake->lock);
    if (!runs) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_UNAVAILABLE, "the desktop is not running");
        return -1;
    }
    return zg_rfb_fake_start(id, error);
}

static bool
fake_has_dbus_display(void *impl)
{
    return false;
}

static int64_t
fake_memory_mib(void *impl, const char *id)
{
    return 1;
}

static void
fake_destroy(void *impl)
{
    Fake *fake = impl;

    g_hash_table_unref(fake->guests);
    g_mutex_clear(&fake->lock);
    g_free(fake->dir);
    g_free(fake);
}

const ZgHypervisorOps zg_hyp_fake = {
    .prefix = "fake:",
    .create = fake_create,
    .open = fake_open,
    .list = fake_list,
    .start = fake_start,
    .stop = fake_stop,
    .reset = fake_reset,
    .save = fake_save,
    .remove = fake_remove,
    .open_console = fake_open_console,
    .has_dbus_display = fake_has_dbus_display,
    .memory_mib = fake_memory_mib,
    .destroy = fake_destroy,
};
