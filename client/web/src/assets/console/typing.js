// SPDX-License-Identifier: GPL-3.0-or-later
// Text → key presses on a layout, for touch screens and input methods. The desktop reads keys by their place, so
// «@» is AltGr+2 for it where the layout is Spanish and Shift+2 where it is American. Pure.

/* Keys in reading order, and what stands on them: plain, with Shift. A space is «nothing here». */
const PLACES = [
    'Backquote', 'Digit1', 'Digit2', 'Digit3', 'Digit4', 'Digit5', 'Digit6', 'Digit7', 'Digit8', 'Digit9', 'Digit0',
    'Minus', 'Equal',
    'KeyQ', 'KeyW', 'KeyE', 'KeyR', 'KeyT', 'KeyY', 'KeyU', 'KeyI', 'KeyO', 'KeyP', 'BracketLeft', 'BracketRight',
    'KeyA', 'KeyS', 'KeyD', 'KeyF', 'KeyG', 'KeyH', 'KeyJ', 'KeyK', 'KeyL', 'Semicolon', 'Quote', 'Backslash',
    'IntlBackslash', 'KeyZ', 'KeyX', 'KeyC', 'KeyV', 'KeyB', 'KeyN', 'KeyM', 'Comma', 'Period', 'Slash',
];

const LAYOUTS = {
    us: ['`1234567890-=qwertyuiop[]asdfghjkl;\'\\ zxcvbnm,./',
        '~!@#$%^&*()_+QWERTYUIOP{}ASDFGHJKL:"| ZXCVBNM<>?'],
    gb: ['`1234567890-=qwertyuiop[]asdfghjkl;\'#\\zxcvbnm,./',
        '¬!"£$%^&*()_+QWERTYUIOP{}ASDFGHJKL:@~|ZXCVBNM<>?'],
    es: ['º1234567890\'¡qwertyuiop +asdfghjklñ ç<zxcvbnm,.-',
        'ª!"·$%&/()=?¿QWERTYUIOP *ASDFGHJKLÑ Ç>ZXCVBNM;:_'],
    latam: ['|1234567890\'¿qwertyuiop +asdfghjklñ{}<zxcvbnm,.-',
        '°!"#$%&/()=?¡QWERTYUIOP *ASDFGHJKLÑ[]>ZXCVBNM;:_'],
};

const ALTGR = {
    us: {},
    gb: { '€': 'Digit4' },
    es: { '\\': 'Backquote', '|': 'Digit1', '@': 'Digit2', '#': 'Digit3', '~': 'Digit4', '€': 'KeyE',
        '[': 'BracketLeft', ']': 'BracketRight', '{': 'Quote', '}': 'Backslash' },
    latam: { '¬': 'Backquote', '\\': 'Minus', '@': 'KeyQ', '€': 'KeyE', '~': 'BracketRight' },
};

/* Dead keys: accent → place and level; used where a letter is written with it. */
const DEAD = {
    es: { '\u0301': ['Quote', 0], '\u0308': ['Quote', 1], '\u0300': ['BracketLeft', 0], '\u0302': ['BracketLeft', 1] },
    latam: { '\u0301': ['BracketLeft', 0], '\u0308': ['BracketLeft', 1] },
};

const MODIFIERS = [
    [],
    [{ keysym: 0xffe1, code: 'ShiftLeft' }],
    [{ keysym: 0xfe03, code: 'AltRight' }],
];

const SPECIAL = { ' ': [0x20, 'Space'], '\n': [0xff0d, 'Enter'], '\t': [0xff09, 'Tab'] };

/** The X keysym of a character. */
export function keysymOf(char) {
    const point = char.codePointAt(0);
    if (char === '€') {
        return 0x20ac;
    }
    return point <= 0xff ? point : 0x01000000 | point;
}

function tableOf(layout) {
    const name = layout === 'es:cat' ? 'es' : layout;
    if (!(name in LAYOUTS)) {
        return null;
    }
    const table = new Map();
    LAYOUTS[name].forEach((row, level) => {
        [...row].forEach((char, i) => {
            if (char !== ' ' && !table.has(char)) {
                table.set(char, { code: PLACES[i], level });
            }
        });
    });
    for (const [char, code] of Object.entries(ALTGR[name])) {
        table.set(char, { code, level: 2 });
    }
    return { table, dead: DEAD[name] ?? {} };
}

function stroke(events, keysym, code, level) {
    for (const modifier of MODIFIERS[level]) {
        events.push({ ...modifier, down: true });
    }
    events.push({ keysym, code, down: true }, { keysym, code, down: false });
    for (const modifier of [...MODIFIERS[level]].reverse()) {
        events.push({ ...modifier, down: false });
    }
}

function typeChar(events, char, { table, dead }) {
    if (char in SPECIAL) {
        stroke(events, ...SPECIAL[char], 0);
        return true;
    }
    const key = table.get(char);
    if (key) {
        stroke(events, keysymOf(char), key.code, key.level);
        return true;
    }
    const [base, accent, ...rest] = [...char.normalize('NFD')];
    if (accent && rest.length === 0 && accent in dead && table.has(base)) {
        const [code, level] = dead[accent];
        const { code: baseCode, level: baseLevel } = table.get(base);
        stroke(events, 0, code, level);
        stroke(events, keysymOf(base), baseCode, baseLevel);
        return true;
    }
    return false;
}

/** {events: [{keysym, code, down}], missing: [characters]}. A layout we have no table of is tried by keysym alone. */
export function keysFor(text, layout) {
    const events = [];
    const missing = new Set();
    const known = tableOf(layout);
    for (const char of text.normalize('NFC')) {
        if (!known) {
            stroke(events, keysymOf(char), null, 0);
        } else if (!typeChar(events, char, known)) {
            missing.add(char);
        }
    }
    return { events, missing: [...missing] };
}
