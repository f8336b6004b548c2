#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the pictures of docs/screenshots from a real installation: portal, desktop, TigerVNC.

    screenshots.py [DIR]    default docs/screenshots; needs the programs built in $ZAGUAN_BUILD
"""
import pathlib
import sys

import viewers
from installation import ROOT, TINY, Installation, wait_for
from x_screen import Screen

OFFICE = """\
kind: Pool
name: office
title: Office
description: Browser, terminal, editor and files
template: debian-desktop
ready: 1
max: 1
memory-mib: 1024
vcpus: 2
disk-mib: 8192
network: nat
entitle:
  groups: [office-users]
session:
  locale: en_US.UTF-8
  keyboard: us
  time-zone: Europe/Madrid
"""
TERMINAL = TINY.replace("title: Tiny", "title: Terminal\ndescription: A small desktop with a terminal"
                        ).replace("ready: 1", "ready: 0")
BACKGROUND = (0x2B, 0x4A, 0x5E)  # debian-desktop's
MENU = (0xDC, 0xDC, 0xDC)  # TigerVNC's own
MOST_BYTES = 250000


def tigervnc(inst, path):
    """TigerVNC on the person's desktop, its own menu open."""
    with Screen(keyboard="us") as screen:
        window = viewers.tigervnc(screen, inst, "amelia.wright", "Office", "-RemoteResize=0")
        screen.shows(BACKGROUND, 60, "the desktop in TigerVNC", 0.05)
        without = screen.share(MENU)
        screen.take_keyboard(window, 800, 30)
        screen.key("F8")
        wait_for(lambda: screen.share(MENU) > without + 0.01, 20, "TigerVNC's menu")
        screen.save(path)


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "docs/screenshots").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with Installation(OFFICE, TERMINAL, templates=("debian-desktop", "debian-tiny"), ready=0) as inst:
        inst.wait_ready("office", 1, 600)
        viewers.chromium("screenshots.mjs", {
            "portal": inst.origin + "/", "folder": str(folder),
            "people": {name: inst.password(name) for name in ("amelia.wright", "oliver.hughes")},
        }, 600)
        tigervnc(inst, folder / "tigervnc.png")
    for path in sorted(folder.glob("*.png")):
        assert path.stat().st_size < MOST_BYTES, f"{path}: {path.stat().st_size} bytes"
        print(f"{path} {path.stat().st_size}")


main()
