# SPDX-License-Identifier: GPL-3.0-or-later
"""QEMU with no guest, its processor stopped: a screen (ramfb) whose pixels lie in a file, set up from outside (qtest), served as VNC."""
import os
import select
import socket
import struct

MEMORY_MB = 64
PIXELS_AT, MESSAGES_AT = 0x1000000, 0x1000  # in the machine's memory
XR24 = 0x34325258
FW_CFG_SELECT, FW_CFG_DATA, FW_CFG_DMA = 0x510, 0x511, 0x514
FW_CFG_FILES = 0x19
DMA_SELECT, DMA_WRITE = 8, 16


class Screen:
    def __init__(self, stand, width, height):
        self.path, self.offset = os.path.join(stand.folder, "memory"), PIXELS_AT
        control = os.path.join(stand.folder, "qtest")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(control)
            listener.listen(1)
            self.process = stand.serve(
                "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-machine", "pc,accel=tcg,memory-backend=m", "-S",
                "-m", str(MEMORY_MB), "-object",
                f"memory-backend-file,id=m,size={MEMORY_MB}M,mem-path={self.path},share=on", "-display", "none",
                "-vga", "none", "-device", "ramfb", "-qtest", f"unix:{control}", "-qtest-log", "/dev/null", "-vnc",
                f"{stand.bind}:{stand.port - 5900},lossy=on,share=force-shared")
            stand.wait_for("QEMU", lambda: select.select([listener], [], [], 0)[0])
            self._link, _ = listener.accept()
        self._lines = self._link.makefile("rw", encoding="ascii")
        self._show(width, height)

    def _do(self, command):
        self._lines.write(command + "\n")
        self._lines.flush()
        answer = self._lines.readline().split()
        if answer[:1] != ["OK"]:
            raise OSError(f"qtest: '{command}': {' '.join(answer)}")
        return int(answer[1], 16) if len(answer) > 1 else 0

    def _read(self, n):
        return bytes(self._do(f"inb {FW_CFG_DATA:#x}") for _ in range(n))

    def _file(self, wanted):
        """The key of a file of the machine's configuration."""
        self._do(f"outw {FW_CFG_SELECT:#x} {FW_CFG_FILES:#x}")
        for _ in range(struct.unpack(">I", self._read(4))[0]):
            _, key, _, name = struct.unpack(">IHH56s", self._read(64))
            if name.rstrip(b"\0") == wanted:
                return key
        raise OSError(f"QEMU has no {wanted.decode()}")

    def _show(self, width, height):
        """As firmware would. Source: QEMU's docs/specs/fw_cfg.rst and hw/display/ramfb.c."""
        screen = struct.pack(">QIIIII", PIXELS_AT, XR24, 0, width, height, width * 4)
        order = struct.pack(">IIQ", self._file(b"etc/ramfb") << 16 | DMA_SELECT | DMA_WRITE, len(screen),
                            MESSAGES_AT + 0x100)
        self._do(f"write {MESSAGES_AT + 0x100:#x} {len(screen):#x} 0x{screen.hex()}")
        self._do(f"write {MESSAGES_AT:#x} {len(order):#x} 0x{order.hex()}")
        self._do(f"outl {FW_CFG_DMA:#x} 0x0")
        self._do(f"outl {FW_CFG_DMA + 4:#x} {int.from_bytes(MESSAGES_AT.to_bytes(4, 'big'), 'little'):#x}")
