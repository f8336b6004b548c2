#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A desktop that is switched off inside, or whose machine is killed, ends its session with a reason
and comes back clean; and what all of it takes: times and memory, printed for the record."""
import os
import signal
import time

import guest_agent
from installation import TINY, Installation, Problem, Processes, wait_for

POOL = TINY.replace("max: 3", "max: 1").replace("disk-mib: 2048", "disk-mib: 1024")


def ended(api, session):
    now = api.get(f"/my/sessions/{session['id']}")
    return now if now["state"] == "ended" else None


def fresh(inst, desktop, generation, since, what):
    def ready():
        found = inst.desktops(life="ready", pool="tiny")
        return found and found[0]["generation"] > generation and found
    after, = wait_for(ready, 240, "the next generation")
    inst.note(f"{what}: a clean desktop again after {time.monotonic() - since:.1f} s")
    assert after["id"] == desktop and after["generation"] == generation + 1, after
    assert "tainted" not in after["flags"] and not after.get("user"), after


def by_its_person(inst):
    api = inst.api("ana.garcia")
    session, console = inst.open_console(api, "tiny")
    inst.terminal(console)
    inst.expect_dbus_pictures()
    desktop, = inst.desktops(pool="tiny")
    memory(inst)
    agent, = guest_agent.take(inst, desktop["id"])
    since = time.monotonic()
    agent.start("sync; poweroff -f")
    agent.close()
    over = wait_for(lambda: ended(api, session), 60, "the session's end")
    print(f"    the person reads: {over['reason']}: {over.get('reason_text')}")
    assert over["reason"] and over["reason_text"], over
    console.close()
    fresh(inst, desktop["id"], desktop["generation"], since, "switched off inside")


def by_a_crash(inst):
    api = inst.api("emma.clarke")
    session, console = inst.open_console(api, "tiny")
    desktop, = inst.desktops(pool="tiny")
    qemu = inst.qemus()[desktop["id"]]
    os.kill(qemu, signal.SIGKILL)
    since = time.monotonic()

    def settled():
        try:
            now = api.get(f"/my/sessions/{session['id']}")
        except Problem:
            return None
        machine = inst.qemus().get(desktop["id"])
        return now if machine not in (None, qemu) else None
    after = wait_for(settled, 120, "another machine")
    inst.note(f"machine killed: session {after['state']} ({after.get('reason')})")
    console.close()
    assert after["state"] == "ended" and after["reason_text"], after
    fresh(inst, desktop["id"], desktop["generation"], since, "machine killed")


def by_log_off(inst):
    """The times of an ordinary day."""
    api = inst.api("carmen.ruiz")
    began = time.monotonic()
    session, console = inst.open_console(api, "tiny")
    inst.note(f"wish to first frame: {time.monotonic() - began:.2f} s")
    inst.terminal(console)
    inst.note(f"wish to a terminal with the keyboard: {time.monotonic() - began:.2f} s")
    desktop, = inst.desktops(pool="tiny")
    since = time.monotonic()
    inst.log_off(api, session)
    console.close()
    fresh(inst, desktop["id"], desktop["generation"], since, "log-off")


def memory(inst):
    """One desktop in use, one viewer."""
    qemu, = inst.qemus().values()
    worker, = inst.workers()
    for name, pid in (("QEMU of a desktop of 320 MiB", qemu), ("worker", worker),
                      *((p, inst.pid(p)) for p in ("broker", "hostd", "front"))):
        print(f"    {name}: PSS {Processes.memory_kib(pid) / 1024:.1f} MiB, RSS "
              f"{Processes.memory_kib(pid, 'Rss') / 1024:.1f} MiB, private "
              f"{Processes.memory_kib(pid, 'Private_Dirty') / 1024:.1f} MiB")


with Installation(POOL) as installation:
    log = (installation.dir / "log/hostd.log").read_text().splitlines()
    for line in log:
        if any(word in line for word in ("desktop-clean", "desktop-started", "desktop-prepared")):
            print("   ", line)
    by_log_off(installation)
    by_its_person(installation)
    by_a_crash(installation)
print("ok")
