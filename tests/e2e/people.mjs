// SPDX-License-Identifier: GPL-3.0-or-later
// People at the portal, in a real Chromium, on real desktops. people_test.py starts it and writes one JSON object to
// standard input: {portal, title, people: {name: password}, colour: what the guest's shell makes of ñá@€, shots?}.
// Prints what it saw, one sentence a line.
import path from 'node:path';
import { consoleOpen, nothingComplained, openBrowser, until } from './browser.mjs';
import { asks, colourOf, enter, EXPECTED, logOff, openDesktop, paint, resize, shows, SLOW, tile } from './person.mjs';

const PAPER = 'f7f5ee'; // the terminal's background in debian-tiny

/* The page is our own client: exact parts come to it in our own encoding. */
async function usesOurEncoding(page) {
    await until('our own encoding on the line', () => page.evaluate(async () => {
        const get = async (path) => (await fetch(`/api/v1/my/sessions${path}`)).json();
        const session = (await get('')).items.find(({ state }) => state === 'active');
        return session && (await get(`/${session.id}`)).line?.encodings.includes('zaguan');
    }), SLOW);
    console.log('the line carries our own encoding');
}

/* Behind the network light, for whoever helps somebody on the phone. */
async function tellsOfTheLine(page, shot) {
    await page.mouse.move(550, 2);
    await page.locator('.line').click();
    const facts = page.locator('.panel .facts');
    for (const words of [/Ida y vuelta\s*\d+ ms/, /La línea da\s*(\d|al menos \d|todavía)/, /Imágenes por segundo\s*\d+/,
        /Enviado como\s*zaguan/, /Espera a\s*\S/]) {
        await facts.filter({ hasText: words }).waitFor();
    }
    await shot(page, 'line');
    await page.keyboard.press('Escape');
    await facts.waitFor({ state: 'hidden' });
    await page.keyboard.press('Escape');
    console.log('the network light tells of the line');
}

/*
 * A reload comes back with the resume secret, no ticket is asked for. So does a lost line, unless what is lost is the answer
 * with the next secret: then a ticket is asked for, and still nobody signs in.
 */
async function comeBack(browser, colour) {
    const { page } = browser;
    const asked = [];
    page.on('request', (request) => request.method() === 'POST' && asked.push(request.url()));
    await page.reload();
    await consoleOpen(page, SLOW);
    await shows(page, colour, 'the same desktop after a reload');
    const nobodyAsked = (urls) => {
        if (urls.length > 0) {
            throw new Error(`coming back asked for ${urls}`);
        }
    };
    nobodyAsked(asked);
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
    nobodyAsked(asked.filter((url) => !url.endsWith('/ticket')));
}

async function takeOver(first, second, user, { portal, title, people }) {
    await enter(second.page, portal, user, people[user]);
    await tile(second.page, title).click();
    await consoleOpen(second.page, SLOW);
    await first.page.getByText('En uso en otra pantalla').waitFor({ timeout: SLOW });
    console.log('another terminal takes over, and the old one is told');
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
        console.log(`${ana}: ${await openDesktop(first.page, task.title, PAPER)}`);
        await asks(first.page, `touch secreto; set $(printf ñá@€|cksum); ${paint('$1%16777216')}`, task.colour,
            'ñ á @ € typed on a Spanish keyboard, as the guest summed them up');
        console.log('ñ á @ € arrive; the answer is read from the pixels');
        await shot(first.page, 'typed');
        await usesOurEncoding(first.page);
        await tellsOfTheLine(first.page, shot);
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
        console.log(`${luis}: ${await openDesktop(third.page, task.title, PAPER, true)}`);
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
