/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hostd/domain_xml.h"

#include <string.h>
#include "common/base/secret.h"

#define N_ROOT_PORTS 12 /* 7 taken below, the rest for hot plug: disks, a card, an agent's port */

/* Root ports of the q35 machine by what sits behind them. A number never changes its meaning. */
enum {
    BUS_DISK = 1,
    BUS_NET = 2,
    BUS_SERIAL = 3,
    BUS_RNG = 4,
    BUS_TABLET = 5,
    BUS_KEYBOARD = 6,
    BUS_BALLOON = 7,
};

void
zg_domain_uuid(const char *id, char out[ZG_DOMAIN_UUID_CHARS + 1])
{
    g_snprintf(out, ZG_DOMAIN_UUID_CHARS + 1, "%.8s-%.4s-%.4s-%.4s-%.12s", id, id + 8, id + 12,
               id + 16, id + 20);
}

void
zg_domain_mac(const char *id, char out[ZG_DOMAIN_MAC_CHARS + 1])
{
    uint8_t digest[ZG_SHA256_BYTES];

    zg_sha256(id, strlen(id), digest);
    /* 0x02 set: locally administered; 0x01 clear: one card, not a group. */
    g_snprintf(out, ZG_DOMAIN_MAC_CHARS + 1, "%02x:%02x:%02x:%02x:%02x:%02x",
               (digest[0] & 0xfcu) | 0x02u, digest[1], digest[2], digest[3], digest[4], digest[5]);
}

/* 32 hex digits that depend on the purpose, the desktop and its generation. */
static char *
derive(const char *purpose, const char *id, int64_t generation)
{
    g_autofree char *text =
        g_strdup_printf("zaguan %s %s %" G_GINT64_FORMAT, purpose, id, generation);
    char *hex = zg_sha256_hex(text, strlen(text));

    hex[32] = '\0';
    return hex;
}

char *
zg_domain_machine_id(const char *id, int64_t generation)
{
    return derive("machine-id", id, generation);
}

/* Appends; every %s of @format is escaped for text and for attributes in single quotes. */
static void G_GNUC_PRINTF(2, 3)
put(GString *xml, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_markup_vprintf_escaped(format, args);
    va_end(args);
    g_string_append(xml, text);
}

static void
put_boot(GString *xml, const ZgDomainSpec *spec)
{
    put(xml, "  <os>\n    <type arch='x86_64' machine='pc-q35-7.2'>hvm</type>\n");
    if (spec->kernel != NULL) {
        put(xml, "    <kernel>%s</kernel>\n", spec->kernel);
        if (spec->initrd != NULL) {
            put(xml, "    <initrd>%s</initrd>\n", spec->initrd);
        }
        put(xml, "    <cmdline>%s</cmdline>\n", spec->cmdline != NULL ? spec->cmdline : "");
    } else {
        put(xml, "    <boot dev='hd'/>\n");
    }
    put(xml, "  </os>\n");
}

static void
put_cpu(GString *xml, const ZgDomainSpec *spec)
{
    put(xml, "  <features>\n    <acpi/>\n    <apic/>\n    <vmport state='off'/>\n");
    if (!spec->kvm) {
        /* The default reserves 1 GiB of translated code and costs 50 MiB at once. */
        put(xml, "    <tcg>\n      <tb-cache unit='MiB'>64</tb-cache>\n    </tcg>\n");
    }
    put(xml, "  </features>\n");
    if (spec->kvm) {
        put(xml, "  <cpu mode='host-model' check='partial'/>\n");
    } else {
        put(xml, "  <cpu mode='custom' match='exact' check='none'>\n"
                 "    <model fallback='forbid'>qemu64</model>\n  </cpu>\n");
    }
    put(xml, "  <clock offset='utc'>\n"
             "    <timer name='rtc' tickpolicy='catchup'/>\n"
             "    <timer name='pit' tickpolicy='delay'/>\n"
             "    <timer name='hpet' present='no'/>\n  </clock>\n");
}

static void
put_root_ports(GString *xml)
{
    put(xml, "    <controller type='pci' index='0' model='pcie-root'/>\n");
    for (unsigned i = 0; i < N_ROOT_PORTS; i++) {
        put(xml,
            "    <controller type='pci' index='%u' model='pcie-root-port'>\n"
            "      <target chassis='%u' port='0x%x'/>\n"
            "      <address type='pci' domain='0x0000' bus='0x00' slot='0x%02x' function='0x%u' "
            "multifunction='%s'/>\n"
            "    </controller>\n",
            i + 1, i + 1, 0x10 + i, 2 + i / 8, i % 8, i % 8 == 0 ? "on" : "off");
    }
    /* q35 brings one; nothing is attached to it. */
    put(xml, "    <controller type='sata' index='0'/>\n"
             "    <controller type='usb' model='none'/>\n");
}

static void
put_address(GString *xml, unsigned bus)
{
    put(xml,
        "      <address type='pci' domain='0x0000' bus='0x%02x' slot='0x00' function='0x0'/>\n",
        bus);
}

static void
put_disk(GString *xml, const ZgDomainSpec *spec)
{
    put(xml,
        "    <disk type='file' device='disk'>\n"
        "      <driver name='qemu' type='qcow2' cache='writeback' discard='unmap'/>\n"
        "      <source file='%s'/>\n      <target dev='vda' bus='virtio'/>\n",
        spec->disk_path);
    put_address(xml, BUS_DISK);
    put(xml, "    </disk>\n");
}

static void
put_net(GString *xml, const ZgDomainSpec *spec)
{
    char mac[ZG_DOMAIN_MAC_CHARS + 1];

    zg_domain_mac(spec->id, mac);
    put(xml, "    <interface type='user'>\n      <mac address='%s'/>\n", mac);
    put(xml, "      <model type='virtio'/>\n      <link state='%s'/>\n",
        spec->net == ZG_DOMAIN_NET_NAT ? "up" : "down");
    /* No boot from the network, and no option ROM for it. */
    put(xml, "      <rom enabled='no'/>\n");
    put_address(xml, BUS_NET);
    put(xml, "    </interface>\n");
}

const char *
zg_domain_clipboard_xml(void)
{
    return "    <channel type='qemu-vdagent'>\n"
           "      <source>\n        <clipboard copypaste='yes'/>\n      </source>\n"
           "      <target type='virtio' name='com.redhat.spice.0'/>\n"
           "      <address type='virtio-serial' controller='0' bus='0' port='3'/>\n"
           "    </channel>\n";
}

static void
put_channels(GString *xml, const ZgDomainSpec *spec)
{
    put(xml, "    <controller type='virtio-serial' index='0' ports='8'>\n");
    put_address(xml, BUS_SERIAL);
    put(xml,
        "    </controller>\n"
        "    <channel type='unix'>\n      <source mode='bind' path='%s'/>\n"
        "      <target type='virtio' name='org.zaguan.session.0'/>\n"
        "      <address type='virtio-serial' controller='0' bus='0' port='1'/>\n    </channel>\n",
        spec->session_socket);
    put(xml, "    <channel type='unix'>\n"
             "      <target type='virtio' name='org.qemu.guest_agent.0'/>\n"
             "      <address type='virtio-serial' controller='0' bus='0' port='2'/>\n"
             "    </channel>\n");
    g_string_append(xml, zg_domain_clipboard_xml());
}

static void
put_people_devices(GString *xml, const ZgDomainSpec *spec)
{
    put(xml, "    <input type='tablet' bus='virtio'>\n");
    put_address(xml, BUS_TABLET);
    put(xml, "    </input>\n    <input type='keyboard' bus='virtio'>\n");
    put_address(xml, BUS_KEYBOARD);
    /* A VGA face on the virtio card, so that firmware and boot loader are seen too. */
    put(xml, "    </input>\n"
             "    <graphics type='vnc'>\n      <listen type='none'/>\n    </graphics>\n");
    if (spec->dbus_display) { /* the second: hyp_libvirt opens consoles by their number */
        put(xml, "    <graphics type='dbus' p2p='yes'/>\n");
    }
    put(xml, "    <audio id='1' type='none'/>\n"
             "    <video>\n      <model type='virtio' heads='1' primary='yes'/>\n"
             "      <address type='pci' domain='0x0000' bus='0x00' slot='0x01' function='0x0'/>\n"
             "    </video>\n");
}

char *
zg_domain_xml(const ZgDomainSpec *spec)
{
    GString *xml = g_string_sized_new(8192);
    g_autofree char *genid = derive("genid", spec->id, spec->generation);
    char uuid[ZG_DOMAIN_UUID_CHARS + 1];
    char genid_uuid[ZG_DOMAIN_UUID_CHARS + 1];

    zg_domain_uuid(spec->id, uuid);
    zg_domain_uuid(genid, genid_uuid);
    put(xml, "<domain type='%s'>\n", spec->kvm ? "kvm" : "qemu");
    put(xml, "  <name>zg-%s</name>\n  <uuid>%s</uuid>\n  <genid>%s</genid>\n", spec->id, uuid,
        genid_uuid);
    put(xml, "  <title>%s</title>\n", spec->title);
    put(xml,
        "  <metadata>\n    <zaguan:desktop xmlns:zaguan='urn:zaguan:domain:1' "
        "profile='%d' generation='%" G_GINT64_FORMAT "'/>\n  </metadata>\n",
        ZG_DOMAIN_PROFILE_VERSION, spec->generation);
    put(xml, "  <memory unit='MiB'>%" G_GINT64_FORMAT "</memory>\n", spec->memory_mib);
    put(xml, "  <vcpu placement='static'>%" G_GINT64_FORMAT "</vcpu>\n", spec->vcpus);
    put_boot(xml, spec);
    put_cpu(xml, spec);
    put(xml, "  <on_poweroff>destroy</on_poweroff>\n  <on_reboot>restart</on_reboot>\n"
             "  <on_crash>destroy</on_crash>\n  <pm>\n    <suspend-to-mem enabled='no'/>\n"
             "    <suspend-to-disk enabled='no'/>\n  </pm>\n  <devices>\n");
    put(xml, "    <emulator>%s</emulator>\n", spec->emulator);
    put_root_ports(xml);
    put_disk(xml, spec);
    put_net(xml, spec);
    put_channels(xml, spec);
    put_people_devices(xml, spec);
    put(xml, "    <memballoon model='virtio' freePageReporting='on'>\n");
    put_address(xml, BUS_BALLOON);
    put(xml, "    </memballoon>\n    <rng model='virtio'>\n"
             "      <backend model='random'>/dev/urandom</backend>\n");
    put_address(xml, BUS_RNG);
    put(xml, "    </rng>\n  </devices>\n</domain>\n");
    return g_string_free(xml, FALSE);
}
