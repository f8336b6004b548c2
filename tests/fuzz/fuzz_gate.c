/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Orders and people at the gate: what must always hold, whatever comes in whatever order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "display/gate.h"

#define N_NAMES 4
#define N_SECRETS 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

typedef struct {
    ZgGate *gate;
    GArray *cut;
    GArray *held;
    char resumes[N_SECRETS][ZG_GATE_SECRET_CHARS + 1];
    unsigned n_resumes;
    uint64_t viewer;
    int64_t now_us;
} Run;

static const char *
name_of(unsigned i)
{
    static char names[N_NAMES][ZG_ID_CHARS + 1];

    snprintf(names[i % N_NAMES], sizeof names[0], "%032x", i % N_NAMES);
    return names[i % N_NAMES];
}

/* A session is on one desktop. */
static const char *
session_of(const char *desktop, unsigned i)
{
    static char name[ZG_ID_CHARS + 1];

    snprintf(name, sizeof name, "%.16s%016x", desktop + 16, i % N_NAMES);
    return name;
}

static void
ticket_of(unsigned n, char text[ZG_GATE_SECRET_CHARS + 1])
{
    snprintf(text, ZG_GATE_SECRET_CHARS + 1, "%064x", n);
}

static void
expect(Run *run, uint8_t a, uint8_t b)
{
    ZgGrant grant = {.generation = b % 3U + 1, .epoch = b / 16U % 3U + 1, .share = b & 128};
    char text[ZG_GATE_SECRET_CHARS + 1];
    uint8_t digest[ZG_SHA256_BYTES];

    memcpy(grant.desktop, name_of(b / 4U), sizeof grant.desktop);
    memcpy(grant.session, session_of(grant.desktop, b / 16U), sizeof grant.session);
    ticket_of(a, text);
    zg_sha256(text, ZG_GATE_SECRET_CHARS, digest);
    zg_gate_expect(run->gate, digest, &grant, b * 100U, run->now_us, NULL);
}

static void
check_room(const Run *run, const ZgGrant *grant)
{
    if (zg_gate_count(run->gate, grant->session) > ZG_GATE_VIEWERS_PER_SESSION_MAX) {
        abort();
    }
}

static void
keep_resume(Run *run, char *resume)
{
    g_strlcpy(run->resumes[run->n_resumes++ % N_SECRETS], resume, ZG_GATE_SECRET_CHARS + 1);
    zg_wipe_free_text(resume);
}

static void
redeem(Run *run, uint8_t a)
{
    char text[ZG_GATE_SECRET_CHARS + 1];
    char *resume = NULL;
    ZgGrant grant;

    ticket_of(a, text);
    if (zg_gate_redeem(run->gate, text, ZG_GATE_SECRET_CHARS, ++run->viewer, true, run->now_us,
                       &grant, &resume, run->cut, NULL)) {
        check_room(run, &grant);
        keep_resume(run, resume);
    }
}

static void
resume_with(Run *run, uint8_t a)
{
    char secret[ZG_GATE_SECRET_CHARS + 1];
    char *resume = NULL;
    char *again = NULL;
    ZgGrant grant;

    memcpy(secret, run->resumes[a % N_SECRETS], sizeof secret);
    if (zg_gate_resume(run->gate, secret, strlen(secret), ++run->viewer, run->now_us, &grant,
                       &resume, run->cut, NULL)) {
        check_room(run, &grant);
        keep_resume(run, resume);
        if (zg_gate_resume(run->gate, secret, strlen(secret), ++run->viewer, run->now_us, &grant,
                           &again, run->cut, NULL)) {
            abort(); /* the same secret twice */
        }
    }
}

static void
step(Run *run, uint8_t what, uint8_t a, uint8_t b)
{
    unsigned n_left;

    switch (what % 8) {
    case 0:
        zg_gate_set_desktop(run->gate, name_of(a), b % 3U + 1, b / 16U % 3U + 1, run->cut, NULL);
        break;
    case 1:
        expect(run, a, b);
        break;
    case 2:
        redeem(run, a);
        break;
    case 3:
        resume_with(run, a);
        break;
    case 4:
        zg_gate_leave(run->gate, run->viewer - a % 8U, b & 1, run->now_us, &n_left);
        break;
    case 5:
        zg_gate_cut(run->gate, name_of(a), session_of(name_of(a), b), run->cut);
        break;
    case 6:
        run->now_us += (int64_t)a * b * 10000;
        zg_gate_expire(run->gate, run->now_us, run->held);
        if (zg_gate_next_deadline_us(run->gate) <= run->now_us) {
            abort(); /* something was over and stayed */
        }
        break;
    default:
        if (a > 250) {
            zg_gate_drop_desktop(run->gate, name_of(b), run->cut);
        }
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    Run run = {
        .gate = zg_gate_new(),
        .cut = g_array_new(FALSE, FALSE, sizeof(uint64_t)),
        .held = g_array_new(FALSE, FALSE, sizeof(ZgGrant)),
    };

    for (size_t i = 0; i + 2 < n && i < 3000; i += 3) {
        step(&run, data[i], data[i + 1], data[i + 2]);
    }
    zg_gate_free(run.gate);
    g_array_free(run.cut, TRUE);
    g_array_free(run.held, TRUE);
    return 0;
}
