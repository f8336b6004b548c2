// SPDX-License-Identifier: GPL-3.0-or-later
// A scene of tests/bench in the page: real front, worker and Chromium, a scripted portal behind the front. The task
// is what scene.py gives: {web, broker, origin, ticket, stage, frames}.
import fs from 'node:fs';
import { PortalServer } from '../fakes/portal_server.mjs';
import { consoleOpen, openBrowser, signIn, until } from './browser.mjs';

const BEGIN_AT = 8; // of BenchStage in tests/bench/stage.h
const SHOWN_AT = 16;
const PLAY_MS = 60000;

/**
 * The page with frame 0 of the scene in its console. `prepare` runs in the page before its scripts, `beforeConsole`
 * here, when the person has signed in.
 */
export async function openScene(task, { prepare = () => {}, beforeConsole = () => {} } = {}) {
    const portal = new PortalServer(task.web, { behind: { origin: task.origin, ticket: () => task.ticket } });
    await portal.listen(task.broker);
    const browser = await openBrowser();
    const { page } = browser;
    await page.addInitScript(prepare);
    await page.goto(`${task.origin}/`);
    const [user] = Object.keys(portal.users);
    await signIn(page, user, portal.users[user].password);
    await beforeConsole(page);
    await page.locator('.tiles > *').filter({ hasText: 'Oficina' }).locator('button:visible').first().click();
    try {
        await consoleOpen(page);
    } catch (error) {
        throw new Error(`${error.message}\n${[...browser.complaints, ...portal.problems].join('\n')}`);
    }
    return {
        ...browser,
        async close() {
            await browser.close();
            await portal.close();
        },
    };
}

/** Plays it, until its last frame was shown by the player and then seen in the page. */
export async function playScene(page, task) {
    const stage = fs.openSync(task.stage, 'r+');
    const [begin, shown] = [Buffer.alloc(8), Buffer.alloc(8)];
    begin.writeBigInt64LE(process.hrtime.bigint() / 1000n); /* the player's clock, too */
    fs.writeSync(stage, begin, 0, 8, BEGIN_AT);
    await until('the last frame to be shown', () => {
        fs.readSync(stage, shown, 0, 8, SHOWN_AT + 8 * (task.frames - 1));
        return shown.readBigInt64LE() !== 0n;
    }, PLAY_MS);
    fs.closeSync(stage);
    await until('the last frame in the page', async () => await page.evaluate(frameSeen) === task.frames - 1);
}

/** In the page: the number in the picture's corner, as bench_stripe_read() reads it; -1 when it is torn. */
export function frameSeen() {
    const [CELL, BITS] = [8, 16];
    const canvas = document.querySelector('.screen-target canvas');
    const { data } = canvas.getContext('2d').getImageData(0, CELL / 2, CELL * BITS, 1);
    let bits = 0;
    for (let i = 0; i < BITS; i += 1) {
        bits |= data[(i * CELL + CELL / 2) * 4 + 1] > 128 ? 1 << i : 0;
    }
    const number = bits & 0xfff;
    return bits >> 12 === ((number ^ number >> 4 ^ number >> 8 ^ 5) & 15) ? number : -1;
}
