// SPDX-License-Identifier: GPL-3.0-or-later
// What RFB is given instead of the WebSocket: the same attributes, but text frames (JSON for the page) go elsewhere,
// bytes that came before RFB listened are kept, and the owner hears of the end first. Pure: any object shaped like a
// WebSocket will do.

const MAX_EARLY_BYTES = 4 * 1024 * 1024;
const MAX_TEXT = 64 * 1024;
/* Not 1000: the front holds the place of whoever did not leave on purpose. */
const NOT_LEAVING = 4000;

export class Channel {
    #socket;
    #onText;
    #onEnd;
    #onmessage = null;
    #early = [];
    #earlyBytes = 0;
    #ended = false;

    constructor(socket, { onText = () => {}, onEnd = () => {} } = {}) {
        this.#socket = socket;
        this.#onText = onText;
        this.#onEnd = onEnd;
        this.onopen = null;
        this.onclose = null;
        this.onerror = null;
        /* Called after each message that RFB was given. */
        this.onDelivered = null;
        socket.binaryType = 'arraybuffer';
        socket.onmessage = (event) => this.#receive(event);
        socket.onclose = (event) => this.#end(event);
        socket.onerror = (event) => this.onerror?.(event);
    }

    get binaryType() {
        return 'arraybuffer';
    }

    set binaryType(ignored) {
        /* always arraybuffer */
    }

    get protocol() {
        return this.#socket.protocol;
    }

    get readyState() {
        return this.#ended ? 3 : this.#socket.readyState;
    }

    get bufferedAmount() {
        return this.#socket.bufferedAmount;
    }

    get onmessage() {
        return this.#onmessage;
    }

    set onmessage(handler) {
        this.#onmessage = handler;
        if (handler && this.#early.length > 0) {
            /* RFB sets its handler before it is ready to be called. */
            queueMicrotask(() => this.#flush());
        }
    }

    send(data) {
        if (this.readyState === 1) {
            this.#socket.send(data);
        }
    }

    /** Ends the channel at once for RFB; the socket says goodbye on its own time. 1000 is leaving on purpose. */
    close(code = NOT_LEAVING) {
        if (this.#ended) {
            return;
        }
        this.#socket.close(code);
        this.#end({ code, reason: '', wasClean: true, own: true });
    }

    #receive(event) {
        if (this.#ended) {
            return;
        }
        if (typeof event.data === 'string') {
            this.#text(event.data);
            return;
        }
        if (this.#onmessage && this.#early.length === 0) {
            this.#deliver(event);
            return;
        }
        this.#earlyBytes += event.data.byteLength;
        if (this.#earlyBytes > MAX_EARLY_BYTES) {
            this.close();
            return;
        }
        this.#early.push(event);
        if (this.#onmessage) {
            queueMicrotask(() => this.#flush());
        }
    }

    #flush() {
        while (this.#early.length > 0 && this.#onmessage && !this.#ended) {
            this.#deliver(this.#early.shift());
        }
        this.#earlyBytes = 0;
    }

    #deliver(event) {
        this.#onmessage(event);
        this.onDelivered?.(event);
    }

    #text(data) {
        if (data.length > MAX_TEXT) {
            return;
        }
        let message;
        try {
            message = JSON.parse(data);
        } catch {
            return;
        }
        if (message && typeof message === 'object' && typeof message.type === 'string') {
            this.#onText(message);
        }
    }

    #end(event) {
        if (this.#ended) {
            return;
        }
        this.#ended = true;
        this.#early = [];
        this.#onEnd(event);
        this.onclose?.(event);
    }
}
