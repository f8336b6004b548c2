#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A day at the office: the large template, in Spanish, in Chromium. Who one is, the keyboard, the
programs, the clipboard both ways, the window's size; then log-off and a clean desktop for the next.

    office_test.py [--shots DIR]    pictures of what was seen go there
"""
import sys

import viewers
from installation import Installation

OFFICE = """\
kind: Pool
name: office
title: Oficina
template: debian-desktop
ready: 1
max: 1
memory-mib: 1280
vcpus: 2
disk-mib: 8192
network: isolated
entitle:
  groups: [office-users]
session:
  locale: en_US.UTF-8
  keyboard: us
  time-zone: America/Bogota
"""
SHOTS = sys.argv[sys.argv.index("--shots") + 1] if "--shots" in sys.argv else None

with Installation(OFFICE, templates=("debian-desktop",), wait_s=600) as inst:
    viewers.chromium("office.mjs", {
        "portal": inst.origin + "/", "title": "Oficina", "shots": SHOTS,
        "people": {name: inst.password(name) for name in ("ana.garcia", "luis.fernandez")},
    }, 1700)
    inst.note("the office, and the desktop of the next person")
print("ok")
