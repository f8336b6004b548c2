#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker with a console that has a D-Bus display too: a scripted one, and QEMU's own.

usage: pictures_test.py ZAGUAN-DISPLAY RFB-CONSOLE
"""
import array
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest

import worker_test
from worker_test import Viewer, until

LISTENER = "org.qemu.Display1.Listener"
X8R8G8B8 = 0x20020888
RED, GREEN, BLUE = 0xFF0000, 0x00FF00, 0x0000FF
ESCAPE, ESCAPE_CODE = 0xFF1B, 1


def dbus_call(interface, member, signature, body, serial=7, reply=False):
    """A method call as QEMU sends it."""
    fields = b""
    for code, kind, text in ((1, "o", "/org/qemu/Display1/Listener"), (2, "s", interface),
                             (3, "s", member), (8, "g", signature)):
        fields += bytes(-len(fields) % 8) + bytes([code, 1]) + kind.encode() + b"\0"
        fields += (struct.pack("=B", len(text)) if kind == "g" else struct.pack("=I", len(text)))
        fields += text.encode() + b"\0"
    head = b"l\1" + bytes([0 if reply else 1]) + b"\1" + struct.pack("=III", len(body), serial,
                                                                     len(fields))
    return head + fields + bytes(-len(fields) % 8) + body


def scanout(width, height, colour):
    rows = struct.pack("=I", colour) * (width * height)
    return dbus_call(LISTENER, "Scanout", "uuuuay",
                     struct.pack("=5I", width, height, width * 4, X8R8G8B8, len(rows)) + rows)


def update(x, y, width, height, colour):
    rows = struct.pack("=I", colour) * (width * height)
    return dbus_call(LISTENER, "Update", "iiiiuuay",
                     struct.pack("=4i3I", x, y, width, height, width * 4, X8R8G8B8, len(rows)) +
                     rows)


class DbusDisplay:
    """QEMU's side of its D-Bus display; `far` is what a worker is given."""

    def __init__(self, lets_in=True):
        self.near, self.far = socket.socketpair()
        self.lets_in = lets_in
        self.listeners = []
        self.serve = threading.Thread(target=self.run, daemon=True)
        self.serve.start()

    @staticmethod
    def line(stream):
        text = b""
        while not text.endswith(b"\r\n"):
            byte = stream.recv(1)
            if not byte:
                raise EOFError
            text += byte
        return text[:-2]

    def authenticate(self, stream):
        if not (first := stream.recv(1)):
            raise EOFError
        assert first == b"\0", first
        assert self.line(stream) == b"AUTH EXTERNAL"
        stream.sendall(b"DATA\r\n")
        assert self.line(stream) == b"DATA"
        stream.sendall(b"OK 0123456789abcdef0123456789abcdef\r\n" if self.lets_in
                       else b"REJECTED EXTERNAL\r\n")
        while (said := self.line(stream)) != b"BEGIN":
            assert said == b"NEGOTIATE_UNIX_FD", said
            stream.sendall(b"AGREE_UNIX_FD\r\n")

    def run(self):
        try:
            self.authenticate(self.near)
            while True:
                message, rights, _, _ = self.near.recvmsg(4096, 64)
                if not message:
                    return
                assert b"RegisterListener" in message, message
                listener = socket.socket(fileno=array.array("i", rights[0][2])[0])
                listener.settimeout(worker_test.DEADLINE_S)
                self.authenticate(listener)
                question = struct.pack("=I", len(LISTENER)) + LISTENER.encode() + b"\0"
                listener.sendall(dbus_call("org.freedesktop.DBus.Properties", "GetAll", "s",
                                           question, reply=True))
                assert b"a{sv}" in listener.recv(4096)
                self.listeners.append(listener)
        except (EOFError, OSError):
            pass

    def listener(self, n):
        """The one registered as the n-th."""
        until(lambda: len(self.listeners) >= n, f"listener {n}")
        return self.listeners[n - 1]

    def end(self):
        for stream in [self.near, self.far, *self.listeners]:
            stream.close()


class ScriptedTest(worker_test.WorkerCase):
    def setUp(self):
        super().setUp()
        self.displays = []

    def tearDown(self):
        super().tearDown()
        for display in self.displays:
            display.end()

    def give_display(self, epoch, **options):
        self.display = DbusDisplay(**options)
        self.displays.append(self.display)
        self.worker.send(self.display.far, type="pictures", epoch=epoch)

    def give_both(self, epoch=1, options=(), **display):
        console = self.give_console("--size", "64x48", "--pattern", "solid:0000ff", *options,
                                    epoch=epoch)
        self.give_display(epoch, **display)
        return console

    def test_who_looks_sees_what_dbus_tells(self):
        console = self.give_both()
        viewer = Viewer(self.worker, "a")
        listener = self.display.listener(1)
        listener.sendall(scanout(64, 48, RED))
        viewer.wait_pixel(63, 47, RED)
        listener.sendall(update(10, 20, 4, 2, GREEN))
        viewer.wait_pixel(13, 21, GREEN)
        self.assertEqual(viewer.pixel(14, 21), RED)
        self.assertEqual(viewer.pixel(9, 20), RED)
        listener.sendall(scanout(80, 60, GREEN))
        viewer.wait_pixel(79, 59, GREEN)
        viewer.key(True, 0x61, 30)  # the keyboard stays RFB's
        console.wait_event("key down 0x61 scancode 30")

    def test_a_guest_that_changes_its_size_all_the_time_is_reported_now_and_then(self):
        self.give_both()
        viewer = Viewer(self.worker, "a")
        listener = self.display.listener(1)
        viewer.wait_pixel(63, 47, BLUE)  # RFB has told its size
        n_sizes = 2000
        for i in range(n_sizes):
            listener.sendall(scanout(40 + i % 7, 30, RED))
        listener.sendall(scanout(81, 61, GREEN))
        viewer.wait_pixel(80, 60, GREEN)
        self.worker.wait(type="size", width=81, height=61)
        sizes = [m for m in self.worker.messages if m["type"] == "size"]
        self.assertLess(len(sizes), n_sizes / 10)

    def test_a_worker_is_small_also_after_pictures_by_dbus(self):
        pictures_kb = 2 * 1280 * 800 * 4 // 1024
        self.give_both()
        viewer = Viewer(self.worker, "a")
        listener = self.display.listener(1)
        for i in range(50):
            listener.sendall(scanout(1280, 800, (RED, GREEN)[i % 2]))
        viewer.wait_pixel(1279, 799, GREEN)
        self.assertGreater(self.worker.dirty_kb(), pictures_kb)
        until(lambda: self.worker.dirty_kb() - pictures_kb <= worker_test.IDLE_KB_MOST,
              "memory given back after pictures by D-Bus")

    def test_nobody_is_told_while_nobody_looks(self):
        self.give_both()
        viewer = Viewer(self.worker, "a")
        first = self.display.listener(1)
        first.sendall(scanout(64, 48, RED))
        viewer.wait_pixel(0, 0, RED)
        viewer.stream.close()
        self.assertEqual(first.recv(1), b"")  # closed
        late = Viewer(self.worker, "b")
        self.display.listener(2).sendall(scanout(64, 48, GREEN))
        late.wait_pixel(0, 0, GREEN)

    def test_rfb_shows_what_dbus_no_longer_does(self):
        endings = {"is closed": None, "is outside": update(60, 0, 8, 8, GREEN),
                   "is nonsense": b"nonsense" * 4}
        for epoch, (how, what) in enumerate(endings.items(), 1):
            with self.subTest(how):
                self.give_both(epoch)
                viewer = Viewer(self.worker, f"v{epoch}")
                listener = self.display.listener(1)
                listener.sendall(scanout(64, 48, RED))
                viewer.wait_pixel(0, 0, RED)
                if what is None:
                    self.display.end()
                else:
                    listener.sendall(what)
                viewer.wait_pixel(0, 0, BLUE)
                viewer.wait_pixel(63, 47, BLUE)
                if what is not None:  # and D-Bus again, which may only have lost its way
                    self.display.listener(2).sendall(scanout(64, 48, GREEN))
                    viewer.wait_pixel(63, 47, GREEN)
                viewer.stream.close()
                self.worker.wait(type="viewer-gone", id=f"v{epoch}")

    def test_a_size_that_only_rfb_tells_begins_the_pictures_anew(self):
        self.give_both(options=["--resize", "1000:80x60"])
        viewer = Viewer(self.worker, "a")
        viewer.wait_pixel(63, 47, BLUE)
        self.display.listener(1).sendall(scanout(64, 48, RED))
        viewer.wait_pixel(63, 47, RED)
        self.display.listener(2).sendall(scanout(80, 60, GREEN))
        viewer.wait_pixel(79, 59, GREEN)

    def test_a_display_that_lets_nobody_in_is_done_without(self):
        self.give_both(lets_in=False)
        viewer = Viewer(self.worker, "a")
        viewer.wait_pixel(63, 47, BLUE)

    def test_pictures_of_another_console_are_not_taken(self):
        self.give_console("--size", "64x48", "--pattern", "solid:0000ff", epoch=2)
        self.give_display(epoch=1)
        self.display.serve.join(worker_test.DEADLINE_S)
        self.assertFalse(self.display.serve.is_alive())  # closed unused
        self.assertEqual(self.display.listeners, [])
        viewer = Viewer(self.worker, "a")
        viewer.wait_pixel(63, 47, BLUE)


class Qemu:
    """A machine without a disk: its firmware has a menu, which is all the guest that is needed."""

    def __init__(self, folder):
        self.folder = folder
        self.process = subprocess.Popen(
            ["qemu-system-x86_64", "-M", "q35", "-m", "64", "-nodefaults", "-vga", "none",
             "-accel", "tcg", "-device", "virtio-vga", "-display", "dbus,p2p=yes",
             "-vnc", f"unix:{folder}/vnc", "-qmp", f"unix:{folder}/qmp,server=on,wait=off",
             "-boot", "menu=on,splash-time=60000"])
        self.control = until(lambda: self.dial("qmp"), "QEMU's monitor")
        self.control.settimeout(worker_test.DEADLINE_S)
        self.lines = self.control.makefile("r")
        self.lines.readline()
        self.ask("qmp_capabilities")

    def dial(self, name):
        stream = socket.socket(socket.AF_UNIX)
        try:
            stream.connect(f"{self.folder}/{name}")
            return stream
        except OSError:
            stream.close()
            return None

    def ask(self, command, passed=None, **arguments):
        rights = []
        if passed is not None:
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [passed.fileno()]))]
        self.control.sendmsg([json.dumps({"execute": command, "arguments": arguments}).encode()],
                             rights)
        while "event" in (answer := json.loads(self.lines.readline())):
            pass
        assert "return" in answer, answer

    def pictures(self):
        near, far = socket.socketpair()
        with far:
            self.ask("getfd", passed=far, fdname="display")
        self.ask("add_client", protocol="@dbus-display", fdname="display")
        return near

    def screen(self):
        """Width, height and pixels (BGRX) as QEMU itself sees them."""
        path = os.path.join(self.folder, "screen.ppm")
        self.ask("screendump", filename=path)
        with open(path, "rb") as file:
            kind, size, _, rows = file.read().split(b"\n", 3)
        assert kind == b"P6", kind
        width, height = map(int, size.split())
        out = bytearray(width * height * 4)
        for channel in range(3):
            out[2 - channel::4] = rows[channel::3]
        return width, height, bytes(out)

    def end(self):
        self.lines.close()
        self.control.close()
        self.process.kill()
        self.process.wait()


def has_dbus_display():
    """In Debian 13 it is a package of its own."""
    done = subprocess.run(["qemu-system-x86_64", "-display", "help"], capture_output=True,
                          text=True, check=True)
    return "dbus" in done.stdout


@unittest.skipUnless(has_dbus_display(), "this QEMU has no D-Bus display")
class QemuTest(worker_test.WorkerCase):
    def setUp(self):
        super().setUp()
        self.qemu = Qemu(self.folder.name)

    def tearDown(self):
        super().tearDown()
        self.qemu.end()

    def wait_same(self, viewer, differs_from=None):
        """Until the viewer has QEMU's picture, bit for bit; it is returned."""
        end = time.monotonic() + worker_test.DEADLINE_S
        while True:
            width, height, pixels = self.qemu.screen()
            if ((viewer.width, viewer.height) == (width, height) and
                    bytes(viewer.pixels) == pixels and pixels != differs_from):
                return pixels
            self.assertLess(time.monotonic(), end, "the viewer's picture is not QEMU's")
            viewer.step_if_any(0.05)

    def test_the_firmware_is_seen_as_qemu_sees_it(self):
        self.worker.send(until(lambda: self.qemu.dial("vnc"), "QEMU's VNC"), type="console",
                         epoch=1)
        self.worker.send(self.qemu.pictures(), type="pictures", epoch=1)
        viewer = Viewer(self.worker, "a")
        self.worker.wait_log("console-pictures:")
        first = self.wait_same(viewer)
        viewer.key(True, ESCAPE, ESCAPE_CODE)
        viewer.key(False, ESCAPE, ESCAPE_CODE)
        self.wait_same(viewer, differs_from=first)


if __name__ == "__main__":
    worker_test.PROGRAM, worker_test.CONSOLE = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1], verbosity=2)
