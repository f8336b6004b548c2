#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plays scenes to Zaguan and to other servers, one after the other, and measures at a viewer.

Usage: run.py PROGRAMS [--quick] [--scenes A,B] [--servers A,B] [--repeat N] [--jsonl FILE] [--docs FOLDER [--page WEB]]
PROGRAMS is a build folder. Without --docs the table goes to stdout only."""
import argparse
import contextlib
import itertools
import json
import os
import pathlib
import shutil
import subprocess
import sys
import typing

import page
import report
import servers
from stand import Failed, Stand, enter_own_network

SCENES = ["type", "terminal", "scroll", "drag", "switch", "web", "film", "idle"]
QUICK_SHARE = 3
NEWER = "continuous,fence"  # all are asked for them; who has them gains by them
TIGHT, ZRLE = f"copyrect,tight,{NEWER}", f"copyrect,zrle,{NEWER}"
PAGE = f"h264,copyrect,zaguan,tight,{NEWER}"  # as the browser's page asks


class Server(typing.NamedTuple):
    start: typing.Callable
    encodings: str
    quality: int  # of JPEG, -1: none
    needs: tuple = ()  # programs


SERVERS = {
    "zaguan": Server(servers.zaguan, TIGHT, 8),
    "zaguan-lossless": Server(servers.zaguan, TIGHT, -1),
    "zaguan-own": Server(servers.zaguan, PAGE, 8),
    "zaguan-front": Server(servers.zaguan_front, PAGE, 8, ("openssl",)),
    "xvnc-tight": Server(servers.xvnc, TIGHT, 8, ("Xtigervnc", "bench-painter")),
    "xvnc-zrle": Server(servers.xvnc, ZRLE, -1, ("Xtigervnc", "bench-painter")),
    "xvnc-websockify": Server(lambda stand: servers.websockify(stand, servers.xvnc(stand)), TIGHT, 8,
                              ("Xtigervnc", "bench-painter", "websockify")),
    "libvncserver-tight": Server(servers.libvncserver, TIGHT, 8, ("bench-libvncserver",)),
    "libvncserver-zrle": Server(servers.libvncserver, ZRLE, -1, ("bench-libvncserver",)),
    "x11vnc": Server(servers.x11vnc, TIGHT, 8, ("x11vnc", "Xvfb", "bench-painter")),
    "qemu-tight": Server(servers.qemu_vnc, TIGHT, 8, ("qemu-system-x86_64",)),
    "qemu-zrle": Server(servers.qemu_vnc, ZRLE, -1, ("qemu-system-x86_64",)),
}


def missing(programs, name):
    """What that server needs and is not there."""
    return [need for need in SERVERS[name].needs if shutil.which(need) is None
            and not (pathlib.Path(programs) / "tests" / "bench" / need).exists()]


def one(programs, scene, share, name):
    server = SERVERS[name]
    row = {"server": name, "scene": scene, "lossless": server.quality < 0}
    try:
        if missing(programs, name):
            raise Failed(f"{', '.join(missing(programs, name))}: not installed")
        with Stand(programs, scene, share) as stand:
            row.update(stand.measure(server.start(stand), server.encodings, server.quality))
    except (Failed, OSError) as problem:
        row["error"] = str(problem)
    return row


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("programs", help="a build folder")
    parser.add_argument("--quick", action="store_true", help="Zaguan alone, short scenes")
    parser.add_argument("--share", type=float, help=f"a part of each scene: {QUICK_SHARE} for a third")
    parser.add_argument("--scenes", default=",".join(SCENES))
    parser.add_argument("--servers", default="")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--jsonl", help="a line for every run")
    parser.add_argument("--docs", help="where display.md and display.svg go")
    parser.add_argument("--page", metavar="WEB", help="with --docs: the browser's page too; what client/web/build.sh made")
    args = parser.parse_args()
    args.share = args.share or (QUICK_SHARE if args.quick else 1)
    args.servers = args.servers or ("zaguan" if args.quick else ",".join(SERVERS))
    for word in args.scenes.split(","):
        if word not in SCENES:
            parser.error(f"'{word}' is not one of: {' '.join(SCENES)}")
    for word in args.servers.split(","):
        if word not in SERVERS:
            parser.error(f"'{word}' is not one of: {' '.join(SERVERS)}")
    return args


def page_section(args):
    """What the browser page's own decoder takes for the same scenes, or why that is not known."""
    try:
        return page.TITLE + page.table(args.programs, args.page, page.SCENES, args.repeat)
    except (Failed, OSError, subprocess.SubprocessError) as problem:
        return f"{page.TITLE}Not measured: {problem}"


def main():
    args = parse()
    if args.page:
        with contextlib.suppress(subprocess.SubprocessError):  # page_section() says why
            page.prepare()
    enter_own_network()
    notes = f"{os.cpu_count()} cores, load average before the run {os.getloadavg()[0]:.1f}."
    rows = []
    for scene, name in itertools.chain.from_iterable(
            [(scene, name) for name in args.servers.split(",")] * args.repeat for scene in args.scenes.split(",")):
        row = one(args.programs, scene, args.share, name)
        rows.append(row)
        print(report.line(row), file=sys.stderr, flush=True)
        if args.jsonl:
            with open(args.jsonl, "a", encoding="utf-8") as out:
                out.write(json.dumps(row) + "\n")
    print(report.markdown(rows))
    if args.docs:
        report.write(rows, pathlib.Path(args.docs), notes, page_section(args) if args.page else "")
    return 1 if any("error" in row for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
