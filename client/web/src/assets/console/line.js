// SPDX-License-Identifier: GPL-3.0-or-later
// How the line is: what the front's stats say, and when they stop coming. Pure; time is passed in.
import { lightOf, waitsFor } from '../app/states.js';

const SILENCE_MS = 17000;
const TRUSTED_AFTER = 2;

const ENCODINGS_MAX = 8;

/* What the line carries (kbit/s, 0 unknown), pictures a second, and how they are encoded. */
function carried(message) {
    const count = (value) => (Number.isInteger(value) && value > 0 ? value : 0);
    const encodings = Array.isArray(message.encodings) ? message.encodings : [];
    return { kbit: count(message.rate_kbit), fps: count(message.fps),
        encodings: encodings.filter((name) => typeof name === 'string').slice(0, ENCODINGS_MAX) };
}

/**
 * deps: now() in ms; onLight({light, ms, waits, kbit, fps, encodings}) at every report; onSilence() once when reports that used to come have
 * stopped. A front that never sends any is never suspected.
 */
export class LineWatch {
    #deps;
    #seen = 0;
    #lastMs = 0;

    constructor(deps) {
        this.#deps = deps;
    }

    reset() {
        this.#seen = 0;
    }

    stats(message) {
        this.#seen += 1;
        this.#lastMs = this.#deps.now();
        const ms = typeof message.rtt_us === 'number' && message.rtt_us > 0 ? Math.round(message.rtt_us / 1000) : null;
        const waits = waitsFor(message.bottleneck);
        const light = ms === null ? null : lightOf(ms, waits);
        if (light) {
            this.#deps.onLight({ light, ms, waits, ...carried(message) });
        }
    }

    tick() {
        if (this.#seen >= TRUSTED_AFTER && this.#deps.now() - this.#lastMs > SILENCE_MS) {
            this.#seen = 0;
            this.#deps.onSilence();
        }
    }
}
