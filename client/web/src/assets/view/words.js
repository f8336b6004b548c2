// SPDX-License-Identifier: GPL-3.0-or-later
// Small things that several views say or ask of the browser.
import * as prefs from '../app/prefs.js';
import { t } from '../app/i18n.js';
import { chooseKeyboard, localeOf, timeZoneOf } from '../app/keyboards.js';
import { terminalOf } from '../app/terminal.js';

/** «Chrome on Linux», or undefined. */
export function terminalName() {
    const { browser, system } = terminalOf(navigator.userAgent);
    return browser && system ? t('terminal.browser', { browser, system }) : browser || system || undefined;
}

let keyMap = null;
/* Only some browsers tell what is printed on the keys; the others are guessed by language. */
navigator.keyboard?.getLayoutMap?.().then((map) => {
    keyMap = map;
}, () => {});

export function guessedKeyboard() {
    return chooseKeyboard({ chosen: null, map: keyMap, tag: navigator.language });
}

export function currentKeyboard() {
    return chooseKeyboard({ chosen: prefs.get('keyboard'), map: keyMap, tag: navigator.language });
}

/** What POST /my/sessions is told about this person's place; unknown things are left out. */
export function sessionRequest(pool) {
    const request = { pool, terminal: terminalName(), keyboard: currentKeyboard() };
    const locale = localeOf(navigator.language);
    const zone = timeZoneOf(Intl.DateTimeFormat().resolvedOptions().timeZone);
    if (locale) {
        request.locale = locale;
    }
    if (zone) {
        request.time_zone = zone;
    }
    return request;
}
