# SPDX-License-Identifier: GPL-3.0-or-later
"""How each server is started before a scene, and by which way a viewer reaches it."""
import os
import subprocess
import typing

import qemu
from front import Front
from stand import FRONT_PORT, FRONT_RFB_PORT, RELAY_PORT, SOCKET_PORT, Failed

SIZE = (1280, 800)


class Served(typing.NamedTuple):
    address: str  # for the meter
    pids: list  # whose CPU time is the server's
    between: list = []  # whose CPU time is the way's
    ticket: typing.Optional[str] = None


def listening(stand, *pids):
    stand.wait_port(stand.port)
    return Served(f"tcp:127.0.0.1:{stand.port}", list(pids))


# ---- ours ----

def console(stand):
    path = os.path.join(stand.folder, "console")
    stand.play("bench-console", path, *stand.console_buffer)
    stand.wait_for("the console", lambda: os.path.exists(path))
    return path


def zaguan(stand):
    program = stand.serve(str(stand.programs / "display" / "zaguan-display"), "--standalone", "--console",
                          f"unix:{console(stand)}", "--rfb", f"{stand.bind}:{stand.port}", "--security", "none",
                          "--insecure")
    return listening(stand, program.pid)


def zaguan_front(stand):
    """Worker and front, TLS and WebSocket."""
    path = console(stand)
    front = Front(stand, FRONT_PORT, FRONT_RFB_PORT)
    ticket = front.console(path)
    return Served(f"wss:127.0.0.1:{FRONT_PORT}/console", front.workers(), [front.process.pid], ticket)


# ---- what shows an X display ----

def x_server(stand, *words):
    """Return: its process; the scene is painted into it."""
    read, write = os.pipe()
    program = stand.serve(*words, "-displayfd", str(write), pass_fds=(write,))
    os.close(write)
    with open(read, encoding="ascii") as pipe:
        number = pipe.readline().strip()
    if not number:
        raise Failed(f"{words[0]} did not start. {stand.logs()}")
    stand.env["DISPLAY"] = f":{number}"
    stand.play("bench-painter")
    return program


def xvnc(stand):
    program = x_server(stand, "Xtigervnc", "-rfbport", str(stand.port), "-interface", stand.bind, "-SecurityTypes",
                       "None", "-geometry", "%dx%d" % SIZE, "-depth", "24", "-AlwaysShared", "-UseBlacklist=0",
                       "-FrameRate", "60")
    return listening(stand, program.pid)


def x11vnc(stand):
    """Its own CPU time, not that of Xvfb."""
    x_server(stand, "Xvfb", "-screen", "0", "%dx%dx24" % SIZE, "-nolisten", "tcp")
    stand.wait_stage()
    program = stand.serve("x11vnc", "-rfbport", str(stand.port), "-localhost", "-no6", "-nopw", "-forever", "-shared")
    return listening(stand, program.pid)


# ---- what has the picture in memory ----

def libvncserver(stand):
    program = stand.serve(stand.tool("bench-libvncserver"), stand.scene, stand.share, stand.stage, str(stand.port),
                          stdout=subprocess.PIPE)
    return listening(stand, int(program.stdout.readline()))


def qemu_vnc(stand):
    """A machine without guest: its screen is memory that the player has, too."""
    screen = qemu.Screen(stand, *SIZE)
    stand.play("bench-memory", screen.path, str(screen.offset))
    return listening(stand, screen.process.pid)


# ---- with something in between ----

def relay(stand, served):
    """What any process in between costs."""
    program = stand.start(stand.tool("bench-relay"), str(RELAY_PORT), str(stand.port))
    stand.wait_port(RELAY_PORT)
    return served._replace(address=f"tcp:127.0.0.1:{RELAY_PORT}", between=[program.pid])


def websockify(stand, served):
    program = stand.start("websockify", "--heartbeat=0", f"127.0.0.1:{SOCKET_PORT}", f"127.0.0.1:{stand.port}")
    stand.wait_port(SOCKET_PORT)
    return served._replace(address=f"ws:127.0.0.1:{SOCKET_PORT}/websockify", between=[program.pid])
