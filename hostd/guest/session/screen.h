/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * The guest's screen: the X server, who may talk to it, and what it shows while nobody is signed
 * in. Small programs that only draw or set a mode run as ZG_SCREEN_UID, which owns nothing.
 */

enum { ZG_SCREEN_UID = 60999 };

#define ZG_RUN_DIR "/run/zaguan"
#define ZG_SCREEN_AUTHORITY ZG_RUN_DIR "/screen/Xauthority"

/**
 * zg_screen_start() - start the X server on :0, as a display manager does
 * @out_ready: read end of a pipe: a line comes when the server takes clients, end of file when it
 * died; caller closes
 *
 * Makes a new access cookie each time. Return: its process, or -1.
 */
pid_t zg_screen_start(int *out_ready);

/* Whether the graphics device of the guest is there yet. */
bool zg_screen_has_device(void);

/* Writes the access cookie to @path for @uid, 0600. The folder must be one that only root can write
 * to. */
bool zg_screen_grant(const char *path, uid_t uid);

/**
 * zg_screen_show() - run the template's waiting-screen program
 * @what: "waiting" or "signed-off"
 * Return: its process, or -1; it ends by itself.
 */
pid_t zg_screen_show(const char *what);

/**
 * zg_screen_fit() - set every connected output to the size that the console asks for
 * @uid, @authority: who runs it and with which cookie file
 * Return: the process, or -1.
 */
pid_t zg_screen_fit(uid_t uid, const char *authority);

/* The size the console asks for, from the first connected output. */
bool zg_screen_wanted_size(int *out_width, int *out_height);

/* A socket that hears of changed outputs, or -1. */
int zg_screen_watch_outputs(void);

/* Reads everything waiting on it. Return: true when an output changed. */
bool zg_screen_outputs_changed(int fd);
