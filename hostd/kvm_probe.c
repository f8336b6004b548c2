/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hostd/kvm_probe.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/base/fd.h"
#include "hostd/run.h"
#include "hostd/user.h"

#define LIMIT_MS 2000
#define EXIT_STATUS 85 /* (0x2a << 1) | 1 */

/* mov dx,0x501; mov al,0x2a; out dx,al; cli; hlt; jmp back to hlt */
static const uint8_t boot_code[] = {0xba, 0x01, 0x05, 0xb0, 0x2a, 0xee, 0xfa, 0xf4, 0xeb, 0xfd};

static int
boot_sector(void)
{
    uint8_t sector[512] = {0};
    g_auto(ZgFd) fd = memfd_create("zaguan-kvm-probe", MFD_CLOEXEC);

    memcpy(sector, boot_code, sizeof boot_code);
    sector[510] = 0x55;
    sector[511] = 0xaa;
    if (fd < 0 || write(fd, sector, sizeof sector) != sizeof sector || fchmod(fd, 0444) != 0) {
        return -1;
    }
    return zg_fd_steal(&fd);
}

static char *
read_line(const char *path)
{
    char *text = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL)) {
        return g_strdup("");
    }
    return g_strstrip(text);
}

/* What the answer depends on, as one line. */
static char *
cache_key(const char *emulator, const char *qemu_user)
{
    const char *const argv[] = {emulator, "--version", NULL};
    g_autofree char *boot_id = read_line("/proc/sys/kernel/random/boot_id");
    g_autofree char *version = NULL;

    if (!zg_run_ok(argv, 10000, &version, NULL)) {
        return NULL;
    }
    version[strcspn(version, "\n")] = '\0';
    return g_strdup_printf("%s|%s|%s|%u", boot_id, version, geteuid() == 0 ? qemu_user : "self",
                           zg_user_kvm_group());
}

static ZgKvmProof
try_guest(const char *emulator, const char *qemu_user)
{
    g_auto(ZgFd) sector = boot_sector();
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_auto(ZgRunResult) result = {0};
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) owned = g_ptr_array_new_with_free_func(g_free);
    static const char *const fixed[] = {
        "-accel", "kvm", "-M", "pc,vmport=off", "-cpu", "qemu64", "-m", "16", "-nodefaults",
        "-no-user-config", "-display", "none", "-vga", "none", "-serial", "none", "-monitor",
        "none", "-no-reboot", "-device", "isa-debug-exit,iobase=0x501,iosize=2", "-drive",
        "file=/dev/fd/3,format=raw,if=floppy,readonly=on", "-boot", "a"};

    if (sector < 0) {
        return (ZgKvmProof){false, g_strdup("the proof could not be prepared")};
    }
    zg_user_prefix(qemu_user, true, argv, owned);
    g_ptr_array_add(argv, (char *)emulator);
    for (size_t i = 0; i < G_N_ELEMENTS(fixed); i++) {
        g_ptr_array_add(argv, (char *)fixed[i]);
    }
    g_ptr_array_add(argv, NULL);
    if (!zg_run(&(ZgRun){.argv = (const char *const *)argv->pdata,
                         .deadline_ms = LIMIT_MS,
                         .keep_fd = sector},
                &result, &error)) {
        return (ZgKvmProof){false, g_strdup(error->message)};
    }
    if (result.timed_out) {
        return (ZgKvmProof){false, g_strdup("/dev/kvm opens, but a test guest did not run within "
                                            "2 s")};
    }
    if (result.exit_status == EXIT_STATUS) {
        return (ZgKvmProof){true, g_strdup("a test guest ran")};
    }
    result.err[strcspn(result.err, "\n")] = '\0';
    return (ZgKvmProof){false, g_strdup_printf("a test guest failed: %s", result.err)};
}

ZgKvmProof
zg_kvm_probe(const char *emulator, const char *state_dir, const char *qemu_user)
{
    g_autofree char *path = g_strconcat(state_dir, "/kvm-proof", NULL);
    g_autofree char *key = NULL;
    g_autofree char *text = NULL;
    g_autofree char *known = read_line(path);
    g_auto(GStrv) lines = g_strsplit(known, "\n", 3);
    ZgKvmProof proof;

    if (access("/dev/kvm", F_OK) != 0) {
        return (ZgKvmProof){false, g_strdup("this machine has no /dev/kvm")};
    }
    key = cache_key(emulator, qemu_user);
    if (key == NULL) {
        return (ZgKvmProof){false, g_strdup_printf("'%s' does not run", emulator)};
    }
    if (g_strv_length(lines) == 3 && g_str_equal(lines[0], key)) {
        return (ZgKvmProof){g_str_equal(lines[1], "proven"), g_strdup(lines[2])};
    }
    proof = try_guest(emulator, qemu_user);
    text = g_strdup_printf("%s\n%s\n%s\n", key, proof.proven ? "proven" : "unproven", proof.reason);
    g_file_set_contents(path, text, -1, NULL); /* only saves two seconds next time */
    return proof;
}
