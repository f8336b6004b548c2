/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The guest's reader of hostd's lines: any bytes, in pieces cut by the data's first byte. */
#include "hostd/guest/session/session_lines.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
check(const ZgGuestMessage *message)
{
    if (message->kind == ZG_GUEST_SIGN_ON) {
        assert(message->sign_on.uid >= 1000 && message->sign_on.uid <= 65533);
        assert(strchr(message->sign_on.unix_name, '/') == NULL);
        assert(strpbrk(message->sign_on.full_name, ":\n") == NULL);
    } else if (message->kind == ZG_GUEST_SIGN_OFF) {
        assert(message->grace_ms >= 0 && message->grace_ms <= ZG_GUEST_GRACE_MAX_MS);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static ZgGuestLines lines;
    size_t piece = n > 0 ? 1 + data[0] : 1;

    memset(&lines, 0, sizeof lines);
    for (size_t at = n > 0 ? 1 : 0; at < n;) {
        ZgGuestMessage message;
        const char *why = NULL;
        size_t n_used = 0, n_now = n - at < piece ? n - at : piece;
        ZgGuestStep step =
            zg_guest_lines_next(&lines, (const char *)data + at, n_now, &n_used, &message, &why);

        assert(n_used <= n_now && (step != ZG_GUEST_STEP_BAD || why != NULL));
        if (step == ZG_GUEST_STEP_MESSAGE) {
            check(&message);
        }
        at += n_used;
    }
    return 0;
}
