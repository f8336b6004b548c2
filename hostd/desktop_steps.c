/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The steps from what is there to what is wished: disk, domain, start and stop. */
#include "hostd/desktop_priv.h"

#include <unistd.h>
#include "common/base/log.h"
#include "hostd/domain_xml.h"
#include "hostd/folder.h"
#include "hostd/image.h"
#include "hostd/image_seal.h"
#include "hostd/overlay.h"

#define SLOT_HELD_S 45 /* a guest that has not said hello by then no longer counts as starting */

void
zg_desktop_give_slot(ZgDesktop *desktop)
{
    g_clear_handle_id(&desktop->slot_timer, g_source_remove);
    if (desktop->slot) {
        desktop->slot = false;
        desktop->env->give_slot(desktop, desktop->env->user);
    }
}

static gboolean
on_slot_expired(gpointer data)
{
    ZgDesktop *desktop = data;

    desktop->slot_timer = 0;
    zg_desktop_give_slot(desktop);
    return G_SOURCE_REMOVE;
}

/* Work on folders and overlays, on the pool. */
typedef struct {
    ZgDesktop *desktop;
    ZgStep step;
    char *images_dir;
    char *template_name;
    char *overlay;
    char *folder; /* to be removed */
    char *qemu_user;
    int64_t version;
    int64_t generation;
    int64_t disk_mib;
    int64_t size_mib; /* result */
    GError *error;
} DiskJob;

static void
disk_job_free(DiskJob *job)
{
    g_free(job->images_dir);
    g_free(job->template_name);
    g_free(job->overlay);
    g_free(job->folder);
    g_free(job->qemu_user);
    g_clear_error(&job->error);
    g_free(job);
}

static void
disk_work(void *data)
{
    DiskJob *job = data;
    g_autoptr(ZgImage) image = NULL;

    if (job->step != ZG_STEP_PROVISION) {
        zg_folder_remove(job->folder, &job->error);
        return;
    }
    image = zg_image_load(job->images_dir, job->template_name, job->version, &job->error);
    if (image != NULL && zg_image_check_seal(image, &job->error)) {
        job->size_mib = MAX(image->virtual_mib, job->disk_mib);
        zg_overlay_create(job->overlay, image->disk, job->size_mib, job->qemu_user, &job->error);
    }
}

static void
disk_done(void *data)
{
    DiskJob *job = data;
    ZgDesktop *desktop = job->desktop;
    ZgStep step = job->step;

    desktop->doing = ZG_STEP_NONE;
    if (job->error != NULL) {
        zg_desktop_trouble(desktop, step == ZG_STEP_PROVISION ? "make its disk" : "remove its disk",
                           job->error);
    } else if (step == ZG_STEP_REMOVE) {
        disk_job_free(job);
        zg_log_info("desktop-removed", desktop->id, "nothing of it is left here");
        desktop->gone = true;
        desktop->n_calls++;
        zg_desktop_call_ended(desktop);
        return;
    } else {
        desktop->state.have = step == ZG_STEP_PROVISION ? job->generation : 0;
        desktop->state.size_mib = job->size_mib;
        desktop->state.version = job->version;
        g_free(desktop->state.template_name);
        desktop->state.template_name = g_steal_pointer(&job->template_name);
        if (step == ZG_STEP_DROP) {
            desktop->state.ended = false;
            desktop->state.rests = false;
            g_clear_pointer(&desktop->state.signed_on, g_free);
        }
        zg_desktop_save(desktop);
        zg_log_info(step == ZG_STEP_PROVISION ? "desktop-clean" : "desktop-dropped", desktop->id,
                    step == ZG_STEP_PROVISION
                        ? "has a clean disk of generation %" G_GINT64_FORMAT
                        : "its old disk is gone (wanted: generation %" G_GINT64_FORMAT ")",
                    desktop->state.wish->generation);
        zg_desktop_look(desktop);
    }
    disk_job_free(job);
}

static void
run_disk_job(ZgDesktop *desktop, ZgStep step)
{
    const ZgDesktopEnv *env = desktop->env;
    const ZgDesired *wish = desktop->state.wish;
    DiskJob *job = g_new0(DiskJob, 1);
    g_autoptr(GError) error = NULL;

    job->desktop = desktop;
    job->step = step;
    job->images_dir = g_strdup(env->images_dir);
    job->qemu_user = g_strdup(env->qemu_user);
    if (step == ZG_STEP_PROVISION) {
        job->template_name = g_strdup(wish->spec->template_name);
        job->version = wish->spec->version;
        job->generation = wish->generation;
        job->disk_mib = wish->spec->disk_mib;
        job->overlay = zg_overlay_path(env->desktops_dir, desktop->id, wish->generation);
    } else if (step == ZG_STEP_DROP) {
        job->folder = g_strdup_printf("%s/%s/%" G_GINT64_FORMAT, env->desktops_dir, desktop->id,
                                      desktop->state.have);
    } else {
        job->folder = g_strdup_printf("%s/%s", env->desktops_dir, desktop->id);
    }
    desktop->doing = step;
    if (!zg_worker_run(env->disks, disk_work, disk_done, job, &error)) {
        desktop->doing = ZG_STEP_NONE;
        zg_desktop_trouble(desktop, "work on its disk", error);
        disk_job_free(job);
    }
}

/* DROP and REMOVE begin with the domain, then the disk. */
static void
on_domain_removed(const GError *error, void *user)
{
    ZgDesktop *desktop = user;
    ZgStep step = desktop->doing;
    g_autofree char *path = zg_desktop_socket_path(desktop);

    desktop->doing = ZG_STEP_NONE;
    if (error != NULL) {
        zg_desktop_trouble(desktop, "remove its domain", error);
        return;
    }
    desktop->power = ZG_POWER_OFF;
    unlink(path);
    zg_desktop_changed(desktop);
    run_disk_job(desktop, step);
}

void
zg_desktop_remove_domain(ZgDesktop *desktop, ZgStep step)
{
    desktop->doing = step;
    zg_desktop_forget_guest(desktop, step == ZG_STEP_DROP ? "The session has ended."
                                                         : "The desktop is gone.");
    if (zg_desktop_is_running(desktop)) {
        desktop->power = ZG_POWER_STOPPING;
    }
    zg_desktop_changed(desktop);
    zg_hypervisor_remove(desktop->env->hyp, desktop->id, on_domain_removed, desktop);
}

void
zg_desktop_provision(ZgDesktop *desktop)
{
    const ZgSpec *spec = desktop->state.wish->spec;
    g_autoptr(ZgImage) image = NULL;
    g_autoptr(GError) error = NULL;

    image = zg_image_load(desktop->env->images_dir, spec->template_name, spec->version, &error);
    if (image == NULL) {
        zg_desktop_trouble(desktop, "find its template", error);
        return;
    }
    if (!desktop->env->admit(0, MAX(image->virtual_mib, spec->disk_mib), &error,
                             desktop->env->user)) {
        zg_desktop_trouble(desktop, "make its disk", error);
        return;
    }
    run_disk_job(desktop, ZG_STEP_PROVISION);
}

void
zg_desktop_is_up(ZgDesktop *desktop)
{
    desktop->power = ZG_POWER_ON;
    desktop->state.rests = false;
    zg_desktop_open_session(desktop);
    zg_desktop_ask_console(desktop);
}

static void
on_started(const GError *error, void *user)
{
    ZgDesktop *desktop = user;

    desktop->doing = ZG_STEP_NONE;
    if (error != NULL) {
        desktop->power = desktop->resuming ? ZG_POWER_SUSPENDED : ZG_POWER_OFF;
        zg_desktop_give_slot(desktop);
        zg_desktop_trouble(desktop, "start it", error);
        return;
    }
    zg_desktop_forget_error(desktop);
    zg_log_info("desktop-started", desktop->id, "'%s' runs, generation %" G_GINT64_FORMAT,
                desktop->state.wish->spec != NULL ? desktop->state.wish->spec->name : "",
                desktop->state.have);
    zg_desktop_is_up(desktop);
    zg_desktop_changed(desktop);
    zg_desktop_look(desktop);
}

static char *
domain_xml(ZgDesktop *desktop, GError **error)
{
    const ZgDesktopEnv *env = desktop->env;
    const ZgSpec *spec = desktop->state.wish->spec;
    g_autoptr(ZgImage) image =
        zg_image_load(env->images_dir, desktop->state.template_name, desktop->state.version, error);
    g_autofree char *disk = zg_overlay_path(env->desktops_dir, desktop->id, desktop->state.have);
    g_autofree char *socket = zg_desktop_socket_path(desktop);

    if (image == NULL) {
        return NULL;
    }
    if (g_str_equal(spec->network, "nat") && !env->nat) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_UNAVAILABLE,
                    "this host gives guests no way out (network 'nat')");
        return NULL;
    }
    return zg_domain_xml(&(ZgDomainSpec){
        .id = desktop->id,
        .title = spec->title != NULL ? spec->title : spec->name,
        .generation = desktop->state.have,
        .memory_mib = spec->memory_mib,
        .vcpus = spec->vcpus,
        .kvm = env->kvm,
        .emulator = env->emulator,
        .disk_path = disk,
        .kernel = image->kernel,
        .initrd = image->initrd,
        .cmdline = image->cmdline,
        .session_socket = socket,
        .net = g_str_equal(spec->network, "nat") ? ZG_DOMAIN_NET_NAT : ZG_DOMAIN_NET_ISOLATED,
        .dbus_display = zg_hypervisor_has_dbus_display(env->hyp),
    });
}

void
zg_desktop_start(ZgDesktop *desktop)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *xml = NULL;

    if (!desktop->env->admit(desktop->state.wish->spec->memory_mib, 0, &error,
                             desktop->env->user)) {
        zg_desktop_trouble(desktop, "start it", error);
        return;
    }
    xml = domain_xml(desktop, &error);
    if (xml == NULL) {
        zg_desktop_trouble(desktop, "start it", error);
        return;
    }
    if (!desktop->slot) {
        if (!desktop->env->take_slot(desktop, desktop->env->user)) {
            return; /* the host looks at us again when one is free */
        }
        desktop->slot = true;
        desktop->slot_timer = g_timeout_add_seconds(SLOT_HELD_S, on_slot_expired, desktop);
    }
    desktop->doing = ZG_STEP_START;
    desktop->resuming = desktop->power == ZG_POWER_SUSPENDED;
    desktop->power = ZG_POWER_STARTING;
    zg_desktop_changed(desktop);
    zg_hypervisor_start(desktop->env->hyp, desktop->id, xml, on_started, desktop);
}

static void
on_stopped(const GError *error, void *user)
{
    ZgDesktop *desktop = user;

    desktop->doing = ZG_STEP_NONE;
    if (error != NULL) {
        zg_desktop_trouble(desktop, "stop it", error);
        return;
    }
    desktop->power = ZG_POWER_OFF;
    zg_log_info("desktop-stopped", desktop->id, "as wished");
    zg_desktop_changed(desktop);
    zg_desktop_look(desktop);
}

void
zg_desktop_stop(ZgDesktop *desktop)
{
    desktop->doing = ZG_STEP_STOP;
    desktop->power = ZG_POWER_STOPPING;
    zg_desktop_forget_guest(desktop, "The desktop was switched off.");
    zg_desktop_changed(desktop);
    zg_hypervisor_stop(desktop->env->hyp, desktop->id, on_stopped, desktop);
}
