#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signing in at the running broker with a real directory behind it: names, throttle, roles."""
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

ZAGUAN, BROKER = (os.path.abspath(program) for program in sys.argv[1:3])

import ldap_test as directory  # noqa: E402  (its first argument is a probe that is not used here)

PASSWORD = "secret-1"
FILTER = "(|(uid={user})(mail={user}))"


class Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=20)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class SignInTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.top = pathlib.Path(tempfile.mkdtemp(prefix="zaguan-signin-"))
        cls.folder = cls.top / "inst"
        directory.make_certificates(cls.top)
        text = (directory.ldif() + directory.person("eva", extra="mail: eva@branch.test\n")
                + directory.person("leo", extra="mail: leo@branch.test\n")
                + directory.group("operators", directory.dn_of("eva"))
                + directory.group("zaguan-admins", directory.group_dn("operators")))
        cls.slapd = directory.Slapd(cls.top, "server", text)
        (cls.top / "reader").write_text("read-1\n", encoding="ascii")
        subprocess.run(
            [ZAGUAN, "init", cls.folder, "--host", "h1", "--metrics-port", "0", "--web-directory",
             "/tmp", "--password-file", "-", "--ldap-uri", f"ldaps://127.0.0.1:{cls.slapd.ldaps}",
             "--ldap-base", directory.BASE, "--ldap-ca-file", cls.top / "ca.pem",
             "--ldap-bind-dn", f"cn=reader,{directory.BASE}", "--ldap-bind-password-file",
             cls.top / "reader", "--ldap-user-filter", FILTER],
            input="admin password\n", text=True, check=True, capture_output=True, timeout=60,
            env={**os.environ, "ZAGUAN_BROKER": BROKER})
        cls.log = open(cls.top / "log", "wb")
        cls.start()

    @classmethod
    def tearDownClass(cls):
        cls.stop()
        cls.slapd.stop()
        cls.log.close()
        shutil.rmtree(cls.top)

    @classmethod
    def start(cls):
        cls.process = subprocess.Popen([BROKER, "--config", cls.folder / "broker.conf"],
                                       stderr=cls.log)
        end = time.monotonic() + 20
        while True:
            try:
                cls.call("GET", "/healthz")
                return
            except OSError:
                if time.monotonic() > end or cls.process.poll() is not None:
                    raise
                threading.Event().wait(0.05)

    @classmethod
    def stop(cls):
        cls.process.terminate()
        assert cls.process.wait(20) == 0

    @classmethod
    def call(cls, method, path, body=None, **headers):
        link = Connection(str(cls.folder / "run/broker.sock"))
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        link.request(method, path, json.dumps(body).encode() if body is not None else None, headers)
        answer = link.getresponse()
        text = answer.read()
        link.close()
        kept = dict((name.lower(), value) for name, value in answer.getheaders())
        return answer.status, json.loads(text) if text[:1] == b"{" else None, kept

    def sign_in(self, user, password=PASSWORD, address="192.0.2.10"):
        return self.call("POST", "/api/v1/sign-in", {"user": user, "password": password},
                         X_Zaguan_Peer=address)

    def test_every_name_of_a_person_signs_in_again_and_again(self):
        for name in ["eva@branch.test"] * 7 + ["EVA"] * 2 + [" eva "]:
            status, body, _ = self.sign_in(name, address="192.0.2.20")
            self.assertEqual((status, body.get("user")), (200, "eva"), body)

    def test_a_stranger_locks_nobody_out_not_even_after_a_restart(self):
        self.assertEqual(self.sign_in("leo@branch.test", address="192.0.2.30")[0], 200)
        self.stop()
        self.start()
        guesses = [self.sign_in("leo@branch.test", "wrong", "203.0.113.9")[0] for _ in range(6)]
        self.assertEqual(guesses, [401] * 5 + [429])
        self.assertEqual(self.sign_in("leo@branch.test", address="198.51.100.1")[0], 429)
        self.assertEqual(self.sign_in("leo@branch.test", address="192.0.2.30")[0], 200)

    def test_the_pause_is_told_as_it_is(self):
        for _ in range(5):
            self.sign_in("nobody", "wrong", "203.0.113.77")
        status, body, headers = self.sign_in("nobody", "wrong", "203.0.113.77")
        self.assertEqual(status, 429)
        self.assertIn(f"in {headers['retry-after']} s", body["detail"])
        self.assertTrue(50 <= int(headers["retry-after"]) <= 60)

    def test_the_role_comes_from_nested_groups_and_is_shown(self):
        _, body, _ = self.sign_in("eva", address="192.0.2.40")
        self.assertEqual(sorted(body["roles"]), ["admin", "user"])
        _, users, _ = self.call("GET", "/api/v1/users", Authorization="Bearer " + body["token"])
        self.assertEqual([u["admin"] for u in users["items"] if u["name"] == "eva"], [True])
        _, leo, _ = self.sign_in("leo", address="192.0.2.41")
        self.assertEqual(leo["roles"], ["user"])
        self.assertEqual(self.call("GET", "/api/v1/users",
                                   Authorization="Bearer " + leo["token"])[0], 403)

    def test_what_came_with_a_password_is_in_no_log_and_no_file(self):
        _, body, _ = self.sign_in("eva", address="192.0.2.50")
        self.sign_in("eva", "a wrong pass phrase", "192.0.2.50")
        self.log.flush()
        for path in [self.top / "log", *(self.folder / "store").iterdir()]:
            text = path.read_bytes()
            for secret in (body["token"], "a wrong pass phrase", PASSWORD):
                self.assertNotIn(secret.encode(), text, path)

    def test_z_a_directory_that_is_down_is_told_without_its_address(self):
        self.slapd.stop()
        for language, words in (("en", "directory does not answer"), ("es", "directorio no responde")):
            status, body, _ = self.call("POST", "/api/v1/sign-in", {"user": "eva", "password": "x"},
                                        Accept_Language=language, X_Zaguan_Peer="192.0.2.60")
            self.assertIn(status, (503, 504))
            self.assertIn(words, body["detail"])
            self.assertNotIn("ldaps://", json.dumps(body))
        _, local, _ = self.call("POST", "/api/v1/sign-in",
                                {"user": "admin", "password": "admin password"},
                                X_Zaguan_Peer="192.0.2.61")
        self.assertEqual(local["roles"], ["user", "admin"])
        self.log.flush()
        self.assertIn(f"ldaps://127.0.0.1:{self.slapd.ldaps}", (self.top / "log").read_text())


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"] + sys.argv[3:])
