// SPDX-License-Identifier: GPL-3.0-or-later
// Tight parts that share a zlib stream, as our encoder sends them, through noVNC's own inflate.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { constants, createDeflate } from 'node:zlib';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { mendInflate } from '../../../client/web/src/assets/console/inflate.js';

const { default: Inflate } = await import(
    pathToFileURL(path.join(process.env.ZAGUAN_NOVNC, 'core/inflator.js')).href);

/** A stream of its own for each job; the parts of a job share it, each ended by a sync flush. */
async function deflated(parts) {
    const stream = createDeflate();
    const out = [];
    for (const part of parts) {
        const chunks = [];
        const take = (chunk) => chunks.push(chunk);
        stream.on('data', take);
        stream.write(part);
        await new Promise((done) => {
            stream.flush(constants.Z_SYNC_FLUSH, done);
        });
        stream.off('data', take);
        out.push(Buffer.concat(chunks));
    }
    stream.destroy();
    return out;
}

const line = (seed) => Buffer.from(Array.from({ length: 3000 }, (_, i) => (i * i * seed) % 251));

test('parts of the second and later jobs may look back at the parts before them', async () => {
    mendInflate(Inflate);
    const inflate = new Inflate();
    for (let job = 1; job <= 3; job += 1) {
        const parts = [line(job), line(job), line(job).subarray(100, 1700), line(job + 7), line(job)];
        const packed = await deflated(parts);
        assert.ok(packed[1].length < packed[0].length / 4, 'the second part looks back at the first');
        inflate.reset();
        parts.forEach((part, i) => {
            inflate.setInput(packed[i]);
            assert.deepEqual(Buffer.from(inflate.inflate(part.length)), part, `job ${job}, part ${i}`);
            inflate.setInput(null);
        });
    }
});
