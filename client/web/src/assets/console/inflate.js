// SPDX-License-Identifier: GPL-3.0-or-later
// Mends noVNC's inflate: after a reset its pako forgets that it has a window, and parts of a stream that look back at
// earlier ones fail («zlib inflate failed»). zlib itself sets the window's size again; this does the same.

export function mendInflate(Inflate) {
    const reset = Inflate.prototype.reset;
    Inflate.prototype.reset = function resetWithWindow() {
        reset.call(this);
        const { state } = this.strm;
        if (state.window !== null) {
            state.wsize = 1 << state.wbits;
        }
    };
}
