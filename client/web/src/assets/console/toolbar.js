// SPDX-License-Identifier: GPL-3.0-or-later
// The tools above a console. They hide by themselves; a tab at the top edge or Ctrl+Alt+Shift brings them back.
import * as prefs from '../app/prefs.js';
import { announce, fill, h, icon } from '../app/dom.js';
import { t } from '../app/i18n.js';
import { clipboardPanel, keysPanel, linePanel, morePanel, screenPanel } from './panels.js';

const FIRST_LOOK_MS = 4500;
const AWAY_MS = 900;

export class Toolbar {
    #screen;
    #hideTimer = null;
    #panel = null;
    #chordArmed = false;

    constructor(screen) {
        this.#screen = screen;
        this.#build();
        this.setPinned(prefs.get('pinned') === 'yes');
    }

    #build() {
        const screen = this.#screen;
        this.titleNode = h('span', { class: 'bar-title' });
        this.light = h('span', { class: 'light', 'aria-hidden': 'true' });
        this.lightWords = h('span', { class: 'light-words' });
        this.line = h('button', { type: 'button', class: 'line', hidden: true, 'aria-expanded': 'false',
            onclick: () => this.#toggle(this.line, linePanel) }, this.light, this.lightWords);
        this.fullButton = this.#tool('full', t('bar.full'), () => this.#toggleFullscreen());
        this.pinButton = h('button', { type: 'button', class: 'icon-button', 'aria-label': t('bar.pin'),
            title: t('bar.pin'), 'aria-pressed': 'false', onclick: () => this.setPinned(!this.pinned) }, icon('pin'));
        this.panelNode = h('div', { class: 'panel', hidden: true });
        this.bar = h('div', { class: 'bar', role: 'toolbar', 'aria-label': t('bar.label') },
            this.#tool('home', t('console.back'), () => screen.home()),
            this.titleNode, this.line,
            h('span', { class: 'bar-gap' }),
            screen.viewOnly ? h('span', { class: 'bar-note' }, icon('eye'), t('console.viewing')) : [
                this.#tool('cad', t('bar.cad'), () => {
                    screen.rfb?.sendCtrlAltDel();
                    screen.focus();
                }),
                this.#opener('clipboard', t('bar.clipboard'), clipboardPanel),
                this.#opener('keys', t('bar.keyboard'), keysPanel),
            ],
            this.#opener('screen', t('bar.screen'), screenPanel),
            this.fullButton,
            !screen.viewOnly && this.#opener('more', t('bar.more'), morePanel),
            !screen.route.share && this.#tool('power', t('bar.log-off'), () => screen.logOff(), 'log-off'),
            this.pinButton);
        this.tab = h('button', { type: 'button', class: 'bar-tab', 'aria-label': t('bar.show'), title: t('bar.show'),
            'aria-expanded': 'false', onclick: () => this.show(true) }, icon('down'));
        this.node = h('div', { class: 'tools', 'data-open': 'false' }, this.tab, this.bar, this.panelNode);
        this.bar.inert = true;
        this.node.addEventListener('pointerenter', () => this.show(false));
        this.node.addEventListener('pointerleave', () => this.#hideSoon());
        this.node.addEventListener('focusout', () => this.#hideSoon());
        this.node.addEventListener('keydown', (event) => this.#keydown(event));
    }

    #tool(iconName, label, onclick, kind = '') {
        return h('button', { type: 'button', class: `tool ${kind}`, title: label, onclick }, icon(iconName),
            h('span', { class: 'tool-label' }, label));
    }

    #opener(iconName, label, makePanel) {
        const node = this.#tool(iconName, label, () => this.#toggle(node, makePanel));
        node.setAttribute('aria-expanded', 'false');
        return node;
    }

    #toggle(opener, makePanel) {
        const wasOpen = this.#panel === opener;
        this.closePanel();
        if (!wasOpen) {
            this.#openPanel(opener, makePanel(this.#screen, this));
        }
    }

    #openPanel(opener, content) {
        this.#panel = opener;
        opener.setAttribute('aria-expanded', 'true');
        fill(this.panelNode, content);
        this.panelNode.hidden = false;
        const left = opener.offsetLeft + opener.offsetWidth / 2;
        this.panelNode.style.setProperty('--at', `${Math.round(left)}px`);
        this.panelNode.querySelector('textarea, input, button, select')?.focus();
    }

    closePanel() {
        if (!this.#panel) {
            return;
        }
        this.#panel.setAttribute('aria-expanded', 'false');
        this.onLine = null;
        this.#panel = null;
        this.panelNode.hidden = true;
        fill(this.panelNode);
    }

    #keydown(event) {
        if (event.key === 'Escape') {
            event.preventDefault();
            const opener = this.#panel;
            if (opener) {
                this.closePanel();
                opener.focus();
            } else {
                this.hide();
                this.#screen.focus();
            }
        } else if ((event.key === 'ArrowRight' || event.key === 'ArrowLeft') && event.target.closest('.bar')) {
            const tools = [...this.bar.querySelectorAll('button')];
            const step = event.key === 'ArrowRight' ? 1 : -1;
            const at = tools.indexOf(event.target.closest('button'));
            tools[(at + step + tools.length) % tools.length].focus();
        }
    }

    /** Ctrl+Alt+Shift held and let go without any other key. */
    chord(event) {
        const modifier = ['Control', 'Alt', 'Shift', 'Meta'].includes(event.key);
        if (event.type === 'keydown') {
            this.#chordArmed = modifier && event.ctrlKey && event.altKey && event.shiftKey;
        } else if (this.#chordArmed && modifier) {
            this.#chordArmed = false;
            this.#screen.releaseKeys();
            if (this.hasFocus()) {
                this.hide();
                this.#screen.focus();
            } else {
                this.show(true);
            }
        }
    }

    get pinned() {
        return this.#screen.root.dataset.pinned === 'true';
    }

    setPinned(pinned) {
        prefs.set('pinned', pinned ? 'yes' : null);
        this.#screen.root.dataset.pinned = String(pinned);
        this.pinButton.setAttribute('aria-pressed', String(pinned));
        if (pinned) {
            this.show(false);
        }
    }

    hasFocus() {
        return this.node.contains(document.activeElement);
    }

    show(takeFocus) {
        clearTimeout(this.#hideTimer);
        this.node.dataset.open = 'true';
        this.tab.setAttribute('aria-expanded', 'true');
        this.bar.inert = false;
        if (takeFocus) {
            this.#screen.releaseKeys();
            this.bar.querySelector('button').focus();
        }
    }

    hide() {
        clearTimeout(this.#hideTimer);
        this.closePanel();
        if (this.pinned) {
            return;
        }
        this.node.dataset.open = 'false';
        this.tab.setAttribute('aria-expanded', 'false');
        this.bar.inert = true;
    }

    #hideSoon(ms = AWAY_MS) {
        clearTimeout(this.#hideTimer);
        this.#hideTimer = setTimeout(() => {
            if (!this.hasFocus() && !this.node.matches(':hover')) {
                this.hide();
            }
        }, ms);
    }

    /** Shows the tools for a moment when a console opens, so that everybody has seen where they live. */
    firstLook() {
        this.show(false);
        this.#hideSoon(FIRST_LOOK_MS);
        announce(t('console.hint'));
    }

    setTitle(title) {
        this.titleNode.textContent = title;
    }

    /** Colour, shape and words: nobody has to tell green from red. What pictures wait for is in the hint, the rest behind it. */
    showLight(report) {
        const { light, ms, waits } = report;
        this.lastLine = report;
        this.onLine?.(report);
        this.line.hidden = false;
        this.light.dataset.light = light;
        this.lightWords.textContent = t(`bar.line-${light}`, { ms });
        this.line.title = waits === 'none'
            ? t(`bar.light-${light}`, { ms })
            : `${t(`bar.light-${light}`, { ms })}. ${t(`bar.waits-${waits}`)}.`;
    }

    async #toggleFullscreen() {
        try {
            if (document.fullscreenElement) {
                await document.exitFullscreen();
            } else {
                await document.documentElement.requestFullscreen({ navigationUI: 'hide' });
                /* Alt+Tab, Escape and the like belong to the desktop then, where the browser can. */
                await navigator.keyboard?.lock?.();
            }
        } catch {
            /* the browser does not want to */
        }
        this.#screen.focus();
    }

    fullscreenChanged() {
        const on = Boolean(document.fullscreenElement);
        const label = t(on ? 'bar.full-leave' : 'bar.full');
        this.fullButton.title = label;
        this.fullButton.querySelector('.tool-label').textContent = label;
        if (!on) {
            navigator.keyboard?.unlock?.();
        }
    }

    close() {
        clearTimeout(this.#hideTimer);
    }
}
