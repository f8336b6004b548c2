// SPDX-License-Identifier: GPL-3.0-or-later
// Our own encoding in the page: what the server's encoder makes comes back in every pixel, and what is wrong is refused.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';

const { ENCODING, ZaguanDecoder, withZaguan } = await import(
    pathToFileURL(path.join(process.env.ZAGUAN_WEB, 'assets/console/zaguan.js')).href);
const SIDE = 256;
const RECT_HEAD = 12;

/* noVNC's socket, as far as a decoder sees it. */
class Sock {
    constructor(bytes) {
        this.bytes = bytes;
        this.at = 0;
    }

    rQwait(what, n) {
        return this.at + n > this.bytes.length;
    }

    rQshift8() {
        this.at += 1;
        return this.bytes[this.at - 1];
    }

    rQshift32() {
        this.at += 4;
        return this.bytes.readUInt32BE(this.at - 4);
    }

    rQshiftBytes(n) {
        this.at += n;
        return this.bytes.subarray(this.at - n, this.at);
    }
}

class Display {
    picture = new Uint8Array(SIDE * SIDE * 3);

    #put(x, y, rgb) {
        this.picture.set(rgb, (y * SIDE + x) * 3);
    }

    fillRect(x, y, width, height, rgb) {
        for (let i = 0; i < width * height; i += 1) {
            this.#put(x + (i % width), y + Math.floor(i / width), rgb);
        }
    }

    blitImage(x, y, width, height, rgba) {
        for (let i = 0; i < width * height; i += 1) {
            this.#put(x + (i % width), y + Math.floor(i / width), rgba.subarray(i * 4, i * 4 + 3));
        }
    }
}

function* updates() {
    const all = execFileSync(process.env.ZAGUAN_STREAM, { maxBuffer: 1 << 26 });
    for (let at = 0; at < all.length;) {
        const [nRects, nBytes] = [all.readUInt32LE(at), all.readUInt32LE(at + 4)];
        at += 8;
        const bytes = all.subarray(at, at + nBytes);
        at += nBytes;
        yield { nRects, bytes, picture: all.subarray(at, at + SIDE * SIDE * 3) };
        at += SIDE * SIDE * 3;
    }
}

const rectangle = (flags, plain, packed) => {
    const head = Buffer.alloc(9);
    head[0] = flags;
    head.writeUInt32BE(plain, 1);
    head.writeUInt32BE(packed.length, 5);
    return Buffer.concat([head, packed]);
};

const decode = (decoder, bytes, display = new Display()) => {
    const sock = new Sock(bytes);
    return decoder.decodeRect(0, 0, SIDE, SIDE, sock, display) && sock.at === bytes.length;
};

test('every update of the encoder comes back, over a new stream, too', () => {
    const decoder = new ZaguanDecoder();
    const display = new Display();
    let n = 0;
    for (const { nRects, bytes, picture } of updates()) {
        assert.equal(nRects, 1);
        assert.equal(bytes.readUInt32BE(8), ENCODING);
        const sock = new Sock(bytes.subarray(0, bytes.length - 1));
        sock.at = RECT_HEAD;
        assert.equal(decoder.decodeRect(0, 0, SIDE, SIDE, sock, display), false, 'it waits for the last byte');
        sock.bytes = bytes;
        assert.equal(decoder.decodeRect(0, 0, SIDE, SIDE, sock, display), true);
        assert.equal(sock.at, bytes.length);
        assert.ok(Buffer.from(display.picture).equals(picture), `update ${n}`);
        n += 1;
    }
    assert.equal(n, 12);
});

test('what lies a window before is found, however long the stream is', async () => {
    const { Decompress } = await import(pathToFileURL(path.join(process.env.ZAGUAN_WEB, 'assets/vendor/fzstd.js')).href);
    const all = execFileSync(process.env.ZAGUAN_STREAM, ['window'], { maxBuffer: 1 << 26 });
    const got = [];
    const stream = new Decompress((part) => got.push(Buffer.from(part)));
    let [n, nPlain, nPacked] = [0, 0, 0];
    for (let at = 0; at < all.length; n += 1) {
        const [plain, packed] = [all.readUInt32LE(at), all.readUInt32LE(at + 4)];
        at += 8 + plain + packed;
        got.length = 0;
        stream.push(new Uint8Array(all.subarray(at - packed, at)));
        assert.ok(Buffer.concat(got).equals(all.subarray(at - packed - plain, at - packed)), `flush ${n}`);
        nPlain += plain;
        nPacked += packed;
    }
    assert.equal(n, 64);
    assert.ok(nPacked < nPlain * 0.8, 'it does look back');
});

test('parts that are not packed are drawn, and what is wrong is refused', () => {
    const solid = (x, y, w, h) => Buffer.from([x >> 8, x & 255, y >> 8, y & 255, w >> 8, w & 255, h >> 8, h & 255, 0, 1, 2, 3]);
    const display = new Display();
    const good = solid(4, 5, 6, 7);
    assert.ok(decode(new ZaguanDecoder(), rectangle(2, good.length, good), display));
    assert.deepEqual([...display.picture.subarray((5 * SIDE + 4) * 3, (5 * SIDE + 4) * 3 + 3)], [1, 2, 3]);

    const wrong = {
        'unknown flags': rectangle(3, good.length, good),
        'lengths differ': rectangle(2, good.length + 1, good),
        'no stream has begun': rectangle(0, good.length, good),
        'outside the picture': rectangle(2, 12, solid(SIDE - 1, 0, 2, 1)),
        'cut short': rectangle(2, 11, good.subarray(0, 11)),
        'an unknown kind': rectangle(2, 12, Buffer.concat([good.subarray(0, 8), Buffer.from([3, 1, 2, 3])])),
        'too large': rectangle(2, 5 << 20, good),
    };
    for (const [what, bytes] of Object.entries(wrong)) {
        assert.throws(() => decode(new ZaguanDecoder(), bytes), new RegExp(what), what);
    }
    assert.throws(() => decode(new ZaguanDecoder(), rectangle(1, 12, Buffer.from('not a zstd frame at all, no'))));
});

test('the page announces it beside what noVNC does', () => {
    const sent = [];
    class Plain {
        static messages = { clientEncodings: (sock, encodings) => sent.push(encodings) };
        _decoders = {};
    }
    const Rfb = withZaguan(Plain);
    Plain.messages.clientEncodings(null, [7, 1]);
    assert.deepEqual(sent, [[7, 1, ENCODING]]);
    assert.ok(new Rfb()._decoders[ENCODING] instanceof ZaguanDecoder);
});
