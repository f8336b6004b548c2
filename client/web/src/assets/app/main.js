// SPDX-License-Identifier: GPL-3.0-or-later
// Boots the page, knows who is signed in, and shows the screen that belongs to the address and the state.
import * as api from './api.js';
import * as prefs from './prefs.js';
import { pickLanguage, use } from './i18n.js';
import { parseRoute, routeTo } from './route.js';
import { secretStore } from '../console/secrets.js';
import { showSignIn } from '../view/signin.js';
import { showDesktops } from '../view/desktops.js';
import { showDesktop } from '../view/desktop.js';

const root = document.getElementById('app');
const secrets = secretStore(sessionStorageOrNull());

/* What every view is handed. */
const app = {
    root,
    secrets,
    me: null,
    go,
    setLanguage,
    setTheme,
    signedOut,
    leave,
};
let closeView = () => {};

function sessionStorageOrNull() {
    try {
        return window.sessionStorage;
    } catch {
        return null;
    }
}

function setTheme(theme) {
    if (theme) {
        document.documentElement.dataset.theme = theme;
    } else {
        delete document.documentElement.dataset.theme;
    }
    prefs.set('theme', theme || null);
}

function applyLanguage(language) {
    use(language);
    api.speak(language);
    document.documentElement.lang = language;
}

/** The person chose a language: keep it and show the screen again in it. */
function setLanguage(language) {
    prefs.set('language', language);
    applyLanguage(language);
    show();
}

function go(route) {
    const hash = routeTo(route);
    if (location.hash === hash) {
        show();
    } else {
        location.hash = hash;
    }
}

/** The API said 401: ask for the password again, then go on where the person was. */
function signedOut(notice = 'signin.expired') {
    forget();
    showView(() => showSignIn(app, { notice, onSignedIn }));
}

function forget() {
    app.me = null;
    prefs.set('signed-in', null);
}

/** Signs out of the portal. */
async function leave() {
    try {
        await api.signOut();
    } catch {
        /* the cookie may live on until its end; the person is told nothing that helps nobody */
    }
    secrets.clearAll();
    forget();
    history.replaceState(null, '', '/');
    showView(() => showSignIn(app, { notice: 'signin.bye', onSignedIn }));
}

function onSignedIn(me) {
    app.me = me;
    prefs.set('signed-in', 'yes');
    show();
}

function showView(open) {
    closeView();
    closeView = open() ?? (() => {});
}

function show() {
    if (!app.me) {
        showView(() => showSignIn(app, { onSignedIn }));
        return;
    }
    const route = parseRoute(location.hash);
    document.title = 'Zaguan';
    if (route.name === 'desktop') {
        showView(() => showDesktop(app, route));
    } else {
        showView(() => showDesktops(app));
    }
}

async function start() {
    applyLanguage(pickLanguage([prefs.get('language'), ...navigator.languages].filter(Boolean)));
    setTheme(prefs.get('theme'));
    window.addEventListener('hashchange', show);
    document.documentElement.dataset.ready = 'true';
    if (prefs.works() && !prefs.get('signed-in')) {
        show(); /* nobody can be: no need to ask */
        return;
    }
    try {
        app.me = await api.me();
        prefs.set('signed-in', 'yes');
        show();
    } catch (error) {
        forget();
        showView(() => showSignIn(app, { error: error.status === 401 ? null : error, onSignedIn }));
    }
}

start();
