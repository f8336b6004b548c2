# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole installation for a test: folder, directory, broker, hostd, front, real desktops.

    with Installation(TINY) as inst:
        api = inst.api("ana.garcia")
        session, console = inst.open_console(api, "tiny")
        inst.log_off(api, session)

Programs come from the build folder $ZAGUAN_BUILD (default build-test). Everything lives in one new
folder, on free ports of 127.0.0.1; leaving the block ends what was started, by process id, and
removes the folder. With a failure the ends of the logs are printed; ZAGUAN_TEST_KEEP=1 keeps the
folder, ZAGUAN_TEST_LOG=1 prints logs always.
"""
import faulthandler
import json
import os
import pathlib
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/integration"))

import api_client  # noqa: E402
import console_client  # noqa: E402

Problem = api_client.Problem
wait_for = api_client.wait_for

# The harness ends a test at its limit, with a moment for last words: some time before, it is ended
# from within, so that its logs are told and nothing is left behind.
LIMIT_S = int(os.environ.get("ZAGUAN_TEST_SECONDS", "0"))
CLEANING_S = 30

PAPER = (0xF7, 0xF5, 0xEE)  # background of the templates' terminal

TINY = """\
kind: Pool
name: tiny
title: Tiny
template: debian-tiny
ready: 1
max: 3
memory-mib: 320
vcpus: 1
disk-mib: 2048
network: isolated
entitle:
  groups: [office-users, zaguan-admins]
session:
  locale: en_US.UTF-8
  keyboard: us
  time-zone: Europe/Madrid
"""


def build_folder():
    return (ROOT / os.environ.get("ZAGUAN_BUILD", "build-test")).resolve()


class Ended(BaseException):
    """Not for those who are patient with a program that is away."""


def ended(number, frame):
    """SIGTERM, or the alarm some time before it: say where every thread is, then clean up."""
    faulthandler.dump_traceback(all_threads=True)
    raise Ended("the test was ended from outside" if number == signal.SIGTERM
                else "the test's time is almost over; above is where it was")


def free_ports(n):
    """So many TCP ports of 127.0.0.1 that nobody uses now."""
    holders = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [holder.getsockname()[1] for holder in holders]
    for holder in holders:
        holder.close()
    return ports


def template(name):
    """The folder of a built template; made when it is not in the cache. An ordinary user is told
    where it is by $ZAGUAN_TEMPLATE."""
    if "ZAGUAN_TEMPLATE" in os.environ:
        return pathlib.Path(os.environ["ZAGUAN_TEMPLATE"])
    made = subprocess.run([ROOT / "tools/template", name], check=True, text=True,
                          stdout=subprocess.PIPE,
                          env=dict(os.environ, ZAGUAN_BUILD=str(build_folder())))
    return pathlib.Path(made.stdout.strip())


class Processes:
    """What runs on this machine, by /proc; ends things by id and never by name."""

    @staticmethod
    def cmdline(pid):
        try:
            return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode(
                errors="replace").split("\0")[:-1]
        except OSError:
            return []

    @staticmethod
    def stat(pid):
        """(parent, start time) or None."""
        try:
            text = pathlib.Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return None
        fields = text[text.rindex(")") + 2:].split()
        return None if fields[0] == "Z" else (int(fields[1]), int(fields[19]))

    @classmethod
    def all(cls):
        return {int(p.name): stat for p in pathlib.Path("/proc").iterdir()
                if p.name.isdigit() and (stat := cls.stat(p.name))}

    @classmethod
    def below(cls, pids):
        """Every descendant of these, themselves left out."""
        parents = {pid: stat[0] for pid, stat in cls.all().items()}
        found, edge = set(), set(pids)
        while edge:
            edge = {pid for pid, parent in parents.items() if parent in edge and pid not in found}
            found |= edge
        return found

    @classmethod
    def alive(cls, pid):
        return cls.stat(pid) is not None

    @classmethod
    def memory_kib(cls, pid, key="Pss"):
        for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith(key + ":"):
                return int(line.split()[1])
        return 0


def wait_for_echoes(press, look):
    """Press until a terminal answers. A prompt or a lit title changes the picture, too: three
    changes in a row are echoes."""
    def echoes():
        before = look()
        press()
        try:
            return wait_for(lambda: look() != before, 2, "an echo")
        except AssertionError:
            return False
    wait_for(lambda: all(echoes() for _ in range(3)), 60, "the terminal's echo of three keys")


class Installation:
    """See the module. `pools` are manifests as YAML; with none only the programs are started."""

    def __init__(self, *pools, templates=("debian-tiny",), ready=1, directory=True, init=(),
                 wait_s=420, state_folder=None, fake=False,
                 hostd_conf=""):
        self.pools, self.templates, self.n_ready = pools, templates, ready
        self.with_directory, self.init_options, self.wait_s = directory, list(init), wait_s
        self.listen = [] if "--listen" in init else ["--listen", "127.0.0.1"]
        self.fake = fake  # no guests: hostd's hypervisor without any
        self.hostd_conf = hostd_conf  # appended to hostd.conf
        self.build = build_folder()
        self.program = self.build / "client/ctl/zaguan"
        self.https_port, self.rfb_port, self.metrics_port = free_ports(3)
        self.address = "127.0.0.1"
        self.origin = f"https://{self.address}:{self.https_port}"
        self.top = pathlib.Path(state_folder or tempfile.mkdtemp(prefix="zg-", dir="/tmp"))
        self.top.chmod(0o711)
        self.dir = self.top / "site"
        self.ca = str(self.dir / "ca/ca.pem")
        self.context = self.top / "context.json"
        self.admin_password = os.urandom(12).hex()
        self.seen = {}  # every process ever seen of ours: id -> start time
        self.started_s = time.monotonic()
        self.times = {}

    # the life of it

    def __enter__(self):
        # A test that is ended from outside ends its installation too, and says where it was.
        signal.signal(signal.SIGTERM, ended)
        signal.signal(signal.SIGALRM, ended)
        if LIMIT_S:
            signal.alarm(max(LIMIT_S - CLEANING_S, 1))
        try:
            self.make()
            self.up()
            self.fill()
        except BaseException as failure:
            signal.alarm(0)
            self.leave(failure)
            raise
        return self

    def __exit__(self, kind, failure, trace):
        signal.alarm(0)
        self.leave(failure)

    def note(self, what):
        self.times[what] = time.monotonic() - self.started_s
        print(f"  {self.times[what]:6.1f} s  {what}", flush=True)

    def make(self):
        password = self.top / "admin.password"
        password.write_text(self.admin_password + "\n")
        password.chmod(0o600)
        self.run(self.program, "init", self.dir, "--password-file", password,
                 "--address", "127.0.0.1,localhost", *self.listen,
                 "--https-port", self.https_port, "--rfb-port", self.rfb_port,
                 "--metrics-port", self.metrics_port, "--host", "here", *self.init_options)
        if self.fake:
            conf = self.dir / "hostd.conf"
            conf.write_text("\n".join(
                f"uri=fake://{self.dir}/hostd/guests" if line.startswith("uri=") else line
                for line in conf.read_text().splitlines()) + "\n")
        with open(self.dir / "hostd.conf", "a") as conf:
            conf.write(self.hostd_conf)
        if self.with_directory:
            self.run(ROOT / "tools/demo-directory", "start", self.dir)

    def up(self):
        """Start the programs, and sign the command line in as the local administrator."""
        if self.with_directory:
            self.run(ROOT / "tools/demo-directory", "start", self.dir)
        self.run(self.program, "up", self.dir, "--detach")
        self.watch()
        wait_for(self.portal_answers, 30, "the portal")
        self.run(self.program, "login", self.origin, "--ca", self.ca, "--user", "admin",
                 "--password-file", self.top / "admin.password", "--context", self.context)
        self.note("portal")

    def portal_answers(self):
        try:
            return self.anybody().raw("GET", "/healthz", timeout=5)[0] == 200
        except OSError:
            return False

    def fill(self):
        for name in self.templates:
            self.zaguan("template", "import", name, self.image(name), "--dir", self.dir,
                        json=False)
        if self.pools:
            self.apply("---\n".join(self.pools))
        for pool in self.pools:
            if self.n_ready:
                self.wait_ready(pool_name(pool), self.n_ready)
                self.note(f"pool {pool_name(pool)}: {self.n_ready} ready")

    def image(self, name):
        if not self.fake:
            return template(name)
        self.run("qemu-img", "create", "-q", "-f", "qcow2", self.top / "empty.qcow2", "8M")
        return self.top / "empty.qcow2"

    def down(self, save=True):
        """Stop the programs, the desktops saved (or running on); the directory stays."""
        self.watch()
        self.run(self.program, "down", self.dir, *([] if save else ["--keep-desktops"]),
                 timeout=320)

    def leave(self, failure):
        self.watch()
        try:
            self.end_processes()
            if self.with_directory and (self.dir / "directory").exists():
                self.run(ROOT / "tools/demo-directory", "stop", self.dir)
        finally:
            if failure or os.environ.get("ZAGUAN_TEST_LOG"):
                self.print_logs()
            if os.environ.get("ZAGUAN_TEST_KEEP"):
                print(f"kept: {self.top}")
            else:
                shutil.rmtree(self.top, ignore_errors=True)

    def end_processes(self):
        """The supervisor first, so that nothing is started again; then all it ever had."""
        order = sorted(self.seen, key=lambda pid: pid != self.supervisor())
        for pid in order:
            stat = Processes.stat(pid)
            if stat and stat[1] == self.seen[pid]:
                os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not [p for p in self.seen
                              if (s := Processes.stat(p)) and s[1] == self.seen[p]],
                 30, "the end of all processes")

    def print_logs(self, n_bytes=6000):
        for log in sorted(self.dir.glob("log/*.log")):
            print(f"---- {log.name}\n{log.read_text(errors='replace')[-n_bytes:]}", flush=True)

    # commands and the API

    def run(self, *command, timeout=120, text_in=None, check=True):
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                              input=text_in, timeout=timeout,
                              stdin=subprocess.DEVNULL if text_in is None else None)
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(map(str, command))}: exit {done.returncode}\n"
                                 f"{done.stdout}{done.stderr}")
        return done

    def zaguan(self, *words, json=True, check=True, text_in=None, timeout=900):
        """`zaguan WORDS` as the administrator: its data, or the finished process when json is
        False or check is False."""
        command = [self.program, *words, "--context", self.context, *(["-o", "json"] if json else [])]
        done = self.run(*command, timeout=timeout, text_in=text_in, check=check)
        return parse(done.stdout) if json and check else done

    def apply(self, manifests):
        return self.zaguan("apply", "-f", "-", text_in=manifests)

    def wait_ready(self, pool, n, seconds=None):
        self.watch()
        self.zaguan("wait", "pool", pool, "--ready", n, "--timeout", seconds or self.wait_s,
                    json=False)
        self.watch()

    def anybody(self):
        return api_client.Api(self.address, self.https_port, self.ca)

    def api(self, user="admin"):
        """A client of the API, signed in as that person."""
        api = self.anybody()
        api.sign_in(user, self.password(user))
        return api

    def people(self):
        """{name: password} of the demo company."""
        lines = (self.dir / "directory/passwords").read_text().splitlines()
        return dict(line.split(" ", 1) for line in lines)

    def password(self, user):
        return self.admin_password if user == "admin" else self.people()[user]

    def desktops(self, **wanted):
        """The administrator's list of desktops, e.g. desktops(life="ready", pool="tiny")."""
        items = self.zaguan("desktop", "list")
        items = items["items"] if isinstance(items, dict) else items
        return [d for d in items if all(d[key] == value for key, value in wanted.items())]

    def open_console(self, api, pool, seconds=300, **more):
        """A session of that pool and its console, the first picture in it."""
        session = api.open_session(pool, seconds, **more)
        console = self.console(api.ticket(session)["ticket"])
        return session, console

    def console(self, secret, kind="ticket", **more):
        console = console_client.Console(self.address, self.https_port, self.ca, secret, kind,
                                         **more)
        console.wait(lambda c: c.n_updates > 0, 60, "the first frame")
        return console

    def terminal(self, console):
        """The terminal of debian-tiny is open and has the keyboard: the pointer over it is
        enough, as soon as the guest has noticed."""
        console.wait(lambda c: c.count(PAPER, 8) * 64 > c.width * c.height / 2, 60, "a terminal")
        console.move(console.width // 3, console.height // 3)

        def look():
            console.poll(0.1)
            return bytes(console.frame)
        wait_for_echoes(lambda: console.type(" "), look)

    def expect_dbus_pictures(self):
        """Whoever looks at a desktop now has its pictures by QEMU's D-Bus display, if it has one."""
        has = "dbus" in self.run("qemu-system-x86_64", "-display", "help").stdout
        assert has == ("dbus-display" in self.zaguan("host", "show", "here")["capabilities"])
        if has:
            wait_for(lambda: "console-pictures:" in (self.dir / "log/front.log").read_text(), 30,
                     "pictures by D-Bus")

    def log_off(self, api, session, seconds=120):
        api.follow(api.post(f"/my/sessions/{session['id']}/log-off"), seconds)

    # processes

    def supervisor(self):
        try:
            return int((self.dir / "run/up.pid").read_text() or 0)
        except (OSError, ValueError):
            return 0

    def pid(self, program):
        """Of `broker`, `hostd` or `front`; 0 while it does not run."""
        try:
            pid = int((self.dir / f"run/{program}.pid").read_text())
        except (OSError, ValueError):
            return 0
        return pid if Processes.alive(pid) else 0

    def tree(self):
        """Every living process of this installation, the directory left out."""
        holders = {pid for pid in Processes.all() if str(self.dir) in " ".join(
            Processes.cmdline(pid)) and not any("slapd" in word for word in Processes.cmdline(pid))}
        holders |= {pid for pid, start in self.seen.items()
                    if (stat := Processes.stat(pid)) and stat[1] == start}
        return (holders | Processes.below(holders)) - {os.getpid()} - Processes.below([os.getpid()])

    def watch(self):
        """Remember what runs now, so that it can be ended even after it lost its parent."""
        for pid in self.tree():
            stat = Processes.stat(pid)
            if stat:
                self.seen[pid] = stat[1]

    def qemus(self):
        """{desktop: process id}"""
        found = {}
        for pid in self.tree():
            words = Processes.cmdline(pid)
            if words and "qemu-system" in words[0] and "-name" in words:
                name = words[words.index("-name") + 1]
                if name.startswith("guest=zg-"):
                    found[name[len("guest=zg-"):].split(",")[0]] = pid
        return found

    def workers(self):
        """Process ids of the display's workers."""
        return [pid for pid in self.tree() if Processes.cmdline(pid)[1:2] == ["--worker"]]

    def end(self, pid):
        """kill -9 of one process of ours, which may be gone already."""
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def kill(self, program, number=signal.SIGKILL):
        """kill -9 of one program; returns the id it had."""
        pid = wait_for(lambda: self.pid(program), 30, f"a running {program}")
        self.watch()
        os.kill(pid, number)
        return pid


def parse(text):
    return json.loads(text) if text.strip() else None


def pool_name(manifest):
    return next(line.split(":", 1)[1].strip() for line in manifest.splitlines()
                if line.startswith("name:"))


def until(condition, seconds, what):
    return wait_for(condition, seconds, what)


def pause(seconds):
    """Between two looks at something that cannot be waited for."""
    select.select([], [], [], seconds)
