# SPDX-License-Identifier: GPL-3.0-or-later
"""One server under test with what plays to it, and one viewer that measures."""
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
import threading
import time

PORT, FRONT_PORT, FRONT_RFB_PORT, SOCKET_PORT, RELAY_PORT = 5950, 5960, 5961, 5962, 5963
START_S = 20
RUN_S = 120


class Failed(Exception):
    pass


class Stand:
    """Everything that was started ends with it."""

    def __init__(self, programs, scene, share=1):
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

    def start(self, *words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, text=None, pass_fds=()):
        log = open(os.path.join(self.folder, os.path.basename(words[0]) + ".log"), "wb")
        child = subprocess.Popen(words, stdin=stdin, stdout=stdout, stderr=log, env=self.env, text=text,
                                 pass_fds=pass_fds, start_new_session=True)
        log.close()
        self.children.append(child)
        return child

    def serve(self, *words, **options):
        """As start(), on the core of servers."""
        pinned = () if self.core is None else ("taskset", "-c", str(self.core))
        return self.start(*pinned, *words, **options)

    def play(self, player, *words):
        """Starts what plays the scene, by the name of its program."""
        return self.start(self.tool(player), self.scene, self.share, self.stage, *words)

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

    def wait_stage(self):
        self.wait_for("the scene", lambda: os.path.exists(self.stage))

    def meter(self, address, encodings, *words, ticket=None, within=()):
        """Starts the viewer; it waits for a line whenever it says something."""
        words = [self.tool("bench-meter"), "--address", address, "--scene", self.scene, "--share", self.share,
                 "--stage", self.stage, "--encodings", encodings, *words, *(("--ticket", ticket) if ticket else ())]
        if within:  # on the other side of a link
            words = [*within, *(word.replace("127.0.0.1", "@SERVER@") for word in words)]
        return self.start(*words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def measure(self, served, encodings, quality, within=()):
        """What the meter says, and what the server and the way to it took while the scene played."""
        self.wait_stage()
        meter = self.meter(served.address, encodings, "--quality", str(quality), ticket=served.ticket, within=within)
        limit = threading.Timer(RUN_S, meter.kill)
        limit.start()
        counts, row = [], None
        for line in meter.stdout:
            if line.startswith("{"):
                row = json.loads(line)
                break
            between = with_children(served.between, served.pids)
            counts.append((cpu_s(served.pids), cpu_s(between), wakeups(between)))
            go_on(meter)
        limit.cancel()
        if row is None:
            raise Failed(self.logs() or f"the viewer did not end in {RUN_S} s")
        (begin, begin_way, begin_wakes), (end, end_way, end_wakes) = counts
        row.update(scene=self.scene, cpu_s=end - begin + end_way - begin_way, cpu_way_s=end_way - begin_way,
                   wakes_way=end_wakes - begin_wakes)
        return row


def go_on(meter):
    meter.stdin.write("go on\n")
    meter.stdin.flush()


def cpu_s(pids):
    """Time on a processor, all threads."""
    return sum(time.clock_gettime(~pid << 3 | 2) for pid in pids)  # as clock_getcpuclockid() has it


def wakeups(pids):
    """How often they have slept."""
    total = 0
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/status", encoding="ascii") as status:
                total += int(next(line for line in status
                                  if line.startswith("voluntary")).split()[1])
    return total


def with_children(pids, others):
    """And what they started, but those @others."""
    found = list(pids)
    for pid in found:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
            found += [int(c) for c in children.read().split() if int(c) not in [*found, *others]]
    return found


def enter_own_network():
    """As root, nobody but this run can reach the servers, and ports are free."""
    if os.geteuid() == 0 and "ZAGUAN_BENCH_NETWORK" not in os.environ and shutil.which("unshare"):
        os.environ["ZAGUAN_BENCH_NETWORK"] = "own"
        os.execvp("unshare", ["unshare", "--net", sys.executable, *sys.argv])
    if os.environ.get("ZAGUAN_BENCH_NETWORK") == "own":
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
