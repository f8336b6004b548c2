#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds a running broker to docs/api/openapi.yaml: every route and every field, with a host that
does all at once, so that each route gives its good answer too."""
import configparser
import http.client
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import jsonschema
import yaml

import fake_hostd

ZAGUAN, BROKER = (os.path.abspath(program) for program in sys.argv[1:3])
OPENAPI = yaml.safe_load(pathlib.Path(sys.argv[3]).read_text(encoding="utf-8"))
METHODS = ("get", "post", "put", "patch", "delete")
PORTAL = "https://127.0.0.1:8443"
PASSWORD = "correct horse"
PAUSE = threading.Event()


def routes_of_contract():
    return {(method.upper(), path): row[method]
            for path, row in OPENAPI["paths"].items() for method in METHODS if method in row}


def resolve(part):
    while "$ref" in part:
        found = OPENAPI
        for step in part["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        part = found
    return part


def template_of(path):
    """The contract's path that a real one is an instance of; the one with most fixed parts wins."""
    path = path.partition("?")[0]
    parts = path.split("/")
    fitting = [p for p in OPENAPI["paths"] if len(p.split("/")) == len(parts)
               and all(a == b or a.startswith("{") for a, b in zip(p.split("/"), parts))]
    return min(fitting, key=lambda p: p.count("{")) if fitting else None


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=20)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body
        self.json = None
        if "json" in headers.get("content-type", ""):
            self.json = json.loads(body)


class Broker:
    """A real broker in a folder of its own, with a local administrator and one fake host."""

    def __init__(self):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="zaguan-api-"))
        self.folder = self.top / "inst"
        subprocess.run([ZAGUAN, "init", self.folder, "--host", "h1", "--metrics-port", "0",
                        "--password-file", "-"], input=PASSWORD + "\n", text=True, check=True,
                       capture_output=True, timeout=60,
                       env={**os.environ, "ZAGUAN_BROKER": BROKER})
        self.web = self.top / "web"
        (self.web / "assets").mkdir(parents=True)
        (self.web / "index.html").write_text("<!doctype html>\n", encoding="utf-8")
        (self.web / "assets/app-0123456789ab.js").write_text("1\n", encoding="utf-8")
        self.configure()
        self.log = open(self.top / "log", "wb")
        self.start()
        self.host = fake_hostd.FakeHost(self.folder / "run/link.sock", self.folder)

    def configure(self):
        conf = configparser.ConfigParser(interpolation=None)
        conf.read(self.folder / "broker.conf")
        conf["http"].update({"web-directory": str(self.web), "portal-origin": PORTAL})
        with open(self.folder / "broker.conf", "w", encoding="utf-8") as f:
            conf.write(f)

    def start(self):
        self.process = subprocess.Popen([BROKER, "--config", self.folder / "broker.conf"],
                                        stderr=self.log)
        end = time.monotonic() + 20
        while True:
            try:
                self.request("GET", "/healthz")
                return
            except OSError:
                if time.monotonic() > end or self.process.poll() is not None:
                    raise
                PAUSE.wait(0.05)

    def stop(self):
        self.host.close()
        self.process.terminate()
        code = self.process.wait(20)
        self.log.close()
        shutil.rmtree(self.top)
        return code

    def request(self, method, path, body=None, headers=None):
        connection = UnixConnection(str(self.folder / "run/broker.sock"))
        headers = dict(headers or {})
        data = None
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, path, data, headers)
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()},
                          answer.read())
        finally:
            connection.close()


class ContractTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.seen = set()  # (method, path, status) that a good answer was checked for
        cls.broker = Broker()
        cls.token = cls.sign_in_as("admin")

    @classmethod
    def tearDownClass(cls):
        assert cls.broker.stop() == 0

    @classmethod
    def sign_in_as(cls, user):
        return cls.checked("POST", "/api/v1/sign-in", {"user": user, "password": PASSWORD},
                           token="").json["token"]

    @classmethod
    def checked(cls, method, path, body=None, token=None, headers=None):
        """A call whose answer must be one that the contract has."""
        headers = dict(headers or {})
        token = cls.token if token is None else token
        if token:
            headers["Authorization"] = "Bearer " + token
        answer = cls.broker.request(method, path, body, headers)
        cls.check(method, path, answer)
        return answer

    @classmethod
    def check(cls, method, path, answer):
        where = f"{method} {path} -> {answer.status}"
        template = template_of(path)
        assert template is not None, where + ": not in the contract"
        operation = OPENAPI["paths"][template][method.lower()]
        row = operation["responses"].get(str(answer.status))
        assert row is not None, f"{where}: {answer.body[:300]!r}"
        row = resolve(row)
        if answer.status >= 400 and template != "/healthz":
            assert answer.headers["content-type"] == "application/problem+json", where
        if "content" in row:
            kind = answer.headers["content-type"].partition(";")[0]
            assert kind in row["content"], f"{where}: {kind}"
            if "json" in kind:
                schema = {**row["content"][kind]["schema"], "components": OPENAPI["components"]}
                try:
                    jsonschema.Draft202012Validator(schema).validate(answer.json)
                except jsonschema.ValidationError as e:
                    raise AssertionError(f"{where}: {e.message} at {list(e.absolute_path)}") from e
        else:
            assert answer.body == b"", where
        for header in row.get("headers", {}):
            assert header.lower() in answer.headers, f"{where}: no {header}"
        cls.seen.add((method, template, answer.status))

    def good(self, method, path, body=None, status=200, **more):
        answer = self.checked(method, path, body, **more)
        self.assertEqual(answer.status, status, answer.body)
        return answer.json

    def until(self, what, path, condition):
        end = time.monotonic() + 20
        while True:
            thing = self.good("GET", path)
            if condition(thing):
                return thing
            self.assertLess(time.monotonic(), end, f"waiting for {what}: {thing}")
            PAUSE.wait(0.05)

    def finished(self, accepted):
        return self.until("the operation", f"/api/v1/operations/{accepted['operation']['id']}",
                          lambda op: op["state"] != "running")

    def make_pool(self, name="office", **more):
        if not self.good("GET", "/api/v1/templates")["items"]:
            done = self.finished(self.good("POST", "/api/v1/templates/tiny/versions",
                                           {"path": "tiny.qcow2", "os": "debian"}, 202))
            self.assertEqual(done["state"], "done", done)
        spec = {"template": "tiny", "ready": 1, "max": 3, "entitle": {"users": ["*"]},
                "title": "Office", "description": "For all", "memory_mib": 256, "disk_mib": 1024,
                "session": {"locale": "es_ES.UTF-8", "keyboard": "es", "time_zone": "Europe/Madrid"}}
        answer = self.checked("PUT", f"/api/v1/pools/{name}", {**spec, **more})
        self.assertIn(answer.status, (200, 201), answer.body)
        return answer

    def make_ready(self):
        self.make_pool()
        return self.until("a ready desktop", "/api/v1/desktops?pool=office&life=ready&limit=5",
                          lambda d: d["items"])["items"][0]

    def open_session(self):
        session = self.checked("POST", "/api/v1/my/sessions",
                               {"pool": "office", "terminal": "t1", "locale": "es_ES.UTF-8",
                                "keyboard": "es", "time_zone": "Europe/Madrid"}).json
        return self.until("a desktop", f"/api/v1/my/sessions/{session['id']}",
                          lambda s: s["state"] not in ("pending", "ended"))

    # --- the contract itself

    def test_contract_and_route_table_have_the_same_routes(self):
        text = subprocess.run([BROKER, "--list-routes"], check=True, capture_output=True,
                              text=True).stdout
        table = {tuple(line.split()[:2]): set(line.split()[2:]) for line in text.splitlines()}
        self.assertEqual(set(table), set(routes_of_contract()))
        for (method, path), operation in routes_of_contract().items():
            parameters = [resolve(p) for p in operation.get("parameters", [])]
            self.assertEqual(table[method, path],
                             {p["name"] for p in parameters if p["in"] == "query"}, path)
            keyed = "Idempotency-Key" in {p["name"] for p in parameters if p["in"] == "header"}
            self.assertFalse(keyed and method == "GET", path)

    def test_every_route_but_sign_in_and_health_wants_a_sign_in(self):
        for method, path in routes_of_contract():
            if path in ("/api/v1/sign-in", "/healthz"):
                continue
            real = path.replace("{id}", "a").replace("{name}", "a").replace("{thing}", "user")
            for token in ("", "0" * 64, "nonsense"):
                answer = self.checked(method, real, token=token)
                self.assertEqual((answer.status, answer.json["code"]), (401, "unauthenticated"))

    def test_a_user_may_use_only_what_is_a_users(self):
        self.checked("POST", "/api/v1/users", {"name": "berta", "password": PASSWORD})
        token = self.sign_in_as("berta")
        for method, path in routes_of_contract():
            own = path.startswith(("/api/v1/my/", "/api/v1/operations", "/api/v1/sign", "/api/v1/me"))
            if own or path == "/healthz":
                continue
            real = path.replace("{id}", "a").replace("{name}", "a").replace("{thing}", "user")
            answer = self.checked(method, real, token=token)
            self.assertEqual((answer.status, answer.json["code"]), (403, "denied"), path)

    # --- each noun

    def test_signing_in_and_out(self):
        token = self.sign_in_as("admin")
        me = self.good("GET", "/api/v1/me", token=token)
        self.assertEqual((me["user"], me["roles"]), ("admin", ["user", "admin"]))
        self.good("POST", "/api/v1/sign-out", status=204, token=token)
        self.assertEqual(self.checked("GET", "/api/v1/me", token=token).status, 401)

    def test_a_cookie_signs_in_the_portal_and_changes_nothing_from_elsewhere(self):
        body = {"user": "admin", "password": PASSWORD, "as": "cookie"}
        away = self.checked("POST", "/api/v1/sign-in", body, token="",
                            headers={"Origin": "https://elsewhere.example"})
        self.assertEqual(away.status, 403)
        answer = self.checked("POST", "/api/v1/sign-in", body, token="", headers={"Origin": PORTAL})
        self.assertNotIn("token", answer.json)
        cookie = answer.headers["set-cookie"]
        for word in ("HttpOnly", "Secure", "SameSite=Strict", "Path=/api"):
            self.assertIn(word, cookie)
        mine = {"Cookie": cookie.split(";")[0]}
        self.assertEqual(self.checked("GET", "/api/v1/me", token="", headers=mine).status, 200)
        for origin in ({}, {"Origin": "https://elsewhere.example"}):
            answer = self.checked("POST", "/api/v1/my/sessions", {"pool": "office"}, token="",
                                  headers={**mine, **origin})
            self.assertEqual(answer.status, 403)
        answer = self.broker.request("POST", "/api/v1/sign-out", None, {**mine, "Origin": PORTAL})
        self.assertEqual(answer.status, 204)
        self.assertEqual(self.checked("GET", "/api/v1/me", token="", headers=mine).status, 401)

    def test_refused_sign_ins_are_one_answer_in_one_time_and_then_throttled(self):
        times = []
        for user in ("admin", "nobody-at-all"):
            began = time.monotonic()
            answer = self.checked("POST", "/api/v1/sign-in", {"user": user, "password": "wrong"},
                                  token="", headers={"X-Zaguan-Peer": "192.0.2.1"})
            times.append(time.monotonic() - began)
            self.assertEqual(answer.status, 401)
            self.assertEqual(answer.json["detail"], "The user name or the password is not correct.")
        self.assertLess(abs(times[0] - times[1]), 0.1)
        codes = [self.checked("POST", "/api/v1/sign-in", {"user": "carla", "password": "x"},
                              token="", headers={"X-Zaguan-Peer": "192.0.2.2"}).status
                 for _ in range(6)]
        self.assertEqual(codes, [401] * 5 + [429])
        self.sign_in_as("admin")  # from elsewhere nothing is locked

    def test_pools(self):
        self.make_pool("spare", ready=0)
        pool = self.good("GET", "/api/v1/pools/spare")
        self.assertEqual(pool["session"]["keyboard"], "es")
        spec = {"name": "second", "template": "tiny", "ready": 0}
        made = self.checked("POST", "/api/v1/pools", spec)
        self.assertEqual(made.status, 201)
        self.assertEqual(self.checked("POST", "/api/v1/pools", spec).status, 409)
        same = self.checked("PUT", "/api/v1/pools/second", made.json,
                            headers={"If-Match": made.headers["etag"]})
        self.assertEqual(same.status, 200)  # what was read may be sent back
        stale = self.checked("PUT", "/api/v1/pools/second", {**spec, "max": 5},
                             headers={"If-Match": '"999999"'})
        self.assertEqual((stale.status, stale.json["code"]), (412, "stale"))
        self.assertEqual(self.checked("DELETE", "/api/v1/pools/second",
                                      headers={"If-Match": '"999999"'}).status, 412)
        for match in ("*", '"1"'):
            absent = self.checked("PUT", "/api/v1/pools/absent", {"template": "tiny", "ready": 0},
                                  headers={"If-Match": match})
            self.assertEqual(absent.status, 412)
        self.assertEqual(self.checked("PUT", "/api/v1/pools/second", made.json,
                                      headers={"If-Match": "*"}).status, 200)
        first = self.good("GET", "/api/v1/pools?limit=1")
        rest = self.good("GET", f"/api/v1/pools?limit=500&after={first['next']}")
        names = [p["name"] for p in first["items"] + rest["items"]]
        self.assertEqual(names, sorted(set(names)))
        for name in ("second", "spare"):
            done = self.finished(self.good("DELETE", f"/api/v1/pools/{name}", status=202))
            self.assertEqual(done["state"], "done", done)
        self.assertEqual(self.checked("GET", "/api/v1/pools/second").status, 404)

    def test_bad_pools_name_the_field_at_fault(self):
        self.make_pool("spare", ready=0)
        for field, body in (("vcpus", {"vcpus": 0}), ("memory_mib", {"memory_mib": "1"}),
                            ("memory_mb", {"memory_mb": 512}), ("network", {"network": "bridge"}),
                            ("name", {"name": "other"}), ("users", {"entitle": {"users": [1]}}),
                            ("template", {"template": None})):
            answer = self.checked("PUT", "/api/v1/pools/spare", {"template": "tiny", **body})
            self.assertEqual((answer.status, answer.json["errors"][0]["field"]), (400, field))
        answer = self.checked("PUT", "/api/v1/pools/spare", {"template": "tiny", "profile": "dsl"})
        self.assertEqual((answer.status, answer.json["errors"][0]["field"]), (400, "profile"))
        self.assertIn("lan, branch-5mbit, branch-2mbit, lossless", answer.body.decode())
        for profile in ("lan", "branch-5mbit", "branch-2mbit", "lossless"):
            self.make_pool("spare", ready=0, profile=profile)
            self.assertEqual(self.good("GET", "/api/v1/pools/spare")["profile"], profile)
        answer = self.checked("PUT", "/api/v1/pools/spare", {"template": "unknown"})
        self.assertEqual(answer.status, 404)
        self.assertIn("unknown", answer.json["detail"])

    def test_templates(self):
        self.make_pool("spare", ready=0)
        self.assertEqual(self.good("GET", "/api/v1/templates/tiny")["current"], 1)
        self.assertEqual(self.checked("DELETE", "/api/v1/templates/tiny").status, 409)
        self.finished(self.good("POST", "/api/v1/templates/unused/versions",
                                {"path": "u.qcow2", "kernel": "k", "initrd": "i"}, 202))
        self.finished(self.good("DELETE", "/api/v1/templates/unused", status=202))
        bad = self.checked("POST", "/api/v1/templates/tiny/versions", {"path": "../../etc/shadow"})
        self.assertEqual((bad.status, bad.json["errors"][0]["field"]), (400, "path"))

    def test_a_session_from_wish_to_end(self):
        desktop = self.make_ready()
        pools = self.good("GET", "/api/v1/my/pools", headers={"Accept-Language": "es-ES,en;q=0.5"})
        self.assertIn("Listo", [p["state_text"] for p in pools["items"] if p["pool"] == "office"][0])
        session = self.open_session()
        again = self.checked("POST", "/api/v1/my/sessions", {"pool": "office"})
        self.assertEqual((again.status, again.json["id"]), (200, session["id"]))
        ticket = self.good("POST", f"/api/v1/my/sessions/{session['id']}/ticket",
                           {"share": False, "view_only": False}, 201)
        self.assertEqual(ticket["desktop"], session["desktop"])
        self.broker.host.viewer(session, "in", 1)
        self.until("the viewer", f"/api/v1/my/sessions/{session['id']}",
                   lambda s: s["state"] == "active")
        self.assertEqual(self.good("GET", "/api/v1/my/sessions")["items"][0]["id"], session["id"])
        self.good("GET", "/api/v1/sessions?user=admin")
        self.assertNotIn("line", self.good("GET", f"/api/v1/sessions/{session['id']}"))
        self.broker.host.line(session, bottleneck="the moon")  # costs itself
        self.broker.host.line(session)
        shown = self.until("its line", f"/api/v1/sessions/{session['id']}", lambda s: "line" in s)
        self.assertEqual(shown["line"], {
            "rtt_ms": 82, "rate_kbit": 4900, "fps": 24, "encodings": ["tight", "jpeg"],
            "bottleneck": "link", "bottleneck_text": "The network link is full"})
        self.good("POST", f"/api/v1/sessions/{session['id']}/message", {"text": "¡Hola!"}, 202)
        self.good("POST", f"/api/v1/my/sessions/{session['id']}/restart", status=202)
        self.good("GET", f"/api/v1/why/session/{session['id']}")
        self.good("GET", "/api/v1/why/user/admin")
        self.good("GET", f"/api/v1/why/desktop/{desktop['id']}")
        self.good("POST", f"/api/v1/my/sessions/{session['id']}/log-off", status=202)
        self.until("the end", f"/api/v1/my/sessions/{session['id']}",
                   lambda s: s["state"] == "ended")
        session = self.open_session()
        self.good("DELETE", f"/api/v1/sessions/{session['id']}", status=202)

    def test_desktops(self):
        desktop = self.make_ready()
        path = f"/api/v1/desktops/{desktop['id']}"
        self.assertEqual(self.good("GET", f"/api/v1/desktops/{desktop['name']}")["id"],
                         desktop["id"])
        self.good("GET", path + "/history?limit=3")
        self.good("POST", path + "/restart", status=202)
        self.finished(self.good("POST", path + "/refresh", status=202))
        self.until("the refreshed desktop", path, lambda d: d["life"] == "ready")
        self.finished(self.good("DELETE", path, status=202))

    def test_hosts(self):
        self.good("GET", "/api/v1/hosts")
        self.good("GET", "/api/v1/hosts/h1")
        for on in (True, False):
            host = self.good("PATCH", "/api/v1/hosts/h1", {"maintenance": on})
            self.assertIs(host["maintenance"], on)
        self.good("POST", "/api/v1/hosts/tokens", {"host": "h2"}, 201)
        answer = self.checked("DELETE", "/api/v1/hosts/h2")
        self.assertIn(answer.status, (204, 404))

    def test_users(self):
        body = {"name": "dora", "password": PASSWORD, "full_name": "Dora Díaz", "admin": True}
        self.good("POST", "/api/v1/users", body, 201)
        self.assertEqual(self.checked("POST", "/api/v1/users", body).status, 409)
        self.sign_in_as("dora")
        self.assertIn("dora", [u["name"] for u in self.good("GET", "/api/v1/users")["items"]])
        self.assertEqual(len(self.good("GET", "/api/v1/users/dora/sign-ins")["items"]), 1)
        self.good("POST", "/api/v1/users/dora/password", {"password": PASSWORD}, 204)
        token = self.sign_in_as("dora")
        self.good("DELETE", "/api/v1/users/dora/sign-ins", status=204)
        self.assertEqual(self.checked("GET", "/api/v1/me", token=token).status, 401)
        self.good("DELETE", "/api/v1/users/dora", status=204)
        self.assertEqual(self.checked("DELETE", "/api/v1/users/admin").status, 409)
        short = self.checked("POST", "/api/v1/users", {"name": "eva", "password": "short"})
        self.assertEqual((short.status, short.json["errors"][0]["field"]), (400, "password"))

    def test_status_operations_audit_and_health(self):
        self.make_pool("spare", ready=0)
        self.good("GET", "/api/v1/status")
        self.assertTrue(self.good("GET", "/api/v1/operations")["items"])
        rows = self.good("GET", "/api/v1/audit?limit=100")["items"]
        made = next(row for row in rows if row["event"] in ("pool-created", "pool-changed"))
        self.assertEqual((made["reason"], made["text"]),
                         ("administered", "An administrator asked for it"))
        answer = self.broker.request("GET", "/healthz")
        self.check("GET", "/healthz", answer)
        self.assertEqual(answer.body.strip(), b"ok")

    # --- rules that hold everywhere

    def test_the_same_key_gets_the_same_answer(self):
        self.make_pool("spare", ready=0)
        body = {"name": "keyed", "template": "tiny", "ready": 0}
        first, second = (self.checked("POST", "/api/v1/pools", body,
                                      headers={"Idempotency-Key": "key-1"}) for _ in range(2))
        self.assertEqual((first.status, first.json), (201, second.json))
        self.assertEqual((first.status, first.headers["etag"]),
                         (second.status, second.headers["etag"]))
        other = self.checked("POST", "/api/v1/pools", {**body, "max": 7},
                             headers={"Idempotency-Key": "key-1"})
        self.assertEqual(other.status, 409)
        gone = [self.checked("DELETE", "/api/v1/pools/keyed", headers={"Idempotency-Key": "key-2"})
                for _ in range(2)]
        self.assertEqual(gone[0].json["operation"]["id"], gone[1].json["operation"]["id"])
        self.assertEqual(gone[0].headers["location"], gone[1].headers["location"])

    def test_what_is_malformed_is_refused_in_words(self):
        for body, headers in ((b"{", {}), (b"[]", {}), (b'{"name":"a","name":"b"}', {}),
                              (b"[" * 5000, {}), (b'{"a":"\xff"}', {}), (b"", {"If-Match": "7"}),
                              (b"{}", {"Content-Type": "text/plain"}),
                              (b"{}", {"Idempotency-Key": "k" * 65})):
            answer = self.checked("POST", "/api/v1/pools", body, headers=headers)
            self.assertEqual(answer.status, 400, body)
        for query in ("limit=0", "limit=501", "limit=x", "unknown=1", "limit"):
            self.assertEqual(self.checked("GET", "/api/v1/pools?" + query).status, 400, query)

    def test_nothing_that_was_sent_is_left_out_without_a_word(self):
        """A filter or a condition that is not understood must not become none at all."""
        self.make_pool("spare", ready=0)
        long = "x" * 1100
        many = "&".join(f"a{i}=1" for i in range(16))
        for query in (f"pool={long}", f"{many}&pool=spare", "limit=1&limit=2"):
            self.assertEqual(self.checked("GET", "/api/v1/desktops?" + query).status, 400, query)
        for name in ("If-Match", "Idempotency-Key"):
            answer = self.broker.request("DELETE", "/api/v1/pools/spare", None,
                                         {"Authorization": "Bearer " + self.token,
                                          name: "9" * 8200})
            self.assertEqual(answer.status, 400, name)

    def test_signing_out_takes_the_cookie_away(self):
        answer = self.broker.request("POST", "/api/v1/sign-in",
                                     {"user": "admin", "password": PASSWORD, "as": "cookie"},
                                     {"Origin": PORTAL})
        cookie = answer.headers["set-cookie"].partition(";")[0]
        for word in ("HttpOnly", "Secure", "SameSite=Strict", "Path=/api"):
            self.assertIn(word, answer.headers["set-cookie"])
        out = self.broker.request("POST", "/api/v1/sign-out", None,
                                  {"Origin": PORTAL, "Cookie": cookie})
        self.assertEqual(out.status, 204)
        self.assertTrue(out.headers["set-cookie"].startswith("zaguan=; "))
        self.assertIn("Max-Age=0", out.headers["set-cookie"])

    def test_oversize_and_chunked_bodies_are_refused(self):
        for body, headers, status in ((b"x" * (300 * 1024), {}, 413),
                                      (None, {"Transfer-Encoding": "chunked"}, 411),
                                      (None, {"Content-Length": "-1"}, 400)):
            answer = self.broker.request("POST", "/api/v1/sign-in", body, headers)
            self.assertEqual(answer.status, status)
            schema = {"$ref": "#/components/schemas/Problem", "components": OPENAPI["components"]}
            jsonschema.Draft202012Validator(schema).validate(answer.json)
            self.assertEqual(answer.headers["x-trace-id"], answer.json["trace_id"])

    def test_unknown_paths_and_methods_are_told_apart(self):
        self.assertEqual(self.broker.request("GET", "/api/v1/nothing").status, 404)
        answer = self.broker.request("DELETE", "/api/v1/me")
        self.assertEqual((answer.status, answer.headers["allow"]), (405, "GET"))

    def test_no_upgrade_leaves_http_1(self):
        for upgrade in ("h2c", "websocket"):
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(10)
                s.connect(str(self.broker.folder / "run/broker.sock"))
                s.sendall(f"GET /api/v1/me HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
                          f"Upgrade: {upgrade}\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"
                          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                          "Sec-WebSocket-Version: 13\r\n\r\n".encode())
                self.assertNotIn(b"101 ", s.recv(64))

    def test_live_changes_come_and_resume(self):
        self.make_pool("spare", ready=0)
        events = self.read_stream("/api/v1/events", {"session", "desktop", "operation"},
                                  self.open_and_end_session)
        seen = [number for number, _, _ in events]
        self.assertEqual(seen, sorted(seen))
        again = self.read_stream("/api/v1/events", {"operation"}, last=seen[0])
        self.assertGreater(again[0][0], seen[0])
        mine = self.read_stream("/api/v1/my/events", {"session", "operation"},
                                self.open_and_end_session)
        self.assertLessEqual({kind for _, kind, _ in mine}, {"session", "operation", "pool"})
        new = self.read_stream("/api/v1/events", {"reset"}, last=10 ** 9)
        self.assertEqual(new[0][2], {})

    def open_and_end_session(self):
        self.make_ready()
        session = self.open_session()
        self.good("POST", f"/api/v1/my/sessions/{session['id']}/log-off", status=202)

    def read_stream(self, path, kinds, do=lambda: None, last=None):
        """Events until each of @kinds has come."""
        schema = {"$ref": "#/components/schemas/Event", "components": OPENAPI["components"]}
        found = []
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(str(self.broker.folder / "run/broker.sock"))
            after = f"Last-Event-ID: {last}\r\n" if last is not None else ""
            s.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.token}\r\n"
                      f"{after}\r\n".encode())
            stream = s.makefile("rb")
            self.assertIn(b" 200 ", stream.readline())
            head = dict(line.decode().strip().lower().split(": ", 1)
                        for line in iter(stream.readline, b"\r\n"))
            self.assertEqual(head["content-type"], "text/event-stream")
            self.seen.add(("GET", path, 200))
            stream.readline()  # the first comment: subscribed
            do()
            row = {}
            while not kinds <= {kind for _, kind, _ in found}:
                line = stream.readline().decode()
                self.assertNotEqual(line, "", "the stream has ended")
                line = line.rstrip("\n")
                if line.startswith(("id: ", "event: ", "data: ")):
                    key, _, value = line.partition(": ")
                    row[key] = value
                elif line == "" and "data" in row:
                    data = json.loads(row["data"])
                    try:
                        jsonschema.Draft202012Validator(schema).validate(data)
                    except jsonschema.ValidationError as e:
                        raise AssertionError(f"{row}: {e.message}") from e
                    found.append((int(row["id"]), row["event"], data))
                    row = {}
        return found

    def test_the_portal_is_served_strictly(self):
        page = self.broker.request("GET", "/")
        self.assertEqual((page.status, page.headers["cache-control"]), (200, "no-cache"))
        self.assertNotIn("unsafe-inline", page.headers["content-security-policy"])
        self.assertEqual(page.headers["x-content-type-options"], "nosniff")
        again = self.broker.request("GET", "/", None, {"If-None-Match": page.headers["etag"]})
        self.assertEqual((again.status, again.body), (304, b""))
        asset = self.broker.request("GET", "/assets/app-0123456789ab.js")
        self.assertIn("immutable", asset.headers["cache-control"])
        self.assertTrue(asset.headers["content-type"].startswith("text/javascript"))
        os.symlink("/etc/hostname", self.broker.web / "out.txt")
        for path in ("/../broker.conf", "/%2e%2e/broker.conf", "/assets/..%2f..%2fbroker.conf",
                     "/out.txt", "/.hidden", "/assets", "/assets/", "/nothing.js"):
            answer = self.broker.request("GET", path)
            self.assertIn(answer.status, (400, 403, 404), path)
            self.assertNotIn(b"portal-origin", answer.body)


class ZCoverageTest(unittest.TestCase):
    """After all others (tests run in the order of their names)."""

    def test_every_route_gave_its_good_answers(self):
        wanted = {(method, path, int(status)) for (method, path), row in routes_of_contract().items()
                  for status in row["responses"] if status.startswith("2")}
        # A session that exists already answers 200, and a host can only be forgotten once lost.
        missing = wanted - ContractTest.seen - {("DELETE", "/api/v1/hosts/{name}", 204)}
        self.assertEqual(missing, set())


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"] + sys.argv[4:])
