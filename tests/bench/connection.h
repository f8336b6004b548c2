/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The meter's way to a server: TCP or unix socket, plain, in WebSocket frames, with or without
 * TLS. Blocking, with a deadline; a server that ends or errs ends the program with a reason. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ZgWire ZgWire;

/**
 * zg_wire_open() - "tcp:HOST:PORT", "unix:PATH", "ws:HOST:PORT/PATH" or "wss:HOST:PORT/PATH"
 * @ticket: first message of a console of the front (docs/protocol/console.md), or NULL
 */
ZgWire *zg_wire_open(const char *address, const char *ticket);

/** zg_wire_ready() - is there something to read within @timeout_ms? */
bool zg_wire_ready(ZgWire *wire, int timeout_ms);

/** zg_wire_read() - exactly @n bytes. */
void zg_wire_read(ZgWire *wire, void *bytes, size_t n);

uint8_t zg_wire_u8(ZgWire *wire);
uint16_t zg_wire_u16(ZgWire *wire);
uint32_t zg_wire_u32(ZgWire *wire);

/** zg_wire_write() - all of it, in one message. */
void zg_wire_write(ZgWire *wire, const void *bytes, size_t n);

/** zg_wire_received() - bytes so far, WebSocket heads included, TLS records not. */
uint64_t zg_wire_received(const ZgWire *wire);

/** zg_wire_die() - end the program: the run has failed. */
void zg_wire_die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
