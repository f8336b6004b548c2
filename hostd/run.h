/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Run a helper program to its end, under a deadline. Blocks: pool threads, or start-up. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct {
    const char *const *argv; /* looked up in PATH; NULL-terminated */
    int deadline_ms;         /* then SIGKILL */
    int keep_fd;             /* inherited as descriptor 3, or -1 */
} ZgRun;

typedef struct {
    int exit_status; /* -1 when a signal ended it */
    bool timed_out;
    char *out; /* standard output, at most 1 MiB */
    char *err; /* standard error, the same */
} ZgRunResult;

/**
 * zg_run() - run to the end
 * @out_result: to be cleared with zg_run_result_clear()
 * Return: false with @error only when it could not be started.
 */
bool zg_run(const ZgRun *run, ZgRunResult *out_result, GError **error);

/**
 * zg_run_ok() - the same, where only success is interesting
 * Return: false with ZG_ERROR_TIMEOUT or ZG_ERROR_FAILED and the last line it complained with.
 */
bool zg_run_ok(const char *const *argv, int deadline_ms, char **out_text, GError **error);

void zg_run_result_clear(ZgRunResult *result);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ZgRunResult, zg_run_result_clear)
