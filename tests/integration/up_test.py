#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""`zaguan init`, `up` and `down`: a whole installation of one machine, without desktops.

argv: zaguan
"""
import os
import pathlib
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

ZAGUAN = sys.argv.pop(1)
DEADLINE_S = 20


def wait_for(what, condition):
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        select.select([], [], [], 0.05)
    raise AssertionError(f"waited {DEADLINE_S} s for {what}")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def lives(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class UpTest(unittest.TestCase):
    def setUp(self):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="zgup"))
        self.top.chmod(0o711)
        self.addCleanup(shutil.rmtree, self.top)
        self.dir = self.top / "site"
        self.https, self.rfb, self.metrics = free_port(), free_port(), free_port()
        web = self.top / "web"
        web.mkdir()
        (web / "index.html").write_text("<!doctype html>")
        (self.top / "password").write_text("a-long-password-1\n")
        done = self.zaguan("init", self.dir, "--listen", "127.0.0.1", "--https-port", self.https, "--rfb-port",
                           self.rfb, "--metrics-port", self.metrics, "--web-directory", web, "--password-file",
                           self.top / "password", "--no-nat")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.addCleanup(self.stop)

    def zaguan(self, *words):
        return subprocess.run([ZAGUAN, *map(str, words)], capture_output=True, text=True, timeout=60)

    def stop(self):
        if self.supervisor_runs():
            self.zaguan("down", self.dir)

    def pid(self, name):
        try:
            return int((self.dir / "run" / f"{name}.pid").read_text())
        except (FileNotFoundError, ValueError):
            return 0

    def supervisor_runs(self):
        return self.pid("up") and lives(self.pid("up"))

    def answers(self):
        try:
            socket.create_connection(("127.0.0.1", self.https), 1).close()
            return True
        except OSError:
            return False

    def test_what_is_up_listens_and_a_second_up_is_refused(self):
        done = self.zaguan("up", self.dir, "--detach")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(self.answers())
        again = self.zaguan("up", self.dir, "--detach")
        self.assertEqual(again.returncode, 1)
        self.assertIn("runs already", again.stderr)
        pids = [self.pid(name) for name in ("up", "broker", "hostd", "front")]
        self.assertTrue(all(map(lives, pids)), pids)
        down = self.zaguan("down", self.dir)
        self.assertEqual(down.returncode, 0, down.stderr)
        self.assertFalse(any(map(lives, pids)), pids)
        self.assertFalse(self.answers())

    def test_a_program_that_dies_is_started_again(self):
        self.assertEqual(self.zaguan("up", self.dir, "--detach").returncode, 0)
        for name in ("broker", "hostd", "front"):
            old = self.pid(name)
            os.kill(old, signal.SIGKILL)
            wait_for(f"another {name}", lambda: self.pid(name) not in (0, old) and lives(self.pid(name)))
        wait_for("the portal", self.answers)
        self.assertIn("was ended by signal 9", (self.dir / "log/up.log").read_text())

    def log_of(self, name):
        return (self.dir / f"log/{name}.log").read_text()

    def test_a_hypervisor_that_cannot_be_opened_is_tried_again_by_a_new_process(self):
        self.assertEqual(self.zaguan("up", self.dir, "--detach").returncode, 0)
        wait_for("the hypervisor", lambda: "hypervisor-open" in self.log_of("hostd"))
        etc = self.dir / "hostd/libvirt/etc"
        etc.rename(etc.with_name("etc.kept"))
        etc.write_text("in the way")
        os.kill(self.pid("hostd"), signal.SIGKILL)
        wait_for("hostd to give up", lambda: "ending, to be started again" in self.log_of("hostd"))
        etc.unlink()
        wait_for("the hypervisor again", lambda: self.log_of("hostd").count("hypervisor-open") >= 2)

    def test_a_port_that_is_taken_fails_the_start_and_is_named(self):
        for port, program in ((self.rfb, "front"), (self.metrics, "broker")):
            with socket.create_server(("127.0.0.1", port)):
                done = self.zaguan("up", self.dir, "--detach")
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"port {port}", done.stderr)
            self.assertIn(f"log/{program}.log", done.stderr)
            wait_for("everything to end", lambda: not self.supervisor_runs())
        self.assertEqual([self.pid(name) for name in ("broker", "hostd", "front")], [0, 0, 0])

    def test_a_configuration_that_is_wrong_fails_the_start_and_is_named(self):
        with open(self.dir / "broker.conf", "a", encoding="utf-8") as conf:
            conf.write("\n[http]\nsokcet=/x\n")
        done = self.zaguan("up", self.dir, "--detach")
        self.assertEqual(done.returncode, 1)
        self.assertIn("sokcet", done.stderr)
        self.assertIn("broker.conf", done.stderr)


unittest.main(verbosity=2)
