#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real desktop, whose pictures come by QEMU's D-Bus display and by RFB: from a key to the changed pixels at a viewer, through
front, TLS and WebSocket, and what a long terminal output takes. Usage: desktop.py PROGRAMS [--keys N] [--lines N]."""
import argparse
import os
import pathlib
import statistics
import sys
import time

from stand import cpu_s

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAGENTA = (0xFF, 0, 0xFF)
QUIET_S = 0.15  # nothing came for so long: the guest is at rest again

sys.path[:0] = [str(ROOT / "tests" / "e2e"), str(ROOT / "tests" / "integration")]


class Meter:
    """One desktop and somebody who looks at it."""

    def __init__(self, inst):
        self.api = inst.api("ana.garcia")
        self.session, self.console = inst.open_console(self.api, "tiny")
        inst.terminal(self.console)
        self.pids = [inst.qemus()[self.session["desktop"]], *inst.workers()]

    def echo_ms(self, letter):
        while self.console.poll(QUIET_S):
            pass
        before = bytes(self.console.frame)
        begin = time.monotonic()
        self.console.type(letter)
        self.console.wait(lambda c: c.frame != before, 10, "the echo")
        return (time.monotonic() - begin) * 1e3

    def type(self, n_keys):
        """Milliseconds from each key to the pixels it changed."""
        out = []
        for i in range(n_keys):
            out.append(self.echo_ms("abcdefghij"[i % 10]))
        self.console.type("\n")
        return sorted(out)

    def print_lines(self, n_lines):
        """Seconds and seconds of CPU (QEMU and workers) until the last line is seen."""
        before, begin = cpu_s(self.pids), time.monotonic()
        self.console.type(f"seq {n_lines}; printf '\\033[48;5;201m%40s\\n'\n")
        self.console.wait(lambda c: c.count(MAGENTA, 2) > 50, 120, "the last line")
        return time.monotonic() - begin, cpu_s(self.pids) - before


def measure(way, args):
    from installation import TINY, Installation

    class Site(Installation):
        def make(self):
            super().make()
            conf = self.dir / "hostd.conf"
            conf.write_text(conf.read_text().replace(
                "[libvirt]\n", f"[libvirt]\ndbus-display={'true' if way == 'D-Bus' else 'false'}\n"))

    with Site(TINY.replace("max: 3", "max: 1")) as inst:
        meter = Meter(inst)
        if way == "D-Bus":
            inst.expect_dbus_pictures()
        return meter.type(args.keys), meter.print_lines(args.lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("programs")
    parser.add_argument("--keys", type=int, default=200)
    parser.add_argument("--lines", type=int, default=3000)
    args = parser.parse_args()
    os.environ["ZAGUAN_BUILD"] = str(pathlib.Path(args.programs).resolve())
    rows = {way: measure(way, args) for way in ("RFB", "D-Bus")}
    print("| pictures by | key to pixels p50 ms | p90 | p99 | long output s | CPU s, QEMU and worker |")
    print("|---|---|---|---|---|---|")
    for way, (delays, (wall, cpu)) in rows.items():
        print(f"| {way} | {statistics.median(delays):.1f} | {delays[len(delays) * 90 // 100]:.1f} | "
              f"{delays[len(delays) * 99 // 100]:.1f} | {wall:.1f} | {cpu:.1f} |")


if __name__ == "__main__":
    main()
