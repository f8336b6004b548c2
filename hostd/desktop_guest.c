/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A desktop's console for the front, and the session port of its guest. */
#include "hostd/desktop_priv.h"

#include <string.h>
#include "common/base/log.h"
#include "common/base/secret.h"
#include "hostd/domain_xml.h"

#define CONSOLE_RETRY_MS 1000
#define CONSOLE_WAIT_MS 10000

void
zg_desktop_answer_sign_on(ZgDesktop *desktop, const GError *error)
{
    ZgDesktopDone done = desktop->sign_on_done;

    g_clear_handle_id(&desktop->sign_on_timer, g_source_remove);
    g_clear_pointer(&desktop->sign_on_name, g_free);
    desktop->sign_on_done = NULL;
    if (done != NULL) {
        done(error, desktop->sign_on_user);
    }
}

void
zg_desktop_fail_sign_on(ZgDesktop *desktop, ZgErrorCode code, const char *why)
{
    g_autoptr(GError) error = g_error_new_literal(ZG_ERROR, (int)code, why);

    zg_desktop_answer_sign_on(desktop, error);
}

/* The guest does not run any more, or not this generation of it. */
void
zg_desktop_forget_guest(ZgDesktop *desktop, const char *reason)
{
    g_clear_pointer(&desktop->session, zg_session_channel_free);
    desktop->agent = ZG_AGENT_WAITING;
    desktop->identified = false;
    desktop->prepared = false;
    desktop->memory_mib = 0;
    desktop->console = false;
    desktop->console_asked = false;
    g_clear_handle_id(&desktop->console_timer, g_source_remove);
    zg_desktop_give_slot(desktop);
    zg_desktop_fail_sign_on(desktop, ZG_ERROR_UNAVAILABLE, reason);
    if (desktop->front) {
        desktop->env->tell_front(json_pack("{s:s, s:s, s:s}", "type", "absent", "desktop",
                                           desktop->id, "reason", reason),
                                 -1, desktop->env->user);
    }
}

/* ---- console ---- */

static gboolean
on_console_timer(gpointer data)
{
    ZgDesktop *desktop = data;

    desktop->console_timer = 0;
    zg_desktop_ask_console(desktop);
    return G_SOURCE_REMOVE;
}

static void
console_later(ZgDesktop *desktop, unsigned pause_ms)
{
    g_clear_handle_id(&desktop->console_timer, g_source_remove);
    desktop->console_timer = g_timeout_add(pause_ms, on_console_timer, desktop);
}

/* @pictures: its D-Bus display, or -1. */
static void
send_console(ZgDesktop *desktop, int fd, int pictures, const GError *error)
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
    g_free(desktop->told_profile);
    desktop->told_profile = g_strdup(spec->profile);
    if (pictures >= 0) {
        desktop->env->tell_front(json_pack("{s:s, s:s, s:I, s:I}", "type", "pictures", "desktop",
                                           desktop->id, "generation",
                                           (json_int_t)wish->generation, "epoch",
                                           (json_int_t)wish->epoch),
                                 pictures, desktop->env->user);
    }
    console_later(desktop, CONSOLE_WAIT_MS); /* until the worker says that it runs */
}

static void
on_console(ZgFd console, ZgFd pictures, const GError *error, void *user)
{
    ZgDesktop *desktop = user;
    g_auto(ZgFd) fd = console;
    g_auto(ZgFd) pictures_fd = pictures;

    desktop->console_asked = false;
    if (!desktop->gone) {
        send_console(desktop, fd, pictures_fd, error);
    }
    zg_desktop_call_ended(desktop);
}

void
zg_desktop_ask_console(ZgDesktop *desktop)
{
    if (desktop->power == ZG_POWER_ON && desktop->front && !desktop->console &&
        !desktop->console_asked && desktop->doing == ZG_STEP_NONE) {
        desktop->console_asked = true;
        desktop->n_calls++;
        zg_hypervisor_console(desktop->env->hyp, desktop->id, on_console, desktop);
    }
}

void
zg_desktop_tell_profile(ZgDesktop *desktop)
{
    const ZgDesired *wish = desktop->state.wish;

    if (!desktop->console || wish == NULL || wish->spec == NULL ||
        g_strcmp0(desktop->told_profile, wish->spec->profile) == 0) {
        return;
    }
    g_free(desktop->told_profile);
    desktop->told_profile = g_strdup(wish->spec->profile);
    desktop->env->tell_front(json_pack("{s:s, s:s, s:I, s:s}", "type", "profile", "desktop",
                                       desktop->id, "generation",
                                       (json_int_t)desktop->state.have, "profile",
                                       wish->spec->profile),
                             -1, desktop->env->user);
}

void
zg_desktop_front_connected(ZgDesktop *desktop, bool connected)
{
    desktop->front = connected;
    desktop->console = false;
    desktop->viewers = 0; /* as with the console: who still looks is told anew */
    g_clear_pointer(&desktop->told_profile, g_free);
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
        zg_desktop_give_slot(desktop);
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
        zg_desktop_tell_profile(desktop);
        update_prepared(desktop);
    } else if (mine) {
        desktop->console = false;
        console_later(desktop, CONSOLE_RETRY_MS);
    }
    zg_desktop_changed(desktop);
}

void
zg_desktop_on_viewers(ZgDesktop *desktop, int64_t n_viewers)
{
    desktop->viewers = n_viewers;
    zg_desktop_changed(desktop);
}

/* ---- session port ---- */

void
zg_desktop_session_ended(ZgDesktop *desktop, const char *how)
{
    if (desktop->state.ended) {
        return;
    }
    zg_log_info("session-ended", desktop->id, "%s", how);
    desktop->state.ended = true;
    zg_desktop_save(desktop);
}

static void
on_hello(ZgDesktop *desktop, const ZgSessionMessage *message)
{
    g_autofree char *machine_id = zg_domain_machine_id(desktop->id, desktop->state.have);
    bool knows = g_strcmp0(message->identity, machine_id) == 0;

    if (message->state == ZG_GUEST_SIGNED_OFF) {
        zg_desktop_session_ended(desktop, "the guest's session is over");
    } else if (message->state != ZG_GUEST_IN_SESSION && desktop->state.signed_on != NULL) {
        zg_desktop_session_ended(desktop, "the guest was restarted from inside");
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
            zg_desktop_save(desktop);
            zg_desktop_answer_sign_on(desktop, NULL);
        }
        break;
    case ZG_SESSION_SAYS_SIGNED_OFF:
        zg_desktop_session_ended(desktop, "the person logged off");
        break;
    case ZG_SESSION_SAYS_ERROR:
        zg_log_warning("guest-error", desktop->id, "the guest says %s: %s", message->code,
                       message->message != NULL ? message->message : "");
        if (desktop->sign_on_done != NULL) {
            zg_desktop_fail_sign_on(desktop, ZG_ERROR_FAILED,
                                    message->message != NULL ? message->message : message->code);
        }
        break;
    case ZG_SESSION_SAYS_RESIZED:
    case ZG_SESSION_SAYS_PONG:
        return;
    }
    update_prepared(desktop);
    zg_desktop_changed(desktop);
}

static void
on_reachable(bool reachable, void *user)
{
    ZgDesktop *desktop = user;

    desktop->agent = reachable ? ZG_AGENT_READY : ZG_AGENT_UNREACHABLE;
    if (!reachable) {
        zg_log_warning("guest-silent", desktop->id, "its session helper does not answer");
    }
    zg_desktop_changed(desktop);
}

void
zg_desktop_open_session(ZgDesktop *desktop)
{
    g_autofree char *path = zg_desktop_socket_path(desktop);
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
    desktop->session = zg_session_channel_new(
        path, desktop->id,
        &(ZgSessionIdentity){.host_name = spec->name, .machine_id = machine_id, .seed = seed_text},
        &owner);
    zg_wipe(seed, sizeof seed);
    zg_wipe(seed_text, strlen(seed_text));
}

char *
zg_desktop_socket_path(const ZgDesktop *desktop)
{
    return g_strdup_printf("%s/%s", desktop->env->sockets_dir, desktop->id);
}
