#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many people fit on one core: a mix of sessions at once. All servers under test share one core; consoles,
painters and viewers have another. Usage: mix.py PROGRAMS [--sessions 10,20,40] [--servers zaguan,xvnc]

Most viewers only read; all who type and up to two of each other kind take their pictures apart and say
when each frame was there. They stand for the others of their kind in the percentiles."""
import argparse
import contextlib
import json
import os
import select
import struct
import subprocess
import sys
import time

import servers
import ways
from stand import Failed, Stand, cpu_s, enter_own_network, go_on

# Of 100 people: who does what.
MIX = (["idle"] * 60 + ["type"] * 20 + ["scroll"] * 8 + ["terminal"] * 5 + ["web"] * 5 + ["film"] * 2)
SPREAD = 61  # from one session to the next, around the 100: any few are like all
SCENE_S = {"idle": 12}  # how long a scene is, of which more is played
OTHER_SCENE_S = 6
PHASES_S = 6  # sessions begin at their own times, spread over so long
WINDOW_S = (6.5, 14.5)  # what counts: all play, none has ended
MEASURED = 2  # of each kind but typing
FIRST_PORT = 6000
SERVER_CORE, LOAD_CORE = 0, 1
BEGIN_US = 8  # where a stage file says when to begin
LIMIT_MS = 100
SERVERS = {"zaguan": servers.zaguan, "xvnc": servers.xvnc}


def scenes_of(count):
    """The scene of each session, the kinds spread evenly."""
    return [MIX[i * SPREAD % len(MIX)] for i in range(count)]


def percentile(weighted, share):
    """Of (value, weight)."""
    rest = share * sum(weight for _, weight in weighted)
    for value, weight in sorted(weighted):
        rest -= weight
        if rest < 0:
            return value
    return -1


class Mix:
    """All sessions of one run; everything ends with the stack."""

    def __init__(self, stack, programs, server, count, console_buffer=()):
        self.stands, self.pids = [], []
        for i, scene in enumerate(scenes_of(count)):
            share = SCENE_S.get(scene, OTHER_SCENE_S) / (WINDOW_S[1] + 0.5)
            stand = stack.enter_context(Stand(programs, scene, share))
            stand.port, stand.core = FIRST_PORT + i, SERVER_CORE
            stand.console_buffer = console_buffer
            stand.phase_s = i * 0.618034 % 1 * PHASES_S
            self.stands.append(stand)
            self.pids += SERVERS[server](stand).pids
        for stand in self.stands:
            stand.wait_stage()

    def start_viewers(self):
        """Return: [(scene, for how many a measured session stands, its meter)]"""
        meters, read_only, n_of = [], [], {}
        for stand in self.stands:
            n_of.setdefault(stand.scene, []).append(stand)
        for scene, group in n_of.items():
            n = len(group) if scene == "type" else min(len(group), MEASURED)
            meters += [(scene, len(group) / n, start_meter(stand)) for stand in group[:n]]
            read_only += [str(stand.port) for stand in group[n:]]
        if read_only:
            first = self.stands[0]
            crowd = first.start(first.tool("bench-crowd"), "8", *read_only, stdout=subprocess.PIPE)
            if not crowd.stdout.readline():
                raise Failed(first.logs())
        return meters

    def begin(self):
        """Return: when, monotonic."""
        now = time.monotonic()
        for stand in self.stands:
            with open(stand.stage, "r+b") as stage:
                stage.seek(BEGIN_US)
                stage.write(struct.pack("=q", int((now + stand.phase_s) * 1e6)))
        return now

    def load_pids(self):
        return [child.pid for stand in self.stands for child in stand.children
                if child.pid not in self.pids and child.poll() is None]


def start_meter(stand):
    return stand.meter(f"tcp:127.0.0.1:{stand.port}", ways.NEWER, "--light", "--delays", "--from",
                       str(WINDOW_S[0] - stand.phase_s), "--to", str(WINDOW_S[1] - stand.phase_s))


def busy_s():
    """Of server core and load core, whoever used them."""
    with open("/proc/stat", encoding="ascii") as stat:
        lines = {line.split()[0]: list(map(int, line.split()[1:9])) for line in stat
                 if line.startswith("cpu")}
    ticks = os.sysconf("SC_CLK_TCK")
    return [(sum(values) - values[3] - values[4]) / ticks
            for values in (lines[f"cpu{SERVER_CORE}"], lines[f"cpu{LOAD_CORE}"])]


def used_until(pids, load, when):
    """Seconds on a processor at a time: servers, load, everybody; and the time it is now."""
    select.select([], [], [], max(0, when - time.monotonic()))
    return cpu_s(pids), cpu_s(load), sum(busy_s()), time.monotonic()


def measure(programs, server, count, console_buffer):
    """All sessions at once, each at its own place of its scene.

    Return: use of the cores by servers, by the load, by strangers; {scene: [(delay, weight)]}; how many were lost."""
    with contextlib.ExitStack() as stack:
        mix = Mix(stack, programs, server, count, console_buffer)
        meters = mix.start_viewers()
        for _, _, meter in meters:
            meter.stdout.readline()  # "begin": quiet since a second
        for _, _, meter in meters:
            go_on(meter)
        load, begun = mix.load_pids(), mix.begin()
        before = used_until(mix.pids, load, begun + WINDOW_S[0])
        after = used_until(mix.pids, load, begun + WINDOW_S[1])
        server_s, load_s, all_s, seconds = (b - a for a, b in zip(before, after))
        delays, n_lost = {}, 0
        for scene, weight, meter in meters:
            line = meter.stdout.readline()
            if line:
                delays.setdefault(scene, []).extend(
                    (delay, weight) for delay in json.loads(line)["delays_ms"])
            n_lost += not line
        return [s / seconds for s in (server_s, load_s, all_s - server_s - load_s)], delays, n_lost


def row(server, count, used, delays, n_lost):
    everything = [pair for group in delays.values() for pair in group]
    kinds = " ".join(f"{scene} {percentile(group, 0.99):.0f}" for scene, group in delays.items())
    typing = delays.get("type", [])
    print(f"| {server} | {count} | {used[0]:.2f} | {used[1]:.2f} | {used[2]:.2f} | {percentile(typing, 0.5):.1f} "
          f"| {percentile(typing, 0.99):.1f} | {percentile(everything, 0.5):.1f} "
          f"| {percentile(everything, 0.99):.1f} | {kinds} | {n_lost} |", flush=True)
    return percentile(typing, 0.99), percentile(everything, 0.99)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("programs")
    parser.add_argument("--sessions", default="10,20,30,40,60,80")
    parser.add_argument("--servers", default="zaguan,xvnc")
    parser.add_argument("--console-buffer", metavar="BYTES",
                        help="that a console's socket holds (as root), as net.core.wmem_default would have it")
    args = parser.parse_args()
    buffer = (args.console_buffer,) if args.console_buffer else ()
    enter_own_network()
    os.sched_setaffinity(0, {LOAD_CORE})  # and so everything that is started, but the servers
    print("| server | sessions | server core | load core | strangers | typing p50 ms | typing p99 | all p50 | all p99 "
          "| p99 of each kind | failed |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    most = {}
    for count in map(int, args.sessions.split(",")):
        for server in args.servers.split(","):
            typing, everything = row(server, count, *measure(args.programs, server, count, buffer))
            for what, value in (("typing", typing), ("all frames", everything)):
                if value <= LIMIT_MS:
                    most[server, what] = count
    for (server, what), count in most.items():
        print(f"{server}: {count} sessions with p99 of {what} within {LIMIT_MS} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
