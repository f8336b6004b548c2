/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Does KVM run guests here? Proven by a guest of a few bytes that leaves through the debug exit
 * device, as the very user QEMU will run as: on some kernels /dev/kvm opens and guests hang.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct {
    bool proven;
    char *reason; /* a sentence for an operator; the caller frees */
} ZgKvmProof;

/**
 * zg_kvm_probe() - blocks at most 2 s (plus starting); before threads
 * @emulator:  path of qemu-system-x86_64
 * @state_dir: the answer is kept there, good for this boot, this emulator and this user
 * @qemu_user: name or `+UID`; used when we are root
 */
ZgKvmProof zg_kvm_probe(const char *emulator, const char *state_dir, const char *qemu_user);
