/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Starting programs and writing small files. Every wait has a deadline. */

/* Milliseconds of the monotonic clock. */
int64_t zg_now_ms(void);

/**
 * zg_run() - run a program as the caller's user and wait for it
 * @argv:       absolute path and arguments, NULL at the end
 * @timeout_ms: it is killed after this long
 *
 * Blocks: for children of the helper, never for its loop. Standard input and output are /dev/null.
 *
 * Return: its exit status, or -1 when it did not start, was killed or took too long.
 */
int zg_run(const char *const argv[], int timeout_ms);

/* Replaces the contents of a file through a temporary one beside it. Return: false with errno. */
bool zg_write_file(const char *path, const char *text, mode_t mode);

/**
 * zg_become() - turn this process into an ordinary user for ever
 * @groups: further groups by name, NULL at the end; names the guest does not have are skipped
 *
 * Drops every capability by changing all ids; refuses uid 0. Return: false when any step failed:
 * then _exit().
 */
bool zg_become(uid_t uid, gid_t gid, const char *const groups[]);

/* In a fresh child: default signals, own session, nothing inherited from descriptor @first_fd on.
 */
void zg_child_setup(int first_fd);

/**
 * zg_kill_user() - end every process of a user
 * @signal_number: SIGTERM or SIGKILL
 *
 * A child of the helper takes the uid and signals "everybody", which the kernel limits to that
 * user's processes: so a process that forks quickly cannot escape between a listing and a kill.
 * Refuses system users.
 */
void zg_kill_user(uid_t uid, int signal_number);

/* Whether any process (zombies aside) belongs to @uid. */
bool zg_user_has_processes(uid_t uid);
