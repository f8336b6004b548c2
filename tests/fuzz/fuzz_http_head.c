/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Heads from the network and from the broker, and chunks: the first byte chooses. */
#include <stdlib.h>
#include <string.h>
#include "common/base/limits.h"
#include "display/http_head.h"
#include "display/ws_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What was written for the broker must be a head again, and carry exactly our own peer. */
static void
check_upstream(const ZgHttpHead *head)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autoptr(ZgHttpHead) again = NULL;
    unsigned n_peers = 0;
    size_t n_used;
    int status;

    zg_http_write_upstream(head, "192.0.2.7", out);
    if (out->len > ZG_LIMIT_HTTP_HEAD_BYTES || head->fields->len + 3 > ZG_HTTP_FIELDS_MAX ||
        head->minor == 0) {
        return; /* our own lines may take it over the limits; HTTP/1.0 may lack a Host */
    }
    if (!zg_http_parse_request(out->data, out->len, &n_used, &again, &status, NULL) ||
        again == NULL || n_used != out->len || again->length != head->length) {
        abort();
    }
    for (guint i = 0; i < again->fields->len; i++) {
        const ZgHttpField *field = &g_array_index(again->fields, ZgHttpField, i);

        if (g_ascii_strncasecmp(field->name, "x-zaguan-", 9) == 0) {
            n_peers++;
            if (strcmp(field->value, "192.0.2.7") != 0) {
                abort();
            }
        }
    }
    if (n_peers != 1) {
        abort();
    }
}

static void
fuzz_request(const uint8_t *data, size_t n)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autoptr(ZgHttpHead) head = NULL;
    size_t n_used;
    int status;

    if (zg_http_parse_request(data, n, &n_used, &head, &status, NULL) && head != NULL) {
        check_upstream(head);
        zg_ws_handshake(head, out, &status, NULL);
    }
}

static void
fuzz_response(const uint8_t *data, size_t n)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autoptr(ZgHttpHead) head = NULL;
    size_t n_used;

    if (zg_http_parse_response(data, n, &n_used, &head, NULL) && head != NULL) {
        zg_http_write_downstream(head, true, out);
    }
}

static void
fuzz_chunks(const uint8_t *data, size_t n)
{
    ZgHttpChunks chunks = {0};
    bool last = false;

    while (n > 0 && !last) {
        size_t piece = MIN(n, (size_t)(data[0] % 17) + 1), n_used;

        if (!zg_http_chunks_feed(&chunks, data, piece, &n_used, &last)) {
            return;
        }
        if (n_used > piece || (n_used < piece && !last)) {
            abort();
        }
        data += piece;
        n -= piece;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0) {
        return 0;
    }
    switch (data[0]) {
    case 'r':
        fuzz_response(data + 1, n - 1);
        break;
    case 'c':
        fuzz_chunks(data + 1, n - 1);
        break;
    default:
        fuzz_request(data + 1, n - 1);
    }
    return 0;
}
