# SPDX-License-Identifier: GPL-3.0-or-later
"""A front of our own for one run, told of its consoles as hostd would (docs/protocol/control.md)."""
import hashlib
import json
import secrets
import socket
import subprocess


class Front:
    def __init__(self, stand, https_port, rfb_port):
        self.port, folder = https_port, stand.folder
        certificate, key = f"{folder}/front.pem", f"{folder}/front-key.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "2", "-subj", "/CN=front", "-addext", "subjectAltName=IP:127.0.0.1",
             "-keyout", key, "-out", certificate], check=True, capture_output=True)
        control = f"{folder}/front.sock"
        config = {"name": "bench", "https-address": "127.0.0.1", "https-port": https_port,
                  "rfb-address": "127.0.0.1", "rfb-port": rfb_port, "certificate": certificate,
                  "key": key, "broker": f"{folder}/broker.sock", "control": control,
                  "worker-uid-base": 61000,
                  "portal-origin": f"https://127.0.0.1:{https_port}"}
        with open(f"{folder}/front.conf", "w", encoding="utf-8") as conf:
            conf.write("[front]\n" + "".join(f"{k}={v}\n" for k, v in config.items()))
        self.process = stand.serve(str(stand.programs / "display" / "zaguan-display"), "--front",
                                   f"{folder}/front.conf")
        stand.wait_port(https_port)
        self.link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        stand.wait_for("the front", lambda: self.link.connect_ex(control) == 0)
        self.link.settimeout(20)
        self._say(type="hello", version=1, host="bench")

    def _say(self, fd=None, **message):
        data = json.dumps(message).encode()
        if fd is None:
            self.link.send(data)
        else:
            socket.send_fds(self.link, [data], [fd])

    def _expect(self, **wanted):
        while True:
            report = json.loads(self.link.recv(65536))
            if all(report.get(k) == v for k, v in wanted.items()):
                return report

    def console(self, path):
        """Hand over a console; the ticket of its one viewer is returned."""
        desktop, ticket = secrets.token_hex(16), secrets.token_hex(32)
        with socket.socket(socket.AF_UNIX) as console:
            console.connect(path)
            self._say(fd=console.fileno(), type="console", desktop=desktop, generation=1, epoch=1,
                      name="bench-1", title="Bench", profile="lan")
        self._expect(type="worker", desktop=desktop, state="running")
        self._say(type="ticket", id=secrets.token_hex(16), desktop=desktop, generation=1, epoch=1,
                  sha256=hashlib.sha256(ticket.encode()).hexdigest(), ttl_ms=60000,
                  session=secrets.token_hex(16), user="ana", share=False, view_only=False)
        self._expect(type="done", ok=True)
        return ticket

    def workers(self):
        """Process ids of the workers."""
        pid = self.process.pid
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
            return [int(child) for child in children.read().split()]
