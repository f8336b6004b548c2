/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A desktop's libvirt domain as XML text. Pure; the device list is a contract with saved states. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Device list and PCI addresses; a saved state or an instant clone only fits the same version. */
#define ZG_DOMAIN_PROFILE_VERSION 1

#define ZG_DOMAIN_MAC_CHARS 17
#define ZG_DOMAIN_UUID_CHARS 36

typedef enum {
    ZG_DOMAIN_NET_ISOLATED, /* a network card whose link is down: nothing can be reached */
    ZG_DOMAIN_NET_NAT,      /* QEMU's user-mode network inside the network namespace of hostd */
} ZgDomainNet;

/* Everything borrowed. */
typedef struct {
    const char *id;          /* desktop id, 32 hex digits; also the domain's UUID and name */
    const char *title;       /* shown by libvirt tools */
    int64_t generation;      /* from 1 */
    int64_t memory_mib;      /* 64.. */
    int64_t vcpus;           /* 1.. */
    bool kvm;                /* proven by kvm_probe, else the emulator's own code generator */
    const char *emulator;    /* path of qemu-system-x86_64 */
    const char *disk_path;   /* qcow2 overlay */
    const char *kernel;      /* direct boot where the image has it, or NULL: BIOS, then the disk */
    const char *initrd;      /* with kernel; may be NULL */
    const char *cmdline;     /* with kernel */
    const char *session_socket; /* unix socket of the port org.zaguan.session.0 */
    ZgDomainNet net;
    bool dbus_display;       /* as a second console, whose pictures come sooner */
} ZgDomainSpec;

/** zg_domain_uuid() - the id with hyphens. @out: ZG_DOMAIN_UUID_CHARS + NUL */
void zg_domain_uuid(const char *id, char out[ZG_DOMAIN_UUID_CHARS + 1]);

/** zg_domain_mac() - address of the desktop's network card: locally administered, from the id */
void zg_domain_mac(const char *id, char out[ZG_DOMAIN_MAC_CHARS + 1]);

/**
 * zg_domain_machine_id() - /etc/machine-id of one generation: new at every refresh
 * Return: 32 lower-case hex digits the caller frees.
 */
char *zg_domain_machine_id(const char *id, int64_t generation);

/**
 * zg_domain_clipboard_xml() - the clipboard's channel alone
 * QEMU 7.2 cannot save a guest while it is plugged in, so it is taken out and put back.
 */
const char *zg_domain_clipboard_xml(void);

/**
 * zg_domain_xml() - the whole document
 * Every text is escaped; the same spec always gives the same bytes.
 * Return: text the caller frees.
 */
char *zg_domain_xml(const ZgDomainSpec *spec);
