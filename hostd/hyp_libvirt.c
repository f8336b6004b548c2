/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The hypervisor by libvirt, embedded or by its local daemon. The only user of libvirt's header. */
#include "hostd/hypervisor.h"

#include <errno.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/base/error.h"
#include "common/base/id.h"
#include "common/base/log.h"
#include "hostd/domain_xml.h"
#include "hostd/user.h"

#define NAMESPACE "urn:zaguan:domain:1"
#define NAME_PREFIX "zg-"

/* As domain_xml.c orders them. */
enum {
    VNC_DISPLAY = 0,
    DBUS_DISPLAY = 1,
};

typedef struct {
    ZgHypervisor *owner;
    char *uri;
    char *qemu_user;
    GMutex lock; /* guards conn */
    virConnectPtr conn;
    int lifecycle_id;
    bool wants_dbus_display;
    gint has_dbus_display; /* atomic */
} Libvirt;

typedef virConnect VirConnect;
typedef virDomain VirDomain;

static void
domain_unref(virDomainPtr domain)
{
    virDomainFree(domain);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VirDomain, domain_unref)

static void
connect_unref(virConnectPtr conn)
{
    virConnectClose(conn);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VirConnect, connect_unref)

/* libvirt's last error of this thread as ours. */
static bool
fail(GError **error, const char *what)
{
    virErrorPtr last = virGetLastError();
    int code = last != NULL ? last->code : VIR_ERR_INTERNAL_ERROR;
    ZgErrorCode ours = ZG_ERROR_FAILED;

    if (code == VIR_ERR_NO_DOMAIN) {
        ours = ZG_ERROR_NOT_FOUND;
    } else if (code == VIR_ERR_OPERATION_TIMEOUT || code == VIR_ERR_AGENT_UNRESPONSIVE) {
        ours = ZG_ERROR_TIMEOUT;
    } else if (code == VIR_ERR_NO_CONNECT || code == VIR_ERR_RPC) {
        ours = ZG_ERROR_UNAVAILABLE;
    }
    g_set_error(error, ZG_ERROR, ours, "%s: %s", what,
                last != NULL && last->message != NULL ? last->message : "no reason given");
    return false;
}

static void
quiet(void *user, virErrorPtr error)
{
    (void)user;
    (void)error; /* every error is taken and told by fail() */
}

static virConnectPtr
connection(Libvirt *lv, GError **error)
{
    virConnectPtr conn;

    g_mutex_lock(&lv->lock);
    conn = lv->conn;
    if (conn != NULL) {
        virConnectRef(conn);
    }
    g_mutex_unlock(&lv->lock);
    if (conn == NULL) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_UNAVAILABLE, "libvirt is not connected");
    }
    return conn;
}

/* The domain of a desktop; NULL without @error set when there is none. */
static virDomainPtr
find(virConnectPtr conn, const char *id, GError **error)
{
    char uuid[ZG_DOMAIN_UUID_CHARS + 1];
    virDomainPtr domain;

    zg_domain_uuid(id, uuid);
    domain = virDomainLookupByUUIDString(conn, uuid);
    if (domain == NULL && virGetLastErrorCode() != VIR_ERR_NO_DOMAIN) {
        fail(error, "find domain");
    }
    return domain;
}

static virDomainPtr
find_or_fail(virConnectPtr conn, const char *id, GError **error)
{
    g_autoptr(GError) cause = NULL;
    virDomainPtr domain = find(conn, id, &cause);

    if (cause != NULL) {
        g_propagate_error(error, g_steal_pointer(&cause));
    } else if (domain == NULL) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_NOT_FOUND, "no domain for desktop '%s'", id);
    }
    return domain;
}

static bool
id_of(virDomainPtr domain, char out[ZG_ID_CHARS + 1])
{
    const char *name = virDomainGetName(domain);

    if (name == NULL || !g_str_has_prefix(name, NAME_PREFIX) ||
        !zg_id_is_valid(name + strlen(NAME_PREFIX))) {
        return false;
    }
    memcpy(out, name + strlen(NAME_PREFIX), ZG_ID_CHARS + 1);
    return true;
}

static int
on_lifecycle(virConnectPtr conn, virDomainPtr domain, int event, int detail, void *opaque)
{
    Libvirt *lv = opaque;
    char id[ZG_ID_CHARS + 1];

    (void)conn;
    if (!id_of(domain, id)) {
        return 0;
    }
    if (event == VIR_DOMAIN_EVENT_STARTED) {
        zg_hypervisor_emit(lv->owner, id, ZG_HYP_EVENT_STARTED, false);
    } else if (event == VIR_DOMAIN_EVENT_STOPPED && detail == VIR_DOMAIN_EVENT_STOPPED_SAVED) {
        zg_hypervisor_emit(lv->owner, id, ZG_HYP_EVENT_SAVED, false);
    } else if (event == VIR_DOMAIN_EVENT_STOPPED || event == VIR_DOMAIN_EVENT_CRASHED) {
        zg_hypervisor_emit(lv->owner, id, ZG_HYP_EVENT_STOPPED,
                           event == VIR_DOMAIN_EVENT_STOPPED &&
                               detail == VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN);
    }
    return 0;
}

static void
on_close(virConnectPtr conn, int reason, void *opaque)
{
    Libvirt *lv = opaque;

    (void)reason;
    g_mutex_lock(&lv->lock);
    if (lv->conn == conn) {
        lv->conn = NULL;
        virConnectClose(conn);
    }
    g_mutex_unlock(&lv->lock);
    zg_hypervisor_emit(lv->owner, NULL, ZG_HYP_EVENT_GONE_AWAY, false);
}

/* The root folder of an embedded URI, or NULL. */
static char *
embed_root(const char *uri)
{
    const char *query = strchr(uri, '?');
    g_autoptr(GHashTable) params = NULL;

    if (!g_str_has_prefix(uri, "qemu:///embed") || query == NULL) {
        return NULL;
    }
    params = g_uri_parse_params(query + 1, -1, "&", G_URI_PARAMS_NONE, NULL);
    return params != NULL ? g_strdup(g_hash_table_lookup(params, "root")) : NULL;
}

/*
 * The embedded driver reads ROOT/etc/qemu.conf. As root QEMU gets a user of its own; hostd gives
 * disks to that user itself, so that a sealed template never changes its owner.
 */
static bool
write_qemu_conf(Libvirt *lv, GError **error)
{
    g_autofree char *root = embed_root(lv->uri);
    g_autofree char *folder = g_strconcat(root, "/etc", NULL);
    g_autofree char *path = g_strconcat(folder, "/qemu.conf", NULL);
    g_autoptr(GString) text = g_string_new("# Written by zaguan-hostd at every start.\n"
                                           "security_driver = \"none\"\n"
                                           "cgroup_controllers = []\n"
                                           "namespaces = []\n"
                                           "seccomp_sandbox = 1\n"
                                           "stdio_handler = \"file\"\n"
                                           "max_core = 0\n");

    if (geteuid() == 0) {
        uid_t uid;
        gid_t gid;

        if (!zg_user_find(lv->qemu_user, &uid, &gid, error)) {
            return false;
        }
        g_string_append_printf(text, "user = \"%s\"\ngroup = \"+%u\"\n", lv->qemu_user, gid);
        g_string_append(text, "dynamic_ownership = 0\nremember_owner = 0\n");
    }
    /* QEMU's user goes through the root folder to its sockets. */
    if (g_mkdir_with_parents(folder, 0755) != 0 || chmod(root, 0711) != 0) {
        zg_set_errno(error, errno, "create '%s'", folder);
        return false;
    }
    return g_file_set_contents_full(path, text->str, (gssize)text->len,
                                    G_FILE_SET_CONTENTS_CONSISTENT, 0644, error);
}

/* An ordinary user's libvirt keeps things in the home, which need not be there: ours go with us. */
static void
leave_home(const char *uri)
{
    static const char *const names[] = {"XDG_RUNTIME_DIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"};
    g_autofree char *root = embed_root(uri);
    g_autofree char *home = root != NULL ? g_strconcat(root, "/home", NULL) : NULL;

    for (size_t i = 0; home != NULL && geteuid() != 0 && i < G_N_ELEMENTS(names); i++) {
        g_setenv(names[i], home, TRUE);
    }
}

static void *
libvirt_create(const ZgHypervisorOptions *options, ZgHypervisor *owner, GError **error)
{
    static gsize once = 0;
    Libvirt *lv;

    if (g_str_has_prefix(options->uri, "qemu:///embed") && strstr(options->uri, "root=/") == NULL) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "libvirt uri '%s': needs ?root=/FOLDER",
                    options->uri);
        return NULL;
    }
    if (g_once_init_enter(&once)) {
        leave_home(options->uri); /* no other thread of hostd reads the environment yet */
        virSetErrorFunc(NULL, quiet);
        /* Sits on the default GMainContext: our loop drives it. Before the first connection. */
        virEventRegisterDefaultImpl();
        g_once_init_leave(&once, 1);
    }
    lv = g_new0(Libvirt, 1);
    lv->owner = owner;
    lv->uri = g_strdup(options->uri);
    lv->qemu_user = g_strdup(options->qemu_user);
    lv->wants_dbus_display = options->dbus_display;
    lv->lifecycle_id = -1;
    g_mutex_init(&lv->lock);
    return lv;
}

/* In Debian 13 it is a module of its own that need not be installed. */
static bool
offers_dbus_display(virConnectPtr conn)
{
    char *xml = virConnectGetDomainCapabilities(conn, NULL, "x86_64", "q35", "qemu", 0);
    const char *from = xml != NULL ? strstr(xml, "<graphics ") : NULL;
    const char *to = from != NULL ? strstr(from, "</graphics>") : NULL;
    bool offers = to != NULL && g_strstr_len(from, to - from, "<value>dbus</value>") != NULL;

    free(xml);
    return offers;
}

static bool
libvirt_open(void *impl, GError **error)
{
    Libvirt *lv = impl;
    virConnectPtr conn;
    int lifecycle_id;

    if (g_str_has_prefix(lv->uri, "qemu:///embed") && !write_qemu_conf(lv, error)) {
        return false;
    }
    conn = virConnectOpen(lv->uri);
    if (conn == NULL) {
        return fail(error, lv->uri);
    }
    g_atomic_int_set(&lv->has_dbus_display, lv->wants_dbus_display && offers_dbus_display(conn));
    lifecycle_id = virConnectDomainEventRegisterAny(
        conn, NULL, VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle), lv,
        NULL);
    if (lifecycle_id < 0) {
        fail(error, "listen to events");
        virConnectClose(conn);
        return false;
    }
    /* Both are for a daemon; the embedded driver refuses them. */
    virConnectSetKeepAlive(conn, 5, 3);
    virConnectRegisterCloseCallback(conn, on_close, lv, NULL);
    g_mutex_lock(&lv->lock);
    lv->conn = conn;
    lv->lifecycle_id = lifecycle_id;
    g_mutex_unlock(&lv->lock);
    return true;
}

static int64_t
generation_of(virDomainPtr domain)
{
    char *metadata = virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, NAMESPACE,
                                          VIR_DOMAIN_AFFECT_CURRENT);
    const char *at = metadata != NULL ? strstr(metadata, "generation=") : NULL;
    int64_t generation = 0;

    if (at != NULL) {
        generation = g_ascii_strtoll(at + strlen("generation=") + 1, NULL, 10);
    }
    free(metadata);
    return generation;
}

static bool
libvirt_list(void *impl, GPtrArray *out_domains, GError **error)
{
    g_autoptr(VirConnect) conn = connection(impl, error);
    virDomainPtr *domains = NULL;
    int n_domains;

    if (conn == NULL) {
        return false;
    }
    n_domains = virConnectListAllDomains(conn, &domains, 0);
    if (n_domains < 0) {
        return fail(error, "list domains");
    }
    for (int i = 0; i < n_domains; i++) {
        virDomainMemoryStatStruct stats[VIR_DOMAIN_MEMORY_STAT_NR];
        char id[ZG_ID_CHARS + 1];

        if (id_of(domains[i], id)) {
            /* After a restart of ours libvirt finds its guests again in threads; a query waits. */
            if (virDomainIsActive(domains[i]) == 1) {
                virDomainMemoryStats(domains[i], stats, VIR_DOMAIN_MEMORY_STAT_NR, 0);
            }
            g_ptr_array_add(out_domains,
                            zg_hyp_domain_new(id, generation_of(domains[i]),
                                              virDomainIsActive(domains[i]) == 1,
                                              virDomainHasManagedSaveImage(domains[i], 0) == 1));
        }
        virDomainFree(domains[i]);
    }
    free(domains);
    return true;
}

/* The saved state has no clipboard channel (see libvirt_save): put it back. */
static void
plug_clipboard(virDomainPtr domain, const char *id)
{
    if (virDomainAttachDeviceFlags(domain, zg_domain_clipboard_xml(),
                                   VIR_DOMAIN_AFFECT_LIVE) != 0) {
        zg_log_warning("clipboard-missing", id, "the resumed desktop has no clipboard: %s",
                       virGetLastErrorMessage());
    }
}

static bool
start_saved(virDomainPtr domain, const char *id, GError **error)
{
    if (virDomainCreate(domain) == 0) {
        plug_clipboard(domain, id);
        return true;
    }
    zg_log_warning("saved-state-unusable", id, "ignoring the saved memory, booting instead: %s",
                   virGetLastErrorMessage());
    return virDomainCreateWithFlags(domain, VIR_DOMAIN_START_FORCE_BOOT) == 0 ||
           fail(error, "start after a saved state was unusable");
}

static bool
libvirt_start(void *impl, const char *id, const char *xml, GError **error)
{
    g_autoptr(VirConnect) conn = connection(impl, error);
    g_autoptr(VirDomain) domain = NULL;
    g_autoptr(GError) cause = NULL;

    if (conn == NULL) {
        return false;
    }
    domain = find(conn, id, &cause);
    if (cause != NULL) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    if (domain != NULL && virDomainIsActive(domain) == 1) {
        return true;
    }
    if (domain != NULL && virDomainHasManagedSaveImage(domain, 0) == 1) {
        return start_saved(domain, id, error);
    }
    g_clear_pointer(&domain, domain_unref);
    domain = virDomainDefineXMLFlags(conn, xml, VIR_DOMAIN_DEFINE_VALIDATE);
    if (domain == NULL) {
        return fail(error, "define domain");
    }
    return virDomainCreate(domain) == 0 || fail(error, "start domain");
}

static bool
destroy_if_active(virDomainPtr domain, GError **error)
{
    if (virDomainIsActive(domain) != 1 || virDomainDestroy(domain) == 0 ||
        virDomainIsActive(domain) != 1) {
        return true;
    }
    return fail(error, "stop domain");
}

static bool
libvirt_stop(void *impl, const char *id, GError **error)
{
    g_autoptr(VirConnect) conn = connection(impl, error);
    g_autoptr(VirDomain) domain = NULL;
    g_autoptr(GError) cause = NULL;

    if (conn == NULL) {
        return false;
    }
    domain = find(conn, id, &cause);
    if (cause != NULL) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    return domain == NULL || destroy_if_active(domain, error);
}

static bool
libvirt_remove(void *impl, const char *id, GError **error)
{
    g_autoptr(VirConnect) conn = connection(impl, error);
    g_autoptr(VirDomain) domain = NULL;
    g_autoptr(GError) cause = NULL;

    if (conn == NULL) {
        return false;
    }
    domain = find(conn, id, &cause);
    if (cause != NULL) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    if (domain == NULL) {
        return true;
    }
    if (!destroy_if_active(domain, error)) {
        return false;
    }
    return virDomainUndefineFlags(domain, VIR_DOMAIN_UNDEFINE_MANAGED_SAVE |
                                              VIR_DOMAIN_UNDEFINE_NVRAM) == 0 ||
           virGetLastErrorCode() == VIR_ERR_NO_DOMAIN || fail(error, "remove domain");
}

static bool
libvirt_reset(void *impl, const char *id, GError **error)
{
    g_autoptr(VirConnect) conn = connection(impl, error);
    g_autoptr(VirDomain) domain = conn != NULL ? find_or_fail(conn, id, error) : NULL;

    return domain != NULL && (virDomainReset(domain, 0) == 0 || fail(error, "reset domain"));
}

static bool
libvirt_save(void *impl, const char *id, GError **error)
{
    g_autoptr(VirConnect) conn = connection(impl, error);
    g_autoptr(VirDomain) domain = conn != NULL ? find_or_fail(conn, id, error) : NULL;

    if (domain == NULL) {
        return false;
    }
    if (virDomainIsActive(domain) != 1) {
        return true;
    }
    /* When it is out already (a former try failed later), the save itself tells what is wrong. */
    virDomainDetachDeviceFlags(domain, zg_domain_clipboard_xml(), VIR_DOMAIN_AFFECT_LIVE);
    if (virDomainManagedSave(domain, VIR_DOMAIN_SAVE_RUNNING) == 0) {
        return true;
    }
    fail(error, "save memory");
    plug_clipboard(domain, id);
    return false;
}

static int
libvirt_open_console(void *impl, const char *id, int *out_pictures, GError **error)
{
    g_autoptr(VirConnect) conn = connection(impl, error);
    g_autoptr(VirDomain) domain = conn != NULL ? find_or_fail(conn, id, error) : NULL;
    int fd;

    if (domain == NULL) {
        return -1;
    }
    fd = virDomainOpenGraphicsFD(domain, VNC_DISPLAY, 0);
    if (fd < 0) {
        fail(error, "open console");
        return -1;
    }
    /* A guest that was saved before hosts had it, or a host without, has none. */
    *out_pictures = virDomainOpenGraphicsFD(domain, DBUS_DISPLAY, 0);
    return fd;
}

static bool
libvirt_has_dbus_display(void *impl)
{
    return g_atomic_int_get(&((Libvirt *)impl)->has_dbus_display) != 0;
}

static int64_t
libvirt_memory_mib(void *impl, const char *id)
{
    g_autoptr(GError) ignored = NULL;
    g_autoptr(VirConnect) conn = connection(impl, &ignored);
    g_autoptr(VirDomain) domain = conn != NULL ? find(conn, id, &ignored) : NULL;
    virDomainMemoryStatStruct stats[VIR_DOMAIN_MEMORY_STAT_NR];
    int n_stats = domain != NULL
                      ? virDomainMemoryStats(domain, stats, VIR_DOMAIN_MEMORY_STAT_NR, 0)
                      : 0;

    for (int i = 0; i < n_stats; i++) {
        if (stats[i].tag == VIR_DOMAIN_MEMORY_STAT_RSS) {
            return (int64_t)(stats[i].val / 1024);
        }
    }
    return 0;
}

static void
libvirt_destroy(void *impl)
{
    Libvirt *lv = impl;

    if (lv->conn != NULL) {
        virConnectUnregisterCloseCallback(lv->conn, on_close);
        virConnectDomainEventDeregisterAny(lv->conn, lv->lifecycle_id);
        virConnectClose(lv->conn);
    }
    g_mutex_clear(&lv->lock);
    g_free(lv->uri);
    g_free(lv->qemu_user);
    g_free(lv);
}

const ZgHypervisorOps zg_hyp_libvirt = {
    .prefix = "qemu:",
    .create = libvirt_create,
    .open = libvirt_open,
    .list = libvirt_list,
    .start = libvirt_start,
    .stop = libvirt_stop,
    .reset = libvirt_reset,
    .save = libvirt_save,
    .remove = libvirt_remove,
    .open_console = libvirt_open_console,
    .has_dbus_display = libvirt_has_dbus_display,
    .memory_mib = libvirt_memory_mib,
    .destroy = libvirt_destroy,
};
