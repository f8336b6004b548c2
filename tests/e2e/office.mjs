// SPDX-License-Identifier: GPL-3.0-or-later
// The browser's part of office_test.py: {portal, title, people: {name: password}, shots?} on standard input. What
// the guest's shell worked out is read from the pixels: its terminal, as large as the screen, takes the sum's colour.
// Prints what it saw, one sentence a line.
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { nothingComplained, openBrowser, pressKeys, shareOf, until } from './browser.mjs';
import { asks, enter, EXPECTED, keysOf, logOff, openDesktop, paint, resize, shows, SLOW } from './person.mjs';

const WALL = '2b4a5e'; // debian-desktop's background
const PAPER = 'f7f5ee'; // its terminal's
const MODULUS = 16777216;
const START_MS = 600000; // a large program on a machine without KVM
const COPIED = 'Año nuevo: 5 €'; // what the guest copies, once printf has put it together
const PANEL = 'pasted by hand: ñ á € «x».';
const SHARED = 'pasted by itself: ñandú, 7 €.';
const READY = '204060';
const EDITED = 'ñá@€ en el editor';

/* As the guest's `cksum` does. */
const sum = (text) => Number(execFileSync('cksum', { input: text }).toString().split(' ')[0]) % MODULUS;
const hex = (number) => number.toString(16).padStart(6, '0');
/* A line for the shell: the terminal takes the colour of what `words` print. */
const summed = (words) => `set $(${words}|cksum); ${paint(`$1%${MODULUS}`)}`;

async function says(page, words, text, what) {
    await asks(page, summed(words), hex(sum(text)), what);
    console.log(what);
}

const type = (page, text) => pressKeys(page, keysOf(text), { paceMs: 30 });

/* Two or three keys at once, by Playwright's names. */
const chord = (page, keys) => page.keyboard.press(keys, { delay: 40 });

/* Ctrl+Alt+T is IceWM's key for a terminal in this template, Alt+F10 its own for a window as large as the screen. */
async function openTerminal(page) {
    await chord(page, 'Control+Alt+t');
    await until('a terminal', async () => await shareOf(page, PAPER) > 0.15, SLOW);
    await chord(page, 'Alt+F10');
    await shows(page, PAPER, 'a terminal as large as the screen');
}

async function openPanel(page) {
    await page.mouse.move(550, 2);
    await page.locator('.tool').filter({ hasText: 'Portapapeles' }).click();
    await page.locator('#clip-text').waitFor();
}

async function closePanel(page) {
    await page.keyboard.press('Escape');
    await page.locator('#clip-text').waitFor({ state: 'detached' });
    await page.mouse.click(640, 600);
}

/* The guest's text reaches the panel and, as this browser allows it, the computer's clipboard. */
async function copyInGuest(page) {
    const clipboard = () => page.evaluate(() => navigator.clipboard.readText());
    await until('the clipboard of this computer', async () => {
        await type(page, 'printf "Año nuevo: %d €" $((2+3))|xclip -sel c\n');
        await until('the text', async () => await clipboard() === COPIED);
        return true;
    }, SLOW);
    await openPanel(page);
    await until('the panel', async () => await page.locator('#clip-text').inputValue() === COPIED);
    console.log('what the guest copies is in the panel and in the clipboard of this computer');
}

/* A pasted text comes when it comes, behind later keys: the shell waits for its full stop, then sums it up. */
async function paste(page, text, what) {
    const line = `printf "\\e]11;#${READY}\\a"; IFS= read -d . x; ${summed('printf %s "$x"')}`;
    await until(what, async () => {
        await chord(page, 'Control+c');
        await type(page, line);
        await shows(page, READY, 'a shell that waits for the text', 20000);
        await chord(page, 'Control+Shift+V');
        await shows(page, hex(sum(text.slice(0, -1))), what, 20000);
        return true;
    }, SLOW);
    console.log(what);
}

async function pasteInGuest(page) {
    await page.locator('#clip-text').fill(PANEL);
    await page.getByRole('button', { name: 'Ponerlo en el portapapeles del escritorio' }).click();
    await page.getByText('Ya se puede pegar en el escritorio.').waitFor();
    await closePanel(page);
    await paste(page, PANEL, 'what the panel sends is pasted in the guest');
    await page.evaluate(async (text) => {
        await navigator.clipboard.writeText(text);
        window.dispatchEvent(new Event('focus'));
    }, SHARED);
    await paste(page, SHARED, 'what this computer copies is pasted in the guest');
}

/* Editor: types into it and saves. */
async function edit(page) {
    await pressKeys(page, keysOf('mousepad nota &\n'), { paceMs: 30 });
    await until('the editor', async () => await shareOf(page, 'ffffff', 4) > 0.1, START_MS);
    await pressKeys(page, keysOf(EDITED), { paceMs: 60 });
    await chord(page, 'Control+s');
    await chord(page, 'Alt+F4');
    await until('the end of the editor', async () => await shareOf(page, 'ffffff', 4) < 0.05, SLOW);
    await says(page, 'printf %s "$(cat nota)"', EDITED, 'the editor saves what is typed in it');
}

/* The browser shows a page whose colour the shell works out; the windows of all programs are counted. */
async function programs(page) {
    const web = hex(sum('web'));
    await pressKeys(page, keysOf(`set $(printf web|cksum); printf "<body bgcolor=#%06x>" $(($1%${MODULUS}))>p.html; ` +
        'mousepad & pcmanfm & firefox-esr p.html &\n'), { paceMs: 30 });
    const began = Date.now();
    await until('a page in the browser', async () => await shareOf(page, web) > 0.3, START_MS);
    console.log(`the browser shows a page ${Date.now() - began} ms after the line was typed`);
}

async function windows(page) {
    await openTerminal(page);
    await says(page, 'for w in $(xprop -root _NET_CLIENT_LIST|cut -d# -f2|tr , " "); do xprop -id $w WM_CLASS; done' +
        '|grep -oE "firefox-esr|Mousepad|Pcmanfm|Lxterminal"|sort -u|tr "\\n" " "', 'firefox-esr Lxterminal Mousepad Pcmanfm ',
        'browser, editor, file manager and terminal have their windows');
}

async function work(task) {
    const [ana, luis] = Object.keys(task.people);
    const shot = (page, name) => (task.shots
        ? page.screenshot({ path: path.join(task.shots, `office-${name}.png`) }) : null);
    const first = await openBrowser({ language: 'es-ES', permissions: ['clipboard-read', 'clipboard-write'] });
    const { page } = first;
    try {
        await enter(page, task.portal, ana, task.people[ana]);
        console.log(`${ana}: ${await openDesktop(page, task.title, WALL)}`);
        await openTerminal(page);
        await says(page, 'printf %s "$(id -un) $HOME $(df --output=source $HOME|tail -1) $LANG $(date +%Z)"',
            `${ana} /home/${ana} /dev/vda es_ES.UTF-8 CET`,
            'the session is the person\'s: name, home on the clone, language, time zone, and no password asked');
        await says(page, 'printf ñá@€', 'ñá@€', 'ñ á @ € typed on a Spanish keyboard arrive');
        await resize(page, 1366, 768);
        await says(page, 'xprop -root _NET_DESKTOP_GEOMETRY|tr -dc 0-9,', '1366,768', 'the window manager knows the new size');
        await copyInGuest(page);
        await pasteInGuest(page);
        await shot(page, 'clipboard');
        await edit(page);
        await programs(page);
        await shot(page, 'browser');
        await windows(page);
        await shot(page, 'end');
        await logOff(page);
        await nothingComplained(first, EXPECTED);
    } catch (error) {
        await shot(page, 'failed');
        throw error;
    } finally {
        await first.close();
    }
    const second = await openBrowser({ language: 'es-ES' });
    try {
        await enter(second.page, task.portal, luis, task.people[luis]);
        console.log(`${luis}: ${await openDesktop(second.page, task.title, WALL, true)}`);
        await openTerminal(second.page);
        await says(second.page, 'printf %s "$(id -un) $(ls /home|tr "\\n" " ") $(ls ~|grep -cE "nota|html") $(xclip -o -sel c|wc -c)"',
            `${luis} ${luis}  0 0`, 'the next person has a clean desktop and an empty clipboard');
        await logOff(second.page);
        await nothingComplained(second, EXPECTED);
    } catch (error) {
        await shot(second.page, 'failed-next');
        throw error;
    } finally {
        await second.close();
    }
}

let text = '';
for await (const chunk of process.stdin) {
    text += chunk;
}
await work(JSON.parse(text));
