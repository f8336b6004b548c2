// SPDX-License-Identifier: GPL-3.0-or-later
// A name for this terminal that a person recognises: «Firefox on Windows». Pure.

/** {browser, system} from a user agent string; empty strings where nothing is known. */
export function terminalOf(userAgent) {
    const first = (pairs) => (pairs.find(([pattern]) => pattern.test(userAgent)) ?? ['', ''])[1];
    return {
        browser: first([
            [/Edg\//, 'Edge'], [/OPR\//, 'Opera'], [/Firefox\//, 'Firefox'], [/Chrom(e|ium)\//, 'Chrome'],
            [/Safari\//, 'Safari'],
        ]),
        system: first([
            [/Windows/, 'Windows'], [/iPhone|iPad/, 'iOS'], [/Mac OS X/, 'Mac'], [/Android/, 'Android'],
            [/CrOS/, 'ChromeOS'], [/Linux|X11/, 'Linux'],
        ]),
    };
}
