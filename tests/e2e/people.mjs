// SPDX-License-Identifier: GPL-3.0-or-later
// People at the portal, in a real Chromium, on real desktops. Started by people_test.py, which writes one JSON object
// to standard input (colour: what the shell makes of ñá@€): {portal, title, people: {name: password}, colour, shots?}. Prints what it saw, one sentence a line.
import path from 'node:path';
import { consoleOpen, nothingComplained, openBrowser, pressKeys, shareOf, signIn, until } from './browser.mjs';

const PAPER = 'f7f5ee'; // the terminal's background in debian-tiny
const SLOW = 300000;
/* The answer to a wished size is «forwarded»: noVNC knows no word for it. */
const EXPECTED = [/resize request/, /willReadFrequently/]; // the second: how these tests look at pixels

/* Keys of a Spanish keyboard: character → [code, 'shift' | 'altgr', dead key's code first]. */
const SPANISH = {
    ' ': ['Space'], '\n': ['Enter'], '-': ['Slash'], ';': ['Comma', 'shift'], '"': ['Digit2', 'shift'],
    '$': ['Digit4', 'shift'], '(': ['Digit8', 'shift'], ')': ['Digit9', 'shift'], '=': ['Digit0', 'shift'],
    '/': ['Digit7', 'shift'], '%': ['Digit5', 'shift'], '&': ['Digit6', 'shift'], '*': ['BracketRight', 'shift'],
    '#': ['Digit3', 'altgr'], '[': ['BracketLeft', 'altgr'], ']': ['BracketRight', 'altgr'],
    '\\': ['Backquote', 'altgr'], '\'': ['Minus'], '@': ['Digit2', 'altgr'], '€': ['KeyE', 'altgr'],
    'ñ': ['Semicolon'], 'á': ['KeyA', null, 'Quote'], '|': ['Digit1', 'altgr'], '~': ['Digit4', 'altgr'],
};

function keysOf(text) {
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

/* The terminal's whole background becomes a colour that only the guest's shell can work out. */
const paint = (number) => `printf "\\e]11;#%06x\\a" $((${number}))\n`;
const colourOf = (third) => (3 * third).toString(16).padStart(6, '0');

async function shows(page, colour, what, ms = SLOW) {
    await until(what, async () => await shareOf(page, colour) > 0.5, ms);
}

/* A guest that stands still for a moment loses keys, as its hardware would: then a person types again. */
async function asks(page, command, colour, what) {
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

async function enter(page, portal, user, password) {
    await page.goto(portal);
    await signIn(page, user, password);
}

const tile = (page, title) =>
    page.locator('.tiles > *').filter({ hasText: title }).locator('button:visible').first();

async function openDesktop(page, title) {
    const began = Date.now();
    await tile(page, title).click();
    await consoleOpen(page, SLOW);
    const first = Date.now() - began;
    await shows(page, PAPER, 'the terminal of the guest');
    return `first picture after ${first} ms, terminal after ${Date.now() - began} ms`;
}

async function resizeAndReload(browser, colour) {
    const { page } = browser;
    await page.setViewportSize({ width: 1100, height: 700 });
    await until('the guest to follow the window', () => page.evaluate(() => {
        const canvas = document.querySelector('.screen-target canvas');
        return canvas.width === 1100 && canvas.height === 700;
    }), SLOW);
    console.log('the guest follows the window to 1100x700');
    await page.reload();
    await consoleOpen(page, SLOW);
    await shows(page, colour, 'the same desktop after a reload');
    console.log('a reload comes back without signing in');
}

async function takeOver(first, second, user, { portal, title, people }) {
    await enter(second.page, portal, user, people[user]);
    await tile(second.page, title).click();
    await consoleOpen(second.page, SLOW);
    await first.page.getByText('En uso en otra pantalla').waitFor({ timeout: SLOW });
    console.log('another terminal takes over, and the old one is told');
}

async function logOff(page) {
    await page.mouse.move(550, 2);
    await page.locator('.tool').filter({ hasText: 'Cerrar sesión' }).click();
    await page.getByRole('button', { name: 'Cerrar sesión' }).last().click();
    await page.getByText('Ha cerrado la sesión').waitFor({ timeout: SLOW });
    console.log('log off from the toolbar');
}

async function work(task) {
    const [ana, luis] = Object.keys(task.people);
    const shot = (page, name) => (task.shots
        ? page.screenshot({ path: path.join(task.shots, `${name}.png`) }) : null);
    const first = await openBrowser({ language: 'es-ES' });
    const second = await openBrowser({ language: 'es-ES' });
    try {
        await enter(first.page, task.portal, ana, task.people[ana]);
        console.log(`${ana}: ${await openDesktop(first.page, task.title)}`);
        await asks(first.page, `touch secreto; set $(printf ñá@€|cksum); ${paint('$1%16777216')}`, task.colour,
            'ñ á @ € typed on a Spanish keyboard, as the guest summed them up');
        console.log('ñ á @ € arrive; the answer is read from the pixels');
        await shot(first.page, 'typed');
        await resizeAndReload(first, task.colour);
        await takeOver(first, second, ana, task);
        await shows(second.page, task.colour, 'the same desktop on the other terminal');
        await logOff(second.page);
        await nothingComplained(second, EXPECTED);
    } catch (error) {
        await shot(first.page, 'failed');
        console.log(first.complaints.join('\n'), second.complaints.join('\n'));
        throw error;
    } finally {
        await first.close();
        await second.close();
    }
    const third = await openBrowser({ language: 'es-ES' });
    try {
        await enter(third.page, task.portal, luis, task.people[luis]);
        console.log(`${luis}: ${await openDesktop(third.page, task.title)}`);
        await asks(third.page, `[ $(ls /home|wc -l)$(ls|wc -l) = 10 ] && ${paint(`3*${0x2244aa}`)}`, colourOf(0x2244aa),
            'a clean desktop for the next person');
        console.log('the next person has a clean desktop');
        await logOff(third.page);
        await nothingComplained(third, EXPECTED);
    } finally {
        await third.close();
    }
}

let text = '';
for await (const chunk of process.stdin) {
    text += chunk;
}
await work(JSON.parse(text));
