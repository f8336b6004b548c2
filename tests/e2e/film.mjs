// SPDX-License-Identifier: GPL-3.0-or-later
// The browser's part of film_test.py: {…scene.mjs, codec: whether the page may use WebCodecs, area: where the film
// plays} on standard input. Looks at whole pictures while the film plays, and compares them with the scene's own.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { openScene, frameSeen, playScene } from './scene.mjs';

const FROM_FRAME = 60; // by then the film has been found
const APART = 20;
const LOOKS = 3;
const LEAST_DB = 34; // a picture 5 frames old has 27, and one in the wrong colour space 30
const LEAST_EXACT = 0.999; // outside: text and windows

/* Before the page's scripts: its decoder is watched, or there is none. */
function watchCodec(codec) {
    globalThis.filmFrames = 0;
    if (!codec) {
        delete globalThis.VideoDecoder;
        return;
    }
    const Codec = globalThis.VideoDecoder;
    globalThis.VideoDecoder = class extends Codec {
        constructor({ output, error }) {
            super({
                error,
                output: (frame) => {
                    globalThis.filmFrames += 1;
                    output(frame);
                },
            });
        }
    };
}

/* In the page: keeps the first whole picture from frame @from on, and one each @apart frames later. */
function keepPictures([from, apart, looks]) {
    const kept = [];
    globalThis.filmKept = kept;
    const look = () => {
        const canvas = document.querySelector('.screen-target canvas');
        const number = globalThis.frameSeen();
        if (number >= from + kept.length * apart) {
            const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
            kept.push({ number, width: canvas.width, data, filmFrames: globalThis.filmFrames });
        }
        if (kept.length < looks) {
            requestAnimationFrame(look);
        }
    };
    look();
}

/* One kept picture as text; base64 in pieces that String.fromCharCode takes. */
function takePicture(i) {
    const { data, ...rest } = globalThis.filmKept[i];
    let text = '';
    for (let at = 0; at < data.length; at += 32768) {
        text += String.fromCharCode(...data.subarray(at, at + 32768));
    }
    return { ...rest, data: btoa(text) };
}

/* dB inside the film's area, and how much is equal outside it. */
function compare({ width, data }, still, { x, y, width: w, height: h }) {
    const rgba = Buffer.from(data, 'base64');
    let [error, inside, equal, outside] = [0, 0, 0, 0];
    for (let i = 0; i < rgba.length / 4; i += 1) {
        const [column, row] = [i % width, Math.floor(i / width)];
        const off = [0, 1, 2].map((c) => rgba[i * 4 + c] - still[i * 3 + c]);
        if (column >= x && column < x + w && row >= y && row < y + h) {
            inside += 3;
            error += off[0] ** 2 + off[1] ** 2 + off[2] ** 2;
        } else {
            outside += 1;
            equal += off.every((value) => value === 0) ? 1 : 0;
        }
    }
    return { db: 10 * Math.log10(255 ** 2 / (error / inside)), exact: equal / outside };
}

const task = JSON.parse(fs.readFileSync(0, 'utf8'));
const still = (number) => execFileSync(task.still, [task.scene, String(number)], { maxBuffer: 1 << 23 });
const opened = await openScene(task, {
    prepare: `globalThis.frameSeen = ${frameSeen}; (${watchCodec})(${task.codec})`,
});
try {
    const { page } = opened;
    const known = await page.evaluate(async () => 'VideoDecoder' in globalThis &&
        (await VideoDecoder.isConfigSupported({ codec: 'avc1.42401f' })).supported);
    console.log(known ? 'this browser decodes H.264' : 'this browser does not decode H.264');
    assert.equal(known, task.codec);
    await page.evaluate(keepPictures, [FROM_FRAME, APART, LOOKS]);
    await playScene(page, task);
    for (let i = 0; i < LOOKS; i += 1) {
        const picture = await page.evaluate(takePicture, i);
        const { db, exact } = compare(picture, still(picture.number), task.area);
        const { db: old } = compare(picture, still(picture.number - 5), task.area);
        console.log(`frame ${picture.number}: ${db.toFixed(1)} dB in the film, ${(exact * 100).toFixed(2)} % exact outside, ` +
            `${picture.filmFrames} decoded by then (5 frames before: ${old.toFixed(1)} dB)`);
        assert.ok(db >= LEAST_DB, 'the film is another one than the console shows');
        assert.ok(exact >= LEAST_EXACT, 'what does not move is not exact');
        assert.equal(picture.filmFrames > 0, task.codec, 'whether H.264 was sent');
    }
} finally {
    await opened.close();
}
