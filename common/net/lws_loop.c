/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/net/lws_loop.h"

#include <string.h>
#include "common/base/error.h"
#include "common/base/limits.h"
#include "common/base/log.h"

static void
emit(int level, const char *line)
{
    g_autofree char *text = g_strchomp(g_strdup(line));

    if (level & LLL_ERR) {
        zg_log_error("lws", NULL, "%s", text);
    } else if (level & LLL_WARN) {
        zg_log_warning("lws", NULL, "%s", text);
    } else {
        zg_log_debug("lws", NULL, "%s", text);
    }
}

struct lws_context *
zg_lws_context_new(GMainLoop *loop, unsigned n_conns, GError **error)
{
    void *loops[1] = {loop};
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_GLIB |
                   LWS_SERVER_OPTION_DISABLE_IPV6,
        .foreign_loops = loops,
        .fd_limit_per_thread = n_conns,
        .max_http_header_data = ZG_LIMIT_HTTP_HEAD_BYTES,
        .max_http_header_pool = (unsigned short)MIN(n_conns, 60000u),
        .pt_serv_buf_size = 32 * 1024,
        .uid = -1,
        .gid = -1,
    };
    struct lws_context *context;

    lws_set_log_level(LLL_ERR | LLL_WARN, emit);
    context = lws_create_context(&info);
    if (context == NULL) {
        g_set_error_literal(error, ZG_ERROR, ZG_ERROR_FAILED,
                            "libwebsockets does not start; is libwebsockets-evlib-glib installed?");
    }
    return context;
}

void
zg_lws_context_free(struct lws_context *context)
{
    if (context == NULL) {
        return;
    }
    /*
     * Once only: with the GLib loop this first call frees the context when nothing is open any
     * more, and a second one would read it. What is left otherwise goes with the process.
     */
    lws_context_destroy(context);
    for (int i = 0; i < 100 && g_main_context_iteration(NULL, FALSE); i++) {
    }
}
