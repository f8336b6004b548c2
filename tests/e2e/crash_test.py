#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 of every program, over and over, while people work: what was acknowledged is kept.

    crash_test.py [--real] [--seconds N]     without --real hostd has a hypervisor without guests

First by turns, with a viewer that looks on: hostd and broker may die and the viewer notices
nothing; a dead worker costs a resume, a dead front a new ticket, and never a session. Then at
random, under load, and afterwards the records of the people are compared with the installation's.
"""
import argparse
import http.client
import json
import random
import threading
import time
import uuid

from installation import (TINY, Installation, Problem, Processes, console_client, pause,
                          wait_for)

PEOPLE = ["ana.garcia", "luis.fernandez", "emma.clarke", "carmen.ruiz"]
PASSING = (OSError, http.client.HTTPException, console_client.Closed)  # a program is away


def insist(api, method, path, body=None, seconds=90):
    """Ask with one Idempotency-Key until there is an answer that is not "come back later"."""
    key = uuid.uuid4().hex
    deadline = time.monotonic() + seconds
    last = None
    while time.monotonic() < deadline:
        try:
            status, _, text = api.raw(method, "/api/v1" + path, body,
                                      {"Idempotency-Key": key}, timeout=30)
            last = status, json.loads(text) if text else None
            if status not in (409, 412, 429, 502, 503, 504):
                return last
        except PASSING as failure:
            last = repr(failure)
        pause(0.1)
    raise AssertionError(f"{method} {path}: no answer in {seconds} s; last: {last}")


class Person(threading.Thread):
    """Signs in, opens a desktop, looks, and leaves; `log` is what was acknowledged."""

    def __init__(self, inst, name, stop):
        super().__init__(daemon=True)
        self.inst, self.person, self.stop = inst, name, stop
        self.tokens, self.sessions, self.left, self.failure = [], {}, set(), None
        self.n_views = 0

    def run(self):
        try:
            while not self.stop.is_set():
                self.day()
        except BaseException as failure:  # noqa: B036 - told by the main thread
            self.failure = failure
            self.stop.set()

    def day(self):
        api = self.inst.anybody()
        status, answer = insist(api, "POST", "/sign-in", {
            "user": self.person, "password": self.inst.password(self.person), "as": "token"})
        assert status == 200, (status, answer)
        api.token = answer["token"]
        self.tokens.append(api.token)
        status, session = insist(api, "POST", "/my/sessions", {"pool": "tiny", "terminal": "t"})
        assert status in (200, 201), (status, session)
        self.sessions[session["id"]] = session
        self.look(api, session)
        if self.stop.is_set() and random.random() < 0.5:
            return  # this one stays signed on
        status, answer = insist(api, "POST", f"/my/sessions/{session['id']}/log-off", {})
        assert status == 202 or (status == 404 and not self.lives(api, session)), (status, answer)
        self.left.add(session["id"])
        wait_for(lambda: not self.lives(api, session), 150, f"the end of session {session['id']}")

    @staticmethod
    def lives(api, session):
        try:
            return api.get(f"/my/sessions/{session['id']}")["state"] != "ended"
        except PASSING:
            return True
        except Problem as problem:
            if problem.status < 500:
                raise
            return True

    def with_desktop(self, api, session):
        """The session when it has a desktop; real ones take their time, and half the people
        lose their patience."""
        patience = 0 if self.inst.fake or random.random() < 0.5 else 90
        deadline = time.monotonic() + patience
        while True:
            now = api.get(f"/my/sessions/{session['id']}")
            if now["state"] != "pending" and now.get("desktop"):
                return now
            if time.monotonic() >= deadline or self.stop.wait(0.5):
                return None

    def look(self, api, session):
        """Best effort: a viewer may lose its front or worker at any moment."""
        try:
            now = self.with_desktop(api, session)
            if now is None:
                return
            ticket = api.post(f"/my/sessions/{session['id']}/ticket")["ticket"]
            self.inst.console(ticket).close()
            self.n_views += 1
        except (Problem, AssertionError, *PASSING):
            pause(0.05)


class Watcher(threading.Thread):
    """The administrator's view in one answer: never two people on a desktop, never a ready one
    that somebody used; and changes of a pool, the last acknowledged of which must stay."""

    def __init__(self, inst, stop):
        super().__init__(daemon=True)
        self.inst, self.stop, self.failure = inst, stop, None
        self.n_looks, self.asked, self.acknowledged = 0, 0, 0
        self.api = inst.api()

    def run(self):
        try:
            api = self.api
            while not self.stop.is_set():
                self.look(api)
                self.change(api)
                pause(0.05)
        except BaseException as failure:  # noqa: B036
            self.failure = failure
            self.stop.set()

    def look(self, api):
        try:
            check_desktops(api.get("/desktops?limit=500")["items"])
            check_sessions(api.get("/sessions?limit=500")["items"])
            self.n_looks += 1
        except PASSING:
            pass
        except Problem as problem:
            assert problem.status in (502, 503, 504), problem

    def change(self, api):
        status, pool = insist(api, "GET", "/pools/tiny")
        assert status == 200, pool
        self.asked += 1
        pool["description"] = f"change {self.asked}"
        status, answer = insist(api, "PUT", "/pools/tiny", pool)
        assert status in (200, 201), (status, answer)
        self.acknowledged = self.asked


def check_desktops(items):
    people = [d["user"] for d in items if d.get("user")]
    assert len(people) == len(set(people)), f"one person on two desktops: {items}"
    for desktop in items:
        if desktop["life"] == "ready":
            assert "tainted" not in desktop["flags"] and not desktop.get("user"), desktop


def check_sessions(items):
    used = [s["desktop"] for s in items
            if s.get("desktop") and s["state"] not in ("ended", "logging-off", "pending")]
    assert len(used) == len(set(used)), f"two sessions on one desktop: {items}"


def alive_and_well(inst):
    for program in ("broker", "hostd", "front"):
        wait_for(lambda p=program: inst.pid(p), 30, f"{program} again")
    wait_for(inst.portal_answers, 30, "the portal again")

    def linked():
        try:
            return inst.anybody() and inst.zaguan("host", "show", "here")["state"] == "linked"
        except AssertionError:
            return False
    wait_for(linked, 60, "the link again")


def reacts(console, what):
    """A key changes the picture: the whole way through worker, console and back. Pressed again
    every second, as a person does: what is typed while a console is opened anew is lost."""
    console.settle()
    before, presses = bytes(console.frame), 0
    began = time.monotonic()

    def changed(c):
        nonlocal presses
        if time.monotonic() >= began + presses:
            c.type("x")
            presses += 1
        return bytes(c.frame) != before
    console.wait(changed, 30, f"a reaction after {what}")


def by_turns(inst):
    """Each program dies alone; what a person in front of the screen notices of it."""
    api = inst.api("lucia.nunez")
    session, console = inst.open_console(api, "tiny", 60 if inst.fake else 300)
    if not inst.fake:
        inst.terminal(console)
    reacts(console, "the start")
    machines, workers = inst.qemus(), sorted(inst.workers())
    for program in ("hostd", "broker", "hostd", "broker"):
        inst.kill(program)
        reacts(console, f"kill -9 of {program}")
        alive_and_well(inst)
        reacts(console, f"the return of {program}")
        assert inst.qemus() == machines, f"machines changed when {program} died"
        assert sorted(inst.workers()) == workers, f"workers changed when {program} died"
        wait_for(lambda: api.get(f"/my/sessions/{session['id']}")["state"] == "active", 10,
                 f"an active session after the return of {program}")
    inst.note("viewers, workers and machines outlive hostd and broker")
    resume = console.resume
    for pid in inst.workers():
        inst.end(pid)
    lost = closing_of(console)
    assert lost.code in (1001, 1006), lost
    console = wait_for(lambda: resumed(inst, resume), 60, "a resumed viewer")
    reacts(console, "kill -9 of its worker")
    assert inst.qemus() == machines
    inst.note("a dead worker costs a resume")
    inst.kill("front")
    alive_and_well(inst)
    console = wait_for(lambda: with_ticket(inst, api, session), 90, "a viewer after the front died")
    reacts(console, "kill -9 of the front")
    again = api.get(f"/my/sessions/{session['id']}")
    assert (again["state"], again["desktop"]) == ("active", session["desktop"]), again
    assert inst.qemus() == machines
    inst.note("a dead front costs a ticket")
    console.close()
    inst.log_off(api, session)


def closing_of(console):
    try:
        console.wait(lambda c: False, 30, "the viewer's end")
    except console_client.Closed as closed:
        return closed
    except OSError:
        return console_client.Closed(1006, "lost")


def resumed(inst, secret):
    try:
        return inst.console(secret, "resume")
    except (AssertionError, *PASSING):
        return None


def with_ticket(inst, api, session):
    try:
        return inst.console(api.post(f"/my/sessions/{session['id']}/ticket")["ticket"])
    except (AssertionError, Problem, *PASSING):
        return None


def at_random(inst, seconds):
    stop = threading.Event()
    people = [Person(inst, name, stop) for name in PEOPLE]
    watcher = Watcher(inst, stop)
    for thread in [*people, watcher]:
        thread.start()
    kills = dict.fromkeys(("broker", "hostd", "front", "worker"), 0)
    deadline = time.monotonic() + seconds
    while (time.monotonic() < deadline or min(kills.values()) == 0) and not stop.is_set():
        for what in random.sample(list(kills), len(kills)):
            if what == "worker":
                alive = wait_for(inst.workers, 60, "a worker to kill")
                inst.end(random.choice(alive))
            else:
                inst.kill(what)
                wait_for(lambda w=what: inst.pid(w), 30, f"{what} again")
            kills[what] += 1
            stop.wait(random.uniform(0.1, 1.5))
    stop.set()
    for thread in [*people, watcher]:
        thread.join(240)
        assert not thread.is_alive(), f"{thread} hangs"
        if thread.failure:
            raise thread.failure
    alive_and_well(inst)
    n_sessions = sum(len(p.sessions) for p in people)
    inst.note(f"kills {kills}; {sum(len(p.tokens) for p in people)} sign-ins, {n_sessions} "
              f"sessions, {sum(p.n_views for p in people)} views, {watcher.acknowledged} changes "
              f"of the pool, {watcher.n_looks} looks")
    assert n_sessions >= len(people) and min(kills.values()) > 0, (n_sessions, kills)
    compare(inst, people, watcher)


def compare(inst, people, watcher):
    """What they were told against what the installation knows."""
    admin = inst.api()
    for person in people:
        for token in person.tokens:
            api = inst.anybody()
            api.token = token
            assert api.get("/me")["user"] == person.person
        known = {s["id"]: s for s in api.get("/my/sessions?limit=500")["items"]}
        for identity in person.sessions:
            session = known.get(identity) or api.get(f"/my/sessions/{identity}")
            assert session["user"] == person.person, session
            if identity in person.left:
                assert session["state"] == "ended", session
            else:
                assert session["state"] != "ended", f"a session was lost: {session}"
    said = int(admin.get("/pools/tiny")["description"].split()[1])
    assert said >= watcher.acknowledged, (said, watcher.acknowledged)
    desktops = admin.get("/desktops?limit=500")["items"]
    check_desktops(desktops)
    check_sessions(admin.get("/sessions?limit=500")["items"])
    if not inst.fake:
        wait_for(lambda: set(inst.qemus()) == {
            d["id"] for d in admin.get("/desktops?limit=500")["items"]}, 120,
            "one machine for every desktop, and no other")
    inst.wait_ready("tiny", 1)
    inst.note("nothing acknowledged is lost")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--real", action="store_true", help="real guests")
    parser.add_argument("--seconds", type=float, default=20, help="of random kills")
    options = parser.parse_args()
    pool = TINY if options.real else TINY.replace("ready: 1", "ready: 2").replace(
        "max: 3", "max: 6").replace("disk-mib: 2048", "disk-mib: 64")
    with Installation(pool.replace("max: 3", "max: 4"), fake=not options.real) as inst:
        by_turns(inst)
        at_random(inst, options.seconds)
        live = [pid for pid in inst.workers() if Processes.alive(pid)]
        assert live, "no desktop has a worker"
    print("ok")


main()
