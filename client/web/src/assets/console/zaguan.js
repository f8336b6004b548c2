// SPDX-License-Identifier: GPL-3.0-or-later
// Our own encoding (docs/protocol/zaguan-encoding.md) for noVNC: exact parts from one zstd stream of the connection.
// What the server sends is checked as the document asks; a fault is thrown, and noVNC then ends the connection.
import { Decompress } from '../vendor/fzstd.js';

export const ENCODING = 0x5a475a31;
const PLAIN_MAX = 4 * 1024 * 1024;
const PACKED_MAX = PLAIN_MAX + 64 * 1024;
const HEAD_BYTES = 9;
const PART_HEAD_BYTES = 9;
const NEW_STREAM = 1;
const NOT_PACKED = 2;
const SOLID = 0;
const PREDICTED = 2;

function check(fine, what) {
    if (!fine) {
        throw new Error(`our encoding: ${what}`);
    }
}

function foretell(left, above, corner) {
    const least = Math.min(left, above);
    const most = Math.max(left, above);
    if (corner >= most) {
        return least;
    }
    return corner <= least ? most : left + above - corner;
}

/* Rows of red less green, green, blue less green; each less what its neighbours foretell. */
function unpredict(from, at, width, height, rgba) {
    const stride = width * 3 + 3; /* with zeroes to the left */
    let above = new Uint8Array(stride);
    let row = new Uint8Array(stride);
    let read = at;
    let write = 0;
    for (let y = 0; y < height; y += 1) {
        for (let i = 3; i < stride; i += 3) {
            row[i] = from[read] + foretell(row[i - 3], above[i], above[i - 3]);
            row[i + 1] = from[read + 1] + foretell(row[i - 2], above[i + 1], above[i - 2]);
            row[i + 2] = from[read + 2] + foretell(row[i - 1], above[i + 2], above[i - 1]);
            rgba[write] = row[i] + row[i + 1];
            rgba[write + 1] = row[i + 1];
            rgba[write + 2] = row[i + 2] + row[i + 1];
            rgba[write + 3] = 255;
            read += 3;
            write += 4;
        }
        [above, row] = [row, above];
    }
}

function copyPixels(from, at, n, rgba) {
    let read = at;
    for (let write = 0; write < n * 4; write += 4) {
        rgba[write] = from[read];
        rgba[write + 1] = from[read + 1];
        rgba[write + 2] = from[read + 2];
        rgba[write + 3] = 255;
        read += 3;
    }
}

/** A decoder as noVNC has them; one for each connection. */
export class ZaguanDecoder {
    #head = null;
    #stream = null;
    #plain = new Uint8Array(0);
    #nPlain = 0;

    decodeRect(x, y, width, height, sock, display) {
        if (!this.#head) {
            if (sock.rQwait('our encoding, head', HEAD_BYTES)) {
                return false;
            }
            this.#head = { flags: sock.rQshift8(), plain: sock.rQshift32(), packed: sock.rQshift32() };
            check(this.#head.plain <= PLAIN_MAX && this.#head.packed <= PACKED_MAX, 'a rectangle is too large');
            check(this.#head.flags <= NOT_PACKED, 'unknown flags');
        }
        const { flags, plain, packed } = this.#head;
        if (sock.rQwait('our encoding', packed)) {
            return false;
        }
        this.#head = null;
        const bytes = packed === 0 ? new Uint8Array(0) : sock.rQshiftBytes(packed, false);
        if (flags === NOT_PACKED) {
            check(packed === plain, 'lengths differ');
            this.#draw(bytes, plain, width, height, display);
        } else {
            this.#unpack(bytes, plain, flags === NEW_STREAM);
            this.#draw(this.#plain, plain, width, height, display);
        }
        return true;
    }

    #unpack(bytes, plain, anew) {
        if (anew) {
            this.#stream = new Decompress((part) => this.#take(part, part.length));
        }
        check(this.#stream, 'no stream has begun');
        if (this.#plain.length < plain) {
            this.#plain = new Uint8Array(plain);
        }
        this.#nPlain = 0;
        this.#stream.push(bytes.slice()); /* it may keep them; noVNC's buffer is used again */
        check(this.#nPlain === plain, 'the stream gave less than was said');
    }

    #take(part, n) {
        check(this.#nPlain + n <= this.#plain.length, 'the stream gave more than was said');
        this.#plain.set(part, this.#nPlain);
        this.#nPlain += n;
    }

    #draw(bytes, n, width, height, display) {
        const view = new DataView(bytes.buffer, bytes.byteOffset, n);
        let at = 0;
        while (at < n) {
            check(at + PART_HEAD_BYTES <= n, 'a part is cut short');
            const [x, y, w, h] = [0, 2, 4, 6].map((i) => view.getUint16(at + i));
            const kind = bytes[at + 8];
            const nBytes = kind === SOLID ? 3 : w * h * 3;
            at += PART_HEAD_BYTES;
            check(kind <= PREDICTED, 'an unknown kind of part');
            check(w > 0 && h > 0 && x + w <= width && y + h <= height, 'a part outside the picture');
            check(at + nBytes <= n, 'a part is cut short');
            if (kind === SOLID) {
                display.fillRect(x, y, w, h, [bytes[at], bytes[at + 1], bytes[at + 2]]);
            } else {
                const rgba = new Uint8Array(w * h * 4); /* its own: noVNC may draw it later */
                if (kind === PREDICTED) {
                    unpredict(bytes, at, w, h, rgba);
                } else {
                    copyPixels(bytes, at, w * h, rgba);
                }
                display.blitImage(x, y, w, h, rgba, 0, false);
            }
            at += nBytes;
        }
    }
}

/** A class of RFB that also announces and decodes it. */
export function withZaguan(RFB) {
    const announced = RFB.messages.clientEncodings;
    RFB.messages.clientEncodings = (sock, encodings) => announced(sock, [...encodings, ENCODING]);
    return class extends RFB {
        constructor(...words) {
            super(...words);
            this._decoders[ENCODING] = new ZaguanDecoder();
        }
    };
}
