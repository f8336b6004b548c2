# SPDX-License-Identifier: GPL-3.0-or-later
"""Root inside a guest, for proofs: QEMU's guest agent, taken over from hostd.

The agent's port has one peer, and that is libvirt inside hostd. `take` ends hostd with SIGKILL
while its supervisor is stopped, sits down at the ports, and lets the supervisor start hostd again,
which adopts its guests; libvirt waits for its turn at the port until the test lets go.
"""
import base64
import contextlib
import json
import os
import signal
import socket
import time

from installation import Processes, wait_for


class Failed(AssertionError):
    """The guest, or its agent, did not do it."""


class Agent:
    """`run` is a shell command as root in the guest."""

    def __init__(self, folder):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        where = os.open(folder, os.O_PATH)
        try:  # the whole path may be too long for a socket's name
            self.socket.connect(f"/proc/self/fd/{where}/org.qemu.guest_agent.0")
        finally:
            os.close(where)
        self.received = b""
        self.synced = False

    def close(self):
        self.socket.close()

    def line(self):
        while b"\n" not in self.received:
            chunk = self.socket.recv(1 << 16)
            if not chunk:
                raise Failed("the agent's port was closed")
            self.received += chunk
        line, _, self.received = self.received.partition(b"\n")
        return json.loads(line.lstrip(b"\xff"))

    def sync(self):
        """Whatever an earlier peer asked may still be answered; skip to our own number."""
        number = int.from_bytes(os.urandom(4), "big")
        self.socket.sendall(b"\xff" + json.dumps(
            {"execute": "guest-sync-delimited", "arguments": {"id": number}}).encode() + b"\n")
        while self.line().get("return") != number:
            pass
        self.synced = True

    def call(self, command, **arguments):
        if not self.synced:
            self.sync()
        self.socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode()
                            + b"\n")
        answer = self.line()
        if "error" in answer:
            raise Failed(f"{command}: {answer['error']}")
        return answer["return"]

    def run(self, command, seconds=60):
        """(exit status, everything it printed)"""
        started = self.call("guest-exec", path="/bin/sh", arg=["-c", command + " 2>&1"],
                            **{"capture-output": True})

        def ended():
            status = self.call("guest-exec-status", pid=started["pid"])
            return status if status["exited"] else None
        status = wait_for(ended, seconds, f"the end of `{command}` in the guest")
        return status.get("exitcode", -1), base64.b64decode(
            status.get("out-data", "")).decode(errors="replace")

    def start(self, command):
        """Not waited for: it may end the guest before the agent has answered."""
        with contextlib.suppress(Failed, ConnectionError):
            self.call("guest-exec", path="/bin/sh", arg=["-c", command + " >/dev/null 2>&1"])

    def text(self, command, seconds=60):
        """What it printed; anything but success fails."""
        status, text = self.run(command, seconds)
        if status != 0:
            raise Failed(f"`{command}` in the guest: exit {status}: {text}")
        return text.strip()


def folder_of(inst, desktop):
    found = sorted(inst.dir.glob(
        f"hostd/libvirt/lib/qemu/channel/target/domain-*-zg-{desktop[:12]}*"))
    if len(found) != 1:
        raise Failed(f"{len(found)} folders of channels for desktop {desktop}")
    return found[0]


def take(inst, *desktops):
    """Agents of these desktops, in order. hostd is killed and starts again on the way."""
    supervisor = inst.supervisor()
    old = inst.pid("hostd")
    inst.watch()
    os.kill(supervisor, signal.SIGSTOP)
    try:
        os.kill(old, signal.SIGKILL)
        wait_for(lambda: Processes.stat(old) is None, 10, "the end of hostd")
        agents = [Agent(folder_of(inst, desktop)) for desktop in desktops]
    finally:
        os.kill(supervisor, signal.SIGCONT)
    wait_for(lambda: inst.pid("hostd") not in (0, old), 30, "hostd again")
    wait_for(lambda: inst.zaguan("host", "show", "here")["state"] == "linked", 60, "its link")
    began = time.monotonic()
    for agent in agents:
        agent.sync()
    if time.monotonic() - began > 30:
        raise Failed("the guest agents are too slow")
    return agents
