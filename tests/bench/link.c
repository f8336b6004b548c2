/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A slow and lossy line with real TCP, where the kernel's own emulation is missing:
 * link KBIT ONE_WAY_MS LOSS_PERCENT QUEUE_MS COMMAND…
 * COMMAND runs in a network namespace of its own, joined to this one by two TUN devices; "@SERVER@"
 * in its words becomes the address of this side. The rate holds towards COMMAND, delay and loss
 * both ways, and what would wait longer than the queue is dropped. Needs root.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "common/base/clock.h"
#include "common/base/fd.h"

#define PACKET_BYTES 2048
#define OUTER "10.97.0.1"
#define INNER "10.97.0.2"

typedef struct Packet Packet;
struct Packet {
    Packet *next;
    int64_t due_ns;
    size_t n;
    uint8_t bytes[PACKET_BYTES];
};

/* One direction. */
typedef struct {
    int from, to;
    double bits_per_ns, loss; /* 0: no limit */
    int64_t delay_ns, queue_ns, free_ns;
    unsigned seed;
    Packet *head, **tail;
    pthread_mutex_t lock; /* the list */
    pthread_cond_t came;
} Way;

static void
fail(const char *what)
{
    perror(what);
    exit(1);
}

static void
set_address(int link, struct ifreq *request, const char *text, unsigned long what)
{
    struct sockaddr_in address = {.sin_family = AF_INET};

    inet_pton(AF_INET, text, &address.sin_addr);
    memcpy(&request->ifr_addr, &address, sizeof address);
    if (ioctl(link, what, request) < 0) {
        fail("set an address");
    }
}

static int
open_tun(const char *name, const char *own, const char *peer)
{
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};

    g_strlcpy(request.ifr_name, name, IFNAMSIZ);
    if (ioctl(fd, TUNSETIFF, &request) < 0) {
        fail("/dev/net/tun");
    }
    set_address(control, &request, own, SIOCSIFADDR);
    set_address(control, &request, peer, SIOCSIFDSTADDR);
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    ioctl(control, SIOCSIFFLAGS, &request);
    close(control);
    return fd;
}

static void
enqueue(Way *way, Packet *packet)
{
    int64_t now_ns = zg_clock_mono_us() * 1000;

    way->free_ns = MAX(way->free_ns, now_ns);
    if (way->free_ns - now_ns > way->queue_ns || rand_r(&way->seed) < way->loss * RAND_MAX) {
        g_free(packet);
        return;
    }
    if (way->bits_per_ns > 0) {
        way->free_ns += (int64_t)((double)packet->n * 8 / way->bits_per_ns);
    }
    packet->due_ns = way->free_ns + way->delay_ns;
    *way->tail = packet;
    way->tail = &packet->next;
    pthread_cond_signal(&way->came);
}

static void *
take_in(void *user)
{
    Way *way = user;

    for (;;) {
        Packet *packet = g_new0(Packet, 1);
        ssize_t n = read(way->from, packet->bytes, sizeof packet->bytes);

        packet->n = n > 0 ? (size_t)n : 0;
        if (n <= 0 || packet->bytes[0] >> 4 != 4) { /* IPv4 only */
            g_free(packet);
            continue;
        }
        pthread_mutex_lock(&way->lock);
        enqueue(way, packet);
        pthread_mutex_unlock(&way->lock);
    }
    return NULL;
}

static void
wait_until(int64_t when_ns)
{
    struct timespec when = {when_ns / 1000000000, when_ns % 1000000000};

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL) == EINTR) {
    }
}

static void *
give_out(void *user)
{
    Way *way = user;

    for (;;) {
        Packet *packet;

        pthread_mutex_lock(&way->lock);
        while (way->head == NULL) {
            pthread_cond_wait(&way->came, &way->lock);
        }
        packet = way->head;
        pthread_mutex_unlock(&way->lock);
        wait_until(packet->due_ns);
        if (write(way->to, packet->bytes, packet->n) < 0) {
            perror("link");
        }
        pthread_mutex_lock(&way->lock);
        way->head = packet->next;
        way->tail = way->head == NULL ? &way->head : way->tail;
        pthread_mutex_unlock(&way->lock);
        g_free(packet);
    }
    return NULL;
}

static void
start(Way *way, int from, int to, double kbit, double delay_ms, double loss, double queue_ms)
{
    pthread_t thread;

    *way = (Way){.from = from, .to = to, .bits_per_ns = kbit / 1e6, .loss = loss / 100,
                 .delay_ns = (int64_t)(delay_ms * 1e6), .queue_ns = (int64_t)(queue_ms * 1e6),
                 .seed = 7, .tail = &way->head};
    pthread_mutex_init(&way->lock, NULL);
    pthread_cond_init(&way->came, NULL);
    pthread_create(&thread, NULL, take_in, way);
    pthread_create(&thread, NULL, give_out, way);
}

/* In the child: a network of its own, whose end of the line goes to the parent. */
static void
run_inside(int to_parent, char **command)
{
    int tun;
    GError *error = NULL;

    if (unshare(CLONE_NEWNET) < 0) {
        fail("a network namespace");
    }
    tun = open_tun("zglink", INNER, OUTER);
    if (!zg_packet_send(to_parent, "t", 1, tun, &error)) {
        fail("hand over the line");
    }
    for (int i = 0; command[i] != NULL; i++) {
        g_auto(GStrv) parts = g_strsplit(command[i], "@SERVER@", 0);
        command[i] = g_strjoinv(OUTER, parts);
    }
    execvp(command[0], command);
    fail(command[0]);
}

int
main(int argc, char **argv)
{
    static Way down, up;
    int ends[2], outer, status;
    g_auto(ZgFd) inner = -1;
    char byte;
    pid_t child;
    GError *error = NULL;

    if (argc < 6 || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) < 0) {
        fprintf(stderr, "usage: link KBIT ONE_WAY_MS LOSS_PERCENT QUEUE_MS COMMAND…\n");
        return 2;
    }
    outer = open_tun("zgline", OUTER, INNER);
    child = fork();
    if (child == 0) {
        run_inside(ends[1], argv + 5);
    }
    if (poll(&(struct pollfd){ends[0], POLLIN, 0}, 1, -1) < 1 ||
        zg_packet_receive(ends[0], &byte, 1, &inner, &error) <= 0) {
        return 1;
    }
    start(&down, outer, inner, atof(argv[1]), atof(argv[2]), atof(argv[3]), atof(argv[4]));
    start(&up, inner, outer, 0, atof(argv[2]), atof(argv[3]), atof(argv[4]));
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
