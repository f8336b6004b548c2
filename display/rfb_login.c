/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One connection on the RFB port until its viewer is let in: VeNCrypt, then ticket or password. */
#include <string.h>
#include <sys/socket.h>
#include "common/base/error.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/secret.h"
#include "common/net/stream.h"
#include "display/api_client.h"
#include "display/front.h"
#include "display/vencrypt.h"

#define END_MS 2000
/*
 * Stock viewers connect first and ask the person for the password afterwards, so ten seconds would
 * shut out whoever types slowly. These waiters have places of their own.
 */
#define TYPING_MS 120000
#define EARLY_MAX 64 /* from the viewer while it waits: at most its ClientInit */
#define TICKET_USER "ticket"

typedef struct {
    ZgFront *front;
    ZgStream *stream;
    char *peer;
    ZgVencrypt *vencrypt;
    GByteArray *out;   /* what to send next */
    GByteArray *early;
    ZgApiLogin *login; /* while the broker is asked */
    ZgAdmission *place; /* where it is counted; NULL once it has signed in */
    bool ended;
    bool refused; /* the reason is on its way */
    guint timer;
} RfbLogin;

static void
clear_login(gpointer data)
{
    RfbLogin *rfb = data;

    zg_vencrypt_free(rfb->vencrypt);
    g_byte_array_unref(rfb->out);
    g_byte_array_unref(rfb->early);
    g_free(rfb->peer);
}

static void
release(RfbLogin *rfb)
{
    g_rc_box_release_full(rfb, clear_login);
}

static void
leave_place(RfbLogin *rfb)
{
    if (rfb->place != NULL) {
        zg_admission_leave(g_steal_pointer(&rfb->place), rfb->peer);
    }
}

static void
end(RfbLogin *rfb)
{
    if (!rfb->ended) {
        rfb->ended = true;
        g_clear_handle_id(&rfb->timer, g_source_remove);
        g_clear_pointer(&rfb->login, zg_api_login_free);
        g_clear_pointer(&rfb->stream, zg_stream_free);
        leave_place(rfb);
        release(rfb);
    }
}

static void
send_out(RfbLogin *rfb)
{
    if (rfb->stream != NULL && rfb->out->len > 0 &&
        !zg_stream_write(rfb->stream, rfb->out->data, rfb->out->len)) {
        end(rfb);
    }
    g_byte_array_set_size(rfb->out, 0);
}

static void
finish(RfbLogin *rfb)
{
    rfb->refused = true;
    g_clear_handle_id(&rfb->timer, g_source_remove);
    g_clear_pointer(&rfb->login, zg_api_login_free);
    zg_vencrypt_wipe(rfb->vencrypt);
    if (rfb->stream != NULL) {
        zg_stream_finish(rfb->stream, END_MS);
    }
}

static void
refuse(RfbLogin *rfb, const char *text)
{
    zg_log_info("viewer-refused", rfb->peer, "VNC viewer refused: %s", text);
    zg_vencrypt_refuse(rfb->vencrypt, text, rfb->out);
    send_out(rfb);
    finish(rfb);
}

static void
let_in(RfbLogin *rfb, const char *ticket, size_t n_ticket)
{
    g_auto(ZgEntry) entry = {0};
    g_autoptr(GError) error = NULL;

    if (rfb->front->consoles == NULL) {
        refuse(rfb, "The server is stopping. Your desktop goes on.");
        return;
    }
    if (!zg_consoles_redeem(rfb->front->consoles, ticket, n_ticket, false, &entry, &error)) {
        refuse(rfb, error->message);
        return;
    }
    entry.terminal = g_strdup("VNC");
    zg_vencrypt_accept(rfb->vencrypt, rfb->out);
    zg_consoles_add_viewer(rfb->front->consoles, ZG_VIEWER_RFB, g_steal_pointer(&rfb->stream),
                           &entry, NULL, rfb->out, rfb->early->data, rfb->early->len);
    end(rfb);
}

static void
on_signed_in(void *user)
{
    leave_place(user);
}

static void
on_login_done(const char *ticket, const char *text, void *user)
{
    RfbLogin *rfb = g_rc_box_acquire(user);

    if (ticket != NULL) {
        let_in(rfb, ticket, strlen(ticket));
    } else {
        refuse(rfb, text);
    }
    release(rfb);
}

static const ZgApiLoginHandlers login_handlers = {
    .on_signed_in = on_signed_in,
    .on_done = on_login_done,
};

static void
check_credentials(RfbLogin *rfb)
{
    const char *user = zg_vencrypt_user(rfb->vencrypt);
    const ZgSecret *password = zg_vencrypt_password(rfb->vencrypt);

    g_clear_handle_id(&rfb->timer, g_source_remove);
    if (g_str_equal(user, TICKET_USER)) {
        g_autoptr(ZgSecret) ticket = zg_secret_new(password->bytes, password->n_bytes);

        zg_vencrypt_wipe(rfb->vencrypt);
        let_in(rfb, zg_secret_text(ticket), ticket->n_bytes);
    } else if (password->n_bytes == 0 || *user == '\0' ||
               !g_utf8_validate(zg_secret_text(password), (gssize)password->n_bytes, NULL)) {
        refuse(rfb, "The user name or the password is wrong.");
    } else {
        rfb->login = zg_api_login_new(rfb->front->config.broker, rfb->peer, user, password,
                                      &login_handlers, rfb);
        zg_vencrypt_wipe(rfb->vencrypt);
    }
}

static void
take_bytes(RfbLogin *rfb, const uint8_t *bytes, size_t n_bytes)
{
    size_t n_used;
    ZgVencryptStep step = zg_vencrypt_feed(rfb->vencrypt, bytes, n_bytes, &n_used, rfb->out);

    if (n_bytes > n_used && rfb->early->len + n_bytes - n_used <= EARLY_MAX) {
        g_byte_array_append(rfb->early, bytes + n_used, (guint)(n_bytes - n_used));
    } else if (n_bytes > n_used) {
        end(rfb);
        return;
    }
    send_out(rfb);
    if (rfb->ended) {
        return;
    }
    switch (step) {
    case ZG_VENCRYPT_MORE:
        break;
    case ZG_VENCRYPT_START_TLS:
        zg_stream_start_tls(rfb->stream, rfb->front->tls, ZG_STREAM_SERVER, NULL);
        break;
    case ZG_VENCRYPT_CREDENTIALS:
        check_credentials(rfb);
        break;
    case ZG_VENCRYPT_BROKEN:
        zg_log_info("viewer-refused", rfb->peer, "VNC viewer refused: %s",
                    zg_vencrypt_why(rfb->vencrypt));
        finish(rfb);
        break;
    }
}

static void
on_bytes(ZgStream *stream, const uint8_t *bytes, size_t n_bytes, void *user)
{
    RfbLogin *rfb = g_rc_box_acquire(user);

    (void)stream;
    if (!rfb->refused) {
        take_bytes(rfb, bytes, n_bytes);
    }
    release(rfb);
}

static void
on_closed(ZgStream *stream, const GError *error, void *user)
{
    RfbLogin *rfb = user;

    (void)stream;
    if (error != NULL && !rfb->refused) {
        zg_log_debug("viewer-closed", rfb->peer, "%s", error->message);
    }
    end(rfb);
}

static gboolean
on_timer(gpointer data)
{
    RfbLogin *rfb = data;

    rfb->timer = 0;
    end(rfb);
    return G_SOURCE_REMOVE;
}

static void
set_timer(RfbLogin *rfb, unsigned ms)
{
    g_clear_handle_id(&rfb->timer, g_source_remove);
    rfb->timer = g_timeout_add(ms, on_timer, rfb);
}

static bool
take_place(RfbLogin *rfb, ZgAdmission *admission)
{
    leave_place(rfb);
    if (!zg_admission_enter(admission, rfb->peer)) {
        zg_log_warning("too-many-strangers", rfb->peer, "refused a viewer: too many are waiting");
        end(rfb);
        return false;
    }
    rfb->place = admission;
    return true;
}

static void
on_secured(ZgStream *stream, void *user)
{
    RfbLogin *rfb = user;

    (void)stream;
    if (take_place(rfb, rfb->front->typists)) {
        set_timer(rfb, TYPING_MS);
    }
}

static const ZgStreamHandlers stream_handlers = {
    .on_bytes = on_bytes,
    .on_secured = on_secured,
    .on_closed = on_closed,
};

void
zg_rfb_accept(int fd, const char *peer, void *user)
{
    ZgFront *front = user;
    RfbLogin *rfb = g_rc_box_new0(RfbLogin);

    g_rc_box_acquire(rfb);
    rfb->front = front;
    rfb->peer = g_strdup(peer);
    rfb->out = g_byte_array_new();
    rfb->early = g_byte_array_new();
    rfb->vencrypt = zg_vencrypt_new(rfb->out);
    rfb->stream = zg_stream_new(fd, &stream_handlers, rfb);
    if (take_place(rfb, front->strangers)) {
        set_timer(rfb, ZG_LIMIT_UNAUTHENTICATED_MS);
        send_out(rfb);
    }
    release(rfb);
}
