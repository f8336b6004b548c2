/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/api_client.h"

#include <stdlib.h>
#include <string.h>
#include "common/base/clock.h"
#include "common/base/id.h"
#include "common/proto/json.h"
#include "display/api_call.h"

#define POLL_MS 1000
#define TOKEN_MAX 512
#define TEXT_DOWN "The sign-in service does not answer. Try again in a moment."

struct ZgApiLogin {
    char *socket;
    char *peer;
    char *token;   /* secret; NULL before sign-in */
    char *session; /* id */
    ZgApiCall *call;
    guint poll_timer;
    int64_t deadline_us;
    const ZgApiLoginHandlers *handlers;
    void *user;
};

static void
on_signed_out(int status, const json_t *body, void *user)
{
    ZgApiCall **call = user;

    (void)status;
    (void)body;
    zg_api_call_free(*call);
    g_free(call);
}

static void
sign_out(ZgApiLogin *login)
{
    ZgApiRequest request = {.socket = login->socket,
                            .peer = login->peer,
                            .method = "POST",
                            .path = "/sign-out",
                            .token = login->token};
    ZgApiCall **call = g_new0(ZgApiCall *, 1);

    *call = zg_api_call_new(&request, on_signed_out, call);
}

void
zg_api_login_free(ZgApiLogin *login)
{
    if (login == NULL) {
        return;
    }
    g_clear_handle_id(&login->poll_timer, g_source_remove);
    g_clear_pointer(&login->call, zg_api_call_free);
    if (login->token != NULL) {
        sign_out(login);
    }
    zg_wipe_free_text(login->token);
    g_free(login->session);
    g_free(login->socket);
    g_free(login->peer);
    g_free(login);
}

static void
fail(ZgApiLogin *login, const char *text)
{
    login->handlers->on_done(NULL, text, login->user);
}

static const char *
text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* What the broker says in words, behind @prefix. */
static void
fail_with_problem(ZgApiLogin *login, const char *prefix, int status, const json_t *body)
{
    const char *detail = text_of(body, "detail");
    g_autofree char *text = NULL;

    if (detail == NULL) {
        detail = text_of(body, "title");
    }
    if (status == 0 || detail == NULL) {
        detail = TEXT_DOWN;
    }
    text = g_strconcat(prefix, detail, NULL);
    fail(login, text);
}

static void
call(ZgApiLogin *login, const char *method, const char *path, const char *body, ZgApiCallFunc done)
{
    ZgApiRequest request = {.socket = login->socket,
                            .peer = login->peer,
                            .method = method,
                            .path = path,
                            .token = login->token,
                            .body = body};

    g_clear_pointer(&login->call, zg_api_call_free);
    login->call = zg_api_call_new(&request, done, login);
}

static gboolean on_poll(gpointer data);

static void
wait_a_moment(ZgApiLogin *login)
{
    if (zg_clock_mono_us() >= login->deadline_us) {
        fail(login, "Your desktop could not be started: it took too long. Try again later.");
        return;
    }
    g_clear_handle_id(&login->poll_timer, g_source_remove);
    login->poll_timer = g_timeout_add(POLL_MS, on_poll, login);
}

static void
on_ticket(int status, const json_t *body, void *user)
{
    ZgApiLogin *login = user;
    const char *ticket = text_of(body, "ticket");

    if (status == 409 || status == 0 || status >= 500) {
        wait_a_moment(login);
    } else if (status != 201 || ticket == NULL) {
        fail_with_problem(login, "Your desktop could not be opened: ", status, body);
    } else {
        login->handlers->on_done(ticket, NULL, login->user);
    }
}

static void
on_session(int status, const json_t *body, void *user)
{
    ZgApiLogin *login = user;
    const char *state = text_of(body, "state");
    const char *reason = text_of(body, "reason_text");
    g_autofree char *text = NULL;

    if (status == 0 || status >= 500) {
        wait_a_moment(login); /* the broker may be starting anew: what it promised still holds */
    } else if (status != 200 || state == NULL) {
        fail_with_problem(login, "Your desktop could not be started: ", status, body);
    } else if (g_str_equal(state, "ended") || g_str_equal(state, "logging-off")) {
        text = g_strconcat("Your desktop could not be started: ",
                           reason != NULL ? reason : "the session has ended.", NULL);
        fail(login, text);
    } else if (g_str_equal(state, "pending")) {
        wait_a_moment(login);
    } else {
        g_autofree char *path = g_strdup_printf("/my/sessions/%s/ticket", login->session);

        call(login, "POST", path, "{}", on_ticket);
    }
}

static void
look_at_session(ZgApiLogin *login)
{
    g_autofree char *path = g_strdup_printf("/my/sessions/%s", login->session);

    call(login, "GET", path, NULL, on_session);
}

static gboolean
on_poll(gpointer data)
{
    ZgApiLogin *login = data;

    login->poll_timer = 0;
    look_at_session(login);
    return G_SOURCE_REMOVE;
}

static void
on_session_made(int status, const json_t *body, void *user)
{
    ZgApiLogin *login = user;
    const char *id = text_of(body, "id");

    if ((status != 200 && status != 201) || !zg_id_is_valid(id)) {
        fail_with_problem(login, "Your desktop could not be started: ", status, body);
        return;
    }
    login->session = g_strdup(id);
    look_at_session(login);
}

/* The pool of the user's live session, else the first that can give a desktop; or NULL. */
static const char *
choose_pool(const json_t *items)
{
    static const char *const usable[] = {"available", "starting", "full"};
    size_t i;
    json_t *item;

    json_array_foreach(items, i, item) {
        if (!json_is_null(json_object_get(item, "session")) &&
            json_object_get(item, "session") != NULL) {
            return text_of(item, "pool");
        }
    }
    for (gsize wish = 0; wish < G_N_ELEMENTS(usable); wish++) {
        json_array_foreach(items, i, item) {
            if (g_strcmp0(text_of(item, "state"), usable[wish]) == 0) {
                return text_of(item, "pool");
            }
        }
    }
    return NULL;
}

static void
on_pools(int status, const json_t *body, void *user)
{
    ZgApiLogin *login = user;
    const json_t *items = json_object_get(body, "items");
    const char *pool = choose_pool(items);
    g_autoptr(json_t) wish = NULL;
    char *text;

    if (status != 200) {
        fail_with_problem(login, "Your desktops could not be listed: ", status, body);
    } else if (json_array_size(items) == 0) {
        fail(login, "There is no desktop for you yet. Ask your administrator.");
    } else if (pool == NULL) {
        fail(login, "None of your desktops can be started now. Try again later.");
    } else {
        wish = json_pack("{s:s, s:s}", "pool", pool, "terminal", "VNC");
        text = zg_json_text(wish);
        call(login, "POST", "/my/sessions", text, on_session_made);
        free(text);
    }
}

static void
on_sign_in(int status, const json_t *body, void *user)
{
    ZgApiLogin *login = user;
    const char *token = text_of(body, "token");

    if (status == 401) {
        fail(login, "The user name or the password is wrong.");
        return;
    }
    if (status != 200 || token == NULL || strlen(token) > TOKEN_MAX) {
        fail_with_problem(login, "", status, body);
        return;
    }
    login->token = g_strdup(token);
    if (login->handlers->on_signed_in != NULL) {
        login->handlers->on_signed_in(login->user);
    }
    call(login, "GET", "/my/pools", NULL, on_pools);
}

/* A JSON text, written by hand so that no copy of a password is left in freed memory. */
static void
append_json(GString *out, const char *text)
{
    g_string_append_c(out, '"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            g_string_append_c(out, '\\');
            g_string_append_c(out, *text);
        } else if ((unsigned char)*text < 0x20) {
            g_string_append_printf(out, "\\u%04x", (unsigned)*text);
        } else {
            g_string_append_c(out, *text);
        }
    }
    g_string_append_c(out, '"');
}

ZgApiLogin *
zg_api_login_new(const char *socket, const char *peer, const char *name, const ZgSecret *password,
                 const ZgApiLoginHandlers *handlers, void *user)
{
    ZgApiLogin *login = g_new0(ZgApiLogin, 1);
    /* Six times: every byte may become \u00xx; no reallocation leaves a copy behind. */
    GString *body = g_string_sized_new(6 * (strlen(name) + password->n_bytes) + 128);

    login->socket = g_strdup(socket);
    login->peer = g_strdup(peer);
    login->handlers = handlers;
    login->user = user;
    login->deadline_us = zg_clock_mono_us() + (int64_t)ZG_API_LOGIN_MS * 1000;
    g_string_append(body, "{\"as\":\"token\",\"terminal\":\"VNC\",\"user\":");
    append_json(body, name);
    g_string_append(body, ",\"password\":");
    append_json(body, zg_secret_text(password));
    g_string_append_c(body, '}');
    call(login, "POST", "/sign-in", body->str, on_sign_in);
    zg_wipe(body->str, body->len);
    g_string_free(body, TRUE);
    return login;
}
