// SPDX-License-Identifier: GPL-3.0-or-later
// Locale, keyboard and time zone that go with a new session. Pure.

/** XKB layout[:variant] → its name in its own language. The order is that of the chooser. */
export const keyboards = {
    'es': 'Español (España)',
    'latam': 'Español (Latinoamérica)',
    'us': 'English (US)',
    'us:intl': 'English (US, international)',
    'gb': 'English (UK)',
    'es:cat': 'Català',
    'pt': 'Português (Portugal)',
    'br': 'Português (Brasil)',
    'fr': 'Français',
    'de': 'Deutsch',
    'it': 'Italiano',
};

const BY_TAG = {
    'es': 'es', 'es-es': 'es', 'ca': 'es:cat', 'gl': 'es', 'eu': 'es',
    'en': 'us', 'en-us': 'us', 'en-gb': 'gb', 'en-ie': 'gb',
    'pt': 'pt', 'pt-br': 'br', 'fr': 'fr', 'de': 'de', 'it': 'it',
};

/** The layout that people with this browser language most often have. */
export function keyboardForLanguage(tag) {
    const lower = String(tag || '').toLowerCase();
    const base = lower.split('-')[0];
    if (base === 'es' && lower !== 'es' && lower !== 'es-es') {
        return 'latam';
    }
    return BY_TAG[lower] ?? BY_TAG[base] ?? 'us';
}

/** The layout that a browser's key map gives away, or null where it could be any. `map` has get(code). */
export function keyboardForMap(map) {
    const key = (code) => (map ? map.get(code) : undefined);
    if (key('Semicolon') === 'ñ') {
        return key('BracketLeft') === '´' || key('Quote') === '{' ? 'latam' : 'es';
    }
    if (key('KeyQ') === 'a') {
        return 'fr';
    }
    if (key('KeyY') === 'z') {
        return 'de';
    }
    if (key('Semicolon') === 'ò') {
        return 'it';
    }
    if (key('Semicolon') === 'ç') {
        return key('IntlRo') === '/' ? 'br' : 'pt';
    }
    return key('Backslash') === '#' && key('Semicolon') === ';' ? 'gb' : null;
}

/** What to use: the person's own choice, else what the keys say, else the language. */
export function chooseKeyboard({ chosen, map, tag }) {
    if (chosen && chosen in keyboards) {
        return chosen;
    }
    return keyboardForMap(map) ?? keyboardForLanguage(tag);
}

const REGION = { es: 'ES', en: 'US', ca: 'ES', gl: 'ES', eu: 'ES', pt: 'PT', fr: 'FR', de: 'DE', it: 'IT' };

/** 'es-ES' → 'es_ES.UTF-8'. Null where the tag says nothing that a desktop could use. */
export function localeOf(tag) {
    const m = /^([a-z]{2,3})(?:-[A-Za-z]{4})?(?:-([A-Za-z]{2}))?\b/.exec(String(tag || ''));
    if (!m) {
        return null;
    }
    const region = m[2] ? m[2].toUpperCase() : REGION[m[1]];
    return region ? `${m[1]}_${region}.UTF-8` : null;
}

/** An Olson name, or null. */
export function timeZoneOf(name) {
    return /^[A-Za-z0-9_+\-]+(\/[A-Za-z0-9_+\-]+){0,2}$/.test(name || '') ? name : null;
}
