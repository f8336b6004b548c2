// SPDX-License-Identifier: GPL-3.0-or-later
// Time, sockets and storage that tests hold in their hands.

export class FakeClock {
    constructor() {
        this.nowMs = 1000;
        this.timers = [];
        this.now = () => this.nowMs;
        this.setTimeout = (work, ms) => {
            const timer = { work, atMs: this.nowMs + ms };
            this.timers.push(timer);
            return timer;
        };
        this.clearTimeout = (timer) => {
            this.timers = this.timers.filter((other) => other !== timer);
        };
    }

    /** Runs what is due within `ms`, in order, letting promises settle between. */
    async pass(ms) {
        const end = this.nowMs + ms;
        for (;;) {
            await settle();
            const due = this.timers.filter((timer) => timer.atMs <= end).sort((a, b) => a.atMs - b.atMs)[0];
            if (!due) {
                break;
            }
            this.clearTimeout(due);
            this.nowMs = Math.max(this.nowMs, due.atMs);
            due.work();
        }
        this.nowMs = end;
        await settle();
    }
}

export const settle = () => new Promise((resolve) => setImmediate(resolve));

export class FakeSocket {
    constructor() {
        this.readyState = 0;
        this.protocol = 'binary';
        this.bufferedAmount = 0;
        this.sent = [];
        this.closedWith = null;
    }

    send(data) {
        this.sent.push(data);
    }

    close(code) {
        this.closedWith = code ?? 1005;
        this.readyState = 2;
    }

    /* What the other side does */

    opens() {
        this.readyState = 1;
        this.onopen?.({});
    }

    says(data) {
        const bytes = typeof data === 'string' ? data : new Uint8Array(data).buffer;
        this.onmessage?.({ data: bytes });
    }

    saysBinary(text) {
        this.onmessage?.({ data: new TextEncoder().encode(text).buffer });
    }

    ends(code, reason = '') {
        this.readyState = 3;
        this.onclose?.({ code, reason, wasClean: code !== 1006 });
    }

    /** What was sent first, read as JSON. */
    first() {
        return JSON.parse(new TextDecoder().decode(this.sent[0]));
    }
}

export class FakeStorage {
    getItem(name) {
        return Object.hasOwn(this, name) ? this[name] : null;
    }

    setItem(name, value) {
        this[name] = String(value);
    }

    removeItem(name) {
        delete this[name];
    }
}
