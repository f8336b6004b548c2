#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""`zaguan my connect` through the real front and worker to a console of QEMU's, with TigerVNC.

argv: zaguan, zaguan-display. The broker is in memory, hostd is a few lines; everything else is real.
"""
import os
import pathlib
import select
import shutil
import socket
import socketserver
import stat
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import fake_broker
from front_test import Hostd, new_id

ZAGUAN, DISPLAY = sys.argv[1:3]
del sys.argv[1:3]
DEADLINE_S = 30


def wait_for(what, condition):
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        select.select([], [], [], 0.05)
    raise AssertionError(f"waited {DEADLINE_S} s for {what}")


class UnixBroker(socketserver.ThreadingUnixStreamServer):
    """The broker behind the front; a ticket is told to hostd before the person gets it."""
    daemon_threads = True

    def __init__(self, path, make_ticket):
        self.state = fake_broker.State()
        super().__init__(path, type("Handler", (fake_broker.Handler,), {
            "address_string": lambda self: "unix",
            "on_my": lambda self, *args: self.with_ticket(*args),
            "with_ticket": with_ticket(make_ticket)}))
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()


def with_ticket(make_ticket):
    def on_my(self, state, rest, body, query):
        status, reply = fake_broker.Handler.on_my(self, state, rest, body, query)
        if "ticket" in reply:
            reply["ticket"] = make_ticket()
        return status, reply
    return on_my


class Connect(unittest.TestCase):
    def setUp(self):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="zc"))
        self.addCleanup(shutil.rmtree, self.top)
        self.dir = self.top / "i"
        self.context = self.top / "context.json"
        self.env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(self.top),
                    "XDG_RUNTIME_DIR": str(self.top / "run")}
        (self.top / "run").mkdir()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.run_zaguan("init", self.dir, "--no-admin", "--web-directory", "/tmp", "--listen",
                        "127.0.0.1", "--rfb-port", 0, "--https-port", self.port)
        self.qemu()
        self.front = self.start(DISPLAY, "--front", self.dir / "front.conf")
        self.hostd = Hostd(str(self.dir / "run/front.sock"))
        self.addCleanup(self.hostd.close)
        self.desktop = new_id()
        self.give_console()
        broker = UnixBroker(str(self.dir / "run/broker.sock"),
                            lambda: self.hostd.ticket(self.desktop, "5" * 32))
        self.addCleanup(broker.server_close)
        self.addCleanup(broker.shutdown)
        self.run_zaguan("login", f"https://127.0.0.1:{self.port}", "--user", "ana", "--ca",
                        self.dir / "ca/ca.pem", "--password-file", "-",
                        stdin=fake_broker.PASSWORD + "\n")

    def tearDown(self):
        if any(error for _, error in self._outcome.result.failures + self._outcome.result.errors):
            for log in self.top.glob("log-*"):
                print(f"--- {log.name}\n{log.read_text()}", file=sys.stderr)

    def start(self, *words, **more):
        log = open(self.top / f"log-{pathlib.Path(str(words[0])).name}", "w", encoding="utf-8")
        self.addCleanup(log.close)
        more = {"stdout": log, "stderr": log, "env": self.env, **more}
        program = subprocess.Popen(list(map(str, words)), text=True, **more)
        self.addCleanup(self.stop, program)
        return program

    def stop(self, program):
        if program.poll() is None:
            program.terminate()
        program.communicate(timeout=DEADLINE_S)

    def run_zaguan(self, *words, stdin=None):
        done = subprocess.run([ZAGUAN, *map(str, words), "--context", self.context],
                              capture_output=True, text=True, timeout=60, input=stdin,
                              env=self.env, start_new_session=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    def qemu(self):
        """A machine with firmware only: its screen says that there is no disk."""
        self.console = self.top / "vnc"
        self.start("qemu-system-x86_64", "-accel", "tcg", "-m", "32", "-nodefaults", "-vga", "std",
                   "-display", f"vnc=unix:{self.console}")
        wait_for("QEMU's console", self.console.exists)

    def give_console(self):
        link = socket.socket(socket.AF_UNIX)
        wait_for("QEMU", lambda: link.connect_ex(str(self.console)) == 0)
        self.hostd.send(fd=link.fileno(), type="console", desktop=self.desktop, generation=1,
                        epoch=1, name="office-1", title="Oficina", profile="lan")
        link.close()
        self.hostd.expect(type="worker", desktop=self.desktop, state="running")

    def test_a_stock_protocol_flows_through_the_private_socket(self):
        program = self.start(ZAGUAN, "my", "connect", "--viewer", "none", "--context",
                             self.context, stdout=subprocess.PIPE)
        self.assertTrue(select.select([program.stdout], [], [], DEADLINE_S)[0])
        path = pathlib.Path(program.stdout.readline().strip())
        self.assertEqual(stat.S_IMODE(path.parent.stat().st_mode), 0o700)
        viewer = socket.socket(socket.AF_UNIX)
        self.addCleanup(viewer.close)
        viewer.settimeout(DEADLINE_S)
        viewer.connect(str(path))
        self.assertEqual(viewer.recv(12, socket.MSG_WAITALL), b"RFB 003.008\n")
        viewer.sendall(b"RFB 003.008\n")
        self.assertEqual(viewer.recv(2, socket.MSG_WAITALL), b"\x01\x01")
        viewer.sendall(b"\x01")
        self.assertEqual(viewer.recv(4, socket.MSG_WAITALL), b"\0\0\0\0")
        viewer.sendall(b"\x01")
        init = viewer.recv(24, socket.MSG_WAITALL)
        width, height = int.from_bytes(init[:2], "big"), int.from_bytes(init[2:4], "big")
        self.assertTrue(width >= 640 and height >= 400, (width, height))
        viewer.close()
        self.assertEqual(program.wait(DEADLINE_S), 0)
        self.hostd.expect(type="viewer", desktop=self.desktop, event="out")

    def test_tigervnc_shows_the_desktop(self):
        read_end, write_end = os.pipe()
        self.start("Xvfb", "-displayfd", write_end, "-screen", "0", "1024x768x24", "-noreset", "-nolisten",
                   "tcp", pass_fds=[write_end])
        os.close(write_end)
        number = b""
        while not number.endswith(b"\n"):
            self.assertTrue(select.select([read_end], [], [], DEADLINE_S)[0], "no Xvfb")
            number += os.read(read_end, 16)
        os.close(read_end)
        self.env["DISPLAY"] = ":" + number.decode().strip()
        program = self.start(ZAGUAN, "my", "connect", "office", "--context", self.context)
        window = wait_for("TigerVNC's window", lambda: subprocess.run(
            ["xdotool", "search", "--name", "Oficina|office-1"], env=self.env, timeout=20,
            capture_output=True, text=True).stdout.split())
        picture = self.top / "picture.xwd"

        def colours():
            subprocess.run(["import", "-window", window[0], f"xwd:{picture}"], env=self.env,
                           timeout=20, capture_output=True)
            shown = subprocess.run(["identify", "-format", "%k", f"xwd:{picture}"], text=True,
                                   capture_output=True, timeout=20).stdout
            return shown.isdigit() and int(shown) > 1

        wait_for("text on the desktop", colours)
        cmdlines = [pathlib.Path(f"/proc/{pid}/cmdline") for pid in os.listdir("/proc")
                    if pid.isdigit()]
        shown = [read(path) for path in cmdlines]
        self.assertTrue(any(b"/run/zaguan-" in text for text in shown), "no viewer on the socket")
        program.terminate()
        self.assertEqual(program.wait(DEADLINE_S), 0)
        self.assertEqual(list((self.top / "run").iterdir()), [])


def read(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""


if __name__ == "__main__":
    unittest.main(verbosity=2)
