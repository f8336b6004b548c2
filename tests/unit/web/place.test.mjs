// SPDX-License-Identifier: GPL-3.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseKeyboard, keyboardForLanguage, keyboardForMap, keyboards, localeOf, timeZoneOf } from
    '../../../client/web/src/assets/app/keyboards.js';
import { parseRoute, routeTo } from '../../../client/web/src/assets/app/route.js';
import { terminalOf } from '../../../client/web/src/assets/app/terminal.js';
import { keysFor } from '../../../client/web/src/assets/console/typing.js';
import { fits, MAX_BYTES } from '../../../client/web/src/assets/console/clipboard.js';
import { watch } from '../../../client/web/src/assets/app/live.js';
import { FakeClock } from './fakes.mjs';

test('the keyboard is guessed from the language', () => {
    const guesses = ['es', 'es-ES', 'es-MX', 'en-US', 'en-GB', 'en', 'ca', 'pt-BR', 'de-CH', 'ja', ''].map(keyboardForLanguage);
    assert.deepEqual(guesses, ['es', 'es', 'latam', 'us', 'gb', 'us', 'es:cat', 'br', 'de', 'us', 'us']);
    guesses.forEach((layout) => assert.ok(layout in keyboards));
});

test('what is printed on the keys is worth more than the language, the choice more than both', () => {
    const map = new Map([['Semicolon', 'ñ'], ['BracketLeft', '`']]);
    assert.equal(keyboardForMap(map), 'es');
    assert.equal(keyboardForMap(new Map([['Semicolon', 'ñ'], ['BracketLeft', '´']])), 'latam');
    assert.equal(keyboardForMap(new Map([['Semicolon', ';'], ['Backslash', '\\'], ['KeyQ', 'q']])), null);
    assert.equal(chooseKeyboard({ chosen: null, map, tag: 'en-US' }), 'es');
    assert.equal(chooseKeyboard({ chosen: 'gb', map, tag: 'en-US' }), 'gb');
    assert.equal(chooseKeyboard({ chosen: 'nonsense', map: null, tag: 'es-ES' }), 'es');
});

test('a browser language becomes a locale of the desktop', () => {
    assert.deepEqual(['es-ES', 'es', 'en-GB', 'es-419', 'sr-Latn-RS', 'xx', '', '../../etc'].map(localeOf),
        ['es_ES.UTF-8', 'es_ES.UTF-8', 'en_GB.UTF-8', 'es_ES.UTF-8', 'sr_RS.UTF-8', null, null, null]);
});

test('only names of time zones pass', () => {
    assert.equal(timeZoneOf('Europe/Madrid'), 'Europe/Madrid');
    assert.equal(timeZoneOf('America/Argentina/Buenos_Aires'), 'America/Argentina/Buenos_Aires');
    assert.deepEqual(['', '../x', 'a b', undefined].map(timeZoneOf), [null, null, null, null]);
});

test('addresses are read and written the same way', () => {
    const id = '0123456789abcdef0123456789abcdef';
    for (const hash of ['#/', `#/desktop/${id}`, `#/desktop/${id}/view`, `#/desktop/${id}/control`]) {
        assert.equal(routeTo(parseRoute(hash)), hash);
    }
    assert.deepEqual(parseRoute('#/desktop/<script>'), { name: 'desktops' });
    assert.deepEqual(parseRoute(''), { name: 'desktops' });
});

test('a terminal gets a name that people know', () => {
    assert.deepEqual(terminalOf('Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36'),
        { browser: 'Chrome', system: 'Linux' });
    assert.deepEqual(terminalOf('Mozilla/5.0 (Windows NT 10.0; rv:130.0) Gecko/20100101 Firefox/130.0'),
        { browser: 'Firefox', system: 'Windows' });
    assert.deepEqual(terminalOf(''), { browser: '', system: '' });
});

const typed = (text, layout) => keysFor(text, layout).events.filter((event) => event.down).map((event) => event.code);

test('text becomes the keys of the desktop’s layout', () => {
    assert.deepEqual(typed('@', 'us'), ['ShiftLeft', 'Digit2']);
    assert.deepEqual(typed('@', 'es'), ['AltRight', 'Digit2']);
    assert.deepEqual(typed('@', 'latam'), ['AltRight', 'KeyQ']);
    assert.deepEqual(typed('ñ', 'es'), ['Semicolon']);
    assert.deepEqual(typed('á', 'es'), ['Quote', 'KeyA']);
    assert.deepEqual(typed('Á', 'es'), ['Quote', 'ShiftLeft', 'KeyA']);
    assert.deepEqual(typed('ü', 'es'), ['ShiftLeft', 'Quote', 'KeyU']);
    assert.deepEqual(typed('€', 'es'), ['AltRight', 'KeyE']);
    assert.deepEqual(typed('€', 'gb'), ['AltRight', 'Digit4']);
    assert.deepEqual(typed('a b\n', 'us'), ['KeyA', 'Space', 'KeyB', 'Enter']);
});

test('every key that goes down comes up again, in reverse', () => {
    const held = [];
    for (const { code, down } of keysFor('Hola, ¿qué @ 3€?\n', 'es').events) {
        if (down) {
            held.push(code);
        } else {
            assert.equal(held.pop(), code);
        }
    }
    assert.deepEqual(held, []);
});

test('what a layout cannot write is told, not sent as something else', () => {
    assert.deepEqual(keysFor('añ€', 'us'), { events: keysFor('a', 'us').events, missing: ['ñ', '€'] });
    assert.deepEqual(keysFor('ж', 'es').missing, ['ж']);
});

test('the clipboard is bounded in bytes', () => {
    assert.ok(fits('a'.repeat(MAX_BYTES)));
    assert.ok(!fits('ñ'.repeat(MAX_BYTES / 2 + 1)));
});

test('live changes are asked for while no events come, and no longer once they do', async () => {
    const clock = new FakeClock();
    const sources = [];
    class FakeEvents extends EventTarget {
        constructor() {
            super();
            sources.push(this);
        }

        close() {
            this.closed = true;
        }
    }
    const seen = [];
    const stop = watch('/x', (kind, data) => seen.push([kind, data]),
        { EventSource: FakeEvents, setTimeout: clock.setTimeout, clearTimeout: clock.clearTimeout });
    await clock.pass(5000);
    assert.deepEqual(seen, [['poll', null]]);
    sources[0].dispatchEvent(new Event('open'));
    await clock.pass(60000);
    assert.equal(seen.length, 2, 'one look when the events begin');
    sources[0].dispatchEvent(Object.assign(new Event('session'), { data: '{"id":"a"}' }));
    assert.deepEqual(seen[2], ['session', { id: 'a' }]);
    sources[0].dispatchEvent(new Event('error'));
    assert.ok(sources[0].closed);
    await clock.pass(5000);
    assert.equal(sources.length, 2, 'tried again');
    assert.equal(seen.at(-1)[0], 'poll');
    stop();
    const { length } = seen;
    await clock.pass(60000);
    assert.equal(seen.length, length);
    assert.equal(sources.length, 2);
});
