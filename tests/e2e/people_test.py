#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""People on real desktops: Chromium at the portal, TigerVNC with its own dialog. One desktop for
all of them, so each gets what the last one's log-off has refreshed. What the guest computed is
read from the pixels.

    people_test.py [--shots DIR]
"""
import hashlib
import json
import os
import pathlib
import select
import shutil
import subprocess
import sys
import tempfile

from installation import ROOT, TINY, Installation, wait_for

POOL = (TINY.replace("keyboard: us", "keyboard: es").replace("locale: en_US", "locale: es_ES")
        .replace("max: 3", "max: 1"))
SHOTS = sys.argv[sys.argv.index("--shots") + 1] if "--shots" in sys.argv else None
TYPED = "ñá@€"
# Typed in the guest; the terminal's background becomes the colour that the sum makes.
COMMAND = f"set $(printf {TYPED}|cksum); printf \"\\e]11;#%06x\\a\" $(($1%16777216))"


def colour():
    """As the guest's shell should come to it."""
    done = subprocess.run(["cksum"], input=TYPED.encode(), stdout=subprocess.PIPE, check=True)
    return int(done.stdout.split()[0]) % 16777216


def node_modules():
    """The test-only modules of the lockfile, kept in .cache; no install script runs."""
    web = ROOT / "client/web"
    key = hashlib.sha256((web / "package-lock.json").read_bytes()).hexdigest()[:16]
    folder = ROOT / ".cache" / f"node-{key}"
    if not (folder / "done").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(web / name, folder)
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund",
                        "--loglevel=error"], cwd=folder, check=True, stdout=sys.stderr)
        (folder / "done").touch()
    return folder / "node_modules"


def chromium(inst):
    task = {"portal": inst.origin + "/", "title": "Tiny", "colour": f"{colour():06x}", "shots": SHOTS,
            "people": {name: inst.password(name) for name in ("ana.garcia", "luis.fernandez")}}
    done = subprocess.run(["node", ROOT / "tests/e2e/people.mjs"], text=True, timeout=600,
                          input=json.dumps(task), stderr=subprocess.STDOUT, stdout=subprocess.PIPE,
                          env=dict(os.environ, ZAGUAN_NODE_MODULES=str(node_modules())))
    print(done.stdout, flush=True)
    assert done.returncode == 0, "see above"


class Screen:
    """An X server for one stock viewer, and what a person does in front of it."""

    def __enter__(self):
        read_end, write_end = os.pipe()
        self.xvfb = subprocess.Popen(
            ["Xvfb", "-displayfd", str(write_end), "-screen", "0", "1280x800x24", "-noreset",
             "-nolisten", "tcp"], pass_fds=[write_end], stderr=subprocess.DEVNULL)
        os.close(write_end)
        assert select.select([read_end], [], [], 30)[0], "no Xvfb"
        number = os.read(read_end, 16)
        while not number.endswith(b"\n"):
            number += os.read(read_end, 16)
        os.close(read_end)
        self.home = tempfile.TemporaryDirectory(prefix="zgv")
        self.env = {"PATH": os.environ["PATH"], "DISPLAY": ":" + number.decode().strip(),
                    "HOME": self.home.name, "LANG": "C.UTF-8"}
        self.programs = [self.xvfb]
        self.call("setxkbmap", "es")
        return self

    def __exit__(self, kind, failure, trace):
        if failure is not None and SHOTS:
            self.call("import", "-window", "root", f"{SHOTS}/tigervnc-failed.png")
        for program in reversed(self.programs):
            program.terminate()
            program.wait(20)
        self.home.cleanup()

    def call(self, *words, **more):
        return subprocess.run(list(map(str, words)), env=self.env, timeout=60, check=False,
                              stdout=subprocess.PIPE, **more).stdout

    def start(self, *words):
        self.programs.append(subprocess.Popen(list(map(str, words)), env=self.env,
                                              stdout=subprocess.DEVNULL,
                                              stderr=subprocess.DEVNULL))

    def window(self, name, seconds=60):
        return wait_for(lambda: self.call("xdotool", "search", "--onlyvisible", "--name",
                                          name).split(), seconds, f"a window '{name}'")[0].decode()

    def type(self, text):
        """A line, then Return."""
        self.call("xdotool", "type", "--delay", "50", "--file", "-", input=text.encode())
        self.call("xdotool", "key", "Return")

    def share(self, colour, slack=6):
        """How much of the screen has that colour: 0..1."""
        picture = self.call("import", "-window", "root", "-depth", "8", "rgb:-")
        near = sum(all(abs(picture[i + k] - colour[k]) <= slack for k in range(3))
                   for i in range(0, len(picture) - 2, 3 * 97))
        return near / max(1, len(picture) // (3 * 97))


def ask(screen, wanted):
    """A guest that stands still for a moment loses keys, as its hardware would: then type again."""
    for attempt in range(5):
        screen.type(COMMAND)
        try:
            return wait_for(lambda: screen.share(wanted) > 0.4, 20, "what the guest summed up")
        except AssertionError:
            print("typed again", flush=True)
            screen.call("xdotool", "key", "ctrl+c")
    raise AssertionError(f"TigerVNC: '{TYPED}' did not arrive")


def tigervnc(inst, user="emma.clarke", title="Tiny"):
    """TigerVNC's own dialog signs the person in and lands on the desktop."""
    with Screen() as screen:
        screen.start("xtigervncviewer", "-SecurityTypes", "X509Plain", "-X509CA",
                     inst.ca, "-RemoteResize=0", f"127.0.0.1::{inst.rfb_port}")
        dialog = screen.window("VNC authentication")
        screen.call("xdotool", "windowfocus", dialog, "mousemove", "--window", dialog, 200, 72,
                    "click", 1)
        screen.type(f"{user}\t{inst.password(user)}")
        screen.window(title, 240)
        paper = bytes.fromhex("f7f5ee")
        wait_for(lambda: screen.share(paper) > 0.4, 180, "the terminal of the guest in TigerVNC")
        screen.call("xdotool", "mousemove", 500, 400, "click", 1)
        ask(screen, colour().to_bytes(3, "big"))
        if SHOTS:
            screen.call("import", "-window", "root", f"{SHOTS}/tigervnc.png")
    inst.note("TigerVNC: signed in, typed ñ á @ €, read the answer from the pixels")


with Installation(POOL) as installation:
    chromium(installation)
    tigervnc(installation)
print("ok")
