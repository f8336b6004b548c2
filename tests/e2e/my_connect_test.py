#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""`zaguan my connect` on a real desktop: the command line redeems the ticket itself, and a stock
TigerVNC on a private socket shows the desktop. Meanwhile no process of this machine shows a secret."""
import os
import pathlib
import re
import signal
import stat

from installation import PAPER, TINY, Installation, Processes, wait_for
from x_screen import Screen

POOL = TINY.replace("keyboard: us", "keyboard: es").replace("max: 3", "max: 1")
THIRD = 0x227733
COLOUR = tuple((3 * THIRD).to_bytes(3, "big"))


def sign_in(inst, user):
    """That person's own context, as `zaguan login` leaves it."""
    context = inst.top / f"{user}.json"
    inst.run(inst.program, "login", inst.origin, "--ca", inst.ca, "--user", user,
             "--password-file", "-", "--context", context, text_in=inst.password(user) + "\n")
    assert stat.S_IMODE(context.stat().st_mode) == 0o600, oct(context.stat().st_mode)
    return context


def environment(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")
    except OSError:
        return ""


def nothing_secret(pids, known):
    """Tickets and resume secrets are 64 hex digits; no such word, password or token is readable."""
    shown = {pid: "\0".join(Processes.cmdline(pid)) + "\0" + environment(pid) for pid in pids}
    for pid, text in shown.items():
        assert not re.search(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])", text), (pid, text)
        assert not [secret for secret in known if secret in text], (pid, text)


def private_socket(folder):
    found = wait_for(lambda: list(pathlib.Path(folder).glob("zaguan-*/console")), 60, "the socket")
    assert len(found) == 1, found
    mode = stat.S_IMODE(found[0].parent.stat().st_mode)
    assert mode == 0o700, oct(mode)
    mode = found[0].stat().st_mode
    assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o600, oct(mode)
    return found[0]


def connect(inst, user="ana.garcia"):
    context = sign_in(inst, user)
    token = re.search(r'"token"\s*:\s*"([^"]+)"', context.read_text()).group(1)
    with Screen() as screen:
        program = screen.start(inst.program, "my", "connect", "tiny", "--viewer",
                               "xtigervncviewer", "--keyboard", "es", "--context", context)
        socket = private_socket(screen.env["XDG_RUNTIME_DIR"])
        window = screen.window("Tiny|tiny", 120)
        inst.note("the viewer's window")
        ours = {program.pid} | Processes.below([program.pid])
        viewers = [pid for pid in ours if "vncviewer" in (Processes.cmdline(pid) or [""])[0]]
        assert viewers, [Processes.cmdline(pid) for pid in ours]
        assert str(socket) in Processes.cmdline(viewers[0]), Processes.cmdline(viewers[0])
        nothing_secret(ours | inst.tree(), [inst.password(user), token])
        screen.shows(PAPER, 120, "the guest's terminal")
        screen.take_terminal(window)
        screen.type("[ 'ñá@€' = $(printf \"\\303\\261\\303\\241@\\342\\202\\254\") ] && "
                    f"printf \"\\033]11;#%06x\\007\" $((3*{THIRD}))\n")
        screen.shows(COLOUR, 120, "what the guest computed")
        inst.note("ñ á @ € typed in TigerVNC, the answer read from the pixels")
        leave_and_return(inst, screen, program, viewers[0], context)


def leave_and_return(inst, screen, program, viewer, context):
    """Closing the viewer leaves nothing behind here, and the desktop as it was."""
    os.kill(viewer, signal.SIGTERM)
    program.wait(60)
    left = list(pathlib.Path(screen.env["XDG_RUNTIME_DIR"]).glob("zaguan-*"))
    assert left == [], left
    program = screen.start(inst.program, "my", "connect", "tiny", "--context", context)
    private_socket(screen.env["XDG_RUNTIME_DIR"])
    screen.shows(COLOUR, 120, "the same desktop again")
    inst.note("closed and opened again: the same desktop")
    program.send_signal(signal.SIGTERM)
    program.wait(60)


with Installation(POOL) as installation:
    connect(installation)
print("ok")
