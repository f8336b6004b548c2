#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plays scenes to Zaguan and to other servers, one after the other, and measures at a viewer.

Usage: run.py PROGRAMS [--quick] [--scenes A,B] [--servers A,B] [--repeat N] [--jsonl FILE] [--docs FOLDER]
PROGRAMS is a build folder. Without --docs the table goes to stdout only."""
import argparse
import contextlib
import json
import os
import pathlib
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import report

SCENES = ["type", "terminal", "scroll", "drag", "switch", "film", "idle"]
PORT = 5950
START_S = 20
RUN_S = 120


class Failed(Exception):
    pass


class Stand:
    """One server under test with what plays to it; everything ends with it."""

    def __init__(self, programs, scene, share):
        self.programs, self.scene, self.share = pathlib.Path(programs), scene, str(share)
        self.folder = tempfile.mkdtemp(prefix="zaguan-bench-")
        self.stage = os.path.join(self.folder, "stage")
        self.children, self.env = [], dict(os.environ)
        self.port, self.bind = PORT, "127.0.0.1"
        self.core = None  # of the server; all when None
        self.console_buffer = ()  # bytes a console's socket holds; the system's default when empty

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for child in reversed(self.children):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def tool(self, name):
        return str(self.programs / "tests" / "bench" / name)

    def start(self, *words, stdout=subprocess.DEVNULL, pass_fds=()):
        log = open(os.path.join(self.folder, os.path.basename(words[0]) + ".log"), "wb")
        child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=stdout, stderr=log,
                                 env=self.env, pass_fds=pass_fds, start_new_session=True)
        log.close()
        self.children.append(child)
        return child

    def pinned(self):
        return () if self.core is None else ("taskset", "-c", str(self.core))

    def logs(self):
        tails = []
        for path in sorted(pathlib.Path(self.folder).glob("*.log")):
            text = path.read_text(errors="replace").strip()
            if text:
                tails.append(f"{path.stem}: {text[-200:]}")
        return "; ".join(tails)

    def wait_for(self, what, done):
        deadline = time.monotonic() + START_S
        while not done():
            if time.monotonic() > deadline:
                raise Failed(f"{what} did not come up. {self.logs()}")
            select.select([], [], [], 0.02)

    def wait_port(self, port):
        # Looked up, not connected to: a connection would be a viewer, too.
        def bound():
            for table in ("/proc/net/tcp", "/proc/net/tcp6"):
                with open(table, encoding="ascii") as lines:
                    if any(words[1].endswith(f":{port:04X}") and words[3] == "0A"
                           for words in map(str.split, lines)):
                        return True
            return False
        self.wait_for(f"port {port}", bound)

    # Each returns the processes whose CPU time counts.

    def zaguan(self):
        console = os.path.join(self.folder, "console")
        self.start(self.tool("bench-console"), self.scene, self.share, self.stage, console,
                   *self.console_buffer)
        self.wait_for("the console", lambda: os.path.exists(console))
        program = self.start(*self.pinned(), str(self.programs / "display" / "zaguan-display"),
                             "--standalone", "--console", f"unix:{console}", "--rfb",
                             f"{self.bind}:{self.port}", "--security", "none", "--insecure")
        return [program.pid]

    def xvnc(self):
        read, write = os.pipe()
        program = self.start(*self.pinned(), "Xtigervnc", "-displayfd", str(write), "-rfbport",
                             str(self.port), "-interface", self.bind, "-SecurityTypes", "None", "-geometry", "1280x800",
                             "-depth", "24", "-AlwaysShared", "-UseBlacklist=0",
                             "-FrameRate", "60", pass_fds=(write,))
        os.close(write)
        with open(read, encoding="ascii") as pipe:
            number = pipe.readline().strip()
        if not number:
            raise Failed(f"Xtigervnc did not start. {self.logs()}")
        self.env["DISPLAY"] = f":{number}"
        self.start(self.tool("bench-painter"), self.scene, self.share, self.stage)
        return [program.pid]

    def libvncserver(self):
        program = self.start(self.tool("bench-libvncserver"), self.scene, self.share, self.stage,
                             str(PORT), stdout=subprocess.PIPE)
        return [int(program.stdout.readline())]

    def measure(self, pids, encodings, quality):
        self.wait_port(PORT)
        self.wait_for("the scene", lambda: os.path.exists(self.stage))
        client = self.start(self.tool("bench-client"), self.scene, self.share, self.stage,
                            str(PORT), encodings, str(quality), ",".join(map(str, pids)),
                            stdout=subprocess.PIPE)
        try:
            line = client.communicate(timeout=RUN_S)[0]
        except subprocess.TimeoutExpired:
            raise Failed(f"the viewer did not end in {RUN_S} s") from None
        if client.returncode != 0:
            raise Failed(self.logs())
        return json.loads(line)


# name: how it starts, what the viewer asks for, JPEG quality (-1: none), what must be there
SERVERS = {
    "zaguan": (Stand.zaguan, "copyrect tight", 8, None),
    "zaguan-lossless": (Stand.zaguan, "copyrect tight", -1, None),
    "xvnc-tight": (Stand.xvnc, "copyrect tight", 8, "Xtigervnc"),
    "xvnc-zrle": (Stand.xvnc, "copyrect zrle", -1, "Xtigervnc"),
    "libvncserver-tight": (Stand.libvncserver, "copyrect tight", 8, "bench-libvncserver"),
    "libvncserver-zrle": (Stand.libvncserver, "copyrect zrle", -1, "bench-libvncserver"),
}


def is_there(programs, needs):
    return (needs is None or shutil.which(needs) is not None
            or (pathlib.Path(programs) / "tests" / "bench" / needs).exists())


def one(programs, scene, share, name):
    how, encodings, quality, _ = SERVERS[name]
    row = {"server": name, "scene": scene}
    try:
        with Stand(programs, scene, share) as stand:
            row.update(stand.measure(how(stand), encodings, quality))
    except Failed as problem:
        row["error"] = str(problem)
    return row


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("programs", help="a build folder")
    parser.add_argument("--quick", action="store_true", help="Zaguan alone, short scenes")
    parser.add_argument("--scenes", default=",".join(SCENES))
    parser.add_argument("--servers", default="")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--jsonl", help="a line for every run")
    parser.add_argument("--docs", help="where display.md and display.svg go")
    args = parser.parse_args()
    args.servers = args.servers or ("zaguan" if args.quick else ",".join(SERVERS))
    for word in args.scenes.split(","):
        if word not in SCENES:
            parser.error(f"'{word}' is not one of: {' '.join(SCENES)}")
    for word in args.servers.split(","):
        if word not in SERVERS:
            parser.error(f"'{word}' is not one of: {' '.join(SERVERS)}")
    return args


def enter_own_network():
    """As root, nobody but this run can reach the servers, and ports are free."""
    if os.geteuid() == 0 and "ZAGUAN_BENCH_NETWORK" not in os.environ and shutil.which("unshare"):
        os.environ["ZAGUAN_BENCH_NETWORK"] = "own"
        os.execvp("unshare", ["unshare", "--net", sys.executable, *sys.argv])
    if os.environ.get("ZAGUAN_BENCH_NETWORK") == "own":
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def main():
    args = parse()
    enter_own_network()
    rows = []
    for scene in args.scenes.split(","):
        for _ in range(args.repeat):
            for name in args.servers.split(","):
                if not is_there(args.programs, SERVERS[name][3]):
                    continue
                row = one(args.programs, scene, 3 if args.quick else 1, name)
                rows.append(row)
                print(report.line(row), file=sys.stderr, flush=True)
                if args.jsonl:
                    with open(args.jsonl, "a", encoding="utf-8") as out:
                        out.write(json.dumps(row) + "\n")
    print(report.markdown(rows))
    if args.docs:
        report.write(rows, pathlib.Path(args.docs))
    return 1 if any("error" in row for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
