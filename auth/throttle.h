/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The sign-in throttle: what a guesser may try. Pure; the clock is passed in. Loop thread.
 *
 * Three counts, each with 5 tries (an address: 30), then a pause of 1 min that doubles to 15 min:
 *   - a user at one address;
 *   - a user from all addresses where that user has never signed in. A stranger who uses it up
 *     does not lock the person out where the person has signed in before;
 *   - an address, over all users who have never signed in from there. A sign-in of somebody new
 *     takes two from the count, so that 500 people behind one address of a branch are no guesser.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct ZgThrottle ZgThrottle;

/** zg_throttle_new() - @n_entries: most counts kept (and twice as many known places), 16 or more.
 */
ZgThrottle *zg_throttle_new(unsigned n_entries);

/** zg_throttle_free() - accepts NULL. */
void zg_throttle_free(ZgThrottle *throttle);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgThrottle, zg_throttle_free)

/**
 * zg_throttle_try() - may @user be tried from @address now?
 * @now_us:      monotonic microseconds
 * @out_wait_us: how long to wait when not; may be NULL
 *
 * The try is charged at once, so that many at the same time count as many. One of
 * zg_throttle_succeeded() and zg_throttle_refund() takes it back; a wrong password leaves it.
 */
bool zg_throttle_try(ZgThrottle *throttle, const char *user, const char *address, int64_t now_us,
                     int64_t *out_wait_us);

/** zg_throttle_succeeded() - the password was right: forget the tries, remember the place. */
void zg_throttle_succeeded(ZgThrottle *throttle, const char *user, const char *address);

/** zg_throttle_refund() - the check could not be made (directory down). */
void zg_throttle_refund(ZgThrottle *throttle, const char *user, const char *address);

/** zg_throttle_remember() - @user has signed in from @address before; for a start from the store.
 */
void zg_throttle_remember(ZgThrottle *throttle, const char *user, const char *address);
