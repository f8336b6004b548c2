/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who gets which desktop. The choice is pure; the claim is a compare-and-set. */
#pragma once

#include "broker/record.h"
#include "broker/service.h"

/** zg_assign_is_entitled() - by the pool's list of users (`*`: everybody) or a group. Pure. */
bool zg_assign_is_entitled(const ZgPool *pool, const char *user, const char *const *groups);

/* A ready desktop and what is known of its host. */
typedef struct {
    ZgDesktop *desktop;  /* borrowed */
    int64_t headroom_mib; /* of its host, after what is in flight */
} ZgCandidate;

/** zg_assign_may_take() - free, clean and not set aside? Pure. */
bool zg_assign_may_take(const ZgDesktop *desktop);

/**
 * zg_assign_choose() - newest template version, then most headroom, random among the best three
 * @random: any number
 * Return: index, or -1 when there is none. Sorts @candidates. Pure.
 */
int zg_assign_choose(ZgCandidate *candidates, size_t n_candidates, unsigned random);

/**
 * zg_assign_claim() - ready → reserved for this session, session pending → connecting
 * ZG_ERROR_CONFLICT when somebody was first.
 */
bool zg_assign_claim(ZgTx *tx, ZgSession *session, ZgDesktop *desktop, GError **error);

/** zg_assign_try() - give a pending session the best desktop of its pool, if any. */
bool zg_assign_try(ZgTx *tx, ZgSession *session, GError **error);

/** zg_assign_open() - the caller's live session of a pool, or a new one. */
bool zg_assign_open(ZgTx *tx, const ZgCaller *caller, const ZgSessionRequest *request,
                    bool *out_created, ZgSession **out_session, GError **error);
