// SPDX-License-Identifier: GPL-3.0-or-later
// Finds the test-only npm modules (package-lock.json of client/web): ZAGUAN_NODE_MODULES, else beside the sources.
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import path from 'node:path';

const here = path.dirname(fileURLToPath(import.meta.url));
const home = process.env.ZAGUAN_NODE_MODULES
    ? path.dirname(path.resolve(process.env.ZAGUAN_NODE_MODULES))
    : path.resolve(here, '../../client/web');

export const requireModule = createRequire(path.join(home, 'package.json'));
