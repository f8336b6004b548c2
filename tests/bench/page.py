#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the page's decoders cost in Chromium: a scene through worker, front, TLS and WebSocket into the real page.
Usage: page.py PROGRAMS WEB [--scenes A,B] [--repeat N]. WEB is what client/web/build.sh made."""
import argparse
import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import sys

import servers
from stand import FRONT_PORT, Failed, Stand, enter_own_network

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT_S = 150
SCENES = ["type", "terminal", "scroll", "switch", "web", "film"]
TITLE = "## The browser page's own decoder\nThe same scenes through worker, front, TLS and WebSocket into Chromium.\n\n"

sys.path.append(str(ROOT / "tests" / "e2e"))
import viewers  # noqa: E402


def prepare():
    """Fetches what drives Chromium: to be done before the network is left."""
    viewers.node_modules()


@contextlib.contextmanager
def scene(programs, web, name):
    """What tests/e2e/scene.mjs needs to show that scene in a browser."""
    with Stand(programs, name) as stand:
        served = servers.zaguan_front(stand)
        frames = subprocess.run([stand.tool("bench-still"), name], check=True, text=True,
                                capture_output=True).stdout
        yield ({"web": str(web), "broker": os.path.join(stand.folder, "broker.sock"),
               "origin": f"https://127.0.0.1:{FRONT_PORT}", "ticket": served.ticket,
               "stage": stand.stage, "scene": name, "frames": int(frames),
               "still": stand.tool("bench-still")}, stand)


def measure(programs, web, name):
    with scene(programs, web, name) as (task, stand):
        done = subprocess.run(
            ["node", ROOT / "tests" / "bench" / "page.mjs"], text=True, input=json.dumps(task),
            timeout=SCRIPT_S, stdout=subprocess.PIPE, check=False,
            env=dict(os.environ, ZAGUAN_NODE_MODULES=str(viewers.node_modules())))
        if done.returncode != 0:
            raise Failed(f"{name}: the page failed, see above. {stand.logs()}")
        return json.loads(done.stdout)


def table(programs, web, scenes, repeat):
    lines = ["| scene | frames seen | packed KB/frame | plain KB/frame | decoder ms/frame | MB/s | drawing ms/frame "
             "| whole update ms/frame |", "|---|---|---|---|---|---|---|---|"]
    for name in scenes:
        rows = [measure(programs, web, name) for _ in range(repeat)]
        row = {key: statistics.median(row[key] for row in rows) for key in rows[0]}
        lines.append("| {scene} | {seen:.0f} of {frames} | {packed_kb:.2f} | {plain_kb:.1f} | {decode_ms:.2f} | {mb_s:.0f} "
                     "| {draw_ms:.2f} | {update_ms:.2f} |".format(scene=name, **row))
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("programs")
    parser.add_argument("web")
    parser.add_argument("--scenes", default=",".join(SCENES))
    parser.add_argument("--repeat", type=int, default=3)
    args = parser.parse_args()
    prepare()
    enter_own_network()
    print(table(args.programs, args.web, args.scenes.split(","), args.repeat))
    return 0


if __name__ == "__main__":
    sys.exit(main())
