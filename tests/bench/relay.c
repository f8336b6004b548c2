/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The least that something between server and viewer can cost, for `ways`: what one side sends is
 * read and written to the other, one viewer at a time. Usage: bench-relay PORT SERVER_PORT
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/stage.h"

static struct sockaddr_in
local(const char *port)
{
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void
relay(int viewer, int server)
{
    static char bytes[64 * 1024];
    struct pollfd ends[2] = {{viewer, POLLIN, 0}, {server, POLLIN, 0}};

    while (poll(ends, 2, -1) > 0) {
        for (int i = 0; i < 2; i++) {
            ssize_t n;

            if (ends[i].revents == 0) {
                continue;
            }
            n = recv(ends[i].fd, bytes, sizeof bytes, 0);
            if (n <= 0 || send(ends[1 - i].fd, bytes, (size_t)n, MSG_NOSIGNAL) != n) {
                return;
            }
        }
    }
}

int
main(int argc, char **argv)
{
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr_in here, there;

    if (argc != 3) {
        bench_fail("bench-relay: PORT SERVER_PORT");
    }
    here = local(argv[1]);
    there = local(argv[2]);
    if (bind(listener, (struct sockaddr *)&here, sizeof here) < 0 || listen(listener, 1) < 0) {
        bench_fail("bench-relay: cannot listen on port %s", argv[1]);
    }
    for (;;) {
        int viewer = accept(listener, NULL, NULL);
        int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (connect(server, (struct sockaddr *)&there, sizeof there) < 0) {
            bench_fail("bench-relay: nobody listens on port %s", argv[2]);
        }
        setsockopt(viewer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        relay(viewer, server);
        close(viewer);
        close(server);
    }
}
