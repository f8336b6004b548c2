#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""./tools/bench display, short: every scene with Zaguan, one scene with every server; argv: run.py, the build folder."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

RUN, BUILD = "", ""


def bench(*words):
    """Return: the finished run, its rows."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "rows")
        done = subprocess.run([sys.executable, RUN, BUILD, "--jsonl", out, *words], capture_output=True, text=True,
                              timeout=170, check=False)
        with open(out, encoding="utf-8") as lines:
            return done, list(map(json.loads, lines))


class ScenesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.run_, rows = bench("--quick")
        cls.rows = {row["scene"]: row for row in rows}

    def test_every_scene_was_measured(self):
        self.assertEqual(self.run_.returncode, 0, self.run_.stderr)
        self.assertEqual(sorted(self.rows),
                         ["drag", "film", "idle", "scroll", "switch", "terminal", "type", "web"])

    def test_the_picture_arrives_and_becomes_exact(self):
        for scene, row in self.rows.items():
            with self.subTest(scene=scene):
                self.assertGreater(row["bytes"], 0)
                self.assertGreater(row["cpu_s"], 0)
                self.assertGreater(row["p50_ms"], 0)
                self.assertGreaterEqual(row["p99_ms"], row["p50_ms"])
                self.assertGreaterEqual(row["seen"], row["frames"] // 3)
                self.assertGreaterEqual(row["exact_ms"], 0, "the picture never became exact")
                self.assertGreaterEqual(row["psnr_db"], 38)

    def test_moves_are_not_sent_as_pixels(self):
        # A scrolled screen has 1280x736 pixels; a page that only moves costs a few kilobytes.
        for scene in ("scroll", "terminal"):
            self.assertLess(self.rows[scene]["bytes"] / self.rows[scene]["seen"], 40000, scene)

    def test_text_is_exact_at_once(self):
        for scene in ("type", "terminal", "idle"):
            self.assertEqual(self.rows[scene]["psnr_db"], 99, scene)


class ServersTest(unittest.TestCase):
    """A terminal's 30 frames by each server; tools/install-packages bench has them all."""

    @classmethod
    def setUpClass(cls):
        cls.run_, rows = bench("--scenes", "terminal", "--share", "5")
        cls.rows = {row["server"]: row for row in rows}

    def test_every_server_was_measured(self):
        self.assertEqual(self.run_.returncode, 0, self.run_.stderr)
        self.assertEqual(sorted(self.rows),
                         ["libvncserver-tight", "libvncserver-zrle", "qemu-tight", "qemu-zrle", "x11vnc", "xvnc-tight",
                          "xvnc-websockify", "xvnc-zrle", "zaguan", "zaguan-front", "zaguan-lossless", "zaguan-own"])

    def test_each_showed_the_scene_and_used_a_processor(self):
        for server, row in self.rows.items():
            with self.subTest(server=server):
                self.assertNotIn("error", row)
                self.assertEqual(row["frames"], 30)
                self.assertGreater(row["seen"], 3)
                self.assertGreater(row["bytes"] / row["seen"], 500)
                self.assertGreater(row["cpu_s"], 0)
                self.assertGreater(row["p50_ms"], 0)

    def test_whoever_is_exact_becomes_exact(self):
        exact = [name for name, row in self.rows.items() if row["lossless"] or name.startswith("zaguan")]
        self.assertEqual(len(exact), 7)
        for server in exact:
            self.assertGreaterEqual(self.rows[server]["exact_ms"], 0, server)

    def test_our_own_encoding_is_what_its_rows_measure(self):
        tight = self.rows["zaguan"]["bytes"]
        for server in ("zaguan-own", "zaguan-front"):
            self.assertLess(self.rows[server]["bytes"], 0.9 * tight, server)

    def test_what_is_in_between_is_counted(self):
        for server, row in self.rows.items():
            between = server in ("zaguan-front", "xvnc-websockify")
            self.assertEqual(row["cpu_way_s"] > 0, between, server)
            self.assertGreater(row["cpu_s"], row["cpu_way_s"], server)


if __name__ == "__main__":
    RUN, BUILD = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1], verbosity=2)
