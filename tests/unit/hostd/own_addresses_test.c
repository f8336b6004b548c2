/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The kernel's messages about addresses, whole, torn and wrong. */
#include "hostd/own_addresses.h"

#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

typedef struct {
    struct nlmsghdr head;
    struct ifaddrmsg body;
    struct rtattr attribute;
    uint32_t address;
} Message;

static Message
message(uint16_t type, const char *address)
{
    Message out = {.head = {.nlmsg_len = sizeof out, .nlmsg_type = type},
                   .body = {.ifa_family = AF_INET},
                   .attribute = {.rta_len = RTA_LENGTH(4), .rta_type = IFA_LOCAL}};

    assert_int_equal(inet_pton(AF_INET, address, &out.address), 1);
    return out;
}

static void
collect(uint32_t address, void *user)
{
    g_array_append_val((GArray *)user, address);
}

static GArray *
parse(const void *bytes, size_t n_bytes)
{
    GArray *found = g_array_new(FALSE, FALSE, sizeof(uint32_t));

    zg_own_addresses_parse(bytes, n_bytes, collect, found);
    return found;
}

static void
new_addresses_are_told_and_loopback_and_old_ones_are_not(void **state)
{
    const Message all[] = {message(RTM_NEWADDR, "192.0.2.1"), message(RTM_NEWADDR, "127.0.0.1"),
                           message(RTM_DELADDR, "192.0.2.9"), message(RTM_NEWADDR, "10.1.2.3")};
    g_autoptr(GArray) found = parse(all, sizeof all);

    (void)state;
    assert_int_equal(found->len, 2);
    assert_int_equal(g_array_index(found, uint32_t, 0), 0xc0000201);
    assert_int_equal(g_array_index(found, uint32_t, 1), 0x0a010203);
}

static void
torn_and_wrong_messages_end_the_reading(void **state)
{
    Message all[] = {message(RTM_NEWADDR, "192.0.2.1"), message(RTM_NEWADDR, "192.0.2.2")};

    (void)state;
    for (size_t n = 0; n < sizeof all[0]; n++) {
        g_autoptr(GArray) found = parse(all, n);

        assert_int_equal(found->len, 0);
    }
    all[0].attribute.rta_len = 3;
    all[1].head.nlmsg_len = 4000;
    {
        g_autoptr(GArray) found = parse(all, sizeof all);

        assert_int_equal(found->len, 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_addresses_are_told_and_loopback_and_old_ones_are_not),
        cmocka_unit_test(torn_and_wrong_messages_end_the_reading),
    };

    return cmocka_run_group_tests_name("own_addresses", tests, NULL, NULL);
}
