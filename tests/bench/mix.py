#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many people fit on one core: a mix of sessions at once, all servers pinned to core 0, players and viewers
on the others. Usage: mix.py PROGRAMS [--sessions 10,20,40] [--servers zaguan,xvnc]"""
import argparse
import contextlib
import json
import subprocess
import sys
import time

import run
import ways

# Of 25 people: who does what. The scenes know no page with photos; windows switched stand for it.
MIX = ["idle"] * 15 + ["type"] * 5 + ["scroll"] * 2 + ["terminal", "switch", "idle"]
FILM_OF = 50  # one of so many looks at a film
FIRST_PORT = 6000


def scenes_of(count):
    """The scene of each session, the kinds spread evenly."""
    order = [MIX[(i * 7) % len(MIX)] for i in range(count)]
    for i in range(FILM_OF // 2, count, FILM_OF):
        order[i] = "film"
    return order


def percentile(values, share):
    values = sorted(values)
    return values[min(int(len(values) * share), len(values) - 1)] if values else -1


def start_meter(stand, encodings):
    words = [stand.tool("bench-meter"), "--address", f"tcp:127.0.0.1:{stand.port}", "--scene",
             stand.scene, "--stage", stand.stage, "--encodings", encodings, "--delays"]
    meter = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                             stderr=subprocess.DEVNULL, start_new_session=True)
    stand.children.append(meter)
    return meter


def answer(meter):
    meter.stdin.write("go on\n")
    meter.stdin.flush()


def measure(programs, server, count):
    """All sessions begin together. Return: core use, all delays, delays of those who type, lost."""
    with contextlib.ExitStack() as stack:
        stands, pids = [], []
        for i, scene in enumerate(scenes_of(count)):
            stand = stack.enter_context(run.Stand(programs, scene, 1))
            stand.port, stand.core = FIRST_PORT + i, 0
            pids += getattr(stand, server)()
            stand.wait_port(stand.port)
            stands.append(stand)
        meters = [start_meter(stand, ways.NEWER) for stand in stands]
        for meter in meters:
            meter.stdout.readline()  # "begin": quiet since a second
        begun, begun_cpu = time.monotonic(), ways.cpu_s(pids)
        for meter in meters:
            answer(meter)
        delays, typing, n_lost, used = [], [], 0, None
        for stand, meter in zip(stands, meters):
            for line in meter.stdout:
                if line.startswith("{"):
                    row = json.loads(line)
                    delays += row["delays_ms"]
                    typing += row["delays_ms"] if stand.scene == "type" else []
                    break
                # Scenes last about as long as one another; the first to end tells the use.
                used = used or (ways.cpu_s(pids) - begun_cpu) / (time.monotonic() - begun)
                answer(meter)
            else:
                n_lost += 1
        return used, delays, typing, n_lost


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("programs")
    parser.add_argument("--sessions", default="10,20,30,40,60,80")
    parser.add_argument("--servers", default="zaguan,xvnc")
    args = parser.parse_args()
    run.enter_own_network()
    print("| server | sessions | use of the core | p50 ms | p99 ms | p99 ms while typing | failed |")
    print("|---|---|---|---|---|---|---|")
    for count in map(int, args.sessions.split(",")):
        for server in args.servers.split(","):
            used, delays, typing, n_lost = measure(args.programs, server, count)
            print(f"| {server} | {count} | {used or 0:.2f} | {percentile(delays, 0.5):.1f} "
                  f"| {percentile(delays, 0.99):.1f} | {percentile(typing, 0.99):.1f} | {n_lost} |",
                  flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
