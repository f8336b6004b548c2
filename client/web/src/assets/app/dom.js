// SPDX-License-Identifier: GPL-3.0-or-later
// Builds elements. Text only ever becomes text nodes; there is no way to pass markup.

const SVG = 'http://www.w3.org/2000/svg';

/** h('button', {class, type, onclick, 'aria-label'}, 'text', child, …). null and false children are skipped. */
export function h(tag, props = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(props)) {
        if (value === null || value === undefined || value === false) {
            continue;
        }
        if (name.startsWith('on')) {
            node.addEventListener(name.slice(2), value);
        } else if (name === 'class') {
            node.className = value;
        } else {
            node.setAttribute(name, value === true ? '' : String(value));
        }
    }
    append(node, children);
    return node;
}

function append(node, children) {
    for (const child of children.flat()) {
        if (child !== null && child !== undefined && child !== false) {
            node.append(child);
        }
    }
}

/** Replaces what is inside `node`. */
export function fill(node, ...children) {
    node.replaceChildren();
    append(node, children);
    return node;
}

const PATHS = {
    home: 'M4 20V11a8 8 0 0 1 16 0v9M9 20v-8a3 3 0 0 1 6 0v8M2.5 20h19',
    keys: 'M3 6h18v12H3zM7 10h.01M11 10h.01M15 10h.01M18 10h.01M7 14h10',
    clipboard: 'M9 4h6v3H9zM9 5.500H6V20h12V5.500h-3M9 12h6M9 16h4',
    screen: 'M3 5h18v11H3zM9 20h6M12 16v4',
    full: 'M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5',
    window: 'M8 8V4h12v12h-4M4 8h12v12H4z',
    restart: 'M20 12a8 8 0 1 1-2.500-5.800M20 3v5h-5',
    leave: 'M14 4h5v16h-5M10 8l-4 4 4 4M6 12h9',
    power: 'M12 3v8M6.500 6.500a8 8 0 1 0 11 0',
    pin: 'M9 4h6l-1 6 3 3H7l3-3zM12 13v7',
    more: 'M5 12h.01M12 12h.01M19 12h.01',
    check: 'M5 12.500l4.500 4.500L19 7.500',
    close: 'M6 6l12 12M18 6L6 18',
    gear: 'M4 7h10M18 7h2M4 17h2M10 17h10M16 4.500v5M8 14.500v5',
    globe: 'M12 3a9 9 0 1 0 0 18a9 9 0 1 0 0-18M3 12h18M12 3c5 5 5 13 0 18c-5-5-5-13 0-18',
    eye: 'M2.500 12c4-7.500 15-7.500 19 0c-4 7.500-15 7.500-19 0M12 9a3 3 0 1 0 0 6a3 3 0 1 0 0-6',
    cad: 'M5 5h14v14H5zM9 15l3-6 3 6',
    down: 'M6 9l6 6 6-6',
};

function svg(viewBox, className) {
    const node = document.createElementNS(SVG, 'svg');
    node.setAttribute('viewBox', viewBox);
    node.setAttribute('class', className);
    node.setAttribute('aria-hidden', 'true');
    node.setAttribute('focusable', 'false');
    return node;
}

function path(d, className) {
    const node = document.createElementNS(SVG, 'path');
    node.setAttribute('d', d);
    if (className) {
        node.setAttribute('class', className);
    }
    return node;
}

export function icon(name) {
    const node = svg('0 0 24 24', 'icon');
    node.append(path(PATHS[name]));
    return node;
}

/** The door of a desktop; style shows it open, ajar, busy or shut by the tone of what is around it. */
export function door() {
    const node = svg('0 0 48 48', 'door');
    node.append(
        path('M6 44V22a18 18 0 0 1 36 0v22z', 'door-wall'),
        path('M13 44V23a11 11 0 0 1 22 0v21z', 'door-way'),
        path('M13 44V23a11 11 0 0 1 22 0v21z', 'door-leaf'),
        path('M3 44h42', 'door-floor'),
    );
    return node;
}

/** A button with an icon and words. */
export function button(label, onclick, { iconName, kind = 'plain', ...props } = {}) {
    return h('button', { type: 'button', class: `button ${kind}`, onclick, ...props },
        iconName && icon(iconName), h('span', {}, label));
}

/** Says a sentence to screen readers. */
export function announce(text) {
    document.getElementById('announce').textContent = text;
}

/** A message that stays for `seconds`, or until closed. */
export function toast(text, { tone = 'info', seconds = 8, closeLabel }) {
    const node = h('div', { class: `toast ${tone}` }, h('p', {}, text));
    const close = () => node.remove();
    node.append(h('button', { type: 'button', class: 'icon-button', 'aria-label': closeLabel, onclick: close },
        icon('close')));
    document.getElementById('toasts').append(node);
    if (seconds > 0) {
        setTimeout(close, seconds * 1000);
    }
    return close;
}

/** A modal question. Resolves true when the person confirms. Escape and «cancel» answer no. */
export function ask({ title, text, confirm, cancel, danger = false }) {
    return new Promise((resolve) => {
        const before = document.activeElement;
        const yes = h('button', { type: 'submit', value: 'yes', class: `button ${danger ? 'danger' : 'primary'}` },
            confirm);
        const no = h('button', { type: 'submit', value: 'no', class: 'button plain' }, cancel);
        const dialog = h('dialog', { class: 'dialog', 'aria-labelledby': 'ask-title', 'aria-describedby': 'ask-text' },
            h('form', { method: 'dialog' },
                h('h2', { id: 'ask-title' }, title),
                h('p', { id: 'ask-text' }, text),
                h('div', { class: 'row end' }, no, yes)));
        dialog.addEventListener('close', () => {
            dialog.remove();
            before?.focus?.();
            resolve(dialog.returnValue === 'yes');
        });
        document.body.append(dialog);
        dialog.showModal();
        no.focus();
    });
}
