/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What can be seen of an installation on this machine without asking its broker. */
#pragma once

#include <jansson.h>

/**
 * zg_look_at_programs() - which of broker, hostd and front do not run, with their last words
 * Return: array of problems as in GET /status; a new reference.
 */
json_t *zg_look_at_programs(const char *directory);

/** zg_look_at_files() - certificates that end soon, a disk that is nearly full; as above. */
json_t *zg_look_at_files(const char *directory);
