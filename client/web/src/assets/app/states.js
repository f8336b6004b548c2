// SPDX-License-Identifier: GPL-3.0-or-later
// What a state of the API means to a person: words, tone and what they can do. Pure.

/* tone: ready (door open), live (someone's light is on), busy (being made), off (shut). */
const POOL = {
    available: { tone: 'ready', action: 'open' },
    starting: { tone: 'busy', action: 'wait' },
    active: { tone: 'live', action: 'here' },
    held: { tone: 'live', action: 'return' },
    disconnected: { tone: 'live', action: 'return' },
    full: { tone: 'busy', action: 'queue' },
    unavailable: { tone: 'off', action: null },
};

/** The id of the session in an item of /my/pools, whichever way it is given. */
export function sessionIdOf(item) {
    const session = item.session;
    if (typeof session === 'string' && session !== '') {
        return session;
    }
    return session && typeof session === 'object' && typeof session.id === 'string' ? session.id : null;
}

/** item of /my/pools → {tone, action, textKey, fallback, session}. Unknown states are shown with the server's words. */
export function tileOf(item) {
    const known = POOL[item.state];
    return {
        tone: known ? known.tone : 'off',
        action: known ? known.action : null,
        textKey: known ? `state.${item.state}` : null,
        fallback: item.state_text || item.state || '',
        session: sessionIdOf(item),
    };
}

const SESSION = {
    pending: 'wait',
    connecting: 'console',
    active: 'console',
    held: 'console',
    disconnected: 'console',
    'logging-off': 'leaving',
    ended: 'ended',
};

/** Which screen belongs to a session's state: wait, console, leaving or ended. Unknown: wait. */
export function screenOf(session) {
    return SESSION[session.state] ?? 'wait';
}

/** What a close code of the console means: lost, taken, ended, gone, refused or broken (docs/protocol/console.md). */
export function meaningOf(code) {
    switch (code) {
    case 4401: return 'refused';
    case 4402: return 'taken';
    case 4403: return 'ended';
    case 4404: return 'gone';
    case 4400:
    case 4408: return 'broken';
    default: return 'lost';
    }
}

/** What holds pictures up, as the stats say it; an unknown word (of a newer front) is none. */
export function waitsFor(bottleneck) {
    return ['link', 'encoder', 'viewer', 'guest'].includes(bottleneck) ? bottleneck : 'none';
}

/**
 * Network light from a round trip in ms and what pictures wait for: good, fair, poor; null while nothing is known. A
 * full link is never good, however short.
 */
export function lightOf(rttMs, waits = 'none') {
    if (typeof rttMs !== 'number' || !(rttMs >= 0)) {
        return null;
    }
    if (waits === 'link' && rttMs < 80) {
        return 'fair';
    }
    if (rttMs < 80) {
        return 'good';
    }
    return rttMs < 250 ? 'fair' : 'poor';
}

/**
 * The key of our text for an error of the API, given what the dictionary has; null where the server's own sentence (it
 * is in the person's language) says more than we could.
 */
export function errorKey(error, has) {
    if (has(`error.${error.code}`)) {
        return `error.${error.code}`;
    }
    if (error.detail && error.status >= 400 && error.status < 500 && error.status !== 401) {
        return null;
    }
    if (has(`error.${error.status}`)) {
        return `error.${error.status}`;
    }
    return error.status >= 500 ? 'error.server' : null;
}
