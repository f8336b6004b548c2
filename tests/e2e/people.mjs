// SPDX-License-Identifier: GPL-3.0-or-later
// People at the portal, in a real Chromium, on real desktops. people_test.py starts it and writes one JSON object to
// standard input: {portal, title, people: {name: password}, colour: what the guest's shell makes of ñá@€, shots?}.
// Prints what it saw, one sentence a line.
import path from 'node:path';
import { consoleOpen, nothingComplained, openBrowser, pressKeys, shareOf, signIn, until } from './browser.mjs';

const PAPER = 'f7f5ee'; // the terminal's background in debian-tiny
const SLOW = 120000;
const REFRESH = 300000; // a desktop made anew, on a machine without KVM
/* «Forwarded» as the answer to a wished size, how these tests look at pixels, the line that is cut, a guest that is still signing on. */
const EXPECTED = [/resize request/, /willReadFrequently/, /ERR_INTERNET_DISCONNECTED/, /status of 409/];

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

/* Opens the tile's desktop; `waits`: somebody's desktop is being made anew first. */
async function openDesktop(page, title, waits = false) {
    const began = Date.now();
    await tile(page, title).click();
    if (waits) {
        await page.locator('.wait').waitFor();
    }
    await consoleOpen(page, waits ? REFRESH : SLOW);
    const first = Date.now() - began;
    await shows(page, PAPER, 'the terminal of the guest');
    return `first picture after ${first} ms, terminal after ${Date.now() - began} ms`;
}

async function resize(page, width, height) {
    await page.setViewportSize({ width, height });
    await until('the guest to follow the window', () => page.evaluate(([w, h]) => {
        const canvas = document.querySelector('.screen-target canvas');
        return canvas?.width === w && canvas.height === h;
    }, [width, height]), SLOW);
    console.log(`the guest follows the window to ${width}x${height}`);
}

/* A reload and a lost line come back with the resume secret: nobody signs in, no ticket is asked for. */
async function comeBack(browser, colour) {
    const { page } = browser;
    const asked = [];
    page.on('request', (request) => request.method() === 'POST' && asked.push(request.url()));
    await page.reload();
    await consoleOpen(page, SLOW);
    await shows(page, colour, 'the same desktop after a reload');
    console.log('a reload comes back without signing in');

    await browser.context.setOffline(true);
    await page.evaluate(() => globalThis.testSockets.forEach((socket) => socket.close(4000)));
    await page.locator('.lost').waitFor();
    await until('the last picture under the notice', () => page.locator('canvas.frozen').isVisible());
    await browser.context.setOffline(false);
    await consoleOpen(page, SLOW);
    await page.locator('.lost').waitFor({ state: 'detached' });
    await shows(page, colour, 'the same desktop after the line was lost');
    console.log('a lost line is said over the last picture, and comes back');
    if (asked.length > 0) {
        throw new Error(`coming back asked for ${asked}`);
    }
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
    await first.context.addInitScript(() => {
        globalThis.testSockets = [];
        globalThis.WebSocket = class extends WebSocket {
            constructor(...words) {
                super(...words);
                globalThis.testSockets.push(this);
            }
        };
    });
    const second = await openBrowser({ language: 'es-ES' });
    try {
        await enter(first.page, task.portal, ana, task.people[ana]);
        console.log(`${ana}: ${await openDesktop(first.page, task.title)}`);
        await asks(first.page, `touch secreto; set $(printf ñá@€|cksum); ${paint('$1%16777216')}`, task.colour,
            'ñ á @ € typed on a Spanish keyboard, as the guest summed them up');
        console.log('ñ á @ € arrive; the answer is read from the pixels');
        await shot(first.page, 'typed');
        await resize(first.page, 1100, 700);
        await comeBack(first, task.colour);
        await nothingComplained(first, EXPECTED);
        await takeOver(first, second, ana, task);
        await shows(second.page, task.colour, 'the same desktop on the other terminal');
        await logOff(second.page);
        await nothingComplained(second, EXPECTED);
    } catch (error) {
        await shot(first.page, 'failed');
        await shot(second.page, 'failed-second');
        throw error;
    } finally {
        await first.close();
        await second.close();
    }
    const third = await openBrowser({ language: 'es-ES' });
    try {
        await enter(third.page, task.portal, luis, task.people[luis]);
        console.log(`${luis}: ${await openDesktop(third.page, task.title, true)}`);
        await asks(third.page, `[ $(ls /home|wc -l)$(ls|wc -l) = 10 ] && ${paint(`3*${0x2244aa}`)}`, colourOf(0x2244aa),
            'a clean desktop for the next person');
        console.log('the next person has a clean desktop');
        await nothingComplained(third, EXPECTED);
    } catch (error) {
        await shot(third.page, 'failed-next');
        throw error;
    } finally {
        await third.close();
    }
}

let text = '';
for await (const chunk of process.stdin) {
    text += chunk;
}
await work(JSON.parse(text));
