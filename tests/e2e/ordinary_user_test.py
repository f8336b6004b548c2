#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole installation as an ordinary user: desktops in namespaces of that user, a nat pool that
reaches the outside and nothing of the host, a night, and nothing that belongs to root.

As root it lays the wires and becomes `nobody`; /dev/net/tun is opened to everybody, as Debian's
udev has it, in a mount namespace of the test's own."""
import os
import pathlib
import pwd
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve()
USER = "nobody"


def may_make_namespaces(prefix):
    done = subprocess.run([*prefix, "unshare", "-Urnm", "true"], capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        print(f"skipped: this kernel gives ordinary users no namespaces: {done.stderr.strip()}")
        sys.exit(77)


def open_tun():
    """In a mount namespace of our own; libc has no Python name for it in 3.11."""
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    node = pathlib.Path("/dev/shm") / f"zg-tun-{os.getpid()}"
    subprocess.run(["mknod", "-m", "0666", node, "c", "10", "200"], check=True)
    node.chmod(0o666)
    subprocess.run(["mount", "--bind", node, "/dev/net/tun"], check=True)
    node.unlink()


def as_root():
    from installation import template
    from network_test import HELLO, LATER, Outside, greet_everybody, host_hears
    prefix = ["setpriv", f"--reuid={USER}", f"--regid={pwd.getpwnam(USER).pw_gid}", "--clear-groups"]
    may_make_namespaces(prefix)
    if os.environ.get("ZAGUAN_IN_ROOM") is None:
        os.execvpe("unshare", ["unshare", "-m", sys.executable, str(HERE)],
                   dict(os.environ, ZAGUAN_IN_ROOM="1"))
    open_tun()
    port = greet_everybody()
    told, tell = os.pipe()
    with Outside() as outside:
        worker = subprocess.Popen(
            [*prefix, sys.executable, "-B", HERE], stdin=subprocess.PIPE, text=True, pass_fds=[tell],
            env=dict(os.environ, ZAGUAN_TEMPLATE=str(template("debian-tiny")), HOME="/nonexistent",
                     ZAGUAN_PORT=str(port), ZAGUAN_HELLO=HELLO.decode(),
                     ZAGUAN_TELL=str(tell)))
        os.close(tell)
        os.read(told, 1)  # the desktops run: now the machine gets one more address
        outside.one_more_address()
        assert host_hears(LATER, port) == HELLO
        worker.stdin.close()
        sys.exit(worker.wait())


def as_user():
    import guest_agent
    from installation import Installation, wait_for
    from network_test import HOST_SIDE, LATER, NAT, OUTSIDE, PORT, hears, status_of, way_out
    may_make_namespaces([])
    wired = "ZAGUAN_PORT" in os.environ
    with Installation(NAT.replace("ready: 2", "ready: 1"), fake=False) as inst:
        for pid in [*inst.qemus().values(), *inst.workers(), inst.pid("hostd")]:
            status = status_of(pid)
            assert status["Uid"].split() == [str(os.geteuid())] * 4, status["Uid"]
            assert int(status["CapEff"], 16) == 0, (pid, status["CapEff"])
        desktop = inst.desktops(life="ready")[0]["id"]
        agent, = guest_agent.take(inst, desktop)
        if wired:
            os.close(int(os.environ["ZAGUAN_TELL"]))
            sys.stdin.read()
            check_network(agent, hears, way_out, wait_for, (HOST_SIDE, LATER, OUTSIDE, PORT))
            inst.note("the outside is reached and the host is not")
        agent.close()
        inst.down()
        inst.up()
        inst.wait_ready("out", 1)
        assert inst.desktops(life="ready")[0]["id"] == desktop
        session, console = inst.open_console(inst.api("ana.garcia"), "out")
        inst.expect_dbus_pictures()  # also one that was saved and resumed
        assert session["desktop"] == desktop
        console.close()
        inst.note("a night, and the same desktop")
    print("ok")


def check_network(agent, hears, way_out, wait_for, places):
    host, later, outside, port = places
    listener, hello = int(os.environ["ZAGUAN_PORT"]), os.environ["ZAGUAN_HELLO"]
    way_out(agent)
    assert hears(agent, outside, port) == hello, "the outside is not reached"
    wait_for(lambda: hears(agent, later, listener, 3) is None, 10, "the refusal of a new address")
    for address in (host, "10.0.2.2", "127.0.0.1"):
        assert hears(agent, address, listener, 3) is None, f"the host is reached at {address}"


if os.geteuid() == 0:
    as_root()
else:
    as_user()
