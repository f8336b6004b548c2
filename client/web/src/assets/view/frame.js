// SPDX-License-Identifier: GPL-3.0-or-later
// What surrounds the quiet screens: the bar with the name and the account, and the settings.
import * as prefs from '../app/prefs.js';
import { button, h, icon } from '../app/dom.js';
import { language, languageNames, t } from '../app/i18n.js';
import { keyboards } from '../app/keyboards.js';
import { currentKeyboard, guessedKeyboard } from './words.js';

function chooser(id, label, options, value, onchange, hint) {
    return h('div', { class: 'field' },
        h('label', { for: id }, label),
        h('div', { class: 'select' },
            h('select', { id, onchange: (event) => onchange(event.target.value),
                'aria-describedby': hint ? `${id}-hint` : null },
            options.map(([key, name]) => h('option', { value: key, selected: key === value }, name))),
            icon('down')),
        hint && h('p', { class: 'field-note', id: `${id}-hint` }, hint));
}

/** Keyboard, language and colours. Changes hold at once. `onClose` runs when it is shut. */
export function openSettings(app, onClose = () => {}) {
    const before = document.activeElement;
    let wanted = language();
    const dialog = h('dialog', { class: 'dialog', 'aria-labelledby': 'settings-title' },
        h('form', { method: 'dialog' },
            h('h2', { id: 'settings-title' }, t('settings.title')),
            chooser('set-keyboard', t('settings.keyboard'),
                [['', t('settings.keyboard-auto', { name: keyboards[guessedKeyboard()] })], ...Object.entries(keyboards)],
                prefs.get('keyboard') ?? '', (value) => prefs.set('keyboard', value || null),
                t('settings.keyboard-hint')),
            chooser('set-language', t('app.language'), Object.entries(languageNames), language(), (value) => {
                wanted = value;
            }),
            chooser('set-theme', t('settings.theme'), [
                ['', t('settings.theme-auto')], ['light', t('settings.theme-light')], ['dark', t('settings.theme-dark')],
            ], prefs.get('theme') ?? '', app.setTheme),
            h('div', { class: 'row end' }, h('button', { type: 'submit', class: 'button primary' }, t('settings.done')))));
    dialog.addEventListener('close', () => {
        dialog.remove();
        before?.focus?.();
        if (wanted !== language()) {
            app.setLanguage(wanted);
        } else {
            onClose();
        }
    });
    document.body.append(dialog);
    dialog.showModal();
}

/** The keyboard in use, with the way to change it. */
export function keyboardLine(app, onChange) {
    return h('button', { type: 'button', class: 'link quiet', onclick: () => openSettings(app, onChange) },
        icon('keys'), h('span', {}, `${t('desktops.keyboard')}: ${keyboards[currentKeyboard()]}`));
}

/** header + main around `content`. `settings` is false where it would disturb. */
export function frame(app, ...content) {
    const name = app.me?.full_name || app.me?.user || '';
    return h('div', { class: 'portal' },
        h('a', { class: 'skip', href: '#main', onclick: (event) => {
            event.preventDefault();
            document.getElementById('main').focus();
        } }, t('app.skip')),
        h('header', { class: 'top' },
            h('div', { class: 'brand' }, h('img', { src: '/assets/img/mark.svg', alt: '' }), 'Zaguan'),
            h('div', { class: 'row' },
                h('span', { class: 'who' }, name),
                h('button', { type: 'button', class: 'icon-button', id: 'settings', 'aria-label': t('app.settings'),
                    title: t('app.settings'), onclick: () => openSettings(app, () => app.go({ name: 'desktops' })) },
                icon('gear')),
                button(t('app.sign-out'), () => app.leave(), { iconName: 'leave', kind: 'quiet', id: 'sign-out' }))),
        h('main', { id: 'main', tabindex: '-1' }, content));
}
