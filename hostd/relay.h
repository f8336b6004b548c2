/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The way to a broker on another machine: hostd lives in a network namespace without any network,
 * so a small process outside carries the bytes (TLS from end to end) of a unix socket to TCP.
 */
#pragma once

#include <glib.h>

/**
 * zg_relay_start() - fork the process; before any thread and before the namespaces
 * @address:   `tcp:HOST:PORT`
 * @state_dir: its socket stands in run/; only our user may enter
 * Return: `unix:PATH` to dial instead, the caller frees. The relay ends with us.
 */
char *zg_relay_start(const char *address, const char *state_dir, GError **error);
