/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The host's own IPv4 addresses, watched over a netlink socket. The socket belongs to the network
 * namespace it was opened in, so a process that has moved into the guests' room still sees the
 * host's addresses come.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** @address: host byte order */
typedef void (*ZgOwnAddress)(uint32_t address, void *user);

/** zg_own_addresses_open() - Return: a descriptor readable when addresses come, or -1 */
int zg_own_addresses_open(GError **error);

/** zg_own_addresses_ask() - have the kernel tell all of them again */
bool zg_own_addresses_ask(int fd);

/**
 * zg_own_addresses_read() - tell @found every address that the kernel has told so far
 * Never blocks. Loopback addresses are left out. Return: false when messages were lost; ask again.
 */
bool zg_own_addresses_read(int fd, ZgOwnAddress found, void *user);

/** zg_own_addresses_parse() - the same for bytes at hand. Pure. */
void zg_own_addresses_parse(const void *bytes, size_t n_bytes, ZgOwnAddress found, void *user);
