// SPDX-License-Identifier: GPL-3.0-or-later
// The few choices a person makes, in localStorage. A browser that forbids it just forgets.

const PREFIX = 'zaguan.';

export function get(name) {
    try {
        return localStorage.getItem(PREFIX + name);
    } catch {
        return null;
    }
}

/** Does this browser keep anything at all? */
export function works() {
    try {
        return Boolean(localStorage);
    } catch {
        return false;
    }
}

export function set(name, value) {
    try {
        if (value === null) {
            localStorage.removeItem(PREFIX + name);
        } else {
            localStorage.setItem(PREFIX + name, value);
        }
    } catch {
        /* forgotten at the end of the page */
    }
}
