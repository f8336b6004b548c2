// SPDX-License-Identifier: GPL-3.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Channel } from '../../../client/web/src/assets/console/channel.js';
import { LineWatch } from '../../../client/web/src/assets/console/line.js';
import { delayMs, wayIn } from '../../../client/web/src/assets/console/backoff.js';
import { secretStore } from '../../../client/web/src/assets/console/secrets.js';
import { FakeSocket, FakeStorage, settle } from './fakes.mjs';

function setUp() {
    const it = { socket: new FakeSocket(), texts: [], ends: [], got: [] };
    it.channel = new Channel(it.socket, { onText: (m) => it.texts.push(m), onEnd: (e) => it.ends.push(e) });
    it.socket.readyState = 1;
    return it;
}

test('the channel has every attribute that noVNC asks of a raw channel', () => {
    const { channel } = setUp();
    const has = [...Object.keys(channel), ...Object.getOwnPropertyNames(Object.getPrototypeOf(channel))];
    for (const name of ['send', 'close', 'binaryType', 'onerror', 'onmessage', 'onopen', 'protocol', 'readyState']) {
        assert.ok(has.includes(name), name);
    }
});

test('bytes that came before anybody listened arrive first and in order', async () => {
    const { channel, socket, got } = setUp();
    socket.says([1]);
    socket.says([2]);
    channel.onmessage = (event) => got.push(new Uint8Array(event.data)[0]);
    socket.says([3]);
    await settle();
    socket.says([4]);
    assert.deepEqual(got, [1, 2, 3, 4]);
});

test('nothing is delivered inside the assignment of onmessage', () => {
    const { channel, socket, got } = setUp();
    socket.says([1]);
    channel.onmessage = (event) => got.push(event);
    assert.equal(got.length, 0);
});

test('text frames that are no JSON object with a type are dropped', () => {
    const { socket, texts } = setUp();
    for (const text of ['', 'x', '[]', 'null', '3', '{"a":1}', '{"type":3}', `{"type":"${'x'.repeat(70000)}"}`]) {
        socket.says(text);
    }
    socket.says('{"type":"stats","rtt_us":3}');
    assert.deepEqual(texts, [{ type: 'stats', rtt_us: 3 }]);
});

test('the owner hears of the end before RFB does', () => {
    const { channel, socket } = setUp();
    const order = [];
    const again = new Channel(socket, { onEnd: () => order.push('owner') });
    again.onclose = () => order.push('rfb');
    socket.ends(1006);
    assert.deepEqual(order, ['owner', 'rfb']);
    assert.equal(again.readyState, 3);
    assert.equal(channel.onclose, null);
});

test('closing ends the channel at once, and only once', () => {
    const { channel, socket, ends } = setUp();
    channel.close();
    channel.close();
    socket.ends(1000);
    assert.equal(ends.length, 1);
    assert.ok(ends[0].own);
    assert.equal(channel.readyState, 3);
    channel.send(new Uint8Array(1));
    assert.equal(socket.sent.length, 0);
});

test('a flood before anybody listens ends the channel', () => {
    const { channel, socket } = setUp();
    for (let i = 0; i < 5; i++) {
        socket.says(new Uint8Array(1024 * 1024));
    }
    assert.equal(channel.readyState, 3);
    assert.equal(socket.closedWith, 4000);
});

test('the way in is the resume secret while the session is held', () => {
    const held = { secret: 'x', heldMs: 1000, lostAtMs: 5000 };
    assert.equal(wayIn({ ...held, nowMs: 5999 }), 'resume');
    assert.equal(wayIn({ ...held, nowMs: 6000 }), 'ticket');
    assert.equal(wayIn({ ...held, secret: undefined, nowMs: 5000 }), 'ticket');
});

test('delays are spread by a fifth either way', () => {
    assert.deepEqual([delayMs(0, 0), delayMs(0, 1), delayMs(50, 0), delayMs(50, 1)], [200, 300, 4000, 6000]);
});

test('a line is suspected only when reports that used to come have stopped', () => {
    let now = 0;
    let silences = 0;
    const lights = [];
    const line = new LineWatch({ now: () => now, onLight: (light) => lights.push(light), onSilence: () => silences++ });
    line.tick();
    line.stats({ rtt_us: 20000 });
    now = 60000;
    line.tick();
    assert.equal(silences, 0);
    line.stats({ rtt_us: 0 });
    now = 78000;
    line.tick();
    line.tick();
    assert.equal(silences, 1);
    assert.deepEqual(lights, [{ light: 'good', ms: 20, waits: 'none', kbit: 0, fps: 0, encodings: [] }]);
});

test('the light says what pictures wait for, and a full link is never good', () => {
    const lights = [];
    const line = new LineWatch({ now: () => 0, onLight: (light) => lights.push(light), onSilence: () => {} });
    for (const bottleneck of ['link', 'guest', 'of next year', undefined]) {
        line.stats({ rtt_us: 20000, bottleneck });
    }
    line.stats({ rtt_us: 300000, bottleneck: 'link' });
    assert.deepEqual(lights.map(({ light, waits }) => [light, waits]),
        [['fair', 'link'], ['good', 'guest'], ['good', 'none'], ['good', 'none'], ['poor', 'link']]);
});

test('the light carries what the line does, and nothing that is not a number or a name', () => {
    const lights = [];
    const line = new LineWatch({ now: () => 0, onLight: (light) => lights.push(light), onSilence: () => {} });
    line.stats({ rtt_us: 20000, rate_kbit: 4800, fps: 24, encodings: ['zaguan', 'h264'] });
    line.stats({ rtt_us: 20000, rate_kbit: -1, fps: '9', encodings: ['zaguan', 7, null] });
    line.stats({ rtt_us: 20000, encodings: 'tight' });
    assert.deepEqual(lights.map(({ kbit, fps, encodings }) => [kbit, fps, encodings]),
        [[4800, 24, ['zaguan', 'h264']], [0, 0, ['zaguan']], [0, 0, []]]);
});

test('secrets live in memory where the browser forbids storage, and are all forgotten at sign-out', () => {
    const forbidden = secretStore(null);
    const kept = { resume: 'ab'.repeat(32), heldMs: 1, seenAtMs: 1 };
    forbidden.save('a', kept);
    assert.deepEqual(forbidden.load('a'), kept);
    const storage = new FakeStorage();
    storage.setItem('other', '1');
    secretStore(storage).save('a', kept);
    const again = secretStore(storage);
    assert.deepEqual(again.load('a'), kept);
    again.clearAll();
    assert.equal(again.load('a'), null);
    assert.deepEqual(Object.keys(storage), ['other']);
});

test('what was tampered with in storage is not a secret', () => {
    const storage = new FakeStorage();
    for (const bad of ['{', '{"resume":"<script>"}', 'null', '{"resume":3}']) {
        storage.setItem('zaguan.resume.a', bad);
        assert.equal(secretStore(storage).load('a'), null);
    }
});
