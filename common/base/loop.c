/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/base/loop.h"

#include <signal.h>

typedef struct {
    ZgStopFunc on_stop;
    void *user;
    int signal_number;
} StopWatch;

static GMainLoop *running;

static gboolean
on_signal(gpointer data)
{
    StopWatch *watch = data;

    if (watch->on_stop == NULL || watch->on_stop(watch->signal_number, watch->user)) {
        zg_loop_quit();
    }
    return G_SOURCE_CONTINUE;
}

void
zg_loop_run(ZgStopFunc on_stop, void *user)
{
    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
    StopWatch term = {.on_stop = on_stop, .user = user, .signal_number = SIGTERM};
    StopWatch interrupt = {.on_stop = on_stop, .user = user, .signal_number = SIGINT};
    guint on_term = g_unix_signal_add(SIGTERM, on_signal, &term);
    guint on_interrupt = g_unix_signal_add(SIGINT, on_signal, &interrupt);

    signal(SIGPIPE, SIG_IGN);
    running = loop;
    g_main_loop_run(loop);
    running = NULL;
    g_source_remove(on_term);
    g_source_remove(on_interrupt);
}

void
zg_loop_quit(void)
{
    if (running != NULL) {
        g_main_loop_quit(running);
    }
}

guint
zg_loop_watch_fd(int fd, GIOCondition condition, GUnixFDSourceFunc handler, gpointer data)
{
    g_autoptr(GSource) source = g_unix_fd_source_new(fd, condition);

    g_source_set_callback(source, G_SOURCE_FUNC(handler), data, NULL);
    g_source_set_can_recurse(source, TRUE);
    return g_source_attach(source, NULL);
}
