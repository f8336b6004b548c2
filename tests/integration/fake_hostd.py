# SPDX-License-Identifier: GPL-3.0-or-later
"""A host as docs/protocol/hostd.md says, sharing no code with the project: it dials the broker's
link with its certificate and does at once whatever is wished."""
import json
import socket
import ssl
import struct
import threading


def connect(path, ca, certificate=None, key=None):
    """TLS 1.3 to the broker's link; without a certificate only enrolment is possible."""
    context = ssl.create_default_context(cafile=ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    if certificate:
        context.load_cert_chain(certificate, key)
    plain = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    plain.settimeout(10)
    plain.connect(str(path))
    return context.wrap_socket(plain)


def send(link, message):
    text = json.dumps(message).encode()
    link.sendall(struct.pack(">I", len(text)) + text)


def receive(link):
    """The next message; None at the end."""
    def exactly(n):
        data = b""
        while len(data) < n:
            more = link.recv(n - len(data))
            if not more:
                return None
            data += more
        return data
    head = exactly(4)
    body = exactly(struct.unpack(">I", head)[0]) if head else None
    return json.loads(body) if body else None


class FakeHost:
    """Runs until closed; `machines` is what it has, `commands` what it was told to do once."""

    def __init__(self, path, folder, name="h1", images=()):
        self.path, self.folder, self.name = path, folder, name
        self.images = list(images)
        self.machines, self.commands, self.desired = {}, [], {}
        self.all_ids = None
        self.refuse, self.silent = set(), set()
        self.lock = threading.RLock()
        self.welcome = None
        self.closing = threading.Event()
        self.link = None
        self.dial()

    def dial(self):
        tls = self.folder / "tls"
        self.link = connect(self.path, self.folder / "ca" / "ca.pem", tls / "host.pem",
                            tls / "host.key")
        self.say({"type": "hello", "version": 1, "host": self.name, "boot_id": "boot-1",
                  "program_version": "0", "driver": "fake", "accel": "tcg", "accel_reason": "fake",
                  "cpus": 4, "memory_mib": 65536, "disk_mib": 500000,
                  "capabilities": ["isolated", "nat"], "images": self.images})
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.beat = threading.Thread(target=self.ping, daemon=True)
        self.reader.start()
        self.beat.start()

    def say(self, message):
        with self.lock:
            send(self.link, message)

    def close(self):
        self.closing.set()
        try:
            self.link.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.link.close()
        self.reader.join(10)
        self.beat.join(10)

    def ping(self):
        n = 0
        while not self.closing.wait(1):
            n += 1
            try:
                self.say({"type": "ping", "n": n})
                if n % 5 == 0:
                    self.report(full=True)
            except OSError:
                return

    def read(self):
        self.link.settimeout(None)
        try:
            while True:
                message = receive(self.link)
                if message is None:
                    return
                with self.lock:
                    self.take(message)
        except (OSError, ValueError):
            pass

    def take(self, message):
        kind = message["type"]
        if kind == "welcome":
            self.welcome = message
            self.report(full=True)
        elif kind == "desired":
            self.obey(message)
        elif kind == "desired_all":
            self.all_ids = message["desktops"]
            for gone in set(self.machines) - set(self.all_ids):
                del self.machines[gone]
            self.report(full=True)
        elif kind == "command":
            self.carry_out(message)

    def obey(self, wish):
        ident = wish["desktop"]
        self.desired[ident] = wish
        if wish["power"] == "absent":
            self.machines.pop(ident, None)
            self.report(full=True)
            return
        machine = self.machines.get(ident)
        if machine is None or machine["generation"] < wish["generation"]:
            self.machines[ident] = {
                "desktop": ident, "generation": wish["generation"], "epoch": wish["epoch"],
                "power": "on", "agent": "ready", "prepared": True, "console": True,
                "signed_on": None, "signed_off": False, "viewers": 0, "memory_mib": 100,
                "overlay_mib": 10, "error": None}
            self.report()

    def carry_out(self, command):
        self.commands.append(command)
        if command["kind"] in self.silent:
            return
        ok = command["kind"] not in self.refuse
        result = {}
        if command["kind"] == "image_import":
            result = {"sha256": "a" * 64, "bytes": 1000, "virtual_mib": 1024}
        machine = self.machines.get(command.get("desktop"))
        if machine and ok and command["kind"] == "sign_on":
            machine["signed_on"] = command["user"]
        if machine and ok and command["kind"] == "sign_off":
            machine["signed_off"] = True
        answer = {"type": "done", "id": command["id"], "ok": ok, "result": result}
        if not ok:
            answer.update(code="failed", message="scripted")
        self.say(answer)
        self.report()

    def report(self, full=False):
        self.say({"type": "report", "full": full,
                  "host": {"memory_free_mib": 60000, "disk_free_mib": 400000,
                           "disk_promised_mib": 0, "load_milli": 0},
                  "desktops": list(self.machines.values())})

    def line(self, session, **more):
        """How the viewer's line is, as the front reports it every few seconds."""
        self.say({"type": "stats", "desktop": session["desktop"], "session": session["id"],
                  "rtt_us": 81600, "rate_kbit": 4900, "fps": 24, "bytes_out": 1, "frames": 9,
                  "encodings": ["tight", "jpeg"], "bottleneck": "link", **more})

    def viewer(self, session, event, viewers):
        self.say({"type": "viewer", "desktop": session["desktop"], "session": session["id"],
                  "user": session["user"], "event": event, "viewers": viewers,
                  "terminal": "test", "protocol": "wss"})

    def did(self, kind):
        with self.lock:
            return [c for c in self.commands if c["kind"] == kind]
