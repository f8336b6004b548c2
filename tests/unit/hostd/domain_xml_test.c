/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hostd/domain_xml: whole documents against tests/golden/domain_xml; ZAGUAN_GOLDEN=write renews. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include "hostd/domain_xml.h"

#define ID "0123456789abcdef0123456789abcdef"

static const ZgDomainSpec plain = {
    .id = ID,
    .title = "Office desktop",
    .generation = 1,
    .memory_mib = 1024,
    .vcpus = 2,
    .emulator = "/usr/bin/qemu-system-x86_64",
    .disk_path = "/state/desktops/" ID "/1/disk.qcow2",
    .session_socket = "/state/run/" ID "/session",
    .net = ZG_DOMAIN_NET_ISOLATED,
};

static void
expect_golden(const ZgDomainSpec *spec, const char *name)
{
    g_autofree char *path = g_build_filename(GOLDEN_DIR, name, NULL);
    g_autofree char *xml = zg_domain_xml(spec);
    g_autofree char *golden = NULL;

    if (g_strcmp0(getenv("ZAGUAN_GOLDEN"), "write") == 0) {
        assert_true(g_file_set_contents(path, xml, -1, NULL));
    }
    assert_true(g_file_get_contents(path, &golden, NULL, NULL));
    assert_string_equal(xml, golden);
}

static void
a_desktop_boots_from_its_disk_without_a_network(void **state)
{
    expect_golden(&plain, "bios-isolated.xml");
}

static void
a_kernel_beside_the_image_is_booted_directly(void **state)
{
    ZgDomainSpec spec = plain;

    spec.kernel = "/state/images/debian/1/kernel";
    spec.initrd = "/state/images/debian/1/initrd";
    spec.cmdline = "root=/dev/vda rw quiet";
    spec.net = ZG_DOMAIN_NET_NAT;
    expect_golden(&spec, "kernel-nat.xml");
}

static void
kvm_passes_the_host_processor(void **state)
{
    ZgDomainSpec spec = plain;

    spec.kvm = true;
    expect_golden(&spec, "kvm.xml");
}

static void
a_dbus_display_comes_second(void **state)
{
    ZgDomainSpec spec = plain;

    spec.dbus_display = true;
    expect_golden(&spec, "dbus-display.xml");
}

static void
hostile_texts_stay_texts(void **state)
{
    ZgDomainSpec spec = plain;

    spec.title = "</title><os>&'\"";
    spec.disk_path = "/state/a'/><disk file='/etc/shadow";
    expect_golden(&spec, "escaped.xml");
}

static void
no_console_listens_and_nothing_depends_on_chance(void **state)
{
    g_autofree char *once = zg_domain_xml(&plain);
    g_autofree char *again = zg_domain_xml(&plain);

    assert_string_equal(once, again);
    assert_non_null(strstr(once, "<listen type='none'/>"));
    assert_null(strstr(once, "port='59"));
}

static void
a_card_address_is_local_and_its_own(void **state)
{
    char one[ZG_DOMAIN_MAC_CHARS + 1];
    char two[ZG_DOMAIN_MAC_CHARS + 1];
    unsigned first;

    zg_domain_mac(ID, one);
    zg_domain_mac("fedcba9876543210fedcba9876543210", two);
    first = (unsigned)strtoul(one, NULL, 16);
    assert_int_equal(first & 3u, 2);
    assert_string_not_equal(one, two);
}

static void
every_generation_has_a_machine_id_of_its_own(void **state)
{
    g_autofree char *one = zg_domain_machine_id(ID, 1);
    g_autofree char *two = zg_domain_machine_id(ID, 2);

    assert_int_equal(strlen(one), 32);
    assert_string_not_equal(one, two);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_desktop_boots_from_its_disk_without_a_network),
        cmocka_unit_test(a_kernel_beside_the_image_is_booted_directly),
        cmocka_unit_test(kvm_passes_the_host_processor),
        cmocka_unit_test(a_dbus_display_comes_second),
        cmocka_unit_test(hostile_texts_stay_texts),
        cmocka_unit_test(no_console_listens_and_nothing_depends_on_chance),
        cmocka_unit_test(a_card_address_is_local_and_its_own),
        cmocka_unit_test(every_generation_has_a_machine_id_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
