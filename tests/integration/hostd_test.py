#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""zaguan-hostd with the real embedded libvirt, between a broker and a front that speak the
protocols without sharing code: start, console, kill -9 and adoption, refresh, removal, imports."""
import array
import json
import os
import pathlib
import secrets
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

HOSTD = os.environ["ZAGUAN_HOSTD"]
REAPER = os.environ["ZAGUAN_REAPER"]
DEADLINE_S = 60


def run(*argv, **kwargs):
    return subprocess.run(argv, check=True, capture_output=True, **kwargs)


def until(what, condition, deadline_s=DEADLINE_S):
    """Waits on a condition that other threads notify; returns its first true value."""
    end = time.monotonic() + deadline_s
    with Seen.changed:
        while True:
            value = condition()
            if value:
                return value
            left = end - time.monotonic()
            if left <= 0:
                raise AssertionError(f"waited {deadline_s} s for: {what}")
            Seen.changed.wait(min(left, 0.5))


class Seen:
    changed = threading.Condition()


class Authority:
    """An installation's CA with the certificates of a broker and a host."""

    def __init__(self, folder):
        self.folder = folder
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-keyout", folder / "ca.key", "-out", folder / "ca.pem", "-days", "2",
            "-subj", "/CN=test CA")
        self.issue("broker", "URI:zaguan:broker")
        self.issue("host", "URI:zaguan:host/host1")

    def sign(self, csr, out, uri):
        ext = self.folder / "ext"
        ext.write_text(f"subjectAltName={uri}\n")
        run("openssl", "x509", "-req", "-in", csr, "-CA", self.folder / "ca.pem", "-CAkey",
            self.folder / "ca.key", "-CAcreateserial", "-days", "2", "-extfile", ext, "-out", out)

    def issue(self, name, uri):
        csr = self.folder / f"{name}.csr"
        run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", self.folder / f"{name}.key", "-out", csr, "-subj", f"/CN={name}")
        self.sign(csr, self.folder / f"{name}.pem", uri)

    def fingerprint(self):
        der = ssl.PEM_cert_to_DER_cert((self.folder / "ca.pem").read_text())
        import hashlib
        return hashlib.sha256(der).hexdigest()


class Broker:
    """Accepts one link after another and keeps what came."""

    def __init__(self, path, authority, token_secret=None):
        self.authority = authority
        self.token_secret = token_secret
        self.messages = []
        self.link = None
        self.enrolled = 0
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(path))
        self.listener.listen(5)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_3
        chain = authority.folder / "broker-chain.pem"
        chain.write_text((authority.folder / "broker.pem").read_text() +
                         (authority.folder / "ca.pem").read_text())
        self.context.load_cert_chain(chain, authority.folder / "broker.key")
        self.context.load_verify_locations(authority.folder / "ca.pem")
        self.context.verify_mode = ssl.CERT_OPTIONAL
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            plain, _ = self.listener.accept()
            try:
                link = self.context.wrap_socket(plain, server_side=True)
                self.serve(link)
            except OSError:
                pass
            with Seen.changed:
                self.link = None
                Seen.changed.notify_all()

    def serve(self, link):
        stream = link.makefile("rb")
        while True:
            head = stream.read(4)
            if len(head) < 4:
                return
            message = json.loads(stream.read(struct.unpack(">I", head)[0]))
            if message["type"] == "hello":
                self.write(link, {"type": "welcome", "version": 1, "epoch": 1,
                                  "heartbeat_ms": 1000})
            elif message["type"] == "ping":
                self.write(link, {"type": "pong", "n": message["n"]})
            elif message["type"] == "enrol":
                self.enrol(link, message)
                return
            with Seen.changed:
                if message["type"] == "hello":
                    self.link = link
                self.messages.append(message)
                Seen.changed.notify_all()

    def enrol(self, link, message):
        if message["token_secret"] != self.token_secret:
            self.write(link, {"type": "error", "code": "denied", "message": "no such token"})
            return
        csr = self.authority.folder / "enrol.csr"
        out = self.authority.folder / "enrol.pem"
        csr.write_text(message["csr"])
        self.authority.sign(csr, out, f"URI:zaguan:host/{message['host']}")
        self.write(link, {"type": "enrolled", "certificate": out.read_text(),
                          "ca": (self.authority.folder / "ca.pem").read_text()})
        self.enrolled += 1

    @staticmethod
    def write(link, message):
        text = json.dumps(message).encode()
        link.sendall(struct.pack(">I", len(text)) + text)

    def send(self, message):
        until("a link", lambda: self.link is not None)
        self.write(self.link, message)

    def command(self, kind, deadline_s=DEADLINE_S, command_id=None, **fields):
        command_id = command_id or secrets.token_hex(16)
        seen = len(self.messages)
        self.send({"type": "command", "id": command_id, "deadline_ms": deadline_s * 1000,
                   "kind": kind, **fields})
        return until(f"the end of {kind}", lambda: next(
            (m for m in self.messages[seen:] if m["type"] == "done" and m["id"] == command_id),
            None))

    def last_seen(self, desktop):
        """Newest observation of one desktop, None when a later full report lacks it."""
        for message in reversed(self.messages):
            if message["type"] == "report":
                for observed in message["desktops"]:
                    if observed["desktop"] == desktop:
                        return observed
                if message["full"]:
                    return None
        return None


class Front:
    """Takes consoles and answers that a worker shows them."""

    def __init__(self, path):
        self.messages = []
        self.consoles = []
        self.socket = None
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(str(path))
        self.listener.listen(5)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            self.socket, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(self.socket,), daemon=True).start()

    def serve(self, peer):
        while True:
            fds = array.array("i")
            try:
                text, ancillary, _, _ = peer.recvmsg(65536, socket.CMSG_SPACE(fds.itemsize))
            except OSError:
                return
            if not text:
                return
            for _, _, data in ancillary:
                fds.frombytes(data[:fds.itemsize])
            message = json.loads(text)
            self.answer(message, fds[0] if fds else None)
            with Seen.changed:
                self.messages.append(message)
                Seen.changed.notify_all()

    def answer(self, message, fd):
        if message["type"] == "hello":
            self.send({"type": "hello", "version": 1, "front": "front1", "protocols": ["wss"]})
        elif message["type"] == "console":
            self.consoles.append((message, fd))
            self.send({"type": "worker", "desktop": message["desktop"],
                       "generation": message["generation"], "epoch": message["epoch"],
                       "state": "running", "pid": 1, "width": 640, "height": 480, "reason": ""})
        elif message["type"] in ("ticket", "cut", "message"):
            self.send({"type": "done", "id": message["id"], "ok": True, "code": "",
                       "message": ""})

    def send(self, message):
        self.socket.send(json.dumps(message).encode())


class HostdTest(unittest.TestCase):
    uri = "qemu:///embed?root={}/hostd/libvirt"
    deny = ""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="zg-hostd-"))
        for name in ("tls", "incoming", "run"):
            (self.folder / name).mkdir()
        (self.folder / "hostd").mkdir(mode=0o700)
        for name in ("libvirt", "images", "desktops", "commands", "run"):
            (self.folder / "hostd" / name).mkdir(mode=0o700)  # as `zaguan init` leaves them
        self.authority = Authority(self.folder / "tls")
        self.broker = Broker(self.folder / "run/link.sock", self.authority, "a" * 64)
        self.front = Front(self.folder / "run/front.sock")
        self.reapers = []
        self.log = open(self.folder / "hostd.log", "ab")
        self.desktop = secrets.token_hex(16)

    def tearDown(self):
        if any(r.poll() is None for r in self.reapers):
            self.broker.messages.clear()
            try:
                self.broker.send({"type": "desired_all", "desktops": []})
                until("an empty host", lambda: any(
                    m["type"] == "report" and m["full"] and not m["desktops"]
                    for m in self.broker.messages), 30)
            except AssertionError:
                pass
            os.kill(self.pid, signal.SIGTERM)
            for reaper in self.reapers:
                reaper.wait(30)
        self.log.close()
        if os.environ.get("ZAGUAN_KEEP") != "1":
            shutil.rmtree(self.folder, ignore_errors=True)

    def configure(self, enrol=False):
        tls = self.folder / "tls"
        own = self.folder / "own"
        own.mkdir(exist_ok=True)
        certificate = own if enrol else tls
        text = f"""[hostd]
name = host1
state-directory = {self.folder}/hostd
broker = unix:{self.folder}/run/link.sock
front = {self.folder}/run/front.sock
certificate = {certificate}/host.pem
key = {certificate}/host.key
ca = {certificate}/ca.pem
incoming = {self.folder}/incoming
{f"join-token-file = {own}/token" if enrol else ""}
[libvirt]
uri = {self.uri.format(self.folder)}
[network]
nat = true
deny = {self.deny}
[limits]
memory-reserve-mib = 64
disk-reserve-mib = 64
starts-at-once = 2
"""
        (self.folder / "hostd.conf").write_text(text)

    def start(self):
        reaper = subprocess.Popen([REAPER, HOSTD, "--config", self.folder / "hostd.conf"],
                                  stdout=subprocess.PIPE, stderr=self.log)
        self.pid = int(reaper.stdout.readline())
        self.reapers.append(reaper)
        until("a hello", lambda: self.broker.link is not None)

    def import_image(self, version=1, name="disk.qcow2"):
        run("qemu-img", "create", "-q", "-f", "qcow2", self.folder / "incoming" / name, "8M")
        return self.broker.command("image_import", template="tiny", version=version, path=name,
                                   os="none")

    def want(self, generation=1, power="on", version=1, **spec):
        self.broker.send({
            "type": "desired", "desktop": self.desktop, "generation": generation, "epoch": 1,
            "power": power, "spec": {
                "name": "desk-1", "pool": "pool", "template": "tiny", "version": version,
                "memory_mib": 64, "vcpus": 1, "disk_mib": 64, "network": "nat", "profile": "branch-5mbit",
                "locale": "es_ES.UTF-8", "keyboard": "es", "time_zone": "Europe/Madrid",
                "title": "Desk & <1>", **spec}})

    def wait_observed(self, what, check):
        return until(what, lambda: (lambda o: o if o and check(o) else None)(
            self.broker.last_seen(self.desktop)))

    def running(self, generation=1):
        return self.wait_observed("a running desktop", lambda o: o["power"] == "on" and
                                  o["console"] and o["generation"] == generation)

    def qemu_pid(self):
        for entry in os.listdir("/proc"):
            try:
                command = pathlib.Path(f"/proc/{entry}/cmdline").read_bytes()
            except OSError:
                continue
            if b"qemu-system" in command and self.desktop.encode() in command:
                return int(entry)
        return None

    def overlay(self, generation):
        return self.folder / f"hostd/desktops/{self.desktop}/{generation}/disk.qcow2"


class Life(HostdTest):
    def test_a_desktop_lives_through_everything(self):
        self.configure()
        self.start()
        hello = self.broker.messages[0]
        self.assertEqual(hello["driver"], "embed")
        self.assertTrue(hello["accel_reason"])
        done = self.import_image()
        self.assertTrue(done["ok"], done)
        self.assertEqual(len(done["result"]["sha256"]), 64)

        begin = time.monotonic()
        self.want()
        self.running()
        print(f"wish to console: {time.monotonic() - begin:.2f} s")
        message, console = self.front.consoles[-1]
        self.assertEqual((message["desktop"], message["title"], message["profile"]),
                         (self.desktop, "Desk & <1>", "branch-5mbit"))
        self.assertEqual(os.read(console, 12), b"RFB 003.008\n")
        qemu = self.qemu_pid()
        status = pathlib.Path(f"/proc/{qemu}/status").read_text()
        self.assertNotIn("\nUid:\t0\t", status)
        self.assertIn(b"-sandbox", pathlib.Path(f"/proc/{qemu}/cmdline").read_bytes())

        self.want(profile="branch-2mbit")
        told = until("the profile", lambda: next(
            (m for m in self.front.messages if m["type"] == "profile"), None))
        self.assertEqual((told["desktop"], told["generation"], told["profile"]),
                         (self.desktop, 1, "branch-2mbit"))

        self.kill_and_adopt(qemu)
        self.refresh()
        self.commands_run_once()
        self.suspend_and_resume()
        self.remove()

    def kill_and_adopt(self, qemu):
        os.kill(self.pid, signal.SIGKILL)
        until("the link's end", lambda: self.broker.link is None)
        self.assertEqual(self.qemu_pid(), qemu)
        self.broker.messages.clear()
        n_consoles = len(self.front.consoles)
        self.start()
        self.running()
        self.assertEqual(self.qemu_pid(), qemu)
        until("a new console", lambda: len(self.front.consoles) > n_consoles)
        self.assertEqual(os.read(self.front.consoles[-1][1], 12), b"RFB 003.008\n")

    def refresh(self):
        old = self.overlay(1)
        self.assertTrue(old.exists())
        begin = time.monotonic()
        self.want(generation=2)
        self.running(generation=2)
        print(f"refresh to console: {time.monotonic() - begin:.2f} s")
        self.assertFalse(old.exists())
        self.assertTrue(self.overlay(2).exists())
        info = json.loads(run("qemu-img", "info", "-U", "--output=json", self.overlay(2)).stdout)
        self.assertEqual(info["virtual-size"], 64 << 20)
        self.want(generation=1)  # an old wish changes nothing
        self.assertTrue(self.command_ok("cut", session="0" * 32, reason="x", user_text="x"))
        self.assertTrue(self.overlay(2).exists())

    def command_ok(self, kind, **fields):
        done = self.broker.command(kind, desktop=self.desktop, **fields)
        return done["ok"]

    def commands_run_once(self):
        fields = dict(desktop=self.desktop, generation=2, epoch=1, sha256="b" * 64, ttl_ms=1000,
                      session="c" * 32, user="ana", share=False, view_only=False)
        command_id = secrets.token_hex(16)
        for _ in range(2):
            done = self.broker.command("ticket", command_id=command_id, **fields)
            self.assertTrue(done["ok"], done)
        tickets = [m for m in self.front.messages if m["type"] == "ticket"]
        self.assertEqual(len(tickets), 1)
        self.assertEqual(tickets[0]["sha256"], "b" * 64)
        in_use = self.broker.command("image_remove", template="tiny", version=1)
        self.assertEqual(in_use["code"], "conflict")

    def suspend_and_resume(self):
        self.assertTrue(self.command_ok("suspend"))
        self.wait_observed("a suspended desktop", lambda o: o["power"] == "suspended")
        self.assertIsNone(self.qemu_pid())
        self.want(generation=2)
        self.running(generation=2)

    def remove(self):
        self.broker.send({"type": "desired_all", "desktops": []})
        until("the removal", lambda: self.broker.last_seen(self.desktop) is None)
        self.assertIsNone(self.qemu_pid())
        self.assertFalse((self.folder / f"hostd/desktops/{self.desktop}").exists())
        self.assertTrue(self.broker.command("image_remove", template="tiny", version=1)["ok"])


class Stopping(HostdTest):
    def test_guests_run_on_when_hostd_stops_and_are_saved_when_told(self):
        self.configure()
        self.start()
        self.import_image()
        self.want()
        self.running()
        qemu = self.qemu_pid()
        os.kill(self.pid, signal.SIGTERM)
        until("the link's end", lambda: self.broker.link is None)
        self.assertEqual(self.qemu_pid(), qemu)
        self.broker.messages.clear()
        self.start()
        self.running()
        self.assertEqual(self.qemu_pid(), qemu)
        os.kill(self.pid, signal.SIGUSR1)
        for reaper in self.reapers:
            reaper.wait(60)  # guests, way out and holder ended too
        self.assertIsNone(self.qemu_pid())
        self.broker.messages.clear()
        begin = time.monotonic()
        self.start()
        self.running()
        print(f"start of hostd to resumed console: {time.monotonic() - begin:.2f} s")


class Imports(HostdTest):
    def test_what_must_not_become_an_image_is_refused(self):
        self.configure()
        self.start()
        incoming = self.folder / "incoming"
        base = incoming / "base.qcow2"
        run("qemu-img", "create", "-q", "-f", "qcow2", base, "8M")
        run("qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", base,
            incoming / "backed.qcow2")
        (incoming / "link.qcow2").symlink_to(base)
        os.mkfifo(incoming / "pipe.qcow2")
        (incoming / "text.qcow2").write_text("hello")
        run("qemu-img", "create", "-q", "-f", "qcow2", "-o", f"data_file={incoming}/raw",
            incoming / "split.qcow2", "8M")
        damaged = bytearray(base.read_bytes())
        run("qemu-io", "-c", "write 0 1M", base)
        damaged = bytearray(base.read_bytes())
        l1 = struct.unpack(">Q", damaged[40:48])[0]
        damaged[l1:l1 + 8] = struct.pack(">Q", 0x7fffffff0000)
        (incoming / "damaged.qcow2").write_bytes(damaged)
        for path, word in (("backed.qcow2", "backing file"), ("link.qcow2", "symbolic link"),
                           ("pipe.qcow2", "not an ordinary file"), ("text.qcow2", "not a qcow2"),
                           ("split.qcow2", "another file"), ("damaged.qcow2", "damaged"),
                           ("../hostd.conf", "only a file name"), ("none.qcow2", "No such file")):
            with self.subTest(path=path):
                done = self.broker.command("image_import", template="tiny", version=1, path=path)
                self.assertFalse(done["ok"])
                self.assertIn(word, done["message"])
        self.assertEqual([p for p in (self.folder / "hostd/images").rglob("*") if p.is_file()], [])

    def test_a_sealed_version_never_changes(self):
        self.configure()
        self.start()
        first = self.import_image()
        again = self.import_image()
        self.assertEqual(first["result"]["sha256"], again["result"]["sha256"])
        disk = self.folder / "hostd/images/tiny/1/disk.qcow2"
        self.assertEqual(disk.stat().st_mode & 0o777, 0o444)
        run("qemu-img", "create", "-q", "-f", "qcow2", self.folder / "incoming/other.qcow2", "9M")
        other = self.broker.command("image_import", template="tiny", version=1, path="other.qcow2")
        self.assertEqual(other["code"], "conflict")


class Trouble(HostdTest):
    def test_reasons_are_reported_and_heal(self):
        self.configure()
        self.start()
        self.want()
        missing = self.wait_observed("an error", lambda o: o["error"])
        self.assertEqual(missing["error"]["code"], "not-found")
        self.import_image()
        self.running()
        self.desktop = secrets.token_hex(16)
        self.want(memory_mib=1 << 20)
        big = self.wait_observed("an error", lambda o: o["error"])
        self.assertIn("not enough memory", big["error"]["message"])

    @unittest.skipUnless(os.getuid() == 0, "only root chooses whom guests run as")
    def test_a_hypervisor_that_could_not_start_is_tried_by_the_next_process(self):
        self.configure()
        good = (self.folder / "hostd.conf").read_text()
        (self.folder / "hostd.conf").write_text(
            good.replace("[libvirt]\n", "[libvirt]\nqemu-user = zg-nobody-at-all\n"))
        first = subprocess.Popen([REAPER, HOSTD, "--config", self.folder / "hostd.conf"],
                                 stdout=subprocess.PIPE, stderr=self.log)
        self.reapers.append(first)
        pid = int(first.stdout.readline())
        until("the end of hostd", lambda: not pathlib.Path(f"/proc/{pid}").exists(), 30)
        self.assertIn("to be started again", (self.folder / "hostd.log").read_text())
        (self.folder / "hostd.conf").write_text(good)
        self.start()

    def test_a_killed_guest_is_started_again_on_its_disk(self):
        self.configure()
        self.start()
        self.import_image()
        self.want()
        self.running()
        qemu = self.qemu_pid()
        os.kill(qemu, signal.SIGKILL)
        self.wait_observed("the loss", lambda o: o["error"])
        self.running()
        self.assertNotEqual(self.qemu_pid(), qemu)
        self.assertTrue(self.overlay(1).exists())


class Network(HostdTest):
    """What QEMU could connect to, tried from the very namespaces it runs in."""

    OTHER, DENIED = "198.18.77.2", "198.18.77.3"
    deny = f"{DENIED};192.0.2.0/24"

    def setUp(self):
        super().setUp()
        self.space = f"zg-{os.getpid()}"
        self.away = []

    def tearDown(self):
        super().tearDown()
        for argv in self.away:
            subprocess.run(argv, check=False)

    def machine_elsewhere(self):
        """Another machine, reached from the host over a wire of its own."""
        def ip(*argv):
            run("ip", *argv)
        ip("netns", "add", self.space)
        self.away.append(["ip", "netns", "delete", self.space])
        ip("link", "add", "zgtest0", "type", "veth", "peer", "name", "zgtest1", "netns", self.space)
        ip("address", "add", "198.18.77.1/24", "dev", "zgtest0")
        ip("link", "set", "zgtest0", "up")
        for address in (self.OTHER, self.DENIED):
            ip("-n", self.space, "address", "add", f"{address}/24", "dev", "zgtest1")
        ip("-n", self.space, "link", "set", "zgtest1", "up")
        server = subprocess.Popen(
            ["ip", "netns", "exec", self.space, "/usr/bin/python3", "-c",
             "import socket;s=socket.create_server(('0.0.0.0',23900));print('up',flush=True)\n"
             "while 1: s.accept()[0].send(b'hello')"], stdout=subprocess.PIPE)
        self.addCleanup(server.kill)
        server.stdout.readline()

    def reaches(self, address, port):
        program = ("import socket,sys\n"
                   "s=socket.create_connection((sys.argv[1],int(sys.argv[2])),3)\n"
                   "sys.exit(0 if s.recv(5) else 1)")
        return subprocess.run(
            ["nsenter", "-t", str(self.qemu_pid()), "-n", "/usr/bin/python3", "-c", program,
             address, str(port)], capture_output=True, check=False).returncode == 0

    @unittest.skipUnless(os.geteuid() == 0, "needs root to lay wires")
    def test_a_guest_reaches_the_world_and_nothing_of_the_host(self):
        self.machine_elsewhere()
        here = socket.create_server(("0.0.0.0", 0))
        here.settimeout(DEADLINE_S)
        threading.Thread(target=lambda: [here.accept()[0].send(b"hello") for _ in range(9)],
                         daemon=True).start()
        port = here.getsockname()[1]
        self.configure()
        self.start()
        self.import_image()
        self.want()
        self.running()
        self.assertNotEqual(os.readlink(f"/proc/{self.qemu_pid()}/ns/net"),
                            os.readlink("/proc/self/ns/net"))
        self.assertTrue(self.reaches(self.OTHER, 23900), "the way out does not work")
        self.assertFalse(self.reaches(self.DENIED, 23900), "a denied address is reached")
        own = run("hostname", "-I").stdout.decode().split()
        for address in ["127.0.0.1", "10.0.2.2", "198.18.77.1"] + [a for a in own if ":" not in a]:
            self.assertFalse(self.reaches(address, port), f"the host is reached at {address}")


class Fake(HostdTest):
    uri = "fake://{}/guests"

    def test_a_fake_guest_behaves_like_one(self):
        self.configure()
        self.start()
        self.assertEqual(self.broker.messages[0]["driver"], "fake")
        self.import_image()
        self.want()
        self.prepared(1)
        self.assertEqual(os.read(self.front.consoles[-1][1], 12), b"RFB 003.008\n")
        self.sign_on()
        os.kill(self.pid, signal.SIGKILL)
        until("the link's end", lambda: self.broker.link is None)
        self.broker.messages.clear()
        self.start()
        self.wait_observed("the adopted desktop", lambda o: o["power"] == "on" and
                           o["signed_on"] == "ana" and o["prepared"] and not o["signed_off"])
        self.want(generation=2)
        self.prepared(2)
        self.sign_on(2)
        done = self.broker.command("sign_off", desktop=self.desktop, generation=2, grace_ms=0)
        self.assertTrue(done["ok"], done)
        self.wait_observed("the log-off", lambda o: o["signed_off"])
        late = self.broker.command("sign_on", desktop=self.desktop, generation=1,
                                   session="d" * 32, user="eva", unix_name="eva", uid=20002)
        self.assertEqual(late["code"], "conflict")

    def test_a_damaged_image_makes_no_desktop(self):
        self.configure()
        self.start()
        self.import_image()
        disk = next(self.folder.glob("**/images/tiny/1/disk.qcow2"))
        self.assertEqual(disk.stat().st_mode & 0o777, 0o444)
        disk.chmod(0o644)
        with open(disk, "r+b") as image:
            image.seek(4096)
            image.write(b"damage")
        self.want()
        seen = self.wait_observed("the refusal", lambda o: o["error"])
        self.assertIn("'tiny' version 1 is damaged", seen["error"]["message"])
        self.assertIn("import the template again", seen["error"]["message"])
        self.assertEqual(list(self.folder.glob("**/desktops/*/1/disk.qcow2")), [])

    def prepared(self, generation):
        self.wait_observed("a prepared desktop", lambda o: o["prepared"] and
                           o["generation"] == generation)

    def sign_on(self, generation=1):
        done = self.broker.command("sign_on", desktop=self.desktop, generation=generation,
                                   session="d" * 32, user="ana", unix_name="ana", uid=20001)
        self.assertTrue(done["ok"], done)
        self.wait_observed("the person", lambda o: o["signed_on"] == "ana")


class Enrolment(HostdTest):
    def test_a_host_gets_its_certificate_with_a_token_once(self):
        self.configure(enrol=True)
        token = self.folder / "own/token"
        token.write_text(f"host1.{'a' * 64}.{self.authority.fingerprint()}\n")
        self.start()
        self.assertEqual(self.broker.enrolled, 1)
        self.assertFalse(token.exists())
        self.assertEqual((self.folder / "own/host.key").stat().st_mode & 0o777, 0o600)

    def test_a_broker_of_another_authority_gets_nothing(self):
        self.configure(enrol=True)
        (self.folder / "own/token").write_text(f"host1.{'a' * 64}.{'0' * 64}\n")
        reaper = subprocess.Popen([REAPER, HOSTD, "--config", self.folder / "hostd.conf"],
                                  stdout=subprocess.PIPE, stderr=self.log)
        self.pid = int(reaper.stdout.readline())
        self.reapers.append(reaper)
        until("the refusal", lambda: "not of the CA" in
              (self.folder / "hostd.log").read_text(errors="replace"))
        self.assertEqual(self.broker.messages, [])
        os.kill(self.pid, signal.SIGTERM)
        reaper.wait(30)


@unittest.skipUnless(os.environ.get("ZAGUAN_TEMPLATE"), "ZAGUAN_TEMPLATE=FOLDER of a template")
class Guest(HostdTest):
    """With a real guest: identity, sign-on, log-off, restart, saved state."""

    def test_a_person_signs_on_and_off(self):
        self.configure()
        self.start()
        template = pathlib.Path(os.environ["ZAGUAN_TEMPLATE"])
        for name in ("disk.qcow2", "vmlinux", "initrd.img"):
            os.symlink(template / name, self.folder / "incoming" / ("link-" + name))
            shutil.copyfile(template / name, self.folder / "incoming" / name)
        done = self.broker.command("image_import", template="tiny", version=1, path="disk.qcow2",
                                   kernel="vmlinux", initrd="initrd.img", os="Debian 12")
        self.assertTrue(done["ok"], done)
        begin = time.monotonic()
        self.want(memory_mib=320, disk_mib=2048)
        self.wait_prepared()
        print(f"wish to prepared: {time.monotonic() - begin:.2f} s")
        begin = time.monotonic()
        done = self.broker.command(
            "sign_on", desktop=self.desktop, generation=1, session="d" * 32, user="Ana@branch",
            unix_name="ana_branch-1f2", uid=20001, full_name="Ana", locale="es_ES.UTF-8",
            keyboard="es", time_zone="Europe/Madrid")
        self.assertTrue(done["ok"], done)
        print(f"sign-on: {time.monotonic() - begin:.2f} s")
        self.wait_observed("the person", lambda o: o["signed_on"] == "Ana@branch")
        self.save_and_resume()
        done = self.broker.command("sign_off", desktop=self.desktop, generation=1, grace_ms=2000)
        self.assertTrue(done["ok"], done)
        self.wait_observed("the log-off", lambda o: o["signed_off"])
        begin = time.monotonic()
        self.want(generation=2, memory_mib=320, disk_mib=2048)
        self.wait_prepared(2)
        print(f"log-off to prepared again: {time.monotonic() - begin:.2f} s")
        done = self.broker.command("restart", desktop=self.desktop, generation=2)
        self.assertTrue(done["ok"], done)
        self.wait_observed("the restart", lambda o: not o["prepared"])
        self.wait_prepared(2)
        log = (self.folder / "hostd.log").read_text(errors="replace")
        self.assertNotIn("guest-error", log)

    def save_and_resume(self):
        begin = time.monotonic()
        os.kill(self.pid, signal.SIGUSR1)
        for reaper in self.reapers:
            reaper.wait(60)
        print(f"saved: {time.monotonic() - begin:.2f} s")
        self.broker.messages.clear()
        begin = time.monotonic()
        self.start()
        self.wait_observed("the person again", lambda o: o["prepared"] and
                           o["signed_on"] == "Ana@branch" and o["agent"] == "ready")
        print(f"resumed: {time.monotonic() - begin:.2f} s")

    def wait_prepared(self, generation=1):
        return until("a prepared desktop", lambda: (lambda o: o if o and o["prepared"] and
                     o["generation"] == generation else None)(self.broker.last_seen(self.desktop)),
                     180)


if __name__ == "__main__":
    if shutil.which("qemu-system-x86_64") is None:
        print("qemu-system-x86_64 is not installed")
        sys.exit(77)
    unittest.main(verbosity=2, warnings="ignore")
