#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the way to the viewer costs: the same worker over plain TCP, through the front (TLS, WebSocket), and
behind websockify. Usage: ways.py PROGRAMS [--scenes A,B] [--ways A,B] [--link] [--repeat N]"""
import argparse
import statistics
import sys

import servers
from stand import Stand, enter_own_network

NEWER = "h264,copyrect,tight,continuous,fence"
QUALITY = 8
LINK = ("5000", "40", "0.3", "100")  # kbit/s, ms one way, % lost, ms of queue

WAYS = {
    "plain": servers.zaguan,
    "relay": lambda stand: servers.relay(stand, servers.zaguan(stand)),
    "front": servers.zaguan_front,
    "websockify": lambda stand: servers.websockify(stand, servers.zaguan(stand)),
    "xvnc": servers.xvnc,
    "xvnc-websockify": lambda stand: servers.websockify(stand, servers.xvnc(stand)),
}


def measure(programs, scene, way, link=False):
    """What the meter says, and per frame seen: CPU of the server, CPU of the way."""
    with Stand(programs, scene) as stand:
        stand.bind = "0.0.0.0" if link else stand.bind
        row = stand.measure(WAYS[way](stand), NEWER, QUALITY,
                            within=(stand.tool("bench-link"), *LINK) if link else ())
    seen = max(row["seen"], 1)
    return dict(row, kb=row["bytes"] / seen / 1000, cpu_way=row["cpu_way_s"] / seen * 1000,
                cpu=(row["cpu_s"] - row["cpu_way_s"]) / seen * 1000, wakes_way=row["wakes_way"] / seen)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("programs")
    parser.add_argument("--scenes", default="scroll,type,film")
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--link", action="store_true",
                        help="over 5 Mbit/s, 80 ms round trip, 0.3 %% loss; root, plain and xvnc only")
    parser.add_argument("--repeat", type=int, default=3)
    args = parser.parse_args()
    enter_own_network()
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
