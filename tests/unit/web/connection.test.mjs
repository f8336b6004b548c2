// SPDX-License-Identifier: GPL-3.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Connection, firstMessage, readAnswer } from '../../../client/web/src/assets/console/connection.js';
import { secretStore } from '../../../client/web/src/assets/console/secrets.js';
import { FakeClock, FakeSocket, FakeStorage, settle } from './fakes.mjs';

const RESUME = 'ab'.repeat(32);
const OTHER = 'cd'.repeat(32);
const answer = (resume = RESUME, heldMs = 180000) =>
    JSON.stringify({ ok: true, resume, held_ms: heldMs, desktop: 'd', title: 'Oficina' });

function setUp({ ticket = async () => ({ ticket: 'ef'.repeat(32) }), storage = new FakeStorage() } = {}) {
    const it = {
        clock: new FakeClock(), sockets: [], states: [], texts: [], channels: [], losing: 0, tickets: 0, ticket, storage,
    };
    it.connection = new Connection({
        key: 'k', secrets: secretStore(storage), terminal: 'Chrome on Linux', clock: it.clock, random: () => 0.5,
        openSocket: () => {
            it.sockets.push(new FakeSocket());
            return it.sockets.at(-1);
        },
        getTicket: () => {
            it.tickets += 1;
            return it.ticket();
        },
        onState: (state) => it.states.push(state),
        onChannel: (channel) => it.channels.push(channel),
        onText: (message) => it.texts.push(message),
        onLosing: () => {
            it.losing += 1;
        },
    });
    it.name = () => it.connection.state.name;
    it.socket = () => it.sockets.at(-1);
    it.open = async (resume) => {
        it.connection.start();
        await settle();
        it.socket().opens();
        it.socket().saysBinary(answer(resume));
    };
    return it;
}

test('the first message is the ticket as JSON bytes with the terminal', async () => {
    const it = setUp();
    it.connection.start();
    await settle();
    it.socket().opens();
    assert.deepEqual(it.socket().first(), { ticket: 'ef'.repeat(32), terminal: 'Chrome on Linux' });
    assert.ok(it.socket().sent[0] instanceof Uint8Array);
    assert.equal(it.name(), 'connecting');
});

test('a good answer opens the console and keeps the resume secret', async () => {
    const it = setUp();
    await it.open();
    assert.equal(it.name(), 'open');
    assert.equal(it.channels.length, 1);
    assert.equal(JSON.parse(it.storage['zaguan.resume.k']).resume, RESUME);
});

test('a lost line is found again with the resume secret and without a ticket', async () => {
    const it = setUp();
    await it.open();
    await it.clock.pass(60000);
    it.socket().ends(1006);
    assert.equal(it.name(), 'lost');
    assert.equal(it.losing, 1);
    await it.clock.pass(250);
    assert.equal(it.sockets.length, 2);
    it.socket().opens();
    assert.deepEqual(it.socket().first(), { resume: RESUME, terminal: 'Chrome on Linux' });
    it.socket().saysBinary(answer(OTHER));
    assert.deepEqual([it.name(), it.connection.state.resumed, it.tickets], ['open', true, 1]);
    assert.equal(JSON.parse(it.storage['zaguan.resume.k']).resume, OTHER);
});

test('tries come later and later, never more than five seconds apart', async () => {
    const it = setUp();
    await it.open();
    await it.clock.pass(60000);
    it.socket().ends(1006);
    const waits = [];
    for (let i = 0; i < 7; i++) {
        waits.push(it.connection.state.retryAtMs - it.clock.nowMs);
        await it.clock.pass(waits.at(-1));
        it.socket().ends(1006);
    }
    assert.deepEqual(waits, [250, 500, 1000, 2000, 4000, 5000, 5000]);
});

test('a console that opens and falls at once is tried later and later, too', async () => {
    const it = setUp();
    await it.open();
    const waits = [];
    for (let i = 0; i < 4; i++) {
        it.socket().ends(4409);
        waits.push(it.connection.state.retryAtMs - it.clock.nowMs);
        await it.clock.pass(waits.at(-1));
        it.socket().opens();
        it.socket().saysBinary(answer());
    }
    assert.deepEqual(waits, [250, 500, 1000, 2000]);
});

test('after held_ms a fresh ticket is asked for', async () => {
    const it = setUp();
    await it.open();
    await it.clock.pass(60000);
    it.socket().ends(1006);
    for (let i = 0; i < 60 && it.tickets === 1; i++) {
        await it.clock.pass(5000);
        it.socket().ends(1006);
    }
    assert.equal(it.tickets, 2);
    assert.ok(it.clock.nowMs - it.connection.state.lostAtMs >= 180000);
    it.socket().opens();
    assert.ok('ticket' in it.socket().first());
});

test('a refused resume secret is followed by a fresh ticket at once', async () => {
    const it = setUp();
    await it.open();
    it.socket().ends(1006);
    await it.clock.pass(250);
    it.socket().opens();
    it.socket().ends(4401, 'not valid');
    await settle();
    it.socket().opens();
    assert.ok('ticket' in it.socket().first());
    assert.equal(it.tickets, 2);
});

test('two refused tickets are the end of trying', async () => {
    const it = setUp();
    it.connection.start();
    for (let i = 0; i < 2; i++) {
        await settle();
        it.socket().opens();
        it.socket().ends(4401, 'not valid');
    }
    assert.deepEqual([it.name(), it.connection.state.error.code], ['failed', 'ticket']);
});

test('another terminal takes over, and the person can take it back', async () => {
    const it = setUp();
    await it.open();
    it.socket().ends(4402, 'Opened at another terminal');
    assert.deepEqual([it.name(), it.connection.state.reason], ['taken', 'Opened at another terminal']);
    await it.clock.pass(600000);
    assert.equal(it.sockets.length, 1);
    it.connection.takeBack();
    await settle();
    it.socket().opens();
    assert.ok('ticket' in it.socket().first());
});

for (const [code, name] of [[4403, 'ended'], [4404, 'gone']]) {
    test(`close code ${code} is ${name}: nothing is tried again and the secret is forgotten`, async () => {
        const it = setUp();
        await it.open();
        it.socket().ends(code, 'why');
        await it.clock.pass(600000);
        assert.deepEqual([it.name(), it.sockets.length, it.storage['zaguan.resume.k']], [name, 1, undefined]);
    });
}

for (const [error, name] of [
    [{ status: 401, code: 'unauthenticated' }, 'signed-out'],
    [{ status: 409, code: 'not-ready' }, 'not-ready'],
    [{ status: 404, code: 'not-found' }, 'gone'],
    [{ status: 410, code: 'session-ended' }, 'gone'],
    [{ status: 0, code: 'offline' }, 'lost'],
    [{ status: 503, code: 'unavailable' }, 'lost'],
    [{ status: 403, code: 'denied' }, 'failed'],
]) {
    test(`a ticket refused with ${error.status} ${error.code} is ${name}`, async () => {
        const it = setUp({ ticket: () => Promise.reject(error) });
        it.connection.start();
        await settle();
        assert.equal(it.name(), name);
    });
}

test('while the desktop opens the session the ticket is asked for again, and nothing counts as lost', async () => {
    let asked = 0;
    const it = setUp({ ticket: () => {
        asked += 1;
        return asked < 3 ? Promise.reject({ status: 409, code: 'signing-on' }) : Promise.resolve({ ticket: OTHER });
    } });
    it.connection.start();
    await settle();
    assert.deepEqual([it.name(), it.connection.state.signingOn, it.sockets.length], ['connecting', true, 0]);
    await it.clock.pass(500);
    await settle();
    assert.equal(asked, 2, 'not in a busy loop');
    await it.clock.pass(500);
    await settle();
    it.socket().opens();
    assert.deepEqual([it.socket().first().ticket, it.states.some((state) => state.name === 'lost')], [OTHER, false]);
});

test('a front that does not answer within 15 s is tried again', async () => {
    const it = setUp();
    it.connection.start();
    await settle();
    it.socket().opens();
    await it.clock.pass(15000);
    assert.equal(it.name(), 'lost');
    assert.equal(it.sockets[0].closedWith, 1005);
});

test('a reload resumes with what the tab kept', async () => {
    const it = setUp();
    await it.open();
    const later = setUp({ storage: it.storage });
    later.connection.start();
    await settle();
    later.socket().opens();
    assert.equal(later.socket().first().resume, RESUME);
    assert.equal(later.tickets, 0);
});

test('leaving says goodbye and forgets the secret', async () => {
    const it = setUp();
    await it.open();
    const { length } = it.states;
    it.connection.close();
    assert.equal(it.socket().closedWith, 1000);
    assert.equal(it.storage['zaguan.resume.k'], undefined);
    assert.deepEqual(it.states.slice(length).map((state) => state.name), ['closed']);
});

test('an answer that comes after leaving changes nothing', async () => {
    let give;
    const it = setUp({ ticket: () => new Promise((resolve) => {
        give = resolve;
    }) });
    it.connection.start();
    await settle();
    it.connection.close();
    give({ ticket: RESUME });
    await settle();
    assert.deepEqual([it.name(), it.sockets.length], ['closed', 0]);
});

test('«try now» does not wait for the timer', async () => {
    const it = setUp();
    await it.open();
    it.socket().ends(1006);
    it.connection.retryNow();
    await settle();
    assert.equal(it.sockets.length, 2);
});

test('a picture that RFB cannot read is tried three times, then said', async () => {
    const it = setUp();
    await it.open();
    for (let i = 0; i < 3; i++) {
        it.channels.at(-1).close(); /* RFB gives up */
        assert.equal(it.socket().closedWith, 4000, 'the place is held');
        await it.clock.pass(5000);
        it.socket().opens();
        it.socket().saysBinary(answer());
    }
    assert.equal(it.states.some((state) => state.name === 'failed' && state.error.code === 'protocol'), true);
});

test('text frames before and after the answer go to the page, never to RFB', async () => {
    const it = setUp();
    it.connection.start();
    await settle();
    it.socket().opens();
    it.socket().says('{"type":"message","text":"early"}');
    it.socket().saysBinary(answer());
    it.socket().says('{"type":"message","text":"hello"}');
    assert.deepEqual(it.texts, [{ type: 'message', text: 'hello' }]);
    assert.equal(it.name(), 'open');
});

test('answers are checked', () => {
    const read = (text) => readAnswer(new TextEncoder().encode(text).buffer);
    assert.equal(read(answer()).title, 'Oficina');
    for (const bad of ['', '{', '[]', 'null', '{"ok":true}', answer('short'), answer(RESUME, -1), answer(RESUME, 1.5),
        'x'.repeat(5000)]) {
        assert.equal(read(bad), null, bad.slice(0, 40));
    }
});

test('a first message stays below its limit whatever the terminal is called', () => {
    assert.ok(firstMessage('ticket', RESUME, 'ñ'.repeat(9000)).length < 4096);
});
