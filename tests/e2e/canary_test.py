#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing of a person remains: one writes a canary to disk, memory, clipboard and screen and logs
off; then the very same desktop is given to another, and is searched for it from inside and outside.

Every search is first made while the canary is there and must find it, so that none can pass by
looking in the wrong place."""
import secrets
import subprocess

import guest_agent
from installation import TINY, Installation, Processes, wait_for

CANARY = "zgcanary" + secrets.token_hex(8)
# A colour nobody else paints, and one that survives any pixel format of 24 bits.
COLOUR = (0x13, 0xA7, 0xC9)
POOL = TINY.replace("max: 3", "max: 1").replace("disk-mib: 2048", "disk-mib: 1024")


def on_host(folder):
    """Files below the folder with the canary's bytes in them."""
    found = subprocess.run(["grep", "-rlaF", CANARY, folder], capture_output=True, text=True,
                           check=False)
    assert found.returncode in (0, 1), found.stderr
    return found.stdout.split()


def in_memory(pid):
    """Is the canary anywhere in this process?"""
    wanted = CANARY.encode()
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            words = line.split()
            first, last = (int(word, 16) for word in words[0].split("-"))
            if "r" not in words[1] or (len(words) > 5 and words[5] in ("[vvar]", "[vsyscall]")):
                continue
            try:
                memory.seek(first)
                tail = b""
                while first < last:
                    chunk = memory.read(min(1 << 22, last - first))
                    if not chunk:
                        break
                    if wanted in tail + chunk:
                        return True
                    tail, first = chunk[-len(wanted):], first + len(chunk)
            except OSError:
                continue
    return False


def in_guest(agent, what):
    """The canary's place in the guest's raw disk, files or clipboard; the command itself does not
    contain it."""
    pattern = f"[z]{CANARY[1:]}"
    commands = {
        "disk": f"grep -z -c -a '{pattern}' /dev/vda",  # -z: a hole is many short lines
        "files": f"grep -rla '{pattern}' /home /root /tmp /var /run /etc /usr/local /dev/shm",
        "processes": f"cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null"
                     f" | grep -c -a '{pattern}'",
    }
    status, text = agent.run(commands[what] + " 2>/dev/null", 240)
    assert status in (0, 1, 2), (what, status, text)
    return [] if text.strip() in ("", "0") else text.split()


def write(inst, api):
    session, console = inst.open_console(api, "tiny")
    inst.terminal(console)
    console.cut_text(CANARY)
    files = " ".join(["~/canary", "/tmp/canary", "/var/tmp/canary"])
    console.type(f"tee {files} <<<{CANARY}; xclip -sel c ~/canary; sync\n")
    console.type("printf '\\033]11;#%02x%02x%02x\\007'\n" % COLOUR)
    console.wait(lambda c: c.count(COLOUR) > 1000, 60, "the canary's colour")
    return session, console


def read_back(inst, session):
    """Every search finds it now."""
    desktop = session["desktop"]
    agent, = guest_agent.take(inst, desktop)
    wait_for(lambda: len(in_guest(agent, "files")) >= 3, 60, "the canary in the guest's files")
    agent.text("sync; xclip -h >/dev/null 2>&1; true")
    assert in_guest(agent, "disk"), "a search of the guest's disk finds nothing"
    agent.close()
    inst.note("the canary is on the guest's disk")
    overlays = on_host(inst.dir / "hostd")
    assert any("/desktops/" in name for name in overlays), overlays
    qemu, = inst.qemus().values()
    assert in_memory(qemu), "a search of QEMU's memory finds nothing"
    return desktop, qemu


def sleep_and_wake(inst):
    """The saved memory has it too, and the person finds the desktop again."""
    inst.down()
    saved = on_host(inst.dir)
    inst.note(f"saved; the canary is in {len(saved)} files")
    assert any("/save/" in name or "saved" in name or "/libvirt/" in name for name in saved), saved
    inst.up()
    api = inst.api("ana.garcia")
    session, console = inst.open_console(api, "tiny")
    console.wait(lambda c: c.count(COLOUR) > 1000, 60, "the canary's colour after the night")
    return api, session, console


def search(inst, desktop, old_qemu, old_workers):
    inst.wait_ready("tiny", 1)
    inst.note("the next generation is ready")
    fresh, = inst.desktops(pool="tiny")
    assert fresh["id"] == desktop and fresh["generation"] > 1, fresh
    left = on_host(inst.dir)
    assert not left, f"the canary is on the host in {left}"
    qemu, = inst.qemus().values()
    workers = inst.workers()
    assert qemu != old_qemu and not set(workers) & set(old_workers), "a process was used again"
    for pid in [qemu, *workers]:
        assert not in_memory(pid), f"the canary is in the memory of {Processes.cmdline(pid)[:2]}"
    api = inst.api("emma.clarke")
    session = api.open_session("tiny")
    assert session["desktop"] == desktop
    pictures = []
    console = inst.console(api.ticket(session)["ticket"])
    assert console.count(COLOUR, 1) == 0, "the first frame shows the former person's screen"
    inst.terminal(console)
    console.type("echo nothing\n")

    def look(c):
        pictures.append(c.count(COLOUR, 2))
        return len(pictures) > 5
    console.wait(look, 30, "more pictures")
    assert not any(pictures), pictures
    assert console.clipboard is None, console.clipboard
    agent, = guest_agent.take(inst, desktop)
    for what in ("files", "disk", "processes"):
        assert not in_guest(agent, what), f"the canary is in the next person's {what}"
    assert agent.text("ls /home") == "emma.clarke", agent.text("ls /home")
    agent.close()
    console.close()
    inst.note("the next person's desktop is clean")


with Installation(POOL) as installation:
    ana = installation.api("ana.garcia")
    used, screen = write(installation, ana)
    desktop_id, _ = read_back(installation, used)
    screen.close()
    ana, used, screen = sleep_and_wake(installation)
    former_qemu, = installation.qemus().values()
    former_workers = installation.workers()
    assert in_memory(former_qemu)
    installation.log_off(ana, used)
    screen.close()
    search(installation, desktop_id, former_qemu, former_workers)
print("ok")
