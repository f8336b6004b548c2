/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One desktop: brings what is there to what the broker wishes. Level-triggered: every event ends
 * in a look at wish and facts, which gives at most one step; the step's answer is the next event.
 * Loop thread only.
 */
#pragma once

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include "common/base/worker.h"
#include "common/proto/agent.h"
#include "hostd/hypervisor.h"
#include "hostd/session_wire.h"

typedef struct ZgDesktop ZgDesktop;

/* What desktops need of their host; one for all, borrowed. */
typedef struct {
    ZgHypervisor *hyp;
    ZgWorkerPool *disks; /* overlays and folders */
    char *images_dir;
    char *desktops_dir;
    char *sockets_dir;
    char *emulator;
    const char *qemu_user;
    bool kvm;
    bool nat;
    bool has_front;
    /* May this much more be taken? MiB. */
    bool (*admit)(int64_t memory_mib, int64_t disk_mib, GError **error, void *user);
    /* A bounded number of guests start at once; when false, zg_desktop_look() follows later. */
    bool (*take_slot)(ZgDesktop *desktop, void *user);
    void (*give_slot)(ZgDesktop *desktop, void *user);
    /* To the front; @message is handed over, @fd borrowed or -1. False when it is not connected. */
    bool (*tell_front)(json_t *message, int fd, void *user);
    void (*on_changed)(ZgDesktop *desktop, void *user); /* worth a report */
    void (*on_gone)(ZgDesktop *desktop, void *user);    /* nothing is left; free it now */
    void *user;
} ZgDesktopEnv;

typedef enum {
    ZG_STEP_NONE,
    ZG_STEP_REMOVE,    /* everything of it */
    ZG_STEP_DROP,      /* an older generation */
    ZG_STEP_PROVISION, /* a clean overlay */
    ZG_STEP_START,
    ZG_STEP_STOP,
} ZgStep;

/* The facts a step is chosen by. */
typedef struct {
    ZgWish wish;
    int64_t generation; /* wished */
    int64_t have;       /* generation whose overlay is here; 0 none */
    ZgPower power;
    bool ended; /* the guest's session of this generation is over: wait for the next generation */
    bool rests; /* memory saved by command: wait for the next `desired` */
} ZgStepFacts;

/** zg_step_choose() - pure. */
ZgStep zg_step_choose(const ZgStepFacts *facts);

/** zg_desktop_new() - nothing is known of it yet; do not look before a wish came. */
ZgDesktop *zg_desktop_new(const ZgDesktopEnv *env, const char *id);

/** zg_desktop_load() - from its state file; NULL when that is absent or unusable. */
ZgDesktop *zg_desktop_load(const ZgDesktopEnv *env, const char *id, GError **error);

/** zg_desktop_free() - only before anything ran, from on_gone, or at the end of the program. */
void zg_desktop_free(ZgDesktop *desktop);

const char *zg_desktop_id(const ZgDesktop *desktop);

/** zg_desktop_found() - the hypervisor's list names it (@domain) or does not (NULL). */
void zg_desktop_found(ZgDesktop *desktop, const ZgHypDomain *domain);

/**
 * zg_desktop_want() - a new wish
 * @wish: handed over; an older generation or epoch is ignored
 */
void zg_desktop_want(ZgDesktop *desktop, ZgDesired *wish);

/** zg_desktop_want_absent() - the broker does not know it. */
void zg_desktop_want_absent(ZgDesktop *desktop);

/** zg_desktop_look() - compare and take the next step. */
void zg_desktop_look(ZgDesktop *desktop);

void zg_desktop_on_event(ZgDesktop *desktop, ZgHypEvent event, bool powered_off);

/* From the front. */
void zg_desktop_front_connected(ZgDesktop *desktop, bool connected);
void zg_desktop_on_worker(ZgDesktop *desktop, const char *state, int64_t generation);
void zg_desktop_on_viewers(ZgDesktop *desktop, int64_t n_viewers);

/** zg_desktop_observe() - for a report; the caller frees. */
ZgObserved *zg_desktop_observe(const ZgDesktop *desktop);

/** zg_desktop_promised() - MiB it may still take: memory not touched, overlay not grown. */
void zg_desktop_promised(const ZgDesktop *desktop, int64_t *out_memory, int64_t *out_disk);

bool zg_desktop_uses_image(const ZgDesktop *desktop, const char *template_name, int64_t version);

/** zg_desktop_measure() - ask for its memory, answer later. */
void zg_desktop_measure(ZgDesktop *desktop);

typedef void (*ZgDesktopDone)(const GError *error, void *user);

/*
 * Commands; each answers exactly once. @generation 0 means any.
 * sign_on answers when the guest took it, at the latest after @deadline_ms.
 */
void zg_desktop_sign_on(ZgDesktop *desktop, int64_t generation, const ZgSessionSignOn *sign_on,
                        int64_t deadline_ms, ZgDesktopDone done, void *user);
void zg_desktop_sign_off(ZgDesktop *desktop, int64_t generation, int64_t grace_ms,
                         ZgDesktopDone done, void *user);
void zg_desktop_restart(ZgDesktop *desktop, int64_t generation, ZgDesktopDone done, void *user);
/* @rests: stay suspended until the next wish; else only until the next start of hostd */
void zg_desktop_suspend(ZgDesktop *desktop, bool rests, ZgDesktopDone done, void *user);

/** zg_desktop_is_running() - a process runs or is about to. */
bool zg_desktop_is_running(const ZgDesktop *desktop);
