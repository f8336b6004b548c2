/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The helper's log: one line to the kernel's ring buffer, so that it is on the guest's serial
 * console and in dmesg without a log service. Where /dev/kmsg cannot be opened, to standard error.
 */
void zg_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
