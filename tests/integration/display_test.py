#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole display: real front and workers, a scripted console; argv: zaguan-display rfb-console."""
import contextlib
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time
import unittest

import front_test
from console_client import Closed, Console
from painter import Painter, p99

RFB_CONSOLE = ""
BLUE = (0x20, 0x60, 0xA0)
RED = (0xC0, 0x20, 0x20)


class DisplayTest(front_test.FrontCase):
    def console(self, colour, **fields):
        """A scripted console, handed to the front as hostd would."""
        path = self.path(f"console-{colour}-{len(self.hostd.ends)}.sock")
        program = subprocess.Popen([RFB_CONSOLE, "--unix", path, "--size", "640x480",
                                    "--pattern", f"solid:{colour}", "--events", path + ".log"],
                                   stdout=subprocess.DEVNULL)
        self.addCleanup(lambda: (program.kill(), program.wait()))
        link = socket.socket(socket.AF_UNIX)
        deadline = time.monotonic() + front_test.DEADLINE_S
        while True:
            try:
                link.connect(path)
                break
            except OSError:
                self.assertLess(time.monotonic(), deadline)
                select.select([], [], [], 0.02)
        order = {"type": "console", "desktop": self.desktop, "generation": 1, "epoch": 1,
                 "name": "pool-1", "title": "Caja 3", "profile": "lan"}
        order.update(fields)
        self.hostd.send(fd=link.fileno(), **order)
        link.close()
        self.hostd.expect(type="worker", desktop=self.desktop, state="running", width=640,
                          generation=order["generation"])
        return path + ".log"

    def open(self, secret=None, kind="ticket", **fields):
        if secret is None:
            secret = self.hostd.ticket(self.desktop, self.session, **fields)
        return Console("127.0.0.1", self.https_port, self.ca, secret, kind=kind,
                       timeout=front_test.DEADLINE_S)

    def sees(self, viewer, colour, share=0.8):
        wanted = 640 * 480 / 16 * share
        viewer.wait(lambda v: v.count(colour) > wanted, 20, f"a screen of {colour}")

    def typed(self, events, viewer, keysym):
        viewer.key(keysym, True)
        viewer.key(keysym, False)
        deadline = time.monotonic() + front_test.DEADLINE_S
        while True:
            with open(events, encoding="utf-8") as log:
                if f"key down 0x{keysym:x} " in log.read().lower():
                    return
            self.assertLess(time.monotonic(), deadline, "the key did not reach the console")
            select.select([], [], [], 0.02)

    def test_pictures_come_and_keys_go(self):
        events = self.console("2060a0")
        viewer = self.open()
        self.sees(viewer, BLUE)
        self.hostd.expect(type="viewer", event="first-frame", session=self.session)
        self.typed(events, viewer, 0xF1)
        stats = self.hostd.expect(type="stats", session=self.session)
        self.assertGreater(stats["bytes_out"], 0)
        self.assertLess(stats["idle_s"], 6)  # reported 5 s after the start, and a key came since
        idler = self.hostd.expect(type="stats", session=self.session)
        self.assertIn(idler["idle_s"] - stats["idle_s"], (4, 5, 6))

    def test_who_only_looks_cannot_type(self):
        events = self.console("2060a0")
        terminal = self.open()
        looker = self.open(share=True, view_only=True)
        self.sees(looker, BLUE)
        looker.key(0x61, True)
        looker.key(0x61, False)
        self.sees(terminal, BLUE)
        self.typed(events, terminal, 0x62)
        with open(events, encoding="utf-8") as log:
            self.assertNotIn("0x61 ", log.read())

    def test_a_killed_worker_costs_a_moment(self):
        self.console("2060a0")
        viewer = self.open()
        self.sees(viewer, BLUE)
        self.hostd.send(type="list")
        pid = self.hostd.expect(type="worker", desktop=self.desktop)["pid"]
        self.hostd.seen.clear()
        begun = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        with self.assertRaises(Closed) as closed:
            viewer.wait(lambda v: False, 10)
        self.assertEqual(closed.exception.code, 1001)
        self.hostd.expect(type="worker", desktop=self.desktop, state="console-lost")
        self.console("c02020")
        again = self.open(viewer.resume, kind="resume")
        self.sees(again, RED)
        print(f"kill to picture: {time.monotonic() - begun:.2f} s ", end="", flush=True)

    def test_a_new_console_is_taken_by_the_running_worker(self):
        self.console("2060a0")
        viewer = self.open()
        self.sees(viewer, BLUE)
        self.console("c02020", epoch=2)
        self.sees(viewer, RED)

    def test_a_terminal_takes_over_from_a_vnc_viewer_which_is_told(self):
        self.console("2060a0")
        vnc = front_test.Rfb(self.rfb_port, self.ca, "ticket",
                             self.hostd.ticket(self.desktop, self.session))
        self.assertEqual(vnc.result, 0)
        request = struct.pack(">HHHH", 0, 0, 640, 480)
        vnc.tls.sendall(b"\x01\x03\0" + request)
        picture = b""
        while len(picture) < 640 * 480 * 4:
            picture += vnc.tls.recv(1 << 18)
            vnc.tls.sendall(b"\x03\1" + request)
        viewer = self.open()
        self.sees(viewer, BLUE)
        self.hostd.expect(type="viewer", event="taken-over", session=self.session)
        last = b""
        with contextlib.suppress(OSError):
            while chunk := vnc.tls.recv(1 << 16):
                last += chunk
        white = b"\xff\xff\xff"
        self.assertGreater(last.count(white), picture.count(white) + 100, "no text was drawn")

    def painted(self, desktop, session):
        """A desktop whose frames are shown one by one, and a person who sees it."""
        ours, far = socket.socketpair()
        self.addCleanup(ours.close)
        self.hostd.send(fd=far.fileno(), type="console", desktop=desktop, generation=1, epoch=1,
                        name="pool-1", title="Caja 3", profile="lan")
        far.close()
        painter = Painter(ours, 640, 480)
        self.hostd.expect(type="worker", desktop=desktop, state="running", width=640)
        return painter, self.open(secret=self.hostd.ticket(desktop, session))

    def latencies(self, painter, viewer, n):
        taken = []
        for _ in range(n):
            number, begun = painter.show()
            last = number >> 16 & 255, number >> 8 & 255, number & 255
            viewer.wait(lambda v, last=last: v.pixel(639, 479) == last, 20, f"frame {number}")
            taken.append(time.monotonic() - begun)
        return taken

    def test_a_person_who_stops_reading_is_dropped_and_nobody_waits_for_them(self):
        desks = [self.painted(self.desktop, self.session),
                 self.painted(front_test.new_id(), front_test.new_id())]
        for desk in desks:
            self.latencies(*desk, 10)
        before = [p99(self.latencies(*desk, 100)) for desk in desks]
        begun = time.monotonic()
        stopped = self.open(share=True, view_only=True)
        self.hostd.expect(type="viewer", event="in", session=self.session, viewers=2)
        self.hostd.seen.clear()
        for _ in range(50):
            stopped.request()
        self.latencies(*desks[0], 10)
        after = [p99(self.latencies(*desk, 100)) for desk in desks]
        for was, now in zip(before, after):
            self.assertLess(now, 2 * was + 0.01)
        while time.monotonic() - begun < 25:  # there is something to read all the time
            self.latencies(*desks[0], 1)
        gone = self.hostd.expect(seconds=20, type="viewer", session=self.session, viewers=1)
        self.assertNotEqual(gone["event"], "in")
        self.assertGreater(time.monotonic() - begun, 29)
        self.latencies(*desks[0], 10)

    def test_a_worker_is_confined(self):
        self.console("2060a0")
        self.hostd.send(type="list")
        pid = self.hostd.expect(type="worker", desktop=self.desktop)["pid"]
        with open(f"/proc/{pid}/status", encoding="utf-8") as status:
            fields = dict(line.rstrip("\n").split(":\t", 1) for line in status if ":\t" in line)
        self.assertEqual((fields["Seccomp"], fields["NoNewPrivs"]), ("2", "1"))
        self.assertEqual(int(fields["CapEff"], 16), 0)
        if os.geteuid() == 0:
            self.assertNotEqual(fields["Uid"].split()[0], "0")


if __name__ == "__main__":
    front_test.PROGRAM, RFB_CONSOLE = sys.argv.pop(1), sys.argv.pop(1)
    unittest.main(verbosity=2, warnings="ignore")
