/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "auth/deadline.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

struct ZgDeadline {
    GThread *thread;
    GMutex lock; /* guards all below but at_us, which never changes */
    GCond stopped_cond;
    bool stopped;
    bool passed;
    GArray *fds; /* duplicates, so a number reused by somebody else is never shut down */
    int64_t at_us;
};

static void
shut_down_all(ZgDeadline *deadline)
{
    deadline->passed = true;
    for (guint i = 0; i < deadline->fds->len; i++) {
        shutdown(g_array_index(deadline->fds, int, i), SHUT_RDWR);
    }
}

static gpointer
wait_for_end(gpointer data)
{
    ZgDeadline *deadline = data;

    g_mutex_lock(&deadline->lock);
    while (!deadline->stopped) {
        if (!g_cond_wait_until(&deadline->stopped_cond, &deadline->lock, deadline->at_us)) {
            shut_down_all(deadline);
            break;
        }
    }
    g_mutex_unlock(&deadline->lock);
    return NULL;
}

ZgDeadline *
zg_deadline_start(int64_t at_us)
{
    ZgDeadline *deadline = g_new0(ZgDeadline, 1);

    g_mutex_init(&deadline->lock);
    g_cond_init(&deadline->stopped_cond);
    deadline->fds = g_array_new(FALSE, FALSE, sizeof(int));
    deadline->at_us = at_us;
    deadline->thread = g_thread_new("deadline", wait_for_end, deadline);
    return deadline;
}

void
zg_deadline_watch(ZgDeadline *deadline, int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

    if (copy < 0) {
        return; /* out of descriptors: the library's own timeouts still hold */
    }
    g_mutex_lock(&deadline->lock);
    g_array_append_val(deadline->fds, copy);
    if (deadline->passed) {
        shutdown(copy, SHUT_RDWR);
    }
    g_mutex_unlock(&deadline->lock);
}

int64_t
zg_deadline_remaining_us(const ZgDeadline *deadline)
{
    return MAX(deadline->at_us - g_get_monotonic_time(), 0);
}

void
zg_deadline_stop(ZgDeadline *deadline)
{
    if (deadline == NULL) {
        return;
    }
    g_mutex_lock(&deadline->lock);
    deadline->stopped = true;
    g_cond_signal(&deadline->stopped_cond);
    g_mutex_unlock(&deadline->lock);
    g_thread_join(deadline->thread);
    for (guint i = 0; i < deadline->fds->len; i++) {
        close(g_array_index(deadline->fds, int, i));
    }
    g_array_unref(deadline->fds);
    g_mutex_clear(&deadline->lock);
    g_cond_clear(&deadline->stopped_cond);
    g_free(deadline);
}
