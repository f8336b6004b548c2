/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Every desktop whose console this front holds: its worker, its viewers, and the gate before them.
 * Orders come from hostd (control.c), people from the ports (https.c, rfb_login.c). Loop thread.
 */
#pragma once

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "display/gate.h"
#include "display/viewer.h"

#define ZG_CONSOLES_MAX 1024       /* desktops on one machine */
#define ZG_CONSOLE_WAIT_MS 30000   /* a viewer waits so long for a worker that is being started */

typedef struct ZgConsoles ZgConsoles;

/* A message for hostd; handed over. */
typedef void (*ZgReportFunc)(json_t *report, void *user);

/* The `console` order of docs/protocol/control.md; texts borrowed. */
typedef struct {
    const char *desktop;
    uint64_t generation;
    uint64_t epoch;
    const char *name;
    const char *title;
    const char *profile;
} ZgConsoleOrder;

/**
 * zg_consoles_new()
 * @program:  path of zaguan-display, for workers
 * @uid_base: first uid of workers when running as root; 0 to keep our own
 */
ZgConsoles *zg_consoles_new(const char *program, uid_t uid_base, ZgReportFunc report, void *user);

/** zg_consoles_free() - viewers are told that the front is stopping; accepts NULL. */
void zg_consoles_free(ZgConsoles *consoles);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgConsoles, zg_consoles_free)

/**
 * zg_consoles_set_console() - start or feed a worker
 * @fd:    the console; borrowed
 * @error: ZG_ERROR_CONFLICT for an older generation or epoch, ZG_ERROR_UNAVAILABLE
 */
bool zg_consoles_set_console(ZgConsoles *consoles, const ZgConsoleOrder *order, int fd,
                             GError **error);

/**
 * zg_consoles_set_pictures() - the same console's D-Bus display, for its worker
 * @fd: borrowed
 * Without effect when that console is not the one held: it can do without.
 */
void zg_consoles_set_pictures(ZgConsoles *consoles, const char *desktop, uint64_t generation,
                              uint64_t epoch, int fd);

/**
 * zg_consoles_set_profile() - another quality profile for a desktop, also for who looks at it
 * Without effect on another generation, and for a desktop that is not held: its console brings one.
 */
void zg_consoles_set_profile(ZgConsoles *consoles, const char *desktop, uint64_t generation,
                             const char *profile);

/** zg_consoles_set_absent() - the desktop is gone; @reason is for people. */
void zg_consoles_set_absent(ZgConsoles *consoles, const char *desktop, const char *reason);

/** zg_consoles_expect() - see zg_gate_expect(). */
bool zg_consoles_expect(ZgConsoles *consoles, const uint8_t digest[ZG_SHA256_BYTES],
                        const ZgGrant *grant, uint64_t ttl_ms, GError **error);

/** zg_consoles_cut() - end a session's viewers, telling them @text; idempotent. */
void zg_consoles_cut(ZgConsoles *consoles, const char *desktop, const char *session,
                     const char *reason, const char *text);

/** zg_consoles_message() - show @text to the desktop's viewers; false: no such desktop. */
bool zg_consoles_message(ZgConsoles *consoles, const char *desktop, const char *text,
                         GError **error);

/** zg_consoles_list() - report every worker and viewer again. */
void zg_consoles_list(ZgConsoles *consoles);

/**
 * zg_consoles_redeem() - let somebody in by ticket; those taken over from are cut
 * @out_entry: zg_entry_clear(); its terminal is left to the caller
 * The caller makes a viewer of it at once and gives it to zg_consoles_add_viewer().
 */
bool zg_consoles_redeem(ZgConsoles *consoles, const void *secret, size_t n_secret, bool resumable,
                        ZgEntry *out_entry, GError **error);

/** zg_consoles_resume() - the same by resume secret. */
bool zg_consoles_resume(ZgConsoles *consoles, const void *secret, size_t n_secret,
                        ZgEntry *out_entry, GError **error);

/**
 * zg_consoles_add_viewer() - the viewer of an entry, over @stream (handed over)
 * @greeting: sent to the person first, as it is
 * @rest:     bytes read from the stream already, for the viewer
 */
void zg_consoles_add_viewer(ZgConsoles *consoles, ZgViewerKind kind, ZgStream *stream,
                            const ZgEntry *entry, const ZgWs *ws, const GByteArray *greeting,
                            const uint8_t *rest, size_t n_rest);
