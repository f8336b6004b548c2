/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "hostd/guest/session/session_lines.h"

/*
 * What makes a clone itself: host name, machine id, SSH host keys, and a seed for the kernel's
 * random numbers.
 *
 * Blocks, up to some seconds (keys are made): the helper calls it in a child.
 *
 * Return: 0, or the first step that failed, as a sentence-ready constant in @what with errno set.
 */
int zg_identity_apply(const ZgGuestIdentity *identity, const char **what);
