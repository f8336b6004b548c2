#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A film in the page: real front, worker and Chromium. It comes as H.264 and is decoded by WebCodecs to what the
console showed; in a browser without WebCodecs it comes in another way, and looks the same. In TigerVNC it comes as JPEG,
and when it has ended every pixel is exact. argv: build folder"""
import os
import pathlib
import struct
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bench"))
import page  # noqa: E402
import servers  # noqa: E402
import stand  # noqa: E402
import viewers  # noqa: E402
from installation import wait_for  # noqa: E402
from x_screen import Screen  # noqa: E402

BUILD = pathlib.Path(sys.argv[1])
BEGIN_US = 8  # where a stage file says when to begin; before, whether the first frame is shown
PLAY_S, EXACT_S = 60, 10
AREA = {"x": 320, "y": 180, "width": 640, "height": 360}  # FILM_… of tests/bench/scene.c


def still(place, *numbers):
    done = subprocess.run([place.tool("bench-still"), "film", *map(str, numbers)], check=True, stdout=subprocess.PIPE)
    return done.stdout


def stock_viewer():
    with stand.Stand(BUILD, "film") as place, Screen() as screen:
        last = int(still(place)) - 1
        screen.start("xtigervncviewer", "-SecurityTypes=None", "-RemoteResize=0", "-FullScreen",
                     servers.zaguan(place).address.removeprefix("tcp:").replace(":", "::"))
        wait_for(lambda: screen.picture() == still(place, 0), PLAY_S, "the first frame in TigerVNC")
        with open(place.stage, "r+b") as stage:
            stage.seek(BEGIN_US)
            stage.write(struct.pack("=q", time.monotonic_ns() // 1000))

        def shown(frame):
            with open(place.stage, "rb") as stage:
                return struct.unpack("=q", os.pread(stage.fileno(), 8, BEGIN_US + 8 + 8 * frame))[0]
        wait_for(lambda: shown(last), PLAY_S, "the end of the film")
        wanted = still(place, last)
        wait_for(lambda: screen.picture() == wanted, EXACT_S, "the last frame, exact, in TigerVNC")
        print(f"TigerVNC: exact {time.monotonic() - shown(last) / 1e6:.1f} s after the film")


viewers.node_modules()  # fetched before the network is left
stand.enter_own_network()
for codec in (True, False):
    with page.scene(BUILD, BUILD / "client/web/dist", "film") as (task, _):
        viewers.chromium("film.mjs", dict(task, codec=codec, area=AREA), 150)
stock_viewer()
print("ok")
