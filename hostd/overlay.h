/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A desktop's own disk: a qcow2 overlay on a sealed template version. Blocks: pool threads. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/** zg_overlay_path() - DESKTOPS/ID/GENERATION/disk.qcow2; the caller frees. */
char *zg_overlay_path(const char *desktops_dir, const char *id, int64_t generation);

/**
 * zg_overlay_create() - an empty overlay, given to QEMU's user
 * @image_disk: the template's disk; named relatively inside, so the state folder may move
 * @size_mib:   what the guest sees; at least the template's own size
 */
bool zg_overlay_create(const char *path, const char *image_disk, int64_t size_mib,
                       const char *qemu_user, GError **error);

/** zg_overlay_used_mib() - blocks on disk, rounded up; 0 when absent. Does not block for long. */
int64_t zg_overlay_used_mib(const char *path);
