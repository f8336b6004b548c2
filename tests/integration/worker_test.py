#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real worker in its sandbox: control packets on descriptor 3, a scripted console, plain RFB viewers.

usage: worker_test.py ZAGUAN-DISPLAY RFB-CONSOLE
"""
import array
import contextlib
import json
import os
import select
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from painter import Painter, p99

PROGRAM, CONSOLE = None, None
DEADLINE_S = 20
RAW, EXTENDED_SIZE, QEMU_KEY = 0, -308, -258
FENCE, CONTINUOUS_UPDATES = -312, -313
TIGHT, H264, QUALITY_8 = 7, 50, -24
IDLE_KB_MOST = 4096  # dirty memory of an idle worker, beside its two pictures


def until(condition, what):
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        threading.Event().wait(0.02)
    raise AssertionError(f"not in time: {what}")


class Console:
    """rfb-console on a unix socket; its events are lines of a file."""

    def __init__(self, folder, name, *options):
        self.path, self.events_path = f"{folder}/{name}.sock", f"{folder}/{name}.events"
        self.process = subprocess.Popen([CONSOLE, "--unix", self.path, "--events", self.events_path,
                                         *options])

    def try_connect(self):
        stream = socket.socket(socket.AF_UNIX)
        try:
            stream.connect(self.path)
            return stream
        except OSError:
            stream.close()
            return None

    def connect(self):
        return until(self.try_connect, "the console's socket")

    def events(self):
        with open(self.events_path, encoding="utf-8") as file:
            return file.read().splitlines()

    def wait_event(self, line):
        until(lambda: line in self.events(), f"console event '{line}'")

    def end(self):
        self.process.kill()
        self.process.wait()


class Worker:
    """The program with its door."""

    def __init__(self):
        self.door, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.messages = []

        def move_door():
            os.dup2(far.fileno(), 3)
        self.log = tempfile.NamedTemporaryFile("r")
        with open(self.log.name, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen([PROGRAM, "--worker"], preexec_fn=move_door,
                                            pass_fds=[3], close_fds=True, stderr=log)
        far.close()
        self.door.settimeout(0.05)

    def send(self, stream=None, **fields):
        rights = []
        if stream is not None:
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [stream.fileno()]))]
        self.door.sendmsg([json.dumps(fields).encode()], rights)
        if stream is not None:
            stream.close()

    def poll(self):
        try:
            while True:
                packet = self.door.recv(65536)
                if not packet:
                    return
                self.messages.append(json.loads(packet))
        except TimeoutError:
            pass

    def wait(self, **fields):
        def found():
            self.poll()
            return next((m for m in self.messages
                         if all(m.get(k) == v for k, v in fields.items())), None)
        return until(found, f"message {fields}")

    def wait_log(self, word):
        until(lambda: any(word in line for line in self.log), f"'{word}' in the worker's log")

    def threads(self):
        """Their names, but for the one by which GLib starts others."""
        names = []
        for task in os.listdir(f"/proc/{self.process.pid}/task"):
            with open(f"/proc/{self.process.pid}/task/{task}/comm", encoding="ascii") as comm:
                names.append(comm.read().strip())
        return [name for name in names if name != "pool-spawner"]

    def dirty_kb(self):
        with open(f"/proc/{self.process.pid}/smaps_rollup", encoding="ascii") as lines:
            return next(int(l.split()[1]) for l in lines if l.startswith("Private_Dirty:"))

    def end(self):
        self.door.close()
        try:
            return self.process.wait(DEADLINE_S)
        finally:
            self.process.kill()


class Viewer:
    """RFB after security: ClientInit onwards, raw pixels."""

    def __init__(self, worker, name, view_only=False, state=None, size=None):
        self.stream, far = socket.socketpair()
        self.stream.settimeout(DEADLINE_S)
        fields = {"type": "viewer", "id": name, "start": "client-init", "view_only": view_only,
                  "label": "test"}
        if state is not None:
            fields["state"] = state
        worker.send(far, **fields)
        self.bells = 0
        if state is None:
            self.stream.sendall(b"\1")
            self.width, self.height = struct.unpack(">HH", self.read(4))
            self.read(16)
            self.title = self.read(struct.unpack(">I", self.read(4))[0])
            encodings = [RAW, EXTENDED_SIZE, QEMU_KEY]
            self.stream.sendall(struct.pack(">BxH", 2, len(encodings)) +
                                b"".join(struct.pack(">i", e) for e in encodings))
            self.request(False)
        else:
            self.width, self.height = size
        self.pixels = bytearray(self.width * self.height * 4)

    def read(self, n):
        data = b""
        while len(data) < n:
            part = self.stream.recv(n - len(data))
            if not part:
                raise EOFError
            data += part
        return data

    def request(self, incremental=True):
        with contextlib.suppress(BrokenPipeError):  # the last words are still to be read
            self.stream.sendall(struct.pack(">BBHHHH", 3, incremental, 0, 0, 65535, 65535))

    def step(self):
        kind = self.read(1)[0]
        if kind == 2:
            self.bells += 1
            return
        assert kind == 0, kind
        for _ in range(struct.unpack(">xH", self.read(3))[0]):
            x, y, w, h, encoding = struct.unpack(">HHHHi", self.read(12))
            if encoding == RAW:
                data = self.read(w * h * 4)
                for row in range(h):
                    at = ((y + row) * self.width + x) * 4
                    self.pixels[at:at + w * 4] = data[row * w * 4:(row + 1) * w * 4]
            elif encoding == EXTENDED_SIZE:
                self.read(4 + 16 * self.read(4)[0] - 4)
                if x != 1 or y == 0:
                    self.width, self.height = w, h
                    self.pixels = bytearray(w * h * 4)
            else:
                assert encoding == QEMU_KEY, encoding
        self.request()

    def step_if_any(self, seconds):
        if select.select([self.stream], [], [], seconds)[0]:
            self.step()

    def pixel(self, x, y):
        at = (y * self.width + x) * 4
        b, g, r = self.pixels[at:at + 3]
        return r << 16 | g << 8 | b

    def wait_pixel(self, x, y, colour):
        end = time.monotonic() + DEADLINE_S
        while (x >= self.width or y >= self.height or self.pixel(x, y) != colour):
            assert time.monotonic() < end, f"{x},{y} is {self.pixel(x, y):06x}"
            self.step()

    def key(self, down, keysym, scancode):
        self.stream.sendall(struct.pack(">BBHII", 255, 0, down, keysym, scancode))

    def wish_size(self, width, height):
        self.stream.sendall(struct.pack(">BxHHBx", 251, width, height, 1) +
                            struct.pack(">IHHHHI", 0, 0, 0, width, height, 0))

    def take_without_looking(self, n_bytes):
        """In the encodings of a stock viewer, the film's among them."""
        encodings = [TIGHT, H264, QUALITY_8]
        self.stream.sendall(struct.pack(">BxH", 2, len(encodings)) +
                            b"".join(struct.pack(">i", e) for e in encodings))
        while n_bytes > 0:
            self.request()
            n_bytes -= len(self.stream.recv(65536))

    def read_to_end(self):
        try:
            while True:
                self.step()
        except (EOFError, ConnectionError):
            pass


class DistantViewer(Viewer):
    """Takes updates unasked, reads so many bytes a second, and answers fences @late_s later."""

    def __init__(self, worker, name, late_s=0.0, bytes_per_s=None):
        super().__init__(worker, name)
        self.late_s, self.bytes_per_s, self.answers, self.n_updates = late_s, bytes_per_s, [], 0
        self.stream.sendall(struct.pack(">BxHiii", 2, 3, RAW, FENCE, CONTINUOUS_UPDATES) +
                            struct.pack(">BBHHHH", 150, 1, 0, 0, 65535, 65535))

    def read(self, n):
        data = super().read(n)
        if getattr(self, "bytes_per_s", None):
            threading.Event().wait(n / self.bytes_per_s)  # the link has so much to carry
        return data

    def request(self, incremental=True):
        if not hasattr(self, "answers"):
            super().request(incremental)

    def step(self):
        if self.stream.recv(1, socket.MSG_PEEK) == b"\xf8":
            flags, n = struct.unpack(">IB", self.read(9)[4:])
            fence = struct.pack(">BxxxIB", 248, flags & 0x7FFFFFFF, n) + self.read(n)
            self.answers.append((time.monotonic() + self.late_s, fence))
        elif self.stream.recv(1, socket.MSG_PEEK) == b"\x96":
            self.read(1)
        else:
            super().step()
            self.n_updates += 1

    def watch(self, ends):
        while not ends.is_set():
            self.step_if_any(0.005)
            while self.answers and self.answers[0][0] <= time.monotonic():
                self.stream.sendall(self.answers.pop(0)[1])


class SeldomViewer(Viewer):
    """Asks when it has drawn, which takes it long."""
    n_updates = 0

    def watch(self, ends):
        while not ends.wait(0.2):
            self.step()
            self.n_updates += 1


class WorkerCase(unittest.TestCase):
    """A worker that was started, and consoles to give it."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.worker = Worker()
        self.consoles = []
        self.worker.wait(type="ready", pid=self.worker.process.pid)
        self.worker.send(type="start", desktop="d" * 32, name="one", title="Desk", profile="lan")

    def tearDown(self):
        self.worker.end()
        for console in self.consoles:
            console.end()
        self.folder.cleanup()

    def console(self, *options):
        console = Console(self.folder.name, f"c{len(self.consoles)}", *options)
        self.consoles.append(console)
        return console

    def give_console(self, *options, epoch=1):
        console = self.console(*options)
        self.worker.send(console.connect(), type="console", epoch=epoch)
        return console


class WorkerTest(WorkerCase):
    def test_a_viewer_sees_the_console_and_types_into_it(self):
        console = self.give_console("--size", "640x480", "--pattern", "solid:123456")
        self.worker.wait(type="size", width=640, height=480)
        viewer = Viewer(self.worker, "a")
        self.assertEqual(viewer.title, b"Desk")
        viewer.wait_pixel(639, 479, 0x123456)
        self.worker.wait(type="first-frame", id="a")
        viewer.key(1, 0x61, 30)
        console.wait_event("key down 0x61 scancode 30")
        viewer.wait_pixel(600, 470, 0)  # the strip with what was typed

    def test_held_keys_and_buttons_are_released_when_the_viewer_goes(self):
        console = self.give_console("--size", "640x480", "--pattern", "solid:123456")
        viewer = Viewer(self.worker, "a")
        viewer.wait_pixel(0, 0, 0x123456)
        viewer.key(1, 0xFFE1, 42)
        viewer.stream.sendall(struct.pack(">BBHH", 5, 1, 10, 20))
        console.wait_event("pointer 10 20 1")
        viewer.stream.close()
        console.wait_event("key up 0xffe1 scancode 42")
        console.wait_event("pointer 10 20 0")
        self.worker.wait(type="viewer-gone", id="a")

    def test_a_viewer_that_only_looks_cannot_type_or_resize(self):
        console = self.give_console("--size", "640x480", "--pattern", "solid:123456")
        looker, typist = Viewer(self.worker, "a", view_only=True), Viewer(self.worker, "b")
        looker.wait_pixel(0, 0, 0x123456)
        typist.wait_pixel(0, 0, 0x123456)
        looker.key(1, 0x62, 48)
        looker.stream.sendall(struct.pack(">BxHHBx", 251, 500, 400, 1) + bytes(16))
        looker.stream.sendall(struct.pack(">BxH", 2, 1) + struct.pack(">i", RAW))  # is read after it
        typist.key(1, 0x63, 46)
        console.wait_event("key down 0x63 scancode 46")
        self.assertNotIn("key down 0x62 scancode 48", console.events())
        self.assertNotIn("size 500 400", console.events())

    def test_a_wished_size_reaches_the_console_and_all_viewers(self):
        console = self.give_console("--size", "640x480", "--pattern", "solid:123456")
        one, two = Viewer(self.worker, "a"), Viewer(self.worker, "b")
        one.wait_pixel(0, 0, 0x123456)
        two.wait_pixel(0, 0, 0x123456)
        one.wish_size(1000, 700)
        console.wait_event("size 1000 700")
        one.wait_pixel(999, 699, 0x123456)
        two.wait_pixel(999, 699, 0x123456)

    def test_of_many_wished_sizes_the_console_gets_few_and_the_last(self):
        console = self.give_console("--size", "640x480", "--pattern", "solid:123456")
        viewer = Viewer(self.worker, "a")
        viewer.wait_pixel(0, 0, 0x123456)
        begun = time.monotonic()
        for i in range(100):
            width, height = 300 + 4 * i, 200 + 4 * i
            viewer.wish_size(width, height)
        viewer.wait_pixel(width - 1, height - 1, 0x123456)
        sizes = [e for e in console.events() if e.startswith("size ")]
        self.assertLessEqual(len(sizes), 2 + 5 * (time.monotonic() - begun))
        self.assertEqual(sizes[-1], f"size {width} {height}")

    def test_the_picture_and_the_viewers_outlive_the_console(self):
        console = self.give_console("--size", "640x480", "--pattern", "solid:123456")
        viewer = Viewer(self.worker, "a")
        viewer.wait_pixel(0, 0, 0x123456)
        console.end()
        self.worker.wait(type="console-lost", epoch=1)
        late = Viewer(self.worker, "b")
        late.wait_pixel(639, 479, 0x123456)
        self.give_console("--size", "800x600", "--pattern", "solid:00ff00", epoch=2)
        viewer.wait_pixel(799, 599, 0x00FF00)
        late.wait_pixel(799, 599, 0x00FF00)

    def test_a_console_that_breaks_the_protocol_is_given_up_with_a_reason(self):
        for how, word in (("version", "3.8"), ("security", "password"), ("huge", "size"),
                          ("outside", "outside"), ("encoding", "offered")):
            self.worker.messages.clear()
            self.give_console("--misbehave", how, "--pattern", "solid:000000")
            lost = self.worker.wait(type="console-lost")
            self.assertIn(word, lost["reason"], how)

    def test_a_cut_viewer_is_told_and_closed_and_others_stay(self):
        self.give_console("--size", "640x480", "--pattern", "solid:123456")
        viewer, other = Viewer(self.worker, "a"), Viewer(self.worker, "b")
        viewer.wait_pixel(0, 0, 0x123456)
        other.wait_pixel(0, 0, 0x123456)
        self.worker.send(type="cut", id="a", reason="taken-over", text="Opened at another terminal")
        viewer.read_to_end()
        self.assertEqual(viewer.bells, 1)
        self.assertTrue(any(viewer.pixel(x, 240) == 0xFFFFFF for x in range(640)), "no text was drawn")
        self.worker.wait(type="viewer-gone", id="a", reason="taken-over")
        other.key(1, 0x61, 30)
        other.wait_pixel(600, 470, 0)

    def test_a_viewer_goes_on_at_another_worker(self):
        self.give_console("--size", "640x480", "--pattern", "solid:123456")
        viewer = Viewer(self.worker, "a")
        viewer.wait_pixel(0, 0, 0x123456)
        viewer.key(1, 0xFFE3, 29)
        self.worker.send(type="export", id="a")
        state = self.worker.wait(type="state", id="a")["state"]
        self.assertTrue(state)
        self.worker.wait(type="viewer-gone", id="a", reason="exported")
        second = Worker()
        try:
            console = self.console("--size", "640x480", "--pattern", "solid:445566")
            second.send(console.connect(), type="console", epoch=1)
            second.wait(type="size", width=640)
            moved = Viewer(second, "a", state=state, size=(640, 480))
            moved.request()
            moved.wait_pixel(320, 240, 0x445566)
            moved.stream.close()
            console.wait_event("key up 0xffe3 scancode 29")
        finally:
            second.end()

    def test_the_encode_thread_comes_with_the_first_large_update(self):
        self.give_console("--size", "128x128", "--pattern", "solid:123456")
        self.worker.wait(type="size", width=128)
        viewer = Viewer(self.worker, "a")
        viewer.wait_pixel(127, 127, 0x123456)
        self.assertEqual(len(self.worker.threads()), 1)
        self.give_console("--size", "640x480", "--pattern", "solid:654321", epoch=2)
        viewer.wait_pixel(639, 479, 0x654321)
        self.assertEqual(len(self.worker.threads()), 2, self.worker.threads())

    def test_an_idle_worker_is_small_also_after_a_burst(self):
        pictures_kb = 2 * 1280 * 800 * 4 // 1024
        self.give_console("--size", "1280x800", "--pattern", "noise", "--fps", "20")
        viewer = Viewer(self.worker, "a")
        viewer.take_without_looking(12_000_000)
        self.assertGreater(self.worker.dirty_kb(), pictures_kb)
        self.give_console("--size", "1280x800", "--pattern", "text", epoch=2)
        until(lambda: self.worker.dirty_kb() - pictures_kb <= IDLE_KB_MOST,
              "memory given back after a burst")
        viewer.stream.close()

    def test_a_hundred_sizes_in_a_second_are_survived(self):
        sizes = [(320 + 16 * (i * 37 % 60), 240 + 8 * (i * 53 % 70)) for i in range(99)]
        options = [f"--resize={1000 + 10 * i}:{w}x{h}" for i, (w, h) in enumerate(sizes)]
        self.give_console("--size", "640x480", "--pattern", "solid:123456", *options,
                          "--resize=2000:1000x700")
        viewers = [Viewer(self.worker, name) for name in "ab"]
        n_seen = 0
        while viewers[0].width != 1000 or viewers[0].height != 700:
            size = viewers[0].width, viewers[0].height
            viewers[0].step()
            n_seen += size != (viewers[0].width, viewers[0].height)
        self.assertGreater(n_seen, 3)
        for viewer in viewers:
            viewer.wait_pixel(999, 699, 0x123456)
        self.assertIsNone(self.worker.process.poll())

    def latencies(self, painter, viewer, n):
        """Of @n frames, from shown by the console to decoded by the viewer."""
        taken = []
        for _ in range(n):
            number, begun = painter.show()
            viewer.wait_pixel(viewer.width - 1, viewer.height - 1, number)
            taken.append(time.monotonic() - begun)
        return taken

    def painter(self, worker, width=640, height=480):
        ours, far = socket.socketpair()
        worker.send(far, type="console", epoch=1)
        return Painter(ours, width, height)

    def test_a_viewer_that_stops_reading_does_not_slow_its_neighbours(self):
        other_worker = Worker()
        self.addCleanup(other_worker.end)
        desks = []
        for worker in (self.worker, other_worker):
            painter = self.painter(worker)
            worker.wait(type="size", width=640)
            desks.append((painter, Viewer(worker, "a")))
            self.latencies(*desks[-1], 10)
        before = [p99(self.latencies(*desk, 200)) for desk in desks]
        stopped = Viewer(self.worker, "b")
        for _ in range(50):
            stopped.request()
        self.latencies(*desks[0], 10)
        after = [p99(self.latencies(*desk, 200)) for desk in desks]
        for was, now in zip(before, after):
            self.assertLess(now, 2 * was + 0.005)
        self.assertGreater(self.worker.wait(type="stats", id="b")["queued_bytes"], 0)

    def test_stats_tell_rtt_rate_fps_and_what_is_slow(self):
        scenes = {"distant": ("clock", 10, DistantViewer, {"late_s": 0.06}),
                  "slow": ("noise", 20, DistantViewer, {"bytes_per_s": 1_000_000}),
                  "seldom": ("noise", 20, SeldomViewer, {})}
        stats, seen, ends, watched = {}, {}, threading.Event(), []
        for name, (pattern, fps, kind, options) in scenes.items():
            worker = Worker()
            self.addCleanup(worker.end)
            console = self.console("--size", "320x200", "--pattern", pattern, "--fps", str(fps))
            worker.send(console.connect(), type="console", epoch=1)
            worker.wait(type="size", width=320)
            viewer = kind(worker, "a", **options)
            watched.append((name, worker, viewer,
                            threading.Thread(target=viewer.watch, args=(ends,))))
        try:
            for _, _, _, watcher in watched:
                watcher.start()
            for name, worker, viewer, _ in watched:  # a whole period of each
                worker.wait(type="stats", id="a")
                worker.messages.clear()
                seen[name] = (time.monotonic(), viewer.n_updates)
            for name, worker, viewer, _ in watched:
                stats[name] = worker.wait(type="stats", id="a")
                begun, n_updates = seen[name]
                seen[name] = (viewer.n_updates - n_updates) / (time.monotonic() - begun)
        finally:
            ends.set()
            for _, _, _, watcher in watched:
                watcher.join()
        for name in scenes:
            self.assertAlmostEqual(stats[name]["fps"], seen[name], delta=2.5, msg=name)
        self.assertGreaterEqual(stats["distant"]["rtt_us"], 60000)
        self.assertLess(stats["distant"]["rtt_us"], 120000)
        self.assertGreater(stats["distant"]["fps"], 5)
        self.assertEqual(stats["slow"]["bottleneck"], "link")
        self.assertLess(stats["slow"]["rate_kbit"], 2 * 8000)
        self.assertGreater(stats["slow"]["rate_kbit"], 8000 / 4)
        self.assertEqual(stats["seldom"]["bottleneck"], "viewer")
        self.assertLess(stats["seldom"]["fps"], 6)

    def test_a_viewer_that_stops_reading_costs_a_megabyte(self):
        painter = self.painter(self.worker, 1280, 800)
        self.worker.wait(type="size", width=1280)
        reader = Viewer(self.worker, "a")
        self.latencies(painter, reader, 10)
        before_kb, names = self.worker.dirty_kb(), "bcde"
        stopped = [Viewer(self.worker, name) for name in names]
        for _ in range(20):
            for viewer in stopped:
                viewer.request()
            self.latencies(painter, reader, 1)
        until(lambda: self.worker.dirty_kb() - before_kb < len(names) * (1024 + 128),
              "only what is held for them, once the encoder's memory is given back")
        for name in names:
            queued = self.worker.wait(type="stats", id=name)["queued_bytes"]
            self.assertGreater(queued, 256 * 1024)
            self.assertLessEqual(queued, 1024 * 1024)

    def test_another_profile_holds_at_once_and_stats_tell_what_is_sent(self):
        self.give_console("--size", "640x480", "--pattern", "film", "--fps", "10")
        viewer = Viewer(self.worker, "a")
        ends = threading.Event()

        def watch():
            while not ends.is_set():
                viewer.take_without_looking(1)
        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            stats = self.worker.wait(type="stats", id="a")
            self.assertEqual(stats["encodings"][0], "tight")
            self.assertTrue({"jpeg", "h264"} & set(stats["encodings"]), stats)
            self.worker.send(type="start", desktop="d" * 32, title="Desk", profile="lossless")
            self.worker.wait(type="stats", encodings=["tight"])
        finally:
            ends.set()
            watcher.join()

    def test_stop_and_the_end_of_the_door_end_the_worker(self):
        self.worker.send(type="stop")
        self.assertEqual(self.worker.process.wait(DEADLINE_S), 0)
        other = Worker()
        other.wait(type="ready")
        self.assertEqual(other.end(), 0)

    def test_an_order_that_is_not_one_ends_the_worker(self):
        self.worker.send(type="viewer", id=5)
        self.assertEqual(self.worker.process.wait(DEADLINE_S), 0)


if __name__ == "__main__":
    PROGRAM, CONSOLE = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1], verbosity=2)
