#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What root inside a desktop can reach: in a `nat` pool the outside and nothing of the host, in an
`isolated` pool nothing at all, and never another desktop. And what QEMU and the workers are.

Every refusal has its control: the same listener answers somebody who may reach it."""
import os
import pathlib
import re
import secrets
import socket
import subprocess
import threading

import guest_agent
from installation import TINY, Installation, wait_for

NAT = (TINY.replace("name: tiny", "name: out").replace("network: isolated", "network: nat")
       .replace("ready: 1", "ready: 2").replace("max: 3", "max: 2"))
ISOLATED = TINY.replace("max: 3", "max: 1")
OUTSIDE, HOST_SIDE, LATER, PORT = "198.18.88.2", "198.18.88.1", "198.18.89.1", 23900
HELLO = b"hello-" + secrets.token_hex(4).encode()


def run(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


class Outside:
    """A machine of its own, reached from the host over a wire of its own."""

    def __init__(self):
        self.space = f"zgn-{os.getpid()}"
        self.wire = f"zgw{os.getpid() % 100000}"
        self.server = None

    def __enter__(self):
        run("ip", "netns", "add", self.space)
        run("ip", "link", "add", self.wire, "type", "veth", "peer", "name", "wire", "netns",
            self.space)
        run("ip", "address", "add", f"{HOST_SIDE}/24", "dev", self.wire)
        run("ip", "link", "set", self.wire, "up")
        run("ip", "-n", self.space, "address", "add", f"{OUTSIDE}/24", "dev", "wire")
        run("ip", "-n", self.space, "link", "set", "wire", "up")
        run("ip", "-n", self.space, "route", "add", "default", "via", HOST_SIDE)
        self.server = subprocess.Popen(
            ["ip", "netns", "exec", self.space, "/usr/bin/python3", "-c",
             f"import socket\ns = socket.create_server(('0.0.0.0', {PORT}))\n"
             "print('up', flush=True)\n"
             f"while 1:\n c = s.accept()[0]\n c.send({HELLO!r})\n c.close()"],
            stdout=subprocess.PIPE)
        self.server.stdout.readline()
        return self

    def one_more_address(self):
        run("ip", "address", "add", f"{LATER}/24", "dev", self.wire)

    def __exit__(self, *_):
        if self.server:
            self.server.kill()
            self.server.wait()
        subprocess.run(["ip", "netns", "delete", self.space], check=False)
        subprocess.run(["ip", "link", "delete", self.wire], check=False, capture_output=True)


def greet_everybody():
    """A listener on every address of the host; returns its port."""
    server = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)

    def serve():
        while True:
            peer, _ = server.accept()
            peer.send(HELLO)
            peer.close()
    threading.Thread(target=serve, daemon=True).start()
    return server.getsockname()[1]


def own_addresses():
    words = run("ip", "-o", "address", "show", "up").split("\n")
    return [w.split()[3].split("/")[0] for w in words if w and " fe80" not in w]


def host_hears(address, port):
    with socket.create_connection((address, port), 5) as peer:
        return peer.recv(64)


def hears(agent, address, port, seconds=5):
    """What a guest reads from there as root; None when there is no connection."""
    program = f"exec 3<>/dev/tcp/{address}/{port} && echo CONNECTED && head -c 64 <&3"
    _, text = agent.run(f"timeout {seconds} bash -c '{program}' 2>/dev/null", seconds + 30)
    return text.partition("CONNECTED\n")[2] if "CONNECTED" in text else None


def slapd_port(inst):
    return int((inst.dir / "directory/port").read_text())


def way_out(agent):
    def carrier():
        return agent.run("ip -4 -o address show dev eth0")[1].strip()
    return wait_for(lambda: "10.0.2.15" in carrier(), 60, "an address of the guest")


def check_nat(inst, agent, port, outside):
    way_out(agent)
    assert hears(agent, OUTSIDE, PORT) == HELLO.decode(), "the permitted outside is not reached"
    services = {"test's listener": port, "portal": inst.https_port, "VNC": inst.rfb_port,
                "metrics": inst.metrics_port, "directory": slapd_port(inst)}
    for name, number in services.items():
        assert host_hears("127.0.0.1", number) is not None if name == "test's listener" else \
            socket.create_connection(("127.0.0.1", number), 5).close() is None
        for address in ("10.0.2.2", "10.0.2.3", "10.0.2.1", "127.0.0.1"):
            assert hears(agent, address, number, 3) is None, f"{name} is reached at {address}"
    outside.one_more_address()
    assert host_hears(LATER, port) == HELLO
    wait_for(lambda: hears(agent, LATER, port, 3) is None, 10, "the refusal of a new address")
    for address in own_addresses():
        if address.startswith("127.") or address == "::1":
            continue
        if address != LATER:
            assert host_hears(address, port) == HELLO, "the control does not work"
        for name in ("test's listener", "portal", "VNC"):
            heard = hears(agent, address, services[name], 3)
            assert heard is None, f"{name} is reached at the host's own {address}: {heard!r}"
    for address in ("169.254.169.254", "fec0::2", "fd00::2", "::ffff:10.0.2.2"):
        assert hears(agent, address, port, 3) is None, f"the host is reached at {address}"
    assert hears(agent, OUTSIDE, PORT) == HELLO.decode(), "the way out did not last"


def check_isolated(inst, agent, port):
    """Not even with an address that root of the guest gives itself."""
    agent.run("ip link set eth0 up; ip address add 10.0.2.15/24 dev eth0;"
              " ip route add default via 10.0.2.2; ip route add default dev eth0")
    for address, number in ((OUTSIDE, PORT), ("10.0.2.2", port), (HOST_SIDE, port),
                            ("10.0.2.3", 53), ("10.0.2.2", inst.https_port)):
        assert hears(agent, address, number, 3) is None, f"isolated, but {address} is reached"
    assert agent.run("timeout 4 ping -c 1 -W 2 10.0.2.2")[0] != 0, "isolated, but 10.0.2.2 answers"


def check_neighbours(first, second):
    """Two guests that listen on everything hear themselves and not each other."""
    for agent, word in ((first, "first"), (second, "second")):
        agent.run(f"(while :; do echo {word} | timeout 60 busybox nc -l -p 7777; done)"
                  " >/dev/null 2>&1 </dev/null &")
    for agent, word in ((first, "first"), (second, "second")):
        wait_for(lambda agent=agent: hears(agent, "127.0.0.1", 7777), 20, "a guest's listener")
        for address in ("10.0.2.15", "10.0.2.16", "10.0.2.2", "10.0.2.255"):
            heard = hears(agent, address, 7777, 3)
            assert heard is None or heard.strip() == word, f"a neighbour is heard at {address}"


def listening(pid):
    """Local addresses with a TCP listener in the network of that process."""
    found = []
    for table in ("tcp", "tcp6"):
        for line in pathlib.Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A":
                found.append(words[1])
    return found


def status_of(pid):
    return dict(line.split(":\t", 1) for line in
                pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)


def check_processes(inst):
    qemus = inst.qemus()
    assert len(qemus) == 3, qemus
    for pid in qemus.values():
        line = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
        sandbox = line[line.index("-sandbox") + 1]
        assert re.match("on,", sandbox) and "spawn=deny" in sandbox, sandbox
        assert line[line.index("-vnc") + 1].split(",")[0] == "none", line
        assert not [w for w in line if w.startswith(("-spice", "-monitor", "-gdb"))]
        status = status_of(pid)
        assert "0" not in status["Uid"].split(), status["Uid"]
        assert int(status["CapEff"], 16) == 0 and int(status["CapPrm"], 16) == 0, status["CapEff"]
        assert status["Seccomp"].strip() == "2", status["Seccomp"]
        assert os.readlink(f"/proc/{pid}/ns/net") != os.readlink("/proc/self/ns/net")
        assert listening(pid) == [], f"something listens beside the guests: {listening(pid)}"
    assert listening(os.getpid()), "the control: the host has listeners"
    uids = set()
    for pid in inst.workers():
        status = status_of(pid)
        uids.add(status["Uid"].split()[0])
        assert "0" not in status["Uid"].split() + status["Gid"].split(), status["Uid"]
        assert status["Seccomp"].strip() == "2" and status["NoNewPrivs"].strip() == "1"
        assert int(status["CapEff"], 16) == 0 and int(status["CapPrm"], 16) == 0, status["CapEff"]
        assert status["Groups"].strip() == "", status["Groups"]
    assert len(uids) == len(inst.workers()) == 3, "workers share a user"


def main():
    port = greet_everybody()
    with Outside() as outside, Installation(NAT, ISOLATED,
                                            init=("--listen", "0.0.0.0")) as inst:
        inst.wait_ready("out", 2)
        check_processes(inst)
        inst.note("QEMU and workers are confined, no console listens")
        nat = [d["id"] for d in inst.desktops(pool="out")]
        alone, = [d["id"] for d in inst.desktops(pool="tiny")]
        first, second, third = guest_agent.take(inst, *nat, alone)
        check_isolated(inst, third, port)
        inst.note("isolated reaches nothing")
        check_neighbours(first, second)
        inst.note("neighbours do not hear each other")
        check_nat(inst, first, port, outside)
        inst.note("nat reaches the outside and nothing of the host")
    print("ok")


if __name__ == "__main__":
    main()
