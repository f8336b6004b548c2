// SPDX-License-Identifier: GPL-3.0-or-later
// A quiet page that says one thing and offers what can be done about it.
import { button, door, fill, h } from '../app/dom.js';
import { t } from '../app/i18n.js';
import { frame } from './frame.js';

/** The card itself, also used over a console's last picture. */
export function noticeCard({ title, text, detail, trace, tone = 'live', actions = [] }) {
    return h('section', { class: `card notice-card ${tone}`, role: 'alertdialog', 'aria-labelledby': 'notice-title' },
        door(), h('h1', { id: 'notice-title' }, title), text && h('p', {}, text),
        detail && h('p', { class: 'hint' }, detail),
        actions.length > 0 && h('div', { class: 'row center' }, actions.map((action) =>
            button(action.label, action.run, { kind: action.primary ? 'primary' : 'plain' }))),
        trace && h('p', { class: 'trace' }, t('app.trace', { id: trace })));
}

export function showNotice(app, content) {
    fill(app.root, frame(app, noticeCard(content)));
    app.root.querySelector('.notice-card .primary')?.focus();
}
