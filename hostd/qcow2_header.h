/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The head of a qcow2 file, read before any tool opens it: what points to other files or is
 * encrypted is refused here. Pure. Source: QEMU, docs/interop/qcow2.txt, "Header".
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define ZG_QCOW2_HEAD_BYTES 65536 /* of the file's start, as far as it goes */
#define ZG_QCOW2_VIRTUAL_MAX_MIB (2 * 1024 * 1024)

/**
 * zg_qcow2_check_head() - may this file become an image?
 * @bytes:           first min(file size, ZG_QCOW2_HEAD_BYTES) bytes
 * @out_virtual_mib: size of the disk a guest will see, rounded up
 * Return: false with ZG_ERROR_INVALID naming what is wrong.
 */
bool zg_qcow2_check_head(const uint8_t *bytes, size_t n_bytes, int64_t *out_virtual_mib,
                         GError **error);
