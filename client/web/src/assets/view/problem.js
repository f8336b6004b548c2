// SPDX-License-Identifier: GPL-3.0-or-later
// An error in words, with the reference for whoever looks after the servers in small print.
import { h } from '../app/dom.js';
import { has, t } from '../app/i18n.js';
import { errorKey } from '../app/states.js';

/** The sentence for an ApiError. What we have no words for, the server says in its own. */
export function wordsOf(error) {
    const key = errorKey(error, has);
    return key ? t(key) : error.detail || error.hint || t('error.unknown');
}

export function problem(error, { role = 'alert' } = {}) {
    return h('div', { class: 'problem', role },
        h('p', {}, wordsOf(error)),
        error.traceId && h('p', { class: 'trace' }, t('app.trace', { id: error.traceId })));
}
