// SPDX-License-Identifier: GPL-3.0-or-later
// The resume secret of each session: in this tab's memory and sessionStorage, nowhere else, so that a reload resumes.

const PREFIX = 'zaguan.resume.';

/** `storage` is sessionStorage (or anything like it); it may be forbidden, then memory alone serves. */
export function secretStore(storage) {
    const memory = new Map();
    const quietly = (work) => {
        try {
            return work();
        } catch {
            return null;
        }
    };

    return {
        /** {resume, heldMs, seenAtMs} or null */
        load(key) {
            if (memory.has(key)) {
                return memory.get(key);
            }
            const kept = quietly(() => JSON.parse(storage.getItem(PREFIX + key)));
            return kept && /^[0-9a-f]{64}$/.test(kept.resume) ? kept : null;
        },
        save(key, kept) {
            memory.set(key, kept);
            quietly(() => storage.setItem(PREFIX + key, JSON.stringify(kept)));
        },
        clear(key) {
            memory.delete(key);
            quietly(() => storage.removeItem(PREFIX + key));
        },
        clearAll() {
            memory.clear();
            quietly(() => {
                for (const name of Object.keys(storage).filter((n) => n.startsWith(PREFIX))) {
                    storage.removeItem(name);
                }
            });
        },
    };
}
