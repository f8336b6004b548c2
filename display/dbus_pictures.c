/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/dbus_pictures.h"

#include <string.h>

#include "common/base/error.h"
#include "common/base/limits.h"
#include "display/dbus_wire.h"

#define LISTENER "org.qemu.Display1.Listener"
#define LISTENER_MAP LISTENER ".Unix.Map"
#define SCANOUT_MAP_BYTES 24 /* 6 numbers, the first of which counts descriptors */
#define UPDATE_MAP_BYTES 16
#define SCANOUT_BYTES 20 /* of its body before the pixels: 4 numbers and their length */
#define UPDATE_BYTES 28  /* 6 numbers and the length */

/* Colours as pixman names them: bits per pixel, kind, and bits of each channel. */
enum {
    KIND_ARGB = 2, /* from the highest bit: unused or alpha, red, green, blue */
    KIND_ABGR = 3,
    KIND_BGRA = 8, /* from the highest bit: blue, green, red, unused or alpha */
    KIND_RGBA = 9,
};

typedef struct {
    int bytes; /* of a pixel */
    int red_at, green_at, blue_at; /* lowest bit */
    int red_bits, green_bits, blue_bits;
    bool is_native; /* as a frame has them: 0x00RRGGBB */
} Format;

typedef enum {
    PHASE_NONE, /* not begun */
    PHASE_AUTH,
    PHASE_MESSAGE,
    PHASE_ROWS,
    PHASE_SKIP,
    PHASE_FAILED,
} Phase;

typedef struct {
    Phase phase;
    ZgDbusAuth auth;
    uint32_t serial;  /* of our last message */
    uint32_t answers; /* what waits for an answer until its body has been read, or 0 */
    size_t n_skip;    /* of a body that nobody reads */
} Conversation;

struct ZgDbusPictures {
    const ZgDbusPicturesOps *ops;
    void *user;
    Conversation links[ZG_DBUS_N_LINKS];
    int width, height; /* 0 before the first picture */
    Format format;
    ZgRect left;     /* of the picture being received */
    size_t stride;   /* bytes of a row as they come */
    uint32_t *row;   /* one, converted; `n_row` pixels */
    size_t n_row;
    const uint8_t *map; /* the picture in shared memory, `map_stride` bytes a row; or NULL */
    size_t map_stride;
    Format map_format;
};

static ZgDbusResult
fail(GError **error, int code, const char *what)
{
    g_set_error(error, ZG_ERROR, code, "the console's pictures broke the protocol: %s", what);
    return ZG_DBUS_BROKEN;
}

/* ---- colours ---- */

static bool
take_format(Format *out, uint32_t code)
{
    int bits = (int)(code >> 24), kind = code >> 16 & 0xff;
    int red = code >> 8 & 0xf, green = code >> 4 & 0xf, blue = code & 0xf;

    if ((bits != 16 && bits != 24 && bits != 32) || red == 0 || red > 8 || green == 0 ||
        green > 8 || blue == 0 || blue > 8) {
        return false;
    }
    *out = (Format){.bytes = bits / 8, .red_bits = red, .green_bits = green, .blue_bits = blue};
    switch (kind) {
    case KIND_ARGB:
        out->green_at = blue;
        out->red_at = blue + green;
        break;
    case KIND_ABGR:
        out->green_at = red;
        out->blue_at = red + green;
        break;
    case KIND_BGRA:
        out->blue_at = bits - blue;
        out->green_at = bits - blue - green;
        out->red_at = bits - blue - green - red;
        break;
    case KIND_RGBA:
        out->red_at = bits - red;
        out->green_at = bits - red - green;
        out->blue_at = bits - red - green - blue;
        break;
    default:
        return false;
    }
    out->is_native = kind == KIND_ARGB && bits == 32 && red == 8 && green == 8 && blue == 8;
    return out->red_at >= 0 && out->blue_at >= 0 && out->red_at + red <= bits &&
           out->blue_at + blue <= bits;
}

static uint32_t
channel(uint32_t pixel, int at, int bits)
{
    uint32_t most = (1u << bits) - 1;

    return ((pixel >> at & most) * 255 + most / 2) / most;
}

static void
convert_row(const Format *f, const uint8_t *from, int n_pixels, uint32_t *to)
{
    for (int i = 0; i < n_pixels; i++, from += f->bytes) {
        uint32_t pixel = from[0] | (uint32_t)from[1] << 8;
        pixel |= f->bytes > 2 ? (uint32_t)from[2] << 16 : 0;
        pixel |= f->bytes > 3 ? (uint32_t)from[3] << 24 : 0;
        to[i] = channel(pixel, f->red_at, f->red_bits) << 16 |
                channel(pixel, f->green_at, f->green_bits) << 8 |
                channel(pixel, f->blue_at, f->blue_bits);
    }
}

/* ---- pictures ---- */

static void
need_row(ZgDbusPictures *p, int n_pixels)
{
    if (p->n_row < (size_t)n_pixels) {
        p->n_row = (size_t)n_pixels;
        p->row = g_renew(uint32_t, p->row, p->n_row);
    }
}

/* Rows @stride bytes apart. */
static void
give_rows(ZgDbusPictures *p, const Format *format, ZgRect area, const uint8_t *rows, size_t stride)
{
    int n_rows = area.height;

    if (format->is_native && stride == (size_t)area.width * sizeof *p->row) {
        p->ops->pixels(p->user, area, rows);
        return;
    }
    area.height = 1;
    for (int i = 0; i < n_rows; i++, area.y++, rows += stride) {
        if (format->is_native) {
            p->ops->pixels(p->user, area, rows);
        } else {
            convert_row(format, rows, area.width, p->row);
            p->ops->pixels(p->user, area, (const uint8_t *)p->row);
        }
    }
}

static bool
stride_is_allowed(size_t stride, uint32_t width, const Format *format)
{
    return stride <= ZG_LIMIT_SCREEN_SIDE * 16 && stride >= width * (size_t)format->bytes;
}

/* @n_bytes: of the rows that follow, as the message says. */
static ZgDbusResult
begin_rows(ZgDbusPictures *p, ZgRect area, ZgDbusReader *in, size_t n_body, GError **error)
{
    size_t stride = zg_dbus_read_u32(in);
    uint32_t code = zg_dbus_read_u32(in);
    size_t n_bytes = zg_dbus_read_u32(in);

    if (!take_format(&p->format, code)) {
        return fail(error, ZG_ERROR_PROTOCOL, "colours that nobody knows");
    }
    if (in->is_broken || n_bytes != n_body - in->at ||
        !stride_is_allowed(stride, (uint32_t)area.width, &p->format) ||
        n_bytes != stride * (size_t)area.height) {
        return fail(error, ZG_ERROR_PROTOCOL, "rows that do not fit");
    }
    p->stride = stride;
    p->left = area;
    need_row(p, area.width);
    p->links[ZG_DBUS_LISTENER].phase = PHASE_ROWS;
    return ZG_DBUS_DONE;
}

static ZgDbusResult
on_scanout(ZgDbusPictures *p, ZgDbusReader *in, size_t n_body, GError **error)
{
    uint32_t width = zg_dbus_read_u32(in), height = zg_dbus_read_u32(in);
    ZgDbusResult result;

    if (!zg_screen_is_allowed(width, height)) {
        return fail(error, ZG_ERROR_TOO_LARGE, "a screen size out of bounds");
    }
    result = begin_rows(p, (ZgRect){0, 0, (int)width, (int)height}, in, n_body, error);
    if (result == ZG_DBUS_DONE) {
        p->map = NULL;
        p->width = (int)width;
        p->height = (int)height;
        p->ops->resize(p->user, p->width, p->height);
    }
    return result;
}

/* Return: false when it cannot be used; the console then sends pixels. */
static bool
take_map(ZgDbusPictures *p, ZgDbusReader *in)
{
    size_t offset, stride;
    uint32_t width, height;
    Format format;

    zg_dbus_read_u32(in); /* which descriptor: the only one */
    offset = zg_dbus_read_u32(in);
    width = zg_dbus_read_u32(in);
    height = zg_dbus_read_u32(in);
    stride = zg_dbus_read_u32(in);
    p->map = NULL;
    if (!take_format(&format, zg_dbus_read_u32(in)) || !zg_screen_is_allowed(width, height) ||
        !stride_is_allowed(stride, width, &format)) {
        return false;
    }
    p->map = p->ops->map(p->user, offset, stride * height);
    if (p->map == NULL) {
        return false;
    }
    p->map_stride = stride;
    p->map_format = format;
    p->width = (int)width;
    p->height = (int)height;
    need_row(p, p->width);
    p->ops->resize(p->user, p->width, p->height);
    give_rows(p, &format, (ZgRect){0, 0, p->width, p->height}, p->map, stride);
    return true;
}

static ZgDbusResult
take_area(const ZgDbusPictures *p, ZgDbusReader *in, ZgRect *out, GError **error)
{
    uint32_t x = zg_dbus_read_u32(in), y = zg_dbus_read_u32(in);
    uint32_t width = zg_dbus_read_u32(in), height = zg_dbus_read_u32(in);

    if (width == 0 || height == 0 || x >= (uint32_t)p->width || y >= (uint32_t)p->height ||
        width > (uint32_t)p->width - x || height > (uint32_t)p->height - y) {
        return fail(error, ZG_ERROR_PROTOCOL, "pixels outside the screen");
    }
    *out = (ZgRect){(int)x, (int)y, (int)width, (int)height};
    return ZG_DBUS_DONE;
}

static ZgDbusResult
on_map_update(ZgDbusPictures *p, ZgDbusReader *in, GError **error)
{
    ZgRect area;

    if (p->map == NULL) {
        return fail(error, ZG_ERROR_PROTOCOL, "an update of memory that is not shared");
    }
    if (take_area(p, in, &area, error) != ZG_DBUS_DONE) {
        return ZG_DBUS_BROKEN;
    }
    give_rows(p, &p->map_format, area,
              p->map + (size_t)area.y * p->map_stride +
                  (size_t)area.x * (size_t)p->map_format.bytes,
              p->map_stride);
    return ZG_DBUS_DONE;
}

static ZgDbusResult
on_update(ZgDbusPictures *p, ZgDbusReader *in, size_t n_body, GError **error)
{
    ZgRect area;

    return take_area(p, in, &area, error) == ZG_DBUS_DONE
               ? begin_rows(p, area, in, n_body, error)
               : ZG_DBUS_BROKEN;
}

static void
answer(Conversation *c, GByteArray *out)
{
    if (c->answers != 0) {
        zg_dbus_put_return(out, ++c->serial, c->answers, "", NULL, 0);
        c->answers = 0;
    }
}

static ZgDbusResult
on_rows(ZgDbusPictures *p, Conversation *c, const uint8_t *bytes, size_t n_bytes,
        size_t *out_used, GByteArray *out)
{
    int n_rows = (int)MIN(n_bytes / p->stride, (size_t)p->left.height);
    ZgRect area = p->left;

    if (n_rows == 0) {
        return ZG_DBUS_MORE;
    }
    area.height = n_rows;
    give_rows(p, &p->format, area, bytes, p->stride);
    *out_used = (size_t)n_rows * p->stride;
    p->left.y += n_rows;
    p->left.height -= n_rows;
    if (p->left.height == 0) {
        c->phase = PHASE_MESSAGE;
        answer(c, out);
    }
    return ZG_DBUS_DONE;
}

/* ---- messages ---- */

static void
skip_body(Conversation *c, const ZgDbusHead *head, GByteArray *out)
{
    c->n_skip = head->n_body;
    c->phase = c->n_skip > 0 ? PHASE_SKIP : PHASE_MESSAGE;
    if (c->phase == PHASE_MESSAGE) {
        answer(c, out);
    }
}

static ZgDbusResult
on_skip(Conversation *c, size_t n_bytes, size_t *out_used, GByteArray *out)
{
    *out_used = MIN(n_bytes, c->n_skip);
    c->n_skip -= *out_used;
    if (c->n_skip == 0) {
        c->phase = PHASE_MESSAGE;
        answer(c, out);
    }
    return *out_used > 0 ? ZG_DBUS_DONE : ZG_DBUS_MORE;
}

/* Pixels begin in the body of these; nothing is used before all of their numbers are there. */
static ZgDbusResult
on_picture(ZgDbusPictures *p, Conversation *c, const ZgDbusHead *head, const uint8_t *bytes,
           size_t n_bytes, size_t *out_used, GError **error)
{
    bool whole = strcmp(head->signature, "uuuuay") == 0;
    size_t n_numbers = whole ? SCANOUT_BYTES : UPDATE_BYTES;
    ZgDbusReader in = {.bytes = bytes + head->n_head, .n_bytes = n_numbers};

    if (head->n_body < n_numbers) {
        return fail(error, ZG_ERROR_PROTOCOL, "a picture without rows");
    }
    if (n_bytes - head->n_head < n_numbers) {
        return ZG_DBUS_MORE;
    }
    *out_used = head->n_head + n_numbers;
    c->answers = head->wants_answer ? head->serial : 0;
    return whole ? on_scanout(p, &in, head->n_body, error)
                 : on_update(p, &in, head->n_body, error);
}

/* All that a picture in shared memory needs is in one short message. */
static ZgDbusResult
on_map_message(ZgDbusPictures *p, Conversation *c, const ZgDbusHead *head, const uint8_t *bytes,
               size_t n_bytes, size_t *out_used, GByteArray *out, GError **error)
{
    bool whole = strcmp(head->member, "ScanoutMap") == 0;
    size_t n_numbers = whole ? SCANOUT_MAP_BYTES : UPDATE_MAP_BYTES;
    ZgDbusReader in = {.bytes = bytes + head->n_head, .n_bytes = n_numbers};

    if (head->n_body != n_numbers) {
        return fail(error, ZG_ERROR_PROTOCOL, "numbers that do not fit");
    }
    if (n_bytes - head->n_head < n_numbers) {
        return ZG_DBUS_MORE;
    }
    *out_used = head->n_head + n_numbers;
    c->answers = head->wants_answer ? head->serial : 0;
    if (whole && !take_map(p, &in)) {
        if (c->answers != 0) {
            zg_dbus_put_error(out, ++c->serial, c->answers, "org.freedesktop.DBus.Error.Failed");
            c->answers = 0;
        }
        return ZG_DBUS_DONE;
    }
    if (!whole && on_map_update(p, &in, error) != ZG_DBUS_DONE) {
        return ZG_DBUS_BROKEN;
    }
    answer(c, out);
    return ZG_DBUS_DONE;
}

/* a{sv}: what more than LISTENER we are. */
static void
put_properties(uint32_t serial, uint32_t answers, GByteArray *out)
{
    g_autoptr(GByteArray) body = g_byte_array_new();
    guint entries, names;

    zg_dbus_put_u32(body, 0);
    zg_dbus_pad(body, 8);
    entries = body->len;
    zg_dbus_put_text(body, "Interfaces");
    g_byte_array_append(body, (const uint8_t *)"\2as", 4); /* the variant's type */
    zg_dbus_pad(body, 4);
    zg_dbus_put_u32(body, 0);
    names = body->len;
    zg_dbus_put_text(body, LISTENER_MAP);
    zg_dbus_set_u32(body, names - 4, body->len - names);
    zg_dbus_set_u32(body, 0, body->len - entries);
    zg_dbus_put_return(out, serial, answers, "a{sv}", body->data, body->len);
}

static bool
is_call(const ZgDbusHead *head, const char *interface, const char *member, const char *signature)
{
    return head->type == ZG_DBUS_CALL && strcmp(head->interface, interface) == 0 &&
           strcmp(head->member, member) == 0 && strcmp(head->signature, signature) == 0;
}

/* QEMU calls the listener's methods. Its pointer is told by RFB. */
static ZgDbusResult
on_listener_message(ZgDbusPictures *p, Conversation *c, const ZgDbusHead *head,
                    const uint8_t *bytes, size_t n_bytes, size_t *out_used, GByteArray *out,
                    GError **error)
{
    if (is_call(head, LISTENER, "Scanout", "uuuuay") ||
        is_call(head, LISTENER, "Update", "iiiiuuay")) {
        return on_picture(p, c, head, bytes, n_bytes, out_used, error);
    }
    if (is_call(head, LISTENER_MAP, "ScanoutMap", "huuuuu") ||
        is_call(head, LISTENER_MAP, "UpdateMap", "iiii")) {
        return on_map_message(p, c, head, bytes, n_bytes, out_used, out, error);
    }
    if (strcmp(head->member, "ScanoutDMABUF") == 0) {
        return fail(error, ZG_ERROR_PROTOCOL, "a picture on the host's graphics card");
    }
    *out_used = head->n_head;
    if (head->wants_answer) {
        if (is_call(head, "org.freedesktop.DBus.Properties", "GetAll", "s")) {
            put_properties(++c->serial, head->serial, out);
        } else if (strcmp(head->interface, LISTENER) == 0) {
            c->answers = head->serial;
        } else {
            zg_dbus_put_error(out, ++c->serial, head->serial,
                              "org.freedesktop.DBus.Error.UnknownMethod");
        }
    }
    skip_body(c, head, out);
    return ZG_DBUS_DONE;
}

/* On the console's connection only the answer to our call matters. */
static ZgDbusResult
on_console_message(Conversation *c, const ZgDbusHead *head, size_t *out_used, GByteArray *out,
                   GError **error)
{
    if (head->type == ZG_DBUS_ERROR && head->answers == c->serial) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_FAILED, "the console takes no listener: %s",
                    head->error_name);
        return ZG_DBUS_BROKEN;
    }
    *out_used = head->n_head;
    if (head->wants_answer) {
        zg_dbus_put_error(out, ++c->serial, head->serial,
                          "org.freedesktop.DBus.Error.UnknownMethod");
    }
    skip_body(c, head, out);
    return ZG_DBUS_DONE;
}

static ZgDbusResult
step(ZgDbusPictures *p, ZgDbusLink link, const uint8_t *bytes, size_t n_bytes, size_t *out_used,
     GByteArray *out, GError **error)
{
    Conversation *c = &p->links[link];
    ZgDbusResult result;
    ZgDbusHead head;

    switch (c->phase) {
    case PHASE_AUTH:
        result = zg_dbus_auth_feed(&c->auth, bytes, n_bytes, out_used, out, error);
        if (c->auth.state == ZG_DBUS_AUTH_DONE) {
            c->phase = PHASE_MESSAGE;
        }
        return result;
    case PHASE_MESSAGE:
        result = zg_dbus_read_head(bytes, n_bytes, &head, error);
        if (result != ZG_DBUS_DONE) {
            return result;
        }
        return link == ZG_DBUS_CONSOLE
                   ? on_console_message(c, &head, out_used, out, error)
                   : on_listener_message(p, c, &head, bytes, n_bytes, out_used, out, error);
    case PHASE_ROWS:
        return on_rows(p, c, bytes, n_bytes, out_used, out);
    case PHASE_SKIP:
        return on_skip(c, n_bytes, out_used, out);
    case PHASE_NONE:
    case PHASE_FAILED:
        break;
    }
    return fail(error, ZG_ERROR_PROTOCOL, "it went on after an error");
}

bool
zg_dbus_pictures_feed(ZgDbusPictures *p, ZgDbusLink link, const uint8_t *bytes, size_t n_bytes,
                      size_t *out_used, GByteArray *out, GError **error)
{
    ZgDbusResult result = ZG_DBUS_DONE;

    *out_used = 0;
    while (result == ZG_DBUS_DONE && *out_used < n_bytes) {
        size_t n_used = 0;
        result = step(p, link, bytes + *out_used, n_bytes - *out_used, &n_used, out, error);
        *out_used += n_used;
    }
    if (result == ZG_DBUS_BROKEN) {
        p->links[link].phase = PHASE_FAILED;
    }
    return result != ZG_DBUS_BROKEN;
}

/* ---- the other direction ---- */

ZgDbusPictures *
zg_dbus_pictures_new(const ZgDbusPicturesOps *ops, void *user)
{
    ZgDbusPictures *p = g_new0(ZgDbusPictures, 1);

    p->ops = ops;
    p->user = user;
    return p;
}

void
zg_dbus_pictures_free(ZgDbusPictures *p)
{
    if (p != NULL) {
        g_free(p->row);
        g_free(p);
    }
}

void
zg_dbus_pictures_begin(ZgDbusPictures *p, ZgDbusLink link, GByteArray *out)
{
    Conversation *c = &p->links[link];

    *c = (Conversation){.phase = PHASE_AUTH};
    if (link == ZG_DBUS_LISTENER) {
        p->width = p->height = 0;
        p->map = NULL;
    }
    zg_dbus_auth_begin(&c->auth, out);
}

bool
zg_dbus_pictures_is_ready(const ZgDbusPictures *p)
{
    const Conversation *c = &p->links[ZG_DBUS_CONSOLE];

    return c->phase == PHASE_MESSAGE || c->phase == PHASE_SKIP;
}

void
zg_dbus_pictures_register(ZgDbusPictures *p, GByteArray *out)
{
    static const ZgDbusCall call = {
        .path = "/org/qemu/Display1/Console_0",
        .interface = "org.qemu.Display1.Console",
        .member = "RegisterListener",
        .signature = "h",
        .n_fds = 1,
    };
    const uint32_t first_fd = 0;

    zg_dbus_put_call(out, ++p->links[ZG_DBUS_CONSOLE].serial, &call, &first_fd, sizeof first_fd);
}
