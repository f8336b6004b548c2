/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/gate.h"

#include <string.h>
#include "common/base/error.h"

typedef struct {
    uint8_t digest[ZG_SHA256_BYTES];
    ZgGrant grant;
    int64_t deadline_us;
} Ticket;

/* One viewer's place in a session: connected (viewer != 0) or held until its deadline. */
typedef struct {
    ZgGrant grant;
    uint64_t viewer;
    bool resumable;
    uint8_t digest[ZG_SHA256_BYTES]; /* of the resume secret */
    int64_t held_until_us;           /* while viewer == 0 */
} Place;

typedef struct {
    uint64_t generation;
    uint64_t epoch;
} Desktop;

struct ZgGate {
    GArray *tickets;      /* Ticket */
    GArray *places;       /* Place */
    GHashTable *desktops; /* id -> Desktop */
};

static void
clear_ticket(gpointer data)
{
    zg_wipe(data, sizeof(Ticket));
}

static void
clear_place(gpointer data)
{
    zg_wipe(data, sizeof(Place));
}

ZgGate *
zg_gate_new(void)
{
    ZgGate *gate = g_new0(ZgGate, 1);

    gate->tickets = g_array_new(FALSE, TRUE, sizeof(Ticket));
    g_array_set_clear_func(gate->tickets, clear_ticket);
    gate->places = g_array_new(FALSE, TRUE, sizeof(Place));
    g_array_set_clear_func(gate->places, clear_place);
    gate->desktops = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return gate;
}

void
zg_gate_free(ZgGate *gate)
{
    if (gate != NULL) {
        g_array_free(gate->tickets, TRUE);
        g_array_free(gate->places, TRUE);
        g_hash_table_destroy(gate->desktops);
        g_free(gate);
    }
}

static Ticket *
ticket_at(const ZgGate *gate, guint i)
{
    return &g_array_index(gate->tickets, Ticket, i);
}

static Place *
place_at(const ZgGate *gate, guint i)
{
    return &g_array_index(gate->places, Place, i);
}

static void
cut_place(ZgGate *gate, guint i, GArray *out_cut)
{
    uint64_t viewer = place_at(gate, i)->viewer;

    if (viewer != 0) {
        g_array_append_val(out_cut, viewer);
    }
    g_array_remove_index_fast(gate->places, i);
}

static void
drop_tickets(ZgGate *gate, const char *desktop, const char *session)
{
    for (guint i = gate->tickets->len; i-- > 0;) {
        const ZgGrant *grant = &ticket_at(gate, i)->grant;

        if (g_str_equal(grant->desktop, desktop) &&
            (session == NULL || g_str_equal(grant->session, session))) {
            g_array_remove_index_fast(gate->tickets, i);
        }
    }
}

static bool
drop_places(ZgGate *gate, const char *desktop, const char *session, GArray *out_cut)
{
    bool found = false;

    for (guint i = gate->places->len; i-- > 0;) {
        const ZgGrant *grant = &place_at(gate, i)->grant;

        if (g_str_equal(grant->desktop, desktop) &&
            (session == NULL || g_str_equal(grant->session, session))) {
            cut_place(gate, i, out_cut);
            found = true;
        }
    }
    return found;
}

bool
zg_gate_set_desktop(ZgGate *gate, const char *desktop, uint64_t generation, uint64_t epoch,
                    GArray *out_cut, GError **error)
{
    Desktop *held = g_hash_table_lookup(gate->desktops, desktop);

    if (held == NULL) {
        held = g_new0(Desktop, 1);
        g_hash_table_insert(gate->desktops, g_strdup(desktop), held);
    }
    if (generation < held->generation || epoch < held->epoch) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_CONFLICT,
                    "generation %" G_GUINT64_FORMAT " epoch %" G_GUINT64_FORMAT
                    " is older than what is held (%" G_GUINT64_FORMAT ", %" G_GUINT64_FORMAT ")",
                    generation, epoch, held->generation, held->epoch);
        return false;
    }
    if (generation > held->generation) {
        drop_places(gate, desktop, NULL, out_cut);
    }
    if (generation > held->generation || epoch > held->epoch) {
        drop_tickets(gate, desktop, NULL);
    }
    *held = (Desktop){.generation = generation, .epoch = epoch};
    return true;
}

void
zg_gate_drop_desktop(ZgGate *gate, const char *desktop, GArray *out_cut)
{
    drop_tickets(gate, desktop, NULL);
    drop_places(gate, desktop, NULL, out_cut);
    g_hash_table_remove(gate->desktops, desktop);
}

static bool
check_room(const ZgGate *gate, const ZgGrant *grant, GError **error)
{
    unsigned n_session = 0;

    for (guint i = 0; i < gate->tickets->len; i++) {
        n_session += g_str_equal(ticket_at(gate, i)->grant.session, grant->session);
    }
    if (gate->tickets->len >= ZG_GATE_TICKETS_MAX || n_session >= ZG_GATE_TICKETS_PER_SESSION_MAX) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_UNAVAILABLE,
                    "too many unused tickets; wait until the first of them expire");
        return false;
    }
    return true;
}

bool
zg_gate_expect(ZgGate *gate, const uint8_t digest[ZG_SHA256_BYTES], const ZgGrant *grant,
               uint64_t ttl_ms, int64_t now_us, GError **error)
{
    const Desktop *desktop = g_hash_table_lookup(gate->desktops, grant->desktop);
    Ticket ticket = {.grant = *grant, .deadline_us = now_us + (int64_t)ttl_ms * 1000};

    if (ttl_ms < 1 || ttl_ms > ZG_TICKET_TTL_MAX_MS) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "ttl_ms is not in 1..%d",
                    ZG_TICKET_TTL_MAX_MS);
        return false;
    }
    if (desktop == NULL) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_NOT_FOUND, "this front has no console of desktop %s",
                    grant->desktop);
        return false;
    }
    if (desktop->generation != grant->generation || desktop->epoch != grant->epoch) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_CONFLICT,
                    "the ticket is for another generation or epoch of desktop %s", grant->desktop);
        return false;
    }
    zg_gate_expire(gate, now_us, NULL);
    if (!check_room(gate, grant, error)) {
        return false;
    }
    memcpy(ticket.digest, digest, sizeof ticket.digest);
    g_array_append_val(gate->tickets, ticket);
    return true;
}

static bool
denied(GError **error)
{
    g_set_error_literal(error, ZG_ERROR, ZG_ERROR_DENIED, ZG_GATE_DENIED_TEXT);
    return false;
}

/* A new place in the session, with a fresh resume secret where wanted. */
static void
take_place(ZgGate *gate, const ZgGrant *grant, uint64_t viewer, bool resumable, char **out_resume)
{
    Place place = {.grant = *grant, .viewer = viewer, .resumable = resumable};

    *out_resume = NULL;
    if (resumable) {
        g_autoptr(ZgSecret) secret = zg_secret_new_random(ZG_TICKET_BYTES);

        *out_resume = zg_hex_encode(secret->bytes, secret->n_bytes);
        zg_sha256(*out_resume, ZG_GATE_SECRET_CHARS, place.digest);
    }
    g_array_append_val(gate->places, place);
}

unsigned
zg_gate_count(const ZgGate *gate, const char *session)
{
    unsigned n = 0;

    for (guint i = 0; i < gate->places->len; i++) {
        const Place *place = place_at(gate, i);

        n += place->viewer != 0 && g_str_equal(place->grant.session, session);
    }
    return n;
}

/* Who is in and who may still come back: a place that is held is nobody else's. */
static unsigned
count_taken(const ZgGate *gate, const char *session)
{
    unsigned n = 0;

    for (guint i = 0; i < gate->places->len; i++) {
        const Place *place = place_at(gate, i);

        n += (place->viewer != 0 || place->resumable) &&
             g_str_equal(place->grant.session, session);
    }
    return n;
}

static bool
find_ticket(const ZgGate *gate, const void *secret, size_t n_secret, guint *out_index)
{
    uint8_t digest[ZG_SHA256_BYTES];
    guint found = G_MAXUINT;

    zg_sha256(secret, n_secret, digest);
    for (guint i = 0; i < gate->tickets->len; i++) {
        if (zg_equal_constant_time(ticket_at(gate, i)->digest, digest, sizeof digest)) {
            found = i;
        }
    }
    *out_index = found;
    return found != G_MAXUINT && n_secret == ZG_GATE_SECRET_CHARS;
}

bool
zg_gate_redeem(ZgGate *gate, const void *secret, size_t n_secret, uint64_t viewer, bool resumable,
               int64_t now_us, ZgGrant *out_grant, char **out_resume, GArray *out_cut,
               GError **error)
{
    ZgGrant grant;
    int64_t deadline_us;
    guint i;

    if (!find_ticket(gate, secret, n_secret, &i)) {
        return denied(error);
    }
    grant = ticket_at(gate, i)->grant;
    deadline_us = ticket_at(gate, i)->deadline_us;
    g_array_remove_index_fast(gate->tickets, i);
    if (now_us >= deadline_us) {
        return denied(error);
    }
    if (!grant.share) {
        /* One desktop has one user, so everybody else on it goes, held places included. */
        drop_places(gate, grant.desktop, NULL, out_cut);
    } else if (count_taken(gate, grant.session) >= ZG_GATE_VIEWERS_PER_SESSION_MAX) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_UNAVAILABLE,
                    "Too many people are watching this desktop already.");
        return false;
    }
    take_place(gate, &grant, viewer, resumable, out_resume);
    *out_grant = grant;
    return true;
}

static bool
find_place(const ZgGate *gate, const void *secret, size_t n_secret, guint *out_index)
{
    uint8_t digest[ZG_SHA256_BYTES];
    guint found = G_MAXUINT;

    zg_sha256(secret, n_secret, digest);
    for (guint i = 0; i < gate->places->len; i++) {
        const Place *place = place_at(gate, i);
        bool same = zg_equal_constant_time(place->digest, digest, sizeof digest);

        if (same && place->resumable) {
            found = i;
        }
    }
    *out_index = found;
    return found != G_MAXUINT && n_secret == ZG_GATE_SECRET_CHARS;
}

bool
zg_gate_resume(ZgGate *gate, const void *secret, size_t n_secret, uint64_t viewer, int64_t now_us,
               ZgGrant *out_grant, char **out_resume, GArray *out_cut, GError **error)
{
    const Desktop *desktop;
    Place place;
    guint i;

    if (!find_place(gate, secret, n_secret, &i)) {
        return denied(error);
    }
    place = *place_at(gate, i);
    desktop = g_hash_table_lookup(gate->desktops, place.grant.desktop);
    cut_place(gate, i, out_cut);
    if ((place.viewer == 0 && now_us >= place.held_until_us) || desktop == NULL) {
        return denied(error);
    }
    place.grant.epoch = desktop->epoch; /* the lease moved on; the generation cannot have */
    take_place(gate, &place.grant, viewer, true, out_resume);
    *out_grant = place.grant;
    return true;
}

bool
zg_gate_leave(ZgGate *gate, uint64_t viewer, bool lost, int64_t now_us, unsigned *out_left)
{
    *out_left = 0;
    for (guint i = 0; i < gate->places->len; i++) {
        Place *place = place_at(gate, i);
        char session[sizeof place->grant.session];

        if (place->viewer != viewer) {
            continue;
        }
        memcpy(session, place->grant.session, sizeof session);
        if (lost) {
            place->viewer = 0;
            place->held_until_us = now_us + (int64_t)ZG_HELD_MS * 1000;
        } else {
            g_array_remove_index_fast(gate->places, i);
        }
        *out_left = zg_gate_count(gate, session);
        return true;
    }
    return false;
}

bool
zg_gate_cut(ZgGate *gate, const char *desktop, const char *session, GArray *out_cut)
{
    drop_tickets(gate, desktop, session);
    return drop_places(gate, desktop, session, out_cut);
}

static bool
session_has_place(const ZgGate *gate, const char *session)
{
    for (guint i = 0; i < gate->places->len; i++) {
        if (g_str_equal(place_at(gate, i)->grant.session, session)) {
            return true;
        }
    }
    return false;
}

void
zg_gate_expire(ZgGate *gate, int64_t now_us, GArray *out_held)
{
    for (guint i = gate->tickets->len; i-- > 0;) {
        if (now_us >= ticket_at(gate, i)->deadline_us) {
            g_array_remove_index_fast(gate->tickets, i);
        }
    }
    if (out_held == NULL) {
        return;
    }
    for (guint i = gate->places->len; i-- > 0;) {
        Place *place = place_at(gate, i);
        ZgGrant grant = place->grant;

        if (place->viewer != 0 || now_us < place->held_until_us) {
            continue;
        }
        g_array_remove_index_fast(gate->places, i);
        if (!session_has_place(gate, grant.session)) {
            grant.share = false;
            g_array_append_val(out_held, grant);
        }
    }
}

int64_t
zg_gate_next_deadline_us(const ZgGate *gate)
{
    int64_t next_us = INT64_MAX;

    for (guint i = 0; i < gate->tickets->len; i++) {
        next_us = MIN(next_us, ticket_at(gate, i)->deadline_us);
    }
    for (guint i = 0; i < gate->places->len; i++) {
        if (place_at(gate, i)->viewer == 0) {
            next_us = MIN(next_us, place_at(gate, i)->held_until_us);
        }
    }
    return next_us;
}
