// SPDX-License-Identifier: GPL-3.0-or-later
// When to try again. Pure.

const FIRST_MS = 250;
const MOST_MS = 5000;

/**
 * Milliseconds to wait before try number `attempt` (from 0): doubling, a fifth up or down by `random` (0..1), so that a
 * branch whose line comes back does not arrive all at once.
 */
export function delayMs(attempt, random) {
    const plain = Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(attempt, 10));
    return Math.round(plain * (0.8 + 0.4 * random));
}

/** Which way in: the resume secret while the session is held, after that a fresh ticket. */
export function wayIn({ secret, heldMs, lostAtMs, nowMs }) {
    return secret && nowMs - lostAtMs < heldMs ? 'resume' : 'ticket';
}
