/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/base/fd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "common/base/error.h"

#define LISTEN_BACKLOG 128

void
zg_fd_clear(ZgFd *fd)
{
    int saved = errno;

    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
    errno = saved;
}

bool
zg_fd_set_nonblocking(int fd, GError **error)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
        zg_set_errno(error, errno, "set descriptor %d non-blocking", fd);
        return false;
    }
    return true;
}

static bool
fill_unix_address(struct sockaddr_un *address, const char *path, GError **error)
{
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    if (strlen(path) >= sizeof address->sun_path) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID,
                    "socket path '%s' is longer than %zu bytes; choose a shorter folder", path,
                    sizeof address->sun_path - 1);
        return false;
    }
    strcpy(address->sun_path, path);
    return true;
}

int
zg_unix_listen(const char *path, int type, mode_t mode, GError **error)
{
    struct sockaddr_un address;
    g_auto(ZgFd) fd = -1;

    if (!fill_unix_address(&address, path, error)) {
        return -1;
    }
    fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        zg_set_errno(error, errno, "create socket '%s'", path);
        return -1;
    }
    unlink(path);
    /* The bits are set on the socket before bind, so that no moment exists with wider ones. */
    if (fchmod(fd, mode) < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        chmod(path, mode) < 0 || listen(fd, LISTEN_BACKLOG) < 0) {
        zg_set_errno(error, errno, "listen on '%s'", path);
        return -1;
    }
    return zg_fd_steal(&fd);
}

int
zg_unix_connect(const char *path, int type, GError **error)
{
    struct sockaddr_un address;
    g_auto(ZgFd) fd = -1;

    if (!fill_unix_address(&address, path, error)) {
        return -1;
    }
    fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        zg_set_errno(error, errno == EAGAIN ? ECONNREFUSED : errno, "connect to '%s'", path);
        return -1;
    }
    return zg_fd_steal(&fd);
}

int
zg_tcp_listen(const char *address, uint16_t port, GError **error)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&storage;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&storage;
    socklen_t n_storage = sizeof *v4;
    g_auto(ZgFd) fd = -1;
    int on = 1;

    if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
    } else if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        n_storage = sizeof *v6;
    } else {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID,
                    "'%s' is not a numeric IPv4 or IPv6 address", address);
        return -1;
    }
    fd = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        bind(fd, (struct sockaddr *)&storage, n_storage) < 0 || listen(fd, LISTEN_BACKLOG) < 0) {
        zg_set_errno(error, errno, "listen on %s port %u", address, port);
        return -1;
    }
    return zg_fd_steal(&fd);
}

uint16_t
zg_tcp_port_of(int fd)
{
    struct sockaddr_storage storage = {0};
    socklen_t n_storage = sizeof storage;

    if (getsockname(fd, (struct sockaddr *)&storage, &n_storage) < 0) {
        return 0;
    }
    if (storage.ss_family == AF_INET) {
        return ntohs(((struct sockaddr_in *)&storage)->sin_port);
    }
    return storage.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&storage)->sin6_port) : 0;
}

bool
zg_packet_send(int fd, const void *bytes, size_t n_bytes, int pass_fd, GError **error)
{
    struct iovec iov = {.iov_base = (void *)bytes, .iov_len = n_bytes};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
    ssize_t sent;

    if (pass_fd >= 0) {
        message.msg_control = control.space;
        message.msg_controllen = sizeof control.space;
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&control.header), &pass_fd, sizeof pass_fd);
    }
    do {
        sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    if (sent == (ssize_t)n_bytes) {
        return true;
    }
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_UNAVAILABLE, "the peer's message queue is full");
    } else {
        zg_set_errno(error, errno, "send a message of %zu bytes", n_bytes);
    }
    return false;
}

static void
take_descriptors(struct msghdr *message, ZgFd *out_fd)
{
    for (struct cmsghdr *at = CMSG_FIRSTHDR(message); at != NULL; at = CMSG_NXTHDR(message, at)) {
        size_t n_fds;

        if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        n_fds = (at->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n_fds; i++) {
            ZgFd fd;

            memcpy(&fd, CMSG_DATA(at) + i * sizeof fd, sizeof fd);
            if (*out_fd < 0) {
                *out_fd = fd;
            } else {
                zg_fd_clear(&fd); /* more than we asked for */
            }
        }
    }
}

ssize_t
zg_packet_receive(int fd, void *buffer, size_t n_buffer, ZgFd *out_fd, GError **error)
{
    struct iovec iov = {.iov_base = buffer, .iov_len = n_buffer};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(4 * sizeof(int))];
    } control;
    struct msghdr message = {
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = control.space,
        .msg_controllen = sizeof control.space,
    };
    ssize_t n;

    *out_fd = -1;
    do {
        n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return -2;
        }
        if (errno == ECONNRESET) {
            return 0;
        }
        zg_set_errno(error, errno, "receive a message");
        return -1;
    }
    take_descriptors(&message, out_fd);
    if (message.msg_flags & MSG_TRUNC) {
        zg_fd_clear(out_fd);
        g_set_error(error, ZG_ERROR, ZG_ERROR_TOO_LARGE, "a message is longer than %zu bytes",
                    n_buffer);
        return -1;
    }
    return n;
}
