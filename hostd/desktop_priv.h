/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of one desktop share; nobody else includes this.
 * `desktop.c` decides, `desktop_steps.c` does, `desktop_guest.c` talks with console and guest,
 * `desktop_commands.c` carries out what the broker commands. Loop thread only.
 */
#pragma once

#include "common/base/error.h"
#include "hostd/desktop.h"
#include "hostd/desktop_state.h"
#include "hostd/session_channel.h"

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
    char *told_profile; /* what the front was told, since it connected; or NULL */
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

/* ---- desktop.c ---- */

/** zg_desktop_save() - the state file; what cannot be written is logged as lost. */
void zg_desktop_save(ZgDesktop *desktop);

/** zg_desktop_changed() - something worth a report. */
void zg_desktop_changed(ZgDesktop *desktop);

/** zg_desktop_trouble() - tell, and look again after a pause that doubles. */
void zg_desktop_trouble(ZgDesktop *desktop, const char *what, const GError *error);
void zg_desktop_forget_error(ZgDesktop *desktop);

/** zg_desktop_call_ended() - of n_calls; the last one of a removed desktop ends it. */
void zg_desktop_call_ended(ZgDesktop *desktop);

/* ---- desktop_steps.c ---- */

void zg_desktop_remove_domain(ZgDesktop *desktop, ZgStep step);
void zg_desktop_provision(ZgDesktop *desktop);
void zg_desktop_start(ZgDesktop *desktop);
void zg_desktop_stop(ZgDesktop *desktop);

/** zg_desktop_is_up() - the guest runs: its session port and its console are opened. */
void zg_desktop_is_up(ZgDesktop *desktop);

/** zg_desktop_give_slot() - it no longer counts as starting. */
void zg_desktop_give_slot(ZgDesktop *desktop);

/* ---- desktop_guest.c ---- */

/** zg_desktop_socket_path() - of the session port; the caller frees. */
char *zg_desktop_socket_path(const ZgDesktop *desktop);

void zg_desktop_open_session(ZgDesktop *desktop);
void zg_desktop_ask_console(ZgDesktop *desktop);

/** zg_desktop_tell_profile() - the front, when the pool has another one than it was told. */
void zg_desktop_tell_profile(ZgDesktop *desktop);

/** zg_desktop_session_ended() - the person of this generation is done; kept on disk. */
void zg_desktop_session_ended(ZgDesktop *desktop, const char *how);

/** zg_desktop_forget_guest() - it does not run any more, or not this generation of it. */
void zg_desktop_forget_guest(ZgDesktop *desktop, const char *reason);

/** zg_desktop_answer_sign_on() - to whoever waits; NULL is success. */
void zg_desktop_answer_sign_on(ZgDesktop *desktop, const GError *error);
void zg_desktop_fail_sign_on(ZgDesktop *desktop, ZgErrorCode code, const char *why);
