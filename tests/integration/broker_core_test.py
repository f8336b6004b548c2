#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real zaguan-broker with a host of the test's own on its link: a pool becomes desktops, a
person gets one with a ticket, logs off and it is made anew; links, enrolment, and kill -9."""
import hashlib
import http.client
import json
import os
import pathlib
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import fake_hostd

ZAGUAN, BROKER = sys.argv[1:3]
PAUSE = threading.Event()
PASSWORD = secrets.token_hex(16)


def until(what, condition, seconds=20):
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds} s for: {what}")
        PAUSE.wait(0.05)


class UnixHttp(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=20)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Installation:
    """A folder made by `zaguan init` and its broker."""

    def __init__(self):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="zaguan-core-"))
        self.dir = self.top / "inst"
        environment = dict(os.environ, ZAGUAN_BROKER=BROKER,
                           PATH=f"{pathlib.Path(BROKER).parent}:{os.environ['PATH']}")
        subprocess.run([ZAGUAN, "init", self.dir, "--host", "h1", "--metrics-port", "0",
                        "--password-file", "-"], input=PASSWORD.encode() + b"\n", check=True,
                       capture_output=True, env=environment)
        self.socket = self.dir / "run" / "broker.sock"
        self.link = self.dir / "run" / "link.sock"
        self.token = None
        self.log = open(self.top / "broker.log", "ab")
        self.program = None
        self.start()

    def start(self):
        self.program = subprocess.Popen([BROKER, "--config", self.dir / "broker.conf"],
                                        stdout=self.log, stderr=self.log)
        until("the broker to serve", self.serves)

    def serves(self):
        try:
            return self.raw("GET", "/healthz")[0] == 200
        except OSError:
            assert self.program.poll() is None, "the broker ended"
            return False

    def kill(self):
        self.program.send_signal(signal.SIGKILL)
        self.program.wait()

    def stop(self):
        self.program.terminate()
        code = self.program.wait(20)
        self.log.close()
        if code != 0 or os.environ.get("ZAGUAN_TEST_LOG"):
            sys.stderr.write((self.top / "broker.log").read_text())
        shutil.rmtree(self.top)
        return code

    def raw(self, method, path, body=None, token=None):
        link = UnixHttp(self.socket)
        head = {"X-Zaguan-Peer": "192.0.2.1"}
        if token or self.token:
            head["Authorization"] = f"Bearer {token or self.token}"
        if body is not None:
            body = json.dumps(body)
            head["Content-Type"] = "application/json"
        try:
            link.request(method, path, body, head)
            answer = link.getresponse()
            text = answer.read()
        finally:
            link.close()
        try:
            return answer.status, json.loads(text) if text else None
        except ValueError:
            return answer.status, text

    def call(self, method, path, body=None, token=None):
        status, value = self.raw(method, "/api/v1" + path, body, token)
        assert status < 400, f"{method} {path}: {status} {value}"
        return value

    def sign_in(self, user="admin", password=PASSWORD):
        return self.call("POST", "/sign-in", {"user": user, "password": password,
                                              "as": "token"})["token"]


POOL = {"name": "office", "title": "Office", "template": "tiny", "kind": "floating", "ready": 1,
        "max": 3, "memory_mib": 256, "vcpus": 1, "disk_mib": 1024, "network": "isolated",
        "entitle": {"users": ["*"], "groups": []}, "enabled": True,
        "session": {"locale": "es_ES.UTF-8", "keyboard": "es", "time_zone": "Europe/Madrid",
                    "idle_disconnect_min": 60,
                    "disconnected_log_off_min": 60}, "profile": "branch-5mbit"}


class BrokerCore(unittest.TestCase):
    def setUp(self):
        self.inst = Installation()
        self.host = None
        self.inst.token = self.inst.sign_in()

    def tearDown(self):
        if self.host:
            self.host.close()
        self.assertEqual(self.inst.stop(), 0)

    def link(self):
        self.host = fake_hostd.FakeHost(self.inst.link, self.inst.dir)
        until("the host to be linked", lambda: [
            h for h in self.inst.call("GET", "/hosts")["items"] if h["state"] == "linked"])

    def relink(self):
        machines = self.host.machines
        self.host.close()
        self.host = fake_hostd.FakeHost.__new__(fake_hostd.FakeHost)
        self.host.__dict__.update(path=self.inst.link, folder=self.inst.dir, name="h1",
                                  images=[{"template": "tiny", "version": 1, "sha256": "a" * 64,
                                           "bytes": 1000}], machines=machines, commands=[],
                                  desired={}, all_ids=None, refuse=set(), silent=set(),
                                  lock=threading.RLock(), welcome=None,
                                  closing=threading.Event(), link=None)
        self.host.dial()

    def operation_done(self, answer, seconds=30):
        ident = answer.get("operation", answer)["id"]

        def over():
            state = self.inst.call("GET", f"/operations/{ident}")
            self.assertNotEqual(state["state"], "failed", state)
            return state["state"] == "done"
        until(f"operation {ident}", over, seconds)

    def have_pool(self):
        self.link()
        self.operation_done(self.inst.call("POST", "/templates/tiny/versions",
                                           {"path": "tiny.qcow2"}))
        self.inst.call("POST", "/pools", POOL)
        self.ready(1)

    def desktops(self, life):
        return self.inst.call("GET", f"/desktops?life={life}")["items"]

    def ready(self, n):
        return until(f"{n} ready", lambda: len(self.desktops("ready")) == n
                     and self.desktops("ready"))

    def session(self, ident):
        return self.inst.call("GET", f"/my/sessions/{ident}")

    def test_a_pool_becomes_desktops_and_a_person_gets_one_with_a_ticket(self):
        self.have_pool()
        self.assertEqual([wish["spec"]["profile"] for wish in self.host.desired.values()],
                         ["branch-5mbit"])
        session = self.inst.call("POST", "/my/sessions", {"pool": "office", "keyboard": "us"})
        self.assertEqual(session["state"], "connecting")
        answer = self.inst.call("POST", f"/my/sessions/{session['id']}/ticket", {})
        told = self.host.did("ticket")[0]
        self.assertEqual(told["sha256"], hashlib.sha256(answer["ticket"].encode()).hexdigest())
        self.assertEqual(told["session"], session["id"])
        self.assertNotIn(answer["ticket"], json.dumps(self.host.commands))
        sign_on = until("the sign-on", lambda: self.host.did("sign_on"))[0]
        self.assertEqual((sign_on["user"], sign_on["unix_name"]), ("admin", "admin"))
        self.assertEqual((sign_on["keyboard"], sign_on["time_zone"]), ("us", "Europe/Madrid"))
        self.ready(1)
        self.host.viewer(self.session(session["id"]), "in", 1)
        until("active", lambda: self.session(session["id"])["state"] == "active")
        self.operation_done(self.inst.call("POST", f"/my/sessions/{session['id']}/log-off"))
        self.assertEqual(self.session(session["id"])["state"], "ended")
        self.assertEqual(self.host.did("cut")[0]["reason"], "user-log-off")
        until("a new generation or removal", lambda: all(
            m["generation"] == 2 for m in self.host.machines.values()
            if m["desktop"] == session["desktop"]))

    def test_an_import_asked_for_before_the_first_host_links_waits_for_it(self):
        answer = self.inst.call("POST", "/templates/tiny/versions", {"path": "tiny.qcow2"})
        ident = answer.get("operation", answer)["id"]
        until("a word of what it waits for", lambda: "waiting for a hypervisor host" in
              self.inst.call("GET", f"/operations/{ident}")["text"])
        self.link()
        self.operation_done(answer)
        self.assertEqual(len(self.host.did("image_import")), 1)

    def test_a_display_that_refuses_or_says_nothing_gives_no_ticket(self):
        self.have_pool()
        session = self.inst.call("POST", "/my/sessions", {"pool": "office"})
        self.host.refuse.add("ticket")
        status, problem = self.inst.raw("POST", f"/api/v1/my/sessions/{session['id']}/ticket", {})
        self.assertEqual(status, 503, problem)
        self.host.refuse.clear()
        self.host.silent.add("ticket")
        began = time.monotonic()
        status, problem = self.inst.raw("POST", f"/api/v1/my/sessions/{session['id']}/ticket", {})
        self.assertEqual(status, 504, problem)
        self.assertLess(time.monotonic() - began, 12)

    def test_no_ticket_is_given_before_the_guest_has_the_session(self):
        self.have_pool()
        session = self.inst.call("POST", "/my/sessions", {"pool": "office"})
        self.host.silent.add("sign_on")
        answers = []
        asking = threading.Thread(target=lambda: answers.append(
            self.inst.raw("POST", f"/api/v1/my/sessions/{session['id']}/ticket", {})))
        asking.start()
        until("the ticket at the display", lambda: self.host.did("ticket"))
        sign_on = until("the sign-on", lambda: self.host.did("sign_on"))[0]
        asking.join(1)
        self.assertEqual(answers, [], "a ticket before the guest has the person's session")
        self.host.say({"type": "done", "id": sign_on["id"], "ok": True, "result": {}})
        asking.join(10)
        self.assertEqual([status for status, _ in answers], [201], answers)
        began = time.monotonic()
        self.inst.call("POST", f"/my/sessions/{session['id']}/ticket", {})
        self.assertLess(time.monotonic() - began, 2, "who is signed on waits for nothing")
        self.operation_done(self.inst.call("POST", f"/my/sessions/{session['id']}/log-off"))
        self.ready(1)
        slow = self.inst.call("POST", "/my/sessions", {"pool": "office"})
        path = f"/api/v1/my/sessions/{slow['id']}/ticket"
        began = time.monotonic()
        status, problem = self.inst.raw("POST", path, {})
        self.assertEqual((status, problem["code"]), (409, "signing-on"), problem)
        self.assertTrue(5 < time.monotonic() - began < 15, time.monotonic() - began)
        self.host.say({"type": "done", "id": self.host.did("sign_on")[-1]["id"], "ok": True,
                       "result": {}})
        until("a ticket", lambda: self.inst.raw("POST", path, {})[0] == 201)

    def test_what_was_acknowledged_survives_kill_9_and_the_link_comes_back(self):
        self.have_pool()
        session = self.inst.call("POST", "/my/sessions", {"pool": "office"})
        self.inst.call("POST", f"/my/sessions/{session['id']}/ticket", {})
        self.ready(1)
        for _ in range(3):
            self.inst.kill()
            self.inst.start()
            self.relink()
            until("the link", lambda: self.host.welcome)
            again = self.session(session["id"])
            self.assertEqual((again["state"], again["desktop"]),
                             ("connecting", session["desktop"]))
            self.assertIn(session["desktop"], self.host.machines)
        self.ready(1)
        self.assertEqual(len(self.host.machines), 2)
        self.assertEqual(self.host.machines[session["desktop"]]["generation"], 1)

    def test_a_host_enrols_once_with_its_token(self):
        answer = self.inst.call("POST", "/hosts/tokens", {"host": "h2"})
        name, secret, fingerprint = answer["token"].split(".")
        self.assertEqual(name, "h2")
        self.assertTrue(re.fullmatch("[0-9a-f]{64}", fingerprint))
        csr = subprocess.run(
            ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-keyout", self.inst.top / "h2.key", "-subj", "/CN=whatever"],
            check=True, capture_output=True).stdout.decode()
        request = {"type": "enrol", "version": 1, "token_secret": secret, "host": "h2",
                   "csr": csr}
        ca = self.inst.dir / "ca" / "ca.pem"
        link = fake_hostd.connect(self.inst.link, ca)
        fake_hostd.send(link, dict(request, host="h3"))
        self.assertEqual(fake_hostd.receive(link)["code"], "denied")
        link.close()
        link = fake_hostd.connect(self.inst.link, ca)
        fake_hostd.send(link, request)
        given = fake_hostd.receive(link)
        self.assertEqual(given["type"], "enrolled", given)
        link.close()
        (self.inst.top / "h2.pem").write_text(given["certificate"])
        text = subprocess.run(["openssl", "x509", "-noout", "-ext", "subjectAltName", "-in",
                               self.inst.top / "h2.pem"], check=True,
                              capture_output=True).stdout.decode()
        self.assertIn("URI:zaguan:host/h2", text)
        link = fake_hostd.connect(self.inst.link, ca)
        fake_hostd.send(link, request)
        self.assertEqual(fake_hostd.receive(link)["code"], "denied")
        link.close()

    def test_without_a_certificate_nothing_but_enrolment_is_taken(self):
        link = fake_hostd.connect(self.inst.link, self.inst.dir / "ca" / "ca.pem")
        fake_hostd.send(link, {"type": "hello", "version": 1, "host": "h1"})
        self.assertEqual(fake_hostd.receive(link)["type"], "error")
        link.close()
        link = fake_hostd.connect(self.inst.link, self.inst.dir / "ca" / "ca.pem")
        link.sendall(b"\xff\xff\xff\xff")
        self.assertIsNone(fake_hostd.receive(link))
        link.close()

    def test_a_host_cannot_speak_for_another(self):
        tls = self.inst.dir / "tls"
        link = fake_hostd.connect(self.inst.link, self.inst.dir / "ca" / "ca.pem",
                                  tls / "host.pem", tls / "host.key")
        fake_hostd.send(link, {"type": "hello", "version": 1, "host": "h9", "boot_id": "b",
                               "driver": "fake", "cpus": 1, "memory_mib": 1, "disk_mib": 1})
        self.assertEqual(fake_hostd.receive(link)["code"], "denied")
        link.close()

    def test_a_silent_host_is_suspected_then_lost_and_status_says_so(self):
        self.have_pool()
        self.host.close()
        until("suspected", lambda: self.inst.call("GET", "/hosts/h1")["state"] == "suspected", 8)
        until("lost", lambda: self.inst.call("GET", "/hosts/h1")["state"] == "lost", 22)
        status = self.inst.call("GET", "/status")
        self.assertEqual(status["state"], "degraded")
        self.assertTrue([p for p in status["problems"] if "h1" in p["thing"]])
        self.relink()
        until("linked", lambda: self.inst.call("GET", "/hosts/h1")["state"] == "linked")
        self.assertEqual(self.host.welcome["epoch"], 2)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
