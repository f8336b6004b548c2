/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hostd/desktop.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/secret.h"
#include "hostd/desktop_state.h"
#include "hostd/domain_xml.h"
#include "hostd/folder.h"
#include "hostd/image.h"
#include "hostd/overlay.h"
#include "hostd/session_channel.h"

#define RETRY_FIRST_MS 1000
#define RETRY_MOST_MS 60000
#define CONSOLE_RETRY_MS 1000
#define CONSOLE_WAIT_MS 10000
#define SLOT_HELD_S 45 /* a guest that has not said hello by then no longer counts as starting */

struct ZgDesktop {
    const ZgDesktopEnv *env;
    char *id;
    ZgDesktopState state;
    ZgPower power;
    ZgStep doing; /* ZG_STEP_NONE: free for the next step */
    bool saving;
    bool resuming;      /* the start that is under way is from saved memory */
    bool gone;          /* nothing is left; waits for calls on their way */
    unsigned n_calls;   /* to the hypervisor, beside the step */
    bool ready_to_look; /* the hypervisor told what it has of it */

    /* the guest */
    ZgSessionChannel *session;
    ZgAgentState agent;
    bool identified;
    bool prepared;
    bool slot;
    guint slot_timer;
    int64_t memory_mib;
    bool measuring;

    /* the console */
    bool front;
    bool console;
    bool console_asked;
    guint console_timer;
    int64_t viewers;

    /* trouble */
    char *error_code;
    char *error_message;
    unsigned n_failures;
    guint retry_timer;

    /* a sign-on on its way */
    ZgDesktopDone sign_on_done;
    void *sign_on_user;
    char *sign_on_name;
    guint sign_on_timer;
};

ZgStep
zg_step_choose(const ZgStepFacts *facts)
{
    bool runs = facts->power != ZG_POWER_OFF && facts->power != ZG_POWER_SUSPENDED;

    if (facts->wish == ZG_WISH_ABSENT) {
        return ZG_STEP_REMOVE;
    }
    if (facts->have != 0 && facts->have != facts->generation) {
        return ZG_STEP_DROP;
    }
    if (facts->wish == ZG_WISH_OFF) {
        return runs ? ZG_STEP_STOP : ZG_STEP_NONE;
    }
    if (facts->have == 0) {
        return ZG_STEP_PROVISION;
    }
    return runs || facts->ended || facts->rests ? ZG_STEP_NONE : ZG_STEP_START;
}

/* ---- small things ---- */

static char *
state_path(const ZgDesktop *desktop)
{
    return g_strdup_printf("%s/%s/state.json", desktop->env->desktops_dir, desktop->id);
}

static void
save_state(ZgDesktop *desktop)
{
    g_autofree char *path = state_path(desktop);
    g_autofree char *dir = g_path_get_dirname(path);
    g_autoptr(GError) error = NULL;

    if (!zg_folder_make(dir, &error) || !zg_desktop_state_save(path, &desktop->state, &error)) {
        zg_log_error("desktop-state-lost", desktop->id,
                     "after a restart of this program the desktop may be made anew: %s",
                     error->message);
    }
}

static void
changed(ZgDesktop *desktop)
{
    desktop->env->on_changed(desktop, desktop->env->user);
}

static void
forget_error(ZgDesktop *desktop)
{
    g_clear_pointer(&desktop->error_code, g_free);
    g_clear_pointer(&desktop->error_message, g_free);
    desktop->n_failures = 0;
    g_clear_handle_id(&desktop->retry_timer, g_source_remove);
}

static gboolean
on_retry(gpointer data)
{
    ZgDesktop *desktop = data;

    desktop->retry_timer = 0;
    zg_desktop_look(desktop);
    return G_SOURCE_REMOVE;
}

/* Tells, and tries again after a pause that doubles. */
static void
trouble(ZgDesktop *desktop, const char *what, const GError *error)
{
    unsigned pause_ms = MIN(RETRY_FIRST_MS << MIN(desktop->n_failures, 6u), RETRY_MOST_MS);

    desktop->n_failures++;
    if (g_strcmp0(desktop->error_message, error->message) != 0) {
        zg_log_warning("desktop-trouble", desktop->id, "%s: %s (trying again)", what,
                       error->message);
    }
    g_free(desktop->error_code);
    g_free(desktop->error_message);
    desktop->error_code = g_strdup(zg_error_name((int)zg_error_code_of(error)));
    desktop->error_message = g_strdup(error->message);
    g_clear_handle_id(&desktop->retry_timer, g_source_remove);
    desktop->retry_timer = g_timeout_add(pause_ms, on_retry, desktop);
    changed(desktop);
}

/* Every call beside the step ends here; the last one of a removed desktop ends it. */
static void
call_ended(ZgDesktop *desktop)
{
    desktop->n_calls--;
    if (desktop->gone && desktop->n_calls == 0) {
        desktop->env->on_gone(desktop, desktop->env->user);
    }
}

static void
give_slot(ZgDesktop *desktop)
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
    give_slot(desktop);
    return G_SOURCE_REMOVE;
}

static void
answer_sign_on(ZgDesktop *desktop, const GError *error)
{
    ZgDesktopDone done = desktop->sign_on_done;

    g_clear_handle_id(&desktop->sign_on_timer, g_source_remove);
    g_clear_pointer(&desktop->sign_on_name, g_free);
    desktop->sign_on_done = NULL;
    if (done != NULL) {
        done(error, desktop->sign_on_user);
    }
}

static void
fail_sign_on(ZgDesktop *desktop, ZgErrorCode code, const char *why)
{
    g_autoptr(GError) error = g_error_new_literal(ZG_ERROR, (int)code, why);

    answer_sign_on(desktop, error);
}

/* The guest does not run any more, or not this generation of it. */
static void
forget_guest(ZgDesktop *desktop, const char *reason)
{
    g_clear_pointer(&desktop->session, zg_session_channel_free);
    desktop->agent = ZG_AGENT_WAITING;
    desktop->identified = false;
    desktop->prepared = false;
    desktop->memory_mib = 0;
    desktop->console = false;
    desktop->console_asked = false;
    g_clear_handle_id(&desktop->console_timer, g_source_remove);
    give_slot(desktop);
    fail_sign_on(desktop, ZG_ERROR_UNAVAILABLE, reason);
    if (desktop->front) {
        desktop->env->tell_front(json_pack("{s:s, s:s, s:s}", "type", "absent", "desktop",
                                           desktop->id, "reason", reason),
                                 -1, desktop->env->user);
    }
}

/* ---- console ---- */

static void ask_console(ZgDesktop *desktop);

static gboolean
on_console_timer(gpointer data)
{
    ZgDesktop *desktop = data;

    desktop->console_timer = 0;
    ask_console(desktop);
    return G_SOURCE_REMOVE;
}

static void
console_later(ZgDesktop *desktop, unsigned pause_ms)
{
    g_clear_handle_id(&desktop->console_timer, g_source_remove);
    desktop->console_timer = g_timeout_add(pause_ms, on_console_timer, desktop);
}

static void
send_console(ZgDesktop *desktop, int fd, const GError *error)
{
    const ZgDesired *wish = desktop->state.wish;
    const ZgSpec *spec = wish->spec;

    if (desktop->power != ZG_POWER_ON || !desktop->front || desktop->console || spec == NULL ||
        desktop->doing != ZG_STEP_NONE) {
        return;
    }
    if (error != NULL) {
        zg_log_warning("console-not-open", desktop->id, "trying again: %s", error->message);
        console_later(desktop, CONSOLE_RETRY_MS);
        return;
    }
    desktop->env->tell_front(
        json_pack("{s:s, s:s, s:I, s:I, s:s, s:s, s:s}", "type", "console", "desktop", desktop->id,
                  "generation", (json_int_t)wish->generation, "epoch", (json_int_t)wish->epoch,
                  "name", spec->name, "title", spec->title != NULL ? spec->title : spec->name,
                  "profile", spec->profile),
        fd, desktop->env->user);
    console_later(desktop, CONSOLE_WAIT_MS); /* until the worker says that it runs */
}

static void
on_console(ZgFd console, const GError *error, void *user)
{
    ZgDesktop *desktop = user;
    g_auto(ZgFd) fd = console;

    desktop->console_asked = false;
    if (!desktop->gone) {
        send_console(desktop, fd, error);
    }
    call_ended(desktop);
}

static void
ask_console(ZgDesktop *desktop)
{
    if (desktop->power == ZG_POWER_ON && desktop->front && !desktop->console &&
        !desktop->console_asked && desktop->doing == ZG_STEP_NONE) {
        desktop->console_asked = true;
        desktop->n_calls++;
        zg_hypervisor_console(desktop->env->hyp, desktop->id, on_console, desktop);
    }
}

void
zg_desktop_front_connected(ZgDesktop *desktop, bool connected)
{
    desktop->front = connected;
    desktop->console = false;
    g_clear_handle_id(&desktop->console_timer, g_source_remove);
    if (connected) {
        /* The front first tells what it holds; then what is missing is sent. */
        console_later(desktop, CONSOLE_RETRY_MS / 2);
    }
}

static void
update_prepared(ZgDesktop *desktop)
{
    if (desktop->identified && (desktop->console || !desktop->env->has_front) &&
        !desktop->prepared) {
        desktop->prepared = true;
        give_slot(desktop);
        zg_log_info("desktop-prepared", desktop->id, "'%s' is up, %s",
                    desktop->state.wish->spec != NULL ? desktop->state.wish->spec->name : "",
                    desktop->state.signed_on != NULL ? "its person is still signed on"
                                                     : "nobody is signed on");
    }
}

void
zg_desktop_on_worker(ZgDesktop *desktop, const char *state, int64_t generation)
{
    bool mine = generation == desktop->state.have;

    if (g_str_equal(state, "running") && mine) {
        g_clear_handle_id(&desktop->console_timer, g_source_remove);
        desktop->console = true;
        update_prepared(desktop);
    } else if (mine) {
        desktop->console = false;
        console_later(desktop, CONSOLE_RETRY_MS);
    }
    changed(desktop);
}

void
zg_desktop_on_viewers(ZgDesktop *desktop, int64_t n_viewers)
{
    desktop->viewers = n_viewers;
    changed(desktop);
}

/* ---- session port ---- */

static void
session_ended(ZgDesktop *desktop, const char *how)
{
    if (desktop->state.ended) {
        return;
    }
    zg_log_info("session-ended", desktop->id, "%s", how);
    desktop->state.ended = true;
    save_state(desktop);
}

static void
on_hello(ZgDesktop *desktop, const ZgSessionMessage *message)
{
    g_autofree char *machine_id = zg_domain_machine_id(desktop->id, desktop->state.have);
    bool knows = g_strcmp0(message->identity, machine_id) == 0;

    if (message->state == ZG_GUEST_SIGNED_OFF) {
        session_ended(desktop, "the guest's session is over");
    } else if (message->state != ZG_GUEST_IN_SESSION && desktop->state.signed_on != NULL) {
        session_ended(desktop, "the guest was restarted from inside");
    } else if (knows && message->state != ZG_GUEST_WAITING) {
        desktop->identified = true;
    }
}

static void
on_session_message(const ZgSessionMessage *message, void *user)
{
    ZgDesktop *desktop = user;

    desktop->agent = ZG_AGENT_READY;
    switch (message->kind) {
    case ZG_SESSION_SAYS_HELLO:
        on_hello(desktop, message);
        break;
    case ZG_SESSION_SAYS_IDENTIFIED:
        desktop->identified = true;
        break;
    case ZG_SESSION_SAYS_SIGNED_ON:
        if (desktop->sign_on_done != NULL) {
            g_free(desktop->state.signed_on);
            desktop->state.signed_on = g_steal_pointer(&desktop->sign_on_name);
            save_state(desktop);
            answer_sign_on(desktop, NULL);
        }
        break;
    case ZG_SESSION_SAYS_SIGNED_OFF:
        session_ended(desktop, "the person logged off");
        break;
    case ZG_SESSION_SAYS_ERROR:
        zg_log_warning("guest-error", desktop->id, "the guest says %s: %s", message->code,
                       message->message != NULL ? message->message : "");
        if (desktop->sign_on_done != NULL) {
            fail_sign_on(desktop, ZG_ERROR_FAILED,
                         message->message != NULL ? message->message : message->code);
        }
        break;
    case ZG_SESSION_SAYS_RESIZED:
    case ZG_SESSION_SAYS_PONG:
        return;
    }
    update_prepared(desktop);
    changed(desktop);
}

static void
on_reachable(bool reachable, void *user)
{
    ZgDesktop *desktop = user;

    desktop->agent = reachable ? ZG_AGENT_READY : ZG_AGENT_UNREACHABLE;
    if (!reachable) {
        zg_log_warning("guest-silent", desktop->id, "its session helper does not answer");
    }
    changed(desktop);
}

static char *
socket_path(const ZgDesktop *desktop)
{
    return g_strdup_printf("%s/%s", desktop->env->sockets_dir, desktop->id);
}

static void
open_session(ZgDesktop *desktop)
{
    g_autofree char *path = socket_path(desktop);
    g_autofree char *machine_id = zg_domain_machine_id(desktop->id, desktop->state.have);
    uint8_t seed[32];
    g_autofree char *seed_text = NULL;
    const ZgSpec *spec = desktop->state.wish->spec;
    ZgSessionChannelOwner owner = {
        .on_message = on_session_message, .on_reachable = on_reachable, .user = desktop};

    if (desktop->session != NULL || spec == NULL) {
        return;
    }
    zg_random_bytes(seed, sizeof seed);
    seed_text = zg_hex_encode(seed, sizeof seed);
    desktop->session =
        zg_session_channel_new(path, desktop->id,
                               &(ZgSessionIdentity){.host_name = spec->name,
                                                    .machine_id = machine_id,
                                                    .seed = seed_text},
                               &owner);
    zg_wipe(seed, sizeof seed);
    zg_wipe(seed_text, strlen(seed_text));
}

/* ---- steps ---- */

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
    if (image != NULL) {
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
        trouble(desktop, step == ZG_STEP_PROVISION ? "make its disk" : "remove its disk",
                job->error);
    } else if (step == ZG_STEP_REMOVE) {
        disk_job_free(job);
        zg_log_info("desktop-removed", desktop->id, "nothing of it is left here");
        desktop->gone = true;
        desktop->n_calls++;
        call_ended(desktop);
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
        save_state(desktop);
        zg_log_info(step == ZG_STEP_PROVISION ? "desktop-clean" : "desktop-dropped", desktop->id,
                    step == ZG_STEP_PROVISION ? "has a clean disk of generation %" G_GINT64_FORMAT
                                              : "its old disk is gone (wanted: generation %"
                                                G_GINT64_FORMAT ")",
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
        trouble(desktop, "work on its disk", error);
        disk_job_free(job);
    }
}

/* DROP and REMOVE begin with the domain, then the disk. */
static void
on_domain_removed(const GError *error, void *user)
{
    ZgDesktop *desktop = user;
    ZgStep step = desktop->doing;
    g_autofree char *path = socket_path(desktop);

    desktop->doing = ZG_STEP_NONE;
    if (error != NULL) {
        trouble(desktop, "remove its domain", error);
        return;
    }
    desktop->power = ZG_POWER_OFF;
    unlink(path);
    changed(desktop);
    run_disk_job(desktop, step);
}

static void
remove_domain(ZgDesktop *desktop, ZgStep step)
{
    desktop->doing = step;
    forget_guest(desktop, step == ZG_STEP_DROP ? "refreshed" : "removed");
    if (zg_desktop_is_running(desktop)) {
        desktop->power = ZG_POWER_STOPPING;
    }
    changed(desktop);
    zg_hypervisor_remove(desktop->env->hyp, desktop->id, on_domain_removed, desktop);
}

static void
provision(ZgDesktop *desktop)
{
    const ZgSpec *spec = desktop->state.wish->spec;
    g_autoptr(ZgImage) image = NULL;
    g_autoptr(GError) error = NULL;

    image = zg_image_load(desktop->env->images_dir, spec->template_name, spec->version, &error);
    if (image == NULL) {
        trouble(desktop, "find its template", error);
        return;
    }
    if (!desktop->env->admit(0, MAX(image->virtual_mib, spec->disk_mib), &error,
                             desktop->env->user)) {
        trouble(desktop, "make its disk", error);
        return;
    }
    run_disk_job(desktop, ZG_STEP_PROVISION);
}

static void
up(ZgDesktop *desktop)
{
    desktop->power = ZG_POWER_ON;
    desktop->state.rests = false;
    open_session(desktop);
    ask_console(desktop);
}

static void
on_started(const GError *error, void *user)
{
    ZgDesktop *desktop = user;

    desktop->doing = ZG_STEP_NONE;
    if (error != NULL) {
        desktop->power = desktop->resuming ? ZG_POWER_SUSPENDED : ZG_POWER_OFF;
        give_slot(desktop);
        trouble(desktop, "start it", error);
        return;
    }
    forget_error(desktop);
    zg_log_info("desktop-started", desktop->id, "'%s' runs, generation %" G_GINT64_FORMAT,
                desktop->state.wish->spec != NULL ? desktop->state.wish->spec->name : "",
                desktop->state.have);
    up(desktop);
    changed(desktop);
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
    g_autofree char *socket = socket_path(desktop);

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
    });
}

static void
start(ZgDesktop *desktop)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *xml = NULL;

    if (!desktop->env->admit(desktop->state.wish->spec->memory_mib, 0, &error,
                             desktop->env->user)) {
        trouble(desktop, "start it", error);
        return;
    }
    xml = domain_xml(desktop, &error);
    if (xml == NULL) {
        trouble(desktop, "start it", error);
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
    changed(desktop);
    zg_hypervisor_start(desktop->env->hyp, desktop->id, xml, on_started, desktop);
}

static void
on_stopped(const GError *error, void *user)
{
    ZgDesktop *desktop = user;

    desktop->doing = ZG_STEP_NONE;
    if (error != NULL) {
        trouble(desktop, "stop it", error);
        return;
    }
    desktop->power = ZG_POWER_OFF;
    zg_log_info("desktop-stopped", desktop->id, "as wished");
    changed(desktop);
    zg_desktop_look(desktop);
}

static void
stop(ZgDesktop *desktop)
{
    desktop->doing = ZG_STEP_STOP;
    desktop->power = ZG_POWER_STOPPING;
    forget_guest(desktop, "switched off");
    changed(desktop);
    zg_hypervisor_stop(desktop->env->hyp, desktop->id, on_stopped, desktop);
}

void
zg_desktop_look(ZgDesktop *desktop)
{
    const ZgDesired *wish = desktop->state.wish;
    ZgStepFacts facts;

    if (desktop->doing != ZG_STEP_NONE || desktop->saving || desktop->gone ||
        desktop->retry_timer != 0 || !desktop->ready_to_look || wish == NULL) {
        return;
    }
    facts = (ZgStepFacts){.wish = wish->power,
                          .generation = wish->generation,
                          .have = desktop->state.have,
                          .power = desktop->power,
                          .ended = desktop->state.ended,
                          .rests = desktop->state.rests};
    switch (zg_step_choose(&facts)) {
    case ZG_STEP_NONE:
        break;
    case ZG_STEP_REMOVE:
        remove_domain(desktop, ZG_STEP_REMOVE);
        break;
    case ZG_STEP_DROP:
        remove_domain(desktop, ZG_STEP_DROP);
        break;
    case ZG_STEP_PROVISION:
        provision(desktop);
        break;
    case ZG_STEP_START:
        start(desktop);
        break;
    case ZG_STEP_STOP:
        stop(desktop);
        break;
    }
}

/* ---- what comes from outside ---- */

ZgDesktop *
zg_desktop_new(const ZgDesktopEnv *env, const char *id)
{
    ZgDesktop *desktop = g_new0(ZgDesktop, 1);

    desktop->env = env;
    desktop->id = g_strdup(id);
    desktop->power = ZG_POWER_OFF;
    return desktop;
}

ZgDesktop *
zg_desktop_load(const ZgDesktopEnv *env, const char *id, GError **error)
{
    ZgDesktop *desktop = zg_desktop_new(env, id);
    g_autofree char *path = state_path(desktop);

    if (!zg_desktop_state_load(path, &desktop->state, error)) {
        zg_desktop_free(desktop);
        return NULL;
    }
    return desktop;
}

void
zg_desktop_free(ZgDesktop *desktop)
{
    if (desktop == NULL) {
        return;
    }
    g_clear_pointer(&desktop->session, zg_session_channel_free);
    give_slot(desktop);
    fail_sign_on(desktop, ZG_ERROR_UNAVAILABLE, "the desktop is gone");
    g_clear_handle_id(&desktop->console_timer, g_source_remove);
    g_clear_handle_id(&desktop->retry_timer, g_source_remove);
    g_clear_handle_id(&desktop->slot_timer, g_source_remove);
    zg_desktop_state_clear(&desktop->state);
    g_free(desktop->error_code);
    g_free(desktop->error_message);
    g_free(desktop->id);
    g_free(desktop);
}

const char *
zg_desktop_id(const ZgDesktop *desktop)
{
    return desktop->id;
}

void
zg_desktop_found(ZgDesktop *desktop, const ZgHypDomain *domain)
{
    desktop->ready_to_look = true;
    if (domain != NULL && domain->active && domain->generation == desktop->state.have) {
        if (desktop->power != ZG_POWER_ON) {
            zg_log_info("desktop-adopted", desktop->id,
                        "runs already, generation %" G_GINT64_FORMAT, domain->generation);
            up(desktop);
        }
        return;
    }
    if (domain != NULL && domain->active) {
        desktop->power = ZG_POWER_ON; /* another generation: the next look removes it */
        desktop->state.have = domain->generation != 0 ? domain->generation : -1;
        return;
    }
    if (desktop->power == ZG_POWER_ON) {
        zg_desktop_on_event(desktop, ZG_HYP_EVENT_STOPPED, false);
    }
    desktop->power = domain != NULL && domain->saved ? ZG_POWER_SUSPENDED : ZG_POWER_OFF;
}

void
zg_desktop_want(ZgDesktop *desktop, ZgDesired *wish)
{
    ZgDesired *old = desktop->state.wish;

    if (old != NULL && (wish->generation < old->generation || wish->epoch < old->epoch)) {
        zg_log_info("wish-ignored", desktop->id, "older than what is held (generation %"
                    G_GINT64_FORMAT " epoch %" G_GINT64_FORMAT ")", wish->generation, wish->epoch);
        zg_desired_free(wish);
        return;
    }
    if (wish->power != ZG_WISH_ABSENT && wish->spec == NULL) {
        zg_log_warning("wish-ignored", desktop->id, "it names no spec");
        zg_desired_free(wish);
        return;
    }
    if (old != NULL && wish->generation > old->generation) {
        forget_error(desktop); /* a new generation deserves a new try at once */
    }
    if (old != NULL && wish->epoch > old->epoch && wish->generation == old->generation) {
        desktop->console = false; /* tickets name the epoch: the front must learn it */
    }
    desktop->state.rests = desktop->state.rests && wish->power != ZG_WISH_ON;
    desktop->state.wish = wish;
    desktop->ready_to_look = true;
    zg_desired_free(old);
    save_state(desktop);
    zg_desktop_look(desktop);
    ask_console(desktop);
}

void
zg_desktop_want_absent(ZgDesktop *desktop)
{
    if (desktop->state.wish == NULL) {
        desktop->state.wish = zg_desired_new();
        desktop->state.wish->desktop = g_strdup(desktop->id);
        desktop->state.wish->generation = 1;
        desktop->state.wish->epoch = 1;
    }
    desktop->state.wish->power = ZG_WISH_ABSENT;
    desktop->ready_to_look = true;
    save_state(desktop);
    zg_desktop_look(desktop);
}

void
zg_desktop_on_event(ZgDesktop *desktop, ZgHypEvent event, bool powered_off)
{
    if (event != ZG_HYP_EVENT_STOPPED || desktop->doing != ZG_STEP_NONE || desktop->saving ||
        desktop->power != ZG_POWER_ON) {
        return;
    }
    desktop->power = ZG_POWER_OFF;
    forget_guest(desktop, powered_off ? "powered off from inside" : "stopped unexpectedly");
    if (desktop->state.signed_on != NULL && powered_off) {
        session_ended(desktop, "the person powered the desktop off");
    } else {
        g_autoptr(GError) error =
            g_error_new_literal(ZG_ERROR, ZG_ERROR_FAILED, powered_off
                                                               ? "the guest powered itself off"
                                                               : "the guest's process ended");

        trouble(desktop, "keep it running", error);
    }
    changed(desktop);
    zg_desktop_look(desktop);
}

/* ---- reports ---- */

ZgObserved *
zg_desktop_observe(const ZgDesktop *desktop)
{
    ZgObserved *out = g_new0(ZgObserved, 1);
    const ZgDesired *wish = desktop->state.wish;
    g_autofree char *overlay =
        zg_overlay_path(desktop->env->desktops_dir, desktop->id, desktop->state.have);

    out->desktop = g_strdup(desktop->id);
    out->generation = desktop->state.have > 0 ? desktop->state.have
                      : wish != NULL          ? wish->generation
                                              : 1;
    out->epoch = wish != NULL ? wish->epoch : 1;
    out->power = desktop->power;
    out->agent = desktop->agent;
    out->prepared = desktop->prepared;
    out->console = desktop->console;
    out->signed_on = g_strdup(desktop->state.signed_on);
    out->signed_off = desktop->state.ended;
    out->viewers = desktop->viewers;
    out->memory_mib = desktop->memory_mib;
    out->overlay_mib = zg_overlay_used_mib(overlay);
    out->error_code = g_strdup(desktop->error_code);
    out->error_message = g_strdup(desktop->error_message);
    return out;
}

void
zg_desktop_promised(const ZgDesktop *desktop, int64_t *out_memory, int64_t *out_disk)
{
    const ZgDesired *wish = desktop->state.wish;
    g_autofree char *overlay =
        zg_overlay_path(desktop->env->desktops_dir, desktop->id, desktop->state.have);

    *out_memory = 0;
    *out_disk = 0;
    if (zg_desktop_is_running(desktop) && wish != NULL && wish->spec != NULL) {
        *out_memory = MAX(0, wish->spec->memory_mib - desktop->memory_mib);
    }
    if (desktop->state.have > 0) {
        *out_disk = MAX(0, desktop->state.size_mib - zg_overlay_used_mib(overlay));
    }
}

bool
zg_desktop_uses_image(const ZgDesktop *desktop, const char *template_name, int64_t version)
{
    const ZgDesired *wish = desktop->state.wish;

    if (desktop->state.have > 0 && desktop->state.version == version &&
        g_strcmp0(desktop->state.template_name, template_name) == 0) {
        return true;
    }
    return wish != NULL && wish->spec != NULL && wish->power != ZG_WISH_ABSENT &&
           g_strcmp0(wish->spec->template_name, template_name) == 0 &&
           wish->spec->version == version;
}

static void
on_memory(int64_t memory_mib, void *user)
{
    ZgDesktop *desktop = user;

    desktop->measuring = false;
    desktop->memory_mib = desktop->power == ZG_POWER_ON ? memory_mib : 0;
    call_ended(desktop);
}

void
zg_desktop_measure(ZgDesktop *desktop)
{
    if (desktop->power == ZG_POWER_ON && desktop->doing == ZG_STEP_NONE && !desktop->measuring) {
        desktop->measuring = true;
        desktop->n_calls++;
        zg_hypervisor_memory(desktop->env->hyp, desktop->id, on_memory, desktop);
    }
}

bool
zg_desktop_is_running(const ZgDesktop *desktop)
{
    return desktop->power != ZG_POWER_OFF && desktop->power != ZG_POWER_SUSPENDED;
}

/* ---- commands ---- */

static void
answer(ZgDesktopDone done, void *user, ZgErrorCode code, const char *why)
{
    g_autoptr(GError) error = g_error_new_literal(ZG_ERROR, (int)code, why);

    done(error, user);
}

/* Is the guest of that generation there to be talked to? Answers when it is not. */
static bool
guest_is_there(ZgDesktop *desktop, int64_t generation, ZgDesktopDone done, void *user)
{
    if (generation != 0 && generation != desktop->state.have) {
        answer(done, user, ZG_ERROR_CONFLICT, "the desktop has another generation");
    } else if (desktop->power != ZG_POWER_ON || desktop->doing != ZG_STEP_NONE) {
        answer(done, user, ZG_ERROR_UNAVAILABLE, "the desktop is not running");
    } else {
        return true;
    }
    return false;
}

static gboolean
on_sign_on_late(gpointer data)
{
    ZgDesktop *desktop = data;

    desktop->sign_on_timer = 0;
    fail_sign_on(desktop, ZG_ERROR_TIMEOUT, "the guest did not take the sign-on in time");
    return G_SOURCE_REMOVE;
}

void
zg_desktop_sign_on(ZgDesktop *desktop, int64_t generation, const ZgSessionSignOn *sign_on,
                   int64_t deadline_ms, ZgDesktopDone done, void *user)
{
    g_autofree char *line = NULL;

    if (!guest_is_there(desktop, generation, done, user)) {
        return;
    }
    if (desktop->sign_on_done != NULL) {
        answer(done, user, ZG_ERROR_CONFLICT, "another sign-on is on its way");
        return;
    }
    if (desktop->state.ended ||
        (desktop->state.signed_on != NULL &&
         !g_str_equal(desktop->state.signed_on, sign_on->user))) {
        answer(done, user, ZG_ERROR_CONFLICT, "somebody was signed on here already");
        return;
    }
    line = zg_session_wire_sign_on(sign_on);
    if (desktop->session == NULL || !zg_session_channel_send(desktop->session, line)) {
        answer(done, user, ZG_ERROR_UNAVAILABLE, "the guest's session port is not connected");
        return;
    }
    desktop->sign_on_done = done;
    desktop->sign_on_user = user;
    desktop->sign_on_name = g_strdup(sign_on->user);
    desktop->sign_on_timer =
        g_timeout_add((guint)CLAMP(deadline_ms, 1000, 120000), on_sign_on_late, desktop);
}

void
zg_desktop_sign_off(ZgDesktop *desktop, int64_t generation, int64_t grace_ms, ZgDesktopDone done,
                    void *user)
{
    g_autofree char *line = zg_session_wire_sign_off(grace_ms);

    if (!guest_is_there(desktop, generation, done, user)) {
        return;
    }
    if (desktop->agent != ZG_AGENT_READY || desktop->session == NULL ||
        !zg_session_channel_send(desktop->session, line)) {
        answer(done, user, ZG_ERROR_UNAVAILABLE, "the guest's session helper does not answer");
        return;
    }
    done(NULL, user);
}

/* One call to the hypervisor for a command. */
typedef struct {
    ZgDesktop *desktop;
    ZgDesktopDone done;
    void *user;
} CommandCall;

static CommandCall *
command_call(ZgDesktop *desktop, ZgDesktopDone done, void *user)
{
    CommandCall *call = g_new0(CommandCall, 1);

    *call = (CommandCall){.desktop = desktop, .done = done, .user = user};
    desktop->n_calls++;
    return call;
}

static void
on_reset(const GError *error, void *user)
{
    g_autofree CommandCall *call = user;
    ZgDesktop *desktop = call->desktop;

    if (error == NULL) {
        desktop->agent = ZG_AGENT_WAITING;
        desktop->identified = false;
        desktop->prepared = false;
        changed(desktop);
    }
    call->done(error, call->user);
    call_ended(desktop);
}

void
zg_desktop_restart(ZgDesktop *desktop, int64_t generation, ZgDesktopDone done, void *user)
{
    if (!guest_is_there(desktop, generation, done, user)) {
        return;
    }
    /* The person asked for it: the session goes on after a new sign-on, the disk stays. */
    g_clear_pointer(&desktop->state.signed_on, g_free);
    save_state(desktop);
    zg_hypervisor_reset(desktop->env->hyp, desktop->id, on_reset,
                        command_call(desktop, done, user));
}

static void
on_saved(const GError *error, void *user)
{
    g_autofree CommandCall *call = user;
    ZgDesktop *desktop = call->desktop;

    desktop->saving = false;
    if (error == NULL) {
        desktop->power = ZG_POWER_SUSPENDED;
        zg_log_info("desktop-suspended", desktop->id, "its memory is saved");
    } else {
        desktop->state.rests = false;
        up(desktop);
    }
    save_state(desktop);
    changed(desktop);
    call->done(error, call->user);
    call_ended(desktop);
}

void
zg_desktop_suspend(ZgDesktop *desktop, bool rests, ZgDesktopDone done, void *user)
{
    if (desktop->power == ZG_POWER_SUSPENDED && !desktop->saving) {
        done(NULL, user);
        return;
    }
    if (!guest_is_there(desktop, 0, done, user)) {
        return;
    }
    if (desktop->saving) {
        answer(done, user, ZG_ERROR_CONFLICT, "its memory is being saved already");
        return;
    }
    desktop->saving = true;
    desktop->state.rests = rests;
    forget_guest(desktop, "suspended");
    zg_hypervisor_save(desktop->env->hyp, desktop->id, on_saved, command_call(desktop, done, user));
}
