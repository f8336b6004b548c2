// SPDX-License-Identifier: GPL-3.0-or-later
// The tiles: one per desktop that the person may use, with its state in words.
import * as api from '../app/api.js';
import { announce, ask, button, door, fill, h, icon, toast } from '../app/dom.js';
import { t } from '../app/i18n.js';
import { watch } from '../app/live.js';
import { tileOf } from '../app/states.js';
import { frame, keyboardLine } from './frame.js';
import { problem, wordsOf } from './problem.js';
import { sessionRequest } from './words.js';

const SETTLE_MS = 120;

function stateWords(tile) {
    return tile.textKey ? t(tile.textKey) : tile.fallback;
}

function moreMenu(item, tile, actions) {
    if (!tile.session) {
        return null;
    }
    return h('details', { class: 'menu' },
        h('summary', { class: 'icon-button', 'aria-label': t('action.more', { title: item.title }) }, icon('more')),
        h('div', { class: 'menu-list' },
            button(t('action.restart'), () => actions.restart(item, tile), { iconName: 'restart', kind: 'item' }),
            button(t('action.log-off'), () => actions.logOff(item, tile), { iconName: 'power', kind: 'item' })));
}

function tileNode(item, actions) {
    const tile = tileOf(item);
    const stateId = `state-${item.pool}`;
    return h('li', { class: `tile ${tile.tone}`, 'data-pool': item.pool, 'data-state': item.state },
        h('div', { class: 'tile-head' }, door(),
            h('div', { class: 'tile-words' },
                h('h2', {}, item.title || item.pool),
                item.description && h('p', { class: 'tile-text' }, item.description)),
            moreMenu(item, tile, actions)),
        h('div', { class: 'tile-foot' },
            h('p', { class: 'state', id: stateId }, h('span', { class: 'dot', 'aria-hidden': 'true' }), stateWords(tile)),
            tile.action && h('button', {
                type: 'button', class: `button ${tile.action === 'queue' ? 'plain' : 'primary'} open`,
                'aria-label': `${t(`action.${tile.action}`)}: ${item.title || item.pool}`, 'aria-describedby': stateId,
                onclick: (event) => actions.open(item, tile, event.currentTarget),
            }, t(`action.${tile.action}`))));
}

/** Says which states changed between two lists, for people who do not see them. */
function sayChanges(before, after) {
    const known = new Map(before.map((item) => [item.pool, item.state]));
    const changed = after.filter((item) => known.has(item.pool) && known.get(item.pool) !== item.state);
    if (changed.length > 0) {
        announce(changed.map((item) => t('desktops.updated',
            { title: item.title || item.pool, state: stateWords(tileOf(item)) })).join('. '));
    }
}

export function showDesktops(app) {
    const list = h('ul', { class: 'tiles', 'aria-busy': 'true' }, [0, 1].map(() => h('li', { class: 'tile ghost' })));
    const says = h('div', { class: 'says' });
    const foot = h('footer', { class: 'below' });
    let items = null;
    let closed = false;
    let settle = null;

    const failed = (error) => {
        if (closed) {
            return;
        }
        if (error.status === 401) {
            app.signedOut();
        } else {
            fill(says, problem(error));
        }
    };
    const actions = {
        async open(item, tile, pressed) {
            pressed.disabled = true;
            try {
                const session = await api.openPool(sessionRequest(item.pool));
                app.go({ name: 'desktop', id: session.id });
            } catch (error) {
                pressed.disabled = false;
                failed(error);
            }
        },
        async restart(item, tile) {
            await confirmThen('restart', item, () => api.restart(tile.session), t('restart.started'));
        },
        async logOff(item, tile) {
            await confirmThen('log-off', item, () => api.logOff(tile.session), t('console.leaving'));
            app.secrets.clear(tile.session);
        },
    };
    const confirmThen = async (what, item, work, done) => {
        const sure = await ask({
            title: t(`${what}.title`, { title: item.title || item.pool }), text: t(`${what}.text`),
            confirm: t(`${what}.confirm`), cancel: t('app.cancel'), danger: true,
        });
        if (!sure) {
            return;
        }
        try {
            await work();
            toast(done, { closeLabel: t('app.close') });
            load();
        } catch (error) {
            toast(wordsOf(error), { tone: 'bad', closeLabel: t('app.close') });
        }
    };
    const draw = () => {
        const focused = document.activeElement?.closest?.('.tile')?.dataset.pool;
        const open = list.querySelector('details[open]')?.closest('.tile')?.dataset.pool;
        if (items.length === 0) {
            fill(list, h('li', { class: 'empty' }, door(), h('p', {}, t('desktops.none')),
                h('p', { class: 'hint' }, t('desktops.none-hint'))));
        } else {
            fill(list, items.map((item) => tileNode(item, actions)));
        }
        list.removeAttribute('aria-busy');
        list.dataset.count = items.length;
        const of = (pool) => list.querySelector(`[data-pool="${CSS.escape(pool)}"]`);
        if (open && of(open)) {
            of(open).querySelector('details')?.setAttribute('open', '');
        }
        if (focused) {
            of(focused)?.querySelector('button.open')?.focus();
        }
    };
    const load = async () => {
        try {
            const next = (await api.pools()).items;
            if (closed) {
                return;
            }
            fill(says);
            if (items && JSON.stringify(items) === JSON.stringify(next)) {
                return;
            }
            const first = items === null;
            sayChanges(items ?? [], next);
            items = next;
            draw();
            if (first && (document.activeElement === document.body || !document.activeElement)) {
                list.querySelector('button.open')?.focus();
            }
        } catch (error) {
            failed(error);
        }
    };
    const changed = () => {
        clearTimeout(settle);
        settle = setTimeout(load, SETTLE_MS);
    };
    const closeMenus = (event) => {
        for (const menu of list.querySelectorAll('details[open]')) {
            if (event.key === 'Escape') {
                menu.open = false;
                menu.querySelector('summary').focus();
            } else if (event.type === 'pointerdown' && !menu.contains(event.target)) {
                menu.open = false;
            }
        }
    };

    fill(foot, keyboardLine(app, () => app.go({ name: 'desktops' })));
    fill(app.root, frame(app, h('h1', {}, t('app.desktops')), says, list, foot));
    document.addEventListener('pointerdown', closeMenus);
    document.addEventListener('keydown', closeMenus);
    const stop = watch(api.eventsUrl, changed);
    load();
    /* The console's modules come while the person looks at the tiles. */
    const warm = setTimeout(() => import('../console/screen.js').catch(() => {}), 600);
    return () => {
        closed = true;
        stop();
        clearTimeout(settle);
        clearTimeout(warm);
        document.removeEventListener('pointerdown', closeMenus);
        document.removeEventListener('keydown', closeMenus);
    };
}
