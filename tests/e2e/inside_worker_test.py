#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""From inside the real worker of a desktop: its own process is made to open a file, make a socket,
start a program and more, and every call is refused; then it goes on serving its viewer.

The calls are put into the worker by ptrace, so the filter that answers is the one in production."""
import ctypes
import os
import platform
import signal
import sys

from installation import TINY, Installation

ATTACH, DETACH, GETREGS, SETREGS, STEP, SEIZE, INTERRUPT = 16, 17, 12, 13, 9, 0x4206, 0x4207
NAMES = ("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss "
         "fs_base gs_base ds es fs gs").split()
EPERM = -1


class Registers(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulonglong) for name in NAMES]


LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
LIBC.ptrace.restype = ctypes.c_long


def ptrace(request, pid, data=None):
    if LIBC.ptrace(request, pid, None, data) < 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request}")


class Inside:
    """System calls made by another process."""

    def __init__(self, pid):
        self.pid = pid

    def __enter__(self):
        ptrace(SEIZE, self.pid)
        ptrace(INTERRUPT, self.pid)
        os.waitpid(self.pid, 0)
        self.kept = Registers()
        ptrace(GETREGS, self.pid, ctypes.addressof(self.kept))
        self.memory = open(f"/proc/{self.pid}/mem", "r+b", 0)
        self.instruction = self.find_instruction()
        return self

    def find_instruction(self):
        with open(f"/proc/{self.pid}/maps") as maps:
            for line in maps:
                words = line.split()
                if "x" in words[1] and words[-1].endswith((".so.6", "zaguan-display")):
                    first, last = (int(w, 16) for w in words[0].split("-"))
                    self.memory.seek(first)
                    at = self.memory.read(last - first).find(b"\x0f\x05")
                    if at >= 0:
                        return first + at
        raise AssertionError("no system call instruction in the worker")

    def text(self, words):
        """A text in its memory, far below its stack."""
        place = (self.kept.rsp - 65536) & ~15
        self.memory.seek(place)
        self.memory.write(words.encode() + b"\0")
        return place

    def call(self, number, *arguments):
        registers = Registers()
        ctypes.pointer(registers)[0] = self.kept
        registers.rax, registers.orig_rax = number, 2 ** 64 - 1
        registers.rip = self.instruction
        for name, value in zip(("rdi", "rsi", "rdx", "r10", "r8", "r9"), arguments):
            setattr(registers, name, value % 2 ** 64)
        ptrace(SETREGS, self.pid, ctypes.addressof(registers))
        ptrace(STEP, self.pid)
        _, status = os.waitpid(self.pid, 0)
        assert os.WIFSTOPPED(status) and os.WSTOPSIG(status) == signal.SIGTRAP, status
        ptrace(GETREGS, self.pid, ctypes.addressof(registers))
        return ctypes.c_longlong(registers.rax).value

    def __exit__(self, *_):
        ptrace(SETREGS, self.pid, ctypes.addressof(self.kept))
        ptrace(DETACH, self.pid)
        self.memory.close()


CALLS = {  # x86-64; every pointer is a text in the worker's memory
    "open a file": (2, "/etc/passwd", 0, 0), "openat": (257, -100, "/etc/passwd", 0),
    "create a file": (257, -100, "/tmp/x", 0o101, 0o600), "a TCP socket": (41, 2, 1, 0),
    "a unix socket": (41, 1, 1, 0), "connect": (42, 0, 0, 0), "execve": (59, "/bin/sh", 0, 0),
    "execveat": (322, -100, "/bin/sh", 0, 0, 0), "fork": (57,), "clone": (56, 17, 0, 0, 0, 0),
    "kill": (62, 1, 0), "ptrace": (101, 0, 0, 0, 0), "setuid": (105, 0),
    "unshare": (272, 0x10000000), "mount": (165, 0, 0, 0, 0, 0), "io_uring": (425, 1, 0),
    "bpf": (321, 0, 0, 0), "chmod": (90, "/tmp", 0o777), "process_vm_readv": (310, 1, 0, 0, 0, 0, 0),
}
GETPID, CLOCK = 39, 228


def main():
    if platform.machine() != "x86_64" or os.geteuid() != 0:
        print("skipped: needs root and x86-64 to put calls into the worker")
        return 77
    with Installation(TINY.replace("disk-mib: 2048", "disk-mib: 64"), fake=True) as inst:
        api = inst.api("ana.garcia")
        _, console = inst.open_console(api, "tiny")
        console.type("x")
        for worker in inst.workers():
            with Inside(worker) as inside:
                for what, (number, *arguments) in CALLS.items():
                    values = [inside.text(a) if isinstance(a, str) else a for a in arguments]
                    answer = inside.call(number, *values)
                    assert answer == EPERM, f"{what} inside the worker answers {answer}"
                # The control: the instrument does reach the kernel with what is allowed.
                assert inside.call(CLOCK, 1, inside.text(" " * 16)) == 0
        before = bytes(console.frame)
        console.type("y")
        console.wait(lambda c: bytes(c.frame) != before, 30, "a worker that goes on")
        console.close()
    print(f"ok: {len(CALLS)} calls refused")
    return 0


sys.exit(main())
