// SPDX-License-Identifier: GPL-3.0-or-later
// The browser's part of screenshots.py: {portal, folder, people: {name: password}} on standard input.
import path from 'node:path';
import { consoleOpen, openBrowser, shareOf, signIn, until } from './browser.mjs';

const SLOW = 120000;
const WALL = '2b4a5e'; // debian-desktop's background
const PAPER = 'f7f5ee'; // its terminal's
const PACE = { delay: 40 };
/* One line in the guest: a note, the programs, each window in its place (icesh is IceWM's own tool), a few commands. */
const LINE = 'printf "Monday\\n\\n- call the print shop about the posters\\n- meeting with Oliver at eleven\\n" ' +
    '> Documents/notes.txt; mousepad Documents/notes.txt & pcmanfm & sleep 25; ' +
    'icesh -c mousepad sizeto 560 330 move 48 40; icesh -c pcmanfm sizeto 580 400 move 650 64; ' +
    'icesh -c lxterminal sizeto 760 320 move 170 420; clear; id -un; uname -sr; ls; df -h /\n';
const KEYS = { ' ': 'Space', '\n': 'Enter', '-': 'Minus', '/': 'Slash', '.': 'Period', ';': 'Semicolon', '\\': 'Backslash',
    '"': 'Shift+Quote', '>': 'Shift+Period', '&': 'Shift+Digit7' };

/* As on an American keyboard, shift and all. */
async function type(page, text) {
    for (const char of text) {
        const key = KEYS[char] ?? (/[0-9]/.test(char) ? `Digit${char}`
            : `${/[A-Z]/.test(char) ? 'Shift+' : ''}Key${char.toUpperCase()}`);
        await page.keyboard.press(key, PACE);
    }
}

async function enter(page, portal, user, password) {
    await page.goto(portal);
    await signIn(page, user, password);
    await page.evaluate(() => document.fonts.ready);
}

/* The picture has not changed for so long. */
async function settled(page, ms) {
    let last = '';
    let since = Date.now();
    await until('a still picture', async () => {
        const now = await page.evaluate(() => document.querySelector('.screen-target canvas').toDataURL('image/png'));
        if (now !== last) {
            last = now;
            since = Date.now();
        }
        return Date.now() - since > ms;
    }, SLOW);
}

async function arrange(page) {
    await page.keyboard.press('Control+Alt+t');
    await until('a terminal', async () => await shareOf(page, PAPER) > 0.15, SLOW);
    await settled(page, 1500);
    await type(page, LINE);
    await until('the windows', async () => await shareOf(page, 'fcfcfc', 4) > 0.2, SLOW);
    await until('their places', async () => await shareOf(page, WALL) > 0.15 && await shareOf(page, PAPER) < 0.25, SLOW);
    await settled(page, 5000);
}

async function work({ portal, folder, people }) {
    const shot = (page, name) => page.screenshot({ path: path.join(folder, `${name}.png`) });
    const first = await openBrowser();
    const second = await openBrowser();
    try {
        await first.page.goto(portal);
        await first.page.locator('#user').fill('amelia.wright');
        await first.page.evaluate(() => document.fonts.ready);
        await shot(first.page, 'sign-in');
        await enter(first.page, portal, 'amelia.wright', people['amelia.wright']);
        await shot(first.page, 'desktops');
        const began = Date.now();
        await first.page.locator('.tile[data-pool="office"] .open').click();
        await consoleOpen(first.page, SLOW);
        console.log(`first picture after ${Date.now() - began} ms`);
        await until('the desktop', async () => await shareOf(first.page, WALL) > 0.7, SLOW);
        console.log(`desktop after ${Date.now() - began} ms`);
        await arrange(first.page);
        await first.page.mouse.move(640, 520);
        await until('the tools to hide', () => first.page.locator('.tools[data-open="false"]').count());
        await shot(first.page, 'desktop');
        await enter(second.page, portal, 'oliver.hughes', people['oliver.hughes']);
        await second.page.locator('.tile[data-pool="office"] .open').click();
        await second.page.locator('.wait-place:not(:empty)').waitFor();
        await shot(second.page, 'waiting');
    } catch (error) {
        await shot(first.page, 'failed');
        throw error;
    } finally {
        await first.close();
        await second.close();
    }
}

let text = '';
for await (const chunk of process.stdin) {
    text += chunk;
}
await work(JSON.parse(text));
