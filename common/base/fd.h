/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Descriptors: owned by g_auto(ZgFd), close-on-exec; unix sockets; passing descriptors. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef int ZgFd; /* -1 when nothing is held */

/** zg_fd_clear() - close what @fd holds, keeping errno, and set it to -1. */
void zg_fd_clear(ZgFd *fd);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ZgFd, zg_fd_clear)

/** zg_fd_steal() - hand the descriptor to the caller and leave -1 behind. */
static inline int
zg_fd_steal(ZgFd *fd)
{
    int held = *fd;

    *fd = -1;
    return held;
}

/** zg_fd_set_nonblocking() - also sets close-on-exec; false with ZG_ERROR_FAILED. */
bool zg_fd_set_nonblocking(int fd, GError **error);

/**
 * zg_unix_listen() - listening unix socket, non-blocking, created with @mode
 * @path: at most 107 bytes; a stale socket file there is replaced
 * @type: SOCK_STREAM or SOCK_SEQPACKET
 * @mode: permission bits of the socket file, e.g. 0600
 * Return: descriptor the caller owns, or -1 with @error.
 */
int zg_unix_listen(const char *path, int type, mode_t mode, GError **error);

/** zg_unix_connect() - connected non-blocking unix socket, or -1 with @error. */
int zg_unix_connect(const char *path, int type, GError **error);

/**
 * zg_tcp_listen() - listening TCP socket, non-blocking
 * @address: numeric IPv4 or IPv6 address
 * @port:    0..65535; 0 lets the kernel choose
 * Return: descriptor the caller owns, or -1 with @error naming address and port.
 */
int zg_tcp_listen(const char *address, uint16_t port, GError **error);

/** zg_tcp_port_of() - port a TCP socket is bound to, or 0. */
uint16_t zg_tcp_port_of(int fd);

/**
 * zg_packet_send() - one message with at most one descriptor; on a stream, bytes that leave now
 * @pass_fd: descriptor to pass (borrowed), or -1
 * Return: true when sent whole; false with ZG_ERROR_UNAVAILABLE when the peer's queue is full,
 * ZG_ERROR_FAILED otherwise.
 */
bool zg_packet_send(int fd, const void *bytes, size_t n_bytes, int pass_fd, GError **error);

/**
 * zg_packet_receive() - one message; on a stream, the bytes that are there, up to @n_buffer
 * @buffer:   at least @n_buffer bytes; a longer message is refused with ZG_ERROR_TOO_LARGE
 * @out_fd:   descriptor received (owned by the caller) or -1
 * Return: length; 0 at end of stream; -1 with @error; -2 when nothing is there now.
 */
ssize_t zg_packet_receive(int fd, void *buffer, size_t n_buffer, ZgFd *out_fd, GError **error);
