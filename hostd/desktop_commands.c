/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the broker commands of one desktop; each command answers exactly once. */
#include "hostd/desktop_priv.h"

#include <string.h>
#include "common/base/log.h"
#include "hostd/session_wire.h"

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
    zg_desktop_fail_sign_on(desktop, ZG_ERROR_TIMEOUT,
                            "the guest did not take the sign-on in time");
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
    if (desktop->state.ended || (desktop->state.signed_on != NULL &&
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
        zg_desktop_changed(desktop);
    }
    call->done(error, call->user);
    zg_desktop_call_ended(desktop);
}

void
zg_desktop_restart(ZgDesktop *desktop, int64_t generation, ZgDesktopDone done, void *user)
{
    if (!guest_is_there(desktop, generation, done, user)) {
        return;
    }
    /* The person asked for it: the session goes on after a new sign-on, the disk stays. */
    g_clear_pointer(&desktop->state.signed_on, g_free);
    zg_desktop_save(desktop);
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
        zg_desktop_is_up(desktop);
    }
    zg_desktop_save(desktop);
    zg_desktop_changed(desktop);
    call->done(error, call->user);
    zg_desktop_call_ended(desktop);
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
    zg_desktop_forget_guest(desktop, "The desktop was saved and rests.");
    zg_hypervisor_save(desktop->env->hyp, desktop->id, on_saved, command_call(desktop, done, user));
}
