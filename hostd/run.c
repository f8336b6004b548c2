/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hostd/run.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/fd.h"

#define MAX_OUTPUT_BYTES (1024 * 1024)

/* One pipe's reading end; closed at end of stream. Past the limit bytes are read and dropped. */
static void
drain(ZgFd *fd, GString *text)
{
    char bytes[4096];
    ssize_t n_read = read(*fd, bytes, sizeof bytes);

    if (n_read > 0) {
        g_string_append_len(text, bytes,
                            (gssize)MIN((size_t)n_read, MAX_OUTPUT_BYTES - text->len));
    } else if (n_read == 0 || (errno != EAGAIN && errno != EINTR)) {
        zg_fd_clear(fd);
    }
}

/* Collects until both pipes have ended; false when the deadline passed first. */
static bool
collect(ZgFd *out_fd, ZgFd *err_fd, GString *out, GString *err, int64_t deadline_us)
{
    while (*out_fd >= 0 || *err_fd >= 0) {
        struct pollfd polls[] = {{.fd = *out_fd, .events = POLLIN},
                                 {.fd = *err_fd, .events = POLLIN}};
        int64_t left_us = deadline_us - zg_clock_mono_us();

        if (left_us <= 0) {
            return false;
        }
        if (poll(polls, 2, (int)(left_us / 1000) + 1) < 0 && errno != EINTR) {
            return false;
        }
        if (polls[0].revents != 0) {
            drain(out_fd, out);
        }
        if (polls[1].revents != 0) {
            drain(err_fd, err);
        }
    }
    return true;
}

/* Reaps; a program that closed its pipes but stays is killed at the deadline too. */
static bool
reap(GPid pid, int64_t deadline_us, int *out_status)
{
    for (;;) {
        pid_t got = waitpid(pid, out_status, WNOHANG);

        if (got == pid || (got < 0 && errno != EINTR)) {
            return true;
        }
        if (zg_clock_mono_us() >= deadline_us) {
            return false;
        }
        g_usleep(2000);
    }
}

bool
zg_run(const ZgRun *run, ZgRunResult *out_result, GError **error)
{
    g_auto(ZgFd) out_fd = -1;
    g_auto(ZgFd) err_fd = -1;
    g_autoptr(GError) cause = NULL;
    GString *out = NULL;
    GString *err = NULL;
    int64_t deadline_us = zg_clock_mono_us() + (int64_t)run->deadline_ms * 1000;
    int status = 0;
    GPid pid;
    bool in_time;
    const int target = 3;

    if (!g_spawn_async_with_pipes_and_fds(
            NULL, run->argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, -1,
            -1, -1, run->keep_fd >= 0 ? &run->keep_fd : NULL, run->keep_fd >= 0 ? &target : NULL,
            run->keep_fd >= 0 ? 1 : 0, &pid, NULL, &out_fd, &err_fd, &cause)) {
        g_set_error(error, ZG_ERROR,
                    g_error_matches(cause, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT) ? ZG_ERROR_NOT_FOUND
                                                                             : ZG_ERROR_FAILED,
                    "run '%s': %s", run->argv[0], cause->message);
        return false;
    }
    out = g_string_new(NULL);
    err = g_string_new(NULL);
    in_time = collect(&out_fd, &err_fd, out, err, deadline_us) && reap(pid, deadline_us, &status);
    if (!in_time) {
        kill(pid, SIGKILL);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
        }
    }
    *out_result = (ZgRunResult){
        .exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
        .timed_out = !in_time,
        .out = g_string_free(out, FALSE),
        .err = g_string_free(err, FALSE),
    };
    return true;
}

bool
zg_run_ok(const char *const *argv, int deadline_ms, char **out_text, GError **error)
{
    g_auto(ZgRunResult) result = {0};
    const ZgRun run = {.argv = argv, .deadline_ms = deadline_ms, .keep_fd = -1};
    const char *last;

    if (!zg_run(&run, &result, error)) {
        return false;
    }
    if (result.timed_out) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_TIMEOUT, "'%s' did not end within %d s", argv[0],
                    deadline_ms / 1000);
        return false;
    }
    if (result.exit_status != 0) {
        g_strchomp(result.err);
        last = strrchr(result.err, '\n');
        g_set_error(error, ZG_ERROR, ZG_ERROR_FAILED, "'%s' failed: %s", argv[0],
                    last != NULL ? last + 1 : result.err);
        return false;
    }
    if (out_text != NULL) {
        *out_text = g_steal_pointer(&result.out);
    }
    return true;
}

void
zg_run_result_clear(ZgRunResult *result)
{
    g_clear_pointer(&result->out, g_free);
    g_clear_pointer(&result->err, g_free);
}
