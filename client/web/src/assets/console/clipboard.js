// SPDX-License-Identifier: GPL-3.0-or-later
// The clipboard both ways. By itself where the browser allows it, by hand in the tools everywhere.

export const MAX_BYTES = 256 * 1024;

/** Does `text` fit? Counted as UTF-8. */
export function fits(text) {
    return text.length <= MAX_BYTES && new TextEncoder().encode(text).length <= MAX_BYTES;
}

export class ClipboardShare {
    #send;
    #last = '';

    /** `send(text)` gives text to the desktop. */
    constructor(send) {
        this.#send = send;
        this.text = '';
        /* Told when the desktop's text changes. */
        this.onText = () => {};
    }

    /** The desktop copied something. */
    async fromDesktop(text) {
        if (!fits(text) || text === this.#last) {
            return;
        }
        this.#last = text;
        this.text = text;
        this.onText(text);
        try {
            await navigator.clipboard.writeText(text);
        } catch {
            /* the person copies it from the tools */
        }
    }

    /** Gives the desktop a text; false where it is too long. */
    toDesktop(text) {
        if (!fits(text)) {
            return false;
        }
        this.#last = text;
        this.text = text;
        this.#send(text);
        return true;
    }

    /** Reads this computer's clipboard where that needs no question. */
    async pull() {
        if ((await this.permission()) !== 'granted' || !document.hasFocus()) {
            return;
        }
        await this.read();
    }

    /** Reads it, asking the person if need be. True when it could be read. */
    async read() {
        try {
            const text = await navigator.clipboard.readText();
            if (text && text !== this.#last) {
                this.toDesktop(text);
                this.onText(text);
            }
            return true;
        } catch {
            return false;
        }
    }

    /** granted, prompt, denied; or unknown where the browser does not tell. */
    async permission() {
        try {
            return (await navigator.permissions.query({ name: 'clipboard-read' })).state;
        } catch {
            return 'unknown';
        }
    }

    async copyHere(text) {
        try {
            await navigator.clipboard.writeText(text);
            return true;
        } catch {
            return false;
        }
    }
}
