// SPDX-License-Identifier: GPL-3.0-or-later
// Words in the person's language. Pure apart from `use()` keeping the choice of this page.
import en from '../i18n/en.js';
import es from '../i18n/es.js';

export const dictionaries = { en, es };
export const languageNames = { en: 'English', es: 'Español' };

let current = 'en';

/** The first of `wanted` (BCP 47 tags, best first) that we speak, else English. */
export function pickLanguage(wanted) {
    for (const tag of wanted) {
        const base = String(tag).toLowerCase().split('-')[0];
        if (base in dictionaries) {
            return base;
        }
    }
    return 'en';
}

export function use(language) {
    current = language in dictionaries ? language : 'en';
}

export function language() {
    return current;
}

/** Is there a text for `key`? */
export function has(key) {
    return key in dictionaries[current];
}

/** The text of `key`, with {name} filled in. A number called `n` picks `key.one` or `key.other`. */
export function t(key, params = {}) {
    return translate(dictionaries[current], current, key, params);
}

export function translate(dictionary, tag, key, params = {}) {
    let text = dictionary[key];
    if (text === undefined && typeof params.n === 'number') {
        text = dictionary[`${key}.${new Intl.PluralRules(tag).select(params.n)}`] ?? dictionary[`${key}.other`];
    }
    if (text === undefined) {
        return key;
    }
    return text.replace(/\{(\w+)\}/g, (whole, name) => (name in params ? String(params[name]) : whole));
}

/** «about 2 minutes» for a number of seconds. */
export function roughly(seconds) {
    if (seconds < 10) {
        return t('time.moment');
    }
    if (seconds < 55) {
        return t('time.seconds', { n: Math.ceil(seconds / 10) * 10 });
    }
    return t('time.minutes', { n: Math.max(1, Math.round(seconds / 60)) });
}
