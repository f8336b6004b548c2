/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/sandbox.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "common/base/error.h"

#define FILES_MAX 64 /* viewers, console, control and the loop's own */

/* Everything a running worker needs: its descriptors, memory, threads and the time. */
static const int allowed[] = {
    /* descriptors it has */
    SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg), SCMP_SYS(sendto), SCMP_SYS(sendmsg), SCMP_SYS(close), SCMP_SYS(shutdown),
    SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(fcntl), SCMP_SYS(fstat), SCMP_SYS(lseek),
    SCMP_SYS(eventfd2), SCMP_SYS(getsockopt), SCMP_SYS(setsockopt),
    /* memory */
    SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
    /* threads and signals */
    SCMP_SYS(futex), SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_getattr), SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack), SCMP_SYS(getpid),
    SCMP_SYS(gettid), SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(restart_syscall),
    SCMP_SYS(membarrier),
    /* time and chance */
    SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep), SCMP_SYS(gettimeofday),
    SCMP_SYS(nanosleep), SCMP_SYS(getrandom),
};

static int
add_rules(scmp_filter_ctx filter)
{
    int rc = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(allowed) && rc == 0; i++) {
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
    }
    /* Pairs of its own, one end of which a console is given. */
    rc = rc != 0 ? rc
                 : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socketpair), 1,
                                    SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
    /* No new executable memory. */
    rc = rc != 0 ? rc
                 : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                                    SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    rc = rc != 0 ? rc
                 : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                                    SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    /* Threads, not processes. The flags of clone3 cannot be seen: the C library then uses clone. */
    rc = rc != 0 ? rc
                 : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                                    SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
    rc = rc != 0 ? rc : seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    /* A thread's name. */
    rc = rc != 0 ? rc
                 : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
                                    SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME));
    /* abort() signals its own process only. */
    rc = rc != 0 ? rc
                 : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                                    SCMP_A2(SCMP_CMP_EQ, 6 /* SIGABRT */));
    return rc;
}

static bool
load_filter(GError **error)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    int rc;

    if (filter == NULL) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_FAILED, "the system-call filter cannot be made");
        return false;
    }
    rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    rc = rc != 0 ? rc : add_rules(filter);
    rc = rc != 0 ? rc : seccomp_load(filter);
    seccomp_release(filter);
    if (rc != 0) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_FAILED, "the system-call filter cannot be set: %s",
                    g_strerror(-rc));
    }
    return rc == 0;
}

bool
zg_sandbox_enter(GError **error)
{
    const struct rlimit files = {FILES_MAX, FILES_MAX}, no_core = {0, 0};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
        setrlimit(RLIMIT_NOFILE, &files) < 0 || setrlimit(RLIMIT_CORE, &no_core) < 0) {
        zg_set_errno(error, errno, "limit the worker");
        return false;
    }
    return load_filter(error);
}
