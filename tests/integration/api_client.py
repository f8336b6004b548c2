# SPDX-License-Identifier: GPL-3.0-or-later
"""The REST API as a test uses it: nothing but the standard library."""
import http.client
import json
import ssl
import threading
import time
import uuid


class Problem(Exception):
    """An error answer: `status` and the problem+json as `body`."""

    def __init__(self, status, body):
        super().__init__(f"{status}: {body}")
        self.status, self.body = status, body


def wait_for(condition, seconds, what):
    """Ask until the answer is true; the answer is returned."""
    pause = threading.Event()
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come within {seconds} s; last answer: {value!r}")
        pause.wait(0.1)


class Api:
    """One client; `sign_in` keeps the token."""

    def __init__(self, address, port, ca):
        self.address, self.port, self.ca, self.token = address, port, ca, None

    def raw(self, method, path, body=None, headers=None, timeout=60):
        context = ssl.create_default_context(cafile=self.ca)
        link = http.client.HTTPSConnection(self.address, self.port, context=context,
                                           timeout=timeout)
        try:
            head = {"Accept-Language": "en"}
            if self.token:
                head["Authorization"] = f"Bearer {self.token}"
            if body is not None:
                head["Content-Type"] = "application/json"
                body = json.dumps(body)
            if method != "GET":
                head["Idempotency-Key"] = uuid.uuid4().hex
            head.update(headers or {})
            link.request(method, path, body, head)
            answer = link.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            link.close()

    def call(self, method, path, body=None, **options):
        status, _, text = self.raw(method, "/api/v1" + path, body, **options)
        value = json.loads(text) if text else None
        if status >= 400:
            raise Problem(status, value)
        return value

    def get(self, path):
        return self.call("GET", path)

    def post(self, path, body=None):
        return self.call("POST", path, {} if body is None else body)

    def sign_in(self, user, password):
        self.token = None
        answer = self.post("/sign-in", {"user": user, "password": password, "as": "token"})
        self.token = answer["token"]
        return answer

    def follow(self, answer, seconds=120):
        """Wait for the end of an operation; its record is returned."""
        identity = (answer.get("operation") or answer)
        identity = identity["id"] if isinstance(identity, dict) else identity

        def finished():
            record = self.get(f"/operations/{identity}")
            return record if record["state"] != "running" else None
        record = wait_for(finished, seconds, f"operation {identity}")
        assert record["state"] == "done", record
        return record

    def open_session(self, pool, seconds=300, **more):
        """A session of that pool, waited for until its console can be opened."""
        session = self.post("/my/sessions", {"pool": pool, "terminal": "test", **more})
        path = f"/my/sessions/{session['id']}"

        def ready():
            now = self.get(path)
            assert now["state"] != "ended", now
            return now if now["state"] != "pending" and now.get("desktop") else None
        return wait_for(ready, seconds, f"a desktop of pool {pool}")

    def ticket(self, session, seconds=120, **more):
        """A console ticket, asked for again while the desktop is not ready."""
        def ask():
            try:
                return self.post(f"/my/sessions/{session['id']}/ticket", more)
            except Problem as problem:
                if problem.status not in (409, 503):
                    raise
                return None
        return wait_for(ask, seconds, "a console ticket")
