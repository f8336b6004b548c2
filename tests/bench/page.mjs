// SPDX-License-Identifier: GPL-3.0-or-later
// The browser's part of page.py: plays the scene in the page, with a watch on its decoders. The task is on standard
// input (tests/e2e/scene.mjs); prints one line of JSON.
import fs from 'node:fs';
import { frameSeen, openScene, playScene } from '../e2e/scene.mjs';

/* In the page: counts what its own modules do; the console uses the same. */
async function watch() {
    const { ZaguanDecoder } = await import('/assets/console/zaguan.js');
    const { default: RFB } = await import('/assets/novnc/core/rfb.js');
    const { default: Display } = await import('/assets/novnc/core/display.js');
    const seen = { decodeMs: 0, drawMs: 0, updateMs: 0, frames: new Set(), packed: 0, plain: 0 };
    globalThis.benchSeen = seen;
    const { decodeRect } = ZaguanDecoder.prototype;
    const { _framebufferUpdate: update } = RFB.prototype;
    const { flip } = Display.prototype;
    let lengths = [];
    ZaguanDecoder.prototype.decodeRect = function watched(x, y, width, height, sock, display) {
        const tap = { /* flags, then two lengths */
            rQwait: (...words) => sock.rQwait(...words),
            rQshift8: () => sock.rQshift8(),
            rQshift32: () => {
                lengths.push(sock.rQshift32());
                return lengths.at(-1);
            },
            rQshiftBytes: (...words) => sock.rQshiftBytes(...words),
        };
        const drawn = (work) => (...words) => {
            const begin = performance.now();
            display[work](...words);
            seen.drawMs += performance.now() - begin;
        };
        const pen = { fillRect: drawn('fillRect'), blitImage: drawn('blitImage') };
        const begin = performance.now();
        const before = seen.drawMs;
        const done = decodeRect.call(this, x, y, width, height, tap, pen);
        seen.decodeMs += performance.now() - begin - (seen.drawMs - before);
        if (done) {
            seen.plain += lengths[0];
            seen.packed += lengths[1];
            lengths = [];
        }
        return done;
    };
    RFB.prototype._framebufferUpdate = function watched() {
        const begin = performance.now();
        const done = update.call(this);
        seen.updateMs += performance.now() - begin;
        return done;
    };
    Display.prototype.flip = function watched(...words) {
        flip.apply(this, words);
        queueMicrotask(() => seen.frames.add(globalThis.frameSeen())); // outside what is timed
    };
}

const task = JSON.parse(fs.readFileSync(0, 'utf8'));
const console_ = await openScene(task, {
    prepare: `globalThis.frameSeen = ${frameSeen}`,
    beforeConsole: (page) => page.evaluate(watch),
});
try {
    const { page } = console_;
    await page.evaluate(() => {
        Object.assign(globalThis.benchSeen, { decodeMs: 0, drawMs: 0, updateMs: 0, frames: new Set(), packed: 0, plain: 0 });
    });
    await playScene(page, task);
    const row = await page.evaluate(() => {
        const { frames, ...sums } = globalThis.benchSeen;
        frames.delete(-1); /* torn */
        frames.delete(0);
        return { ...sums, seen: frames.size };
    });
    console.log(JSON.stringify({
        frames: task.frames - 1, seen: row.seen, packed_kb: row.packed / row.seen / 1000, plain_kb: row.plain / row.seen / 1000,
        mb_s: row.plain / 1000 / Math.max(row.decodeMs, 0.1), decode_ms: row.decodeMs / row.seen,
        draw_ms: row.drawMs / row.seen, update_ms: row.updateMs / row.seen,
    }));
} finally {
    await console_.close();
}
