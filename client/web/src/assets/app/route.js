// SPDX-License-Identifier: GPL-3.0-or-later
// Addresses: '#/' the desktops, '#/desktop/ID' one of them, with '/control' or '/view' for a second window. Pure.
// An id names a session and opens nothing by itself; secrets never come here.

/** '#/desktop/<32 hex>/view' → {name: 'desktop', id, share: 'view'} */
export function parseRoute(hash) {
    const m = /^#\/desktop\/([0-9A-Za-z-]{1,64})(?:\/(control|view))?$/.exec(hash || '');
    return m ? { name: 'desktop', id: m[1], share: m[2] ?? null } : { name: 'desktops' };
}

export function routeTo(route) {
    if (route.name !== 'desktop') {
        return '#/';
    }
    return `#/desktop/${route.id}${route.share ? `/${route.share}` : ''}`;
}
