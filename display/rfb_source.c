/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/rfb_source.h"

#include <string.h>

#include "common/base/error.h"
#include "common/base/limits.h"
#include "display/clipboard.h"
#include "display/rfb_wire.h"

#define NAME_BYTES_MAX 4096
#define REASON_BYTES_MAX 256
#define SCREENS_MAX 16

typedef enum {
    PHASE_VERSION,
    PHASE_SECURITY,
    PHASE_SECURITY_RESULT,
    PHASE_SERVER_INIT,
    PHASE_MESSAGE,
    PHASE_RECT,
    PHASE_RAW,
    PHASE_FAILED,
} Phase;

typedef enum {
    STEP_MORE,
    STEP_DONE,
    STEP_FAILED,
} Step;

struct ZgRfbSource {
    const ZgRfbSourceOps *ops;
    void *user;
    Phase phase;
    int width, height;
    unsigned n_rects; /* still to come in this update */
    ZgRect raw;       /* what is left of the raw rectangle being received */
    bool requested, wants_all;
    bool qemu_keys, can_resize;
    uint32_t screen_id, screen_flags;
    uint32_t clip_flags;
    char *offered;
    ZgCursor cursor;
};

static const int32_t offered_encodings[] = {
    ZG_RFB_RAW,          ZG_RFB_COPYRECT,        ZG_RFB_CURSOR_ALPHA,
    ZG_RFB_CURSOR,       ZG_RFB_DESKTOP_SIZE,    ZG_RFB_EXTENDED_DESKTOP_SIZE,
    ZG_RFB_LED_STATE,    ZG_RFB_QEMU_KEY,        ZG_RFB_EXTENDED_CLIPBOARD,
    ZG_RFB_DESKTOP_NAME,
};

static Step
fail(ZgRfbSource *s, GError **error, int code, const char *what)
{
    s->phase = PHASE_FAILED;
    g_set_error(error, ZG_ERROR, code, "the console broke the protocol: %s", what);
    return STEP_FAILED;
}

static Step
take_size(ZgRfbSource *s, int width, int height, GError **error)
{
    if (!zg_screen_is_allowed(width, height)) {
        return fail(s, error, ZG_ERROR_TOO_LARGE, "a screen size out of bounds");
    }
    if (width != s->width || height != s->height) {
        s->width = width;
        s->height = height;
        s->wants_all = true;
        s->ops->resize(s->user, width, height);
    }
    return STEP_DONE;
}

/* ---- handshake ---- */

static Step
on_version(ZgRfbSource *s, ZgRfbReader *in, GByteArray *out, GError **error)
{
    const uint8_t *text = zg_rfb_read_bytes(in, ZG_RFB_VERSION_BYTES);

    if (text == NULL) {
        return STEP_MORE;
    }
    if (memcmp(text, ZG_RFB_VERSION_TEXT, ZG_RFB_VERSION_BYTES) != 0) {
        return fail(s, error, ZG_ERROR_PROTOCOL, "it does not speak RFB 3.8");
    }
    g_byte_array_append(out, text, ZG_RFB_VERSION_BYTES);
    s->phase = PHASE_SECURITY;
    return STEP_DONE;
}

static Step
on_security(ZgRfbSource *s, ZgRfbReader *in, GByteArray *out, GError **error)
{
    unsigned n = zg_rfb_read_u8(in);
    const uint8_t *types = zg_rfb_read_bytes(in, n);

    if (in->short_of_bytes) {
        return STEP_MORE;
    }
    if (n == 0 || memchr(types, ZG_RFB_SECURITY_NONE, n) == NULL) {
        return fail(s, error, ZG_ERROR_PROTOCOL, "it asks for a password; none must be set");
    }
    zg_rfb_put_u8(out, ZG_RFB_SECURITY_NONE);
    s->phase = PHASE_SECURITY_RESULT;
    return STEP_DONE;
}

static Step
on_security_result(ZgRfbSource *s, ZgRfbReader *in, GByteArray *out, GError **error)
{
    uint32_t result = zg_rfb_read_u32(in);

    if (in->short_of_bytes) {
        return STEP_MORE;
    }
    if (result != 0) {
        return fail(s, error, ZG_ERROR_PROTOCOL, "it refused the connection");
    }
    zg_rfb_put_u8(out, 1); /* shared */
    s->phase = PHASE_SERVER_INIT;
    return STEP_DONE;
}

static void
put_wishes(GByteArray *out)
{
    zg_rfb_put_u8(out, ZG_RFB_C_SET_PIXEL_FORMAT);
    zg_rfb_put_zeroes(out, 3);
    zg_rfb_put_pixel_format(out, &zg_pixel_format_native);
    zg_rfb_put_u8(out, ZG_RFB_C_SET_ENCODINGS);
    zg_rfb_put_u8(out, 0);
    zg_rfb_put_u16(out, G_N_ELEMENTS(offered_encodings));
    for (size_t i = 0; i < G_N_ELEMENTS(offered_encodings); i++) {
        zg_rfb_put_s32(out, offered_encodings[i]);
    }
}

static Step
on_server_init(ZgRfbSource *s, ZgRfbReader *in, GByteArray *out, GError **error)
{
    int width = zg_rfb_read_u16(in), height = zg_rfb_read_u16(in);
    uint32_t n_name;

    zg_rfb_read_bytes(in, ZG_RFB_PIXEL_FORMAT_BYTES);
    n_name = zg_rfb_read_u32(in);
    if (!in->short_of_bytes && n_name > NAME_BYTES_MAX) {
        return fail(s, error, ZG_ERROR_TOO_LARGE, "a name that is too long");
    }
    zg_rfb_read_bytes(in, n_name);
    if (in->short_of_bytes) {
        return STEP_MORE;
    }
    if (take_size(s, width, height, error) == STEP_FAILED) {
        return STEP_FAILED;
    }
    put_wishes(out);
    s->phase = PHASE_MESSAGE;
    return STEP_DONE;
}

/* ---- rectangles ---- */

static void
end_rect(ZgRfbSource *s)
{
    s->phase = PHASE_RECT;
    if (--s->n_rects == 0) {
        s->phase = PHASE_MESSAGE;
        s->requested = false;
        s->ops->update(s->user);
    }
}

static bool
is_inside(const ZgRfbSource *s, ZgRect r)
{
    return r.x + r.width <= s->width && r.y + r.height <= s->height;
}

static Step
on_raw(ZgRfbSource *s, ZgRfbReader *in)
{
    size_t row_bytes = (size_t)s->raw.width * 4;
    int n_rows = (int)MIN((in->n_bytes - in->at) / row_bytes, (size_t)s->raw.height);
    ZgRect area = s->raw;

    if (n_rows == 0) {
        return STEP_MORE;
    }
    area.height = n_rows;
    s->ops->pixels(s->user, area, zg_rfb_read_bytes(in, row_bytes * (size_t)n_rows));
    s->raw.y += n_rows;
    s->raw.height -= n_rows;
    if (s->raw.height == 0) {
        end_rect(s);
    }
    return STEP_DONE;
}

static Step
on_copyrect(ZgRfbSource *s, ZgRfbReader *in, ZgRect r, GError **error)
{
    ZgRect from = {.width = r.width, .height = r.height};

    from.x = zg_rfb_read_u16(in);
    from.y = zg_rfb_read_u16(in);
    if (in->short_of_bytes) {
        return STEP_MORE;
    }
    if (!is_inside(s, r) || !is_inside(s, from)) {
        return fail(s, error, ZG_ERROR_PROTOCOL, "a copy outside the screen");
    }
    if (!zg_rect_is_empty(r)) {
        s->ops->copy(s->user, r, from.x, from.y);
    }
    end_rect(s);
    return STEP_DONE;
}

static Step
on_cursor(ZgRfbSource *s, ZgRfbReader *in, ZgRect r, bool with_alpha, GError **error)
{
    size_t n_pixels = (size_t)r.width * (size_t)r.height * 4;
    size_t n_mask = with_alpha ? 0 : ((size_t)r.width + 7) / 8 * (size_t)r.height;
    const uint8_t *pixels, *mask;
    int32_t encoding = ZG_RFB_RAW;

    if (r.width > ZG_CURSOR_SIDE_MAX || r.height > ZG_CURSOR_SIDE_MAX) {
        return fail(s, error, ZG_ERROR_TOO_LARGE, "a pointer that is too large");
    }
    if (with_alpha) {
        encoding = zg_rfb_read_s32(in);
    }
    pixels = zg_rfb_read_bytes(in, n_pixels);
    mask = zg_rfb_read_bytes(in, n_mask);
    if (in->short_of_bytes) {
        return STEP_MORE;
    }
    if (encoding != ZG_RFB_RAW) {
        return fail(s, error, ZG_ERROR_PROTOCOL, "a pointer in an encoding that was not offered");
    }
    if (zg_rect_is_empty(r)) {
        zg_cursor_clear(&s->cursor);
    } else if (with_alpha) {
        zg_cursor_set(&s->cursor, r.width, r.height, r.x, r.y, pixels);
    } else {
        zg_cursor_set_masked(&s->cursor, r.width, r.height, r.x, r.y, pixels, mask);
    }
    s->ops->cursor(s->user, &s->cursor);
    end_rect(s);
    return STEP_DONE;
}

static Step
on_extended_size(ZgRfbSource *s, ZgRfbReader *in, ZgRect r, GError **error)
{
    unsigned n_screens = zg_rfb_read_u8(in);
    bool refused = r.x == 1 && r.y != 0; /* our own wish was not taken (yet) */
    ZgRfbReader screen;

    zg_rfb_read_bytes(in, 3);
    screen = *in;
    zg_rfb_read_bytes(in, 16 * (size_t)n_screens);
    if (in->short_of_bytes) {
        return STEP_MORE;
    }
    if (n_screens > SCREENS_MAX) {
        return fail(s, error, ZG_ERROR_TOO_LARGE, "too many screens");
    }
    if (n_screens > 0) {
        s->screen_id = zg_rfb_read_u32(&screen);
        zg_rfb_read_bytes(&screen, 8);
        s->screen_flags = zg_rfb_read_u32(&screen);
    }
    s->can_resize = true;
    if (!refused && take_size(s, r.width, r.height, error) == STEP_FAILED) {
        return STEP_FAILED;
    }
    end_rect(s);
    return STEP_DONE;
}

static Step
on_led(ZgRfbSource *s, ZgRfbReader *in)
{
    uint8_t state = zg_rfb_read_u8(in);

    if (in->short_of_bytes) {
        return STEP_MORE;
    }
    s->ops->led(s->user, state);
    end_rect(s);
    return STEP_DONE;
}

static Step
on_name(ZgRfbSource *s, ZgRfbReader *in, GError **error)
{
    uint32_t n_name = zg_rfb_read_u32(in);

    if (!in->short_of_bytes && n_name > NAME_BYTES_MAX) {
        return fail(s, error, ZG_ERROR_TOO_LARGE, "a name that is too long");
    }
    zg_rfb_read_bytes(in, n_name); /* a guest's name for itself is not shown to people */
    if (in->short_of_bytes) {
        return STEP_MORE;
    }
    end_rect(s);
    return STEP_DONE;
}

static Step
on_rect(ZgRfbSource *s, ZgRfbReader *in, GError **error)
{
    ZgRect r;
    int32_t encoding;

    r.x = zg_rfb_read_u16(in);
    r.y = zg_rfb_read_u16(in);
    r.width = zg_rfb_read_u16(in);
    r.height = zg_rfb_read_u16(in);
    encoding = zg_rfb_read_s32(in);
    if (in->short_of_bytes) {
        return STEP_MORE;
    }
    switch (encoding) {
    case ZG_RFB_RAW:
        if (!is_inside(s, r)) {
            return fail(s, error, ZG_ERROR_PROTOCOL, "pixels outside the screen");
        }
        if (zg_rect_is_empty(r)) {
            end_rect(s);
            return STEP_DONE;
        }
        s->raw = r;
        s->phase = PHASE_RAW;
        return STEP_DONE;
    case ZG_RFB_COPYRECT:
        return on_copyrect(s, in, r, error);
    case ZG_RFB_CURSOR:
    case ZG_RFB_CURSOR_ALPHA:
        return on_cursor(s, in, r, encoding == ZG_RFB_CURSOR_ALPHA, error);
    case ZG_RFB_DESKTOP_SIZE:
        if (take_size(s, r.width, r.height, error) == STEP_FAILED) {
            return STEP_FAILED;
        }
        end_rect(s);
        return STEP_DONE;
    case ZG_RFB_EXTENDED_DESKTOP_SIZE:
        return on_extended_size(s, in, r, error);
    case ZG_RFB_LED_STATE:
        return on_led(s, in);
    case ZG_RFB_QEMU_KEY:
        s->qemu_keys = true;
        end_rect(s);
        return STEP_DONE;
    case ZG_RFB_DESKTOP_NAME:
        return on_name(s, in, error);
    default:
        return fail(s, error, ZG_ERROR_PROTOCOL, "an encoding that was not offered");
    }
}

/* ---- messages ---- */

static void
on_extended_clipboard(ZgRfbSource *s, const uint8_t *body, size_t n_body, GByteArray *out)
{
    ZgRfbReader in = {.bytes = body, .n_bytes = n_body};
    uint32_t flags = zg_rfb_read_u32(&in);

    if (flags & ZG_CLIP_CAPS) {
        bool first = s->clip_flags == 0;
        s->clip_flags = flags;
        if (first) {
            zg_clip_put_caps(out, ZG_RFB_C_CUT_TEXT);
        }
    } else if (flags & ZG_CLIP_NOTIFY && flags & ZG_CLIP_TEXT) {
        zg_clip_put(out, ZG_RFB_C_CUT_TEXT, ZG_CLIP_REQUEST | ZG_CLIP_TEXT);
    } else if (flags & ZG_CLIP_REQUEST && flags & ZG_CLIP_TEXT && s->offered != NULL) {
        zg_clip_put_provide(out, ZG_RFB_C_CUT_TEXT, s->offered, ZG_CLIP_FOR_CONSOLE);
    } else if (flags & ZG_CLIP_PEEK) {
        zg_clip_put(out, ZG_RFB_C_CUT_TEXT,
                    ZG_CLIP_NOTIFY | (s->offered != NULL ? ZG_CLIP_TEXT : 0));
    } else if (flags & ZG_CLIP_PROVIDE && flags & ZG_CLIP_TEXT) {
        g_autofree char *text = zg_clip_parse_provide(body + 4, n_body - 4);
        if (text != NULL) {
            s->ops->text(s->user, text);
        }
    }
}

static Step
on_cut_text(ZgRfbSource *s, ZgRfbReader *in, GByteArray *out, GError **error)
{
    int64_t length;
    const uint8_t *body;

    zg_rfb_read_bytes(in, 3);
    length = zg_rfb_read_s32(in);
    if (in->short_of_bytes) {
        return STEP_MORE;
    }
    if (ABS(length) > ZG_CLIP_BODY_MAX || (length < 0 && length > -4)) {
        return fail(s, error, ZG_ERROR_TOO_LARGE, "clipboard text out of bounds");
    }
    body = zg_rfb_read_bytes(in, (size_t)ABS(length));
    if (body == NULL) {
        return STEP_MORE;
    }
    if (length < 0) {
        on_extended_clipboard(s, body, (size_t)-length, out);
    } else if (length <= ZG_LIMIT_CLIPBOARD_BYTES) {
        g_autofree char *text = zg_clip_from_latin1(body, (size_t)length);
        s->ops->text(s->user, text);
    }
    return STEP_DONE;
}

static Step
on_message(ZgRfbSource *s, ZgRfbReader *in, GByteArray *out, GError **error)
{
    unsigned type = zg_rfb_read_u8(in);

    switch (type) {
    case ZG_RFB_S_UPDATE:
        zg_rfb_read_u8(in);
        s->n_rects = zg_rfb_read_u16(in);
        if (in->short_of_bytes) {
            return STEP_MORE;
        }
        s->n_rects++; /* so that an update without rectangles ends in the same place */
        end_rect(s);
        return STEP_DONE;
    case ZG_RFB_S_BELL:
        s->ops->bell(s->user);
        return STEP_DONE;
    case ZG_RFB_S_CUT_TEXT:
        return on_cut_text(s, in, out, error);
    default:
        return fail(s, error, ZG_ERROR_PROTOCOL, "a message that was not offered");
    }
}

static Step
step(ZgRfbSource *s, ZgRfbReader *in, GByteArray *out, GError **error)
{
    switch (s->phase) {
    case PHASE_VERSION:
        return on_version(s, in, out, error);
    case PHASE_SECURITY:
        return on_security(s, in, out, error);
    case PHASE_SECURITY_RESULT:
        return on_security_result(s, in, out, error);
    case PHASE_SERVER_INIT:
        return on_server_init(s, in, out, error);
    case PHASE_MESSAGE:
        return on_message(s, in, out, error);
    case PHASE_RECT:
        return on_rect(s, in, error);
    case PHASE_RAW:
        return on_raw(s, in);
    case PHASE_FAILED:
        break;
    }
    return fail(s, error, ZG_ERROR_PROTOCOL, "it went on after an error");
}

bool
zg_rfb_source_feed(ZgRfbSource *s, const uint8_t *bytes, size_t n_bytes, size_t *out_used,
                   GByteArray *out, GError **error)
{
    *out_used = 0;
    while (*out_used < n_bytes) {
        ZgRfbReader in = {.bytes = bytes + *out_used, .n_bytes = n_bytes - *out_used};
        Step result = step(s, &in, out, error);
        if (result == STEP_FAILED) {
            return false;
        }
        if (result == STEP_MORE) {
            break;
        }
        *out_used += in.at;
    }
    return true;
}

/* ---- the other direction ---- */

ZgRfbSource *
zg_rfb_source_new(const ZgRfbSourceOps *ops, void *user)
{
    ZgRfbSource *s = g_new0(ZgRfbSource, 1);

    s->ops = ops;
    s->user = user;
    s->wants_all = true;
    return s;
}

void
zg_rfb_source_free(ZgRfbSource *s)
{
    if (s != NULL) {
        zg_cursor_clear(&s->cursor);
        g_free(s->offered);
        g_free(s);
    }
}

bool
zg_rfb_source_is_ready(const ZgRfbSource *s)
{
    return s->phase >= PHASE_MESSAGE && s->phase < PHASE_FAILED;
}

void
zg_rfb_source_request(ZgRfbSource *s, GByteArray *out)
{
    if (s->requested || !zg_rfb_source_is_ready(s)) {
        return;
    }
    zg_rfb_put_update_request(out, !s->wants_all, s->width, s->height);
    s->wants_all = false;
    s->requested = true;
}

void
zg_rfb_source_repaint(ZgRfbSource *s, GByteArray *out)
{
    s->wants_all = true;
    s->requested = false;
    zg_rfb_source_request(s, out);
}

void
zg_rfb_source_key(ZgRfbSource *s, bool down, uint32_t keysym, uint32_t scancode, GByteArray *out)
{
    if (!zg_rfb_source_is_ready(s)) {
        return;
    }
    if (s->qemu_keys && scancode != 0) {
        zg_rfb_put_u8(out, ZG_RFB_C_QEMU);
        zg_rfb_put_u8(out, 0);
        zg_rfb_put_u16(out, down);
        zg_rfb_put_u32(out, keysym);
        zg_rfb_put_u32(out, scancode);
    } else {
        zg_rfb_put_u8(out, ZG_RFB_C_KEY);
        zg_rfb_put_u8(out, down);
        zg_rfb_put_u16(out, 0);
        zg_rfb_put_u32(out, keysym);
    }
}

void
zg_rfb_source_pointer(ZgRfbSource *s, int x, int y, uint8_t buttons, GByteArray *out)
{
    if (!zg_rfb_source_is_ready(s)) {
        return;
    }
    zg_rfb_put_u8(out, ZG_RFB_C_POINTER);
    zg_rfb_put_u8(out, buttons);
    zg_rfb_put_u16(out, (uint16_t)CLAMP(x, 0, s->width - 1));
    zg_rfb_put_u16(out, (uint16_t)CLAMP(y, 0, s->height - 1));
}

void
zg_rfb_source_offer_text(ZgRfbSource *s, const char *text, GByteArray *out)
{
    if (!zg_rfb_source_is_ready(s) || strlen(text) > ZG_LIMIT_CLIPBOARD_BYTES) {
        return;
    }
    g_free(s->offered);
    s->offered = g_strdup(text);
    if (s->clip_flags != 0) {
        zg_clip_put(out, ZG_RFB_C_CUT_TEXT, ZG_CLIP_NOTIFY | ZG_CLIP_TEXT);
    } else {
        zg_clip_put_latin1(out, ZG_RFB_C_CUT_TEXT, text);
    }
}

bool
zg_rfb_source_wish_size(ZgRfbSource *s, int width, int height, GByteArray *out)
{
    if (!zg_rfb_source_is_ready(s) || !s->can_resize || !zg_screen_is_allowed(width, height)) {
        return false;
    }
    zg_rfb_put_u8(out, ZG_RFB_C_SET_DESKTOP_SIZE);
    zg_rfb_put_u8(out, 0);
    zg_rfb_put_u16(out, (uint16_t)width);
    zg_rfb_put_u16(out, (uint16_t)height);
    zg_rfb_put_u8(out, 1);
    zg_rfb_put_u8(out, 0);
    zg_rfb_put_u32(out, s->screen_id);
    zg_rfb_put_u32(out, 0);
    zg_rfb_put_u16(out, (uint16_t)width);
    zg_rfb_put_u16(out, (uint16_t)height);
    zg_rfb_put_u32(out, s->screen_flags);
    return true;
}
