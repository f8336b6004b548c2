/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hostd/own_addresses.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "common/base/error.h"
#include "common/base/fd.h"

#define LOOPBACK_NET 127u

int
zg_own_addresses_open(GError **error)
{
    g_auto(ZgFd) fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    struct sockaddr_nl all = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_IPV4_IFADDR};

    if (fd < 0 || bind(fd, (struct sockaddr *)&all, sizeof all) != 0) {
        zg_set_errno(error, errno, "watch this machine's addresses");
        return -1;
    }
    return zg_fd_steal(&fd);
}

bool
zg_own_addresses_ask(int fd)
{
    struct {
        struct nlmsghdr head;
        struct ifaddrmsg body;
    } ask = {.head = {.nlmsg_len = sizeof ask,
                      .nlmsg_type = RTM_GETADDR,
                      .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
             .body = {.ifa_family = AF_INET}};

    return send(fd, &ask, sizeof ask, MSG_NOSIGNAL) == (ssize_t)sizeof ask;
}

static void
take_address(const char *attributes, size_t n_bytes, ZgOwnAddress found, void *user)
{
    struct rtattr head;

    while (n_bytes >= sizeof head) {
        size_t n_step;

        memcpy(&head, attributes, sizeof head);
        if (head.rta_len < sizeof head || head.rta_len > n_bytes) {
            return;
        }
        if (head.rta_type == IFA_LOCAL && head.rta_len == sizeof head + sizeof(uint32_t)) {
            uint32_t address;

            memcpy(&address, attributes + sizeof head, sizeof address);
            address = ntohl(address);
            if (address >> 24 != LOOPBACK_NET) {
                found(address, user);
            }
        }
        n_step = MIN((size_t)RTA_ALIGN(head.rta_len), n_bytes);
        attributes += n_step;
        n_bytes -= n_step;
    }
}

void
zg_own_addresses_parse(const void *bytes, size_t n_bytes, ZgOwnAddress found, void *user)
{
    const size_t n_heads = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct ifaddrmsg));
    const char *at = bytes;
    struct nlmsghdr head;

    while (n_bytes >= sizeof head) {
        size_t n_step;

        memcpy(&head, at, sizeof head);
        if (head.nlmsg_len < sizeof head || head.nlmsg_len > n_bytes) {
            return;
        }
        if (head.nlmsg_type == RTM_NEWADDR && head.nlmsg_len >= n_heads) {
            take_address(at + n_heads, head.nlmsg_len - n_heads, found, user);
        }
        n_step = MIN((size_t)NLMSG_ALIGN(head.nlmsg_len), n_bytes);
        at += n_step;
        n_bytes -= n_step;
    }
}

bool
zg_own_addresses_read(int fd, ZgOwnAddress found, void *user)
{
    char bytes[16384];

    for (;;) {
        ssize_t n_bytes = recv(fd, bytes, sizeof bytes, MSG_TRUNC);

        if (n_bytes < 0 && errno == EINTR) {
            continue;
        }
        if (n_bytes <= 0) {
            return n_bytes < 0 && errno == EAGAIN;
        }
        zg_own_addresses_parse(bytes, MIN((size_t)n_bytes, sizeof bytes), found, user);
    }
}
