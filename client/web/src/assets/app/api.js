// SPDX-License-Identifier: GPL-3.0-or-later
// The API of the broker (docs/api/README.md). The sign-in lives in an HttpOnly cookie that no script can read.

const BASE = '/api/v1';
const TIMEOUT_MS = 20000;

/** A refusal. status 0: nobody answered. `retryAfterS` only where the server says when to try again. */
export class ApiError extends Error {
    constructor(status, problem = {}, retryAfterS = null) {
        super(problem.title || problem.code || `status ${status}`);
        this.status = status;
        this.code = problem.code || (status === 0 ? 'offline' : '');
        this.detail = problem.detail || '';
        this.hint = problem.hint || '';
        this.traceId = problem.trace_id || '';
        this.retryAfterS = retryAfterS;
    }
}

/** Seconds from a Retry-After header (whole seconds or a date), or null. */
export function retryAfter(text, nowMs) {
    if (!text) {
        return null;
    }
    if (/^\d+$/.test(text)) {
        return Number(text);
    }
    const at = Date.parse(text);
    return Number.isNaN(at) ? null : Math.max(0, Math.ceil((at - nowMs) / 1000));
}

async function problemOf(response) {
    try {
        const body = await response.json();
        return body && typeof body === 'object' ? body : {};
    } catch {
        return {};
    }
}

async function once(method, path, body, headers) {
    let response;
    try {
        response = await fetch(BASE + path, {
            method,
            headers,
            body: body === undefined ? undefined : JSON.stringify(body),
            credentials: 'same-origin',
            cache: 'no-store',
            redirect: 'error',
            signal: AbortSignal.timeout(TIMEOUT_MS),
        });
    } catch {
        throw new ApiError(0);
    }
    if (!response.ok) {
        const problem = await problemOf(response);
        throw new ApiError(response.status, problem,
            retryAfter(response.headers.get('Retry-After'), Date.now()) ?? problem.retry_after_s ?? null);
    }
    return response.status === 204 ? null : response.json().catch(() => null);
}

let acceptLanguage = 'en';

export function speak(language) {
    acceptLanguage = language;
}

/** One call. A change carries an Idempotency-Key, so it is safe to say it again when no answer came. */
export async function call(method, path, body) {
    const headers = { 'Accept': 'application/json', 'Accept-Language': acceptLanguage };
    if (body !== undefined) {
        headers['Content-Type'] = 'application/json';
    }
    if (method === 'GET') {
        return once(method, path, body, headers);
    }
    headers['Idempotency-Key'] = crypto.randomUUID();
    try {
        return await once(method, path, body, headers);
    } catch (error) {
        if (error.status !== 0 || path === '/sign-in') {
            throw error;
        }
        return once(method, path, body, headers);
    }
}

const own = (id) => `/my/sessions/${encodeURIComponent(id)}`;

export const me = () => call('GET', '/me');
export const signIn = (user, password, terminal) => call('POST', '/sign-in', { user, password, as: 'cookie', terminal });
export const signOut = () => call('POST', '/sign-out', {});
export const pools = () => call('GET', '/my/pools');
export const openPool = (request) => call('POST', '/my/sessions', request);
export const session = (id) => call('GET', own(id));
export const ticket = (id, options) => call('POST', `${own(id)}/ticket`, options);
export const restart = (id) => call('POST', `${own(id)}/restart`, {});
export const logOff = (id) => call('POST', `${own(id)}/log-off`, {});
export const eventsUrl = `${BASE}/my/events`;
