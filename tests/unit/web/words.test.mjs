// SPDX-License-Identifier: GPL-3.0-or-later
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { dictionaries, has, pickLanguage, roughly, t, translate, use } from '../../../client/web/src/assets/app/i18n.js';
import { errorKey, lightOf, meaningOf, screenOf, sessionIdOf, tileOf } from '../../../client/web/src/assets/app/states.js';
import { retryAfter } from '../../../client/web/src/assets/app/api.js';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../../client/web/src');
const sources = fs.readdirSync(root, { recursive: true }).filter((name) => name.endsWith('.js'))
    .map((name) => [name, fs.readFileSync(path.join(root, name), 'utf8')]);

test('every key stands in both languages', () => {
    assert.deepEqual(Object.keys(dictionaries.es).sort(), Object.keys(dictionaries.en).sort());
});

test('every text names the same things in both languages and none is empty', () => {
    const names = (text) => (text.match(/\{\w+\}/g) ?? []).sort();
    for (const [key, text] of Object.entries(dictionaries.en)) {
        assert.notEqual(dictionaries.es[key].trim(), '', key);
        assert.deepEqual(names(dictionaries.es[key]), names(text), key);
    }
});

test('every key that the code names exists, and every text is used', () => {
    const code = sources.filter(([name]) => !name.includes('i18n/')).map(([, text]) => text).join('\n');
    const keys = Object.keys(dictionaries.en);
    for (const [, key] of code.matchAll(/\bt\(\s*'([a-z.-]+)'/g)) {
        assert.ok(keys.includes(key) || keys.includes(`${key}.other`), key);
    }
    const starts = [...code.matchAll(/`([a-z]+\.(?:[a-z]+-)?)\$\{|`\$\{what\}(\.)/g)].map((m) => m[1]);
    for (const key of keys) {
        const plain = key.replace(/\.(one|other)$/, '');
        const used = code.includes(`'${plain}'`) || starts.some((start) => start && key.startsWith(start)) ||
            /^(log-off|restart)\./.test(key) || /^error\./.test(key);
        assert.ok(used, `nobody says '${key}'`);
    }
});

test('no source puts markup or a secret into the page or its address', () => {
    for (const [name, text] of sources) {
        assert.doesNotMatch(text, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function/, name);
        assert.doesNotMatch(text, /document\.cookie/, name);
        assert.doesNotMatch(text, /https?:\/\/(?!www\.w3\.org)/, name);
    }
});

test('the first language that we speak is taken, else English', () => {
    assert.equal(pickLanguage(['ca-ES', 'es-MX', 'en']), 'es');
    assert.equal(pickLanguage(['de', 'fr']), 'en');
    assert.equal(pickLanguage([]), 'en');
});

test('plurals follow the language', () => {
    assert.equal(translate(dictionaries.es, 'es', 'wait.ahead', { n: 1 }), 'Hay 1 persona delante de usted.');
    assert.equal(translate(dictionaries.en, 'en', 'wait.ahead', { n: 2 }), '2 people are before you.');
});

test('what is filled in is text, whatever it looks like', () => {
    assert.equal(translate({ a: 'x {title} y' }, 'en', 'a', { title: '{title}<b>' }), 'x {title}<b> y');
    assert.equal(translate({ a: '{b}' }, 'en', 'a', {}), '{b}');
    assert.equal(translate({}, 'en', 'no.such', {}), 'no.such');
});

test('times are said roughly', () => {
    use('en');
    assert.deepEqual([3, 14, 54, 60, 89, 150].map(roughly), [
        'a moment', 'about 20 seconds', 'about 60 seconds', 'about 1 minute', 'about 1 minute', 'about 3 minutes']);
});

test('every state of the API has a tone, words and an action that has words', () => {
    for (const state of ['available', 'starting', 'active', 'held', 'disconnected', 'full', 'unavailable']) {
        const tile = tileOf({ pool: 'p', state });
        assert.ok(has(tile.textKey), state);
        assert.ok(tile.action === null || has(`action.${tile.action}`), state);
    }
});

test('a state that this page does not know is said in the server’s words and offers nothing', () => {
    assert.deepEqual(tileOf({ pool: 'p', state: 'parked', state_text: 'Parked' }),
        { tone: 'off', action: null, textKey: null, fallback: 'Parked', session: null });
});

test('the session of a pool may be an id or the session itself', () => {
    assert.deepEqual([{ session: 'a' }, { session: { id: 'b' } }, {}, { session: null }, { session: {} }].map(sessionIdOf),
        ['a', 'b', null, null, null]);
});

test('every session state has its screen', () => {
    const screens = Object.fromEntries(['pending', 'connecting', 'active', 'held', 'disconnected', 'logging-off', 'ended',
        'something-new'].map((state) => [state, screenOf({ state })]));
    assert.deepEqual(screens, { pending: 'wait', connecting: 'console', active: 'console', held: 'console',
        disconnected: 'console', 'logging-off': 'leaving', ended: 'ended', 'something-new': 'wait' });
});

test('every close code of the console has its meaning', () => {
    const meanings = [4400, 4401, 4402, 4403, 4404, 4408, 4409, 1001, 1006, 1011].map(meaningOf);
    assert.deepEqual(meanings,
        ['broken', 'refused', 'taken', 'ended', 'gone', 'broken', 'lost', 'lost', 'lost', 'lost']);
});

test('the network light follows the round trip', () => {
    assert.deepEqual([null, -1, Number.NaN, 0, 79, 80, 249, 250].map(lightOf),
        [null, null, null, 'good', 'good', 'fair', 'fair', 'poor']);
});

test('an error is said in our words, or in the server’s where it knows better', () => {
    const key = (error) => errorKey({ code: '', detail: '', ...error }, has);
    assert.equal(key({ status: 0, code: 'offline' }), 'error.offline');
    assert.equal(key({ status: 500, code: 'failed', detail: 'x' }), 'error.server');
    assert.equal(key({ status: 503, code: 'unavailable', detail: 'x' }), 'error.503');
    assert.equal(key({ status: 409, code: 'pool-full', detail: 'All desktops are in use' }), null);
    assert.equal(key({ status: 403, code: 'denied' }), 'error.403');
    assert.equal(key({ status: 418 }), null);
});

test('Retry-After is seconds or a date', () => {
    assert.deepEqual([null, '', '60', 'soon', 'Thu, 01 Jan 1970 00:01:00 GMT'].map((text) => retryAfter(text, 30000)),
        [null, null, 60, null, 30]);
    assert.equal(t('app.close'), 'Close');
});
