/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What hostd needs from a hypervisor. Kinds are tables of blocking functions (hyp_*.c); this file's
 * functions run them on a small worker pool and answer on the loop. A new kind is one file and one
 * line in hypervisor.c.
 *
 * Loop thread only, except what is marked. Every desktop is named by its id.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include "common/base/fd.h"

typedef struct ZgHypervisor ZgHypervisor;

typedef struct {
    char *id;
    int64_t generation; /* 0 when the domain does not tell */
    bool active;        /* a process runs */
    bool saved;         /* not active, and its memory is saved on disk */
} ZgHypDomain;

typedef enum {
    ZG_HYP_EVENT_STARTED,
    ZG_HYP_EVENT_STOPPED,  /* destroyed, crashed, or powered off from inside */
    ZG_HYP_EVENT_SAVED,
    ZG_HYP_EVENT_GONE_AWAY, /* connection to the hypervisor lost; it is opened again */
} ZgHypEvent;

typedef struct {
    /* @id is NULL for ZG_HYP_EVENT_GONE_AWAY; @powered_off: the guest asked for it itself */
    void (*on_event)(const char *id, ZgHypEvent event, bool powered_off, void *user);
    void *user;
} ZgHypListener;

/* Borrowed while zg_hypervisor_new() runs. */
typedef struct {
    const char *uri;       /* `qemu:///embed?root=DIR`, `qemu:///system`, `fake:///DIR` */
    const char *qemu_user; /* as root: whom QEMU runs as (name or `+UID`); never root */
    bool dbus_display;     /* use it where it is there */
} ZgHypervisorOptions;

/* One kind. Functions block and run on pool threads; @impl is the kind's own. */
typedef struct {
    const char *prefix; /* of the URI, e.g. "qemu:" */
    void *(*create)(const ZgHypervisorOptions *options, ZgHypervisor *owner, GError **error);
    bool (*open)(void *impl, GError **error);
    bool (*list)(void *impl, GPtrArray *out_domains, GError **error);
    bool (*start)(void *impl, const char *id, const char *xml, GError **error);
    bool (*stop)(void *impl, const char *id, GError **error);
    bool (*reset)(void *impl, const char *id, GError **error);
    bool (*save)(void *impl, const char *id, GError **error);
    bool (*remove)(void *impl, const char *id, GError **error);
    /* @out_pictures: a D-Bus display beside the console, or -1 */
    int (*open_console)(void *impl, const char *id, int *out_pictures, GError **error);
    bool (*has_dbus_display)(void *impl); /* any thread, once open */
    int64_t (*memory_mib)(void *impl, const char *id); /* resident; 0 when unknown */
    void (*destroy)(void *impl); /* loop; after all calls have ended */
} ZgHypervisorOps;

extern const ZgHypervisorOps zg_hyp_libvirt;
extern const ZgHypervisorOps zg_hyp_fake;

/**
 * zg_hypervisor_new() - choose a kind by URI; opens nothing yet
 * @listener: copied; called on the loop
 * @error:    ZG_ERROR_INVALID for an unknown or remote URI
 */
ZgHypervisor *zg_hypervisor_new(const ZgHypervisorOptions *options, const ZgHypListener *listener,
                                GError **error);

/** zg_hypervisor_free() - waits for running calls; guests stay as they are; accepts NULL. */
void zg_hypervisor_free(ZgHypervisor *hypervisor);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgHypervisor, zg_hypervisor_free)

/** zg_hypervisor_kind() - `embed`, `system`, `session` or `fake`. */
const char *zg_hypervisor_kind(const ZgHypervisor *hypervisor);

/** zg_hypervisor_has_dbus_display() - can guests be given one? Known once it is open. */
bool zg_hypervisor_has_dbus_display(const ZgHypervisor *hypervisor);

typedef void (*ZgHypDone)(const GError *error, void *user);
/* Owns @console, and @pictures: the same console's D-Bus display, or -1. */
typedef void (*ZgHypConsoleDone)(ZgFd console, ZgFd pictures, const GError *error, void *user);
typedef void (*ZgHypListDone)(const GPtrArray *domains, const GError *error, void *user);
typedef void (*ZgHypMemoryDone)(int64_t memory_mib, void *user);

/*
 * The calls. Each answers exactly once, later, on the loop; also with ZG_ERROR_UNAVAILABLE when too
 * many are waiting. start resumes a saved memory when there is one for the domain. stop and remove
 * succeed when there is nothing to do.
 */
void zg_hypervisor_open(ZgHypervisor *hyp, ZgHypDone done, void *user);
void zg_hypervisor_list(ZgHypervisor *hyp, ZgHypListDone done, void *user);
void zg_hypervisor_start(ZgHypervisor *hyp, const char *id, const char *xml, ZgHypDone done,
                         void *user);
void zg_hypervisor_stop(ZgHypervisor *hyp, const char *id, ZgHypDone done, void *user);
void zg_hypervisor_reset(ZgHypervisor *hyp, const char *id, ZgHypDone done, void *user);
void zg_hypervisor_save(ZgHypervisor *hyp, const char *id, ZgHypDone done, void *user);
void zg_hypervisor_remove(ZgHypervisor *hyp, const char *id, ZgHypDone done, void *user);
void zg_hypervisor_console(ZgHypervisor *hyp, const char *id, ZgHypConsoleDone done, void *user);
void zg_hypervisor_memory(ZgHypervisor *hyp, const char *id, ZgHypMemoryDone done, void *user);

/* ---- for the kinds ---- */

/** zg_hypervisor_emit() - tell the listener; any thread; it is called on the loop. */
void zg_hypervisor_emit(ZgHypervisor *hyp, const char *id, ZgHypEvent event, bool powered_off);

ZgHypDomain *zg_hyp_domain_new(const char *id, int64_t generation, bool active, bool saved);
void zg_hyp_domain_free(ZgHypDomain *domain);
