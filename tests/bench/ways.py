#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the way to the viewer costs: the same worker over plain TCP, through the front (TLS, WebSocket), and
behind websockify, by the viewer that knows fences and H.264. Usage: ways.py PROGRAMS [--scenes A,B] [--ways A,B] [--link] [--repeat N]"""
import argparse
import json
import os
import statistics
import subprocess
import sys

import run
from front import Front

NEWER = "h264,copyrect,tight,continuous,fence"
FRONT_PORT, FRONT_RFB_PORT, SOCKET_PORT, RELAY_PORT = 5960, 5961, 5962, 5963


LINK = ("5000", "40", "0.3", "100")  # kbit/s, ms one way, % lost, ms of queue


def cpu_s(pids):
    """Time on a processor, all threads, as the scheduler counted it."""
    total = 0
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as stat:
                total += int(stat.read().split()[0])
    return total / 1e9


def wakeups(pids):
    """How often they have slept."""
    total = 0
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/status", encoding="ascii") as status:
                total += int(next(line for line in status
                                  if line.startswith("voluntary")).split()[1])
    return total


def standalone(stand):
    """Plain TCP."""
    return stand.zaguan(), [], f"tcp:127.0.0.1:{run.PORT}", None


def through_front(stand):
    console = os.path.join(stand.folder, "console")
    stand.start(stand.tool("bench-console"), stand.scene, stand.share, stand.stage, console)
    stand.wait_for("the console", lambda: os.path.exists(console))
    front = Front(stand, FRONT_PORT, FRONT_RFB_PORT)
    ticket = front.console(console)
    return (front.workers(), [front.process.pid], f"wss:127.0.0.1:{FRONT_PORT}/console", ticket)


def through_relay(stand):
    """What any process in between costs."""
    pids = stand.zaguan()
    stand.wait_port(run.PORT)
    relay = stand.start(stand.tool("bench-relay"), str(RELAY_PORT), str(run.PORT))
    stand.wait_port(RELAY_PORT)
    return pids, [relay.pid], f"tcp:127.0.0.1:{RELAY_PORT}", None


def through_websockify(stand, pids):
    stand.wait_port(run.PORT)
    websockify = stand.start("websockify", "--heartbeat=0", f"127.0.0.1:{SOCKET_PORT}",
                             f"127.0.0.1:{run.PORT}")
    stand.wait_port(SOCKET_PORT)
    return pids, [websockify.pid], f"ws:127.0.0.1:{SOCKET_PORT}/websockify", None


def behind_websockify(stand):
    return through_websockify(stand, stand.zaguan())


def xvnc_behind_websockify(stand):
    return through_websockify(stand, stand.xvnc())


def xvnc(stand):
    return stand.xvnc(), [], f"tcp:127.0.0.1:{run.PORT}", None


WAYS = {"plain": standalone, "relay": through_relay, "front": through_front, "websockify": behind_websockify,
        "xvnc": xvnc, "xvnc-websockify": xvnc_behind_websockify}


def children_of(pids):
    found = list(pids)
    for pid in found:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
            found += [int(c) for c in children.read().split() if int(c) not in found]
    return found


def measure(programs, scene, way, link=False):
    """{cpu of server, cpu of the way, and what the meter says}"""
    with run.Stand(programs, scene, 1) as stand:
        stand.bind = "0.0.0.0" if link else stand.bind
        server, between, address, ticket = WAYS[way](stand)
        if way != "front":
            stand.wait_port(run.PORT)
        stand.wait_for("the scene", lambda: os.path.exists(stand.stage))
        words = [stand.tool("bench-meter"), "--address", address, "--scene", scene, "--stage",
                 stand.stage, "--encodings", NEWER]
        words += ["--ticket", ticket] if ticket else []
        if link:
            words = [stand.tool("bench-link"), *LINK,
                     *(word.replace("127.0.0.1", "@SERVER@") for word in words)]
        with open(os.path.join(stand.folder, "meter.log"), "wb") as log:
            meter = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     stderr=log, text=True, start_new_session=True)
        stand.children.append(meter)
        counts = []
        for line in meter.stdout:
            if line.startswith("{"):
                row = json.loads(line)
                break
            if way.endswith("websockify"):  # it forks for every viewer
                between = children_of(between)
            counts.append((cpu_s(server), cpu_s(between), wakeups(between)))
            meter.stdin.write("go on\n")
            meter.stdin.flush()
        else:
            raise run.Failed(stand.logs())
        (begin, begin_way, begin_wakes), (end, end_way, end_wakes) = counts
        seen = max(row["seen"], 1)
        row.update(way=way, scene=scene, cpu=(end - begin) / seen * 1000,
                   cpu_way=(end_way - begin_way) / seen * 1000,
                   wakes_way=(end_wakes - begin_wakes) / seen, kb=row["bytes"] / seen / 1000)
        return row


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("programs")
    parser.add_argument("--scenes", default="scroll,type,film")
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--link", action="store_true",
                        help="over 5 Mbit/s, 80 ms round trip, 0.3 %% loss; root, plain and xvnc only")
    parser.add_argument("--repeat", type=int, default=3)
    args = parser.parse_args()
    run.enter_own_network()
    for scene in args.scenes.split(","):
        rows = {}
        for _ in range(args.repeat):
            for way in args.ways.split(","):
                rows.setdefault(way, []).append(measure(args.programs, scene, way, args.link))
        for way, group in rows.items():
            middle = {key: statistics.median(row[key] for row in group)
                      for key in ("kb", "cpu", "cpu_way", "wakes_way", "p50_ms", "p99_ms", "seen",
                                  "psnr_db")}
            print(f"{scene:9} {way:16} {middle['kb']:8.2f} KB/frame, server "
                  f"{middle['cpu']:6.3f} ms CPU, way {middle['cpu_way']:6.3f} ms, "
                  f"{middle['wakes_way']:5.1f} wakes, p50 {middle['p50_ms']:6.2f} p99 "
                  f"{middle['p99_ms']:6.1f} ms, seen {middle['seen']:.0f}, "
                  f"{middle['psnr_db']:.1f} dB", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
