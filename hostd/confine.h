/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The room in which hostd and its QEMUs live: a mount and a network namespace of their own (as an
 * ordinary user inside a user namespace). A guest's user-mode network ends there, so it cannot
 * reach the host's loopback; the only way out is slirp4netns, started from outside.
 *
 * A small holder process keeps the room while hostd is away, so that a new hostd finds its guests'
 * network again, and denies guests the addresses that the host gets meanwhile. It ends when the
 * state folder forgets it.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    const char *state_dir;    /* absolute; `run/` in it exists */
    const char *const *paths; /* every other path hostd uses; none is covered by a mount */
    bool hide_kvm;            /* not proven: no /dev/kvm inside, or libvirt probes for ever */
    bool nat;
    int64_t mtu;
    char **deny; /* addresses or networks without route; the host's own ones are added */
} ZgConfineOptions;

typedef struct {
    char *state_dir;  /* how the state folder is called inside; short, and open to QEMU's user */
    bool joined;      /* an older hostd had made the room */
    bool nat;         /* guests have a way out */
    char *nat_reason; /* why not, or NULL */
} ZgConfinement;

/**
 * zg_confine_enter() - make or join the room; before any thread exists
 * Return: false with an error that says what the machine does not allow.
 */
bool zg_confine_enter(const ZgConfineOptions *options, ZgConfinement *out, GError **error);

/** zg_confine_leave() - no guest runs any more: let the holder and the way out end. */
void zg_confine_leave(const char *state_dir);

/**
 * zg_confine_hold() - `zaguan-hostd --hold STATE_DIR FD`: keep the room; gives the exit status
 * @watch_fd: of zg_own_addresses_open(), from outside: what the host gets is denied to guests
 */
int zg_confine_hold(const char *state_dir, int watch_fd);

void zg_confinement_clear(ZgConfinement *confinement);

/** zg_confine_parse_route() - `a.b.c.d[/n]`; host byte order. false for anything else. Pure. */
bool zg_confine_parse_route(const char *text, uint32_t *out_address, uint32_t *out_mask);
