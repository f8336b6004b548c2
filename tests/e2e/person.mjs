// SPDX-License-Identifier: GPL-3.0-or-later
// What a person of these tests does, in Spanish: signs in, types, looks at colours, resizes, logs off.
import { consoleOpen, pressKeys, shareOf, signIn, until } from './browser.mjs';

export const SLOW = 120000;
export const REFRESH = 300000; // a desktop made anew, on a machine without KVM
/* «Forwarded» as the answer to a wished size, how these tests look at pixels, the line that is cut, a guest that is still signing on. */
export const EXPECTED = [/resize request/, /willReadFrequently/, /ERR_INTERNET_DISCONNECTED/, /status of 409/];

/* Keys of a Spanish keyboard: character → [code, 'shift' | 'altgr', dead key's code first]. */
const SPANISH = {
    ' ': ['Space'], '\n': ['Enter'], '-': ['Slash'], ';': ['Comma', 'shift'], '"': ['Digit2', 'shift'],
    '$': ['Digit4', 'shift'], '(': ['Digit8', 'shift'], ')': ['Digit9', 'shift'], '=': ['Digit0', 'shift'],
    '/': ['Digit7', 'shift'], '%': ['Digit5', 'shift'], '&': ['Digit6', 'shift'], '*': ['BracketRight', 'shift'],
    '#': ['Digit3', 'altgr'], '[': ['BracketLeft', 'altgr'], ']': ['BracketRight', 'altgr'],
    '\\': ['Backquote', 'altgr'], '\'': ['Minus'], '@': ['Digit2', 'altgr'], '€': ['KeyE', 'altgr'],
    '.': ['Period'], ':': ['Period', 'shift'], ',': ['Comma'], '_': ['Slash', 'shift'], '+': ['BracketRight'],
    '<': ['IntlBackslash'], '>': ['IntlBackslash', 'shift'], '{': ['Quote', 'altgr'], '}': ['Backslash', 'altgr'],
    'ñ': ['Semicolon'], 'á': ['KeyA', null, 'Quote'], '|': ['Digit1', 'altgr'], '~': ['Digit4', 'altgr'],
};

/** What a Spanish keyboard does to type `text`, for pressKeys(). */
export function keysOf(text) {
    const keys = [];
    for (const char of text) {
        const [code, modifier, dead] = SPANISH[char] ?? (/[0-9]/.test(char) ? [`Digit${char}`]
            : /[a-z]/.test(char) ? [`Key${char.toUpperCase()}`] : [`Key${char}`, 'shift']);
        const held = modifier === 'shift' ? { key: 'Shift', code: 'ShiftLeft', keyCode: 16 }
            : modifier === 'altgr' ? { key: 'AltGraph', code: 'AltRight', keyCode: 18 } : null;
        if (dead) {
            keys.push({ key: 'Dead', code: dead });
        }
        if (held) {
            keys.push({ ...held, hold: true });
        }
        keys.push({ key: char === '\n' ? 'Enter' : char, code, keyCode: char === '\n' ? 13 : 0,
            modifiers: modifier === 'shift' ? 8 : 0 });
        if (held) {
            keys.push({ ...held, release: true });
        }
    }
    return keys;
}

/** The terminal's whole background becomes a colour that only the guest's shell can work out. */
export const paint = (number) => `printf "\\e]11;#%06x\\a" $((${number}))\n`;
export const colourOf = (third) => (3 * third).toString(16).padStart(6, '0');

/** Waits until half of the desktop has that colour. */
export async function shows(page, colour, what, ms = SLOW) {
    await until(what, async () => await shareOf(page, colour) > 0.5, ms);
}

/** A guest that stands still for a moment loses keys, as its hardware would: then a person types again. */
export async function asks(page, command, colour, what) {
    for (let attempt = 1; ; attempt++) {
        await pressKeys(page, keysOf(command), { paceMs: 30 });
        try {
            await shows(page, colour, what, 20000);
            return;
        } catch (error) {
            if (attempt === 5) {
                throw error;
            }
            console.log(`typed again: ${what}`);
            await pressKeys(page, [{ key: 'Control', code: 'ControlLeft', keyCode: 17, hold: true },
                { key: 'c', code: 'KeyC', modifiers: 2 }, { key: 'Control', code: 'ControlLeft', keyCode: 17, release: true }]);
        }
    }
}

/** Signs in at the portal. */
export async function enter(page, portal, user, password) {
    await page.goto(portal);
    await signIn(page, user, password);
}

/** The button of a desktop's tile. */
export const tile = (page, title) =>
    page.locator('.tiles > *').filter({ hasText: title }).locator('button:visible').first();

/** Opens the tile's desktop until half of it has that colour; `waits`: somebody's desktop is being made anew first. */
export async function openDesktop(page, title, colour, waits = false) {
    const began = Date.now();
    await tile(page, title).click();
    if (waits) {
        await page.locator('.wait').waitFor();
    }
    await consoleOpen(page, waits ? REFRESH : SLOW);
    const first = Date.now() - began;
    await shows(page, colour, 'the desktop of the guest');
    return `first picture after ${first} ms, desktop after ${Date.now() - began} ms`;
}

/** Makes the window so large, and waits for the guest to be as large. */
export async function resize(page, width, height) {
    await page.setViewportSize({ width, height });
    await until('the guest to follow the window', () => page.evaluate(([w, h]) => {
        const canvas = document.querySelector('.screen-target canvas');
        return canvas?.width === w && canvas.height === h;
    }, [width, height]), SLOW);
    console.log(`the guest follows the window to ${width}x${height}`);
}

/** Logs off from the toolbar. */
export async function logOff(page) {
    await page.mouse.move(550, 2);
    await page.locator('.tool').filter({ hasText: 'Cerrar sesión' }).click();
    await page.getByRole('button', { name: 'Cerrar sesión' }).last().click();
    await page.getByText('Ha cerrado la sesión').waitFor({ timeout: SLOW });
    console.log('log off from the toolbar');
}
