// SPDX-License-Identifier: GPL-3.0-or-later
// What opens under the tools: clipboard, keyboard, screen, and the rest.
import { button, fill, h, icon } from '../app/dom.js';
import { t } from '../app/i18n.js';
import { keyboards } from '../app/keyboards.js';
import { currentKeyboard } from '../view/words.js';
import { keysFor } from './typing.js';

export function clipboardPanel(screen) {
    const { clipboard } = screen;
    const text = h('textarea', { id: 'clip-text', rows: 5, spellcheck: 'false', 'aria-describedby': 'clip-hint' });
    const says = h('p', { class: 'field-note', role: 'status' });
    const auto = h('p', { class: 'field-note' });
    text.value = clipboard.text;
    clipboard.onText = (value) => {
        text.value = value;
    };
    clipboard.permission().then((state) => {
        if (state === 'granted') {
            auto.append(icon('check'), t('clipboard.on'));
        } else if (state === 'prompt') {
            auto.append(button(t('clipboard.allow'), async () => {
                auto.replaceChildren(t(await clipboard.read() ? 'clipboard.on' : 'clipboard.denied'));
            }, { kind: 'link' }));
        }
    });
    return h('div', { class: 'panel-body', role: 'group', 'aria-label': t('bar.clipboard') },
        h('div', { class: 'field' }, h('label', { for: 'clip-text' }, t('clipboard.text')), text,
            h('p', { class: 'field-note', id: 'clip-hint' }, t('clipboard.hint'))),
        h('div', { class: 'row' },
            button(t('clipboard.send'), () => {
                const sent = clipboard.toDesktop(text.value);
                says.textContent = t(sent ? 'clipboard.sent' : 'clipboard.too-long');
            }, { kind: 'primary' }),
            button(t('clipboard.copy'), async () => {
                if (await clipboard.copyHere(text.value)) {
                    says.textContent = t('clipboard.copied');
                } else {
                    text.select();
                }
            })),
        says, auto);
}

const COMBINATIONS = [
    ['Esc', ['Escape']],
    ['Alt + Tab', ['AltLeft', 'Tab']],
    ['Alt + F4', ['AltLeft', 'F4']],
    ['Super', ['MetaLeft']],
    ['Ctrl + Alt + F1', ['ControlLeft', 'AltLeft', 'F1']],
    ['Ctrl + Alt + F2', ['ControlLeft', 'AltLeft', 'F2']],
];
const KEYSYMS = {
    Escape: 0xff1b, Tab: 0xff09, F1: 0xffbe, F2: 0xffbf, F4: 0xffc1,
    AltLeft: 0xffe9, ControlLeft: 0xffe3, MetaLeft: 0xffeb,
};

function press(screen, codes) {
    for (const code of codes) {
        screen.rfb?.sendKey(KEYSYMS[code], code, true);
    }
    for (const code of [...codes].reverse()) {
        screen.rfb?.sendKey(KEYSYMS[code], code, false);
    }
}

/** Types `text` as keys of the desktop's layout. Returns the characters that it has no key for. */
function typeText(screen, text, layout) {
    const { events, missing } = keysFor(text, layout);
    for (const { keysym, code, down } of events) {
        screen.rfb?.sendKey(keysym, code, down);
    }
    return missing;
}

export function keysPanel(screen) {
    const layout = currentKeyboard();
    const input = h('input', { id: 'keys-text', autocomplete: 'off', spellcheck: 'false', maxlength: 500,
        'aria-describedby': 'keys-hint' });
    const says = h('p', { class: 'field-note', role: 'status' });
    const send = (event) => {
        event.preventDefault();
        const missing = typeText(screen, input.value, layout);
        says.textContent = missing.length > 0 ? t('keys.missing', { chars: missing.join(' ') }) : '';
        input.value = '';
        input.focus();
    };
    return h('div', { class: 'panel-body', role: 'group', 'aria-label': t('bar.keyboard') },
        h('p', { class: 'field-note' }, t('keys.layout', { name: keyboards[layout] })),
        h('form', { class: 'field', onsubmit: send },
            h('label', { for: 'keys-text' }, t('keys.text')),
            h('div', { class: 'row tight' }, input,
                h('button', { type: 'submit', class: 'button primary' }, t('keys.send'))),
            h('p', { class: 'field-note', id: 'keys-hint' }, t('keys.text-hint')), says),
        h('div', { class: 'field', role: 'group', 'aria-label': t('keys.special') },
            h('p', { class: 'label' }, t('keys.special')),
            h('div', { class: 'keycaps' }, COMBINATIONS.map(([label, codes]) =>
                h('button', { type: 'button', class: 'keycap', onclick: () => press(screen, codes) }, label)))),
        h('p', { class: 'field-note' }, t('keys.help')));
}

const mbit = (kbit) =>
    (kbit / 1000).toLocaleString(document.documentElement.lang, { maximumSignificantDigits: 2, useGrouping: false });

/** Filled anew with every report while it is open. */
export function linePanel(screen, toolbar) {
    const facts = h('dl', { class: 'facts' });
    const row = (name, value) => [h('dt', {}, t(`line.${name}`)), h('dd', {}, value)];
    toolbar.onLine = ({ ms, kbit, fps, encodings, waits }) => fill(facts,
        row('rtt', t('line.ms', { ms })),
        row('rate', kbit > 0 ? t(waits === 'link' ? 'line.mbit' : 'line.mbit-least', { n: mbit(kbit) })
            : t('line.unknown')),
        row('fps', String(fps)),
        row('encodings', encodings.join(', ')),
        row('waits', t(`line.waits-${waits}`)));
    toolbar.onLine(toolbar.lastLine);
    return h('div', { class: 'panel-body', role: 'group', 'aria-label': t('bar.line') }, facts);
}

export function screenPanel(screen, toolbar) {
    const choices = screen.route.share ? ['scale', 'real'] : ['fit', 'scale', 'real'];
    return h('div', { class: 'panel-body narrow', role: 'radiogroup', 'aria-label': t('bar.screen') },
        choices.map((fit) => h('label', { class: 'choice' },
            h('input', { type: 'radio', name: 'fit', value: fit, checked: fit === screen.fit, onchange: () => {
                screen.setFit(fit);
            } }), h('span', {}, t(`screen.${fit}`)))));
}

export function morePanel(screen, toolbar) {
    const item = (iconName, label, run) => button(label, () => {
        toolbar.closePanel();
        run();
    }, { iconName, kind: 'item' });
    return h('div', { class: 'panel-body narrow' },
        item('window', t('more.window-control'), () => screen.openWindow('control')),
        item('eye', t('more.window-view'), () => screen.openWindow('view')),
        !screen.route.share && item('restart', t('more.restart'), () => screen.restart()));
}
