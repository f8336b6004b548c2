// SPDX-License-Identifier: GPL-3.0-or-later
// A Chromium for tests: starts it, keeps what it complains about, and reads pixels and keys. Used by every e2e test.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { requireModule } from '../fakes/modules.mjs';

const { chromium } = requireModule('playwright-core');

const FLAGS = [
    '--headless', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage',
];

/** {context, page, complaints, close()}. options: language, dark, size, permissions, keepProfile. */
export async function openBrowser({ language = 'en-US', dark = false, size = { width: 1280, height: 800 },
    permissions = [], caFile = null } = {}) {
    const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'zaguan-browser-'));
    const args = [...FLAGS, `--lang=${language}`];
    if (process.getuid() === 0) {
        args.push('--no-sandbox');
    }
    const context = await chromium.launchPersistentContext(profile, {
        executablePath: process.env.ZAGUAN_CHROMIUM ?? '/usr/bin/chromium',
        headless: true, args, locale: language, colorScheme: dark ? 'dark' : 'light', viewport: size,
        ignoreHTTPSErrors: caFile === null, permissions, timezoneId: 'Europe/Madrid', timeout: 60000,
    });
    context.setDefaultTimeout(20000);
    const complaints = [];
    const listen = (page) => {
        page.on('console', (message) => {
            if (message.type() === 'error' || message.type() === 'warning') {
                complaints.push(`${message.type()}: ${message.text()}`);
            }
        });
        page.on('pageerror', (error) => complaints.push(`page: ${error.message}`));
    };
    await context.addInitScript(() => {
        globalThis.cspViolations = [];
        document.addEventListener('securitypolicyviolation', (event) => {
            globalThis.cspViolations.push(`${event.violatedDirective} ${event.blockedURI}`);
        });
    });
    context.pages().forEach(listen);
    context.on('page', listen);
    const page = context.pages()[0] ?? await context.newPage();
    return {
        context, page, complaints,
        async close() {
            await context.close();
            fs.rmSync(profile, { recursive: true, force: true, maxRetries: 3 });
        },
    };
}

/** Waits until `probe` gives something true, asking every 50 ms; fails with `what` after `ms`. */
export async function until(what, probe, ms = 10000) {
    const end = Date.now() + ms;
    let last = null;
    for (;;) {
        try {
            const value = await probe();
            if (value) {
                return value;
            }
            last = null;
        } catch (error) {
            last = error;
        }
        if (Date.now() > end) {
            throw new Error(`not within ${ms} ms: ${what}${last ? ` (${last.message})` : ''}`);
        }
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
}

/** Signs in on the sign-in page and waits for the tiles. */
export async function signIn(page, user, password) {
    await page.locator('#user').fill(user);
    await page.locator('#password').fill(password);
    await page.locator('button[type=submit]').click();
    await page.locator('.tiles:not([aria-busy])').waitFor();
}

/** Waits for the first picture of a console. */
export async function consoleOpen(page, ms = 20000) {
    await page.locator('.console[data-live="true"]').waitFor({ timeout: ms });
}

/** The colours of the desktop's canvas at [[x, y], …] in its own coordinates, as 'rrggbb'. */
export async function pixels(page, points) {
    return page.evaluate((list) => {
        const canvas = document.querySelector('.screen-target canvas');
        const context = canvas.getContext('2d');
        return list.map(([x, y]) => [...context.getImageData(x, y, 1, 1).data.slice(0, 3)]
            .map((value) => value.toString(16).padStart(2, '0')).join(''));
    }, points);
}

/** How much of the canvas has a colour within `slack` of 'rrggbb' in each channel: 0..1. */
export async function shareOf(page, rgb, slack = 12) {
    return page.evaluate(([wanted, near]) => {
        const canvas = document.querySelector('.screen-target canvas');
        if (!canvas || canvas.width === 0) {
            return 0;
        }
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        const [r, g, b] = [0, 2, 4].map((at) => parseInt(wanted.slice(at, at + 2), 16));
        let hits = 0;
        let all = 0;
        for (let i = 0; i < data.length; i += 16) { /* every fourth pixel */
            all += 1;
            hits += Math.abs(data[i] - r) <= near && Math.abs(data[i + 1] - g) <= near &&
                Math.abs(data[i + 2] - b) <= near ? 1 : 0;
        }
        return hits / all;
    }, [rgb, slack]);
}

/**
 * Presses keys as a keyboard does: {key, code, keyCode, modifiers}. Playwright knows the American layout only, so
 * these go to the browser directly. modifiers: 1 Alt, 2 Ctrl, 4 Meta, 8 Shift.
 */
export async function pressKeys(page, keys, { paceMs = 0 } = {}) {
    const session = await page.context().newCDPSession(page);
    for (const { key, code, keyCode = 0, modifiers = 0, hold = false, release = false } of keys) {
        if (paceMs > 0) { /* a typist; a guest's keyboard has a short queue */
            await new Promise((resolve) => setTimeout(resolve, paceMs));
        }
        const common = { key, code, windowsVirtualKeyCode: keyCode, modifiers,
            text: key.length === 1 ? key : undefined };
        if (!release) {
            await session.send('Input.dispatchKeyEvent', { type: key.length === 1 ? 'keyDown' : 'rawKeyDown', ...common });
        }
        if (!hold) {
            await session.send('Input.dispatchKeyEvent', { type: 'keyUp', ...common, text: undefined });
        }
    }
    await session.detach();
}

/** Fails when the page broke its own policy or complained. `allowed` are patterns of expected complaints. */
export async function nothingComplained(browser, allowed = []) {
    const violations = await browser.page.evaluate(() => globalThis.cspViolations);
    const rest = browser.complaints.filter((text) => !allowed.some((pattern) => pattern.test(text)));
    if (violations.length > 0 || rest.length > 0) {
        throw new Error(`the page complained:\n${[...violations, ...rest].join('\n')}`);
    }
}
