#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong around an installation without guests: a full disk, certificates that ended, no
host, no directory, configuration that is none. Each is refused in time, the refusal names the thing
at fault and what to do, and nothing that was acknowledged is lost."""
import os
import pathlib
import signal
import subprocess
import tempfile
import time

from installation import TINY, Installation, Problem, wait_for

POOL = TINY.replace("disk-mib: 2048", "disk-mib: 64")


def refused(call, *words):
    """The problem must say all these words, in whatever part a person sees."""
    try:
        answer = call()
    except Problem as problem:
        text = f"{problem.status} {problem.body.get('detail')} {problem.body.get('hint')}".lower()
        print(f"    refused: {text}")
        missing = [word for word in words if word.lower() not in text]
        assert not missing, f"'{missing}' is not said in: {text}"
        return problem
    raise AssertionError(f"not refused: {answer}")


def problems(inst):
    return inst.api().get("/status")["problems"]


def told(inst, thing, seconds=40):
    """`zaguan status` has a problem with that thing, in words and with a hint."""
    found = wait_for(lambda: [p for p in problems(inst) if thing in p["thing"] + p["text"]],
                     seconds, f"a problem with {thing}")
    assert all(p["text"] and p.get("hint") for p in found), found
    print(f"    status: {found[0]['text']} -- {found[0]['hint']}")
    shown = inst.zaguan("status", json=False, check=False)
    assert shown.returncode == 1 and found[0]["text"] in shown.stdout, shown.stdout


def no_directory(inst):
    inst.run(inst.tools / "demo-directory", "stop", inst.dir)
    began = time.monotonic()
    refused(lambda: inst.api("ana.garcia"), "directory")
    assert time.monotonic() - began < 10, "a missing directory costs too long"
    told(inst, "directory")
    assert inst.api("admin").get("/me")["user"] == "admin"
    inst.run(inst.tools / "demo-directory", "start", inst.dir)
    wait_for(lambda: not problems(inst), 60, "an end of the problems")


def no_host(inst):
    """hostd cannot start: its configuration has a word too many."""
    conf = inst.dir / "hostd.conf"
    good = conf.read_text()
    conf.write_text(good + "\n[limits]\nstarts-at-twice=3\n")
    inst.kill("hostd")
    log = inst.dir / "log/hostd.log"
    wait_for(lambda: "starts-at-twice" in log.read_text(), 30, "the word in hostd's log")
    line = next(w for w in log.read_text().splitlines() if "starts-at-twice" in w)
    print(f"    hostd: {line}")
    assert "hostd.conf" in line and "limits" in line, line
    told(inst, "here")
    api = inst.api("ana.garcia")
    session = api.post("/my/sessions", {"pool": "tiny", "terminal": "t"})
    refused(lambda: api.post(f"/my/sessions/{session['id']}/ticket"), "not ready", "wait")
    waiting = api.get(f"/my/sessions/{session['id']}")
    print(f"    the person reads: {waiting['state_text']}: {waiting['reason_text']}")
    assert (waiting["state"], waiting["reason"]) == ("pending", "no-host"), waiting
    assert "host" in waiting["reason_text"] and "estimate_s" not in waiting, waiting
    conf.write_text(good)
    wait_for(lambda: not problems(inst), 60, "an end of the problems")
    inst.log_off(api, api.get(f"/my/sessions/{session['id']}"))


def expired(inst, name, authority=None):
    """A certificate of that name which ended yesterday, in its place; the old one is returned."""
    path = inst.dir / f"tls/{name}.pem"
    old = path.read_text()
    extension = subprocess.run(["openssl", "x509", "-in", path, "-noout", "-ext",
                                "subjectAltName"], check=True, capture_output=True,
                               text=True).stdout
    alternative = extension.splitlines()[1].strip().replace("IP Address:", "IP:")
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        (work / "ext").write_text(f"subjectAltName={alternative}\n")
        inst.run("openssl", "req", "-new", "-key", inst.dir / f"tls/{name}.key", "-subj",
                 f"/CN={name}", "-out", work / "csr")
        inst.run("openssl", "x509", "-req", "-in", work / "csr", "-CA", inst.dir / "ca/ca.pem",
                 "-CAkey", inst.dir / "ca/ca.key", "-set_serial", "77", "-days", "-1", "-extfile",
                 work / "ext", "-out", work / "pem")
        path.write_text((work / "pem").read_text())
    return old


def certificates(inst):
    """The host's own certificate ended: the broker does not take it, and both say why."""
    old = expired(inst, "host")
    inst.kill("hostd")
    log = inst.dir / "log/hostd.log"
    mark = len(log.read_text())
    words = wait_for(lambda: [w for w in log.read_text()[mark:].splitlines()
                              if "expired" in w or "certificate" in w], 40, "a word of hostd")
    print(f"    hostd: {words[0]}")
    assert any("expired" in w for w in words), words
    told(inst, "here")
    (inst.dir / "tls/host.pem").write_text(old)
    inst.kill("hostd")
    wait_for(lambda: not problems(inst), 60, "an end of the problems")


def malformed(inst):
    """Each program refuses to start, at once, naming file, group and key."""
    for program, conf, flag, text, words in (
            ("broker/zaguan-broker", "broker.conf", "--config", "[sign-in]\nsession-hours=ten\n",
             ("broker.conf", "session-hours")),
            ("broker/zaguan-broker", "broker.conf", "--config", "[shop]\nopen=1\n",
             ("broker.conf", "shop")),
            ("broker/zaguan-broker", "broker.conf", "--config", "this is no key file\n",
             ("broker.conf",)),
            ("hostd/zaguan-hostd", "hostd.conf", "--config", "[limits]\nstarts-at-once=0\n",
             ("hostd.conf", "starts-at-once")),
            ("hostd/zaguan-hostd", "hostd.conf", "--config", "[network]\ndeny=not-an-address\n",
             ("deny", "not-an-address")),
            ("display/zaguan-display", "front.conf", "--front", "[front]\nhttps-port=99999\n",
             ("front.conf", "https-port")),
            ("display/zaguan-display", "front.conf", "--front", "[front]\ncolour=red\n",
             ("front.conf", "colour"))):
        copy = inst.top / conf
        group, key = text.split("\n")[0], text.split("\n")[1].split("=")[0] if "=" in text else ""
        lines = [w for w in (inst.dir / conf).read_text().splitlines()
                 if not key or not w.startswith(key + "=")]
        if group in lines:
            lines.insert(lines.index(group) + 1, text.split("\n")[1])
        else:
            lines.append(text)
        copy.write_text("\n".join(lines) + "\n")
        began = time.monotonic()
        done = inst.run(inst.build / program, flag, copy, timeout=20, check=False)
        said = done.stdout + done.stderr
        print(f"    {said.strip().splitlines()[-1] if said.strip() else '(silence)'}")
        assert done.returncode != 0 and time.monotonic() - began < 10, said
        assert all(word in said for word in words), (words, said)


def full_disk():
    """The state folder's disk fills up: nothing is acknowledged that cannot be kept."""
    top = pathlib.Path(tempfile.mkdtemp(prefix="zg-", dir="/tmp"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512m", "zaguan-test", top], check=True)
    try:
        with Installation(POOL, fake=True, state_folder=top,
                          hostd_conf="\n[limits]\ndisk-reserve-mib=0\n") as inst:
            api = inst.api("ana.garcia")
            session = api.open_session("tiny")
            ballast = top / "ballast"
            with open(ballast, "wb", buffering=0) as out:
                try:
                    while True:
                        out.write(bytes(1 << 14))
                except OSError:
                    pass
            kept, failures = [], 0
            admin = inst.anybody()
            for n in range(400):
                status, _, text = inst_try(admin, inst, n)
                if status == 200:
                    kept.append(n)
                elif status >= 500:
                    failures += 1
                    if failures == 1:
                        print(f"    refused: {text}")
                        assert b"disk" in text or b"store" in text or b"space" in text, text
                    if failures > 3:
                        break
            assert failures, "the disk never was full"
            told_full(inst)
            ballast.unlink()
            wait_for(lambda: inst_try(admin, inst, 1000)[0] == 200, 30, "work after the disk")
            inst.kill("broker")
            wait_for(inst.portal_answers, 30, "the broker again")
            again = inst.api("ana.garcia").get(f"/my/sessions/{session['id']}")
            assert again["state"] != "ended" and again["desktop"] == session["desktop"], again
            inst.wait_ready("tiny", 1)
            inst.note("a full disk loses nothing")
    finally:
        subprocess.run(["umount", "-l", top], check=True)
        os.rmdir(top)


def inst_try(admin, inst, n):
    """One sign-in, which is a row in the store."""
    return admin.raw("POST", "/api/v1/sign-in", {
        "user": "ana.garcia", "password": inst.password("ana.garcia"), "as": "token",
        "terminal": "x" * 120})


def told_full(inst):
    log = (inst.dir / "log/broker.log").read_text()
    assert "full" in log or "space" in log, log[-500:]


def main():
    with Installation(POOL, fake=True) as inst:
        inst.tools = pathlib.Path(__file__).resolve().parents[2] / "tools"
        for fault in (malformed, no_directory, no_host, certificates):
            fault(inst)
            inst.note(fault.__name__.replace("_", " "))
        assert inst.pid("broker") and not problems(inst)
    if os.geteuid() == 0:
        full_disk()
    else:
        print("the full disk is left out: only root mounts a small one")
    print("ok")


signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(TimeoutError("too long")))
signal.alarm(400)
main()
