#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A broker and a front in one process, as docs/api/README.md and docs/protocol/console.md say, for
tests of clients: state in memory, HTTPS with an installation's own certificate, a console that
speaks a few bytes. Knows nothing of the project's code."""
import base64
import hashlib
import http.server
import json
import os
import ssl
import struct
import threading

PASSWORD = "correct horse"
GREETING = b"RFB 003.008\n"


def problem(status, code, detail, hint=""):
    return status, {"type": "about:blank", "title": code, "status": status, "code": code,
                    "detail": detail, "hint": hint, "trace_id": "trace-1"}


class State:
    """What the fake has and what it was asked; `cut_next` loses the answer of the next change."""

    def __init__(self):
        self.lock = threading.Lock()
        self.pools, self.operations, self.calls, self.stored = {}, {}, [], {}
        self.templates, self.tickets, self.resumes = {}, {}, {}
        self.sessions, self.console_bytes, self.changes = {}, b"", 0
        self.cut_next = False
        self.consoles = []
        self.session_looks = 0
        self.unreachable = 0  # so many tickets are refused, since the desktop's host is away

    def operation(self, kind, text="", error=None):
        name = os.urandom(16).hex()
        self.operations[name] = {"id": name, "kind": kind, "looks": 0, "error": error,
                                 "subject": text}
        return 202, {"operation": self.show_operation(name)}

    def show_operation(self, name):
        op = self.operations[name]
        op["looks"] += 1
        done = op["looks"] > 3
        state = "running" if not done else "failed" if op["error"] else "done"
        shown = {"id": name, "kind": op["kind"], "state": state, "text": "working",
                 "percent": min(op["looks"] * 30, 100), "subject": op["subject"],
                 "created_at": "2026-01-01T00:00:00.000Z"}
        if state == "failed":
            shown["error"] = op["error"]
        return shown


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, body):
        text = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        kind = "application/problem+json" if status >= 400 else "application/json"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do(self):
        if self.path == "/console":
            return self.console()
        state = self.server.state
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = json.loads(raw) if raw else None
        key = self.headers.get("Idempotency-Key")
        with state.lock:
            state.calls.append((self.command, self.path, body, key, dict(self.headers)))
            if key and key in state.stored:
                status, reply = state.stored[key]
            else:
                status, reply = self.route(state, self.path.removeprefix("/api/v1"), body)
                if key:
                    state.stored[key] = (status, reply)
            cut = state.cut_next and self.command not in ("GET",)
            state.cut_next = state.cut_next and not cut
        if cut:
            self.close_connection = True
            return None
        return self.answer(status, reply)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do

    def route(self, state, path, body):
        path, _, query = path.partition("?")
        if path == "/sign-in":
            if body["password"] != PASSWORD:
                return problem(401, "unauthenticated", "name or password is wrong")
            return 200, {"user": body["user"], "token": "t" * 43, "roles": ["admin"],
                         "expires_at": "2027-01-01T00:00:00.000Z"}
        if self.headers.get("Authorization") != "Bearer " + "t" * 43:
            return problem(401, "unauthenticated", "sign in first")
        parts = path.strip("/").split("/")
        handler = getattr(self, "on_" + parts[0].replace("-", "_"), None)
        found = handler(state, parts[1:], body, query) if handler else None
        return found or problem(404, "not-found", f"there is no {path}")

    def on_sign_out(self, state, rest, body, query):
        return 204, None

    def on_status(self, state, rest, body, query):
        return 200, {"state": "degraded", "version": "0.1.0", "uptime_s": 7,
                     "store": {"kind": "sqlite", "ok": True},
                     "hosts": [{"name": "h1", "state": "lost", "accel": "tcg",
                                "accel_reason": "no /dev/kvm"}],
                     "pools": [{"name": "office", "ready": 3, "enabled": True,
                                "counts": {"ready": 2, "in-use": 1}, "usable": 2}],
                     "problems": [{"severity": "error", "thing": "host 'h1'", "text": "is away",
                                   "hint": "look at its hostd.log"}]}

    def on_pools(self, state, rest, body, query):
        if not rest:
            return 200, {"items": list(state.pools.values())}
        name = rest[0]
        pool = state.pools.get(name)
        if self.command == "GET" and pool:
            return 200, pool
        if self.command == "DELETE" and pool:
            del state.pools[name]
            return state.operation("pool-delete", name)
        if self.command == "PUT":
            if body.get("template") == "nowhere":
                return problem(400, "invalid", "template 'nowhere' does not exist",
                               "zaguan template list")
            match = self.headers.get("If-Match")
            if match and pool and match != f'"{pool["revision"]}"':
                return problem(412, "stale", "somebody else changed it")
            state.changes += 1
            state.pools[name] = dict(body, revision=state.changes, max=body.get("max", 5),
                                     counts={"ready": 2, "in-use": 1}, usable=2)
            return 200, state.pools[name]
        return None

    def on_desktops(self, state, rest, body, query):
        desktops = [{"id": f"{i:032x}", "name": f"office-{i}", "pool": "office", "life": "ready"}
                    for i in range(1, 4)]
        if not rest:
            # one on each page, so that clients must follow `next`
            after = dict(p.split("=") for p in query.split("&") if p).get("after", "0")
            page = {"items": desktops[int(after):int(after) + 1]}
            if int(after) + 1 < len(desktops):
                page["next"] = str(int(after) + 1)
            return 200, page
        found = next((d for d in desktops if d["id"] == rest[0]), None)
        if found and rest[1:] == ["refresh"]:
            return state.operation("desktop-refresh", rest[0])
        if found and rest[1:] == ["restart"]:
            return state.operation("desktop-restart", rest[0], {"code": "timeout",
                                                                "detail": "guest is silent"})
        return (200, found) if found else None

    def on_templates(self, state, rest, body, query):
        if rest[1:] == ["versions"]:
            state.templates[rest[0]] = body
            return state.operation("template-import", rest[0])
        return None

    def on_operations(self, state, rest, body, query):
        if not rest:
            return 200, {"items": [{"id": name, "kind": op["kind"], "state": "running"}
                                   for name, op in state.operations.items()]}
        return (200, state.show_operation(rest[0])) if rest[0] in state.operations else None

    def on_events(self, state, rest, body, query):
        return None

    def on_why(self, state, rest, body, query):
        return 200, {"items": [{"at": "2026-01-01T00:00:00.000Z", "event": "life", "from": "ready",
                                "to": "in-use", "reason": "first-viewer", "actor": "broker",
                                "thing": rest[0], "id": rest[1]}]}

    def on_audit(self, state, rest, body, query):
        return self.on_why(state, ["desktop", "0" * 32], body, query)

    def on_sessions(self, state, rest, body, query):
        session = {"id": "5" * 32, "user": "ana", "pool": "office", "state": "active",
                   "desktop": f"{1:032x}", "created_at": "2026-01-01T00:00:00.000Z"}
        if rest == [session["id"]]:
            return 200, {**session, "line": {
                "rtt_ms": 81, "rate_kbit": 4800, "fps": 23, "encodings": ["tight", "jpeg"],
                "bottleneck": "link", "bottleneck_text": "the line to the person"}}
        return 200, {"items": [session]}

    def on_my(self, state, rest, body, query):
        if query and rest == ["pools"]:
            return problem(400, "invalid", "query: no key is known here")
        if rest == ["pools"]:
            return 200, {"items": [{"pool": "office", "title": "Office", "state": "available"}]}
        if rest == ["sessions"] and self.command == "POST":
            session = {"id": "5" * 32, "pool": body["pool"], "state": "pending", "position": 1}
            state.sessions[session["id"]] = session
            return 201, session
        if rest == ["sessions"]:
            return 200, {"items": list(state.sessions.values())}
        session = state.sessions.get(rest[1])
        if session and rest[2:] == ["ticket"] and state.unreachable > 0:
            state.unreachable -= 1
            return problem(503, "host-unreachable", "the host of this desktop does not answer")
        if session and rest[2:] == ["ticket"]:
            ticket = os.urandom(32).hex()
            state.tickets[ticket] = session["id"]
            return 201, {"ticket": ticket, "expires_in_s": 60, "console": "/console",
                         "desktop": "d" * 32, "title": "Office"}
        if session and rest[2:] == ["log-off"]:
            session["state"] = "ended"
            return state.operation("log-off")
        if session:
            state.session_looks += 1
            if state.session_looks > 1:
                session["state"] = "connecting"
            return 200, session
        return None

    # The console: a greeting, then what comes is kept and echoed in capitals.

    def console(self):
        state = self.server.state
        accept = base64.b64encode(hashlib.sha1(
            (self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()
        ).digest()).decode()
        self.wfile.write((f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                          f"Connection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n"
                          f"Sec-WebSocket-Protocol: binary\r\n\r\n").encode())
        self.close_connection = True
        hello = json.loads(self.frame()[1])
        with state.lock:
            state.consoles.append(hello)
            known = state.tickets.pop(hello.get("ticket"), None) or \
                state.resumes.pop(hello.get("resume"), None)
            if known:
                resume = os.urandom(32).hex()
                state.resumes[resume] = known
        if not known:
            return self.send(8, struct.pack(">H", 4401) + b"This ticket is not valid any more.")
        self.send(2, json.dumps({"ok": True, "resume": resume, "held_ms": 180000,
                                 "desktop": "d" * 32, "title": "Office"}).encode())
        self.send(2, GREETING)
        return self.echo(state)

    def echo(self, state):
        while True:
            kind, bytes_in = self.frame()
            if kind in (8, None):
                with state.lock:
                    state.console_bytes += b"<closed>" if kind == 8 else b"<lost>"
                return
            if bytes_in == b"lose me":
                self.connection.close()
                return
            if bytes_in == b"take over":
                self.send(8, struct.pack(">H", 4402) + b"Opened at another terminal.")
                return
            with state.lock:
                state.console_bytes += bytes_in
            self.send(2, bytes_in.upper())

    def frame(self):
        head = self.rfile.read(2)
        if len(head) < 2:
            return None, b""
        length = head[1] & 127
        if length == 126:
            length = struct.unpack(">H", self.rfile.read(2))[0]
        elif length == 127:
            length = struct.unpack(">Q", self.rfile.read(8))[0]
        assert head[1] & 128, "a client's frame must be masked"
        mask = self.rfile.read(4)
        data = self.rfile.read(length)
        return head[0] & 15, bytes(b ^ mask[i % 4] for i, b in enumerate(data))

    def send(self, kind, payload):
        head = bytes([0x80 | kind])
        head += bytes([len(payload)]) if len(payload) < 126 else struct.pack(">BH", 126,
                                                                             len(payload))
        self.wfile.write(head + payload)
        self.wfile.flush()


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # clients that refuse our certificate are part of the tests


def start(certificate, key):
    """Serves on a free loopback port. Returns the server; `.url`, `.state`."""
    server = Server(("127.0.0.1", 0), Handler)
    server.state = State()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True,
                                        do_handshake_on_connect=False)
    server.url = f"https://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
    return server
