#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""People on real desktops: Chromium at the portal, TigerVNC with its own dialog. One desktop for
all of them, so each gets what the last one's log-off has refreshed. What the guest computed is
read from the pixels.

    people_test.py [--shots DIR]    pictures of what was seen go there
"""
import subprocess
import sys

from installation import TINY, Installation
import viewers
from x_screen import Screen

POOL = (TINY.replace("keyboard: us", "keyboard: es").replace("locale: en_US", "locale: es_ES")
        .replace("max: 3", "max: 1"))
SHOTS = sys.argv[sys.argv.index("--shots") + 1] if "--shots" in sys.argv else None
TYPED = "ñá@€"
# What the last browser has painted on the desktop that TigerVNC takes over, by people.mjs.
CLEAN = (3 * 0x2244AA).to_bytes(3, "big")
# Typed in the guest; the terminal's background becomes the colour that the sum makes.
COMMAND = f"set $(printf {TYPED}|cksum); printf \"\\e]11;#%06x\\a\" $(($1%16777216))"


def colour():
    """As the guest's shell should come to it."""
    done = subprocess.run(["cksum"], input=TYPED.encode(), stdout=subprocess.PIPE, check=True)
    return int(done.stdout.split()[0]) % 16777216


def browsers(inst):
    viewers.chromium("people.mjs", {
        "portal": inst.origin + "/", "title": "Tiny", "colour": f"{colour():06x}", "shots": SHOTS,
        "people": {name: inst.password(name) for name in ("ana.garcia", "luis.fernandez")}}, 800)


def ask(screen, wanted):
    """A guest that stands still for a moment loses keys, as its hardware would: then type again."""
    for _ in range(5):
        screen.type(COMMAND)
        screen.key("Return")
        try:
            return screen.shows(wanted, 20, "what the guest summed up")
        except AssertionError:
            print("typed again", flush=True)
            screen.key("ctrl+c")
    raise AssertionError(f"TigerVNC: '{TYPED}' did not arrive")


def tigervnc(inst, user="luis.fernandez", title="Tiny"):
    """TigerVNC's own dialog signs the person in and lands on the desktop that they have."""
    with Screen() as screen:
        window = viewers.tigervnc(screen, inst, user, title, "-RemoteResize=0")
        try:
            screen.shows(CLEAN, 60, "the person's desktop in TigerVNC")
            screen.take_keyboard(window)
            ask(screen, colour().to_bytes(3, "big"))
        finally:
            if SHOTS:
                screen.save(f"{SHOTS}/tigervnc.png")
    inst.note("TigerVNC: signed in, typed ñ á @ €, read the answer from the pixels")


with Installation(POOL) as installation:
    browsers(installation)
    tigervnc(installation)
print("ok")
