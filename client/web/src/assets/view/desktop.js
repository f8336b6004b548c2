// SPDX-License-Identifier: GPL-3.0-or-later
// One desktop's address: waits while it is being made, then hands over to its console.
import * as api from '../app/api.js';
import { announce, button, door, fill, h } from '../app/dom.js';
import { roughly, t } from '../app/i18n.js';
import { watch } from '../app/live.js';
import { screenOf } from '../app/states.js';
import { frame } from './frame.js';
import { showNotice } from './notice.js';
import { wordsOf } from './problem.js';

/** The sentences of the waiting page. */
function waitWords(session) {
    if (session.state === 'logging-off') {
        return { title: t('wait.leaving'), place: '', estimate: t('wait.soon') };
    }
    const ahead = Number.isInteger(session.position) ? session.position - 1 : null;
    const queued = ahead !== null && ahead > 0;
    let place = '';
    if (queued) {
        place = t('wait.ahead', { n: ahead });
    } else if (ahead === 0) {
        place = t('wait.first');
    }
    return {
        title: t(queued ? 'wait.queue' : 'wait.title'),
        place,
        estimate: typeof session.estimate_s === 'number' && session.estimate_s > 0
            ? t('wait.estimate', { time: roughly(session.estimate_s) }) : t('wait.soon'),
    };
}

function waitingPage(app, onCancel) {
    const title = h('h1', {});
    const name = h('p', { class: 'wait-name' });
    const number = h('p', { class: 'wait-number' });
    const place = h('p', { class: 'wait-place' });
    const estimate = h('p', {});
    const says = h('div', { class: 'says' });
    const cancel = button(t('wait.cancel'), onCancel, { kind: 'plain' });
    fill(app.root, frame(app, h('section', { class: 'card wait busy', 'aria-busy': 'true' },
        h('div', { class: 'wait-door' }, door(), number), name, title,
        h('div', { role: 'status', class: 'wait-words' }, place, estimate),
        h('p', { class: 'hint' }, t('wait.opens')), says, cancel)));
    cancel.focus();
    return {
        says,
        update(session) {
            const words = waitWords(session);
            const set = (node, text) => {
                if (node.textContent !== text) {
                    node.textContent = text;
                }
            };
            set(name, session.title || session.pool || '');
            set(title, words.title);
            set(place, words.place);
            set(estimate, words.estimate);
            set(number, session.position > 1 ? String(session.position) : '');
            cancel.hidden = session.state === 'logging-off';
            document.title = `${session.position > 1 ? `${session.position} · ` : ''}${words.title} · Zaguan`;
        },
    };
}

export function showDesktop(app, route) {
    let closed = false;
    let page = null;
    let consoleView = null;
    let stopWatching = null;

    const stopWaiting = () => {
        stopWatching?.();
        stopWatching = null;
        page = null;
    };
    const home = () => app.go({ name: 'desktops' });
    const cancel = async () => {
        try {
            await api.logOff(route.id);
            announce('');
            home();
        } catch (error) {
            if (error.status === 401) {
                app.signedOut();
            } else if (error.status === 404 || error.status === 409) {
                home();
            } else if (page) {
                fill(page.says, h('p', { class: 'problem', role: 'alert' }, wordsOf(error)));
            }
        }
    };
    const openConsole = async (session) => {
        stopWaiting();
        const { showConsole } = await import('../console/screen.js');
        if (closed || consoleView) {
            return;
        }
        consoleView = showConsole(app, route, session, {
            home,
            notReady: () => {
                consoleView = null;
                load();
            },
        });
    };
    const show = (session) => {
        if (closed || consoleView) {
            return;
        }
        const screen = screenOf(session);
        if (screen === 'console') {
            openConsole(session);
        } else if (screen === 'ended') {
            stopWaiting();
            app.secrets.clear(route.id);
            showNotice(app, {
                title: t('console.ended'), text: session.reason_text || '', tone: 'off',
                actions: [{ label: t('console.back'), run: home, primary: true }],
            });
        } else {
            page ??= waitingPage(app, cancel);
            page.update(session);
            stopWatching ??= watch(api.eventsUrl, changed);
        }
    };
    const changed = (kind, data) => {
        if (kind === 'session' && data?.id === route.id && data.state) {
            show(data);
        } else {
            load();
        }
    };
    const load = async () => {
        try {
            show(await api.session(route.id));
        } catch (error) {
            if (closed || consoleView) {
                return;
            }
            if (error.status === 401) {
                app.signedOut();
            } else if (error.status === 404) {
                home();
            } else if (page) {
                fill(page.says, h('p', { class: 'problem', role: 'alert' }, wordsOf(error)));
            } else {
                showNotice(app, {
                    title: t('console.failed'), text: wordsOf(error), trace: error.traceId, tone: 'off',
                    actions: [{ label: t('app.try-again'), run: load, primary: true },
                        { label: t('console.back'), run: home }],
                });
            }
        }
    };

    fill(app.root, h('div', { class: 'blank', role: 'status' }, h('span', { class: 'sr-only' }, t('app.loading'))));
    if (app.secrets.load(keyOf(route))) {
        /* A reload of a console: its resume secret is the quick way back. */
        openConsole(null);
    } else {
        load();
    }
    return () => {
        closed = true;
        stopWaiting();
        consoleView?.close();
    };
}

/** Where the resume secret of this window is kept: a second window has its own. */
export function keyOf(route) {
    return route.share ? `${route.id}/${route.share}` : route.id;
}
