/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hostd/desktop.h"

#include <string.h>
#include "common/base/error.h"
#include "common/base/log.h"
#include "hostd/desktop_priv.h"
#include "hostd/folder.h"
#include "hostd/overlay.h"

#define RETRY_FIRST_MS 1000
#define RETRY_MOST_MS 60000

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

static char *
state_path(const ZgDesktop *desktop)
{
    return g_strdup_printf("%s/%s/state.json", desktop->env->desktops_dir, desktop->id);
}

void
zg_desktop_save(ZgDesktop *desktop)
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

void
zg_desktop_changed(ZgDesktop *desktop)
{
    desktop->env->on_changed(desktop, desktop->env->user);
}

void
zg_desktop_forget_error(ZgDesktop *desktop)
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
void
zg_desktop_trouble(ZgDesktop *desktop, const char *what, const GError *error)
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
    zg_desktop_changed(desktop);
}

/* Every call beside the step ends here; the last one of a removed desktop ends it. */
void
zg_desktop_call_ended(ZgDesktop *desktop)
{
    desktop->n_calls--;
    if (desktop->gone && desktop->n_calls == 0) {
        desktop->env->on_gone(desktop, desktop->env->user);
    }
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
        zg_desktop_remove_domain(desktop, ZG_STEP_REMOVE);
        break;
    case ZG_STEP_DROP:
        zg_desktop_remove_domain(desktop, ZG_STEP_DROP);
        break;
    case ZG_STEP_PROVISION:
        zg_desktop_provision(desktop);
        break;
    case ZG_STEP_START:
        zg_desktop_start(desktop);
        break;
    case ZG_STEP_STOP:
        zg_desktop_stop(desktop);
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
    zg_desktop_give_slot(desktop);
    zg_desktop_fail_sign_on(desktop, ZG_ERROR_UNAVAILABLE, "the desktop is gone");
    g_clear_handle_id(&desktop->console_timer, g_source_remove);
    g_clear_handle_id(&desktop->retry_timer, g_source_remove);
    g_clear_handle_id(&desktop->slot_timer, g_source_remove);
    zg_desktop_state_clear(&desktop->state);
    g_free(desktop->error_code);
    g_free(desktop->error_message);
    g_free(desktop->told_profile);
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
            zg_desktop_is_up(desktop);
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
        zg_log_info("wish-ignored", desktop->id,
                    "older than what is held (generation %" G_GINT64_FORMAT
                    " epoch %" G_GINT64_FORMAT ")",
                    wish->generation, wish->epoch);
        zg_desired_free(wish);
        return;
    }
    if (wish->power != ZG_WISH_ABSENT && wish->spec == NULL) {
        zg_log_warning("wish-ignored", desktop->id, "it names no spec");
        zg_desired_free(wish);
        return;
    }
    if (old != NULL && wish->generation > old->generation) {
        zg_desktop_forget_error(desktop); /* a new generation deserves a new try at once */
    }
    if (old != NULL && wish->epoch > old->epoch && wish->generation == old->generation) {
        desktop->console = false; /* tickets name the epoch: the front must learn it */
    }
    desktop->state.rests = desktop->state.rests && wish->power != ZG_WISH_ON;
    desktop->state.wish = wish;
    desktop->ready_to_look = true;
    zg_desired_free(old);
    zg_desktop_save(desktop);
    zg_desktop_look(desktop);
    zg_desktop_ask_console(desktop);
    zg_desktop_tell_profile(desktop);
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
    zg_desktop_save(desktop);
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
    zg_desktop_forget_guest(desktop,
                            powered_off ? "The desktop was switched off from inside."
                                         : "The desktop stopped unexpectedly.");
    if (desktop->state.signed_on != NULL && powered_off) {
        zg_desktop_session_ended(desktop, "the person powered the desktop off");
    } else {
        g_autoptr(GError) error = g_error_new_literal(ZG_ERROR, ZG_ERROR_FAILED,
                                                      powered_off ? "the guest powered itself off"
                                                                  : "the guest's process ended");

        zg_desktop_trouble(desktop, "keep it running", error);
    }
    zg_desktop_changed(desktop);
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
    zg_desktop_call_ended(desktop);
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
