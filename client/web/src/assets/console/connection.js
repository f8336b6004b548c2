// SPDX-License-Identifier: GPL-3.0-or-later
// One console from opening to end: ticket or resume secret, first messages, losing and finding the line again.
// docs/protocol/console.md is the contract. No page and no RFB in here: all it touches is passed in.
import { Channel } from './channel.js';
import { delayMs, wayIn } from './backoff.js';
import { meaningOf } from '../app/states.js';

const ANSWER_MS = 15000;
const MAX_ANSWER = 4096;
const FRESH_TICKETS = 2;
const PROTOCOL_ERRORS = 3;
const STEADY_MS = 10000;
const LEAVING = 1000; /* the only code after which the front holds no place */
const SIGNING_ON_MS = 500;

/** The first message: a JSON object as bytes. */
export function firstMessage(way, secret, terminal) {
    const message = way === 'resume' ? { resume: secret } : { ticket: secret };
    if (terminal) {
        message.terminal = terminal.slice(0, 80);
    }
    return new TextEncoder().encode(JSON.stringify(message));
}

/** The answer to it, or null where it is not one. */
export function readAnswer(data) {
    if (typeof data === 'string' || data.byteLength > MAX_ANSWER) {
        return null;
    }
    try {
        const answer = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data));
        const good = answer && answer.ok === true && /^[0-9a-f]{64}$/.test(answer.resume) &&
            Number.isInteger(answer.held_ms) && answer.held_ms >= 0;
        return good ? answer : null;
    } catch {
        return null;
    }
}

/**
 * deps: openSocket() → WebSocket; getTicket() → Promise of {ticket}, rejecting with {status, code}; secrets and key (see
 * secrets.js); terminal; clock {now, setTimeout, clearTimeout}; random() 0..1;
 * onState({name, …}) with name connecting, open, lost, taken, ended, gone, not-ready, signed-out, failed, closed;
 * onChannel(channel, answer): time to make an RFB; onText(message): JSON for the page;
 * onLosing(): the picture is about to go, keep a copy.
 */
export class Connection {
    #deps;
    #state = { name: 'closed' };
    #socket = null;
    #channel = null;
    #timer = null;
    #attempt = 0;
    #lostAtMs = null;
    #freshTickets = 0;
    #protocolErrors = 0;
    #openedAtMs = null;
    #round = 0;

    constructor(deps) {
        this.#deps = deps;
    }

    get state() {
        return this.#state;
    }

    /** Opens: with the resume secret of this tab where there is one, else with a ticket. */
    start() {
        const kept = this.#deps.secrets.load(this.#deps.key);
        this.#lostAtMs = kept ? kept.seenAtMs : null;
        this.#attempt = 0;
        this.#freshTickets = 0;
        this.#set({ name: 'connecting' });
        this.#tryNow();
    }

    /** «Use it here again»: a fresh ticket takes the desktop back. */
    takeBack() {
        this.#deps.secrets.clear(this.#deps.key);
        this.start();
    }

    /** The line may be back (the browser says so, or the person): do not wait for the timer. */
    retryNow() {
        if (this.#state.name === 'lost' && this.#timer !== null) {
            this.#attempt = 0;
            this.#tryNow();
        }
    }

    /** The person leaves. The front hears a clean end; nothing resumes. */
    close() {
        this.#deps.secrets.clear(this.#deps.key);
        this.#drop(LEAVING);
        this.#set({ name: 'closed' });
    }

    /** The line is good now: a reload may resume for held_ms from here. Called now and then, and when the page hides. */
    touch() {
        if (this.#state.name === 'open') {
            this.#keepSeen();
        }
    }

    /** Nothing has come for too long: let go of the line and find another. */
    suspect() {
        if (this.#state.name === 'open') {
            this.#deps.onLosing();
            this.#drop();
            this.#lose('');
        }
    }

    /** RFB did not understand what came. Once may be bad luck; again and again it is broken. */
    protocolError() {
        if (this.#state.name !== 'open') {
            return;
        }
        this.#drop();
        this.#protocolErrors += 1;
        if (this.#protocolErrors >= PROTOCOL_ERRORS) {
            this.#set({ name: 'failed', error: { code: 'protocol' } });
        } else {
            this.#lose('');
        }
    }

    #set(state) {
        this.#state = state;
        this.#deps.onState(state);
    }

    #stopTimer() {
        this.#deps.clock.clearTimeout(this.#timer);
        this.#timer = null;
    }

    #drop(code = undefined) {
        this.#round += 1;
        this.#stopTimer();
        const socket = this.#socket;
        const channel = this.#channel;
        this.#socket = null;
        this.#channel = null;
        if (channel) {
            channel.close(code);
        } else if (socket) {
            socket.onopen = socket.onmessage = socket.onclose = socket.onerror = null;
            socket.close();
        }
    }

    #lose(reason) {
        const now = this.#deps.clock.now();
        if (this.#openedAtMs !== null && now - this.#openedAtMs > STEADY_MS) {
            this.#attempt = 0; /* it had worked; a console that opens and falls at once waits longer and longer */
            this.#protocolErrors = 0;
        }
        this.#openedAtMs = null;
        if (this.#lostAtMs === null) {
            this.#lostAtMs = now;
        }
        const waitMs = delayMs(this.#attempt, this.#deps.random());
        this.#attempt += 1;
        this.#timer = this.#deps.clock.setTimeout(() => this.#tryNow(), waitMs);
        this.#set({ name: 'lost', attempt: this.#attempt, retryAtMs: now + waitMs, lostAtMs: this.#lostAtMs, reason });
    }

    async #tryNow() {
        this.#stopTimer();
        const round = ++this.#round;
        const kept = this.#deps.secrets.load(this.#deps.key);
        const way = kept && wayIn({
            secret: kept.resume, heldMs: kept.heldMs, lostAtMs: this.#lostAtMs ?? kept.seenAtMs,
            nowMs: this.#deps.clock.now(),
        }) === 'resume' ? 'resume' : 'ticket';
        let secret = kept?.resume;
        if (way === 'ticket') {
            try {
                secret = (await this.#deps.getTicket()).ticket;
            } catch (error) {
                if (round === this.#round) {
                    this.#noTicket(error);
                }
                return;
            }
            if (round !== this.#round) {
                return;
            }
        }
        this.#open(way, secret);
    }

    #noTicket(error) {
        if (error.status === 401) {
            this.#set({ name: 'signed-out' });
        } else if (error.status === 409 && error.code === 'signing-on') {
            /* The answer had waited for the desktop's session; ask again, though never in a busy loop. */
            this.#set({ name: 'connecting', signingOn: true });
            this.#timer = this.#deps.clock.setTimeout(() => this.#tryNow(), SIGNING_ON_MS);
        } else if (error.status === 409 && error.code === 'not-ready') {
            this.#set({ name: 'not-ready' });
        } else if (error.status === 404 || error.status === 410 || error.status === 409) {
            this.#deps.secrets.clear(this.#deps.key);
            this.#set({ name: 'gone', error });
        } else if (error.status === 0 || error.status === 429 || error.status >= 500) {
            this.#lose('');
        } else {
            this.#set({ name: 'failed', error });
        }
    }

    #open(way, secret) {
        let socket;
        try {
            socket = this.#deps.openSocket();
        } catch (error) {
            this.#set({ name: 'failed', error: { code: 'socket' } });
            return;
        }
        this.#socket = socket;
        socket.binaryType = 'arraybuffer';
        socket.onopen = () => socket.send(firstMessage(way, secret, this.#deps.terminal));
        socket.onmessage = (event) => this.#answered(socket, event.data);
        socket.onclose = (event) => this.#ended(way, event);
        this.#timer = this.#deps.clock.setTimeout(() => {
            this.#drop();
            this.#lose('');
        }, ANSWER_MS);
    }

    #answered(socket, data) {
        if (typeof data === 'string') {
            return; /* JSON for a page that has no console yet */
        }
        const answer = readAnswer(data);
        if (!answer) {
            this.#drop();
            this.#set({ name: 'failed', error: { code: 'protocol' } });
            return;
        }
        this.#stopTimer();
        this.#deps.secrets.save(this.#deps.key,
            { resume: answer.resume, heldMs: answer.held_ms, seenAtMs: this.#deps.clock.now() });
        const resumed = this.#lostAtMs !== null;
        this.#lostAtMs = null;
        this.#openedAtMs = this.#deps.clock.now();
        this.#freshTickets = 0;
        this.#channel = new Channel(socket, {
            onText: this.#deps.onText,
            onEnd: (event) => {
                if (this.#channel && !event.own) {
                    this.#deps.onLosing();
                    this.#channel = null;
                    this.#socket = null;
                    this.#ended('open', event);
                } else if (event.own && this.#channel) {
                    this.#ownEnd();
                }
            },
        });
        this.#set({ name: 'open', resumed, title: answer.title || '' });
        this.#deps.onChannel(this.#channel, answer);
    }

    /* RFB closed the channel by itself: it could not read what came. */
    #ownEnd() {
        this.#channel = null;
        this.#socket = null;
        this.protocolError();
    }

    #ended(way, event) {
        this.#stopTimer();
        this.#socket = null;
        const meaning = meaningOf(event.code);
        const reason = event.reason || '';
        const { secrets, key } = this.#deps;
        if (meaning === 'taken' || meaning === 'ended' || meaning === 'gone') {
            secrets.clear(key);
            this.#set({ name: meaning, reason });
        } else if (meaning === 'refused') {
            secrets.clear(key);
            this.#refused(way, reason);
        } else if (meaning === 'broken') {
            this.#brokenAtStart(reason);
        } else {
            this.#keepSeen();
            this.#lose(reason);
        }
    }

    #refused(way, reason) {
        if (way !== 'resume') {
            this.#freshTickets += 1;
        }
        if (this.#freshTickets >= FRESH_TICKETS) {
            this.#set({ name: 'failed', error: { code: 'ticket' }, reason });
        } else {
            this.#tryNow();
        }
    }

    #brokenAtStart(reason) {
        this.#protocolErrors += 1;
        if (this.#protocolErrors >= PROTOCOL_ERRORS) {
            this.#set({ name: 'failed', error: { code: 'protocol' }, reason });
        } else {
            this.#lose(reason);
        }
    }

    #keepSeen() {
        const kept = this.#deps.secrets.load(this.#deps.key);
        if (kept && this.#lostAtMs === null) {
            this.#deps.secrets.save(this.#deps.key, { ...kept, seenAtMs: this.#deps.clock.now() });
        }
    }
}
