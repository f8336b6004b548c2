/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Is a sealed image still what was imported? Its SHA-256 is computed again only when the file's
 * number, size or times differ from those of the last look, noted beside it in `sealed`.
 */
#pragma once

#include <stdbool.h>
#include "hostd/image.h"

/** zg_image_seal() - note that the disk is now as @image says; best effort */
void zg_image_seal(const ZgImage *image);

/**
 * zg_image_check_seal() - before a desktop is made from it; blocks while it reads
 * @error: ZG_ERROR_FAILED when the content is another one; says which template, and what to do
 */
bool zg_image_check_seal(const ZgImage *image, GError **error);
