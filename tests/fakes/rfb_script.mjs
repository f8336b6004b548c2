// SPDX-License-Identifier: GPL-3.0-or-later
// A scripted RFB 3.8 server for one viewer: shows a picture made of rectangles and writes down what the viewer does.
// `send(buffer)` takes bytes to the viewer; feed() takes the viewer's. `desktop` is shared by the viewers of one
// desktop: {width, height, rects: [[x, y, w, h, 0xrrggbb]], keys, clipboard, sizes, name}.

const RAW = 0;
const QEMU_KEY = -258;
const EXTENDED_SIZE = -308;
const CUT_TEXT_EXTENDED = 0xc0a1e5ce | 0;

export function makeDesktop(name) {
    const desktop = {
        name, width: 1024, height: 640, keys: [], clipboard: null, sizes: [], pointer: [], viewers: new Set(),
        background: 0x2f6f8f, rects: [],
    };
    desktop.draw = () => {
        const { width, height } = desktop;
        desktop.rects = [
            [0, 0, width, height, desktop.background],
            [0, height - 32, width, 32, 0x1b2a36], [8, height - 26, 84, 20, 0x3f5566],
            [70, 60, 520, 340, 0xf4f4f0], [70, 60, 520, 26, 0x33526b], [90, 110, 300, 12, 0x8a949c],
            [90, 136, 420, 12, 0xc2c8cc], [90, 162, 380, 12, 0xc2c8cc], [90, 188, 400, 12, 0xc2c8cc],
            [width - 120, 40, 64, 64, 0xaa3377], [width - 120, 124, 64, 64, 0xe8b23a],
        ];
    };
    desktop.draw();
    /* Everybody sees the picture again. */
    desktop.refresh = () => desktop.viewers.forEach((viewer) => viewer.update(true));
    return desktop;
}

export class RfbScript {
    constructor(desktop, send, { viewOnly = false } = {}) {
        this.desktop = desktop;
        this.send = send;
        this.viewOnly = viewOnly;
        this.buffer = Buffer.alloc(0);
        this.stage = 'version';
        this.wanted = false;
        this.dirty = true;
        this.encodings = [];
        this.shifts = [16, 8, 0];
        desktop.viewers.add(this);
        send(Buffer.from('RFB 003.008\n'));
    }

    close() {
        this.desktop.viewers.delete(this);
    }

    feed(bytes) {
        this.buffer = Buffer.concat([this.buffer, bytes]);
        for (;;) {
            const used = this.#step();
            if (used === 0) {
                return;
            }
            this.buffer = this.buffer.subarray(used);
        }
    }

    #step() {
        const b = this.buffer;
        if (this.stage === 'version') {
            return b.length < 12 ? 0 : this.#to('security', 12, Buffer.from([1, 1]));
        }
        if (this.stage === 'security') {
            return b.length < 1 ? 0 : this.#to('init', 1, Buffer.from([0, 0, 0, 0]));
        }
        if (this.stage === 'init') {
            return b.length < 1 ? 0 : this.#to('normal', 1, this.#serverInit());
        }
        return b.length < 1 ? 0 : this.#message(b);
    }

    #to(stage, used, answer) {
        this.stage = stage;
        this.send(answer);
        return used;
    }

    #serverInit() {
        const name = Buffer.from(this.desktop.name);
        const head = Buffer.alloc(24);
        head.writeUInt16BE(this.desktop.width, 0);
        head.writeUInt16BE(this.desktop.height, 2);
        head.set([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0], 4);
        head.writeUInt32BE(name.length, 20);
        return Buffer.concat([head, name]);
    }

    #message(b) {
        switch (b[0]) {
        case 0:
            if (b.length < 20) {
                return 0;
            }
            this.shifts = [b[14], b[15], b[16]];
            return 20;
        case 2: return this.#setEncodings(b);
        case 3: return this.#updateRequest(b);
        case 4: return this.#key(b, 8, () => ({ down: b[1] === 1, keysym: b.readUInt32BE(4), scancode: 0 }));
        case 5:
            if (b.length < 6) {
                return 0;
            }
            this.desktop.pointer.push([b[1], b.readUInt16BE(2), b.readUInt16BE(4)]);
            return 6;
        case 6: return this.#cutText(b);
        case 251: return this.#setDesktopSize(b);
        case 255:
            return this.#key(b, 12, () =>
                ({ down: b.readUInt16BE(2) === 1, keysym: b.readUInt32BE(4), scancode: b.readUInt32BE(8) }));
        default:
            throw new Error(`a viewer's message of type ${b[0]}`);
        }
    }

    #key(b, size, read) {
        if (b.length < size) {
            return 0;
        }
        if (!this.viewOnly) {
            this.desktop.keys.push(read());
        }
        return size;
    }

    #setEncodings(b) {
        if (b.length < 4 || b.length < 4 + 4 * b.readUInt16BE(2)) {
            return 0;
        }
        const n = b.readUInt16BE(2);
        this.encodings = Array.from({ length: n }, (_, i) => b.readInt32BE(4 + 4 * i));
        this.#clipboardCapabilities();
        return 4 + 4 * n;
    }

    #clipboardCapabilities() {
        if (!this.encodings.includes(CUT_TEXT_EXTENDED)) {
            return;
        }
        const text = Buffer.alloc(16);
        text.writeUInt8(3, 0);
        text.writeInt32BE(-8, 4);
        text.writeUInt32BE(0x1f000001, 8); /* caps, request, peek, notify, provide; text */
        text.writeUInt32BE(65536, 12);
        this.send(text);
    }

    #updateRequest(b) {
        if (b.length < 10) {
            return 0;
        }
        this.wanted = true;
        if (b[1] === 0) {
            this.dirty = true;
        }
        this.update(false);
        return 10;
    }

    #cutText(b) {
        if (b.length < 8) {
            return 0;
        }
        const n = Math.abs(b.readInt32BE(4));
        if (b.length < 8 + n) {
            return 0;
        }
        if (b.readInt32BE(4) >= 0) {
            this.desktop.clipboard = b.subarray(8, 8 + n).toString('latin1');
        } else {
            this.#extendedCutText(b.subarray(8, 8 + n));
        }
        return 8 + n;
    }

    /* notify → ask for the text; provide → zlib of length and text. */
    #extendedCutText(body) {
        const action = body[0];
        if (action & 0x08) {
            const request = Buffer.alloc(12);
            request.writeUInt8(3, 0);
            request.writeInt32BE(-4, 4);
            request.writeUInt32BE(0x02000001, 8);
            this.send(request);
        } else if (action & 0x10) {
            this.desktop.provided?.(body.subarray(4));
        }
    }

    #setDesktopSize(b) {
        if (b.length < 8 || b.length < 8 + 16 * b[6]) {
            return 0;
        }
        const used = 8 + 16 * b[6];
        const { desktop } = this;
        desktop.width = b.readUInt16BE(2);
        desktop.height = b.readUInt16BE(4);
        desktop.sizes.push([desktop.width, desktop.height]);
        desktop.draw();
        desktop.viewers.forEach((viewer) => viewer.#resized(viewer === this ? 1 : 2));
        return used;
    }

    #sizeRect(reason) {
        const rect = Buffer.alloc(12 + 4 + 16);
        rect.writeUInt16BE(reason, 0);
        rect.writeUInt16BE(this.desktop.width, 4);
        rect.writeUInt16BE(this.desktop.height, 6);
        rect.writeInt32BE(EXTENDED_SIZE, 8);
        rect.writeUInt8(1, 12);
        rect.writeUInt16BE(this.desktop.width, 24);
        rect.writeUInt16BE(this.desktop.height, 26);
        return rect;
    }

    #resized(reason) {
        this.send(Buffer.concat([Buffer.from([0, 0, 0, 1]), this.#sizeRect(reason)]));
        this.update(true);
    }

    /** Sends the picture when the viewer has asked and something changed. */
    update(changed) {
        this.dirty ||= changed;
        if (!this.wanted || !this.dirty || this.stage !== 'normal') {
            return;
        }
        this.wanted = false;
        this.dirty = false;
        const rects = this.desktop.rects.map((rect) => this.#rawRect(rect));
        if (!this.announced) {
            this.announced = true;
            const key = Buffer.alloc(12);
            key.writeInt32BE(QEMU_KEY, 8);
            rects.unshift(key, this.#sizeRect(0));
        }
        const head = Buffer.from([0, 0, 0, 0]);
        head.writeUInt16BE(rects.length, 2);
        this.send(Buffer.concat([head, ...rects]));
    }

    #rawRect([x0, y0, w0, h0, rgb]) {
        const x = Math.max(0, Math.min(x0, this.desktop.width));
        const y = Math.max(0, Math.min(y0, this.desktop.height));
        const w = Math.max(0, Math.min(x0 + w0, this.desktop.width) - x);
        const h = Math.max(0, Math.min(y0 + h0, this.desktop.height) - y);
        const head = Buffer.alloc(12);
        [x, y, w, h].forEach((value, i) => head.writeUInt16BE(value, 2 * i));
        head.writeInt32BE(RAW, 8);
        const pixel = Buffer.alloc(4);
        const [red, green, blue] = this.shifts;
        pixel.writeUInt32LE(((((rgb >> 16) & 255) << red) | (((rgb >> 8) & 255) << green) | ((rgb & 255) << blue)) >>> 0);
        return Buffer.concat([head, Buffer.alloc(4 * w * h, pixel)]);
    }

    /** The desktop copied Latin-1 text. */
    copied(text) {
        const bytes = Buffer.from(text, 'latin1');
        const head = Buffer.alloc(8);
        head.writeUInt8(3, 0);
        head.writeInt32BE(bytes.length, 4);
        this.send(Buffer.concat([head, bytes]));
    }
}
