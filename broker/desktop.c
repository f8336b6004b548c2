/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "broker/desktop.h"

#include <stdlib.h>
#include <string.h>
#include "broker/session.h"
#include "common/base/error.h"
#include "common/base/id.h"
#include "common/base/log.h"

/* A host that stays lost longer than this loses the desktops that nobody uses. */
#define LOST_FOR_GOOD_US (180 * G_USEC_PER_SEC)
/* Memory and overlay sizes wobble; smaller changes are not worth a write. */
#define SIZE_STEP_MIB 64

const char *
zg_host_state_name(ZgHostState state)
{
    return state == ZG_HOST_LINKED ? "linked" : state == ZG_HOST_SUSPECTED ? "suspected" : "lost";
}

bool
zg_desktop_is_idle(const ZgDesktop *desktop)
{
    ZgLife life = zg_desktop_life(desktop);

    return desktop->session == NULL &&
           (life == ZG_LIFE_READY || life == ZG_LIFE_PROVISIONING ||
            life == ZG_LIFE_CUSTOMIZING || life == ZG_LIFE_REFRESHING || life == ZG_LIFE_ERROR);
}

bool
zg_desktop_refresh(ZgTx *tx, ZgDesktop *desktop, const ZgCause *cause, GError **error)
{
    if (desktop->image_outdated && zg_life_may_move(zg_desktop_life(desktop), ZG_LIFE_DELETING,
                                                    desktop->tainted)) {
        return zg_desktop_delete(tx, desktop, cause, error);
    }
    desktop->generation++;
    if (!zg_desktop_move(tx, desktop, ZG_LIFE_REFRESHING, cause, error)) {
        desktop->generation--;
        return false;
    }
    return true;
}

bool
zg_desktop_delete(ZgTx *tx, ZgDesktop *desktop, const ZgCause *cause, GError **error)
{
    zg_set_text(&desktop->wished, zg_wish_name(ZG_WISH_ABSENT));
    return zg_desktop_move(tx, desktop, ZG_LIFE_DELETING, cause, error);
}

bool
zg_desktop_release(ZgTx *tx, ZgDesktop *desktop, const ZgCause *cause, GError **error)
{
    ZgLife life = zg_desktop_life(desktop);

    if (life == ZG_LIFE_RESERVED && !desktop->tainted) {
        return zg_desktop_move(tx, desktop, ZG_LIFE_READY, cause, error);
    }
    if (life == ZG_LIFE_RESERVED || life == ZG_LIFE_IN_USE) {
        return zg_desktop_refresh(tx, desktop, cause, error);
    }
    return true;
}

static bool
changed_text(char **field, const char *text)
{
    if (g_strcmp0(*field, text) == 0) {
        return false;
    }
    zg_set_text(field, text);
    return true;
}

static bool
changed_int(int64_t *field, int64_t value, int64_t step)
{
    if (llabs(*field - value) < step) {
        return false;
    }
    *field = value;
    return true;
}

static bool
changed_bool(bool *field, bool value)
{
    bool changed = *field != value;

    *field = value;
    return changed;
}

bool
zg_desktop_observe(ZgTx *tx, ZgDesktop *desktop, const ZgObserved *seen, GError **error)
{
    bool changed = changed_bool(&desktop->seen_present, seen != NULL);

    if (seen == NULL) {
        changed |= changed_text(&desktop->seen_power, "off");
        changed |= changed_bool(&desktop->seen_prepared, false);
        changed |= changed_bool(&desktop->seen_console, false);
        return !changed || zg_desktop_save(tx, desktop, error);
    }
    changed |= changed_int(&desktop->seen_generation, seen->generation, 1);
    changed |= changed_text(&desktop->seen_power, zg_power_name(seen->power));
    changed |= changed_text(&desktop->seen_agent, zg_agent_state_name(seen->agent));
    changed |= changed_bool(&desktop->seen_prepared, seen->prepared);
    changed |= changed_bool(&desktop->seen_console, seen->console);
    changed |= changed_text(&desktop->seen_signed_on, seen->signed_on);
    changed |= changed_bool(&desktop->seen_signed_off, seen->signed_off);
    changed |= changed_int(&desktop->seen_viewers, seen->viewers, 1);
    changed |= changed_int(&desktop->seen_memory_mib, seen->memory_mib, SIZE_STEP_MIB);
    changed |= changed_int(&desktop->seen_overlay_mib, seen->overlay_mib, SIZE_STEP_MIB);
    if (zg_desktop_life(desktop) != ZG_LIFE_ERROR) {
        changed |= changed_text(&desktop->error_code, seen->error_code);
        changed |= changed_text(&desktop->error_message, seen->error_message);
    }
    return !changed || zg_desktop_save(tx, desktop, error);
}

static bool
fail(ZgTx *tx, ZgDesktop *desktop, const char *reason, const char *text, GError **error)
{
    ZgCause cause = {.reason = reason, .actor = "broker", .text = text};
    g_autofree char *id = zg_id_new();

    desktop->retries++;
    if (desktop->error_code == NULL) {
        zg_set_text(&desktop->error_code, reason);
        zg_set_text(&desktop->error_message, text);
    }
    zg_log_warning("desktop-failed", desktop->name, "%s: %s", desktop->error_code,
                   desktop->error_message != NULL ? desktop->error_message : "no details");
    return zg_desktop_move(tx, desktop, ZG_LIFE_ERROR, &cause, error) &&
           zg_tx_run(tx, NULL, error,
                     "INSERT INTO pool_errors (id, pool, at_us) VALUES ($1, $2, $3)", "tti", id,
                     desktop->pool, zg_tx_now_us(tx));
}

/* Is what was seen about the generation that is wished? */
static bool
is_seen(const ZgDesktop *desktop)
{
    return desktop->seen_present && desktop->seen_generation == desktop->generation;
}

static bool
has_power(const ZgDesktop *desktop, ZgPower power)
{
    return strcmp(desktop->seen_power, zg_power_name(power)) == 0;
}

/* The machine was there and stopped without being asked. */
static bool
stopped_by_itself(const ZgDesktop *desktop)
{
    return is_seen(desktop) && has_power(desktop, ZG_POWER_OFF);
}

static bool
end_session_of(ZgTx *tx, ZgDesktop *desktop, ZgSession *session, const char *reason,
               const char *text, GError **error)
{
    ZgCause cause = {.reason = reason, .actor = "broker", .text = text};

    if (session == NULL || zg_session_state(session) == ZG_SESSION_ENDED) {
        return zg_desktop_release(tx, desktop, &cause, error);
    }
    return zg_session_end(tx, session, desktop, &cause, error);
}

static bool
step_making(ZgTx *tx, ZgDesktop *desktop, GError **error)
{
    ZgCause prepared = {.reason = "prepared", .actor = "broker"};
    ZgCause on = {.reason = "machine-on", .actor = "broker"};
    ZgCause outdated = {.reason = "outdated", .actor = "broker"};
    ZgLife life = zg_desktop_life(desktop);

    if (life == ZG_LIFE_REFRESHING && desktop->image_outdated) {
        return zg_desktop_delete(tx, desktop, &outdated, error);
    }
    if (is_seen(desktop) && desktop->error_code != NULL) {
        return fail(tx, desktop, "failed", desktop->error_message, error);
    }
    if (life == ZG_LIFE_PROVISIONING && is_seen(desktop) &&
        (has_power(desktop, ZG_POWER_ON) || has_power(desktop, ZG_POWER_STARTING)) &&
        !zg_desktop_move(tx, desktop, ZG_LIFE_CUSTOMIZING, &on, error)) {
        return false;
    }
    life = zg_desktop_life(desktop);
    if (life != ZG_LIFE_PROVISIONING && is_seen(desktop) && desktop->seen_prepared &&
        desktop->seen_console && has_power(desktop, ZG_POWER_ON)) {
        desktop->tainted = false; /* a generation nobody was signed on to */
        desktop->retries = 0;
        return zg_desktop_move(tx, desktop, ZG_LIFE_READY, &prepared, error);
    }
    if (zg_tx_now_us(tx) - desktop->since_us > zg_life_limit_s(life) * G_USEC_PER_SEC) {
        return fail(tx, desktop, "too-slow", NULL, error);
    }
    return true;
}

static bool
step_ready(ZgTx *tx, ZgDesktop *desktop, GError **error)
{
    ZgCause stopped = {.reason = "stopped", .actor = "broker"};
    ZgCause recycled = {.reason = "recycled", .actor = "broker"};

    if (is_seen(desktop) && desktop->error_code != NULL) {
        return fail(tx, desktop, "failed", desktop->error_message, error);
    }
    if (stopped_by_itself(desktop) || !desktop->seen_present) {
        return zg_desktop_refresh(tx, desktop, &stopped, error);
    }
    if (zg_tx_now_us(tx) - desktop->since_us > zg_life_limit_s(ZG_LIFE_READY) * G_USEC_PER_SEC) {
        return zg_desktop_refresh(tx, desktop, &recycled, error);
    }
    return true;
}

/*
 * Nobody can be looking: no worker holds its console and its front knows of no viewer, or its
 * memory lies on the disk. Viewers wait at their worker while a console is opened anew.
 */
static bool
hold_unseen(ZgTx *tx, const ZgDesktop *desktop, ZgSession *session, GError **error)
{
    ZgCause cause = {.reason = "transport-lost", .actor = "broker"};

    if (zg_session_state(session) != ZG_SESSION_ACTIVE || !is_seen(desktop) ||
        ((desktop->seen_console || desktop->seen_viewers > 0) &&
         !has_power(desktop, ZG_POWER_SUSPENDED))) {
        return true;
    }
    session->viewers = 0;
    return zg_session_move(tx, session, ZG_SESSION_HELD, &cause, error);
}

static bool
step_used(ZgTx *tx, ZgDesktop *desktop, ZgSession *session, GError **error)
{
    bool restarting = session != NULL && (session->signing_on == ZG_SIGNING_RESTART ||
                                          session->signing_on == ZG_SIGNING_RESTARTED);

    if (session == NULL || zg_session_state(session) == ZG_SESSION_ENDED) {
        return end_session_of(tx, desktop, NULL, "session-over", NULL, error);
    }
    if (!is_seen(desktop) && desktop->seen_present) {
        return true;
    }
    /* What cannot be resumed just now still has all of the person's work. */
    if (desktop->error_code != NULL && !has_power(desktop, ZG_POWER_SUSPENDED)) {
        return end_session_of(tx, desktop, session, "desktop-failed", desktop->error_message,
                              error);
    }
    if (!restarting && is_seen(desktop) && desktop->seen_signed_off) {
        return end_session_of(tx, desktop, session,
                              zg_session_state(session) == ZG_SESSION_LOGGING_OFF
                                  ? session->reason
                                  : has_power(desktop, ZG_POWER_OFF) ? "guest-powered-off"
                                                                     : "guest-signed-off",
                              NULL, error);
    }
    if (!desktop->seen_present || has_power(desktop, ZG_POWER_OFF)) {
        return end_session_of(tx, desktop, session, "guest-powered-off", NULL, error);
    }
    if (session->signing_on == ZG_SIGNING_RESTARTED && desktop->seen_prepared) {
        return zg_session_sign_on_again(tx, session, desktop, error);
    }
    return hold_unseen(tx, desktop, session, error);
}

static bool
step_deleting(ZgTx *tx, ZgDesktop *desktop, GError **error)
{
    ZgCause gone = {.reason = "deleted", .actor = "broker"};
    ZgCause unconfirmed = {.reason = "delete-unconfirmed", .actor = "broker"};

    if (!desktop->seen_present) {
        return zg_desktop_gone(tx, desktop, &gone, error);
    }
    if (zg_tx_now_us(tx) - desktop->since_us > zg_life_limit_s(ZG_LIFE_DELETING) * G_USEC_PER_SEC) {
        return zg_desktop_move(tx, desktop, ZG_LIFE_LOST, &unconfirmed, error);
    }
    return true;
}

static bool
step_error(ZgTx *tx, ZgDesktop *desktop, GError **error)
{
    ZgCause replaced = {.reason = "after-error", .actor = "broker"};

    return zg_tx_now_us(tx) - desktop->since_us <
               zg_life_limit_s(ZG_LIFE_ERROR) * G_USEC_PER_SEC ||
           zg_desktop_delete(tx, desktop, &replaced, error);
}

/*
 * Nothing is known of a desktop on a lost host. One that somebody uses most likely runs on behind
 * a broken line, with viewers that came through the host's own front: it waits for its host, as
 * long as its session's own rules let it. After a while nobody counts on the others any more.
 */
static bool
step_on_lost_host(ZgTx *tx, ZgDesktop *desktop, const ZgSession *session, int64_t silent_us,
                  GError **error)
{
    ZgCause lost = {.reason = "host-lost", .actor = "broker"};
    bool used = session != NULL && zg_session_state(session) != ZG_SESSION_ENDED;

    if (used || silent_us < LOST_FOR_GOOD_US || zg_desktop_life(desktop) == ZG_LIFE_LOST) {
        return true;
    }
    return zg_desktop_move(tx, desktop, ZG_LIFE_LOST, &lost, error);
}

bool
zg_desktop_step(ZgTx *tx, ZgDesktop *desktop, ZgSession *session, ZgHostState host,
                int64_t silent_us, GError **error)
{
    ZgCause back = {.reason = "host-back", .actor = "broker"};

    if (host == ZG_HOST_LOST) {
        return step_on_lost_host(tx, desktop, session, silent_us, error);
    }
    if (host != ZG_HOST_LINKED) {
        return true;
    }
    switch (zg_desktop_life(desktop)) {
    case ZG_LIFE_PROVISIONING:
    case ZG_LIFE_CUSTOMIZING:
    case ZG_LIFE_REFRESHING:
        return step_making(tx, desktop, error);
    case ZG_LIFE_READY:
        return step_ready(tx, desktop, error);
    case ZG_LIFE_RESERVED:
    case ZG_LIFE_IN_USE:
        return step_used(tx, desktop, session, error);
    case ZG_LIFE_DELETING:
        return step_deleting(tx, desktop, error);
    case ZG_LIFE_ERROR:
        return step_error(tx, desktop, error);
    case ZG_LIFE_LOST:
        return zg_desktop_delete(tx, desktop, &back, error);
    case ZG_N_LIVES:
        break;
    }
    return true;
}
