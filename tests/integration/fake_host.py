# SPDX-License-Identifier: GPL-3.0-or-later
"""A host without virtual machines: speaks docs/protocol/hostd.md, and everything it is asked for
happens at once. Knows nothing of the project's code."""
import hashlib
import json
import socket
import ssl
import struct
import subprocess
import threading
import time


def make_authority(folder, host):
    """An installation's CA, with the certificates of a broker and one host, by the openssl program."""
    def run(*args):
        subprocess.run(["openssl", *args], check=True, capture_output=True)
    run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-keyout", f"{folder}/ca.key", "-out", f"{folder}/ca.pem", "-days", "2",
        "-subj", "/CN=test CA", "-addext", "basicConstraints=critical,CA:TRUE")
    for name, uri in (("broker", "zaguan:broker"), ("host", f"zaguan:host/{host}")):
        with open(f"{folder}/{name}.ext", "w", encoding="ascii") as f:
            f.write(f"subjectAltName=URI:{uri}\n")
        run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.csr", "-subj", f"/CN={name}")
        run("x509", "-req", "-in", f"{folder}/{name}.csr", "-CA", f"{folder}/ca.pem",
            "-CAkey", f"{folder}/ca.key", "-CAcreateserial", "-days", "2",
            "-extfile", f"{folder}/{name}.ext", "-out", f"{folder}/{name}.pem")


class FakeHost:
    def __init__(self, folder, link, name):
        self.name, self.desktops, self.images = name, {}, {}
        self.lock = threading.Lock()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False  # the broker's name is a URI
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_verify_locations(f"{folder}/ca.pem")
        context.load_cert_chain(f"{folder}/host.pem", f"{folder}/host.key")
        plain = socket.socket(socket.AF_UNIX)
        plain.connect(link)
        self.stream = context.wrap_socket(plain)
        self.send({"type": "hello", "version": 1, "host": name, "boot_id": "boot-1",
                   "program_version": "0", "driver": "fake", "accel": "tcg",
                   "accel_reason": "a fake", "cpus": 8, "memory_mib": 65536, "disk_mib": 1048576,
                   "capabilities": ["save", "isolated", "nat"], "images": []})
        self.open = True
        threading.Thread(target=self.serve, daemon=True).start()

    def on_welcome(self, _message):
        self.report()
        threading.Thread(target=self.repeat, daemon=True).start()

    def close(self):
        self.open = False
        self.stream.close()

    def repeat(self):
        while self.open:
            time.sleep(1)
            try:
                self.report()
            except OSError:
                return

    def send(self, message):
        data = json.dumps(message).encode()
        with self.lock:
            self.stream.sendall(struct.pack(">I", len(data)) + data)

    def receive(self, n):
        data = b""
        while len(data) < n:
            piece = self.stream.recv(n - len(data))
            if not piece:
                raise OSError("the link has ended")
            data += piece
        return data

    def report(self):
        self.send({"type": "report", "full": True, "desktops": list(self.desktops.values()),
                   "host": {"memory_free_mib": 60000, "disk_free_mib": 1000000,
                            "disk_promised_mib": 0, "load_milli": 100}})

    def serve(self):
        try:
            while True:
                n, = struct.unpack(">I", self.receive(4))
                message = json.loads(self.receive(n))
                answer = getattr(self, "on_" + message["type"], None)
                if answer is not None:
                    answer(message)
        except OSError:
            self.open = False

    def on_desired(self, message):
        key = message["desktop"]
        if message["power"] == "absent":
            self.desktops.pop(key, None)
        else:
            on = message["power"] == "on"
            before = self.desktops.get(key)
            if before is None or before["generation"] < message["generation"]:
                self.desktops[key] = {"signed_on": None, "signed_off": False, "viewers": 0}
            self.desktops[key].update({
                "desktop": key, "generation": message["generation"], "epoch": message["epoch"],
                "power": "on" if on else "off", "agent": "ready" if on else "waiting",
                "prepared": on, "console": on, "memory_mib": 300, "overlay_mib": 10,
                "error": None})
        self.report()

    def on_desired_all(self, message):
        self.desktops = {k: v for k, v in self.desktops.items() if k in message["desktops"]}
        self.report()

    def on_command(self, message):
        result, desktop = {}, self.desktops.get(message.get("desktop"))
        if message["kind"] == "image_import":
            result = {"sha256": hashlib.sha256(message["path"].encode()).hexdigest(),
                      "bytes": 1000, "virtual_mib": 100}
        elif message["kind"] == "sign_on":
            desktop["signed_on"] = message["user"]
        elif message["kind"] == "sign_off":
            desktop["signed_off"] = True
        self.send({"type": "done", "id": message["id"], "ok": True, "result": result})
        self.report()

    def on_ping(self, message):
        self.send({"type": "pong", "n": message["n"]})

    def viewer(self, desktop, session, user, event):
        """A person's viewer, as the front would report it."""
        self.desktops[desktop]["viewers"] = 1 if event == "in" else 0
        self.send({"type": "viewer", "desktop": desktop, "session": session, "user": user,
                   "event": event, "viewers": self.desktops[desktop]["viewers"],
                   "terminal": "test", "protocol": "wss"})
