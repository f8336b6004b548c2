// SPDX-License-Identifier: GPL-3.0-or-later
// Live changes: server-sent events while they work, asking every few seconds while they do not.

const KINDS = ['desktop', 'session', 'pool', 'operation', 'reset'];
const POLL_MS = 5000;
const RETRY_FIRST_MS = 3000;
const RETRY_MOST_MS = 30000;

/**
 * Calls `onChange(kind, data)` at every event, and `onChange('poll')` every 5 s while no events come. `deps` is
 * {EventSource, setTimeout, clearTimeout}. Returns stop().
 */
export function watch(url, onChange, deps = globalThis) {
    let source = null;
    let pollTimer = null;
    let retryTimer = null;
    let retryMs = RETRY_FIRST_MS;
    let stopped = false;

    const poll = () => {
        pollTimer = deps.setTimeout(() => {
            onChange('poll', null);
            poll();
        }, POLL_MS);
    };
    const stopPolling = () => {
        deps.clearTimeout(pollTimer);
        pollTimer = null;
    };
    const onEvent = (kind) => (event) => {
        let data = null;
        try {
            data = JSON.parse(event.data);
        } catch {
            /* the kind alone says that something changed */
        }
        onChange(kind, data);
    };
    const open = () => {
        if (typeof deps.EventSource !== 'function') {
            return;
        }
        source = new deps.EventSource(url);
        for (const kind of KINDS) {
            source.addEventListener(kind, onEvent(kind));
        }
        source.addEventListener('open', () => {
            if (pollTimer !== null) {
                stopPolling();
                onChange('poll', null); /* what happened between the last poll and now */
            }
            retryMs = RETRY_FIRST_MS;
        });
        source.addEventListener('error', () => {
            source.close();
            source = null;
            if (stopped) {
                return;
            }
            if (pollTimer === null) {
                poll();
            }
            retryTimer = deps.setTimeout(open, retryMs);
            retryMs = Math.min(RETRY_MOST_MS, retryMs * 2);
        });
    };

    poll();
    open();
    return () => {
        stopped = true;
        source?.close();
        deps.clearTimeout(retryTimer);
        stopPolling();
    };
}
