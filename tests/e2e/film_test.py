#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A film in the page: real front, worker and Chromium. It comes as H.264 and is decoded by WebCodecs to what the
console showed; in a browser without WebCodecs it comes in another way, and looks the same. argv: build folder"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bench"))
import page  # noqa: E402
import stand  # noqa: E402
import viewers  # noqa: E402

BUILD = pathlib.Path(sys.argv[1])
AREA = {"x": 320, "y": 180, "width": 640, "height": 360}  # FILM_… of tests/bench/scene.c

viewers.node_modules()  # fetched before the network is left
stand.enter_own_network()
for codec in (True, False):
    with page.scene(BUILD, BUILD / "client/web/dist", "film") as (task, _):
        viewers.chromium("film.mjs", dict(task, codec=codec, area=AREA), 150)
print("ok")
