#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Boots a desktop template in QEMU (TCG, no libvirt) and takes its session helper through a whole day:
hello, identity, identified, sign-on, typing, resize, log-off, power-off. Checks what the screen shows.

    guest_boot.py [--template DIR] [--name debian-tiny] [--full] [--shots DIR]
"""
import argparse
import json
import os
import pathlib
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import zlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEMPLATE_BUILD = ROOT / "hostd/guest/template-build"


class Failure(Exception):
    """What the guest did wrong, as a sentence."""


def pause(seconds):
    """Between two looks at something that cannot be waited for, and between two keys of a typist."""
    select.select([], [], [], seconds)


class Lines:
    """JSON lines on a unix socket."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(path))
        self.buffer = b""

    def send(self, **message):
        self.sock.sendall(json.dumps(message).encode() + b"\n")

    def send_raw(self, data):
        self.sock.sendall(data)

    def receive(self, deadline):
        while b"\n" not in self.buffer:
            self.sock.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                data = self.sock.recv(65536)
            except TimeoutError:
                return None
            if not data:
                raise Failure("the other end closed")
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)

    def close(self):
        self.sock.close()


class Qmp(Lines):
    def __init__(self, path):
        super().__init__(path)
        self.receive(time.monotonic() + 10)
        self.call("qmp_capabilities")

    def call(self, command, **arguments):
        self.send(execute=command, arguments=arguments)
        deadline = time.monotonic() + 20
        while True:
            answer = self.receive(deadline)
            if answer is None:
                raise Failure(f"QEMU did not answer {command}")
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise Failure(f"{command}: {answer['error']['desc']}")


class Picture:
    """A screen as QEMU dumps it (PPM)."""

    def __init__(self, path):
        data = pathlib.Path(path).read_bytes()
        magic, size, _, self.pixels = data.split(b"\n", 3)
        assert magic == b"P6"
        self.width, self.height = map(int, size.split())

    def colours(self, step=7):
        found = {}
        for i in range(0, len(self.pixels) - 2, 3 * step):
            pixel = self.pixels[i:i + 3]
            found[pixel] = found.get(pixel, 0) + 1
        return found

    def share_of_commonest(self):
        found = self.colours()
        return max(found.values()) / sum(found.values())

    def share_of(self, wanted):
        found = self.colours()
        return sum(n for pixel, n in found.items() if pixel in wanted) / sum(found.values())

    def save_png(self, path):
        def chunk(kind, body):
            return (len(body).to_bytes(4, "big") + kind + body
                    + zlib.crc32(kind + body).to_bytes(4, "big"))
        rows = b"".join(b"\0" + self.pixels[y * self.width * 3:(y + 1) * self.width * 3]
                        for y in range(self.height))
        header = self.width.to_bytes(4, "big") + self.height.to_bytes(4, "big") + b"\x08\x02\0\0\0"
        pathlib.Path(path).write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
                                       + chunk(b"IDAT", zlib.compress(rows, 6)) + chunk(b"IEND", b""))


class Guest:
    """One QEMU on an overlay of a template."""

    def __init__(self, template, work, memory_mib=None):
        self.work = pathlib.Path(work)
        self.about = json.loads((template / "template.json").read_text())
        overlay = self.work / "overlay.qcow2"
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2",
                        "-b", str((template / "disk.qcow2").resolve()), str(overlay)], check=True)
        path = self.work
        self.started = time.monotonic()
        self.process = subprocess.Popen([
            "qemu-system-x86_64", "-accel", "tcg,tb-size=64", "-M", "q35", "-cpu", "qemu64",
            "-m", str(memory_mib or self.about["memory_mib"]), "-smp", str(self.about["vcpus"]),
            "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-kernel", str(template / "vmlinux"), "-initrd", str(template / "initrd.img"),
            "-append", self.about["cmdline"] + " console=ttyS0",
            "-serial", f"file:{path}/serial.log",
            "-qmp", f"unix:{path}/qmp,server=on,wait=off",
            "-drive", f"if=none,id=disk,file={overlay},format=qcow2,discard=unmap",
            "-device", "virtio-blk-pci,drive=disk", "-device", "virtio-vga,xres=1280,yres=800",
            "-device", "virtio-keyboard-pci", "-device", "virtio-tablet-pci",
            "-device", "virtio-rng-pci", "-device", "virtio-serial-pci",
            "-chardev", f"socket,id=session,path={path}/session,server=on,wait=off",
            "-device", "virtserialport,chardev=session,name=org.zaguan.session.0",
            "-chardev", f"socket,id=agent,path={path}/agent,server=on,wait=off",
            "-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0",
            "-chardev", "qemu-vdagent,id=spice,name=vdagent,clipboard=on,mouse=off",
            "-device", "virtserialport,chardev=spice,name=com.redhat.spice.0",
            "-vnc", f"unix:{path}/vnc",
        ], stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while not (path / "qmp").exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Failure("QEMU did not start")
            pause(0.02)
        self.qmp = Qmp(path / "qmp")
        self.session = Lines(path / "session")

    def since_start(self):
        return time.monotonic() - self.started

    def wait_for(self, kind, limit_s):
        """The next message of this type; an error from the helper fails."""
        deadline = time.monotonic() + limit_s
        while True:
            message = self.session.receive(deadline)
            if message is None:
                raise Failure(f"no '{kind}' within {limit_s} s")
            if message["type"] == kind:
                return message
            if message["type"] == "error":
                raise Failure(f"waiting for '{kind}': {message}")

    def serial(self, n=2000):
        return (self.work / "serial.log").read_text(errors="replace")[-n:]

    def screen(self):
        path = self.work / "screen.ppm"
        self.qmp.call("screendump", filename=str(path), format="ppm")
        return Picture(path)

    def wait_screen(self, good, limit_s, what):
        deadline = time.monotonic() + limit_s
        while True:
            picture = self.screen()
            if good(picture):
                return picture
            if time.monotonic() > deadline:
                picture.save_png(self.work / "failed.png")
                keep = os.environ.get("ZAGUAN_TEST_KEEP")
                if keep:
                    shutil.copy(self.work / "failed.png", keep)
                raise Failure(f"the screen never showed {what}")
            pause(0.2)

    def wait_still(self, limit_s=20):
        """Until one second passes without a change on the screen."""
        deadline = time.monotonic() + limit_s
        before, since = self.screen().pixels, time.monotonic()
        while time.monotonic() - since < 1 and time.monotonic() < deadline:
            pause(0.2)
            now = self.screen().pixels
            if now != before:
                before, since = now, time.monotonic()

    def press(self, *keys):
        for down, order in ((True, keys), (False, tuple(reversed(keys)))):
            self.qmp.call("input-send-event", events=[
                {"type": "key", "data": {"down": down, "key": {"type": "qcode", "data": key}}}
                for key in order])

    def move(self, x, y):
        self.qmp.call("input-send-event", events=[
            {"type": "abs", "data": {"axis": axis, "value": int(value * 32767)}}
            for axis, value in (("x", x), ("y", y))])

    def click(self, button="left"):
        for down in (True, False):
            self.qmp.call("input-send-event", events=[
                {"type": "btn", "data": {"down": down, "button": button}}])
            pause(0.05)

    def type(self, text):
        """With the key positions of the Spanish layout."""
        plain = {" ": "spc", "\n": "ret", "-": "slash", ".": "dot", ",": "comma", "'": "minus",
                 "ñ": "semicolon", "<": "less"}
        shifted = {"/": "7", ":": "dot", ">": "less", "&": "6", "(": "8", ")": "9", "=": "0",
                   "_": "slash", ";": "comma", '"': "2", "!": "1", "$": "4"}
        third = {"@": "2", "€": "e", "|": "1", "#": "3"}
        for c in text:
            if c in third:
                self.press("alt_r", third[c])
            elif c in shifted:
                self.press("shift", shifted[c])
            elif c == "á":
                self.press("apostrophe")
                self.press("a")
            elif c.isupper():
                self.press("shift", c.lower())
            else:
                self.press(plain.get(c, c))
            pause(0.03)

    def wait_end(self, limit_s):
        try:
            self.process.wait(limit_s)
        except subprocess.TimeoutExpired:
            raise Failure(f"the guest did not power off within {limit_s} s") from None

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def identity():
    return {"type": "identity", "host_name": "clone-" + secrets.token_hex(3),
            "machine_id": secrets.token_hex(16), "seed": secrets.token_hex(32),
            "ssh_host_keys": True}


MARIA = {"type": "sign_on", "user": "maria", "unix_name": "maria", "uid": 23456,
         "full_name": "María Núñez", "locale": "es_ES.UTF-8", "keyboard": "es",
         "time_zone": "Europe/Madrid"}


def run_day(template, shots, times):
    """One clone from start to power-off."""
    with tempfile.TemporaryDirectory(prefix="zaguan-guest-") as work:
        guest = Guest(template, work)
        try:
            play(guest, shots, times)
        except Failure as failure:
            raise Failure(f"{failure}\nserial log:\n{guest.serial()}") from None
        finally:
            guest.stop()


def shot(guest, shots, name):
    if shots:
        guest.screen().save_png(shots / f"{guest.about['name']}-{name}.png")


def sign_on(guest, times):
    asked = time.monotonic()
    guest.session.send(**MARIA)
    answer = guest.wait_for("signed_on", 90)
    times["sign_on to signed_on"] = time.monotonic() - asked
    if answer["unix_name"] != "maria":
        raise Failure(f"signed on somebody else: {answer}")


def check_protocol(guest, me):
    """Bad lines are named and skipped; a repeated identity and a second hello are harmless."""
    guest.session.send_raw(b"{\"type\":\"nonsense\"}\n" + b"x" * 9000 + b"\n")
    for _ in range(2):
        message = guest.session.receive(time.monotonic() + 10)
        if message is None or message["type"] != "error" or message["code"] != "bad_message":
            raise Failure(f"a bad line was answered by {message}")
    guest.session.send(type="ping", n=7)
    if guest.wait_for("pong", 10)["n"] != 7:
        raise Failure("the pong does not match")
    guest.session.close()
    pause(0.5)  # QEMU's chardev takes one peer at a time
    guest.session = Lines(guest.work / "session")
    hello = guest.wait_for("hello", 10)
    if hello["identity"] != me["machine_id"] or hello["state"] != "identified":
        raise Failure(f"after a reconnect the helper says {hello}")
    guest.session.send(**me)
    guest.wait_for("identified", 10)


def check_resize(guest):
    """The console asks for another size as a viewer does, over VNC's SetDesktopSize."""
    vnc = socket.socket(socket.AF_UNIX)
    vnc.settimeout(10)
    vnc.connect(str(guest.work / "vnc"))
    read = vnc.makefile("rb")
    version = read.read(12)
    vnc.sendall(version)
    read.read(read.read(1)[0])
    vnc.sendall(b"\x01")
    read.read(4)
    vnc.sendall(b"\x01")
    size = read.read(24)
    read.read(int.from_bytes(size[20:24], "big"))
    vnc.sendall(b"\x02\0\0\x02" + (0).to_bytes(4, "big") + (-308 & 0xffffffff).to_bytes(4, "big"))
    vnc.sendall(b"\x03\0\0\0\0\0\0\x10\0\x10")
    screen = (0).to_bytes(4, "big") + b"\0\0\0\0" + (1440).to_bytes(2, "big") \
        + (900).to_bytes(2, "big") + b"\0\0\0\0"
    vnc.sendall(b"\xfb\0" + (1440).to_bytes(2, "big") + (900).to_bytes(2, "big") + b"\x01\0"
                + screen)
    try:
        guest.wait_screen(lambda p: (p.width, p.height) == (1440, 900), 20, "1440x900")
        while True:
            message = guest.wait_for("resized", 20)
            if (message["width"], message["height"]) == (1440, 900):
                return
    finally:
        vnc.close()


def play(guest, shots, times):
    me = identity()
    guest.wait_for("hello", 90)
    times["start to hello"] = guest.since_start()
    guest.session.send(type="hello", version=1)
    guest.session.send(**me)
    guest.wait_for("identified", 90)
    times["start to identified"] = guest.since_start()
    if guest.about["name"] == "debian-tiny" and times["start to identified"] > 60:
        raise Failure("debian-tiny takes longer than a minute to be identified")
    check_protocol(guest, me)
    waiting = guest.wait_screen(lambda p: p.share_of_commonest() > 0.95 and p.width == 1280, 20,
                                "the waiting screen")
    shot(guest, shots, "waiting")
    sign_on(guest, times)
    before = guest.wait_screen(lambda p: len(p.colours()) >= 3 and p.pixels != waiting.pixels, 30,
                               "a desktop")
    shot(guest, shots, "desktop")
    open_terminal(guest)
    guest.type("echo ñ á @ €; id; hostname; date\n")
    guest.wait_screen(lambda p: p.pixels != before.pixels, 20, "what was typed")
    guest.wait_still()
    shot(guest, shots, "typed")
    check_resize(guest)
    guest.wait_still()
    shot(guest, shots, "resized")
    asked = time.monotonic()
    guest.session.send(type="sign_off", grace_ms=2000)
    guest.wait_for("signed_off", 30)
    times["sign_off to signed_off"] = time.monotonic() - asked
    guest.wait_screen(lambda p: p.share_of_commonest() > 0.99, 20, "an empty screen")
    shot(guest, shots, "signed-off")
    guest.session.send(**{**MARIA, "unix_name": "pedro", "uid": 23457})
    message = guest.session.receive(time.monotonic() + 10)
    if message is None or message.get("code") != "used":
        raise Failure(f"a used clone answered a second person with {message}")
    guest.qmp.call("system_powerdown")
    asked = time.monotonic()
    guest.wait_end(40)
    times["power button to off"] = time.monotonic() - asked


PAPER = {b"\xf7\xf5\xee"}  # the terminal's background in both templates


def open_terminal(guest):
    """In debian-tiny the pointer over the terminal gives it the keyboard; debian-desktop opens one
    by key."""
    guest.wait_still()
    guest.move(0.3, 0.3)
    if guest.about["name"] != "debian-tiny":
        guest.press("ctrl", "alt", "t")
    guest.wait_screen(lambda p: p.share_of(PAPER) > 0.2, 60, "a terminal")
    guest.wait_still()


def built(name):
    """The template's folder in the cache, made when it is missing."""
    command = [TEMPLATE_BUILD, name]
    if "ZAGUAN_GUEST_HELPER" in os.environ:
        command += ["--helper", os.environ["ZAGUAN_GUEST_HELPER"]]
    key = subprocess.run(command + ["--key"], check=True, capture_output=True,
                         text=True).stdout.strip()
    folder = ROOT / ".cache/templates" / f"{name}-{key}"
    if not (folder / "template.json").exists():
        subprocess.run(command + ["--output", folder], check=True)
    return folder


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--template", type=pathlib.Path, help="a built template's folder")
    parser.add_argument("--full", action="store_true", help="debian-desktop too")
    parser.add_argument("--shots", type=pathlib.Path, help="where to keep screenshots")
    options = parser.parse_args()
    folders = [options.template] if options.template else [
        built(name) for name in ["debian-tiny"] + (["debian-desktop"] if options.full else [])]
    if options.shots:
        options.shots.mkdir(parents=True, exist_ok=True)
    for folder in folders:
        times = {}
        try:
            run_day(folder, options.shots, times)
            print(f"ok   {folder.name}")
        except Failure as failure:
            print(f"FAIL {folder.name}: {failure}")
            return 1
        finally:
            for what, seconds in times.items():
                print(f"     {what}: {seconds:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
