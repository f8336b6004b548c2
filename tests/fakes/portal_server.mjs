// SPDX-License-Identifier: GPL-3.0-or-later
// A portal to try the web client on: the person's part of the API (docs/api/README.md) and consoles (docs/protocol/
// console.md) with scripted desktops, on one HTTPS or HTTP port of 127.0.0.1. For tests and for working on the pages:
//   node tests/fakes/portal_server.mjs --web build/client/web/dist [--port N]
import { createHash, randomBytes } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { requireModule } from './modules.mjs';
import { makeDesktop, RfbScript } from './rfb_script.mjs';

const { WebSocketServer } = requireModule('ws');

const CSP = 'default-src \'none\'; script-src \'self\'; style-src \'self\'; img-src \'self\' data: blob:; ' +
    'connect-src \'self\'; font-src \'self\'; base-uri \'none\'; form-action \'self\'; frame-ancestors \'none\'';
const TYPES = {
    '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml',
    '.woff2': 'font/woff2', '.txt': 'text/plain',
};
const TRIES = 5;
const hex = (bytes) => randomBytes(bytes).toString('hex');
const digest = (text) => createHash('sha256').update(text).digest('hex');

const FIELDS = {
    'sign-in': ['user', 'password', 'as', 'terminal'],
    sessions: ['pool', 'terminal', 'locale', 'keyboard', 'time_zone'],
    ticket: ['share', 'view_only'],
};

function certificate() {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'zaguan-portal-'));
    const made = spawnSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1',
        '-nodes', '-days', '2', '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1',
        '-keyout', path.join(dir, 'key.pem'), '-out', path.join(dir, 'cert.pem')], { encoding: 'utf8' });
    if (made.status !== 0) {
        throw new Error(`openssl: ${made.stderr}`);
    }
    const pair = { key: fs.readFileSync(path.join(dir, 'key.pem')), cert: fs.readFileSync(path.join(dir, 'cert.pem')) };
    fs.rmSync(dir, { recursive: true });
    return pair;
}

class Refusal extends Error {
    constructor(status, code, detail, extra = {}) {
        super(detail);
        Object.assign(this, { status, code, detail, extra });
    }
}

export class PortalServer {
    /* behind: {origin, ticket()}: a front serves us at that origin, and consoles too, with tickets it knows. */
    constructor(webDirectory, { heldMs = 180000, tls = true, behind = null } = {}) {
        this.web = path.resolve(webDirectory);
        this.heldMs = heldMs;
        this.behind = behind;
        this.tls = tls && !behind;
        this.users = {
            lucia: { password: 'Puerta-7', full_name: 'Lucía Ferrer' },
            tomas: { password: 'Ventana-9', full_name: 'Tomás Ruiz' },
        };
        this.pools = [
            { pool: 'oficina', title: 'Oficina', description: 'Correo, documentos y banca', state: 'available' },
            { pool: 'caja', title: 'Caja', description: 'Terminal de ventanilla', state: 'full' },
            { pool: 'formacion', title: 'Formación', description: 'Cursos y manuales', state: 'unavailable' },
        ];
        this.signIns = new Map();
        this.failures = new Map();
        this.sessions = new Map();
        this.desktops = new Map();
        this.tickets = new Map();
        this.resumes = new Map();
        this.consoles = new Set();
        this.streams = new Set();
        this.requests = [];
        this.firstMessages = [];
        this.problems = [];
        this.counter = 0;
        this.refuseConsoles = false;
        this.throttleS = 60;
    }

    /** At a port of 127.0.0.1 or, behind a front, at its broker's unix socket. */
    async listen(port = 0) {
        const handler = (request, response) => this.#handle(request, response);
        this.server = this.tls ? https.createServer(certificate(), handler) : http.createServer(handler);
        this.sockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'binary', maxPayload: 1 << 20 });
        this.server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
        if (this.behind) {
            await new Promise((resolve) => this.server.listen(port, resolve));
            this.origin = this.behind.origin;
            return this.origin;
        }
        await new Promise((resolve) => this.server.listen(port, '127.0.0.1', resolve));
        this.origin = `${this.tls ? 'https' : 'http'}://127.0.0.1:${this.server.address().port}`;
        return this.origin;
    }

    async close() {
        this.streams.forEach((stream) => stream.end());
        this.consoles.forEach((console_) => console_.socket.terminate());
        this.server.closeAllConnections();
        await new Promise((resolve) => this.server.close(resolve));
    }

    /* What a test does to the installation */

    setPool(name, changes) {
        Object.assign(this.pools.find((pool) => pool.pool === name), changes);
        this.emit('pool', { pool: name });
    }

    setSession(id, changes) {
        const session = this.sessions.get(id);
        Object.assign(session, changes);
        if (changes.state) {
            const states = { pending: 'starting', connecting: 'active', 'logging-off': 'unavailable', ended: 'available' };
            this.setPool(session.pool, { state: states[changes.state] ?? changes.state,
                session: changes.state === 'ended' ? undefined : id });
        }
        this.emit('session', this.#sessionView(session));
    }

    liveSession() {
        return [...this.sessions.values()].find((session) => session.state !== 'ended');
    }

    desktopOf(session) {
        if (!this.desktops.has(session.id)) {
            this.desktops.set(session.id, makeDesktop(session.title));
        }
        return this.desktops.get(session.id);
    }

    /** The line breaks: no close frame. */
    dropConsoles() {
        this.consoles.forEach((console_) => console_.socket.terminate());
    }

    /** Ends every console with a code and a reason. */
    endConsoles(code, reason) {
        this.consoles.forEach((console_) => console_.socket.close(code, reason));
    }

    tellConsoles(message) {
        this.consoles.forEach((console_) => console_.socket.send(JSON.stringify(message)));
    }

    emit(kind, data) {
        this.counter += 1;
        const text = `id: ${this.counter}\nevent: ${kind}\ndata: ${JSON.stringify(data)}\n\n`;
        this.streams.forEach((stream) => stream.write(text));
    }

    dropEvents() {
        this.streams.forEach((stream) => stream.destroy());
    }

    /* HTTP */

    async #handle(request, response) {
        const url = new URL(request.url, this.origin);
        try {
            if (url.search !== '') {
                this.problems.push(`a query in a URL: ${url.pathname}`);
            }
            if (url.pathname.startsWith('/api/v1/')) {
                await this.#api(request, response, url.pathname.slice('/api/v1'.length));
            } else {
                this.#file(response, url.pathname);
            }
        } catch (error) {
            this.#refuse(response, error);
        }
    }

    #refuse(response, error) {
        if (!(error instanceof Refusal)) {
            this.problems.push(String(error.stack));
        }
        const status = error.status ?? 500;
        response.writeHead(status, {
            'Content-Type': 'application/problem+json', 'Cache-Control': 'no-store', ...(error.extra?.headers ?? {}),
        });
        response.end(JSON.stringify({
            type: 'about:blank', title: error.code ?? 'internal', status, code: error.code ?? 'internal',
            detail: error.detail ?? '', hint: '', trace_id: hex(8),
        }));
    }

    #file(response, pathname) {
        const name = path.join(this.web, pathname === '/' ? 'index.html' : path.normalize(pathname));
        const type = TYPES[path.extname(name)];
        if (!name.startsWith(this.web + path.sep) || !type || !fs.existsSync(name)) {
            throw new Refusal(404, 'not-found', 'No such file.');
        }
        response.writeHead(200, {
            'Content-Type': type, 'Content-Security-Policy': CSP, 'X-Content-Type-Options': 'nosniff',
            'Referrer-Policy': 'no-referrer', 'Cache-Control': 'no-cache',
        });
        fs.createReadStream(name).pipe(response);
    }

    async #body(request) {
        let text = '';
        for await (const chunk of request) {
            text += chunk;
        }
        return text === '' ? {} : JSON.parse(text);
    }

    #only(body, fields) {
        const strange = Object.keys(body).filter((key) => !fields.includes(key));
        if (strange.length > 0) {
            throw new Refusal(400, 'unknown-field', `unknown field '${strange[0]}'`);
        }
        return body;
    }

    #signedIn(request) {
        const token = /(?:^|; )zaguan=([0-9a-f]+)/.exec(request.headers.cookie ?? '')?.[1];
        const user = token && this.signIns.get(digest(token));
        if (!user) {
            throw new Refusal(401, 'not-signed-in', 'Sign in first.');
        }
        return user;
    }

    async #api(request, response, route) {
        const { method } = request;
        const body = method === 'POST' ? await this.#body(request) : null;
        this.requests.push({ method, route, body: body && { ...body, password: undefined }, headers: request.headers });
        if (method === 'POST') {
            if (request.headers.origin !== this.origin) {
                throw new Refusal(403, 'origin', 'Not from the portal.');
            }
            if (!/^[\x21-\x7e]{1,64}$/.test(request.headers['idempotency-key'] ?? '')) {
                this.problems.push(`${route} without Idempotency-Key`);
            }
        }
        if (method === 'POST' && route === '/sign-in') {
            this.#signIn(this.#only(body, FIELDS['sign-in']), response);
            return;
        }
        const user = this.#signedIn(request);
        if (route === '/my/events' && method === 'GET') {
            this.#events(response);
            return;
        }
        const [status, answer] = this.#route(method, route, body, user, response);
        if (status === 204) {
            response.writeHead(204).end();
        } else {
            response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
            response.end(JSON.stringify(answer));
        }
    }

    #signIn({ user, password, as }, response) {
        const fails = this.failures.get(user) ?? 0;
        if (fails >= TRIES) {
            throw new Refusal(429, 'throttled', 'Too many tries.', { headers: { 'Retry-After': String(this.throttleS) } });
        }
        if (as !== 'cookie' || !(user in this.users) || this.users[user].password !== password) {
            this.failures.set(user, fails + 1);
            throw new Refusal(401, 'wrong-credentials', 'User name or password wrong.');
        }
        this.failures.delete(user);
        const token = hex(32);
        this.signIns.set(digest(token), user);
        response.writeHead(200, {
            'Content-Type': 'application/json',
            'Set-Cookie': `zaguan=${token}; HttpOnly; Secure; SameSite=Strict; Path=/api`,
        });
        response.end(JSON.stringify(this.#me(user)));
    }

    #me(user) {
        return { user, full_name: this.users[user].full_name, roles: ['user'], expires_at: '2030-01-01T00:00:00Z' };
    }

    #events(response) {
        if (this.refuseEvents) {
            throw new Refusal(503, 'busy', 'No events now.');
        }
        response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
        response.write(': hello\n\n');
        this.streams.add(response);
        response.on('close', () => this.streams.delete(response));
    }

    #route(method, route, body, user, response) {
        const own = /^\/my\/sessions\/([0-9a-f]{32})(?:\/(ticket|restart|log-off))?$/.exec(route);
        if (method === 'POST' && route === '/sign-out') {
            this.signIns.clear();
            response.setHeader('Set-Cookie', 'zaguan=; Path=/api; Max-Age=0');
            return [204];
        }
        if (method === 'GET' && route === '/me') {
            return [200, this.#me(user)];
        }
        if (method === 'GET' && route === '/my/pools') {
            return [200, { items: this.pools.map((pool) => ({ ...pool, state_text: `server: ${pool.state}` })) }];
        }
        if (method === 'POST' && route === '/my/sessions') {
            return this.#openPool(this.#only(body, FIELDS.sessions), user);
        }
        if (own && this.sessions.has(own[1])) {
            return this.#ownSession(method, own[2], body, this.sessions.get(own[1]));
        }
        throw new Refusal(404, 'not-found', `no ${route}`);
    }

    #openPool({ pool: name, ...rest }, user) {
        const pool = this.pools.find((item) => item.pool === name);
        if (!pool) {
            throw new Refusal(404, 'no-such-pool', 'No such pool.');
        }
        const living = [...this.sessions.values()].find((item) => item.pool === name && item.state !== 'ended');
        if (living) {
            return [200, this.#sessionView(living)];
        }
        const session = {
            id: hex(16), pool: name, title: pool.title, user, created_at: new Date().toISOString(), ...rest,
            desktop: hex(16), state: pool.state === 'available' ? 'connecting' : 'pending',
        };
        if (session.state === 'pending') {
            Object.assign(session, { position: 3, estimate_s: 130 });
        }
        this.sessions.set(session.id, session);
        this.setPool(name, { state: session.state === 'pending' ? 'starting' : 'active', session: session.id });
        return [201, this.#sessionView(session)];
    }

    #sessionView({ locale, keyboard, time_zone, ...session }) {
        return session;
    }

    #ownSession(method, what, body, session) {
        if (method === 'GET' && !what) {
            return [200, this.#sessionView(session)];
        }
        if (what === 'ticket') {
            return this.#ticket(this.#only(body, FIELDS.ticket), session);
        }
        if (what === 'log-off') {
            this.setSession(session.id, { state: 'logging-off' });
            setTimeout(() => {
                this.setSession(session.id, { state: 'ended', reason: 'log-off', reason_text: 'Cerraste la sesión.' });
                this.consolesOf(session).forEach((console_) => console_.socket.close(4403, 'You logged off.'));
            }, 150);
        }
        if (what === 'restart') {
            session.restarts = (session.restarts ?? 0) + 1;
        }
        return [202, { id: hex(16), kind: what, state: 'running', percent: 0, text: '', subject: session.id,
            created_at: new Date().toISOString() }];
    }

    #ticket(options, session) {
        if (session.state === 'pending') {
            throw new Refusal(409, 'not-ready', 'Not ready yet.');
        }
        if (session.state === 'ended') {
            throw new Refusal(409, 'ended', 'The session has ended.');
        }
        const ticket = this.behind?.ticket() ?? hex(32);
        this.tickets.set(digest(ticket), { session, options });
        return [201, { ticket, expires_in_s: 60, console: '/console', desktop: session.desktop, title: session.title }];
    }

    /* Consoles */

    consolesOf(session) {
        return [...this.consoles].filter((console_) => console_.session === session);
    }

    #upgrade(request, socket, head) {
        if (request.url !== '/console' || request.headers.origin !== this.origin || this.refuseConsoles) {
            socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n');
            return;
        }
        this.sockets.handleUpgrade(request, socket, head, (ws) => this.#console(ws));
    }

    #console(ws) {
        ws.once('message', (data, isBinary) => {
            let first;
            try {
                first = isBinary && data.length <= 4096 ? JSON.parse(data) : null;
            } catch {
                first = null;
            }
            if (!first) {
                ws.close(4400, 'The first message was not understood.');
                return;
            }
            this.firstMessages.push(Object.keys(first));
            const grant = this.#redeem(first);
            if (grant) {
                this.#admit(ws, grant, first);
            } else {
                ws.close(4401, 'This ticket is not valid any more. Open the desktop again.');
            }
        });
    }

    #redeem({ ticket, resume }) {
        const [table, secret] = ticket ? [this.tickets, ticket] : [this.resumes, resume];
        const key = digest(String(secret));
        const grant = table.get(key);
        table.delete(key);
        return grant && (!grant.until || Date.now() < grant.until) && grant.session.state !== 'ended' ? grant : null;
    }

    #admit(ws, { session, options }, first) {
        if (!options.share) {
            this.consolesOf(session).filter((console_) => !console_.options.share)
                .forEach((console_) => console_.socket.close(4402, `Opened at ${first.terminal ?? 'another terminal'}.`));
        }
        const resume = hex(32);
        const grant = { session, options, until: null };
        this.resumes.set(digest(resume), grant);
        ws.send(Buffer.from(JSON.stringify(
            { ok: true, resume, held_ms: this.heldMs, desktop: session.desktop, title: session.title })));
        const viewer = new RfbScript(this.desktopOf(session), (bytes) => ws.send(bytes), { viewOnly: options.view_only });
        const entry = { socket: ws, session, options, viewer };
        this.consoles.add(entry);
        this.setSession(session.id, { state: 'active' });
        ws.on('message', (data, isBinary) => {
            if (!isBinary) {
                this.problems.push('text from the viewer');
                return;
            }
            viewer.feed(data);
        });
        ws.on('close', () => {
            grant.until = Date.now() + this.heldMs;
            viewer.close();
            this.consoles.delete(entry);
        });
        ws.on('error', () => {});
    }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
    const option = (name, otherwise) => {
        const at = process.argv.indexOf(`--${name}`);
        return at > 0 ? process.argv[at + 1] : otherwise;
    };
    const server = new PortalServer(option('web', 'build/client/web/dist'), { tls: !process.argv.includes('--plain') });
    console.log(await server.listen(Number(option('port', 0))));
    console.log('users:', Object.entries(server.users).map(([name, { password }]) => `${name} ${password}`).join(', '));
}
