#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""One installation from nothing: a desktop, a sign-in, a first frame, log-off; then down and up
again, and the desktops that were saved go on where they were."""
import sys
import time

from installation import TINY, Installation, Processes, wait_for


def day(inst):
    """A person of the directory works and leaves; the next desktop is another generation."""
    api = inst.api("ana.garcia")
    began = time.monotonic()
    session, console = inst.open_console(api, "tiny")
    inst.note(f"first frame, {time.monotonic() - began:.2f} s after the wish")
    assert (console.width, console.height) >= (640, 400), (console.width, console.height)
    desktop = session["desktop"]
    identity = desktop if isinstance(desktop, str) else desktop["id"]
    assert identity in inst.qemus(), (identity, inst.qemus())
    inst.log_off(api, session)
    again = api.get(f"/my/sessions/{session['id']}")
    assert again["state"] == "ended", again
    console.close()
    return identity


def night(inst):
    """Down saves memory; up resumes it: the same desktops, at once, in the same generation."""
    # The spare that came while somebody worked is one too many once they have left.
    wait_for(lambda: [d["life"] for d in inst.desktops()] == ["ready"], 120, "one ready desktop and no other")
    before = {d["id"]: d["generation"] for d in inst.desktops(life="ready")}
    qemus = inst.qemus()
    inst.down()
    inst.note("down, desktops saved")
    left = [pid for pid in inst.seen if (s := Processes.stat(pid)) and s[1] == inst.seen[pid]]
    assert not left, [Processes.cmdline(pid) for pid in left]
    began = time.monotonic()
    inst.up()
    inst.wait_ready("tiny", 1)
    inst.note(f"a desktop again, {time.monotonic() - began:.2f} s after `up`")
    resumed = {d["id"]: d["generation"] for d in inst.desktops(life="ready")}
    kept = [d for d in resumed if before.get(d) == resumed[d]]
    assert kept, f"no desktop was resumed: before {before}, after {resumed}"
    assert set(inst.qemus().values()).isdisjoint(qemus.values())
    session, console = inst.open_console(inst.api("emma.clarke"), "tiny")
    assert session["desktop"] in kept, (session, kept)
    wait_for(lambda: console.n_updates, 10, "a picture of a resumed desktop")
    console.close()


with Installation(TINY) as installation:
    day(installation)
    night(installation)
print("ok")
sys.exit(0)
