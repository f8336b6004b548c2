/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From inside the sandbox: nothing opens, connects, starts or traces; threads and pipes go on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "display/out_zaguan.h"
#include "display/sandbox.h"

/* Each returns 0 when all is as it should be; it runs in a child that is in the sandbox. */
typedef int (*InsideFunc)(void);

static int
run_inside(InsideFunc inside)
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        if (!zg_sandbox_enter(NULL)) {
            _exit(99);
        }
        _exit(inside());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static bool
is_refused(long result)
{
    return result == -1 && errno == EPERM;
}

static int
try_files(void)
{
    char buffer[8];

    return !(is_refused(open("/etc/passwd", O_RDONLY)) &&
             is_refused(openat(AT_FDCWD, "/tmp/x", O_CREAT | O_WRONLY, 0600)) &&
             is_refused(syscall(SYS_open, "/etc/passwd", O_RDONLY)) &&
             is_refused(access("/etc", F_OK)) && is_refused(unlink("/tmp/x")) &&
             is_refused(readlink("/proc/self/exe", buffer, sizeof buffer)) &&
             is_refused(syscall(SYS_memfd_create, "x", 0)));
}

static int
try_sockets(void)
{
    int pair[2];

    return !(is_refused(socket(AF_INET, SOCK_STREAM, 0)) &&
             is_refused(socket(AF_UNIX, SOCK_STREAM, 0)) &&
             is_refused(socketpair(AF_INET, SOCK_STREAM, 0, pair)) &&
             socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && /* connected to nobody else */
             is_refused(syscall(SYS_connect, 0, NULL, 0)) &&
             is_refused(syscall(SYS_bind, 0, NULL, 0)));
}

static int
try_programs(void)
{
    char name[] = "/bin/true";
    char *argv[] = {name, NULL};

    return !(is_refused(execve("/bin/true", argv, NULL)) && is_refused(syscall(SYS_fork)) &&
             is_refused(syscall(SYS_vfork)) &&
             is_refused(syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL)) &&
             is_refused(kill(getppid(), 0)));
}

static int
try_powers(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
                      -1, 0);

    return !(is_refused(ptrace(PTRACE_TRACEME, 0, NULL, NULL)) && page == MAP_FAILED &&
             is_refused(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)) &&
             is_refused(syscall(SYS_setrlimit, RLIMIT_CORE, NULL)) &&
             is_refused(syscall(SYS_mount, NULL, NULL, NULL, 0, NULL)) &&
             is_refused(syscall(SYS_bpf, 0, NULL, 0)) &&
             is_refused(syscall(SYS_io_uring_setup, 1, NULL)) &&
             is_refused(setuid(0)));
}

static gpointer
answer(gpointer data)
{
    return GINT_TO_POINTER(open("/etc/passwd", O_RDONLY) == -1 && errno == EPERM ? 42 : 0);
}

static int
try_threads(void)
{
    GThread *thread = g_thread_new("later", answer, NULL);

    return GPOINTER_TO_INT(g_thread_join(thread)) != 42;
}

/* More than the window holds, so that all of the stream's memory is asked for. */
static int
try_zstd(void)
{
    g_autofree uint8_t *noise = g_malloc(ZG_ZAGUAN_UPDATE_MAX);
    g_autoptr(GByteArray) out = g_byte_array_new();
    ZgOutZaguan *zaguan = zg_out_zaguan_new();
    bool packed = true;
    ZgBlob *blob;

    for (size_t i = 0; i < ZG_ZAGUAN_UPDATE_MAX; i++) {
        noise[i] = (uint8_t)(i * i >> 7);
    }
    blob = zg_blob_new(noise, ZG_ZAGUAN_UPDATE_MAX, 0, (ZgRect){0});
    blob->n_parts = blob->n_bytes;
    for (int i = 0; i < 4; i++) {
        g_byte_array_set_size(out, 0);
        packed &= zg_out_zaguan_put(zaguan, &blob, 1, 64, 64, SIZE_MAX, out, NULL) == 1 &&
                  out->data[ZG_RFB_RECT_HEAD_BYTES] == (i == 0 ? ZG_ZAGUAN_NEW_STREAM : 0);
    }
    zg_blob_unref(blob);
    zg_out_zaguan_free(zaguan);
    return !packed;
}

static void
files_cannot_be_opened(void **state)
{
    assert_int_equal(run_inside(try_files), 0);
}

static void
sockets_cannot_be_made(void **state)
{
    assert_int_equal(run_inside(try_sockets), 0);
}

static void
programs_and_processes_cannot_be_started(void **state)
{
    assert_int_equal(run_inside(try_programs), 0);
}

static void
powers_cannot_be_regained(void **state)
{
    assert_int_equal(run_inside(try_powers), 0);
}

static void
threads_can_be_started_and_are_in_it_too(void **state)
{
    assert_int_equal(run_inside(try_threads), 0);
}

static void
a_viewers_zstd_stream_can_be_made(void **state)
{
    assert_int_equal(run_inside(try_zstd), 0);
}

static int thread_pipe[2];

static gpointer
early_thread(gpointer data)
{
    char byte;
    bool refused;

    (void)!read(thread_pipe[0], &byte, 1); /* until the main thread is in the sandbox */
    refused = open("/etc/passwd", O_RDONLY) == -1 && errno == EPERM;
    return GINT_TO_POINTER(refused ? 42 : 0);
}

static void
threads_that_run_already_are_in_it_too(void **state)
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        (void)!pipe(thread_pipe);
        GThread *thread = g_thread_new("early", early_thread, NULL);
        if (!zg_sandbox_enter(NULL)) {
            _exit(99);
        }
        (void)!write(thread_pipe[1], "x", 1);
        _exit(GPOINTER_TO_INT(g_thread_join(thread)) == 42 ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_cannot_be_opened),
        cmocka_unit_test(sockets_cannot_be_made),
        cmocka_unit_test(programs_and_processes_cannot_be_started),
        cmocka_unit_test(powers_cannot_be_regained),
        cmocka_unit_test(threads_can_be_started_and_are_in_it_too),
        cmocka_unit_test(a_viewers_zstd_stream_can_be_made),
        cmocka_unit_test(threads_that_run_already_are_in_it_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
