/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who may see which desktop: tickets, resume secrets, takeover. Pure: time is passed in. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/base/id.h"
#include "common/base/limits.h"
#include "common/base/secret.h"

#define ZG_GATE_TICKETS_MAX 4096          /* outstanding in all */
#define ZG_GATE_TICKETS_PER_SESSION_MAX 8 /* outstanding for one session */
#define ZG_GATE_VIEWERS_PER_SESSION_MAX 8 /* the terminal and those it is shared with */
#define ZG_GATE_SECRET_CHARS (2 * ZG_TICKET_BYTES)
#define ZG_GATE_DENIED_TEXT "This ticket is not valid any more. Open the desktop again."

/* What a ticket allows. */
typedef struct {
    char desktop[ZG_ID_CHARS + 1];
    uint64_t generation;
    uint64_t epoch;
    char session[ZG_ID_CHARS + 1];
    char user[ZG_LIMIT_USER_BYTES + 1];
    bool share;     /* adds a viewer instead of taking over */
    bool view_only;
} ZgGrant;

/* Viewers are known by numbers that the caller gives out, from 1, never reused. */
typedef struct ZgGate ZgGate;

ZgGate *zg_gate_new(void);

/** zg_gate_free() - accepts NULL. */
void zg_gate_free(ZgGate *gate);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgGate, zg_gate_free)

/**
 * zg_gate_set_desktop() - this desktop has a console here
 * @out_cut: viewers (uint64_t) that must be cut, because their generation is over; appended to
 * @error:   ZG_ERROR_CONFLICT when @generation or @epoch is lower than the one held
 *
 * A higher epoch ends outstanding tickets; a higher generation ends sessions and secrets, too.
 */
bool zg_gate_set_desktop(ZgGate *gate, const char *desktop, uint64_t generation, uint64_t epoch,
                         GArray *out_cut, GError **error);

/** zg_gate_drop_desktop() - forget it, its tickets and sessions; viewers to cut into @out_cut. */
void zg_gate_drop_desktop(ZgGate *gate, const char *desktop, GArray *out_cut);

/**
 * zg_gate_expect() - a ticket will come
 * @digest: SHA-256 of the ticket's 64 characters
 * @ttl_ms: 1..ZG_TICKET_TTL_MAX_MS, from @now_us
 * @error:  ZG_ERROR_NOT_FOUND (no such desktop here), ZG_ERROR_CONFLICT (another generation or
 *          epoch), ZG_ERROR_UNAVAILABLE (too many outstanding), ZG_ERROR_INVALID
 */
bool zg_gate_expect(ZgGate *gate, const uint8_t digest[ZG_SHA256_BYTES], const ZgGrant *grant,
                    uint64_t ttl_ms, int64_t now_us, GError **error);

/**
 * zg_gate_redeem() - accept a one-time ticket, once, and let the viewer in
 * @secret:   bytes that the viewer sent, not NUL-terminated; borrowed
 * @viewer:   the number of this viewer
 * @resumable: make a resume secret (WebSocket viewers)
 * @out_grant: filled
 * @out_resume: the secret as 64 hex digits or NULL; zg_wipe_free_text()
 * @out_cut:  viewers that this one takes over from; appended to
 * @error:    ZG_ERROR_DENIED with ZG_GATE_DENIED_TEXT: unknown, used, expired, all the same;
 *            ZG_ERROR_UNAVAILABLE: too many viewers of this session
 *
 * The ticket is used up whether or not the rest succeeds. Compares with every digest in constant
 * time. Source: docs/protocol/ticket.md, "Redeeming".
 */
bool zg_gate_redeem(ZgGate *gate, const void *secret, size_t n_secret, uint64_t viewer,
                    bool resumable, int64_t now_us, ZgGrant *out_grant, char **out_resume,
                    GArray *out_cut, GError **error);

/**
 * zg_gate_resume() - the same with a resume secret, which is rotated
 * @out_cut: also the viewer that still held this secret, when its loss was not noticed yet
 */
bool zg_gate_resume(ZgGate *gate, const void *secret, size_t n_secret, uint64_t viewer,
                    int64_t now_us, ZgGrant *out_grant, char **out_resume, GArray *out_cut,
                    GError **error);

/**
 * zg_gate_leave() - a viewer is no more
 * @lost: its transport was lost: its place is held for ZG_HELD_MS; otherwise it closed or was cut
 * @out_left: viewers that the session still has
 * Return: true when the gate still knew this viewer; false when it was cut before.
 */
bool zg_gate_leave(ZgGate *gate, uint64_t viewer, bool lost, int64_t now_us, unsigned *out_left);

/**
 * zg_gate_cut() - end a session: its viewers go to @out_cut, its tickets and secrets die
 * @desktop: the desktop the session must be on
 * Return: false when there is no such session here (its tickets die all the same).
 */
bool zg_gate_cut(ZgGate *gate, const char *desktop, const char *session, GArray *out_cut);

/** zg_gate_count() - viewers of a session now. */
unsigned zg_gate_count(const ZgGate *gate, const char *session);

/**
 * zg_gate_expire() - drop what is over
 * @out_held: ZgGrant of every session whose last held place ended, as @share=false; appended to
 */
void zg_gate_expire(ZgGate *gate, int64_t now_us, GArray *out_held);

/** zg_gate_next_deadline_us() - when zg_gate_expire() has something to do; INT64_MAX for never. */
int64_t zg_gate_next_deadline_us(const ZgGate *gate);
