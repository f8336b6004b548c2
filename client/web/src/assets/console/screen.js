// SPDX-License-Identifier: GPL-3.0-or-later
// The console: RFB on the connection, the tools above it, and over it what the person must know.
import Inflate from '../novnc/core/inflator.js';
import NoVnc from '../novnc/core/rfb.js';
import * as api from '../app/api.js';
import * as prefs from '../app/prefs.js';
import { announce, ask, button, fill, h, toast } from '../app/dom.js';
import { t } from '../app/i18n.js';
import { routeTo } from '../app/route.js';
import { keyOf } from '../view/desktop.js';
import { noticeCard } from '../view/notice.js';
import { wordsOf } from '../view/problem.js';
import { terminalName } from '../view/words.js';
import { ClipboardShare } from './clipboard.js';
import { Connection } from './connection.js';
import { mendInflate } from './inflate.js';
import { LineWatch } from './line.js';
import { Toolbar } from './toolbar.js';
import { withZaguan } from './zaguan.js';

const TICK_MS = 5000;
const LONG_MS = 15000;
const FIRST_FRAME_MS = 3000;
const ASK_END_MS = 2000;

mendInflate(Inflate);
const RFB = withZaguan(NoVnc);

function consoleUrl() {
    return `${location.protocol === 'http:' ? 'ws' : 'wss'}://${location.host}/console`;
}

class Screen {
    constructor(app, route, session, owner) {
        this.app = app;
        this.route = route;
        this.owner = owner;
        this.session = session;
        this.title = session?.title || '';
        this.viewOnly = route.share === 'view';
        this.rfb = null;
        this.loggingOff = false;
        this.fit = prefs.get('fit') || 'fit';
        this.#build();
        this.clipboard = new ClipboardShare((text) => this.rfb?.clipboardPasteFrom(text));
        this.toolbar = new Toolbar(this);
        this.root.prepend(this.toolbar.node);
        this.connection = new Connection(this.#deps());
        this.line = new LineWatch({
            now: () => performance.now(),
            onLight: (light) => this.toolbar.showLight(light),
            onSilence: () => this.connection.suspect(),
        });
        this.#listen();
        this.connection.start();
        if (!session) {
            this.#learnTitle();
        }
    }

    #build() {
        this.target = h('div', { class: 'screen-target', 'data-fit': this.fit });
        this.frozen = h('canvas', { class: 'frozen', hidden: true, 'aria-hidden': 'true' });
        this.veil = h('div', { class: 'veil' });
        this.root = h('main', { class: 'console', 'aria-label': t('console.label', { title: this.title }) },
            h('div', { class: 'screen' }, this.target, this.frozen), this.veil);
        fill(this.app.root, this.root);
    }

    #deps() {
        const share = this.route.share;
        return {
            key: keyOf(this.route),
            secrets: this.app.secrets,
            terminal: terminalName(),
            openSocket: () => new WebSocket(consoleUrl(), ['binary']),
            getTicket: () => api.ticket(this.route.id, share ? { share: true, view_only: this.viewOnly } : {}),
            clock: {
                now: () => Date.now(),
                setTimeout: (...args) => setTimeout(...args),
                clearTimeout: (id) => clearTimeout(id),
            },
            random: Math.random,
            onState: (state) => this.#onState(state),
            onChannel: (channel, answer) => this.#onChannel(channel, answer),
            onText: (message) => this.#onText(message),
            onLosing: () => this.#freeze(),
        };
    }

    #listen() {
        this.abort = new AbortController();
        const on = (target, name, work, options = {}) =>
            target.addEventListener(name, work, { ...options, signal: this.abort.signal });
        on(window, 'online', () => this.connection.retryNow());
        on(window, 'pagehide', () => this.connection.touch());
        on(window, 'focus', () => this.clipboard.pull());
        on(document, 'visibilitychange', () => {
            if (document.hidden) {
                this.releaseKeys();
            } else {
                this.connection.retryNow();
            }
        });
        on(document, 'fullscreenchange', () => this.toolbar.fullscreenChanged());
        on(window, 'keydown', (event) => this.toolbar.chord(event), { capture: true });
        on(window, 'keyup', (event) => this.toolbar.chord(event), { capture: true });
        this.ticker = setInterval(() => {
            this.connection.touch();
            this.line.tick();
        }, TICK_MS);
    }

    async #learnTitle() {
        try {
            this.session = await api.session(this.route.id);
            this.setTitle(this.session.title);
        } catch {
            /* the console's own answer has a title too */
        }
    }

    setTitle(title) {
        if (title && title !== this.title) {
            this.title = title;
        }
        this.toolbar.setTitle(this.title);
        this.root.setAttribute('aria-label', t('console.label', { title: this.title }));
        document.title = this.title ? `${this.title} · Zaguan` : 'Zaguan';
    }

    /* The line */

    #onChannel(channel, answer) {
        this.setTitle(answer.title);
        this.line.reset();
        const rfb = new RFB(this.target, channel, { shared: true });
        this.rfb = rfb;
        rfb.background = 'transparent';
        rfb.viewOnly = this.viewOnly;
        rfb.qualityLevel = 8;
        rfb.focusOnClick = true;
        rfb.showDotCursor = true;
        this.applyFit();
        const canvas = this.target.querySelector('canvas');
        canvas.setAttribute('aria-label', t('console.label', { title: this.title }));
        canvas.setAttribute('role', 'application');
        rfb.addEventListener('connect', () => this.#connected(rfb, channel));
        rfb.addEventListener('desktopname', (event) => this.title || this.setTitle(event.detail.name));
        rfb.addEventListener('clipboard', (event) => this.clipboard.fromDesktop(event.detail.text));
        for (const trouble of ['securityfailure', 'credentialsrequired']) {
            rfb.addEventListener(trouble, () => this.connection.protocolError());
        }
    }

    #connected(rfb, channel) {
        const reveal = () => {
            if (this.rfb !== rfb || this.connection.state.name !== 'open') {
                return;
            }
            channel.onDelivered = null;
            requestAnimationFrame(() => requestAnimationFrame(() => {
                if (this.rfb === rfb && this.connection.state.name === 'open') {
                    this.frozen.hidden = true;
                    this.#lift();
                    this.root.dataset.live = 'true';
                }
            }));
        };
        channel.onDelivered = reveal;
        setTimeout(reveal, FIRST_FRAME_MS);
        this.clipboard.pull();
    }

    /* Copies what is on the screen before RFB takes it away. */
    #freeze() {
        const canvas = this.target.querySelector('canvas');
        if (!canvas || canvas.width === 0 || canvas.height === 0) {
            return;
        }
        this.frozen.width = canvas.width;
        this.frozen.height = canvas.height;
        this.frozen.getContext('2d').drawImage(canvas, 0, 0);
        this.frozen.dataset.fit = this.fit;
        this.frozen.hidden = false;
    }

    #onText(message) {
        if (message.type === 'message' && typeof message.text === 'string') {
            toast(t('console.message', { text: message.text.slice(0, 2000) }),
                { tone: 'info', seconds: 0, closeLabel: t('app.close') });
        } else if (message.type === 'stats') {
            this.line.stats(message);
        }
    }

    #onState(state) {
        this.root.dataset.state = state.name;
        if (state.name !== 'open') {
            delete this.root.dataset.live;
            this.rfb = null;
        }
        const show = {
            connecting: () => this.#busy(t(state.signingOn ? 'console.signing-on' : 'console.connecting')),
            open: () => state.resumed && announce(t('console.back-again')),
            lost: () => this.#lost(state),
            taken: () => this.#notice({
                title: t('console.taken'), text: t('console.taken-text'), detail: state.reason,
                actions: [{ label: t('console.use-here'), run: () => this.connection.takeBack(), primary: true },
                    this.#homeAction()],
            }),
            ended: () => this.#ended(state),
            gone: () => this.#ended(state),
            'not-ready': () => this.#giveBack(() => this.owner.notReady()),
            'signed-out': () => this.#giveBack(() => this.app.signedOut()),
            failed: () => this.#notice({
                title: t('console.failed'), text: wordsOf(state.error), detail: state.reason, tone: 'off',
                trace: state.error.traceId,
                actions: [{ label: t('app.try-again'), run: () => this.connection.start(), primary: true },
                    this.#homeAction()],
            }),
            closed: () => {},
        }[state.name];
        show();
    }

    #giveBack(next) {
        this.#stop();
        next();
    }

    #homeAction(primary = false) {
        return { label: t('console.back'), run: () => this.home(), primary };
    }

    /* What lies over the picture */

    #lift() {
        fill(this.veil);
        this.veil.className = 'veil';
        if (!this.toolbar.hasFocus()) {
            this.focus();
        }
        if (!this.hinted) {
            this.hinted = true;
            this.toolbar.firstLook();
        }
    }

    #busy(text) {
        this.veil.className = 'veil on';
        fill(this.veil, h('div', { class: 'pill', role: 'status' }, h('span', { class: 'spinner' }), text));
    }

    #lost(state) {
        if (this.loggingOff) {
            this.#busy(t('console.leaving'));
            return;
        }
        if (!this.veil.querySelector('.lost')) {
            this.veil.className = 'veil on over';
            this.lostText = h('p', {}, t('console.lost-text'));
            fill(this.veil, h('section', { class: 'card lost', role: 'alertdialog', 'aria-label': t('console.lost') },
                h('span', { class: 'spinner' }), h('h1', {}, t('console.lost')),
                h('div', { role: 'status' }, this.lostText),
                h('div', { class: 'row center' },
                    button(t('console.retry-now'), () => this.connection.retryNow(), { kind: 'plain' }),
                    button(t('console.back'), () => this.home(), { kind: 'quiet' }))));
        }
        if (Date.now() - state.lostAtMs > LONG_MS) {
            this.lostText.textContent = t('console.lost-long');
        }
    }

    #notice(content) {
        this.veil.className = 'veil on over';
        fill(this.veil, noticeCard(content));
        this.veil.querySelector('.primary')?.focus();
        this.toolbar.hide();
    }

    #ended(state) {
        this.#leaveFullscreen();
        const own = this.loggingOff;
        let title = t('console.gone');
        if (own) {
            title = t('console.ended-own');
        } else if (state.name === 'ended') {
            title = t('console.ended');
        }
        const content = {
            title, tone: 'off', detail: own ? '' : state.reason,
            text: own ? t('console.ended-own-text') : '',
            actions: [this.#homeAction(true), { label: t('app.sign-out'), run: () => this.app.leave() }],
        };
        if (!own && state.name === 'gone') {
            content.text = t('console.gone-text');
        }
        this.frozen.hidden = true;
        this.#notice(content);
        if (!own) {
            this.#explain(content);
        }
    }

    /* The broker knows why in the person's language; the front only in its own. */
    async #explain(content) {
        try {
            const session = await api.session(this.route.id);
            if (session.reason_text && this.veil.querySelector('.notice-card')) {
                this.#notice({ ...content, text: session.reason_text, detail: '' });
            }
        } catch {
            /* what the front said stays */
        }
    }

    /* What the tools ask for */

    focus() {
        this.rfb?.focus({ preventScroll: true });
    }

    /** Lets go of every key that the desktop believes is down: RFB does so when the window loses focus. */
    releaseKeys() {
        window.dispatchEvent(new Event('blur'));
    }

    setFit(fit) {
        this.fit = fit;
        prefs.set('fit', fit);
        this.target.dataset.fit = fit;
        this.applyFit();
    }

    applyFit() {
        if (this.rfb) {
            this.rfb.scaleViewport = this.fit !== 'real' || this.viewOnly;
            this.rfb.resizeSession = this.fit === 'fit' && !this.route.share;
        }
    }

    async restart() {
        const sure = await ask({
            title: t('restart.title', { title: this.title }), text: t('restart.text'), confirm: t('restart.confirm'),
            cancel: t('app.cancel'), danger: true,
        });
        if (sure) {
            await this.#tell(() => api.restart(this.route.id), t('restart.started'));
        }
        this.focus();
    }

    async logOff() {
        const sure = await ask({
            title: t('log-off.title', { title: this.title }), text: t('log-off.text'), confirm: t('log-off.confirm'),
            cancel: t('app.cancel'), danger: true,
        });
        if (!sure) {
            this.focus();
            return;
        }
        this.loggingOff = true;
        this.toolbar.hide();
        this.#busy(t('console.leaving'));
        if (await this.#tell(() => api.logOff(this.route.id), null)) {
            this.#watchEnd();
        } else {
            this.loggingOff = false;
            this.#lift();
        }
    }

    async #tell(work, done) {
        try {
            await work();
            if (done) {
                toast(done, { closeLabel: t('app.close') });
            }
            return true;
        } catch (error) {
            if (error.status === 401) {
                this.#giveBack(() => this.app.signedOut());
            } else {
                toast(wordsOf(error), { tone: 'bad', closeLabel: t('app.close') });
            }
            return false;
        }
    }

    /* The front cuts the console at log-off; should that word get lost, the session's state tells. */
    async #watchEnd() {
        while (!this.stopped && !['ended', 'gone', 'closed'].includes(this.connection.state.name)) {
            await new Promise((resolve) => setTimeout(resolve, ASK_END_MS));
            let state = null;
            try {
                state = (await api.session(this.route.id)).state;
            } catch (error) {
                state = error.status === 404 ? 'ended' : null;
            }
            if (state === 'ended' && !this.stopped && this.connection.state.name !== 'ended') {
                this.connection.close();
                this.#ended({ name: 'ended', reason: '' });
                return;
            }
        }
    }

    openWindow(share) {
        const url = new URL('/', location.href);
        url.hash = routeTo({ name: 'desktop', id: this.route.id, share });
        const link = h('a', { href: url.href, target: '_blank', rel: 'noopener' });
        link.click();
    }

    home() {
        this.#stop();
        this.owner.home();
    }

    #leaveFullscreen() {
        if (document.fullscreenElement) {
            document.exitFullscreen().catch(() => {});
        }
    }

    /** The view goes. The front hears a clean end. */
    close() {
        this.#stop();
    }

    #stop() {
        if (this.stopped) {
            return;
        }
        this.stopped = true;
        clearInterval(this.ticker);
        this.abort.abort();
        this.toolbar.close();
        this.connection.close();
        this.#leaveFullscreen();
    }
}

/** owner: home() goes to the tiles, notReady() goes back to waiting. Returns {close}. */
export function showConsole(app, route, session, owner) {
    return new Screen(app, route, session, owner);
}
