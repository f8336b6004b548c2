// SPDX-License-Identifier: GPL-3.0-or-later
// Sign-in: name, password, and what went wrong in words. Too many tries count down.
import * as api from '../app/api.js';
import { fill, h, icon } from '../app/dom.js';
import { language, languageNames, t } from '../app/i18n.js';
import { terminalName } from './words.js';
import { problem } from './problem.js';

const WRONG = new Set([401, 422]);

function clock(seconds) {
    return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

function languageSwitch(app) {
    return h('div', { class: 'languages', role: 'group', 'aria-label': t('app.language') },
        icon('globe'),
        Object.entries(languageNames).map(([tag, name]) => h('button', {
            type: 'button', class: 'link', lang: tag, 'aria-pressed': String(tag === language()),
            onclick: () => app.setLanguage(tag),
        }, name)));
}

function passwordField() {
    const input = h('input', {
        id: 'password', name: 'password', type: 'password', autocomplete: 'current-password', maxlength: 1024,
        'aria-describedby': 'caps',
    });
    const caps = h('p', { class: 'field-note', id: 'caps', role: 'status' });
    const eye = h('button', {
        type: 'button', class: 'icon-button inside', 'aria-label': t('signin.show'), 'aria-pressed': 'false',
        onclick: () => {
            const shown = input.type === 'text';
            input.type = shown ? 'password' : 'text';
            eye.setAttribute('aria-pressed', String(!shown));
            eye.setAttribute('aria-label', t(shown ? 'signin.show' : 'signin.hide'));
            input.focus();
        },
    }, icon('eye'));
    input.addEventListener('keyup', (event) => {
        caps.textContent = event.getModifierState?.('CapsLock') ? t('signin.caps') : '';
    });
    return { input, node: h('div', { class: 'field' },
        h('label', { for: 'password' }, t('signin.password')), h('div', { class: 'with-button' }, input, eye), caps) };
}

/** options: notice (key of a text), error (ApiError at start), onSignedIn(me). */
export function showSignIn(app, { notice, error, onSignedIn }) {
    const user = h('input', {
        id: 'user', name: 'username', autocomplete: 'username', autocapitalize: 'none', spellcheck: 'false',
        maxlength: 256,
    });
    const password = passwordField();
    const says = h('div', { class: 'says' });
    const submit = h('button', { type: 'submit', class: 'button primary wide' }, h('span', {}, t('signin.submit')));
    let countdown = null;

    const complain = (text, field) => {
        fill(says, h('p', { class: 'problem', role: 'alert' }, text));
        field.setAttribute('aria-invalid', 'true');
        field.focus();
    };
    const busy = (on) => {
        submit.disabled = on;
        submit.firstChild.textContent = t(on ? 'signin.busy' : 'signin.submit');
    };
    const throttle = (seconds, traceId) => {
        const until = Date.now() + seconds * 1000;
        const left = h('strong', {}, clock(seconds));
        const [before, after] = t('signin.throttled', { time: '\u0000' }).split('\u0000');
        fill(says, h('div', { class: 'problem' }, h('p', { role: 'timer' }, before, left, after),
            traceId && h('p', { class: 'trace' }, t('app.trace', { id: traceId }))));
        submit.disabled = true;
        clearInterval(countdown);
        countdown = setInterval(() => {
            const rest = Math.ceil((until - Date.now()) / 1000);
            if (rest > 0) {
                left.textContent = clock(rest);
                return;
            }
            clearInterval(countdown);
            submit.disabled = false;
            fill(says, h('p', { class: 'notice', role: 'status' }, t('signin.again')));
        }, 250);
    };
    const failed = (refusal) => {
        busy(false);
        if (refusal.status === 429) {
            throttle(refusal.retryAfterS ?? 60, refusal.traceId);
        } else if (WRONG.has(refusal.status) && !/expired|must-change/.test(refusal.code)) {
            password.input.value = '';
            complain(t('signin.wrong'), password.input);
            says.firstChild.append(refusal.traceId &&
                h('span', { class: 'trace' }, t('app.trace', { id: refusal.traceId })) || '');
        } else {
            fill(says, problem(refusal));
        }
    };
    const onsubmit = async (event) => {
        event.preventDefault();
        user.removeAttribute('aria-invalid');
        password.input.removeAttribute('aria-invalid');
        if (user.value.trim() === '') {
            complain(t('signin.need-user'), user);
            return;
        }
        if (password.input.value === '') {
            complain(t('signin.need-password'), password.input);
            return;
        }
        fill(says);
        busy(true);
        try {
            const me = await api.signIn(user.value.trim(), password.input.value, terminalName());
            password.input.value = '';
            onSignedIn(me);
        } catch (refusal) {
            failed(refusal);
        }
    };

    fill(app.root, h('div', { class: 'gate' },
        h('div', { class: 'gate-art', 'aria-hidden': 'true' },
            h('img', { src: '/assets/img/hall.svg', alt: '' })),
        h('main', { class: 'gate-main' },
            h('div', { class: 'gate-top' }, languageSwitch(app)),
            h('form', { class: 'gate-form', novalidate: true, onsubmit },
                h('div', { class: 'brand large' }, h('img', { src: '/assets/img/mark.svg', alt: '' }), 'Zaguan'),
                h('p', { class: 'lead' }, t('signin.lead')),
                h('h1', { class: 'sr-only' }, t('signin.title')),
                h('div', { class: 'field' }, h('label', { for: 'user' }, t('signin.user')), user),
                password.node, says, submit))));
    if (error) {
        fill(says, problem(error));
    } else if (notice) {
        fill(says, h('p', { class: 'notice', role: 'status' }, t(notice)));
    }
    user.focus();
    return () => clearInterval(countdown);
}
