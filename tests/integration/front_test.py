#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real front between a fake hostd, a fake broker and viewers; argv: the front's program."""
import contextlib
import ctypes
import errno
import hashlib
import http.client
import http.server
import json
import os
import secrets
import select
import shutil
import signal
import socket
import socketserver
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from console_client import Closed, WebSocket

PROGRAM = ""
ORIGIN = "https://desk.example"
DEADLINE_S = 20
PIDFD_GETFD, TCP_NOTSENT_LOWAT = 438, 25


def new_id():
    return secrets.token_hex(16)


class Hostd:
    """The other end of run/front.sock."""

    def __init__(self, path):
        self.path, self.link, self.seen = path, None, []
        self.ends = []
        self.connect()

    def connect(self):
        deadline = time.monotonic() + DEADLINE_S
        while True:
            self.link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            try:
                self.link.connect(self.path)
                break
            except OSError:
                self.link.close()
                if time.monotonic() > deadline:
                    raise
                select.select([], [], [], 0.02)
        self.send(type="hello", version=1, host="host1")
        assert self.expect(type="hello")["protocols"] == ["wss", "vnc"]

    def send(self, fd=None, **message):
        data = json.dumps(message).encode()
        if fd is None:
            self.link.send(data)
        else:
            socket.send_fds(self.link, [data], [fd])

    def expect(self, seconds=DEADLINE_S, **wanted):
        """The first report, seen already or coming, that has all these values; it is taken."""
        deadline = time.monotonic() + seconds
        at = 0
        while True:
            while at < len(self.seen):
                if all(self.seen[at].get(k) == v for k, v in wanted.items()):
                    return self.seen.pop(at)
                at += 1
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.link], [], [], left)[0]:
                raise AssertionError(f"no report {wanted}; seen: {self.seen}")
            data = self.link.recv(65536)
            if not data:
                raise AssertionError(f"the front closed the control socket; waited for {wanted}")
            self.seen.append(json.loads(data))

    def console(self, desktop, generation=1, epoch=1, wait=True):
        ours, theirs = socket.socketpair()
        self.ends.append(ours)
        self.send(fd=theirs.fileno(), type="console", desktop=desktop, generation=generation,
                  epoch=epoch, name="pool-1", title="Caja 3 «ñ»", profile="branch-5mbit")
        theirs.close()
        if wait:
            return self.expect(type="worker", desktop=desktop, state="running",
                               generation=generation)
        return None

    def ticket(self, desktop, session, ok=True, **fields):
        text = secrets.token_hex(32)
        order = {"type": "ticket", "id": new_id(), "desktop": desktop, "generation": 1, "epoch": 1,
                 "sha256": hashlib.sha256(text.encode()).hexdigest(), "ttl_ms": 60000,
                 "session": session, "user": "ana", "share": False, "view_only": False}
        order.update(fields)
        self.send(**order)
        done = self.expect(type="done", id=order["id"])
        assert done["ok"] == ok, done
        return text if ok else done

    def close(self):
        self.link.close()
        for end in self.ends:
            end.close()


class BrokerHandler(http.server.BaseHTTPRequestHandler):
    """Answers a few paths the way a test needs; keeps what it was asked."""
    protocol_version = "HTTP/1.1"

    def address_string(self):
        return "unix"

    def log_message(self, *args):
        pass

    def reply(self, status, body, kind="application/json"):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if data and self.command != "HEAD":
            self.wfile.write(data)

    def api(self, body):
        broker, path = self.server.owner, self.path.removeprefix("/api/v1")
        if path == "/sign-in":
            wish = json.loads(body)
            if wish["password"] != broker.password:
                self.reply(401, {"status": 401, "title": "Unauthorized", "detail": "no"})
            else:
                self.reply(200, {"user": wish["user"], "token": "tok-1"})
            return
        if self.headers.get("Authorization") != "Bearer tok-1":
            self.reply(401, {"detail": "no token"})
        elif path == "/my/pools":
            self.reply(200, {"items": broker.pools})
        elif path == "/my/sessions":
            broker.wished.append(json.loads(body)["pool"])
            self.reply(201, {"id": broker.session, "state": "pending"})
        elif path.endswith("/ticket"):
            self.reply(201, {"ticket": broker.make_ticket(), "expires_in_s": 60})
        elif path.startswith("/my/sessions/"):
            state = broker.states.pop(0) if len(broker.states) > 1 else broker.states[0]
            self.reply(200, {"id": broker.session, "state": state,
                             "reason_text": "No host is free."})
        elif path == "/sign-out":
            broker.signed_out.set()
            self.send_response(204)
            self.end_headers()
        else:
            self.reply(404, {"detail": "no such route"})

    def serve(self):
        n = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(n) if n else b""
        self.server.owner.heads.append((self.command, self.path, dict(self.headers.items())))
        if self.path.startswith("/api/v1/"):
            self.api(body)
        elif self.path == "/events":
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            self.wfile.write(b"data: one\n\n")
            self.wfile.flush()
            self.server.owner.go_on.wait(DEADLINE_S)
            self.wfile.write(b"data: two\n\n")
            self.close_connection = True
        elif self.path == "/echo":
            self.reply(200, body, "application/octet-stream")
        elif self.path == "/chunks":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"5\r\nhello\r\n1;x=y\r\n!\r\n0\r\n\r\n")
        elif self.path == "/torn":
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"half")
            self.close_connection = True
        elif self.path == "/big":
            self.reply(200, b"x" * (8 << 20), "application/octet-stream")
        else:
            self.reply(200, {"path": self.path})

    do_GET = do_POST = do_HEAD = do_PUT = do_DELETE = serve


class Broker(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def __init__(self, path):
        self.path, self.owner = path, self
        self.heads, self.wished, self.states, self.pools = [], [], ["connecting"], []
        self.password, self.session, self.make_ticket = "correct \"horse\"", new_id(), None
        self.go_on, self.signed_out = threading.Event(), threading.Event()
        super().__init__(path, BrokerHandler)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def get_request(self):
        request, _ = super().get_request()
        return request, ("unix", 0)

    def stop(self):
        self.shutdown()
        self.server_close()
        os.unlink(self.path)


class Rfb:
    """A viewer on 5900: VeNCrypt X509Plain."""

    def __init__(self, port, ca, user, password, timeout=DEADLINE_S):
        self.raw = socket.create_connection(("127.0.0.1", port), timeout)
        assert self.need(self.raw, 12) == b"RFB 003.008\n"
        self.raw.sendall(b"RFB 003.008\n")
        assert self.need(self.raw, 2) == b"\x01\x13"
        self.raw.sendall(b"\x13")
        assert self.need(self.raw, 2) == b"\0\x02"
        self.raw.sendall(b"\0\x02")
        assert self.need(self.raw, 6) == b"\0\x01" + struct.pack(">I", 262)
        self.raw.sendall(struct.pack(">I", 262))
        assert self.need(self.raw, 1) == b"\x01"
        context = ssl.create_default_context(cafile=ca)
        self.tls = context.wrap_socket(self.raw, server_hostname="127.0.0.1")
        user, password = user.encode(), password.encode()
        self.tls.sendall(struct.pack(">II", len(user), len(password)) + user + password)
        self.result = struct.unpack(">I", self.need(self.tls, 4))[0]
        self.reason = ""
        if self.result != 0:
            n = struct.unpack(">I", self.need(self.tls, 4))[0]
            self.reason = self.need(self.tls, n).decode()

    @staticmethod
    def need(link, n):
        data = b""
        while len(data) < n:
            chunk = link.recv(n - len(data))
            if not chunk:
                raise Closed(1006, f"connection lost after {data!r}")
            data += chunk
        return data

    def first_picture(self):
        self.tls.sendall(b"\x01")
        init = self.need(self.tls, 24)
        self.need(self.tls, struct.unpack(">I", init[20:24])[0])
        self.tls.sendall(b"\x03\0" + struct.pack(">HHHH", 0, 0, 640, 480))
        head = self.need(self.tls, 16)
        self.need(self.tls, 640 * 480 * 4)
        return struct.unpack(">HH", head[8:12])


class Echo:
    """A WebSocket viewer of the scripted worker."""

    def __init__(self, test, secret, kind="ticket", terminal="test", **options):
        self.web = WebSocket("127.0.0.1", test.https_port, test.ca, timeout=DEADLINE_S, **options)
        self.web.send(json.dumps({kind: secret, "terminal": terminal}).encode())
        self.answer = json.loads(self.web.message())
        self.resume = self.answer["resume"]

    def line(self):
        text = b""
        while not text.endswith(b"\n"):
            text += self.web.message()
        return text.decode().strip()

    def say(self, text):
        self.web.send((text + "\n").encode())


class FrontCase(unittest.TestCase):
    worker = None  # program; the front's own by default

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="zf")
        self.addCleanup(shutil.rmtree, self.dir)
        self.ca = os.path.join(self.dir, "ca.pem")
        self.make_certificate()
        config = {
            "name": "front1", "https-address": "127.0.0.1", "https-port": 0,
            "rfb-address": "127.0.0.1", "rfb-port": 0, "certificate": self.ca,
            "key": self.path("key.pem"), "broker": self.path("broker.sock"),
            "control": self.path("front.sock"), "portal-origin": ORIGIN, "worker-uid-base": 61000}
        if self.worker:
            config["worker"] = self.worker
        with open(self.path("front.conf"), "w", encoding="utf-8") as conf:
            conf.write("[front]\n" + "".join(f"{k}={v}\n" for k, v in config.items()))
        self.log = open(self.path("log"), "w+", encoding="utf-8")
        self.addCleanup(self.log.close)
        self.front = subprocess.Popen([PROGRAM, "--front", self.path("front.conf")],
                                      stderr=self.log, env={"ZAGUAN_LOG": "debug"})
        self.addCleanup(self.stop_front)
        self.hostd = Hostd(self.path("front.sock"))
        self.addCleanup(self.hostd.close)
        self.https_port, self.rfb_port = self.port("https"), self.port("rfb")
        self.desktop, self.session = new_id(), new_id()

    def path(self, name):
        return os.path.join(self.dir, name)

    def make_certificate(self):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "2", "-subj", "/CN=front", "-addext", "subjectAltName=IP:127.0.0.1",
             "-keyout", self.path("key.pem"), "-out", self.ca], check=True, capture_output=True)

    def stop_front(self):
        self.front.send_signal(signal.SIGTERM)
        code = self.front.wait(DEADLINE_S)
        with open(self.path("log"), encoding="utf-8") as log:
            text = log.read()
        self.assertEqual(code, 0, text)
        self.assertNotIn("AddressSanitizer", text)
        self.assertNotIn("runtime error", text)

    def port(self, what):
        """From the log line «listening»."""
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            with open(self.path("log"), encoding="utf-8") as log:
                for line in log:
                    if f"{what} on 127.0.0.1 port " in line:
                        return int(line.split("port ")[1].split()[0])
            select.select([], [], [], 0.02)
        raise AssertionError("the front did not say its port")

    def broker(self):
        broker = Broker(self.path("broker.sock"))
        self.addCleanup(lambda: os.path.exists(broker.path) and broker.stop())
        return broker

    def open(self, **fields):
        """A desktop with one viewer."""
        self.hostd.console(self.desktop)
        viewer = Echo(self, self.hostd.ticket(self.desktop, self.session, **fields))
        self.hostd.expect(type="viewer", event="in", session=self.session)
        return viewer

    def https(self, timeout=DEADLINE_S):
        context = ssl.create_default_context(cafile=self.ca)
        return http.client.HTTPSConnection("127.0.0.1", self.https_port, context=context,
                                           timeout=timeout)

    def tls(self):
        context = ssl.create_default_context(cafile=self.ca)
        raw = socket.create_connection(("127.0.0.1", self.https_port), DEADLINE_S)
        return context.wrap_socket(raw, server_hostname="127.0.0.1")

    def raw_request(self, data):
        with self.tls() as link:
            link.sendall(data)
            answer = b""
            with contextlib.suppress(ssl.SSLError, ConnectionError):
                while chunk := link.recv(65536):
                    answer += chunk
            return answer


class FrontTest(FrontCase):
    # Console by ticket.

    def test_a_ticket_opens_one_console_once(self):
        self.hostd.console(self.desktop)
        ticket = self.hostd.ticket(self.desktop, self.session)
        viewer = Echo(self, ticket, terminal="Caja 3", origin=ORIGIN)
        self.assertEqual(viewer.answer["desktop"], self.desktop)
        self.assertEqual(viewer.answer["title"], "Caja 3 «ñ»")
        self.assertEqual(viewer.answer["held_ms"], 180000)
        self.assertEqual(viewer.line(), "hello Caja 3 view_only=0 epoch=1")
        viewer.say("ping")
        self.assertEqual(viewer.line(), "ping")
        came = self.hostd.expect(type="viewer", event="in")
        self.assertEqual((came["user"], came["terminal"], came["protocol"], came["viewers"]),
                         ("ana", "Caja 3", "wss", 1))
        self.hostd.expect(type="viewer", event="first-frame", session=self.session)
        with self.assertRaises(Closed) as closed:
            Echo(self, ticket)
        self.assertEqual(closed.exception.code, 4401)
        self.assertIn("not valid any more", closed.exception.reason)
        viewer.say("still here")
        self.assertEqual(viewer.line(), "still here")

    def test_an_expired_ticket_is_refused(self):
        self.hostd.console(self.desktop)
        ticket = self.hostd.ticket(self.desktop, self.session, ttl_ms=1)
        select.select([], [], [], 0.05)
        with self.assertRaises(Closed) as closed:
            Echo(self, ticket)
        self.assertEqual(closed.exception.code, 4401)

    def test_a_ticket_for_another_generation_is_not_taken(self):
        self.hostd.console(self.desktop, generation=3, epoch=2)
        done = self.hostd.ticket(self.desktop, self.session, ok=False, generation=2, epoch=2)
        self.assertEqual(done["code"], "conflict")
        done = self.hostd.ticket(new_id(), self.session, ok=False)
        self.assertEqual(done["code"], "not-found")

    def test_a_foreign_origin_is_refused(self):
        with self.assertRaises(Closed) as closed:
            WebSocket("127.0.0.1", self.https_port, self.ca, origin="https://evil.example")
        self.assertEqual(closed.exception.code, 403)

    def test_what_is_not_a_ticket_message_is_refused(self):
        for first in (b"hello", b"{}", b'{"ticket":1}', b'{"ticket":"a","resume":"b"}'):
            web = WebSocket("127.0.0.1", self.https_port, self.ca)
            web.send(first)
            with self.assertRaises(Closed) as closed:
                web.message()
            self.assertEqual(closed.exception.code, 4400, first)
        web = WebSocket("127.0.0.1", self.https_port, self.ca)
        web.send(b"x" * 5000)
        with self.assertRaises(Closed) as closed:
            web.message()
        self.assertEqual(closed.exception.code, 4400)
        web = WebSocket("127.0.0.1", self.https_port, self.ca)
        web.send(b"{}", opcode=1)
        with self.assertRaises(Closed) as closed:
            web.message()
        self.assertEqual(closed.exception.code, 1003)

    def test_a_second_terminal_takes_over(self):
        first = self.open()
        self.assertEqual(first.line(), "hello test view_only=0 epoch=1")
        second = Echo(self, self.hostd.ticket(self.desktop, self.session), terminal="home")
        with self.assertRaises(Closed) as closed:
            first.web.message()
        self.assertEqual(closed.exception.code, 4402)
        self.hostd.expect(type="viewer", event="taken-over", session=self.session)
        self.assertEqual(second.line(), "hello home view_only=0 epoch=1")
        with self.assertRaises(Closed) as closed:
            Echo(self, first.resume, kind="resume")
        self.assertEqual(closed.exception.code, 4401)

    def test_a_shared_ticket_adds_a_viewer_that_only_looks(self):
        first = self.open()
        first.line()
        second = Echo(self, self.hostd.ticket(self.desktop, self.session, share=True,
                                              view_only=True))
        self.assertEqual(second.line(), "hello test view_only=1 epoch=1")
        came = self.hostd.expect(type="viewer", event="in", session=self.session)
        self.assertEqual(came["viewers"], 2)
        first.say("both")
        self.assertEqual(first.line(), "both")

    def test_a_lost_viewer_resumes_without_the_broker(self):
        first = self.open()
        first.line()
        first.web.drop()
        lost = self.hostd.expect(type="viewer", event="lost", session=self.session)
        self.assertEqual(lost["viewers"], 0)
        second = Echo(self, first.resume, kind="resume")
        self.assertEqual(second.line(), "hello test view_only=0 epoch=1")
        self.assertNotEqual(second.resume, first.resume)
        with self.assertRaises(Closed) as closed:
            Echo(self, first.resume, kind="resume")
        self.assertEqual(closed.exception.code, 4401)
        second.say("again")
        self.assertEqual(second.line(), "again")

    def test_a_resume_replaces_a_connection_whose_loss_was_not_noticed(self):
        first = self.open()
        first.line()
        second = Echo(self, first.resume, kind="resume")
        self.assertEqual(second.line(), "hello test view_only=0 epoch=1")
        with self.assertRaises(Closed) as closed:
            first.web.message()
        self.assertEqual(closed.exception.code, 4402)

    def test_a_viewer_that_closes_on_purpose_is_out(self):
        viewer = self.open()
        viewer.line()
        viewer.web.send(struct.pack(">H", 1000), opcode=8)
        with self.assertRaises(Closed) as closed:
            viewer.web.message()
        self.assertEqual(closed.exception.code, 1000)
        self.hostd.expect(type="viewer", event="out", session=self.session)
        with self.assertRaises(Closed) as closed:
            Echo(self, viewer.resume, kind="resume")
        self.assertEqual(closed.exception.code, 4401)

    # Orders of hostd.

    def test_cut_tells_the_person_why(self):
        viewer = self.open()
        viewer.line()
        self.hostd.send(type="cut", id="c1", desktop=self.desktop, session=self.session,
                        reason="log-off", user_text="You were signed off.")
        self.assertTrue(self.hostd.expect(type="done", id="c1")["ok"])
        with self.assertRaises(Closed) as closed:
            viewer.web.message()
        self.assertEqual((closed.exception.code, closed.exception.reason),
                         (4403, "You were signed off."))
        with self.assertRaises(Closed):
            Echo(self, viewer.resume, kind="resume")

    def test_absent_ends_worker_and_viewers(self):
        viewer = self.open()
        viewer.line()
        self.hostd.send(type="absent", desktop=self.desktop, reason="The desktop was removed.")
        self.hostd.expect(type="worker", desktop=self.desktop, state="gone")
        with self.assertRaises(Closed) as closed:
            viewer.web.message()
        self.assertEqual((closed.exception.code, closed.exception.reason),
                         (4404, "The desktop was removed."))

    def test_message_and_stats_reach_the_page(self):
        viewer = self.open()
        viewer.line()
        self.hostd.send(type="message", id="m1", desktop=self.desktop, text="Maintenance at 8")
        self.assertTrue(self.hostd.expect(type="done", id="m1")["ok"])
        viewer.say("!stats")
        stats = self.hostd.expect(type="stats", session=self.session)
        self.assertEqual((stats["frames"], stats["encodings"], stats["viewers"]), (3, ["raw"], 1))
        self.assertEqual((stats["rtt_us"], stats["rate_kbit"], stats["fps"], stats["bottleneck"]),
                         (1500, 4800, 23, "link"))
        viewer.say("x")
        viewer.line()
        self.assertIn({"type": "message", "text": "Maintenance at 8"}, viewer.web.texts)
        self.assertEqual([(t["frames"], t["rate_kbit"], t["bottleneck"]) for t in viewer.web.texts
                          if t["type"] == "stats"], [(3, 4800, "link")])

    def test_another_profile_reaches_the_running_worker(self):
        viewer = self.open()
        viewer.line()
        viewer.say("!profile")
        said = viewer.line()
        self.assertEqual(said, "branch-5mbit")  # as its console was given
        self.hostd.send(type="profile", desktop=self.desktop, generation=9, profile="lossless")
        self.hostd.send(type="profile", desktop=self.desktop, generation=1, profile="branch-2mbit")
        deadline = time.monotonic() + DEADLINE_S
        while said == "branch-5mbit" and time.monotonic() < deadline:
            viewer.say("!profile")
            said = viewer.line()
        self.assertEqual(said, "branch-2mbit")

    def test_an_older_console_is_refused(self):
        self.hostd.console(self.desktop, generation=2, epoch=5)
        self.hostd.console(self.desktop, generation=1, epoch=5, wait=False)
        self.assertEqual(self.hostd.expect(type="refused", desktop=self.desktop)["code"],
                         "conflict")
        self.hostd.console(self.desktop, generation=2, epoch=4, wait=False)
        self.hostd.expect(type="refused", desktop=self.desktop)

    def test_a_new_generation_cuts_the_viewers_and_starts_a_new_worker(self):
        viewer = self.open()
        viewer.line()
        self.hostd.send(type="list")
        old = self.hostd.expect(type="worker", desktop=self.desktop)["pid"]
        new = self.hostd.console(self.desktop, generation=2, epoch=1)["pid"]
        with self.assertRaises(Closed) as closed:
            viewer.web.message()
        self.assertEqual(closed.exception.code, 4404)
        self.assertNotEqual(old, new)

    def test_losing_hostd_changes_nothing(self):
        viewer = self.open()
        viewer.line()
        self.hostd.link.close()
        viewer.say("alone")
        self.assertEqual(viewer.line(), "alone")
        self.hostd.seen.clear()
        self.hostd.connect()
        self.hostd.send(type="list")
        self.hostd.expect(type="worker", desktop=self.desktop, state="running", width=640)
        self.hostd.expect(type="viewer", session=self.session)
        viewer.say("together")
        self.assertEqual(viewer.line(), "together")

    def test_what_is_not_an_order_ends_the_control_connection(self):
        for bad in (b"nonsense", b'{"type":"console","desktop":"x"}', b"{}"):
            self.hostd.link.send(bad)
            with self.assertRaises(AssertionError):
                self.hostd.expect(type="never")
            self.hostd.connect()

    # Workers.

    def test_a_killed_worker_is_told_and_replaced(self):
        viewer = self.open()
        viewer.line()
        viewer.say("!die")
        with self.assertRaises(Closed) as closed:
            viewer.web.message()
        self.assertEqual(closed.exception.code, 1001)
        self.hostd.expect(type="viewer", event="lost", session=self.session)
        lost = self.hostd.expect(type="worker", desktop=self.desktop, state="console-lost")
        self.assertIn("signal 9", lost["reason"])
        again = Echo(self, viewer.resume, kind="resume")  # waits for the new worker
        self.hostd.console(self.desktop)
        self.assertEqual(again.line(), "hello test view_only=0 epoch=1")

    def test_a_worker_that_says_what_it_should_not_is_ended_alone(self):
        other, session = new_id(), new_id()
        self.hostd.console(other)
        neighbour = Echo(self, self.hostd.ticket(other, session))
        neighbour.line()
        zeroes = "0" * 32
        for what, reason in (
                ("1 []", "not a message"), ("1 {\"type\":7}", "not a message"),
                ('1 {"type":"size","width":0,"height":480}', "not a message"),
                ('1 {"type":"viewer-gone","id":"../etc"}', "not a message"),
                ('1 {"type":"stats","id":"%s","encodings":[{}]}' % zeroes, "not a message"),
                ('1 {"type":"console-lost","reason":"%s"}' % ("x" * 3000), "not a message"),
                ('100000 {"type":"size","width":64,"height":48}', "too much")):
            self.desktop, self.session = new_id(), new_id()
            viewer = self.open()
            viewer.line()
            viewer.say("!says " + what)
            lost = self.hostd.expect(type="worker", desktop=self.desktop, state="console-lost")
            self.assertIn(reason, lost["reason"], what)
        neighbour.say("undisturbed")
        self.assertEqual(neighbour.line(), "undisturbed")

    def test_a_worker_has_nothing_but_its_own(self):
        viewer = self.open()
        viewer.line()
        viewer.say("!fds")
        found = dict(part.split("=") for part in viewer.line().split())
        self.assertEqual(found["fds"], "0")
        if os.geteuid() == 0:
            self.assertGreaterEqual(int(found["uid"]), 61000)

    def test_two_workers_have_different_users(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")
        pids = [self.hostd.console(new_id())["pid"] for _ in range(2)]
        uids = {os.stat(f"/proc/{pid}").st_uid for pid in pids}
        self.assertEqual(len(uids), 2)

    def test_the_workers_reason_reaches_the_person(self):
        viewer = self.open()
        viewer.line()
        viewer.say("!gone You sent what is not RFB.")
        with self.assertRaises(Closed) as closed:
            viewer.web.message()
        self.assertEqual(closed.exception.code, 4409)
        self.assertIn("not RFB", closed.exception.reason)

    def test_a_viewer_that_does_not_read_holds_the_worker_back(self):
        viewer = self.open()
        viewer.line()
        viewer.say("!flood 50000000")
        select.select([], [], [], 0.5)
        with open(f"/proc/{self.front.pid}/status", encoding="utf-8") as status:
            peak = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
        self.assertLess(peak, 120 * 1024)
        received = 0
        while received < 50000000:
            received += len(viewer.web.message())
        self.assertEqual(received, 50000000)
        viewer.say("after")
        self.assertEqual(viewer.line(), "after")

    def test_what_waits_in_the_kernel_for_a_person_is_little(self):
        viewer = self.open()
        viewer.line()
        port = viewer.web.socket.getsockname()[1]
        libc, options = ctypes.CDLL(None, use_errno=True), []
        pidfd = os.pidfd_open(self.front.pid)
        for name in os.listdir(f"/proc/{self.front.pid}/fd"):
            fd = libc.syscall(PIDFD_GETFD, pidfd, int(name), 0)
            if fd < 0 and ctypes.get_errno() == errno.EPERM:
                self.skipTest("descriptors of another process may not be looked at")
            with contextlib.suppress(OSError), socket.socket(fileno=fd) as theirs:
                if theirs.family == socket.AF_INET and theirs.getpeername()[1] == port:
                    options.append(theirs.getsockopt(socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT))
        os.close(pidfd)
        self.assertEqual(options, [32 * 1024])

    # HTTP.

    def test_requests_are_relayed_with_the_viewers_address(self):
        broker = self.broker()
        link = self.https()
        for body in (b"", b"x" * 200000):
            link.request("POST", "/echo", body, {"X-Zaguan-Peer": "6.6.6.6", "X-Other": "kept",
                                                 "Connection": "keep-alive, X-Hop", "X-Hop": "1"})
            answer = link.getresponse()
            self.assertEqual((answer.status, answer.read()), (200, body))
        _, _, head = broker.heads[-1]
        self.assertEqual(head["X-Zaguan-Peer"], "127.0.0.1")
        self.assertEqual(head["X-Other"], "kept")
        self.assertNotIn("X-Hop", head)
        link.request("HEAD", "/echo")
        self.assertEqual(link.getresponse().read(), b"")
        link.request("GET", "/chunks")
        self.assertEqual(link.getresponse().read(), b"hello!")
        link.request("GET", "/big")
        self.assertEqual(len(link.getresponse().read()), 8 << 20)
        link.close()

    def test_pipelined_requests_are_answered_in_order(self):
        self.broker()
        answer = self.raw_request(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
                                  b"GET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        self.assertLess(answer.index(b'"/a"'), answer.index(b'"/b"'))

    def test_events_flow_at_once(self):
        broker = self.broker()
        link = self.https()
        link.request("GET", "/events")
        answer = link.getresponse()
        self.assertEqual(answer.readline() + answer.readline(), b"data: one\n\n")
        broker.go_on.set()
        self.assertEqual(answer.read(), b"data: two\n\n")
        link.close()

    def test_a_torn_answer_looks_torn(self):
        self.broker()
        link = self.https()
        link.request("GET", "/torn")
        with self.assertRaises((http.client.IncompleteRead, ssl.SSLError, ConnectionError)):
            link.getresponse().read()
        link.close()

    def test_without_a_broker_people_are_told(self):
        link = self.https()
        link.request("GET", "/api/v1/me")
        answer = link.getresponse()
        self.assertEqual(answer.status, 503)
        self.assertEqual(answer.getheader("Content-Type"), "application/problem+json")
        problem = json.loads(answer.read())
        self.assertEqual((problem["status"], problem["code"]), (503, "unavailable"))
        self.assertEqual(problem["type"], "urn:zaguan:problem:unavailable")
        self.assertRegex(problem["trace_id"], "^[0-9a-f]{16}$")
        self.assertTrue(problem["hint"])
        self.assertEqual(answer.getheader("X-Content-Type-Options"), "nosniff")
        self.assertEqual(answer.getheader("X-Trace-Id"), problem["trace_id"])
        self.assertEqual(answer.getheader("Retry-After"), "5")
        link.close()

    def test_heads_that_are_wrong_are_refused(self):
        host = b"Host: x\r\n"
        cases = {
            b"400": [b"GET / HTTP/1.1\nHost: x\n\n", b"GET / HTTP/1.1\r\n" + host + b" folded\r\n\r\n",
                     b"GET / HTTP/1.1\r\n" + host + b"A: \0\r\n\r\n",
                     b"POST / HTTP/1.1\r\n" + host +
                     b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
                     b"GET / HTTP/1.1\r\n\r\n"],
            b"411": [b"POST / HTTP/1.1\r\n" + host + b"Transfer-Encoding: chunked\r\n\r\n"],
            b"431": [b"GET / HTTP/1.1\r\n" + host + b"A: " + b"x" * 17000 + b"\r\n\r\n"],
            b"501": [b"CONNECT a:1 HTTP/1.1\r\n" + host + b"\r\n"],
            b"505": [b"GET / HTTP/2.0\r\n" + host + b"\r\n"],
        }
        for status, requests in cases.items():
            for request in requests:
                answer = self.raw_request(request)
                self.assertEqual(answer[9:12], status, (request[:80], answer[:200]))

    def test_a_slow_head_is_cut_off(self):
        link = self.tls()
        link.sendall(b"GET / HTTP/1.1\r\nHos")
        begun = time.monotonic()
        answer = link.recv(4096)
        self.assertTrue(answer == b"" or b" 408 " in answer, answer)
        self.assertLess(time.monotonic() - begun, 12)
        link.close()

    def test_silence_before_tls_is_cut_off(self):
        links = [socket.create_connection(("127.0.0.1", p), 15)
                 for p in (self.https_port, self.rfb_port)]
        begun = time.monotonic()
        self.assertEqual(Rfb.need(links[1], 12), b"RFB 003.008\n")
        for link in links:
            with contextlib.suppress(ConnectionError):
                self.assertEqual(link.recv(1), b"")
            link.close()
        self.assertLess(time.monotonic() - begun, 13)

    def rfb_stranger(self, stage):
        """A connection on 5900 that goes silent after `stage` steps."""
        steps = [(12, b"RFB 003.008\n"), (2, b"\x13"), (2, b"\0\x02"), (6, struct.pack(">I", 262))]
        link = socket.create_connection(("127.0.0.1", self.rfb_port), 15)
        for n, answer in steps[:stage]:
            Rfb.need(link, n)
            link.sendall(answer)
        return link

    def test_a_stranger_is_cut_off_at_any_stage(self):
        begun = time.monotonic()
        # Not where a VNC viewer asks its person for name and password: those have places of their own.
        links = [self.rfb_stranger(stage) for stage in range(5)]
        links.append(self.tls())  # TLS, and no request
        links.append(WebSocket("127.0.0.1", self.https_port, self.ca).socket)  # and no ticket
        for stage, link in enumerate(links):
            link.settimeout(15)
            with self.subTest(stage=stage), contextlib.suppress(ConnectionError, ssl.SSLError):
                while link.recv(4096):
                    pass
                self.assertLess(time.monotonic() - begun, 13)
            link.close()
        self.assertGreater(time.monotonic() - begun, 5)  # people are slower than programs

    def test_one_address_cannot_take_every_place(self):
        links = [socket.create_connection(("127.0.0.1", self.https_port), DEADLINE_S)
                 for _ in range(128)]
        extra = socket.create_connection(("127.0.0.1", self.https_port), DEADLINE_S)
        with contextlib.suppress(ConnectionError):
            self.assertEqual(extra.recv(1), b"")
        extra.close()
        for link in links:
            link.close()

    def test_a_new_certificate_is_served_after_sighup(self):
        before = ssl.get_server_certificate(("127.0.0.1", self.https_port))
        self.make_certificate()
        self.front.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + DEADLINE_S
        while ssl.get_server_certificate(("127.0.0.1", self.https_port)) == before:
            self.assertLess(time.monotonic(), deadline)

    # VNC viewers.

    def test_a_ticket_works_on_the_rfb_port(self):
        self.hostd.console(self.desktop)
        viewer = Rfb(self.rfb_port, self.ca, "ticket",
                     self.hostd.ticket(self.desktop, self.session))
        self.assertEqual((viewer.result, viewer.first_picture()), (0, (640, 480)))
        came = self.hostd.expect(type="viewer", event="in")
        self.assertEqual(came["protocol"], "vnc")
        viewer.tls.unwrap()
        self.hostd.expect(type="viewer", event="out")

    def test_a_wrong_ticket_is_refused_on_the_rfb_port(self):
        viewer = Rfb(self.rfb_port, self.ca, "ticket", "0" * 64)
        self.assertEqual(viewer.result, 1)
        self.assertIn("not valid any more", viewer.reason)

    def test_name_and_password_open_the_desktop(self):
        broker = self.broker()
        self.hostd.console(self.desktop)
        broker.pools = [{"pool": "other", "state": "available"},
                        {"pool": "office", "state": "held", "session": broker.session}]
        broker.states = ["pending", "connecting"]
        broker.make_ticket = lambda: self.hostd.ticket(self.desktop, broker.session)
        viewer = Rfb(self.rfb_port, self.ca, "ana", broker.password)
        self.assertEqual((viewer.result, viewer.reason), (0, ""))
        self.assertEqual(viewer.first_picture(), (640, 480))
        self.assertEqual(broker.wished, ["office"])
        self.assertTrue(broker.signed_out.wait(DEADLINE_S))
        self.assertTrue(all(h["X-Zaguan-Peer"] == "127.0.0.1" for _, _, h in broker.heads))
        with open(self.path("log"), encoding="utf-8") as log:
            self.assertNotIn("horse", log.read())

    def test_a_wrong_password_is_told_in_words(self):
        self.broker()
        viewer = Rfb(self.rfb_port, self.ca, "ana", "wrong")
        self.assertEqual((viewer.result, viewer.reason),
                         (1, "The user name or the password is wrong."))

    def test_a_desktop_that_cannot_start_is_told_in_words(self):
        broker = self.broker()
        broker.pools = [{"pool": "office", "state": "available"}]
        broker.states = ["ended"]
        viewer = Rfb(self.rfb_port, self.ca, "ana", broker.password)
        self.assertEqual(viewer.reason, "Your desktop could not be started: No host is free.")

    def test_without_a_broker_vnc_viewers_are_told(self):
        viewer = Rfb(self.rfb_port, self.ca, "ana", "x")
        self.assertIn("does not answer", viewer.reason)


class BrokenWorkerTest(FrontCase):
    worker = "/usr/bin/false"

    def test_a_worker_that_dies_at_once_is_asked_for_with_growing_pauses(self):
        begun = time.monotonic()
        for _ in range(4):
            self.hostd.console(self.desktop, wait=False)
            lost = self.hostd.expect(type="worker", desktop=self.desktop, state="console-lost")
            self.assertIn("status 1", lost["reason"])
        self.assertGreater(time.monotonic() - begun, 3)


class SilentWorkerTest(FrontCase):
    def setUp(self):
        folder = tempfile.mkdtemp(prefix="zf")
        self.addCleanup(shutil.rmtree, folder)
        self.worker = shutil.copy(PROGRAM, os.path.join(folder, "silent-worker"))
        super().setUp()

    def test_a_worker_that_does_not_become_ready_is_killed(self):
        self.hostd.console(self.desktop, wait=False)
        begun = time.monotonic()
        lost = self.hostd.expect(type="worker", desktop=self.desktop, state="console-lost")
        self.assertIn("ready", lost["reason"])
        self.assertLess(time.monotonic() - begun, 8)

    def test_a_worker_that_takes_no_orders_is_said_and_the_front_goes_on(self):
        def refused():
            return next((m for m in self.hostd.seen if m["type"] == "refused"), None)
        for epoch in range(1, 2000):
            self.hostd.console(self.desktop, epoch=epoch, wait=False)
            self.hostd.ends.pop().close()
            if epoch % 50 == 0:
                self.hostd.send(type="message", id=f"m{epoch}", desktop=self.desktop, text="?")
                self.hostd.expect(type="done", id=f"m{epoch}")
                if refused():
                    break
        self.assertEqual(refused()["code"], "unavailable")
        self.assertIn("does not answer", refused()["message"])

    def test_a_worker_that_does_not_stop_is_killed(self):
        self.hostd.console(self.desktop, wait=False)
        self.hostd.send(type="list")
        pid = self.hostd.expect(type="worker", desktop=self.desktop)["pid"]
        self.hostd.send(type="absent", desktop=self.desktop, reason="gone")
        self.hostd.expect(type="worker", desktop=self.desktop, state="gone")
        deadline = time.monotonic() + DEADLINE_S
        while os.path.exists(f"/proc/{pid}"):
            self.assertLess(time.monotonic(), deadline)
            select.select([], [], [], 0.05)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main(verbosity=2, warnings="ignore")
